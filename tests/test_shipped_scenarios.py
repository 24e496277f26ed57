"""The other shipped scenarios, a few intervals of each, recomputed as an outsider would (see `outsider.py`)."""

from pathlib import Path

import pytest

import outsider
from outsider import BALANCE, GAP, LEVEL_KWH, ROUNDING_KW

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scenario", ["network1_electric", "schutterwald_winter", "schutterwald_summer"])
def test_other_shipped_scenarios_balance_and_are_optimal(scenario: str, tmp_path: Path) -> None:
    """Optimality of the first and the last of them; `python tests/outsider.py RESULTS` does so for a whole run."""
    results = outsider.run(scenario, tmp_path / scenario, "--steps", "4")
    energy, money = outsider.energy_errors(results), outsider.money_errors(results)
    assert (energy["error_kw"] <= BALANCE * energy["total_kw"] + ROUNDING_KW).all()
    assert (money["error"] <= BALANCE * money["turnover"]).all()
    assert outsider.level_errors(results).max() <= LEVEL_KWH
    table = outsider.gaps(results, every=3)
    assert len(table) == 2
    assert table["cost_above_optimum"].max() <= GAP
    assert table["bound_below_optimum"].min() >= -BALANCE

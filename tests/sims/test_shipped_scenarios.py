"""The other shipped scenarios, a few intervals of each, recomputed as an outsider would (see `outsider.py`)."""

from pathlib import Path

import pytest

import declared
import outsider
from outsider import BALANCE, GAP, LEVEL_KWH, ROUNDING_KW

pytestmark = [pytest.mark.slow, pytest.mark.once]


def test_a_missed_forecast_leaves_all_of_it_true(tmp_path: Path) -> None:
    """A flexible load whose forecast is another one's profile."""
    options = ["--no-report", "--steps", "4", "--set", "profiles.load_a.forecast_column=load_b_kw"]
    results = outsider.run("network1", tmp_path / "missed", *options)
    loads = results["inputs"].query("prosumer == 'A' and quantity == 'demand_kw'")
    assert (loads["forecast"] != loads["realised"]).any()
    energy = outsider.energy_errors(results)
    assert (energy["error_kw"] <= BALANCE * energy["total_kw"] + ROUNDING_KW).all()
    table = outsider.gaps(results)
    assert table["cost_above_optimum"].max() <= GAP
    assert table["bound_below_optimum"].min() >= -BALANCE


def test_energy_that_nobody_can_supply_is_told(tmp_path: Path) -> None:
    results = outsider.run(
        "network1_electric", tmp_path / "short", "--no-report", "--steps", "2", "--set", "tariffs.grid.import_max_kw=3"
    )
    assert results.summary["unserved_kwh"]["electricity"] > 1.0
    assert outsider.gaps(results)["cost_above_optimum"].max() <= GAP


@pytest.mark.parametrize(
    ("scenario", "steps"),
    [
        *(("all_devices", 4), ("network1_electric", 4), ("network2", 4), ("bus69", 4)),
        # An interval of the village takes longer than a run of the others.
        *(("schutterwald_winter", 2), ("schutterwald_summer", 2)),
    ],
)
def test_other_shipped_scenarios_balance_and_are_optimal(scenario: str, steps: int, tmp_path: Path) -> None:
    """Optimality of the first of them; `python benchmarks/scenarios.py` checks the whole runs."""
    results = outsider.run(scenario, tmp_path / scenario, "--steps", str(steps))
    assert declared.faults(tmp_path / scenario) == []
    energy, money = outsider.energy_errors(results), outsider.money_errors(results)
    assert (energy["error_kw"] <= BALANCE * energy["total_kw"] + ROUNDING_KW).all()
    assert (money["error"] <= BALANCE * money["turnover"]).all()
    assert outsider.level_errors(results).max() <= LEVEL_KWH
    table = outsider.gaps(results, every=steps)
    assert len(table) == 1
    assert table["cost_above_optimum"].max() <= GAP
    assert table["bound_below_optimum"].min() >= -BALANCE

"""Export prices at or above import prices: no meter counts both ways at once, members may import for each other.

Beside the market stands a mixed-integer programme of the test's own.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaik_p2p import run
from mosaik_p2p.errors import Status
from mosaik_p2p.loading import examine
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.imbalance import solvable
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.results.accounts.arbitrage import power_kw
from mosaik_p2p.results.report.terminal import render
from mosaik_p2p.results.store.parts import read_table
from own_programme import House, least_cost, market_of

GAP = 1e-3
FOUND = 1e-2
"""Of the scale: what a search that ends early may miss of the best directions; it misses less where it can be said."""
BOTH_KW = 1e-3


def houses(seed: int, count: int, *, horizon: int = 4) -> list[House]:
    """Random houses whose utility at times pays more for a kWh than it takes."""
    rng = np.random.default_rng(seed)
    base = rng.uniform(0.2, 0.4, horizon)
    return [
        House(
            load=rng.uniform(0, 12, horizon),
            sun=rng.uniform(0, 25, horizon) * (rng.random() < 0.7),
            generator=(rng.uniform(0, 10), rng.uniform(0.1, 0.4)),
            battery=(rng.uniform(0, 8), rng.uniform(5, 20)) if rng.random() < 0.6 else (0.0, 0.0),
            buys=base + rng.uniform(0, 0.1, horizon),
            sells=base + rng.uniform(-0.1, 0.12, horizon),
            contract_kw=(20.0, 15.0),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize(("seed", "count"), [(2, 4), (3, 4), (4, 3), (5, 3), (8, 3), (9, 2)])
def test_the_market_is_that_of_a_mixed_integer_programme(seed: int, count: int) -> None:
    district = houses(seed, count)
    assert any((house.sells >= house.buys).any() for house in district)
    charge = (0.0, 0.03)[seed % 2]
    right, problem = least_cost(district, charge=charge), market_of(district, charge=charge)
    found = clear(problem, Settings(relative_gap=GAP, binding=4))
    scale = max(abs(found.cost), abs(right.cost))
    assert found.status in (Status.OK, Status.GAP_OPEN)
    # What is certified holds, and what is found is what there is.
    assert found.lower_bound <= right.cost + 1e-4 * scale
    assert right.cost - 1e-4 * scale <= found.cost <= right.cost + FOUND * scale
    for model, done in zip(problem.models, found.dispatch, strict=True):
        rows = {v.role: k for k, v in enumerate(model.variables) if v.type == "contract"}
        assert float(np.minimum(done.x[rows["import"]], done.x[rows["export"]]).max()) < BOTH_KW
    for t, trades in enumerate((found.trades, *found.later_trades)):
        assert trades[0].net_sale(count) == pytest.approx(found.sale_kw[0, t], abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_alone_everyone_does_the_best_that_one_meter_allows(seed: int) -> None:
    district = houses(seed, 1)
    fleet = Fleet(solvable(market_of(district, charge=0.0)))
    right = least_cost(district, charge=0.0, with_peers=False)
    assert float(fleet.alone.cost[0]) == pytest.approx(right.cost, abs=1e-4 * max(1.0, abs(right.cost)))


def test_net_metering_is_no_arbitrage() -> None:
    """Equal prices: nothing is earned by counting both ways, and nobody does."""
    district = [
        House(h.load, h.sun, h.generator, h.battery, h.buys, h.buys.copy(), h.contract_kw) for h in houses(11, 3)
    ]
    right, problem = least_cost(district, charge=0.02), market_of(district, charge=0.02)
    found = clear(problem, Settings(relative_gap=GAP))
    assert found.status is Status.OK
    assert found.cost == pytest.approx(right.cost, abs=2 * GAP * abs(right.cost))
    for model, done in zip(problem.models, found.dispatch, strict=True):
        rows = {v.role: k for k, v in enumerate(model.variables) if v.type == "contract"}
        assert float(np.minimum(done.x[rows["import"]], done.x[rows["export"]]).max()) < BOTH_KW


PAYS_MORE = (
    "time.start=2017-03-28T11:00:00+01:00",
    "time.steps=1",
    "time.horizon_steps=2",
    "market.relative_gap=0.05",
    "tariffs.grid.export_per_kwh=0.9",
    "tariffs.grid.export_max_kw=60",
    "tariffs.grid.import_max_kw=90",
)


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize(
    "more", [(), ("negotiation.enabled=true",), ("time.clearing=day_ahead", "time.steps=2")], ids=str
)
def test_a_run_reports_what_members_import_for_each_other(tmp_path: Path, more: tuple[str, ...]) -> None:
    outcome = run("network1_electric", out=tmp_path / "out", overrides=(*PAYS_MORE, *more), progress=False)
    assert outcome.summary["complete"]
    rows = read_table(outcome.folder, "prosumers")
    assert not ((rows["import_kw"] > BOTH_KW) & (rows["export_kw"] > BOTH_KW)).any()
    alone = read_table(outcome.folder, "alone")
    assert not ((alone["import_kw"] > BOTH_KW) & (alone["export_kw"] > BOTH_KW)).any()
    # One price each: as much as is both imported and exported in an hour.
    by_hour = rows.groupby("time")[["import_kw", "export_kw"]].sum().min(axis=1)
    told = outcome.summary["arbitrage_kwh"]["electricity"]
    assert told == pytest.approx(float(by_hour.sum()), rel=1e-9)
    assert told > 1.0
    assert "Imported by members for others to export" in render(outcome.summary)
    page = (outcome.folder / "report.html").read_text(encoding="utf-8")
    assert "No meter counts both ways at once" in page


def test_the_usual_tariff_has_no_word_of_it(tmp_path: Path) -> None:
    outcome = run("network1_electric", out=tmp_path / "out", overrides=PAYS_MORE[:3], progress=False, report=False)
    assert outcome.summary["arbitrage_kwh"] == {"electricity": 0.0}
    assert "for others to export" not in render(outcome.summary)


def test_the_best_paid_exports_stand_beside_the_cheapest_imports() -> None:
    frame = pd.DataFrame(
        {
            "import_kw": [5.0, 10.0, 0.0, 0.0],
            "import_price_per_kwh": [0.30, 0.10, 0.20, 0.20],
            "export_kw": [0.0, 0.0, 4.0, 20.0],
            "export_price_per_kwh": [0.05, 0.05, 0.35, 0.25],
        }
    )
    # 4 kW of the cheap import leave at 0.35, its other 6 kW at 0.25; the dear one is worth 0.30 > 0.25 to nobody.
    assert power_kw(frame) == pytest.approx(10.0)


def test_such_a_tariff_is_warned_of_and_accepted() -> None:
    found = examine("network1_electric", PAYS_MORE)
    assert not found.faults
    (warning,) = [w for w in found.warnings if w.place == "tariffs.grid.export_per_kwh"]
    assert "is not below the import price" in warning.problem
    assert "Members may then import for others to export" in warning.remedy


def test_the_least_trade_keeps_the_way_that_each_meter_goes() -> None:
    """A imports 20 kW at 0.30, half of them for B, which exports 10 at 0.45: 1.50. Were both ways open while trades are
    told, the dearer meter would seem to be the better one to import with."""
    hour = np.ones(1)
    prices = ((0.30, 0.50), (0.35, 0.45))
    district = [
        House(5.0 * hour, 0.0 * hour, (0.0, 0.0), (0.0, 0.0), buys * hour, sells * hour, (20.0, 20.0))
        for buys, sells in prices
    ]
    found = clear(market_of(district, charge=0.0), Settings(relative_gap=GAP))
    assert least_cost(district, charge=0.0).cost == pytest.approx(1.5, abs=1e-6)
    assert found.cost == pytest.approx(1.5, abs=1e-3)
    assert found.sale_kw[0, 0] == pytest.approx([15.0, -15.0], abs=1e-3)

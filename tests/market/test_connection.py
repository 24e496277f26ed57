"""Limits of a connection: of net sale + export - import, in the market and alone, in all forms, for both carriers."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import made_scenario
from markets import equipped_market
from mosaik_p2p import run
from mosaik_p2p.devices.kinds.fixed_load import FixedLoad
from mosaik_p2p.devices.kinds.pv import Pv
from mosaik_p2p.errors import Status
from mosaik_p2p.loading import check, load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.negotiation.constrained_clearing import clear_constrained, connected
from mosaik_p2p.market.negotiation.limits import Limits
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.prosumers.prosumer import Contract, Prosumer
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.sections.series import Series
from own_programme import House, least_cost, market_of

GAP = 1e-5
KW = 1e-4
NOON = ("time.start=2017-03-28T10:00:00+01:00", "time.steps=3", "time.horizon_steps=8")


def houses(seed: int, *, horizon: int = 6) -> list[House]:
    """Random houses, half of them with a connection that is too small for them."""
    rng = np.random.default_rng(seed)
    return [
        House(
            load=rng.uniform(0, 12, horizon),
            sun=rng.uniform(0, 25, horizon) * (rng.random() < 0.7),
            generator=(rng.uniform(0, 10), rng.uniform(0.1, 0.4)),
            battery=(rng.uniform(0, 8), rng.uniform(5, 20)) if rng.random() < 0.6 else (0.0, 0.0),
            buys=rng.uniform(0.25, 0.4, horizon),
            sells=rng.uniform(0.02, 0.2, horizon),
            contract_kw=(60.0, 40.0),
            connection_kw=((-14.0, rng.uniform(1, 8)), (None, 3.0), (-13.0, None), None)[int(rng.integers(4))],
        )
        for _ in range(int(rng.integers(2, 6)))
    ]


@pytest.mark.parametrize("seed", range(4))
def test_what_a_dispatch_misses_is_what_the_matrix_of_the_equations_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    every = (*equipped_market(3, seed, horizon=12, dt_h=0.25).models, *market_of(houses(seed), charge=0.0).models)
    assert any(model.connections for model in every)
    for model in every:
        matrix, right = model.equations
        x = rng.uniform(0.0, 10.0, model.lower.shape)
        amiss = np.abs(matrix @ x.ravel() - right)
        energies = len(model.storages) * model.horizon
        wanted = float(amiss[:energies].sum()) + model.dt_h * float(amiss[energies:].sum())
        assert model.missed_by(x) == pytest.approx(wanted, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_every_form_finds_the_optimum_of_a_programme_of_our_own(seed: int) -> None:
    district = houses(seed)
    charge = (0.0, 0.03)[seed % 2]
    problem, right = market_of(district, charge=charge), least_cost(district, charge=charge)
    free = least_cost([replace(house, connection_kw=None) for house in district], charge=charge)
    assert any(model.connections for model in problem.models) == any(house.connection_kw for house in district)
    for form in ("auto", "bilateral", "partners"):
        found = clear(problem, Settings(form=form, relative_gap=GAP))
        assert found.status is Status.OK
        assert found.cost == pytest.approx(right.cost, abs=2 * GAP * max(abs(right.cost), abs(free.cost)) + 1e-4), form
        for n, house in enumerate(district):
            model, x = problem.models[n], found.dispatch[n].x
            rows = {(v.type, v.role): k for k, v in enumerate(model.variables)}
            fed = found.sale_kw[0, :, n] + x[rows["contract", "export"]] - x[rows["contract", "import"]]
            low, high = house.connection_kw or (None, None)
            assert low is None or (fed >= low - KW).all()
            assert high is None or (fed <= high + KW).all()
    if seed in (0, 1, 2):
        assert right.cost > free.cost + 0.01, "a limit binds"


def test_limits_that_nothing_reaches_cost_no_solver() -> None:
    wide = [replace(house, connection_kw=(-100.0, 100.0)) for house in houses(1)]
    assert not any(model.connections for model in market_of(wide, charge=0.0).models)
    (narrow,) = market_of([replace(wide[0], connection_kw=(-100.0, 1.0))], charge=0.0).models
    assert [connection.c for connection in narrow.connections] == [0]


def one_house(load_kw: float, sun_kw: float, *, realised_kw: float | None = None, **connection: float) -> RollingMarket:
    """A house alone with a contract of 200 kW, for one hour."""
    hour = np.zeros(1)
    load = Series(hour + load_kw, hour + (load_kw if realised_kw is None else realised_kw))
    devices = (FixedLoad("load", "electricity", load), Pv("pv", Series(hour + sun_kw, hour + sun_kw), 0.0))
    contract = Contract("grid", "electricity", hour + 0.3, hour + 0.1, 200.0, 200.0)
    limits = {"electricity": (connection.get("min_kw"), connection.get("max_kw"))}
    prosumer = Prosumer("A", 0, None, 1.0, devices, (contract,), limits)
    problem = market_of(houses(0, horizon=1), charge=0.0)
    charges = tuple(replace(c, posted=np.zeros((1, 1)), tree=None) for c in problem.charges)
    day = np.zeros(1, dtype=np.int64)
    return RollingMarket(MarketCase((prosumer,), charges, day, 1.0, 1, 1, Settings(), "stop"))


@pytest.mark.parametrize("table", ["prosumers", "alone"])
@pytest.mark.parametrize(
    ("load_kw", "sun_kw", "limits", "imported", "exported", "imbalance"),
    [
        (4.0, 30.0, {"max_kw": 10.0}, 0.0, 10.0, 0.0),
        (40.0, 0.0, {"min_kw": -30.0}, 30.0, 0.0, -10.0),
        (40.0, 0.0, {"max_kw": 10.0}, 40.0, 0.0, 0.0),
        (4.0, 30.0, {"min_kw": -30.0}, 0.0, 26.0, 0.0),
    ],
)
def test_a_contract_alone_does_not_get_past_the_connection(
    table: str,
    load_kw: float,
    sun_kw: float,
    limits: dict[str, float],
    imported: float,
    exported: float,
    imbalance: float,
) -> None:
    found = one_house(load_kw, sun_kw, **limits).clear(0).tables[table]
    assert found["import_kw"] == pytest.approx([imported], abs=KW)
    assert found["export_kw"] == pytest.approx([exported], abs=KW)
    assert found["imbalance_kw"] == pytest.approx([imbalance], abs=KW)


def test_what_a_forecast_misses_does_not_get_past_it_either() -> None:
    found = one_house(25.0, 0.0, realised_kw=50.0, min_kw=-30.0).clear(0).tables["prosumers"]
    assert found["import_kw"] == pytest.approx([30.0], abs=KW)
    assert found["imbalance_kw"] == pytest.approx([-20.0], abs=KW)


LIMITS = (
    "prosumers.A.connection={electricity={min_kw=-20, max_kw=8}}",
    "prosumers.C.connection={electricity={max_kw=5}, heat={max_kw=3, min_kw=-6}}",
)


@pytest.mark.parametrize("clearing", ["rolling", "day_ahead"])
def test_a_run_keeps_them_with_and_without_peers(tmp_path: Path, clearing: str) -> None:
    blocks = ("time.horizon_steps=3",) if clearing == "day_ahead" else ()
    overrides = (*NOON, *LIMITS, f"time.clearing={clearing}", *blocks, 'settlement.through_networks=["nobody"]')
    folder = run("network1", out=tmp_path / "out", overrides=overrides, progress=False, report=False).folder
    fed_kw = {}
    for table in ("prosumers", "alone"):
        rows = read_table(folder, table)
        sold = rows["net_sale_kw"] if table == "prosumers" else 0.0
        rows["fed"] = sold + rows["export_kw"] - rows["import_kw"]
        fed = {key: group["fed"] for key, group in rows.groupby(["prosumer", "carrier"])}
        for key, low, high in ((("A", "electricity"), -20, 8), (("C", "electricity"), None, 5), (("C", "heat"), -6, 3)):
            assert low is None or (fed[key] >= low - KW).all(), (table, key)
            assert (fed[key] <= high + KW).all(), (table, key)
        fed_kw[table] = float(fed["A", "electricity"].max())
    # Without them A feeds in 20 kW and C more than 40.
    assert fed_kw == {"prosumers": pytest.approx(8.0, abs=KW), "alone": pytest.approx(8.0, abs=KW)}


def test_negotiated_and_pinned_injections_keep_them() -> None:
    overrides = (*NOON[:1], "time.steps=1", "time.horizon_steps=4", "negotiation.enabled=true")
    case = load("network1_electric", (*overrides, *LIMITS[:1]))
    market = RollingMarket(market_case(case))
    problem = with_imbalance_priced(market.problem(0))
    ready = connected(market.problem(0))
    limited = clear_constrained(ready, Limits(()), Settings(relative_gap=GAP), alone=Fleet(ready).alone)
    plain = clear(problem, Settings(relative_gap=GAP))
    assert limited.clearing.cost == pytest.approx(plain.cost, rel=1e-3)
    assert limited.injection_kw[0, 0, 0] <= 8.0 + KW


@pytest.mark.parametrize(
    ("connection", "problem"),
    [
        ("{electricity={min_kw=5}}", "min_kw"),
        ("{electricity={max_kw=-5}}", "max_kw"),
        ("{electricity={}}", "limits nothing"),
        ("{electricity={max_kw=5, min=-3}}", "min"),
        ("{gas={max_kw=5}}", "gas"),
    ],
)
def test_what_is_no_limit_is_refused(connection: str, problem: str) -> None:
    faults = check("network1", (f"prosumers.A.connection={connection}",))
    assert any(problem in f"{fault.place} {fault.problem}" for fault in faults)


def test_a_template_may_state_them(tmp_path: Path) -> None:
    def edit(tables: dict[str, Any]) -> None:
        tables["templates"]["house"] = {"connection": {"electricity": {"max_kw": 7.0}}}
        made_scenario.prosumer(tables, "B")["template"] = "house"

    case = load(made_scenario.write(tmp_path, edit))
    assert {p.name: p.connection_kw for p in case.prosumers if p.connection_kw} == {"B": {"electricity": (None, 7.0)}}


def test_a_battery_charges_no_more_than_the_connection_brings() -> None:
    """5 kW of load leave 3 kW of 8: the cheap hour does not fill the battery."""
    load = np.full(3, 5.0)
    house = House(load, 0.0 * load, (0.0, 0.0), (8.0, 20.0), np.array([0.1, 0.5, 0.5]), 0.0 * load, (60.0, 40.0))
    limited = replace(house, connection_kw=(-8.0, None))
    right, free = (least_cost([one], charge=0.0, with_peers=False) for one in (limited, house))
    fleet = Fleet(with_imbalance_priced(market_of([limited], charge=0.0)))
    assert float(fleet.alone.cost[0]) == pytest.approx(right.cost, abs=1e-4)
    assert right.cost > free.cost + 0.5

"""Internal response first: a known answer by hand, the shipped cases, and what holds in any market."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from design_tasks import first_day, task_of
from markets import equipped_market, expected, strained
from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.devices.kinds.battery import Battery
from mosaik_p2p.devices.kinds.fixed_load import FixedLoad
from mosaik_p2p.devices.kinds.generator import Generator
from mosaik_p2p.devices.kinds.pv import Pv
from mosaik_p2p.errors import Status
from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.designs.kinds.internal_first import InternalFirst, exchange_weights, held_to, planned_alone
from mosaik_p2p.market.imbalance import solvable, with_imbalance_priced
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.prosumers.device import Device
from mosaik_p2p.prosumers.prosumer import Contract, Prosumer, initial_state, prosumer_model
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.units import FloatArray

GAP = 1e-5
ROUNDING = 1e-6
"""Money of a case of a few kWh."""
RENEWABLES = frozenset({"pv", "pv_east", "collector"})
"""Of the equipped market, by name."""


def house(
    name: str, *devices: Device, import_price: FloatArray, export_price: float | None, import_max_kw: float = 100.0
) -> Prosumer:
    span = len(import_price)
    exported = None if export_price is None else np.full(span, export_price)
    grid = Contract("grid", "electricity", import_price, exported, import_max_kw, 100.0)
    return Prosumer(name, 0, None, 0.95, devices, (grid,))


def free_market(*prosumers: Prosumer) -> MarketProblem:
    """All at one place, no charges."""
    span = len(prosumers[0].contracts[0].import_price_per_kwh)
    window = Window(0, span, np.zeros(span, dtype=np.int64))
    models = tuple(
        prosumer_model(p, initial_state(p, day=0), window, dt_h=1.0, member=(True, False)) for p in prosumers
    )
    nowhere = no_charges(np.full(len(models), -1))
    return MarketProblem(models, (no_charges(np.zeros(len(models), dtype=np.int64)), nowhere), 1.0)


def two_houses() -> tuple[Prosumer, ...]:
    """Two hours: A has sun in the first, a need in the second and a battery that loses a fifth; B a need in the first.

    By hand, import 0.30 and export 0.05. Together: B takes 2 of A's surplus of 3, the third charges 0.8, and 2.2 are
    bought: 0.66. Each for itself: A charges its 3 and buys 0.6, B buys 2: 0.78, with nothing left to trade.
    """
    price = np.full(2, 0.30)
    battery = Battery("battery", 10.0, 10.0, 0.0, 10.0, 0.0, 0.0, 0.8, 1.0, 0.0)
    sun, need = Pv("pv", expected(np.array([4.0, 0.0])), 0.0), expected(np.array([1.0, 3.0]))
    return (
        house("A", sun, battery, FixedLoad("load", "electricity", need), import_price=price, export_price=0.05),
        house(
            "B",
            FixedLoad("load", "electricity", expected(np.array([2.0, 0.0]))),
            import_price=price,
            export_price=0.05,
        ),
    )


def test_two_hours_by_hand() -> None:
    houses = two_houses()
    task = task_of(houses, free_market(*houses), Settings(relative_gap=GAP, binding=2))
    joint = clear(task.problem, task.settings)
    cleared = InternalFirst().clear(task).clearing
    assert joint.cost == pytest.approx(0.66, abs=ROUNDING)
    assert Fleet(solvable(task.problem)).alone.cost.sum() == pytest.approx(0.78, abs=ROUNDING)
    assert cleared.status is Status.OK
    assert cleared.cost == pytest.approx(0.78, abs=ROUNDING)
    assert sum(trades.power_kw.sum() for hour in (cleared.trades, *cleared.later_trades) for trades in hour) < ROUNDING


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "joint", "alone", "least", "most"),
    [("network1", 1328.5, 1467.7, 1490.0, 1530.0), ("network2", 2075.8, 2368.9, 2380.0, 2440.0)],
)
def test_the_shipped_cases_cost_more_than_alone(
    name: str, joint: float, alone: float, least: float, most: float
) -> None:
    task = first_day(market_case(load(name)), relative_gap=1e-4)
    cleared = InternalFirst().clear(task).clearing
    assert cleared.status is Status.OK
    assert clear(task.problem, task.settings).cost == pytest.approx(joint, rel=1e-3)
    assert Fleet(solvable(task.problem)).alone.cost.sum() == pytest.approx(alone, rel=1e-3)
    assert least <= cleared.cost <= most


@given(seed=st.integers(0, 10_000), count=st.integers(2, 4), is_strained=st.booleans())
@settings(max_examples=15, deadline=None)
def test_it_never_costs_less_than_clearing_everything_together(seed: int, count: int, is_strained: bool) -> None:
    stated = equipped_market(count, seed, horizon=6, first_hour=(seed * 7) % 24)
    problem = with_imbalance_priced(strained(stated, seed) if is_strained else stated)
    by_prosumer = [RENEWABLES] * count
    planned = planned_alone(problem, by_prosumer, exchange_weights(problem, None))
    second = clear(held_to(problem, by_prosumer, planned), Settings())
    joint = clear(problem, Settings())
    assert second.cost >= joint.lower_bound - ROUNDING * abs(joint.lower_bound)
    assert second.lower_bound <= second.cost + ROUNDING * abs(second.cost)
    for model, done, first in zip(problem.models, second.dispatch, planned, strict=True):
        devices = [k for k, v in enumerate(model.variables) if v.is_device and v.device not in RENEWABLES]
        assert done.x[devices] == pytest.approx(first.x[devices], abs=ROUNDING * (1.0 + np.abs(first.x).max()))


def test_the_weight_is_the_mean_import_price_unless_it_is_given() -> None:
    houses = two_houses()
    dearer = replace(houses[1].contracts[0], import_price_per_kwh=np.array([0.2, 0.8]))
    problem = free_market(houses[0], replace(houses[1], contracts=(dearer,)))
    assert exchange_weights(problem, None)[0] == pytest.approx((0.3 + 0.3 + 0.2 + 0.8) / 4)
    assert exchange_weights(problem, 0.7) == pytest.approx([0.7, 0.7])


def test_what_the_own_contract_cannot_bring_is_planned_for() -> None:
    """Its battery's wear is above the weight; without it, 3 kW would meet a contract of 2 and nobody who sells."""
    price = np.full(2, 0.30)
    battery = Battery("battery", 10.0, 10.0, 0.0, 10.0, 8.0, 0.0, 1.0, 1.0, 0.5)
    peak = FixedLoad("load", "electricity", expected(np.array([3.0, 1.0])))
    small = house("small", battery, peak, import_price=price, export_price=None, import_max_kw=2.0)
    idle = house("idle", import_price=price, export_price=None, import_max_kw=0.0)
    task = task_of((small, idle), free_market(small, idle), Settings(relative_gap=GAP, binding=2))
    done = InternalFirst().clear(task).clearing.dispatch[0]
    assert np.abs(done.imbalance_kw).max() < ROUNDING
    assert done.x[task.problem.models[0].index("battery", "discharge")] == pytest.approx([1.0, 0.0], abs=1e-5)


def test_the_own_sun_is_stored_before_a_peer_gets_any() -> None:
    """A battery that wears at 0.02 takes in what would else be given away, and has no use for it; the peer imports."""
    price = np.full(1, 0.30)
    battery = Battery("battery", 10.0, 10.0, 0.0, 10.0, 0.0, 0.0, 1.0, 1.0, 0.02)
    sun = house("sun", Pv("pv", expected(np.array([4.0])), 0.01), battery, import_price=price, export_price=0.05)
    load_kw = expected(np.array([4.0]))
    need = house("need", FixedLoad("load", "electricity", load_kw), import_price=price, export_price=None)
    task = task_of((sun, need), free_market(sun, need), Settings(relative_gap=GAP))
    assert clear(task.problem, task.settings).cost == pytest.approx(4 * 0.01, abs=ROUNDING)
    assert InternalFirst().clear(task).clearing.cost == pytest.approx(4 * (0.01 + 0.02 + 0.30), abs=ROUNDING)


def test_curtailing_is_no_way_to_balance_but_stays_one_to_earn() -> None:
    """Sun that nobody plans with is there for a peer; where there is none, it is curtailed and not a surplus."""
    price = np.full(1, 0.30)
    sun = house("sun", Pv("pv", expected(np.array([5.0])), 0.0), import_price=price, export_price=None)
    need = house("need", FixedLoad("load", "electricity", expected(np.array([2.0]))), import_price=price,
                 export_price=None)  # fmt: skip
    task = task_of((sun, need), free_market(sun, need), Settings(relative_gap=GAP))
    cleared = InternalFirst().clear(task).clearing
    assert cleared.cost == pytest.approx(0.0, abs=ROUNDING)
    assert cleared.trades[0].power_kw.sum() == pytest.approx(2.0, abs=1e-5)
    assert np.abs(cleared.dispatch[0].imbalance_kw).max() < ROUNDING


def test_limits_that_are_none_leave_a_forced_source_its_way_out() -> None:
    """A plant that cannot be switched off, beside a limit of 1e8: what it makes is exported, though that earns less
    than it costs, and though some sun earns by it."""
    price = np.full(1, 0.30)
    plant = Generator("plant", 5.0, 5.0, 0.5, 0.0)
    contract = Contract("grid", "electricity", price, np.full(1, 0.1), 100.0, 1e8)
    held = Prosumer("held", 0, None, 0.95, (plant, Pv("pv", expected(np.full(1, 0.1)), 0.0)), (contract,))
    idle = house("idle", import_price=price, export_price=0.1)
    cleared = clear(free_market(held, idle), Settings(relative_gap=GAP))
    assert np.abs(cleared.dispatch[0].imbalance_kw).max() < ROUNDING
    assert cleared.cost == pytest.approx(5.0 * 0.5 - 5.1 * 0.1, abs=1e-4)

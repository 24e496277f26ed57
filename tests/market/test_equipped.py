"""Prosumers with any devices: three roads to one cost, balances, negative prices, two days of rolling."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets import equipped_market, equipped_prosumer, expected, random_tree, stays
from mosaik_p2p.charges.mechanisms import no_charges, path_charges
from mosaik_p2p.devices.kinds.battery import Battery
from mosaik_p2p.devices.kinds.ev import Ev
from mosaik_p2p.devices.kinds.fixed_load import FixedLoad
from mosaik_p2p.devices.kinds.flexible_load import FlexibleLoad
from mosaik_p2p.devices.kinds.heat_tank import HeatTank
from mosaik_p2p.errors import BadInput, Status
from mosaik_p2p.market.clearing import Clearing, clear
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import MarketProblem, Settings, highest_price, power_scale
from mosaik_p2p.market.prosumer_step.backends import Compiled, OneByOne
from mosaik_p2p.market.prosumer_step.storage_direction import OVERLAP, storage_rows
from mosaik_p2p.market.reference.pyomo_model import solve_central
from mosaik_p2p.prosumers.device import Device
from mosaik_p2p.prosumers.prosumer import Contract, Prosumer, initial_state, prosumer_model
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.units import Table

COST = 2e-5
"""Of what flows times the highest price: beside the scarcity price the last digits of multipliers weigh."""
BALANCE = 1e-6
"""Of a prosumer's size: the interior-point method's tolerance, with room."""
GAP = 1e-3
LEVEL_KWH = 1e-5
SHORTAGE_KW = 1e-3
"""What results call unserved from here on."""


def turnover(market: MarketProblem) -> float:
    return float(power_scale(market).max() * highest_price(market) * market.dt_h * market.shape[1])


@given(
    seed=st.integers(0, 10_000),
    horizon=st.sampled_from([1, 3, 8, 24]),
    dt_h=st.sampled_from([0.25, 0.5, 1.0]),
    hour=st.integers(0, 23),
)
@settings(max_examples=15, deadline=None)
def test_three_roads_lead_to_one_cost_and_everything_balances(seed: int, horizon: int, dt_h: float, hour: int) -> None:
    whole = equipped_market(1, seed, horizon=horizon, dt_h=dt_h, first_hour=hour, share=0.8)
    market = with_imbalance_priced(whole)  # nobody to trade with
    scales, nothing = (power_scale(market), highest_price(market)), np.zeros(market.shape)
    central, model = solve_central(market), market.models[0]
    for kind in (OneByOne, Compiled):
        done = kind(market.models, *scales).dispatch_for_sales(nothing)[0]
        assert done.cost == pytest.approx(central.cost, abs=COST * turnover(market))
        assert np.abs(model.net_sale(done.x)).max() <= BALANCE * max(model.size_kw, 1.0)
        own, right = model.equations
        assert np.abs(own @ done.x.ravel() - right).max(initial=0.0) <= BALANCE * max(model.size_kw, 1.0)
        assert ((done.x >= model.lower) & (done.x <= model.upper)).all()


@pytest.mark.parametrize("form", ["bilateral", "network"])
@pytest.mark.parametrize(("seed", "dt_h"), [(0, 1.0), (1, 0.25), (2, 1.0), (3, 0.25)])
def test_markets_of_all_devices_reach_the_central_optimum(form: str, seed: int, dt_h: float) -> None:
    market = equipped_market(4, seed, horizon=12, dt_h=dt_h, first_hour=15)
    cleared, central = clear(market, Settings(form=form)), solve_central(market)
    scale = (cleared.cost - cleared.lower_bound) / cleared.relative_gap
    assert cleared.status is Status.OK
    assert cleared.cost == pytest.approx(central.cost, abs=GAP * scale)
    assert cleared.lower_bound <= central.cost + BALANCE * scale


def with_negative_prices(market: MarketProblem, *, without_contract: tuple[int, ...] = ()) -> MarketProblem:
    """Importing earns 0.2 per kWh and exporting costs 0.3 for three intervals; some have no contract at all."""
    models = []
    for i, model in enumerate(market.models):
        linear, upper = model.linear.copy(), model.upper.copy()
        for k, variable in enumerate(model.variables):
            if variable.type == "contract":
                linear[k, 2:5] = -0.2 if variable.role == "import" else 0.3
                upper[k] = 0.0 if i in without_contract else upper[k]
        models.append(replace(model, linear=linear, upper=upper))
    return replace(market, models=tuple(models))


def both_ways(market: MarketProblem, cleared: Clearing) -> float:
    """The largest power, of its prosumer's size, that any storage has in both directions at once."""
    sizes = power_scale(with_imbalance_priced(market))
    return max(
        float(np.minimum(done.x[charge], done.x[discharge]).max()) / size
        for model, done, size in zip(market.models, cleared.dispatch, sizes, strict=True)
        for charge, discharge in storage_rows(model)
    )


def full_stores() -> MarketProblem:
    """A full battery, a full vehicle with V2G and a full tank, 3 kW of load each, and two intervals: the first earns 2
    per kWh that is bought, the second costs 0.5. Nobody can export."""
    bought = np.array([-2.0, 0.5])
    levels = (0.0, 30.0, 30.0, 30.0)
    plugged = np.array([1, 0])
    stores: dict[str, Device] = {
        "electricity": Battery("battery", 12.0, 12.0, *levels, 0.9, 0.9, 0.1),
        "vehicle": Ev("ev", 12.0, 12.0, *levels, 30.0, 0.9, 0.9, 0.1, plugged),
        "heat": HeatTank("tank", 12.0, 12.0, *levels, 0.9, 0.9, 0.0, 0.1),
    }
    models = []
    for name, store in stores.items():
        carrier = "heat" if name == "heat" else "electricity"
        devices = (store, FixedLoad("load", carrier, expected(np.full(2, 3.0))))
        owner = Prosumer(name, 0, (0, 1), 1.0, devices, (Contract("c", carrier, bought, None, 100.0, 0.0),))
        window = Window(0, 2, np.zeros(2, dtype=np.int64))
        models.append(prosumer_model(owner, initial_state(owner, day=0), window, dt_h=1.0, member=(True, True)))
    charges = path_charges(random_tree(np.random.default_rng(0), 3), np.arange(3), price_per_length=0.1, payer="both")
    return with_imbalance_priced(MarketProblem(tuple(models), (charges, charges), 1.0))


@pytest.mark.parametrize("form", ["bilateral", "network"])
def test_battery_vehicle_and_tank_do_not_burn_energy_that_is_paid_for(form: str) -> None:
    """Relaxed, each charges 12 kW and discharges 12 * 0.81 = 9.72 at once: 2.28 kWh more at 2, less wear of 2.172."""
    market = full_stores()
    relaxed = solve_central(market).cost
    by_hand = 3 * (3.0 * -2.0 + 3.0 * 0.5)
    assert relaxed == pytest.approx(by_hand - 3 * (2.28 * 2.0 - 2.172), rel=BALANCE)
    cleared = clear(market, Settings(form=form))
    assert cleared.status is Status.OK
    assert cleared.repaired
    assert "one direction" in str(cleared.cause)
    assert cleared.cost == pytest.approx(by_hand, rel=GAP)
    # The relaxed market bounds from far below; what everyone can do at the prices, going one way, bounds as it should.
    assert relaxed < cleared.lower_bound * (1 + GAP)
    assert cleared.lower_bound == pytest.approx(by_hand, rel=GAP)
    assert both_ways(market, cleared) <= OVERLAP


@pytest.mark.parametrize("form", ["bilateral", "network"])
@pytest.mark.parametrize(("seed", "without"), [(0, ()), (1, (0,)), (3, (0,))])
def test_no_storage_goes_both_ways_at_negative_prices(form: str, seed: int, without: tuple[int, ...]) -> None:
    """Prosumers without a contract bought what they would burn: they must not be left with it either."""
    market = with_negative_prices(equipped_market(3, seed, horizon=12, first_hour=18), without_contract=without)
    cleared, central = clear(market, Settings(form=form)), solve_central(market)
    scale = (cleared.cost - cleared.lower_bound) / cleared.relative_gap
    assert cleared.status is Status.OK
    assert both_ways(market, cleared) <= OVERLAP
    assert cleared.lower_bound <= central.cost + BALANCE * scale  # the relaxation bounds from below
    assert cleared.cost >= central.cost - BALANCE * scale
    assert max(np.abs(done.imbalance_kw).max() for done in cleared.dispatch) < SHORTAGE_KW


# -- two days -------------------------------------------------------------------------------------------------------

STEPS, HORIZON, DT_H = 48, 10, 1.0
SPAN = STEPS + HORIZON - 1


def two_days(*, ev_power_kw: float = 7.0) -> MarketCase:
    """Two prosumers from noon, each with a vehicle that stays over night, and a tank; one can feed back."""
    rng = np.random.default_rng(3)
    hour = (12 + DT_H * np.arange(SPAN)) % 24
    prosumers = []
    for i, back_kw in enumerate((0.0, ev_power_kw)):
        plain = equipped_prosumer(rng, f"P{i}", span=SPAN, first_hour=12, share=0.5)
        others = [device for device in plain.devices if not isinstance(device, Ev | HeatTank)]
        left = stays(hour, 18 + i, 7, DT_H)
        car = Ev("ev", ev_power_kw, back_kw, 2.0, 60.0, 15.0, 15.0, 50.0, 0.95, 0.93, 0.01, left)
        tank = HeatTank("tank", 10.0, 10.0, 0.0, 40.0, 15.0, 15.0, 0.97, 0.98, 0.02, 0.005)
        prosumers.append(replace(plain, devices=(*others, car, tank)))
    charges = path_charges(random_tree(rng, 2), np.arange(2), price_per_length=0.005, payer="both")
    return MarketCase(
        prosumers=tuple(prosumers),
        charges=(charges, charges),
        day=((12 + np.arange(SPAN)) // 24).astype(np.int64),
        dt_h=DT_H,
        steps=STEPS,
        horizon_steps=HORIZON,
        settings=Settings(),
        on_not_converged="stop",
    )


def rolled(case: MarketCase) -> list[dict[str, Table]]:
    market, tables = RollingMarket(case), []
    for k in range(case.steps):
        outcome = market.clear(k)
        assert outcome.status is Status.OK
        tables.append(outcome.tables)
        market.commit()
    return tables


def of_device(tables: list[dict[str, Table]], prosumer: str, device: str, column: str) -> list[float | None]:
    rows = [t["devices"] for t in tables]
    where = [list(zip(r["prosumer"], r["device"], strict=True)).index((prosumer, device)) for r in rows]
    return [row[column][n] for row, n in zip(rows, where, strict=True)]


@pytest.mark.slow
def test_two_days_conserve_the_energy_of_vehicles_and_tanks() -> None:
    case = two_days()
    tables = rolled(case)
    for prosumer in case.prosumers:
        car = next(d for d in prosumer.devices if isinstance(d, Ev))
        tank = next(d for d in prosumer.devices if isinstance(d, HeatTank))
        level = tank.energy_initial_kwh
        for power, after in zip(
            of_device(tables, prosumer.name, "tank", "heat_kw"),
            of_device(tables, prosumer.name, "tank", "level_kwh"),
            strict=True,
        ):
            level = 0.98 * level + (-power * 0.97 if power < 0 else -power / 0.98) * DT_H
            assert after == pytest.approx(level, abs=LEVEL_KWH)
            level = after
        powers = of_device(tables, prosumer.name, "ev", "el_kw")
        levels = of_device(tables, prosumer.name, "ev", "level_kwh")
        missed = of_device(tables, prosumer.name, "ev", "missed_kwh")
        stored, departures = None, 0
        for k in range(STEPS):
            if car.intervals_left[k] < 0:
                assert powers[k] == pytest.approx(0.0, abs=BALANCE)
                assert levels[k] is None
                if stored is not None:
                    assert stored >= car.energy_departure_kwh - LEVEL_KWH
                    assert missed[k] == pytest.approx(0.0, abs=LEVEL_KWH)
                    departures += 1
                else:
                    assert missed[k] is None
                stored = None
                continue
            stored = car.energy_arrival_kwh if stored is None else stored
            stored += (-powers[k] * 0.95 if powers[k] < 0 else -powers[k] / 0.93) * DT_H
            assert levels[k] == pytest.approx(stored, abs=LEVEL_KWH)
            stored = levels[k]
        assert departures == 2


def test_a_missed_departure_is_reported_where_it_happens() -> None:
    """2 kW over the 13 hours of the first night charge 24.7 of the 35 kWh that the vehicle wants."""
    case = two_days(ev_power_kw=2.0)
    first = next(d for d in case.prosumers[0].devices if isinstance(d, Ev))
    departure = int(np.flatnonzero(first.intervals_left == 0)[0]) + 1
    tables = rolled(replace(case, steps=departure + 1, prosumers=case.prosumers))
    missed = of_device(tables, "P0", "ev", "missed_kwh")
    assert missed[:departure] == [None] * departure
    assert missed[departure] == pytest.approx(35.0 - 13 * 2.0 * 0.95, abs=1e-3)
    alone = tables[-1]["alone"]
    assert sum(alone["missed_kwh"][: alone["prosumer"].index("P1")]) == pytest.approx(missed[departure], abs=1e-3)


# -- what cannot be had ---------------------------------------------------------------------------------------------


def alone_case(
    devices: list[Device], *, horizon: int, steps: int, limit_kw: float, carrier: str = "electricity"
) -> MarketCase:
    span = horizon + steps - 1
    contract = Contract("grid", carrier, np.full(span, 0.5), None, limit_kw, 0.0)
    prosumer = Prosumer("A", 0, (0, 1), 1.0, tuple(devices), (contract,))
    nobody = no_charges(np.array([0]))
    return MarketCase(
        (prosumer,), (nobody, nobody), np.zeros(span, dtype=np.int64), 1.0, steps, horizon, Settings(), "stop"
    )


@pytest.mark.parametrize("carrier", ["electricity", "heat"])
def test_a_load_above_all_limits_is_named_with_interval_and_amount(carrier: str) -> None:
    load = FixedLoad("load", carrier, expected(np.array([3.0, 9.0, 4.0, 3.0])))
    case = alone_case([load], horizon=2, steps=3, limit_kw=5.0, carrier=carrier)
    short = []
    for tables in rolled(case):
        rows = tables["prosumers"]
        n = list(zip(rows["prosumer"], rows["carrier"], strict=True)).index(("A", carrier))
        short.append(rows["imbalance_kw"][n])
    assert short == pytest.approx([0.0, -4.0, 0.0], abs=BALANCE)


def test_owed_energy_beyond_the_limits_is_reported_when_its_day_ends() -> None:
    """A look-ahead of two intervals learns too late that 20 kWh are due in the last two: its limit of 6 kW takes 12."""
    load = FlexibleLoad("load", "electricity", expected(np.array([0.0, 0.0, 10.0, 10.0, 1.0])), 0.0, 6.0, 0.1)
    base = FixedLoad("base", "electricity", expected(np.full(5, 1.0)))
    case = alone_case([load, base], horizon=2, steps=4, limit_kw=50.0)
    case = replace(case, day=np.array([0, 0, 0, 0, 1]))
    tables = rolled(case)
    missed = of_device(tables, "A", "load", "missed_kwh")
    taken = -np.array(of_device(tables, "A", "load", "el_kw"))
    assert missed[:3] == [None] * 3
    assert missed[3] == pytest.approx(20.0 - taken.sum(), abs=1e-4)
    assert missed[3] > 1.0
    assert taken[2:] == pytest.approx([6.0, 6.0], abs=1e-4)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -1.0])
def test_a_forecast_that_is_no_power_is_refused_by_name(wrong: float) -> None:
    load = FixedLoad("load", "heat", expected(np.full(4, 3.0)))
    market = RollingMarket(alone_case([load], horizon=3, steps=2, limit_kw=5.0, carrier="heat"))
    given = {"A": {"Q_heat_forecast[kW]": np.array([3.0, wrong, 3.0])}}
    with pytest.raises(BadInput, match=r"Prosumer-A: Q_heat_forecast\[kW\].*first at number 1"):
        market.clear(0, given)

"""Each device against the optimum that a planner finds by hand, in hours and in quarters of an hour."""

from dataclasses import replace

import numpy as np
import pytest

from markets import expected, stays
from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.devices.kinds.battery import Battery
from mosaik_p2p.devices.kinds.chp import Chp
from mosaik_p2p.devices.kinds.elastic_load import ElasticLoad
from mosaik_p2p.devices.kinds.electric_boiler import ElectricBoiler
from mosaik_p2p.devices.kinds.ev import Ev
from mosaik_p2p.devices.kinds.fixed_load import FixedLoad
from mosaik_p2p.devices.kinds.gas_boiler import GasBoiler
from mosaik_p2p.devices.kinds.generator import Generator
from mosaik_p2p.devices.kinds.heat_tank import HeatTank
from mosaik_p2p.market.imbalance import LACK, with_imbalance_priced
from mosaik_p2p.market.over_time.realisation import DeviceDispatch, Realised, realise
from mosaik_p2p.market.problem import MarketProblem, highest_price, power_scale
from mosaik_p2p.market.prosumer_step.backends import Compiled, OneByOne
from mosaik_p2p.market.reference.pyomo_model import solve_central
from mosaik_p2p.prosumers.device import Device
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.prosumer import Contract, Prosumer, initial_state, prosumer_model
from mosaik_p2p.prosumers.window import Window

COST = 1e-6
"""Of the cost by hand: the interior-point method's tolerance, with room."""
POWER = 1e-4
"""kW beside loads of some kW: at an optimum the cost is flat, so that power is less exact than cost."""
STEPS = pytest.mark.parametrize("dt_h", [1.0, 0.25])


class Alone:
    """One prosumer with its contracts only, solved by PIQP, by the compiled kernel and by HiGHS."""

    def __init__(
        self,
        devices: list[Device],
        *,
        dt_h: float,
        price: list[float],
        export: list[float] | None = None,
        heat_price: float | None = None,
        limit_kw: float = 100.0,
    ) -> None:
        span = len(price)
        sold = None if export is None else np.array(export)
        contracts = [Contract("grid", "electricity", np.array(price), sold, limit_kw, limit_kw)]
        if heat_price is not None:
            contracts.append(Contract("district", "heat", np.full(span, heat_price), None, limit_kw, 0.0))
        self.prosumer = Prosumer("A", 0, (0, 1), 1.0, tuple(devices), tuple(contracts))
        window = Window(0, span, np.zeros(span, dtype=np.int64))
        state = initial_state(self.prosumer, day=0)
        model = prosumer_model(self.prosumer, state, window, dt_h=dt_h, member=(False, False))
        nobody = no_charges(np.array([-1]))
        self.problem = with_imbalance_priced(MarketProblem((model,), (nobody, nobody), dt_h))
        scales = (power_scale(self.problem), highest_price(self.problem))
        nothing = np.zeros(self.problem.shape)
        self.done, other = (
            kind(self.problem.models, *scales).dispatch_for_sales(nothing)[0] for kind in (OneByOne, Compiled)
        )
        central = solve_central(self.problem)
        assert other.cost == pytest.approx(self.done.cost, rel=COST, abs=COST)
        assert central.cost == pytest.approx(self.done.cost, rel=COST, abs=COST)

    @property
    def model(self) -> ProsumerModel:
        return self.problem.models[0]

    def power(self, device: str, quantity: str = "power") -> np.ndarray:
        """kW (levels: kWh) of a device, per interval."""
        return self.done.x[self.model.index(device, quantity)]

    def first(self) -> Realised:
        """The binding interval."""
        return realise(self.prosumer, self.model, self.done, np.zeros(2), interval=0)

    def device(self, name: str) -> DeviceDispatch:
        return next(entry for entry in self.first().devices if entry.device == name)


def fixed(power_kw: float | list[float], carrier: str, span: int) -> FixedLoad:
    return FixedLoad(f"{carrier}_load", carrier, expected(np.array(np.broadcast_to(power_kw, span), dtype=float)))


@STEPS
def test_elastic_load_draws_until_its_utility_is_worth_the_price(dt_h: float) -> None:
    shop = ElasticLoad("shop", "electricity", 10.0, 1.1, 0.2)
    found = Alone([shop], dt_h=dt_h, price=[0.5, 1.2, 0.3])
    assert found.power("shop") == pytest.approx([3.0, 0.0, 4.0], abs=POWER)
    assert found.done.cost == pytest.approx(-(0.9 + 1.6) * dt_h, rel=COST)  # (b - price)^2 / 2a
    assert found.device("shop").el_kw == pytest.approx(-3.0, abs=POWER)
    assert found.device("shop").cost == pytest.approx(-(3.3 - 0.9) * dt_h, abs=POWER)


@STEPS
def test_elastic_load_stops_at_its_limit(dt_h: float) -> None:
    found = Alone([ElasticLoad("bath", "heat", 4.0, 0.9, 0.0)], dt_h=dt_h, price=[0.5, 0.5], heat_price=0.4)
    assert found.power("bath") == pytest.approx([4.0, 4.0], abs=POWER)
    assert found.done.cost == pytest.approx(-2 * 4.0 * 0.5 * dt_h, rel=COST)


@STEPS
@pytest.mark.parametrize(("least", "power", "cost"), [(0.0, 3.0, 1.05 + 2.5), (4.0, 4.0, 1.6 + 2.0)])
def test_generator_runs_where_its_marginal_cost_meets_the_price(
    dt_h: float, least: float, power: float, cost: float
) -> None:
    plant = Generator("plant", least, 20.0, 0.2, 0.1)
    found = Alone([plant, fixed(8.0, "electricity", 2)], dt_h=dt_h, price=[0.5, 0.5])
    assert found.power("plant") == pytest.approx([power, power], abs=POWER)
    assert found.done.cost == pytest.approx(2 * cost * dt_h, rel=COST)
    assert found.device("plant").fuel_kw == 0.0


@STEPS
def test_electric_boiler_heats_while_that_is_cheaper(dt_h: float) -> None:
    boiler = ElectricBoiler("boiler", 6.0, 0.98)
    found = Alone([boiler, fixed(4.9, "heat", 2)], dt_h=dt_h, price=[0.4, 0.6], heat_price=0.5)
    assert found.power("boiler") == pytest.approx([5.0, 0.0], abs=POWER)
    assert found.done.cost == pytest.approx((5.0 * 0.4 + 4.9 * 0.5) * dt_h, rel=COST)
    heater = found.device("boiler")
    assert (heater.el_kw, heater.heat_kw) == (pytest.approx(-5.0, abs=POWER), pytest.approx(4.9, abs=POWER))


@STEPS
def test_gas_boiler_burns_up_to_its_heat(dt_h: float) -> None:
    boiler = GasBoiler("boiler", 4.5, 0.9, np.array([0.09, 0.6]))
    found = Alone([boiler, fixed(9.0, "heat", 2)], dt_h=dt_h, price=[0.5, 0.5], heat_price=0.49)
    assert found.power("boiler", "fuel") == pytest.approx([5.0, 0.0], abs=POWER)
    assert found.done.cost == pytest.approx((5.0 * 0.09 + 4.5 * 0.49 + 9.0 * 0.49) * dt_h, rel=COST)
    burning = found.device("boiler")
    assert burning.fuel_kw == pytest.approx(5.0, abs=POWER)
    assert burning.cost == pytest.approx(5.0 * 0.09 * dt_h, abs=POWER)


@STEPS
def test_chp_makes_electricity_and_heat_in_its_ratio(dt_h: float) -> None:
    """Heat of 6 kW lets it make 3 kW of electricity from 10 kW of fuel; the other 2 kW are bought."""
    plant = Chp("chp", 20.0, 0.9, 0.5, np.full(2, 0.08))
    devices = [plant, fixed(6.0, "heat", 2), fixed(5.0, "electricity", 2)]
    found = Alone(devices, dt_h=dt_h, price=[0.5, 0.5], heat_price=0.49)
    assert found.power("chp", "fuel") == pytest.approx([10.0, 10.0], abs=POWER)
    assert found.done.cost == pytest.approx(2 * (0.8 + 1.0) * dt_h, rel=COST)
    made = found.device("chp")
    assert (made.el_kw, made.heat_kw) == (pytest.approx(3.0, abs=POWER), pytest.approx(6.0, abs=POWER))


@STEPS
def test_tank_loses_its_share_of_every_hour(dt_h: float) -> None:
    """4 kW are wanted when heat costs ten times as much: an interval before, 4 kW and what is lost are stored."""
    kept = 0.81**dt_h
    tank = HeatTank("tank", 20.0, 20.0, 0.0, 30.0, 0.0, 0.0, 1.0, 0.8, 0.19, 0.02)
    heater = ElectricBoiler("heater", 50.0, 1.0)
    found = Alone([tank, heater, fixed([0.0, 4.0], "heat", 2)], dt_h=dt_h, price=[0.1, 1.0])
    charged = 5.0 / kept
    assert found.power("tank", "charge") == pytest.approx([charged, 0.0], abs=POWER)
    assert found.done.cost == pytest.approx((charged * 0.12 + 4.0 * 0.02) * dt_h, rel=COST)
    assert found.device("tank").level_kwh == pytest.approx(charged * dt_h, abs=POWER)


def ev(dt_h: float, *, plugged: list[int], power_kw: float = 11.0, back_kw: float = 0.0, **levels: float) -> Ev:
    """A vehicle of `dt_h` times these levels (kWh), so that hours and quarters have one solution in kW."""
    kwh = {"minimum": 0.0, "most": 60.0, "initial": 0.0, "arrival": 10.0, "departure": 30.0} | levels
    least, most, initial, arrival, departure = (dt_h * value for value in kwh.values())
    left = np.array(plugged, dtype=np.int64)
    return Ev("ev", power_kw, back_kw, least, most, initial, arrival, departure, 0.9, 0.9, 0.0, left)


STAY = [-1, -1, 3, 2, 1, 0, -1, -1]
PRICE = [0.5, 0.05, 0.4, 0.1, 0.2, 0.3, 0.05, 0.5]


@STEPS
def test_ev_charges_when_it_is_there_and_energy_is_cheapest(dt_h: float) -> None:
    found = Alone([ev(dt_h, plugged=STAY)], dt_h=dt_h, price=PRICE)
    third = 20.0 / 0.9 - 22.0
    assert found.power("ev", "charge") == pytest.approx([0, 0, 0, 11, 11, third, 0, 0], abs=POWER)
    assert found.done.cost == pytest.approx((1.1 + 2.2 + third * 0.3) * dt_h, rel=COST)
    assert found.power("ev", "level")[5] == pytest.approx(30.0 * dt_h, abs=POWER)
    assert found.device("ev").level_kwh is None  # it is away
    assert found.device("ev").missed_kwh is None


@STEPS
def test_ev_with_v2g_sells_what_it_brings_and_buys_it_back(dt_h: float) -> None:
    """All 10 kWh are sold dear, as 9 at the meter, and what it wants to leave with is bought at 0.1 and 0.2."""
    car = ev(dt_h, plugged=STAY, power_kw=20.0, back_kw=20.0)
    found = Alone(
        [car], dt_h=dt_h, price=[2.0 if n == 2 else p for n, p in enumerate(PRICE)], export=[0.0, 0.0, 1.5, *[0.0] * 5]
    )
    wanted = 30.0 / 0.9
    assert found.power("ev", "discharge")[2] == pytest.approx(9.0, abs=POWER)
    assert found.power("ev", "charge") == pytest.approx([0, 0, 0, 20, wanted - 20, 0, 0, 0], abs=POWER)
    assert found.done.cost == pytest.approx((-9 * 1.5 + 2.0 + (wanted - 20) * 0.2) * dt_h, rel=COST)


@STEPS
def test_ev_without_v2g_never_feeds_back(dt_h: float) -> None:
    found = Alone([ev(dt_h, plugged=STAY)], dt_h=dt_h, price=[2.0] * 8, export=[1.9] * 8)
    with pytest.raises(KeyError):
        found.power("ev", "discharge")
    assert (found.model.net_sale(found.done.x)[0] <= POWER).all()


@STEPS
def test_ev_that_cannot_be_charged_in_time_says_by_how_much(dt_h: float) -> None:
    """4 intervals at 1 kW charge 3.6 of the 20 kWh that it wants."""
    found = Alone([ev(dt_h, plugged=STAY, power_kw=1.0)], dt_h=dt_h, price=PRICE)
    assert found.power("ev", "charge")[2:6] == pytest.approx([1.0] * 4, abs=POWER)
    assert found.power("ev", "shortfall") * dt_h == pytest.approx([0.0] * 6 + [16.4 * dt_h, 0.0], abs=POWER)
    lack = LACK * found.problem.scarcity_price_per_kwh
    assert found.done.cost == pytest.approx((1.0 + 16.4 * lack) * dt_h, rel=COST)
    assert found.done.penalty == pytest.approx(16.4 * lack * dt_h, rel=COST)


def test_ev_reports_what_it_lacks_in_the_interval_of_its_departure() -> None:
    found = Alone([ev(1.0, plugged=[0, -1, -1], initial=12.0)], dt_h=1.0, price=[0.5] * 3)
    window = Window(1, 2, np.zeros(3, dtype=np.int64))
    level = found.first().level_kwh
    assert level["ev"] == pytest.approx(12.0 + 9.9, abs=POWER)
    state = replace(initial_state(found.prosumer, day=0), level_kwh=level)
    nobody = no_charges(np.array([-1]))
    model = prosumer_model(found.prosumer, state, window, dt_h=1.0, member=(False, False))
    problem = with_imbalance_priced(MarketProblem((model,), (nobody, nobody), 1.0))
    done = OneByOne(problem.models, power_scale(problem), 1.0).dispatch_for_sales(np.zeros(problem.shape))[0]
    left = realise(found.prosumer, problem.models[0], done, np.zeros(2), interval=1)
    (car,) = left.devices
    assert car.missed_kwh == pytest.approx(30.0 - 21.9, abs=POWER)
    assert car.level_kwh is None
    assert left.level_kwh == {}


@STEPS
def test_ev_that_comes_with_more_than_it_needs_takes_it_along(dt_h: float) -> None:
    found = Alone([ev(dt_h, plugged=STAY, arrival=45.0)], dt_h=dt_h, price=PRICE)
    assert found.done.cost == pytest.approx(0.0, abs=POWER)
    assert found.power("ev", "spare") * dt_h == pytest.approx([0.0] * 6 + [15.0 * dt_h, 0.0], abs=POWER)


@STEPS
def test_a_look_ahead_that_ends_before_the_departure_leaves_time_to_charge(dt_h: float) -> None:
    """One interval is left for the last 9.9 of 20 kWh: 10.1 are charged before, as cheaply as they come."""
    car = ev(dt_h, plugged=[3, 2, 1], initial=10.0)
    found = Alone([car], dt_h=dt_h, price=[0.4, 0.1, 0.3])
    assert found.power("ev", "level")[-1] == pytest.approx((30.0 - 9.9) * dt_h, abs=POWER)
    assert found.power("ev", "charge") == pytest.approx([0.0, 11.0, 10.1 / 0.9 - 11.0], abs=POWER)


@pytest.mark.parametrize("dt_h", [1.0, 0.25])
def test_two_of_a_kind_are_used_in_order_of_their_cost(dt_h: float) -> None:
    devices: list[Device] = [
        Generator("dear", 0.0, 5.0, 0.3, 0.0),
        Generator("cheap", 0.0, 5.0, 0.1, 0.0),
        Battery("one", 4.0, 4.0, 0.0, 4.0 * dt_h, 2.0 * dt_h, 0.0, 1.0, 1.0, 0.01),
        Battery("two", 4.0, 4.0, 0.0, 4.0 * dt_h, 1.0 * dt_h, 0.0, 1.0, 1.0, 0.02),
        fixed(10.0, "electricity", 1),
    ]
    found = Alone(devices, dt_h=dt_h, price=[0.5])
    powers = [found.power(name)[0] for name in ("cheap", "dear")] + [
        found.power(n, "discharge")[0] for n in ("one", "two")
    ]
    assert powers == pytest.approx([5.0, 2.0, 2.0, 1.0], abs=POWER)


def test_stays_end_on_the_hour_of_the_departure() -> None:
    assert stays(np.array([17.0, 18.0, 23.0, 0.0, 5.0, 6.0]), 18, 6, 1.0).tolist() == [-1, 11, 6, 5, 0, -1]

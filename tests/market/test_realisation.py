"""What plants and loads do when forecasts were wrong: moved by what was missed, within what is there."""

import numpy as np
import pytest

from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.devices.kinds.battery import Battery
from mosaik_p2p.devices.kinds.fixed_load import FixedLoad
from mosaik_p2p.devices.kinds.flexible_load import FlexibleLoad
from mosaik_p2p.devices.kinds.gas_boiler import GasBoiler
from mosaik_p2p.devices.kinds.heat_pump import HeatPump
from mosaik_p2p.devices.kinds.pv import Pv
from mosaik_p2p.devices.kinds.solar_collector import SolarCollector
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.over_time.realisation import Realised, realise, realise_all
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.device import Device
from mosaik_p2p.prosumers.prosumer import Contract, Prosumer, initial_state, prosumer_model
from mosaik_p2p.prosumers.roles import Role
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import CARRIERS, ELECTRICITY, HEAT, FloatArray

PLENTY = 1000.0


def realised_of(device: Device, cleared_kw: float, *, most_kw: float = PLENTY) -> Realised:
    """What one prosumer with one device does in the second interval of its span of half hours, having agreed on no
    trade; its contracts take and give `most_kw`."""
    contracts = tuple(
        Contract(carrier, carrier, np.array([0.5, 0.7]), np.array([0.1, 0.2]), most_kw, most_kw) for carrier in CARRIERS
    )
    prosumer = Prosumer("A", 0, (0, 1), 1.0, (device,), contracts)
    window = Window(1, 1, np.zeros(2, dtype=np.int64))
    model = prosumer_model(prosumer, initial_state(prosumer, day=0), window, dt_h=0.5, member=(True, True))
    x = np.zeros((len(model.variables), 1))
    x[model.index(device.name, "power")] = cleared_kw
    nothing = np.zeros((2, 1))
    return realise(prosumer, model, Completion(x, nothing, nothing, 0.0, 0.0), np.zeros(2), interval=1)


def series(forecast_kw: float, realised_kw: float) -> Series:
    """Of the second interval; the first one would show."""
    return Series(np.array([77.0, forecast_kw]), np.array([99.0, realised_kw]))


@pytest.mark.parametrize("kind", [Pv, SolarCollector])
@pytest.mark.parametrize(
    ("cleared", "forecast", "realised", "expected"),
    [
        (10.0, 10.0, 10.0, 10.0),
        (10.0, 10.0, 13.0, 13.0),
        (10.0, 10.0, 6.0, 6.0),
        (10.0, 10.0, 0.0, 0.0),
        (4.0, 10.0, 8.0, 2.0),
        (4.0, 10.0, 12.0, 6.0),
        (4.0, 10.0, 5.0, 0.0),
        (0.0, 10.0, 5.0, 0.0),
        (0.0, 10.0, 15.0, 5.0),
        (10.5, 10.0, 6.0, 6.0),
        (10.5, 10.0, 10.0, 10.0),
    ],
)
def test_a_plant_gives_what_was_cleared_and_what_was_missed_and_never_more_than_there_is(
    kind: type[Pv | SolarCollector], cleared: float, forecast: float, realised: float, expected: float
) -> None:
    result = realised_of(kind("plant", series(forecast, realised), 0.3), cleared)
    (device,) = result.devices
    here, there = (device.el_kw, device.heat_kw) if kind is Pv else (device.heat_kw, device.el_kw)
    assert (here, there) == (pytest.approx(expected), 0.0)
    assert 0.0 <= here <= realised
    assert device.cost == pytest.approx(0.5 * 0.3 * expected)
    carrier, other = CARRIERS if kind is Pv else CARRIERS[::-1]
    assert result.exchanges[carrier].export_kw == pytest.approx(expected)
    assert result.exchanges[carrier].injection_kw == pytest.approx(expected)
    assert result.exchanges[other].injection_kw == 0.0


@pytest.mark.parametrize(
    ("cleared", "forecast", "realised", "expected"),
    [(10.0, 8.0, 8.0, 10.0), (10.0, 8.0, 9.5, 11.5), (10.0, 8.0, 1.0, 3.0), (2.0, 8.0, 3.0, 0.0)],
)
def test_a_load_takes_what_was_cleared_and_what_was_missed(
    cleared: float, forecast: float, realised: float, expected: float
) -> None:
    """Its discomfort is about the 2 kW, or 6 kW, by which it was moved; the energy it owes about its forecast."""
    result = realised_of(FlexibleLoad("load", "electricity", series(forecast, realised), 0.0, 50.0, 0.1), cleared)
    (device,) = result.devices
    assert device.el_kw == pytest.approx(-expected)
    assert device.cost == pytest.approx(0.5 * 0.1 * (cleared - forecast) ** 2)
    assert result.behind_kwh == {"load": pytest.approx(0.5 * (forecast - cleared))}
    exchange = result.exchanges["electricity"]
    assert (exchange.import_kw, exchange.export_kw, exchange.imbalance_kw) == (pytest.approx(expected), 0.0, 0.0)
    assert (exchange.import_price_per_kwh, exchange.export_price_per_kwh) == (0.7, 0.2)


def test_what_the_contract_cannot_take_is_an_imbalance() -> None:
    plant = realised_of(Pv("pv", series(10.0, 14.0), 0.0), 10.0, most_kw=9.0).exchanges["electricity"]
    assert (plant.export_kw, plant.import_kw, plant.imbalance_kw) == (9.0, 0.0, pytest.approx(5.0))
    assert plant.injection_kw == pytest.approx(14.0)
    demand = FlexibleLoad("load", "electricity", series(10.0, 14.0), 0.0, 50.0, 0.1)
    load = realised_of(demand, 10.0, most_kw=9.0).exchanges["electricity"]
    assert (load.export_kw, load.import_kw, load.imbalance_kw) == (0.0, 9.0, pytest.approx(-5.0))
    assert load.injection_kw == pytest.approx(-14.0)


def test_a_sale_that_was_agreed_stands() -> None:
    """10 kW cleared and sold, 4 kW there: the contract brings the other 6."""
    device = Pv("pv", series(10.0, 4.0), 0.0)
    contract = Contract("grid", "electricity", np.array([0.5, 0.7]), None, 50.0, 0.0)
    prosumer = Prosumer("A", 0, None, 1.0, (device,), (contract,))
    window = Window(1, 1, np.zeros(2, dtype=np.int64))
    model = prosumer_model(prosumer, initial_state(prosumer, day=0), window, dt_h=0.5, member=(True, False))
    x = np.zeros((len(model.variables), 1))
    x[model.index("pv", "power")] = 10.0
    done = Completion(x, np.zeros((2, 1)), np.zeros((2, 1)), 0.0, 0.0)
    result = realise(prosumer, model, done, np.array([10.0, 0.0]), interval=1)
    exchange = result.exchanges["electricity"]
    assert (exchange.net_sale_kw, exchange.import_kw, exchange.imbalance_kw) == (10.0, pytest.approx(6.0), 0.0)
    assert exchange.export_price_per_kwh is None
    assert set(result.exchanges) == {"electricity"}


EQUIPPED = ("A", "B")


def equipped(name: str) -> Prosumer:
    """One with a bit of everything, and one without heat; what turns out is not what was forecast."""
    scale, hours = (1.0, 1.7)[EQUIPPED.index(name)], np.arange(4.0)

    def missed(forecast_kw: FloatArray) -> Series:
        return Series(forecast_kw, forecast_kw * np.array([1.3, 0.6, 1.0, 1.1]))

    battery = Battery(
        name="battery", charge_max_kw=5.0, discharge_max_kw=5.0, energy_min_kwh=1.0, energy_max_kwh=9.0,
        energy_initial_kwh=4.0, energy_final_kwh=4.0, efficiency_charge=0.9, efficiency_discharge=0.95,
        cost_per_kwh=0.02,
    )  # fmt: skip
    devices: tuple[Device, ...] = (
        FixedLoad("house", ELECTRICITY, missed(scale * (2.0 + hours))),
        FlexibleLoad("washer", ELECTRICITY, missed(np.array([1.0, 0.0, 2.0, 1.0])), 0.0, 3.0, 0.05),
        Pv("roof", missed(4.0 - hours), 0.0),
        HeatPump("pump", 6.0, np.full(4, 3.0)),
        GasBoiler("boiler", 20.0, 0.9, np.full(4, 0.1)),
        FixedLoad("rooms", HEAT, missed(scale * (5.0 + hours))),
        battery,
    )
    contracts = (Contract("utility", ELECTRICITY, np.full(4, 0.3), np.full(4, 0.08), PLENTY, PLENTY),)
    if name == "B":
        devices = tuple(device for device in devices if device.own_carrier == ELECTRICITY)
    # What one of them feeds in is limited: a row of its own stands in its problem.
    limits = {ELECTRICITY: (None, 1.0)} if name == "A" else {}
    return Prosumer(name, 0, (0, 1), 0.95, devices, contracts, limits)


def test_what_happens_to_all_is_what_happens_to_each() -> None:
    """By the rows of a table, and by each one's own model."""
    prosumers, window = tuple(equipped(name) for name in EQUIPPED), Window(0, 4, np.zeros(4, dtype=np.int64))
    models = tuple(
        prosumer_model(own, initial_state(own, day=0), window, dt_h=0.5, member=(True, own.name == "A"))
        for own in prosumers
    )
    charges = tuple(no_charges(np.arange(2)) for _ in CARRIERS)
    market = with_imbalance_priced(MarketProblem(models, charges, 0.5))
    cleared = clear(market, Settings())
    sale_kw = cleared.sale_kw[:, 0]
    together = realise_all(prosumers, market, cleared.dispatch, sale_kw, interval=0)
    one_by_one = tuple(
        realise(own, model, done, sale_kw[:, i], interval=0)
        for i, (own, model, done) in enumerate(zip(prosumers, market.models, cleared.dispatch, strict=True))
    )
    assert together == one_by_one
    assert [list(result.exchanges) for result in together] == [[ELECTRICITY, HEAT], [ELECTRICITY]]
    for own, result, model, done in zip(prosumers, together, market.models, cleared.dispatch, strict=True):
        by_name = {entry.device: entry for entry in result.devices}
        assert set(by_name) == {device.name for device in own.devices}
        assert by_name["battery"].level_kwh == done.x[model.index("battery", Role.LEVEL), 0]
        if own.name == "A":
            assert by_name["boiler"].fuel_kw == done.x[model.index("boiler", Role.FUEL), 0]
        assert by_name["house"].el_kw == pytest.approx(-own.devices[0].demand.realised[0])
        balance = sum(entry.el_kw for entry in result.devices)
        exchange = result.exchanges[ELECTRICITY]
        outside = exchange.import_kw - exchange.export_kw - exchange.imbalance_kw
        assert balance + outside == pytest.approx(exchange.net_sale_kw)

"""What plants and loads do when forecasts were wrong: moved by what was missed, within what is there."""

import numpy as np
import pytest

from mosaik_p2p.devices.kinds.flexible_load import FlexibleLoad
from mosaik_p2p.devices.kinds.pv import Pv
from mosaik_p2p.devices.kinds.solar_collector import SolarCollector
from mosaik_p2p.market.over_time.realisation import Realised, realise
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.device import Device
from mosaik_p2p.prosumers.prosumer import Contract, Prosumer, initial_state, prosumer_model
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import CARRIERS

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

"""Scales of heat pumps and vehicles: so many times as many of them, and what is heated with them; of all prosumers or
of a part of them."""

from dataclasses import fields, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from made_scenario import own_everything, series, write
from mosaik_p2p.devices.kinds.ev import Ev
from mosaik_p2p.devices.kinds.flexible_load import FlexibleLoad
from mosaik_p2p.devices.kinds.heat_pump import HeatPump
from mosaik_p2p.loading import check, load
from mosaik_p2p.prosumers.device import DEMAND, Device
from mosaik_p2p.units import HEAT

ROWS = 12
EXTENSIVE = ("_kw", "_kwh")
CARS, HEATED = 2.5, 1.5
Devices: TypeAlias = dict[tuple[str, str], Device]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scenario with every type of device."""
    return write(tmp_path_factory.mktemp("scales"), own_everything, frame=series(ROWS))


@pytest.fixture(scope="module")
def before_and_after(file: Path) -> tuple[Devices, Devices]:
    """Devices by owner and name, as they are and scaled."""
    cases = (load(file), load(file, [f"scale.ev={CARS}", f"scale.heat_pump={HEATED}"]))
    before, after = (
        {(owner.name, device.name): device for owner in case.prosumers for device in owner.devices} for case in cases
    )
    return before, after


def test_so_many_times_as_many_vehicles(before_and_after: tuple[Devices, Devices]) -> None:
    before, after = before_and_after
    cars = {key: car for key, car in before.items() if isinstance(car, Ev)}
    assert len(cars) > 1
    for key, car in cars.items():
        sizes = [field.name for field in fields(car) if field.name.endswith(EXTENSIVE) and "cost" not in field.name]
        many = replace(car, **{name: CARS * getattr(car, name) for name in sizes})
        assert replace(after[key], intervals_left=None) == replace(many, intervals_left=None)


def test_so_many_times_as_many_heated_houses(before_and_after: tuple[Devices, Devices]) -> None:
    before, after = before_and_after
    owners = {owner for (owner, _), device in before.items() if isinstance(device, HeatPump)}
    grown = set()
    for key, device in before.items():
        scaled = after[key]
        if isinstance(device, HeatPump) and isinstance(scaled, HeatPump):
            assert scaled.el_max_kw == HEATED * device.el_max_kw
        for old, new in zip(device.profiles(), scaled.profiles(), strict=True):
            is_heated = key[0] in owners and device.own_carrier == HEAT and old.quantity == DEMAND
            np.testing.assert_allclose(new.series.forecast, (HEATED if is_heated else 1.0) * old.series.forecast)
            grown |= {key} if is_heated else set()
    assert grown


def test_what_a_flexible_load_may_draw_grows_with_it(file: Path, before_and_after: tuple[Devices, Devices]) -> None:
    """Whatever could be drawn of a load before can be of twice the load; the owner's own scale is its profile's."""
    before, heated = before_and_after
    grown = load(
        file, ["scale.load=2.0", "scale.heat_load=3.0", "prosumers.A.scale=0.5", "prosumers.A.flexible_load.min_kw=1.0"]
    )
    found = {(owner.name, device.name): device for owner in grown.prosumers for device in owner.devices}
    electric, heat = (found["A", name] for name in ("flexible_load", "heating"))
    assert isinstance(electric, FlexibleLoad)
    assert isinstance(heat, FlexibleLoad)
    assert (electric.min_kw, electric.max_kw, heat.max_kw) == (2.0, 100.0, 60.0)
    old, both = before["A", "heating"], heated["A", "heating"]
    assert isinstance(old, FlexibleLoad)
    assert isinstance(both, FlexibleLoad)
    assert both.max_kw == HEATED * old.max_kw
    np.testing.assert_allclose(heat.demand.forecast, 3.0 * 0.5 * old.demand.forecast)
    assert not check(file, ["scale.load=20.0"])


def test_the_factors_of_a_part_multiply_those_of_all(file: Path, before_and_after: tuple[Devices, Devices]) -> None:
    before, both = before_and_after
    factors = f"scale.part={{prosumers=['B'], ev={CARS}, heat_pump={HEATED}}}"
    half = [
        f"scale.ev={CARS / 2}",
        "scale.part.prosumers=['A', 'B']",
        "scale.part.ev=2.0",
        f"scale.part.heat_pump={HEATED}",
    ]
    for overrides, wanted in (
        ([factors], {key: (both if key[0] == "B" else before)[key] for key in before}),
        (half, both),
    ):
        case = load(file, overrides)
        found = {(owner.name, device.name): device for owner in case.prosumers for device in owner.devices}
        assert {key: _sizes(device) for key, device in found.items()} == {
            key: _sizes(device) for key, device in wanted.items()
        }
    assert load(file, [factors]).inventory["storage_kwh"] < load(file, half).inventory["storage_kwh"]


def _sizes(device: Device) -> dict[str, float]:
    """What of it is so many kW or kWh, the sums of its profiles among them."""
    own = {field.name: getattr(device, field.name) for field in fields(device) if field.name.endswith(EXTENSIVE)}
    return own | {profile.quantity: float(profile.series.forecast.sum()) for profile in device.profiles()}


def test_a_part_names_prosumers_that_there_are(file: Path) -> None:
    faults = check(file, ["scale.part={prosumers=['A', 'Z'], pv=2.0}"])
    assert [(fault.place, fault.value) for fault in faults] == [("scale.part.prosumers", "'Z'")]


def test_powers_that_scales_make_are_plausible(file: Path) -> None:
    ratings = ["prosumers.A.heat_pump.el_max_kw=9e6", "prosumers.A.van.power_kw=9e6"]
    faults = check(file, [*ratings, "scale.heat_pump=1000.0", "scale.ev=1000.0"])
    assert {fault.place for fault in faults if fault.value == "9e+09 kW"} >= {
        "prosumers.A.heat_pump",
        "prosumers.A.van",
    }

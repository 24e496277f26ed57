"""Devices from the scenario file: when vehicles are there, what no plan can reach, templates, houses, overrides."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from made_scenario import Edit, device, own_everything, prosumer, series, write
from mosaik_p2p.devices.kinds.chp import Chp
from mosaik_p2p.devices.kinds.elastic_load import ElasticLoad
from mosaik_p2p.devices.kinds.ev import Ev, EvEnergy, EvSpec, intervals_left
from mosaik_p2p.devices.kinds.gas_boiler import GasBoiler
from mosaik_p2p.devices.kinds.heat_pump import HeatPump
from mosaik_p2p.devices.kinds.heat_tank import HeatTank
from mosaik_p2p.devices.registry import device_kinds
from mosaik_p2p.errors import Fault
from mosaik_p2p.loading import check, load
from mosaik_p2p.prosumers.device import Device

ROWS = 12


def found(folder: Path, owner: str, name: str, *overrides: str, edit: Edit = own_everything) -> Device:
    case = load(write(folder, edit, frame=series(ROWS)), overrides)
    return next(d for p in case.prosumers if p.name == owner for d in p.devices if d.name == name)


def fault(folder: Path, change: Edit) -> Fault:
    def edit(scenario: dict[str, Any]) -> None:
        own_everything(scenario)
        change(scenario)

    (only,) = check(write(folder, edit, frame=series(ROWS)))
    return only


def vehicle(arrival: str, departure: str) -> EvSpec:
    energy = EvEnergy(max=60.0, arrival=10.0, departure=40.0)
    return EvSpec(type="ev", arrival=arrival, departure=departure, power_kw=11.0, energy_kwh=energy)


@pytest.mark.parametrize(
    ("arrival", "departure", "step", "first", "count"),
    [
        ("18:00", "07:00", 60, 18, 13),
        ("18:00", "07:00", 15, 72, 52),
        ("17:50", "07:10", 60, 18, 13),
        ("17:50", "07:10", 15, 72, 52),
        ("08:00", "16:30", 60, 8, 8),
        ("00:00", "06:00", 30, 0, 12),
        ("22:00", "24:00", 60, 22, 2),
        ("07:00", "06:59", 60, 7, 23),
    ],
)
def test_a_vehicle_is_there_from_its_arrival_to_its_departure(
    arrival: str, departure: str, step: int, first: int, count: int
) -> None:
    times = pd.date_range("2017-03-28T00:00:00+01:00", periods=2 * 1440 // step, freq=f"{step}min")
    left = intervals_left(vehicle(arrival, departure), times, step)
    per_day = 1440 // step
    expected = np.full(per_day, -1)
    expected[(first + np.arange(count)) % per_day] = np.arange(count)[::-1]
    assert left.tolist() == [*expected, *expected]


def test_times_of_a_vehicle_follow_the_scenarios_offset(tmp_path: Path) -> None:
    car, van = (found(tmp_path, "A", name) for name in ("ev", "van"))
    assert isinstance(car, Ev)
    assert isinstance(van, Ev)
    # From 05:00 on, in quarters: until 06:45, and from 05:20, which begins within an interval, until 06:30.
    assert car.intervals_left[:9].tolist() == [6, 5, 4, 3, 2, 1, 0, -1, -1]
    assert van.intervals_left[:9].tolist() == [-1, -1, 3, 2, 1, 0, -1, -1, -1]
    assert (car.discharge_max_kw, van.discharge_max_kw) == (11.0, 0.0)
    assert (car.energy_initial_kwh, van.energy_initial_kwh) == (25.0, 10.0)


def test_fuel_prices_are_written_like_those_of_tariffs(tmp_path: Path) -> None:
    boiler, chp = found(tmp_path, "B", "gas_boiler"), found(tmp_path, "A", "chp")
    assert isinstance(boiler, GasBoiler)
    assert isinstance(chp, Chp)
    assert boiler.fuel_price_per_kwh[[3, 4]].tolist() == [0.3, 0.2]
    assert chp.efficiency_el / chp.efficiency_heat == pytest.approx(0.6)
    assert chp.efficiency_el + chp.efficiency_heat == pytest.approx(0.9)


def test_loads_in_place_of_one_share_its_utility(tmp_path: Path) -> None:
    shop = found(tmp_path, "B", "elastic_load", "scale.load=1.5")
    assert isinstance(shop, ElasticLoad)
    assert shop.max_kw == pytest.approx(6.0 * 2.0 * 1.5)
    assert shop.utility_slope_per_kw2h == pytest.approx(0.1 / 3.0)
    none = found(tmp_path, "B", "elastic_load", "scale.load=0.0")
    assert isinstance(none, ElasticLoad)
    assert none.max_kw == 0.0


def test_overrides_reach_the_new_devices(tmp_path: Path) -> None:
    car = found(tmp_path, "A", "van", "prosumers.A.van.energy_kwh.departure=15.0", "prosumers.A.van.v2g=true")
    assert isinstance(car, Ev)
    assert car.energy_departure_kwh == 15.0
    assert car.discharge_max_kw == 11.0


def test_every_type_has_templates(tmp_path: Path) -> None:
    """Each device's own keys move into a template of its own; nothing else changes."""

    def moved(scenario: dict[str, Any]) -> None:
        own_everything(scenario)
        for owner in scenario["prosumers"]:
            for entry in owner["devices"]:
                keep = {key: entry[key] for key in ("type", "name", "template") if key in entry}
                if "template" in entry:
                    continue
                name = f"{owner['name']}_{entry.get('name', entry['type'])}"
                scenario["templates"][name] = {entry["type"]: {k: v for k, v in entry.items() if k not in keep}}
                entry.clear()
                entry.update(keep, template=name)

    (tmp_path / "plain").mkdir()
    (tmp_path / "moved").mkdir()
    plain = load(write(tmp_path / "plain", own_everything, frame=series(ROWS))).scenario
    other = load(write(tmp_path / "moved", moved, frame=series(ROWS))).scenario
    assert {d.type for p in plain.prosumers for d in p.devices} == set(device_kinds())
    assert other.prosumers == plain.prosumers


def test_houses_from_a_table_own_the_new_devices(tmp_path: Path) -> None:
    def with_houses(scenario: dict[str, Any]) -> None:
        own_everything(scenario)
        devices = [dict(entry) for entry in prosumer(scenario, "A")["devices"]]
        scenario["templates"]["house"] = {"devices": devices, "tariffs": ["grid", "district"]}
        scenario["prosumers_file"] = "houses.csv"

    rows = {"name": ["H1", "H2"], "bus": ["5", "6"], "junction_supply": ["5", "4"], "template": ["house"] * 2}
    pd.DataFrame({**rows, "scale": [1.0, 1.0], "shift_minutes": [0, 0]}).to_csv(tmp_path / "houses.csv", index=False)
    for name in ("H1", "H2"):
        tank = found(tmp_path, name, "heat_tank", edit=with_houses)
        assert isinstance(tank, HeatTank)
        assert tank.loss_per_h == 0.02


@pytest.mark.parametrize(
    ("profile", "cop"),
    [
        ({"t_source_c": 5.0, "t_sink_c": 45.0, "quality": 0.5}, 0.5 * 318.15 / 40.0),
        ({"t_source_c": 40.0, "t_sink_c": 45.0, "quality": 0.3}, 0.3 * 318.15 / 10.0),
        ({"t_source_c": -60.0, "t_sink_c": 90.0, "quality": 0.3}, 1.0),
    ],
)
def test_the_cop_follows_from_temperatures(tmp_path: Path, profile: dict[str, float], cop: float) -> None:
    def edit(scenario: dict[str, Any]) -> None:
        own_everything(scenario)
        scenario["profiles"]["cop"] = {"source": "carnot", **profile}
        device(scenario, "A", "heat_pump")["cop"] = "cop"

    pump = found(tmp_path, "A", "heat_pump", edit=edit)
    assert isinstance(pump, HeatPump)
    assert pump.cop == pytest.approx(cop)


def test_the_cop_follows_the_air(tmp_path: Path) -> None:
    """Half of Carnot's between the air of the weather (a station's file) and 40 degC."""
    frame = series(ROWS)
    air_c = np.linspace(-5.0, 6.0, ROWS)
    weather = {"time": frame["time"], "ghi_w_per_m2": 0.0, "dni_w_per_m2": 0.0, "dhi_w_per_m2": 0.0, "t_air_c": air_c}
    pd.DataFrame(weather).to_csv(tmp_path / "weather.csv", index=False)

    def edit(scenario: dict[str, Any]) -> None:
        own_everything(scenario)
        place = {"latitude_deg": 52.0, "longitude_deg": 13.0}
        scenario["weather"] = {"source": "file", "file": "weather.csv", **place}
        scenario["profiles"]["cop"] = {"source": "carnot", "t_sink_c": 40.0, "quality": 0.5}
        device(scenario, "A", "heat_pump")["cop"] = "cop"

    pump = found(tmp_path, "A", "heat_pump", edit=edit)
    assert isinstance(pump, HeatPump)
    assert pump.cop[:5] == pytest.approx(0.5 * 313.15 / (40.0 - air_c[[5, 5, 5, 5, 6]]))


@pytest.mark.parametrize(
    ("owner", "name", "key", "value", "place", "problem"),
    [
        ("A", "ev", "departure", "18:00", "ev.departure", "is the time of its arrival"),
        ("A", "ev", "departure", "25:00", "ev.departure", "is not a time of day"),
        ("A", "van", "departure", "05:40", "van.departure", "leaves no whole interval of 15 min"),
        ("A", "van", "power_kw", 5.0, "van.energy_kwh.departure", "charge arrival = 10 kWh to 14.65 kWh in the 1 h"),
        (
            "A",
            "van",
            "energy_kwh",
            {"max": 40.0, "arrival": 41.0, "departure": 30.0},
            "van.energy_kwh.arrival",
            "outside",
        ),
        (
            "A",
            "van",
            "energy_kwh",
            {"min": 9.0, "max": 9.0, "arrival": 9.0, "departure": 9.0},
            "van.energy_kwh.min",
            "below",
        ),
        ("A", "heat_tank", "loss_per_h", 1.0, "heat_tank.loss_per_h", "less than 1"),
        (
            "A",
            "heat_tank",
            "energy_kwh",
            {"max": 30.0, "initial": 1.0, "final": 29.0},
            "heat_tank.energy_kwh.final",
            "loss",
        ),
        ("B", "generator", "min_kw", 11.0, "generator.min_kw", "is above max_kw = 10"),
        ("B", "gas_boiler", "fuel_price_per_kwh", "gas", "gas_boiler.fuel_price_per_kwh", "no such profile"),
        ("B", "gas_boiler", "efficiency", 0.0, "gas_boiler.efficiency", "at least 0.01"),
        ("A", "chp", "power_to_heat", -0.5, "chp.power_to_heat", "at least 0.01"),
        ("A", "electric_boiler", "efficiency", 1.2, "electric_boiler.efficiency", "at most 1"),
        ("B", "elastic_load", "utility_slope_per_kw2h", -0.1, "elastic_load.utility_slope_per_kw2h", "at least 0"),
    ],
)
def test_impossible_values_are_named(
    tmp_path: Path, owner: str, name: str, key: str, value: object, place: str, problem: str
) -> None:
    found = fault(tmp_path, lambda scenario: device(scenario, owner, name).update({key: value}))
    assert found.place == f"prosumers.{owner}.{place}"
    assert problem in found.problem
    assert found.remedy


def test_a_tank_that_cannot_keep_its_least_level_is_named(tmp_path: Path) -> None:
    levels = {"min": 20.0, "max": 30.0, "initial": 25.0, "final": 20.0}
    change = {"loss_per_h": 0.5, "power_kw": 5.0, "energy_kwh": levels}
    found = fault(tmp_path, lambda scenario: device(scenario, "A", "heat_tank").update(change))
    assert found.place == "prosumers.A.heat_tank.energy_kwh.min"
    assert "loses 3.1" in found.problem


def test_a_fuel_price_without_a_number_is_named(tmp_path: Path) -> None:
    frame = series(ROWS)
    frame["gas"] = [0.2] * 6 + [float("nan")] + [0.2] * 5

    def edit(scenario: dict[str, Any]) -> None:
        own_everything(scenario)
        scenario["profiles"]["gas"] = {"file": "series.csv", "column": "gas"}
        device(scenario, "A", "chp")["fuel_price_per_kwh"] = "gas"

    (found,) = check(write(tmp_path, edit, frame=frame))
    assert found.place == "profiles.gas.column"
    assert "has no number at 2017-03-21T06:00:00+01:00" in found.problem

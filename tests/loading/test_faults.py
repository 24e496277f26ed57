"""Planted faults: each is found, named with place, value and remedy, and none hides another."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandapower
import pandas as pd
import pytest

import made_scenario as made
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading import check, load
from mosaik_p2p.networks.empty_nets import empty_electric_net

Tables = dict[str, Any]


def faults_of(folder: Path, edit: Callable[[Tables], None], **options: Any) -> dict[str, Fault]:
    """The faults of a scenario by place."""
    faults = check(made.write(folder, edit, **options))
    by_place = {fault.place: fault for fault in faults}
    assert len(by_place) == len(faults)
    return by_place


def test_the_scenario_that_faults_are_planted_in_has_none(tmp_path: Path) -> None:
    assert check(made.write(tmp_path)) == ()


def test_five_faults_in_five_layers_are_all_reported_at_once(tmp_path: Path) -> None:
    def plant(scenario: Tables) -> None:
        scenario["market"]["relativ_gap"] = 1e-3
        made.device(scenario, "B", "battery")["efficiency"] = {"charge": 1.3}
        scenario["profiles"]["heat_a"] = {"file": "nowhere.csv", "column": "heat_a_kw"}
        made.prosumer(scenario, "A")["bus"] = "99"

    frame = made.series()
    frame.loc[2, "load_a_kw"] = np.nan
    path = made.write(tmp_path, plant, frame=frame)
    with pytest.raises(BadInput) as refused:
        load(path)
    faults = {fault.place: fault for fault in refused.value.faults}
    assert set(faults) == {
        "market.relativ_gap",
        "prosumers.B.battery.efficiency.charge",
        "profiles.heat_a.file",
        "profiles.load_a.column",
        "prosumers.A.bus",
    }
    assert faults["prosumers.B.battery.efficiency.charge"].value == "1.3"
    for place in faults:
        assert place in str(refused.value)


def setter(*path: str, value: Any) -> Callable[[Tables], None]:
    """A change of one value; prosumers and devices by name."""

    def plant(scenario: Tables) -> None:
        if path[0] != "prosumers":
            node = scenario
        elif len(path) > 3:
            node = made.device(scenario, path[1], path[2])
        else:
            node = made.prosumer(scenario, path[1])
        way = path[:-1] if path[0] != "prosumers" else path[3:-1]
        for part in way:
            node = node.setdefault(part, {})
        node[path[-1]] = value

    return plant


HEAT_LIMITS = ("networks", "heat", "limits")
GRID = ("networks", "electricity")
SINGLE_FAULTS = [
    (
        "missing profile",
        setter("prosumers", "A", "pv", "profile", value="pv_unti"),
        "prosumers.A.pv.profile",
        "'pv_unit'",
    ),
    ("missing background", setter(*GRID, "background", value="dya"), "networks.electricity.background", "'day'"),
    ("missing file", setter("profiles", "day", "file", value="x.csv"), "profiles.day.file", "relative"),
    ("missing column", setter("profiles", "day", "column", value="backgroud"), "profiles.day.column", "background"),
    ("unknown bus", setter("prosumers", "A", "bus", value="Bus 13"), "prosumers.A.bus", "mean '13'"),
    ("unknown bus index", setter("prosumers", "A", "bus", value=77), "prosumers.A.bus", "Known buses"),
    ("unknown node", setter("prosumers", "A", "junction", value="17"), "prosumers.A.junction", "'7'"),
    (
        "unknown junction",
        setter("prosumers", "A", "junction", value={"supply": "S77", "return": "R7"}),
        "prosumers.A.junction.supply",
        "'S7'",
    ),
    (
        "junction of the other side",
        setter("prosumers", "A", "junction", value={"supply": "S7", "return": "S4"}),
        "prosumers.A.junction.return",
        "return side",
    ),
    ("unknown load", setter("prosumers", "A", "replaces_load", value="x"), "prosumers.A.replaces_load", "Known loads"),
    ("unknown tariff", setter("prosumers", "B", "tariffs", value=["gird"]), "prosumers.B.tariffs", "'grid'"),
    ("two contracts", setter("prosumers", "B", "tariffs", value=["grid", "grid"]), "prosumers.B.tariffs", "Leave one"),
    (
        "contract without place",
        setter("prosumers", "B", "tariffs", value=["district"]),
        "prosumers.B.tariffs",
        "junction",
    ),
    ("unknown case", setter(*GRID, "case", value="bus51"), "networks.electricity.case", "'bus15'"),
    ("unknown heat case", setter("networks", "heat", "case", value="heat9"), "networks.heat.case", "'heat8'"),
    (
        "unknown bypass",
        setter("networks", "heat", "bypass", "nodes", value=["4", "x"]),
        "networks.heat.bypass.nodes",
        "node",
    ),
    (
        "unknown element",
        setter(*GRID, "limits", "element", value=[{"table": "line", "name": "3-5", "loading_percent": 5}]),
        "networks.electricity.limits.element[0].name",
        "Did you mean",
    ),
    (
        "unknown mechanism",
        setter("charges", "heat", "mechanism", value="hydraulic_distance"),
        "charges.heat.mechanism",
        "thermal_distance",
    ),
    (
        "excluding voltages",
        setter(*GRID, "limits", "voltage_pu", "min", value=1.1),
        "networks.electricity.limits.voltage_pu.min",
        "widen",
    ),
    (
        "temperature that nothing reaches",
        setter("networks", "heat", "limits", "t_supply_min_c", value=75.0),
        "networks.heat.limits.t_supply_min_c",
        "Lower",
    ),
    (
        "forced load above its maximum",
        setter("prosumers", "A", "heating", "min_kw", value=20.0),
        "prosumers.A.heating.min_kw",
        "room",
    ),
    (
        "forecast above the maximum",
        setter("prosumers", "A", "heating", "max_kw", value=5.0),
        "prosumers.A.heating.max_kw",
        "profile",
    ),
    (
        "storage beyond its levels",
        setter("prosumers", "B", "battery", "energy_kwh", "initial", value=11.0),
        "prosumers.B.battery.energy_kwh.initial",
        "within",
    ),
    (
        "efficiency over 1",
        setter("prosumers", "B", "battery", "efficiency", "discharge", value=1.01),
        "prosumers.B.battery.efficiency.discharge",
        "bound",
    ),
    ("no horizon", setter("time", "horizon_steps", value=0), "time.horizon_steps", "bound"),
    ("horizon of less than a step", setter("time", "horizon_steps", value=0.5), "time.horizon_steps", "integer"),
    (
        "two limits for one element",
        setter(
            *GRID,
            "limits",
            "element",
            value=[
                {"table": "line", "name": "3-4", "loading_percent": 80},
                {"table": "line", "name": "4-5", "loading_percent": 80},
                {"table": "line", "name": "3-4", "loading_percent": 90},
            ],
        ),
        "networks.electricity.limits.element[2].loading_percent",
        "Keep one",
    ),
    (
        "two limits for one pipe",
        setter(
            "networks",
            "heat",
            "limits",
            "element",
            value=[
                {"table": "prosumer", "name": "A", "t_supply_min_c": 61.0},
                {"table": "prosumer", "name": "A", "t_supply_min_c": 61.0, "differential_pressure_bar": 0.6},
            ],
        ),
        "networks.heat.limits.element[1].t_supply_min_c",
        "Keep one",
    ),
    (
        "limit of an unknown plant",
        setter(*HEAT_LIMITS, "element", value=[{"table": "plant", "name": "plnt", "plant_heat_max_kw": 100.0}]),
        "networks.heat.limits.element[0].name",
        "'plant'",
    ),
    (
        "a plant's limit of a pipe",
        setter(*HEAT_LIMITS, "element", value=[{"table": "plant", "name": "plant", "velocity_m_per_s": 1.0}]),
        "networks.heat.limits.element[0]",
        "`plant_heat_max_kw` or `pump_head_max_bar`",
    ),
    (
        "a plant without power",
        setter(*HEAT_LIMITS, "plant_heat_max_kw", value=0.0),
        "networks.heat.limits.plant_heat_max_kw",
        "within",
    ),
    ("duplicate prosumers", setter("prosumers", "B", "name", value="A"), "prosumers.A.name", "of its own"),
    ("duplicate devices", setter("prosumers", "A", "heating", "name", value="pv"), "prosumers.A.pv.name", "`name`"),
    ("no weather", lambda scenario: scenario.pop("weather"), "profiles.pv_unit.source", "[weather]"),
    ("nobody", setter("prosumers_", value=[]), "prosumers_", "'prosumers'"),
]


@pytest.mark.parametrize(("plant", "place", "hint"), [pytest.param(*rest, id=name) for name, *rest in SINGLE_FAULTS])
def test_a_single_fault_is_found_with_its_place_and_remedy(
    tmp_path: Path, plant: Callable[[Tables], None], place: str, hint: str
) -> None:
    faults = faults_of(tmp_path, plant)
    assert place in faults
    assert hint in faults[place].remedy
    assert faults[place].value
    assert set(faults) <= {place, "prosumers.A.solar_collector"}


def test_negative_generation_is_found(tmp_path: Path) -> None:
    def plant(scenario: Tables) -> None:
        made.device(scenario, "A", "pv")["profile"] = "day"

    frame = made.series()
    frame.loc[3, "background"] = -0.1
    (fault,) = faults_of(tmp_path, plant, frame=frame).values()
    assert fault.place == "profiles.day"
    assert "generation" in fault.problem or "factor" in fault.problem
    assert fault.value == "-0.1"
    assert "2017-03-21T03:00:00+01:00" in fault.problem


def test_negative_forecasts_are_found_too(tmp_path: Path) -> None:
    frame = made.series()
    frame.loc[3, "heat_a_forecast_kw"] = -0.1
    (fault,) = faults_of(tmp_path, lambda _: None, frame=frame).values()
    assert fault.place == "profiles.heat_a"


def test_times_in_messages_are_at_the_scenarios_own_offset(tmp_path: Path) -> None:
    frame = made.series(made.STEPS - 1)
    frame.loc[2, "load_a_kw"] = np.nan
    faults = faults_of(tmp_path, lambda _: None, frame=frame)
    assert "2017-03-21T03:00:00+01:00" in faults["profiles.day.file"].problem
    assert "+00:00" not in " ".join(str(fault) for fault in faults.values())


def heat_loads(values: dict[int, float], *, steps: int) -> Any:
    """Profiles whose heat load is 5 kW but where `values` says otherwise, by hour of the span."""
    frame = made.series(steps)
    frame["heat_a_kw"] = frame["heat_a_forecast_kw"] = [values.get(hour, 5.0) for hour in range(steps)]
    return frame


CUT_DAYS = 33
"""Intervals from 18:00 on: 6 hours, a whole day, and 3 hours."""


@pytest.mark.parametrize(
    ("hours", "kw", "key", "day"),
    [
        (range(6), 25.0, "max_kw", 1),
        (range(30, 33), 25.0, "max_kw", 3),
        (range(6), 1.0, "min_kw", 1),
        (range(30, 33), 1.0, "min_kw", 3),
    ],
)
def test_energy_of_the_part_days_at_both_ends_fits_the_limits(
    tmp_path: Path, hours: range, kw: float, key: str, day: int
) -> None:
    def plant(scenario: Tables) -> None:
        scenario["time"] |= {"start": scenario["time"]["start"].replace(hour=18), "steps": CUT_DAYS - made.HORIZON + 1}
        made.device(scenario, "A", "heating")["min_kw"] = 2.0

    frame = heat_loads(dict.fromkeys(hours, kw), steps=CUT_DAYS)
    frame["time"] = pd.date_range("2017-03-21T18:00:00+01:00", periods=CUT_DAYS, freq="h").map(str)
    faults = faults_of(tmp_path, plant, frame=frame)
    assert set(faults) == {f"prosumers.A.heating.{key}"}
    assert f"day {day}" in faults[f"prosumers.A.heating.{key}"].problem
    assert "of it" in faults[f"prosumers.A.heating.{key}"].problem


def test_a_peak_that_can_be_shifted_within_its_part_day_is_no_fault(tmp_path: Path) -> None:
    frame = heat_loads({2: 25.0}, steps=made.SPAN)
    assert faults_of(tmp_path, lambda _: None, frame=frame) == {}


def test_lengths_that_are_not_known_cut_no_day(tmp_path: Path) -> None:
    def plant(scenario: Tables) -> None:
        scenario["time"]["horizon_steps"] = 0
        scenario["time"]["steps"] = 1

    frame = heat_loads({0: 25.0}, steps=made.SPAN)
    assert set(faults_of(tmp_path, plant, frame=frame)) == {"time.horizon_steps"}


def test_the_network_form_needs_a_network_without_loops(tmp_path: Path) -> None:
    net = empty_electric_net()
    buses = [pandapower.create_bus(net, vn_kv=0.4, name=str(number)) for number in range(3)]
    pandapower.create_ext_grid(net, buses[0])
    for start, end in ((0, 1), (1, 2), (2, 0)):
        pandapower.create_line(net, buses[start], buses[end], length_km=0.1, std_type="NAYY 4x50 SE")
    pandapower.to_json(net, str(tmp_path / "grid.json"))

    def plant(scenario: Tables) -> None:
        scenario["networks"]["electricity"] = {"file": "grid.json"}
        scenario["market"]["form"] = "network"
        made.prosumer(scenario, "A")["bus"] = "0"
        made.prosumer(scenario, "B")["bus"] = "1"
        scenario["prosumers"].append({**made.prosumer(scenario, "B"), "name": "C", "bus": "2"})

    (fault,) = faults_of(tmp_path, plant).values()
    assert (fault.place, fault.value) == ("market.form", "'network'")
    assert "electricity" in fault.problem
    assert '"bilateral"' in fault.remedy
    uniform = 'charges.electricity={ mechanism="uniform", rate=1 }'
    for harmless in ("market.form=auto", "market.form=bilateral", uniform):
        assert check(tmp_path / "made.toml", [harmless]) == ()


def test_a_profile_must_cover_the_steps_of_the_run(tmp_path: Path) -> None:
    """That is a fault of the file: told once, whatever the number of its columns that profiles use."""
    assert faults_of(tmp_path, lambda _: None, frame=made.series(made.STEPS)) == {}
    faults = faults_of(tmp_path, lambda _: None, frame=made.series(made.STEPS - 1))
    (fault,) = faults.values()
    assert (fault.place, fault.value) == ("profiles.day.file", "'series.csv'")
    assert "load_a" in fault.problem
    assert "2017-03-21T00:00:00+01:00 to 2017-03-21T04:00:00+01:00" in fault.remedy
    assert "a smaller time.steps" in fault.remedy


def charging_for(hours: float) -> float:
    """Level of B's battery (5 kW, initial 2 kWh) after charging at the default efficiency, in kWh."""
    return 2.0 + 5.0 * 0.95 * hours


def test_a_final_level_that_one_look_ahead_cannot_reach(tmp_path: Path) -> None:
    def plant(scenario: Tables) -> None:
        made.device(scenario, "B", "battery")["energy_kwh"] = {"max": 99.0, "initial": 2.0, "final": final}

    final = charging_for(made.HORIZON)
    assert faults_of(tmp_path, plant) == {}
    final += 0.001
    (fault,) = faults_of(tmp_path, plant).values()
    assert fault.place == "prosumers.B.battery.energy_kwh.final"
    assert "to 30.5 kWh in 6 h" in fault.problem
    path = tmp_path / "made.toml"
    assert check(path, ["prosumers.B.battery.power_kw=5.1"]) == ()
    assert check(path, ["prosumers.B.battery.energy_kwh.initial=2.1"]) == ()
    # Where the horizon is faulty itself, nothing can be said about the level.
    assert [fault.place for fault in check(path, ["time.horizon_steps=0"])] == ["time.horizon_steps"]


def test_an_index_in_quotes_is_told_from_a_name(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, setter("prosumers", "A", "bus", value="0"))
    assert "without quotes: 0." in faults["prosumers.A.bus"].remedy
    for none in ("77", "²"):
        faults = faults_of(tmp_path, setter("prosumers", "A", "bus", value=none))
        assert "quotes" not in faults["prosumers.A.bus"].remedy


IMPOSSIBLE: list[tuple[tuple[str, ...], Any, str]] = [
    (("time", "steps"), 110_001, "110000"),
    (("time", "horizon_steps"), 10_001, "10000"),
    (("networks", "heat", "t_supply_c"), 130.1, "130"),
    (("networks", "heat", "t_feed_c"), 131.0, "130"),
    (("networks", "heat", "t_return_c"), -1.0, "0"),
    (("networks", "heat", "t_ground_c"), -31.0, "-30"),
    (("networks", "heat", "bypass", "mdot_kg_per_s"), 1000.1, "1000"),
    ((*GRID, "slack_voltage_pu"), 0.79, "0.8"),
    ((*GRID, "slack_voltage_pu"), 1.21, "1.2"),
    (("tariffs", "grid", "import_max_kw"), 1.1e9, "1000000000"),
    (("tariffs", "grid", "export_max_kw"), 1.1e9, "1000000000"),
    (("prosumers", "A", "shift_minutes"), 1441, "1440"),
    (("prosumers", "A", "shift_minutes"), -1441, "-1440"),
]


@pytest.mark.parametrize(("path", "value", "limit"), IMPOSSIBLE)
def test_what_cannot_be_is_refused_with_the_limit(
    path: tuple[str, ...], value: float, limit: str, tmp_path: Path
) -> None:
    def plant(scenario: Tables) -> None:
        if path[0] == "prosumers":
            made.prosumer(scenario, path[1])[path[2]] = value
        else:
            setter(*path, value=value)(scenario)

    fault = faults_of(tmp_path, plant)[".".join(path)]
    assert fault.problem in (f"must be at least {limit}", f"must be at most {limit}")


@pytest.mark.parametrize(
    "start",
    ["0001-01-01T00:00:00+01:00", "1699-12-31T00:00:00Z", "2201-01-01T00:00:00Z", "9999-12-31T00:00:00Z"],
)
def test_a_start_beyond_the_calendar_is_a_fault(start: str, tmp_path: Path) -> None:
    (fault,) = check(made.write(tmp_path), [f"time.start={start}"])
    assert fault.place == "time.start"
    assert "1700 to 2200" in fault.problem


def test_a_start_in_quotes_is_told_of_the_quotes(tmp_path: Path) -> None:
    (fault,) = check(made.write(tmp_path), ['time.start="2017-03-21T00:00:00+01:00"'])
    assert (fault.place, fault.problem) == ("time.start", "is a text, not a date with time")
    assert "without quotes" in fault.remedy


@pytest.mark.parametrize(
    "value", ["1" + "0" * 5000, "0x1" + "0" * 6000, "1" + "0" * 400, "[" * 3000, "[" * 60 + "]" * 60]
)
@pytest.mark.parametrize("key", ["profiles.cop.value", "time.steps", "prosumers.A.heat_pump.cop"])
def test_numbers_and_nesting_beyond_measure_are_faults(key: str, value: str, tmp_path: Path) -> None:
    path = made.write(tmp_path)
    assert [fault.place for fault in check(path, [f"{key}={value}"])] == [key]
    path.write_text(f"{path.read_text(encoding='utf-8')}\n[extra]\nkey = {value}\n", encoding="utf-8")
    assert len(check(path)) == 1


def test_a_key_of_thousands_of_parts_is_a_fault(tmp_path: Path) -> None:
    parts = ".".join("a" * 3000)
    assert len(check(made.write(tmp_path), [f"{parts}=1"])) == 1
    (tmp_path / "deep.toml").write_text(f"[{parts}]\nb = 1\n", encoding="utf-8")
    (fault,) = check(tmp_path / "deep.toml")
    assert "nested deeper" in fault.problem


def test_only_plain_digits_are_an_index(tmp_path: Path) -> None:
    path = made.write(tmp_path)
    assert check(path, ["prosumers.0.bus=3"]) == ()
    for text in (
        "prosumers.².bus=3",
        "prosumers.A.devices.².peak_kw=3",
        "prosumers.٣.bus=3",
        f"prosumers.{'1' * 5000}.bus=3",
    ):
        (fault,) = check(path, [text])
        assert "nothing of this name" in fault.problem


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    """Such as a device or a pipe: it may never end, or never begin."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def plant(scenario: Tables) -> None:
        scenario["profiles"]["day"]["file"] = str(pipe)
        scenario["weather"] = {"source": "file", "file": str(pipe), "latitude_deg": 50.0, "longitude_deg": 8.0}
        scenario["networks"]["electricity"] = {"file": str(pipe)}
        scenario["networks"]["heat"] = {"file": str(pipe)}
        scenario["prosumers_file"] = str(pipe)

    faults = faults_of(tmp_path, plant)
    places = ("profiles.day.file", "weather.file", "networks.electricity.file", "networks.heat.file", "prosumers_file")
    for place in places:
        assert "no regular file" in faults[place].problem


def test_columns_of_a_spreadsheet_with_decimal_commas(tmp_path: Path) -> None:
    path = made.write(tmp_path, lambda scenario: scenario.update(prosumers_file="houses.csv"))
    made.series().to_csv(tmp_path / "series.csv", index=False, sep=";", decimal=",", encoding="utf-8-sig")
    (tmp_path / "houses.csv").write_text("name;bus\nH;5\n", encoding="utf-8")
    faults = {fault.place: fault for fault in check(path)}
    assert set(faults) == {
        f"profiles.{column}" for column in ("day.column", "load_a.column", "heat_a.column", "heat_a.forecast_column")
    }
    for fault in faults.values():
        assert "line 2 has '" in fault.problem
        assert "has a comma in it. Write decimals with a point" in fault.remedy


def test_a_scenario_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = made.write(tmp_path)
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert check(path) == ()


def test_a_horizon_that_is_not_known_makes_no_profile_too_short(tmp_path: Path) -> None:
    assert set(faults_of(tmp_path, setter("time", "horizon_steps", value=-1))) == {"time.horizon_steps"}


def test_a_start_without_offset_hides_no_other_fault(tmp_path: Path) -> None:
    def plant(scenario: Tables) -> None:
        scenario["time"]["start"] = scenario["time"]["start"].replace(tzinfo=None)
        made.prosumer(scenario, "A")["junction"] = "x"

    assert set(faults_of(tmp_path, plant)) == {"time.start", "prosumers.A.junction"}


def test_a_prosumer_on_no_network(tmp_path: Path) -> None:
    def plant(scenario: Tables) -> None:
        b = made.prosumer(scenario, "B")
        del b["bus"]
        b["junction"] = "4"
        b["tariffs"] = []
        del scenario["networks"]["heat"]

    (fault,) = faults_of(tmp_path, plant).values()
    assert fault.place == "prosumers.B"
    assert "no network" in fault.problem


def test_a_place_that_is_itself_faulty_does_not_count_as_none(tmp_path: Path) -> None:
    assert set(faults_of(tmp_path, setter("prosumers", "B", "bus", value=1.5))) == {"prosumers.B.bus"}


def test_a_bus_without_connection_to_the_slack(tmp_path: Path) -> None:
    net = empty_electric_net()
    buses = [pandapower.create_bus(net, vn_kv=0.4, name=name) for name in ("slack", "end", "island", "dark")]
    pandapower.create_ext_grid(net, buses[0])
    pandapower.create_line(net, buses[0], buses[1], length_km=0.1, std_type="NAYY 4x50 SE")
    net.bus.loc[buses[3], "in_service"] = False
    pandapower.to_json(net, str(tmp_path / "grid.json"))

    def plant(scenario: Tables) -> None:
        scenario["networks"]["electricity"] = {"file": "grid.json"}
        made.prosumer(scenario, "A")["bus"] = "island"
        made.prosumer(scenario, "B")["bus"] = "dark"

    faults = check(made.write(tmp_path, plant))
    assert all(fault.place.startswith("networks.electricity") for fault in faults)
    assert "island" in faults[0].value

    net.bus.loc[buses[2], "in_service"] = False
    pandapower.to_json(net, str(tmp_path / "grid.json"))
    faults = check(tmp_path / "made.toml")
    assert [fault.place for fault in faults] == ["prosumers.A.bus", "prosumers.B.bus"]
    assert all("out of service" in fault.problem for fault in faults)


def test_an_own_network_that_is_not_there_hides_no_other_fault(tmp_path: Path) -> None:
    def plant(scenario: Tables) -> None:
        scenario["networks"]["electricity"] = {"file": "grid.json"}
        del scenario["networks"]["heat"]["case"]
        scenario["networks"]["heat"]["file"] = "heat.json"
        del scenario["networks"]["heat"]["bypass"]
        made.device(scenario, "A", "heat_pump")["cop"] = "nothing"

    faults = faults_of(tmp_path, plant)
    assert {"networks.electricity.file", "networks.heat.file", "prosumers.A.heat_pump.cop"} == set(faults)


def test_a_fault_that_many_share_is_told_once(tmp_path: Path) -> None:
    def plant(scenario: Tables) -> None:
        for name in ("load_a", "day", "heat_a"):
            scenario["profiles"][name]["file"] = "nowhere.csv"
        for name in ("A", "B"):
            made.prosumer(scenario, name)["tariffs"] = ["gird"]

    faults = faults_of(tmp_path, plant)
    assert set(faults) == {"profiles.day.file", "prosumers.A.tariffs"}
    assert "load_a, heat_a" in faults["profiles.day.file"].problem
    assert "(so too at B)" in faults["prosumers.A.tariffs"].problem


def test_text_that_is_no_toml_is_shown_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text('name = "x"\n[time\nsteps = 3\n', encoding="utf-8")
    (fault,) = check(path)
    assert fault.place == "bad.toml, line 2"
    assert fault.value == "'[time'"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"name = 'x", b""])
def test_files_that_hold_no_scenario(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    assert check(path)


def test_a_folder_is_no_scenario(tmp_path: Path) -> None:
    (fault,) = check(tmp_path)
    assert "folder" in fault.problem


HOUSE_FAULTS = [
    ("name,buss\nH1,5\n", "prosumers_file", "'bus'"),
    ("bus\n5\n", "prosumers_file", "Name every house"),
    ("name,bus,scale\nH1,5,big\n", "houses.csv:2.scale", "a number"),
    ("name,bus,shift_minutes\nH1,5,1.5\n", "houses.csv:2.shift_minutes", "an integer"),
    ("name,bus\n,5\n", "houses.csv:2.name", "Add it"),
    ("name,bus\nA.1,5\n", "houses.csv:2.name", "hyphen"),
    ("name,bus,junction_return\nH1,5,R4\n", "houses.csv:2.junction_supply", "Add it"),
    ("name,bus,template\nH1,5,hous\n", "houses.csv:2.template", "templates"),
    ("name,bus\nH1,55\n", "prosumers.H1.bus", "'5'"),
    ("name,bus,replaces_load\nH1,5,5\nH2,5,5\n", "prosumers.H1.replaces_load", "once"),
]


@pytest.mark.parametrize(("text", "place", "hint"), HOUSE_FAULTS)
def test_faults_in_a_table_of_houses(tmp_path: Path, text: str, place: str, hint: str) -> None:
    (tmp_path / "houses.csv").write_text(text, encoding="utf-8")
    faults = faults_of(tmp_path, lambda scenario: scenario.update(prosumers_file="houses.csv"))
    assert set(faults) == {place}
    assert hint in faults[place].remedy


def test_a_table_of_houses_that_is_not_there(tmp_path: Path) -> None:
    faults = faults_of(tmp_path, lambda scenario: scenario.update(prosumers_file="houses.csv"))
    assert set(faults) == {"prosumers_file"}


def test_faults_of_overrides_are_reported_with_the_others(tmp_path: Path) -> None:
    path = made.write(tmp_path, setter("prosumers", "A", "bus", value="99"))
    faults = check(path, ["prosumers.A.pvv.peak_kw=3", "nonsense", "time.steps=-1"])
    assert {fault.place for fault in faults} == {"prosumers.A.pvv.peak_kw", "--set", "time.steps", "prosumers.A.bus"}


def test_a_prosumer_must_not_be_named_like_a_party_of_the_settlement(tmp_path: Path) -> None:
    found = faults_of(tmp_path, lambda tables: tables["prosumers"][0].update(name="operator"))
    assert any("party of the settlement" in fault.problem for fault in found.values())


def test_reputation_is_no_length_of_a_path(tmp_path: Path) -> None:
    def edit(tables: dict[str, Any]) -> None:
        tables["market"] |= {"form": "network", "reputation": {"benefit_per_kwh": 0.001}}

    found = faults_of(tmp_path, edit)
    assert "from pair to pair" in found["market.form"].problem
    assert "bilateral" in found["market.form"].remedy


def test_a_design_names_prosumers_that_there_are() -> None:
    overrides = ["market.design=dlmp", "market.dlmp.weights={ A = 1.2, Q = 1.5 }"]
    (fault,) = check("network1_electric", overrides=overrides)
    assert fault.place == "market.dlmp.weights.Q"
    assert "'Q'" in fault.problem

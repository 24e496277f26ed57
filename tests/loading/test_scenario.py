"""The scenario as tables: schema, faults of every kind at once, templates, overrides, draws."""

import ast
from inspect import getfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_scenario import tables
from mosaik_p2p.charges import kinds
from mosaik_p2p.scenario.overrides import overridden, parsed
from mosaik_p2p.scenario.parts.houses import SCALE_SIGMA, drawn
from mosaik_p2p.scenario.parts.tariffs import Tariff
from mosaik_p2p.scenario.placed_tables import PlacedTable, merged, place_at, placed, without
from mosaik_p2p.scenario.read import Reading, read_tree
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.scenario.templates import expanded
from mosaik_p2p.sections.names import did_you_mean, nearest


def read(scenario: dict) -> Reading:
    tree, faults = expanded(placed(scenario))
    assert not faults
    return read_tree(tree)


def places(scenario: dict) -> set[str]:
    return {fault.place for fault in read(scenario).faults}


def test_a_scenario_with_every_section_is_read_without_fault() -> None:
    reading = read(tables())
    assert reading.faults == ()
    a, b = reading.scenario.prosumers
    assert [device.name for device in a.devices] == [
        "flexible_load",
        "pv",
        "battery",
        "heating",
        "solar_collector",
        "heat_pump",
    ]
    assert a.devices[2].power_kw == 12.0
    assert b.devices[1].energy_kwh.final_kwh == 3.0
    assert reading.scenario.networks.electricity.limits.element[1].voltage_pu.min == 0.96


SAID_ELSEWHERE = {"type", "name", "source", "mechanism"}
"""Keys that tell a table's kind or call it by name."""


BASES_OF_SECTIONS = {"Section", "DeviceSection", "GridSource", "ChargeMechanism"}
PLACES_OF_SECTIONS = (getfile(Scenario), getfile(kinds))


@pytest.mark.parametrize(
    "path",
    sorted(path for place in PLACES_OF_SECTIONS for path in Path(place).parent.glob("*.py")),
    ids=lambda path: path.stem,
)
def test_every_key_has_its_meaning_and_unit_beside_it(path: Path) -> None:
    for section in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(section, ast.ClassDef) or section.name == "Template":
            continue
        if not {ast.unparse(base) for base in section.bases} & {
            "Section",
            "DeviceSection",
            "GridSource",
            "ChargeMechanism",
        }:
            continue
        for statement, following in pairwise([*section.body, ast.Pass()]):
            if isinstance(statement, ast.AnnAssign) and "ClassVar" not in ast.unparse(statement.annotation):
                key = ast.unparse(statement.target)
                if key == "__pydantic_extra__":
                    continue  # Says of which kind further tables are, and is no key.
                is_text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
                assert is_text or key in SAID_ELSEWHERE, f"{section.name}.{key}"


def test_defaults_work_with_the_least_that_a_scenario_can_say() -> None:
    least = {"name": "least", "time": {"start": tables()["time"]["start"]}}
    reading = read(least)
    assert reading.faults == ()
    assert reading.scenario.market.relative_gap == 1e-3
    assert reading.scenario.time.span_steps == 47


def test_a_scenario_does_not_change_once_read() -> None:
    scenario = read(tables()).scenario
    with pytest.raises(ValueError, match="frozen"):
        scenario.market.form = "network"  # type: ignore[misc]


def test_unknown_keys_are_refused_with_the_nearest_known_one() -> None:
    scenario = tables()
    scenario["market"]["relativ_gap"] = 1e-4
    scenario["scales"] = {"load": 2.0}
    faults = {fault.place: fault for fault in read(scenario).faults}
    assert set(faults) == {"market.relativ_gap", "scales"}
    assert "'relative_gap'" in faults["market.relativ_gap"].remedy
    assert "'scale'" in faults["scales"].remedy


def test_an_unknown_device_is_refused_with_the_known_types() -> None:
    scenario = tables()
    scenario["prosumers"][1]["devices"].append({"type": "wind_turbine", "rotor_m": 1.0})
    (fault,) = read(scenario).faults
    assert fault.place == "prosumers.B.wind_turbine.type"
    assert "heat_tank" in fault.remedy
    assert "flexible_load" in fault.remedy


def test_faults_of_one_table_hide_none_of_another() -> None:
    scenario = tables()
    scenario["time"]["start"] = scenario["time"]["start"].replace(tzinfo=None)
    scenario["time"]["horizon_steps"] = 0
    scenario["networks"]["electricity"]["limits"]["voltage_pu"] = {"min": 1.2, "max": 1.1}
    scenario["networks"]["heat"]["t_return_c"] = 80.0
    scenario["prosumers"][0]["devices"][1]["peak_kw"] = "sixty"
    battery = scenario["prosumers"][1]["devices"][1]
    battery["efficiency"] = {"charge": 1.3}
    battery["energy_kwh"] = {"max": 10.0, "initial": 12.0}
    del scenario["profiles"]["day"]["column"]
    assert places(scenario) == {
        "time.start",
        "time.horizon_steps",
        "networks.electricity.limits.voltage_pu.min",
        "networks.heat.t_supply_c",
        "prosumers.A.pv.peak_kw",
        "prosumers.B.battery.efficiency.charge",
        "prosumers.B.battery.energy_kwh.initial",
        "profiles.day.column",
    }


def test_what_is_not_faulty_is_still_there_to_be_checked_further() -> None:
    scenario = tables()
    scenario["time"] = {"start": "yesterday"}
    scenario["prosumers"][0]["devices"][1]["peak_kw"] = -1.0
    reading = read(scenario)
    assert reading.lost("time")
    assert reading.lost("prosumers.A")
    assert not reading.lost("prosumers.B")
    assert [device.name for device in reading.scenario.prosumers[0].devices] == [
        "flexible_load",
        "battery",
        "heating",
        "solar_collector",
        "heat_pump",
    ]


def test_a_fault_in_a_template_is_reported_once_and_where_it_stands() -> None:
    scenario = tables()
    scenario["templates"]["cl"]["battery"]["efficiency"]["charge"] = 1.3
    scenario["prosumers"][1]["devices"][1] = {"type": "battery", "template": "cl", "power_kw": 0.0}
    assert places(scenario) == {"templates.cl.battery.efficiency.charge", "prosumers.B.battery.power_kw"}


def test_not_a_number_and_infinity_are_refused() -> None:
    scenario = tables()
    scenario["tariffs"]["district"]["import_max_kw"] = float("inf")
    scenario["profiles"]["cop"]["value"] = float("nan")
    scenario["prosumers"][0]["devices"][5]["cop"] = float("nan")
    assert places(scenario) == {"tariffs.district.import_max_kw", "profiles.cop.value", "prosumers.A.heat_pump.cop"}


@pytest.mark.parametrize("name", ["A.1", "", "A/1", "../A", "A:1", "A*", "A\n", "A\\1", "<A>", " A", "A "])
def test_a_prosumer_whose_name_cannot_stand_in_an_entity_or_a_file_is_refused(name: str) -> None:
    scenario = tables()
    scenario["prosumers"][0]["name"] = name
    (fault,) = read(scenario).faults
    assert fault.place.endswith(".name")
    assert fault.value == repr(name)


@pytest.mark.parametrize("name", ["Müller-Straße 7", "house_1", "Mu\u0308ller", "7", "家"])
def test_names_may_have_letters_of_any_language(name: str) -> None:
    scenario = tables()
    scenario["name"] = scenario["prosumers"][0]["name"] = scenario["prosumers"][1]["devices"][0]["name"] = name
    assert read(scenario).faults == ()


@pytest.mark.parametrize("keys", [("name",), ("prosumers", 1, "devices", 0, "name")])
def test_names_of_scenarios_and_devices_follow_the_same_rule(keys: tuple) -> None:
    scenario = tables()
    node = scenario
    for key in keys[:-1]:
        node = node[key]
    node[keys[-1]] = "a/b"
    (fault,) = read(scenario).faults
    assert fault.value == "'a/b'"
    assert "'/'" in fault.problem
    assert "hyphens" in fault.remedy


STEPS_WITH_FAULTS = [
    ([("00:00", "07:00"), ("08:00", "24:00")], "has no price from 07:00 to 08:00"),
    ([("00:00", "07:00"), ("06:00", "24:00")], "has two prices from 06:00 to 07:00"),
    ([("01:00", "24:00")], "has no price from 00:00 to 01:00"),
    ([("00:00", "23:00")], "has no price from 23:00 to 24:00"),
]


@pytest.mark.parametrize(("steps", "problem"), STEPS_WITH_FAULTS)
def test_a_tariff_covers_the_day_once(steps: list[tuple[str, str]], problem: str) -> None:
    scenario = tables()
    scenario["tariffs"]["grid"]["import_per_kwh"] = [{"from": begin, "to": end, "price": 1.0} for begin, end in steps]
    (fault,) = read(scenario).faults
    assert (fault.place, fault.problem) == ("tariffs.grid.import_per_kwh", problem)


def test_a_step_over_midnight_is_refused_with_its_remedy() -> None:
    scenario = tables()
    scenario["tariffs"]["grid"]["import_per_kwh"] = [{"from": "22:00", "to": "07:00", "price": 1.0}]
    (fault,) = read(scenario).faults
    assert fault.place == "tariffs.grid.import_per_kwh[0]"
    assert "24:00" in fault.remedy


def test_an_export_is_as_wide_as_the_import_unless_it_says_otherwise() -> None:
    base = {"carrier": "electricity", "import_per_kwh": 0.5, "import_max_kw": 10.0}
    assert Tariff.model_validate(base).export_limit_kw == 0.0
    assert Tariff.model_validate({**base, "export_per_kwh": 0.1}).export_limit_kw == 10.0
    assert Tariff.model_validate({**base, "export_per_kwh": 0.1, "export_max_kw": 3.0}).export_limit_kw == 3.0


@pytest.mark.parametrize("table", [{}, {"payer": "both"}])
def test_a_charge_without_mechanism_is_no_charge(table: dict) -> None:
    scenario = tables()
    scenario["charges"]["electricity"] = table
    reading = read(scenario)
    assert reading.faults == ()
    assert reading.scenario.charges.electricity is None


def test_a_misspelt_mechanism_is_not_taken_for_no_charge() -> None:
    scenario = tables()
    scenario["charges"]["electricity"] = {"mechanizm": "uniform", "rat": 0.1, "rate": 0.1}
    faults = {fault.place: fault for fault in read(scenario).faults}
    assert set(faults) == {"charges.electricity.mechanizm", "charges.electricity.rat"}
    assert "'mechanism'" in faults["charges.electricity.mechanizm"].remedy
    assert "'rate'" in faults["charges.electricity.rat"].remedy


def test_a_rate_needs_a_mechanism() -> None:
    scenario = tables()
    del scenario["charges"]["heat"]["mechanism"]
    (fault,) = read(scenario).faults
    assert fault.place == "charges.heat"
    assert "no mechanism" in fault.problem
    assert "thermal_distance" in fault.remedy
    assert "electrical_distance" not in fault.remedy


@pytest.mark.parametrize("t_mean_c", [-65.0, 0.0])
def test_a_thermal_charge_is_never_negative(t_mean_c: float) -> None:
    scenario = tables()
    scenario["charges"]["heat"]["t_mean_c"] = t_mean_c
    assert places(scenario) == {"charges.heat.t_mean_c"}


def test_at_least_one_counterfactual_is_named() -> None:
    scenario = tables()
    scenario["settlement"]["counterfactuals"] = []
    (fault,) = read(scenario).faults
    assert fault.place == "settlement.counterfactuals"
    assert '["alone"]' in fault.remedy


def test_bypasses_have_no_flow_to_give_where_the_network_is_a_file() -> None:
    scenario = tables()
    heat = scenario["networks"]["heat"]
    heat["bypass"] = {"mdot_kg_per_s": 0.08}
    del heat["case"]
    heat["file"] = "heat.json"
    (fault,) = read(scenario).faults
    assert fault.place == "networks.heat.bypass.mdot_kg_per_s"
    assert fault.value == "0.08"


def test_the_devices_own_keys_win_over_the_template_also_inside_tables() -> None:
    scenario = tables()
    scenario["prosumers"][1]["devices"][1] = {"type": "battery", "template": "cl", "energy_kwh": {"initial": 7.0}}
    battery = read(scenario).scenario.prosumers[1].devices[1]
    assert (battery.energy_kwh.initial, battery.energy_kwh.max, battery.power_kw) == (7.0, 55.0, 12.0)


def test_a_household_template_serves_a_whole_prosumer() -> None:
    scenario = tables()
    scenario["templates"]["house"] = {
        "power_factor": 0.9,
        "tariffs": ["grid"],
        "devices": [{"type": "battery", "template": "cl"}, {"type": "fixed_load", "profile": "load_a"}],
    }
    scenario["prosumers"].append({"name": "H", "bus": "5", "template": "house", "power_factor": 0.8})
    house = read(scenario).scenario.prosumers[-1]
    assert (house.power_factor, house.tariffs) == (0.8, ("grid",))
    assert [device.name for device in house.devices] == ["battery", "fixed_load"]


def test_unknown_templates_and_missing_tables_of_a_template() -> None:
    scenario = tables()
    scenario["prosumers"][0]["devices"][2]["template"] = "cll"
    scenario["prosumers"][1]["devices"][0]["template"] = "cl"
    _, faults = expanded(placed(scenario))
    assert [fault.place for fault in faults] == ["prosumers.A.battery.template", "prosumers.B.fixed_load.template"]
    assert "'cl'" in faults[0].remedy
    assert "[templates.cl.fixed_load]" in faults[1].remedy


def overridden_scenario(*texts: str) -> Reading:
    overrides, faults = parsed(texts)
    assert not faults
    tree, faults = overridden(placed(tables()), overrides)
    assert not faults
    tree, _ = expanded(tree)
    return read_tree(tree)


def test_overrides_address_prosumers_and_devices_by_name() -> None:
    reading = overridden_scenario(
        "prosumers.B.battery.power_kw=7",
        "prosumers.A.heating.max_kw=30.5",
        "prosumers.A.devices.pv.peak_kw=1",
        "market.relative_gap=1e-4",
        "market.form=network",
        "scale.load=1.2",
        "time.steps=3",
        "time.start=2018-01-01T00:00:00+01:00",
        "templates.cl.battery.power_kw=3",
        "tariffs.grid.import_per_kwh.0.price=0.5",
        'prosumers.B.bus="7"',
    )
    assert reading.faults == ()
    scenario = reading.scenario
    a, b = scenario.prosumers
    assert (b.devices[1].power_kw, a.devices[3].max_kw, a.devices[1].peak_kw, a.devices[2].power_kw) == (7, 30.5, 1, 3)
    assert (scenario.market.relative_gap, scenario.market.form, scenario.scale.load) == (1e-4, "network", 1.2)
    assert (scenario.time.steps, scenario.time.start.year, b.bus) == (3, 2018, "7")
    assert scenario.tariffs["grid"].import_per_kwh[0].price == 0.5


def test_overrides_may_add_tables_that_the_file_leaves_out() -> None:
    scenario = tables()
    del scenario["scale"]
    tree, faults = overridden(placed(scenario), parsed(["scale.pv=0.5"])[0])
    assert not faults
    assert tree["scale"] == {"pv": 0.5}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("prosumers.C.bus=3", "A, B"),
        ("prosumers.A.batery.power_kw=3", "'battery'"),
        ("prosumers.A.battery=3", "Address a value inside it"),
        ("prosumers.A=3", "Address a value inside it"),
        ("time.steps.x=3", "Address a value of a table"),
    ],
)
def test_an_override_that_addresses_nothing_is_a_fault(text: str, hint: str) -> None:
    overrides, _ = parsed([text])
    _, (fault,) = overridden(placed(tables()), overrides)
    assert hint in fault.remedy


@pytest.mark.parametrize("text", ["time.steps", "=3", "time..steps=3"])
def test_text_that_is_no_override_is_a_fault(text: str) -> None:
    overrides, faults = parsed([text])
    assert overrides == ()
    assert [fault.place for fault in faults] == ["--set"]


def test_an_override_is_checked_like_the_file() -> None:
    reading = overridden_scenario("market.relativ_gap=1e-4", "time.steps=0")
    assert {fault.place for fault in reading.faults} == {"market.relativ_gap", "time.steps"}


def test_nearest_name() -> None:
    assert nearest("Relative_Gap", ["relative_gap", "form"]) == "relative_gap"
    assert nearest("zzz", ["relative_gap"]) is None
    assert did_you_mean("x", []) == "There are no names to choose from."


def test_merging_keeps_the_place_where_a_value_was_written() -> None:
    own = placed({"a": {"x": 1}}, "own")
    under = placed({"a": {"x": 2, "y": 3}, "b": 4}, "under")
    both = merged(own, under)
    assert both == {"a": {"x": 1, "y": 3}, "b": 4}
    assert place_at(both, ("a", "x")) == "own.a.x"
    assert place_at(both, ("a", "y")) == "under.a.y"
    assert place_at(both, ("b",)) == "under.b"
    assert own == {"a": {"x": 1}}


def test_taking_away_moves_no_place() -> None:
    tree = placed({"devices": [{"type": "pv"}, {"type": "battery"}], "other": [1, 2, 3]}, "prosumers.A")
    assert isinstance(tree, PlacedTable)
    rest = without(tree, [("devices", 0), ("other", 0), ("other", 1)])
    assert rest == {"devices": [{"type": "battery"}], "other": [3]}
    assert place_at(rest, ("devices", 0)) == "prosumers.A.battery"
    assert place_at(rest, ("other", 0)) == "prosumers.A.other[2]"
    assert len(tree["other"]) == 3


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text("ab.", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=6,
)
PATHS = [
    ("time",),
    ("time", "start"),
    ("networks", "heat", "limits"),
    ("networks", "electricity", "limits", "element"),
    ("profiles", "day"),
    ("tariffs", "grid", "import_per_kwh"),
    ("prosumers",),
    ("prosumers", 0, "devices"),
    ("prosumers", 0, "devices", 2),
    ("prosumers", 1, "junction"),
    ("templates",),
    ("templates", "cl", "battery"),
    ("charges", "heat"),
    ("weather",),
]


@given(path=st.sampled_from(PATHS), value=JSON_LIKE)
def test_whatever_a_user_writes_gives_faults_and_never_an_exception(path: tuple, value: object) -> None:
    scenario = tables()
    node = scenario
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    tree, faults = expanded(placed(scenario))
    for fault in (*faults, *read_tree(tree).faults):
        assert fault.place
        assert fault.remedy


MEAN_TOLERANCE = 4 * SCALE_SIGMA / np.sqrt(4000)
"""Four standard errors of the mean of 4000 draws."""


def test_draws_have_mean_one_and_depend_on_seed_and_name_alone() -> None:
    draws = [drawn(seed=1, name=f"H{number}", step_minutes=15) for number in range(4000)]
    assert np.mean([draw.scale for draw in draws]) == pytest.approx(1.0, abs=MEAN_TOLERANCE)
    assert {draw.shift_minutes for draw in draws} == set(range(-60, 61, 15))
    assert drawn(seed=1, name="H7", step_minutes=15) == draws[7]
    assert drawn(seed=2, name="H7", step_minutes=15) != draws[7]
    assert drawn(seed=1, name="H7", step_minutes=60).scale == draws[7].scale

"""Network files that no run could use: every table and column by its rule, faults with element, value, remedy."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandapipes as pp
import pandapower
import pandas as pd
import pytest
from pandapower import pandapowerNet

import hostile_nets as nets
import made_scenario as made
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.validate import check
from mosaik_p2p.networks.electric import files as electric_files
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_file
from mosaik_p2p.networks.files.columns import LARGEST_INDEX, Column, Kind, table_faults
from mosaik_p2p.networks.files.electric.columns import COMPUTED, RANGES, REFUSED, electric_tables
from mosaik_p2p.networks.files.heat.columns import heat_tables
from mosaik_p2p.networks.heat import files as heat_files
from mosaik_p2p.networks.heat.choice import HeatSettings, heat_file, junction_index
from mosaik_p2p.networks.heat.flow import HeatConnection
from mosaik_p2p.networks.trial import electric_trial, heat_trial

SETTINGS = HeatSettings(t_supply_c=75.0, t_return_c=45.0, t_feed_c=75.0, t_ground_c=10.0)
NOWHERE = 4711
PLACE = Path("net.json")


def electric_net() -> pandapowerNet:
    """One element, at least, of every table that is computed."""
    net = nets.electric_base()
    medium = pandapower.create_bus(net, vn_kv=20.0, name="M0")
    pandapower.create_transformer(net, medium, 0, std_type="0.4 MVA 20/0.4 kV")
    pandapower.create_sgen(net, 1, p_mw=0.01)
    pandapower.create_gen(net, 1, p_mw=0.01, vm_pu=1.0)
    pandapower.create_storage(net, 1, p_mw=0.0, max_e_mwh=0.1)
    pandapower.create_shunt(net, 1, q_mvar=0.001)
    pandapower.create_ward(net, 1, ps_mw=0.0, qs_mvar=0.0, pz_mw=0.0, qz_mvar=0.0)
    pandapower.create_xward(net, 1, 0.0, 0.0, 0.0, 0.0, r_ohm=0.1, x_ohm=0.1, vm_pu=1.0)
    pandapower.create_impedance(net, 0, 2, rft_pu=0.1, xft_pu=0.1, sn_mva=1.0)
    pandapower.create_switch(net, 0, 0, et="l")
    pandapower.create_motor(net, 1, pn_mech_mw=0.001, cos_phi=0.9)
    pandapower.create_asymmetric_load(net, 1, p_a_mw=0.001)
    pandapower.create_asymmetric_sgen(net, 1, p_a_mw=0.001)
    return net


def heat_net() -> pp.pandapipesNet:
    """One element, at least, of most tables."""
    net = nets.heat_base()
    pp.create_circ_pump_const_mass_flow(net, 2, 0, None, 0.1, 350.0, type="t")
    pp.create_flow_control(net, 1, 3, 0.05)
    pp.create_heat_exchanger(net, 1, 3, 1000.0, inner_diameter_mm=50.0)
    pp.create_valve(net, 0, 1, "ju", 50.0)
    pp.create_pump(net, 0, 1, std_type="P1")
    pp.create_pressure_control(net, 0, 1, 1, 5.0)
    return net


@pytest.fixture(scope="module")
def electric() -> pandapowerNet:
    return electric_net()


@pytest.fixture(scope="module")
def heat() -> pp.pandapipesNet:
    return heat_net()


def faults_with(net: Any, table: str, changed: pd.DataFrame) -> list[Fault]:
    """What is found where one table of the net is another."""
    judge = electric_files.structure_faults if isinstance(net, pandapowerNet) else heat_files.structure_faults
    sound = net[table]
    net[table] = changed
    try:
        return judge(PLACE, net)
    finally:
        net[table] = sound


def table_faults_with(net: Any, table: str, changed: pd.DataFrame) -> list[Fault]:
    """What is found in this table alone: every value of every column is tried."""
    rules = (electric_tables() if isinstance(net, pandapowerNet) else heat_tables())[table]
    return table_faults(PLACE, {**net, table: changed}, {table: rules})


def spoilt(rule: Column) -> Iterator[tuple[str, Any]]:
    """Values that the rule does not admit, by kind."""
    if rule.kind in (Kind.NUMBER, Kind.WHOLE):
        yield "a text", "many"
        yield "infinite", np.inf
    if rule.kind in (Kind.NUMBER, Kind.WHOLE) and not rule.nullable:
        yield "absent", np.nan
    if rule.kind is Kind.WHOLE:
        yield "a fraction", 0.5
    if rule.kind is Kind.FLAG:
        yield "a text", "no"
    if rule.kind is Kind.FLAG and not rule.nullable:
        yield "absent", None
    if rule.refers_to is not None:
        yield "nowhere", NOWHERE
    if rule.range is not None:
        yield "below", rule.range.least - 1.0
        yield "above", rule.range.most * 2.0


def test_the_sound_nets_of_these_tests_have_no_fault(electric: pandapowerNet, heat: pp.pandapipesNet) -> None:
    assert electric_files.structure_faults(PLACE, electric) == []
    assert heat_files.structure_faults(PLACE, heat) == []
    assert all(len(electric[table]) for table in COMPUTED)


@pytest.mark.parametrize("carrier", ["electric", "heat"])
def test_every_column_by_its_rule(carrier: str, request: pytest.FixtureRequest) -> None:
    net = request.getfixturevalue(carrier)
    count = 0
    for table, rules in (electric_tables() if carrier == "electric" else heat_tables()).items():
        for column, rule in rules.items():
            if net[table].empty or column not in net[table]:
                continue
            for what, value in spoilt(rule):
                changed = net[table].astype({column: object})
                changed.loc[changed.index[0], column] = value
                found = table_faults_with(net, table, changed)
                place = f"net.json, table {table}"
                told = [fault for fault in found if fault.place == place and column in fault.problem]
                assert told, (table, column, what, found)
                assert f"(index {changed.index[0]})" in told[0].value
                assert column in told[0].remedy
                count += 1
    assert count > 100


@pytest.mark.parametrize("carrier", ["electric", "heat"])
def test_every_column_that_is_needed_is_missed(carrier: str, request: pytest.FixtureRequest) -> None:
    net = request.getfixturevalue(carrier)
    for table, rules in (electric_tables() if carrier == "electric" else heat_tables()).items():
        for column in [name for name, rule in rules.items() if rule.required]:
            found = table_faults_with(net, table, net[table].drop(columns=column))
            assert [fault.place for fault in found] == [f"net.json, table {table}, column {column}"]


@pytest.mark.parametrize("carrier", ["electric", "heat"])
def test_the_name_of_a_column_is_a_text(carrier: str, request: pytest.FixtureRequest) -> None:
    net = request.getfixturevalue(carrier)
    for table in electric_tables() if carrier == "electric" else heat_tables():
        for label in (7, None, True, 1.5):
            found = table_faults_with(net, table, net[table].assign(x=0.0).rename(columns={"x": label}))
            assert [fault.place for fault in found] == [f"net.json, table {table}, columns"]


@pytest.mark.parametrize("carrier", ["electric", "heat"])
def test_every_table_needs_whole_unequal_indices(carrier: str, request: pytest.FixtureRequest) -> None:
    net = request.getfixturevalue(carrier)
    for table in electric_tables() if carrier == "electric" else heat_tables():
        if net[table].empty:
            continue
        double = pd.concat([net[table], net[table].iloc[:1]])
        assert any("stands twice" in fault.problem for fault in table_faults_with(net, table, double)), table
        for index in (0.5, -1, "x", LARGEST_INDEX + 1, np.nan):
            changed = net[table].set_index(pd.Index([index, *list(net[table].index[1:])], dtype=object))
            found = table_faults_with(net, table, changed)
            assert any(fault.place == f"net.json, table {table}, index" for fault in found), (table, index)


def test_the_rules_know_all_that_pandapower_requires_and_refers_to() -> None:
    known = electric_tables()
    assert set(RANGES) <= set(COMPUTED)
    assert not set(COMPUTED) & set(REFUSED)
    assert {(table, column) for table, rules in known.items() for column, rule in rules.items() if rule.refers_to} >= {
        ("line", "from_bus"),
        ("line", "to_bus"),
        ("trafo", "hv_bus"),
        ("trafo", "lv_bus"),
        ("switch", "bus"),
        *(
            (table, "bus")
            for table in ("load", "sgen", "gen", "ext_grid", "storage", "shunt", "ward", "xward", "motor")
        ),
    }
    for table, ranges in RANGES.items():
        assert set(ranges) <= set(known[table]), table


def changed(net: Any, table: str, **values: Any) -> list[Fault]:
    return faults_with(net, table, net[table].assign(**values))


NONSENSE = [
    ("line", {"r_ohm_per_km": -0.1}, "r_ohm_per_km"),
    ("line", {"length_km": -1.0}, "length_km"),
    ("line", {"to_bus": 3}, "different voltage"),
    ("line", {"to_bus": [0, 2]}, "same bus"),
    ("line", {"r_ohm_per_km": 0.0, "x_ohm_per_km": 0.0}, "both 0"),
    ("trafo", {"vkr_percent": 7.0}, "vkr_percent is greater"),
    ("trafo", {"vk_percent": 400.0}, "vk_percent is above"),
    ("trafo", {"vn_hv_kv": 0.4}, "vn_hv_kv differs"),
    ("trafo", {"hv_bus": 0}, "same bus"),
    ("switch", {"element": NOWHERE}, "no index of the table line"),
    ("switch", {"bus": 2}, "neither end"),
    ("switch", {"et": "x"}, "none of b, l, t, t3"),
    ("switch", {"et": "b", "element": 3}, "different voltage"),
    ("load", {"const_z_p_percent": np.nan}, "const_z_p_percent"),
    ("load", {"scaling": 1e14}, "scaling"),
    ("ext_grid", {"vm_pu": 3.0}, "vm_pu"),
]


@pytest.mark.parametrize(("table", "values", "told"), NONSENSE)
def test_nonsense_is_named(table: str, values: dict[str, Any], told: str, electric: pandapowerNet) -> None:
    found = changed(electric, table, **values)
    assert any(told in fault.problem and fault.place == f"net.json, table {table}" for fault in found), found


HEAT_NONSENSE = [
    ("pipe", {"length_km": -1.0}, "length_km"),
    ("pipe", {"inner_diameter_mm": 0.0}, "inner_diameter_mm"),
    ("pipe", {"u_w_per_m2k": -5.0}, "u_w_per_m2k"),
    ("pipe", {"from_junction": np.inf}, "from_junction"),
    ("pipe", {"to_junction": [0, 2]}, "same junction"),
    ("valve", {"element": NOWHERE}, "no index of the table junction"),
    ("valve", {"et": "x"}, "none of ju, pi"),
    ("pump", {"std_type": "P99"}, "std_type"),
    ("circ_pump_pressure", {"plift_bar": -2.0}, "plift_bar"),
    ("junction", {"tfluid_k": 75.0}, "tfluid_k"),
]


@pytest.mark.parametrize(("table", "values", "told"), HEAT_NONSENSE)
def test_nonsense_in_heat_nets_is_named(table: str, values: dict[str, Any], told: str, heat: pp.pandapipesNet) -> None:
    found = changed(heat, table, **values)
    assert any(told in fault.problem and fault.place == f"net.json, table {table}" for fault in found), found


def test_costs_refer_to_elements_that_there_are(electric: pandapowerNet) -> None:
    net = copy.deepcopy(electric)
    pandapower.create_poly_cost(net, 0, "sgen", cp1_eur_per_mw=1.0)
    assert electric_files.structure_faults(PLACE, net) == []
    net.poly_cost["element"] = NOWHERE
    (fault,) = electric_files.structure_faults(PLACE, net)
    assert "poly_cost" in fault.place


def test_water_is_what_is_about_as_heavy_as_water(heat: pp.pandapipesNet) -> None:
    net = copy.deepcopy(heat)
    net["fluid"] = pp.create_constant_fluid("water", "liquid", density=1.0, heat_capacity=4180.0, viscosity=5e-4)
    (fault,) = heat_files.structure_faults(PLACE, net)
    assert "density" in fault.place
    assert fault.value == "1"


def written(text: str, folder: Path) -> Path:
    path = folder / "net.json"
    path.write_text(text)
    return path


def with_cell(text: str, table: str, column: str, value: Any) -> str:
    """The file with another value in the first row of a column, whatever type the column is declared as."""
    net = json.loads(text)
    content = json.loads(net["_object"][table]["_object"])
    content["data"][0][content["columns"].index(column)] = value
    net["_object"][table]["_object"] = json.dumps(content)
    return json.dumps(net)


CELLS = [
    ("electric", "line", "from_bus", 0.5),
    ("electric", "line", "from_bus", -1),
    ("electric", "line", "from_bus", NOWHERE),
    ("electric", "line", "in_service", "no"),
    ("electric", "load", "p_mw", "much"),
    ("electric", "load", "bus", None),
    ("electric", "bus", "vn_kv", True),
    ("heat", "pipe", "from_junction", float("inf")),
    ("heat", "pipe", "from_junction", 0.5),
    ("heat", "pipe", "in_service", "no"),
    ("heat", "junction", "pn_bar", [6.0]),
    ("heat", "pipe", "std_type", {}),
    ("heat", "junction", "name", ["J1"]),
    ("electric", "bus", "type", {}),
]


@pytest.mark.parametrize(("carrier", "table", "column", "value"), CELLS)
def test_cells_are_judged_before_types_are_cast(
    carrier: str, table: str, column: str, value: Any, tmp_path: Path
) -> None:
    sound = nets.electric_base() if carrier == "electric" else nets.heat_base()
    path = written(with_cell(nets.small_text(sound), table, column, value), tmp_path)
    with pytest.raises(BadInput) as caught:
        electric_file(path) if carrier == "electric" else heat_file(path, SETTINGS)
    fault = caught.value.faults[0]
    assert fault.place == f"{path}, table {table}"
    assert column in fault.problem
    assert "(index 0)" in fault.value


def test_an_empty_net_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the net has no bus"):
        electric_file(written(str(pandapower.to_json(pandapower.create_empty_network())), tmp_path))
    with pytest.raises(BadInput, match="the net has no junction"):
        heat_file(written(str(pp.to_json(pp.create_empty_network(fluid="water"))), tmp_path), SETTINGS)


def test_components_that_pandapipes_would_pass_over_are_named(tmp_path: Path) -> None:
    net = json.loads(nets.small_text(nets.heat_base()))
    listed = net["_object"]["component_list"]
    net["_object"]["component_list"] = [entry for entry in listed if entry["_class"] != "Pipe"]
    with pytest.raises(BadInput, match="pass over the table pipe"):
        heat_file(written(json.dumps(net), tmp_path), SETTINGS)
    net["_object"]["component_list"] = [*listed, listed[0]]
    with pytest.raises(BadInput, match="stands twice in the list"):
        heat_file(written(json.dumps(net), tmp_path), SETTINGS)


def test_a_network_without_solution_is_found_by_the_trial() -> None:
    net = nets.electric_base()
    assert electric_trial(ElectricNetwork("made", net, ""), place="grid").faults == []
    net.line.loc[1, ["length_km", "c_nf_per_km"]] = [5000.0, 1e6]
    (fault,) = electric_trial(ElectricNetwork("made", net, ""), place="grid").faults
    assert "has no solution" in fault.problem
    assert "'made'" in fault.problem


def test_what_makes_a_library_stumble_is_a_fault_with_the_columns_that_stand_out() -> None:
    net = nets.electric_base()
    net.load["const_z_p_percent"] = [np.nan]
    net.line.loc[1, "length_km"] = np.nan
    found = electric_trial(ElectricNetwork("made", net, ""), place="grid", background_scaling=1.0).faults
    assert [fault.place for fault in found] == ["grid"]
    assert "line.length_km" in found[0].value
    heat = heat_file_of(nets.heat_base())
    assert heat_trial(heat, place="heat") == []
    heat.net.pipe["inner_diameter_mm"] = "wide"
    (stumbled,) = heat_trial(heat, place="heat")
    assert "pandapipes" in stumbled.problem


def heat_file_of(net: pp.pandapipesNet) -> Any:
    plants = heat_files._plants(PLACE, net, SETTINGS)[0]
    return heat_files.HeatNetwork(
        name="made",
        net=heat_files._prepared(net.deepcopy()),
        provenance="",
        nodes={},
        plants=plants,
        bypasses=(),
        settings=SETTINGS,
    )


@pytest.mark.parametrize("wanted", ["²", "٣", "\uff11", "9" * 5000])
def test_digits_that_are_no_index_find_no_junction(wanted: str) -> None:
    assert junction_index(nets.heat_base(), wanted) is None


def test_numbers_declared_as_objects_are_computed_with(tmp_path: Path) -> None:
    net = json.loads(nets.small_text(electric_net()))
    for table in COMPUTED:
        content = net["_object"][table]
        content["dtype"] = dict.fromkeys(content["dtype"], "object")
    network = electric_file(written(json.dumps(net), tmp_path))
    assert electric_trial(network, place="grid", background_scaling=1.0).faults == []
    assert network.net.line["from_bus"].dtype == np.int64
    assert network.net.line["in_service"].dtype == np.bool_


@pytest.mark.parametrize("number", ["1e-310", "5e-324", "1e400"])
def test_numbers_beyond_what_the_reader_takes_are_faults(tmp_path: Path, number: str) -> None:
    path = tmp_path / "net.json"
    net = electric_net()
    net.line.loc[0, "length_km"] = 0.123456789
    text = json.loads(pandapower.to_json(net))
    line = text["_object"]["line"]
    assert line["_object"].count("0.123456789") == 1
    line["_object"] = line["_object"].replace("0.123456789", number)
    path.write_text(json.dumps(text))
    with pytest.raises(BadInput) as refused:
        electric_file(path)
    (fault,) = refused.value.faults
    assert "at 'line' that cannot be read" in fault.problem


def test_whole_numbers_that_may_be_missing_are_not_infinite(tmp_path: Path) -> None:
    net = electric_net()
    net.line["characteristic"] = pd.array([1] * len(net.line), dtype="Int64")
    path = written(with_cell(pandapower.to_json(net), "line", "characteristic", float("inf")), tmp_path)
    with pytest.raises(BadInput, match="at 'line' that cannot be read"):
        electric_file(path)


def test_tables_that_are_missing_do_not_hinder_prosumers(tmp_path: Path) -> None:
    network = heat_file(written(nets.small_text(nets.heat_base()), tmp_path), SETTINGS)
    assert heat_trial(network, [HeatConnection(prosumer="A", supply=1, return_=3)], place="heat") == []


def test_check_solves_each_network_once(tmp_path: Path) -> None:
    net = nets.electric_base()
    net.line.loc[1, ["length_km", "c_nf_per_km"]] = [5000.0, 1e6]
    pandapower.to_json(net, str(tmp_path / "grid.json"))

    def own(scenario: dict[str, Any]) -> None:
        scenario["networks"]["electricity"] = {"file": "grid.json"}
        made.prosumer(scenario, "A")["bus"] = "K1"
        made.prosumer(scenario, "B")["bus"] = "K2"

    (fault,) = check(made.write(tmp_path, own))
    assert fault.place == "networks.electricity.file"
    assert "has no solution" in fault.problem

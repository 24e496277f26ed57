"""An electric file is taken at its word: what draws and feeds in, taps, limits, options, and who stands for what."""

import warnings
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandapower
import pandas as pd
import pytest
from pandapower import pandapowerNet

from feeder_scenarios import Change, Scenarios, feeder, scenario, with_houses
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import Case, examine, load
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_file, electric_graph, electric_net
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.electric.power_flow_result import PowerFlowResult
from mosaik_p2p.sims.electric_grid import Simulator
from mosaik_p2p.sims.grids.electric_elements import KINDS, children

__all__ = ["scenario"]

SAME_PU = 5e-5
"""Right values are given to four digits."""
SAME_KW = 0.02
SOLVED = 2e-8
"""Two solutions of pandapower, in p.u."""


def network(net: pandapowerNet) -> ElectricNetwork:
    return electric_net(net, "made", "")


def solved(net: pandapowerNet, **factors: Any) -> PowerFlowResult:
    return PowerFlow(network(net)).solve({}, **{"background_scaling": 1.0, **factors})


def every_kind() -> pandapowerNet:
    """A feeder with an element of every kind that mosaik sees."""
    net = tapped(tap_pos=0, tap_neutral=0)
    for create in (pandapower.create_sgen, pandapower.create_load, pandapower.create_storage):
        create(net, 1, p_mw=0.01, **({"max_e_mwh": 1.0} if create is pandapower.create_storage else {}))
    pandapower.create_gen(net, 1, p_mw=0.01, vm_pu=1.0)
    return net


def volts(result: PowerFlowResult) -> dict[str, float]:
    return dict(zip(result.buses["bus"], result.buses["vm_pu"], strict=True))


def plain(net: pandapowerNet) -> "pd.Series[float]":
    """By name of the bus, as pandapower alone finds them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pandapower.runpp(net)
    return net.res_bus["vm_pu"].set_axis(net.bus["name"])


def first_interval(case: Case) -> PowerFlowResult:
    """The network with prosumers at rest."""
    assert case.electric is not None
    flow = PowerFlow(case.electric, prosumer_buses=[prosumer.bus for prosumer in case.prosumers if prosumer.bus])
    return flow.solve(
        {},
        background_scaling=case.load_scaling(0),
        generation_scaling=case.generation_scaling(0),
        replaced_loads=case.replaced_loads,
    )


# Taps


def tapped(**columns: Any) -> pandapowerNet:
    net = feeder()
    values = {"tap_side": "hv", "tap_neutral": 0, "tap_pos": -2, "tap_min": -2, "tap_max": 2, "tap_step_percent": 2.5}
    for column, value in {**values, **columns}.items():
        net.trafo[column] = value
    pandapower.create_sgen(net, 2, 0.040)
    pandapower.create_load(net, 1, 0.005)
    return net


def test_a_tap_without_a_type_is_one_of_ratio() -> None:
    """1.0694 p.u. by hand: a source of 1/0.95, the transformer's impedance and the line's, solved as a ladder."""
    assert volts(solved(tapped()))["far"] == pytest.approx(1.0694, abs=SAME_PU)
    assert volts(solved(tapped(tap_changer_type="Ratio")))["far"] == pytest.approx(1.0694, abs=SAME_PU)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"tap_side": None}, "tap_side is none of hv, lv"),
        ({"tap_neutral": np.nan}, "tap_neutral has no value"),
        ({"tap_step_percent": np.nan}, "tap_step_percent and tap_step_degree have no value"),
        ({"tap_changer_type": "Tabular"}, "Tabular without a table"),
        ({"tap_changer_type": "ratio"}, "none that pandapower knows"),
    ],
)
def test_a_position_without_effect_is_a_fault(columns: dict[str, Any], told: str) -> None:
    with pytest.raises(BadInput) as caught:
        network(tapped(**columns))
    (fault,) = caught.value.faults
    assert told in fault.problem
    assert "trafo" in fault.place
    network(tapped(**{**columns, "tap_pos": 0, "tap_changer_type": None, "tap_neutral": 0}))


@pytest.mark.parametrize("column", ["tap_side", "tap_neutral", "tap_step_percent", "tap_step_degree", "tap_pos"])
def test_a_column_of_a_tap_changer_that_is_missing_is_one_without_values(column: str) -> None:
    at_rest = {"tap_pos": 0, "tap_neutral": 0}
    whole, bare = tapped(**at_rest), tapped(**at_rest)
    bare.trafo = bare.trafo.drop(columns=column)
    assert volts(solved(bare))["far"] == pytest.approx(volts(solved(whole))["far"], abs=SAME_PU)


def test_a_tap_set_through_mosaik_has_its_effect() -> None:
    net = tapped(tap_pos=0, tap_step_percent=5.0)
    net.sgen["in_service"] = net.load["in_service"] = False
    simulator = Simulator()
    simulator.init("grid")
    simulator.create(1, "Grid", net=net)
    found = []
    for position in (0, -1, 1, 0):
        simulator.step(0, {"Transformer-0": {"tap_set[1]": {"x.y": position}}}, 0)
        found.append(simulator.get_data({"Bus-1": ["Vm[pu]"]})["Bus-1"]["Vm[pu]"])
    assert found == pytest.approx([1.0, 1.0526, 0.9524, 1.0], abs=SAME_PU)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_column_a_table_lacks_it_is_refused_or_its_elements_are_shown(kind: str) -> None:
    table, whole = KINDS[kind].table, every_kind()
    for column in whole[table].columns:
        bare = deepcopy(whole)
        bare[table] = bare[table].drop(columns=column)
        try:
            shown = children(network(bare).net)
        except BadInput:
            continue
        assert kind in {child["type"] for child in shown}, column


# What draws and feeds in


def test_without_a_background_nothing_of_the_file_draws(scenario: Scenarios) -> None:
    case = load(scenario(with_houses()))
    assert first_interval(case).slack_kw == pytest.approx(0.0, abs=SAME_KW)


def test_a_background_scales_all_that_draws(scenario: Scenarios) -> None:
    path = scenario(with_houses(), lambda t: t["networks"]["electricity"].update(background="half"))
    net = with_houses()
    for table, columns in (("load", ["p_mw"]), ("asymmetric_load", ["p_a_mw", "p_b_mw"]), ("motor", ["scaling"])):
        net[table][columns] *= 0.5
    net.ward[["ps_mw", "pz_mw"]] *= 0.5
    net.storage["p_mw"] *= 0.5
    found, expected = volts(first_interval(load(path))), plain(net)
    assert [found[name] for name in expected.index] == pytest.approx(expected.tolist(), abs=SOLVED)


@pytest.mark.parametrize("scaling", [1.0, 0.5])
def test_what_follows_the_voltage_is_as_pandapower_has_it(scaling: float) -> None:
    """Single elements at their buses, of which pandapower's means are right."""
    net = with_houses()
    net.load[["const_z_p_percent", "const_i_p_percent", "const_z_q_percent"]] = [40.0, 30.0, 100.0]
    net.load["q_mvar"] = 0.01
    net.asymmetric_load = net.asymmetric_load.iloc[:0]
    net.motor, net.storage = net.motor.iloc[:0], net.storage.iloc[:0]
    net.ward["bus"] = 1
    found = volts(solved(net, background_scaling=scaling))
    net.load[["p_mw", "q_mvar"]] *= scaling
    net.ward[["ps_mw", "pz_mw"]] *= scaling
    expected = plain(net)
    assert [found[name] for name in expected.index] == pytest.approx(expected.tolist(), abs=SOLVED)


def test_an_xward_counts_with_the_background_and_is_away_without() -> None:
    net = feeder()
    pandapower.create_xward(net, 2, 0.01, 0.0, 0.005, 0.0, r_ohm=0.1, x_ohm=0.2, vm_pu=1.02)
    expected = plain(net).tolist()
    flow = PowerFlow(network(net))
    for _ in range(2):
        away = flow.solve({}, background_scaling=0.0)
        assert list(volts(away).values()) == pytest.approx([1.0, 1.0, 1.0], abs=SOLVED)
        there = flow.solve({}, background_scaling=1.0)
        assert list(volts(there).values()) == pytest.approx(expected, abs=SOLVED)
        replaced = flow.solve({}, background_scaling=1.0, replaced_loads={("xward", 0)})
        assert list(volts(replaced).values()) == pytest.approx([1.0, 1.0, 1.0], abs=SOLVED)


def test_a_prosumer_keeps_its_power_beside_loads_that_follow_the_voltage() -> None:
    net = feeder()
    pandapower.create_load(net, 2, 0.05, const_z_p_percent=100.0)
    pandapower.create_load(net, 2, 0.01)
    result = PowerFlow(network(net), prosumer_buses=[2]).solve({2: (-20.0, 0.0)}, background_scaling=1.0)
    v = volts(result)["far"]
    drawn = dict(zip(result.buses["bus"], result.buses["p_injection_kw"], strict=True))["far"]
    assert drawn == pytest.approx(-20.0 - 50.0 * v**2 - 10.0, abs=1e-4)


def test_without_a_word_of_voltage_loads_are_constant() -> None:
    net = feeder()
    pandapower.create_load(net, 2, 0.05, const_z_p_percent=100.0)
    pandapower.set_user_pf_options(net, voltage_depend_loads=False)
    result = solved(net)
    assert dict(zip(result.buses["bus"], result.buses["p_injection_kw"], strict=True))["far"] == pytest.approx(-50.0)


def test_an_impedance_that_a_constant_power_would_collapse_is_solved() -> None:
    """250 kW at nominal voltage behind 1.2 km of line, where a constant power has no solution: a voltage divider."""
    net = feeder()
    net.line["length_km"] = 1.2
    pandapower.create_load(net, 2, 0.250, const_z_p_percent=100.0)
    z_load = 0.4**2 / 0.25
    z_trafo = (0.014 + 1j * (0.06**2 - 0.014**2) ** 0.5) * 0.4**2 / 0.25
    expected = abs(z_load / (z_load + z_trafo + 1.2 * (0.32 + 0.08j)))
    assert volts(solved(net))["far"] == pytest.approx(expected, abs=SOLVED)


# Who stands for what


def replacing(key: str, *elements: Any) -> Change:
    def change(tree: dict[str, Any]) -> None:
        tree["networks"]["electricity"]["background"] = "half"
        for prosumer, element in zip(tree["prosumers"], elements, strict=False):
            prosumer[key] = element

    return change


@pytest.mark.parametrize(
    ("element", "left_kw"),
    [
        ("balanced", 36.5),
        ("single-phase", 26.5),
        ("pump", 36.5),
        ("street", 41.5),
        ("store", 45.0),
        ({"table": "motor", "index": 0}, 36.5),
        (0, 36.5),
    ],
)
def test_a_prosumer_stands_for_anything_that_draws(element: Any, left_kw: float, scenario: Scenarios) -> None:
    net = with_houses()
    net.ward[["ps_mw", "pz_mw"]] = [0.01, 0.0]
    case = load(scenario(net, replacing("replaces_load", element)))
    result = first_interval(case)
    assert result.loss_kw is not None
    assert result.slack_kw == pytest.approx(left_kw + result.loss_kw, abs=SAME_KW)


def test_a_name_of_several_elements_is_a_fault_that_names_them(scenario: Scenarios) -> None:
    net = with_houses()
    net.motor["name"] = "balanced"
    (fault,) = examine(scenario(net, replacing("replaces_load", "balanced"))).faults
    assert 'table = "motor", index = 0' in fault.remedy
    (fault,) = examine(scenario(net, replacing("replaces_load", {"table": "sgen", "index": 0}))).faults
    assert "no such load" in fault.problem


def test_each_element_is_replaced_once(scenario: Scenarios) -> None:
    faults = examine(scenario(with_houses(), replacing("replaces_load", "pump", "pump"))).faults
    assert [fault.problem for fault in faults] == ["2 prosumers replace this load (so too at B)"]


def with_generators() -> pandapowerNet:
    net = feeder()
    pandapower.create_sgen(net, 2, 0.030, name="roof")
    pandapower.create_asymmetric_sgen(net, 1, p_a_mw=0.008, name="balcony")
    return net


@pytest.mark.parametrize(
    ("generation", "replaced", "fed_kw"),
    [
        (None, None, 38.0),
        ("keep", None, 38.0),
        ("drop", None, 0.0),
        ("half", None, 19.0),
        ("half", "roof", 4.0),
        (None, "balcony", 30.0),
        (None, {"table": "asymmetric_sgen", "index": 0}, 30.0),
        (None, 0, 8.0),
    ],
)
def test_generators_of_the_file_are_kept_dropped_scaled_or_replaced(
    generation: str | None, replaced: Any, fed_kw: float, scenario: Scenarios
) -> None:
    def change(tree: dict[str, Any]) -> None:
        if generation is not None:
            tree["networks"]["electricity"]["generation"] = generation
        if replaced is not None:
            tree["prosumers"][0]["replaces_generator"] = replaced

    case = load(scenario(with_generators(), change))
    result = first_interval(case)
    assert result.loss_kw is not None
    assert result.slack_kw == pytest.approx(result.loss_kw - fed_kw, abs=SAME_KW)
    told = [warning for warning in case.warnings if warning.place == "networks.electricity.generation"]
    assert [f"{fed_kw:.1f} kW" in warning.problem for warning in told] == ([True] if generation is None else [])


def test_a_prosumer_stands_where_its_generator_stood(scenario: Scenarios) -> None:
    def change(tree: dict[str, Any]) -> None:
        replacing("replaces_generator", "roof")(tree)
        del tree["prosumers"][0]["bus"]

    case = load(scenario(with_generators(), change))
    assert (case.prosumers[0].bus, case.replaced_loads) == (2, {("sgen", 0)})
    assert case.inventory["electricity"]["prosumers_at"][case.prosumers[0].name] == "far"


def test_shares_above_the_whole_are_faults(scenario: Scenarios) -> None:
    net = feeder()
    pandapower.create_load(net, 2, 0.05, const_z_p_percent=80.0, const_i_p_percent=80.0)
    (fault,) = examine(scenario(net)).faults
    assert "together above 100 %" in fault.problem


def test_an_unknown_profile_of_generation_is_a_fault(scenario: Scenarios) -> None:
    path = scenario(with_generators(), lambda t: t["networks"]["electricity"].update(generation="kept"))
    (fault,) = examine(path).faults
    assert (fault.place, fault.problem) == ("networks.electricity.generation", "there is no such profile")


# Limits of the file


def limited() -> pandapowerNet:
    net = feeder()
    net.line["max_loading_percent"] = 25.0
    net.trafo["max_loading_percent"] = 20.0
    net.bus["min_vm_pu"] = [np.nan, 0.98, 0.97]
    net.bus["max_vm_pu"] = [1.0, 1.1, 1.1]
    return net


def limits_of(case: Case) -> dict[tuple[str, str], float]:
    assert case.electric_limits is not None
    limits = case.electric_limits
    return {(own.name, own.key): own.value for own in limits.elements} | {
        ("", key): limit for key, limit in limits.of_all.items()
    }


def test_limits_of_the_file_count_where_the_scenario_states_none(scenario: Scenarios) -> None:
    found = limits_of(load(scenario(limited())))
    assert (found["", "line_loading"], found["", "transformer_loading"]) == (25.0, 20.0)
    assert (found["", "voltage_min"], found["lv", "voltage_min"], found["far", "voltage_min"]) == (0.95, 0.98, 0.97)
    assert (found["", "voltage_max"], found["mv", "voltage_max"]) == (1.1, 1.0)


def test_limits_of_the_scenario_come_first(scenario: Scenarios) -> None:
    stated = {
        "line_loading_percent": 80.0,
        "voltage_pu": {"min": 0.9},
        "element": [{"table": "bus", "name": "far", "voltage_pu": {"max": 1.2}}],
    }
    found = limits_of(load(scenario(limited(), lambda t: t["networks"]["electricity"].update(limits=stated))))
    assert (found["", "line_loading"], found["", "transformer_loading"], found["", "voltage_min"]) == (80.0, 20.0, 0.9)
    assert ("far", "voltage_min") not in found
    assert (found["far", "voltage_max"], found["", "voltage_max"], found["mv", "voltage_max"]) == (1.2, 1.05, 1.0)


def test_a_grid_without_scenario_keeps_the_limits_of_its_net() -> None:
    simulator = Simulator()
    simulator.init("grid")
    simulator.create(1, "Grid", net=limited())
    found = {(own.name, own.key): own.value for own in simulator._opened.limits.elements}
    assert found["l", "line_loading"] == 25.0


def test_values_that_are_no_limits_are_told_and_left_out(scenario: Scenarios) -> None:
    net = feeder()
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = [1.0, 0.0, 0.0], [1.0, 2.0, 1.9]
    case = load(scenario(net))
    assert limits_of(case)["", "voltage_max"] == 1.05
    (told,) = [warning for warning in case.warnings if "no limits" in warning.problem]
    assert "mv" in told.value
    assert "far" in told.value
    assert "lv" not in told.value


def test_a_band_without_room_between_file_and_scenario_is_a_fault(scenario: Scenarios) -> None:
    net = feeder()
    net.bus["min_vm_pu"] = 0.98
    change = {"limits": {"voltage_pu": {"max": 0.97}}}
    (fault,) = examine(scenario(net, lambda t: t["networks"]["electricity"].update(change))).faults
    assert fault.place == "networks.electricity.limits.voltage_pu.min"


# Reactive limits and stored options


def with_generator(**columns: Any) -> pandapowerNet:
    """80 kW at the end of 300 m, where a generator holds 1.0 p.u. as far as it may."""
    net = feeder()
    net.line["length_km"] = 0.3
    pandapower.create_load(net, 2, 0.080)
    pandapower.create_gen(net, 2, p_mw=0.0, vm_pu=1.0, **columns)
    return net


def test_a_generator_holds_its_voltage_no_further_than_its_reactive_limit() -> None:
    free = volts(solved(with_generator()))["far"]
    assert free == pytest.approx(1.0, abs=SAME_PU)
    net = with_generator(max_q_mvar=0.005)
    found = solved(net)
    net.gen["in_service"] = False
    pandapower.create_sgen(net, 2, 0.0, 0.005)
    assert volts(found)["far"] == pytest.approx(plain(net)["far"], abs=SOLVED)
    assert volts(found)["far"] < 0.96


def test_a_generator_at_its_limit_is_none_to_the_response() -> None:
    flow = PowerFlow(network(with_generator(max_q_mvar=0.005, min_q_mvar=-0.1)), prosumer_buses=[2])
    ends = [volts(flow.solve({2: (p_kw, 0.0)}, background_scaling=1.0))["far"] for p_kw in (-1.0, 1.0)]
    flow.solve({}, background_scaling=1.0)
    row = flow.response([2])["voltage_pu"]
    slope = row.per_kw[list(row.elements).index("far"), 0]
    assert slope == pytest.approx((ends[1] - ends[0]) / 2.0, rel=1e-4)
    assert slope > 1e-4
    # With load enough taken away the limit is none any more, and the voltage is held again.
    assert volts(flow.solve({2: (80.0, 0.0)}, background_scaling=1.0))["far"] == pytest.approx(1.0, abs=SAME_PU)


def test_stored_options_are_honoured() -> None:
    net = with_generator(max_q_mvar=0.005)
    pandapower.set_user_pf_options(net, enforce_q_lims=False, trafo_model="pi")
    net.trafo["i0_percent"], net.trafo["pfe_kw"] = 2.0, 1.0
    expected = plain(net)
    assert volts(solved(net))["far"] == pytest.approx(1.0, abs=SAME_PU)
    assert volts(solved(net))["lv"] == pytest.approx(expected["lv"], abs=SOLVED)
    assert net.user_pf_options["trafo_model"] == "pi"
    flow = PowerFlow(network(net))
    flow.solve({}, background_scaling=1.0)
    assert plain(flow.net_as_solved())["lv"] == pytest.approx(expected["lv"], abs=SOLVED)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("distributed_slack", True),
        ("consider_line_temperature", True),
        ("tdpf", True),
        ("trafo_loading", "power"),
        ("trafo_model", "wye"),
        ("switch_rx_ratio", "much"),
        ("unheard_of", 1),
    ],
)
def test_options_that_cannot_be_honoured_are_refused_by_name(name: str, value: Any) -> None:
    net = feeder()
    pandapower.set_user_pf_options(net, **{name: value})
    with pytest.raises(BadInput) as caught:
        network(net)
    assert [fault.place for fault in caught.value.faults] == [f"made, user_pf_options.{name}"]


def test_options_of_how_to_solve_change_nothing() -> None:
    net = feeder()
    pandapower.set_user_pf_options(net, algorithm="bfsw", init="flat", max_iteration=3, distributed_slack=False)
    assert volts(solved(net)) == pytest.approx(volts(solved(feeder())))


# Distances


def distance(net: pandapowerNet, name: str = "far") -> float:
    graph = electric_graph(network(net))
    at = {graph.node_names[a]: dict(zip(graph.to_node, graph.length, strict=True)) for a in set(graph.from_node)}
    edges = zip(graph.from_node, graph.to_node, graph.length, strict=True)
    (length,) = [z for a, b, z in edges if {graph.node_names[a], graph.node_names[b]} == {"lv", name}]
    assert at
    return float(length)


def test_the_same_copper_is_as_far() -> None:
    z_km = abs(0.32 + 0.08j)
    assert distance(feeder()) == pytest.approx(0.2 * z_km)
    double = feeder()
    double.line["parallel"] = 2
    beside = feeder()
    pandapower.create_line_from_parameters(beside, 2, 1, 0.2, 0.32, 0.08, 0.0, 0.27)
    assert distance(double) == pytest.approx(0.1 * z_km)
    assert distance(beside) == pytest.approx(0.1 * z_km)
    pandapower.create_line_from_parameters(beside, 1, 2, 0.4, 0.08, 0.32, 0.0, 0.27)
    together = 1.0 / (2.0 / (0.2 * (0.32 + 0.08j)) + 1.0 / (0.4 * (0.08 + 0.32j)))
    assert distance(beside) == pytest.approx(abs(together))


def test_the_impedance_of_a_switch_counts() -> None:
    net = feeder()
    end = pandapower.create_bus(net, 0.4, name="end")
    pandapower.create_switch(net, 1, end, et="b", z_ohm=0.05)
    assert distance(net, "end") == pytest.approx(0.05)
    net.switch["z_ohm"] = 0.0
    assert "end" not in electric_graph(network(net)).node_names


# One check for every source, and the trial


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda net: pandapower.create_dcline(net, 1, 2, 0.0, 0, 0, 1, 1), "dcline"),
        (lambda net: pandapower.create_gen(net, 2, 0.0, slack=True), "gen"),
        (lambda net: net.update(line=net.line.assign(max_i_ka=np.nan)), "line"),
        (lambda net: pandapower.create_bus(net, 0.4, name="alone"), "bus"),
        (lambda net: net.update(gen=net.gen.assign(reactive_capability_curve=True)), "gen"),
    ],
)
def test_a_net_from_python_is_checked_as_a_file(
    change: Callable[[pandapowerNet], object], told: str, tmp_path: Path
) -> None:
    net = with_generator()
    change(net)
    pandapower.to_json(net, str(tmp_path / "net.json"))
    with pytest.raises(BadInput) as of_file:
        electric_file(tmp_path / "net.json")
    simulator = Simulator()
    simulator.init("grid")
    with pytest.raises(BadInput) as of_net:
        simulator.create(1, "Grid", net=net)
    assert [fault.problem for fault in of_net.value.faults] == [fault.problem for fault in of_file.value.faults]
    assert any(told in fault.place for fault in of_net.value.faults)


def test_shipped_functions_of_pandapower_are_checked_as_files() -> None:
    simulator = Simulator()
    simulator.init("grid")
    with pytest.raises(BadInput, match="trafo3w"):
        simulator.create(1, "Grid", network_function="example_multivoltage")


def test_shares_of_loads_without_a_number_are_named(scenario: Scenarios) -> None:
    net = with_houses()
    net.load["const_z_p_percent"] = np.nan
    (fault,) = examine(scenario(net)).faults
    assert "const_z_p_percent" in fault.problem
    assert "balanced (index 0)" in fault.value


def test_a_network_without_solution_in_the_first_interval_is_a_warning(scenario: Scenarios) -> None:
    net = with_houses()
    net.load["p_mw"] = 5.0

    def change(tree: dict[str, Any]) -> None:
        tree["networks"]["electricity"]["background"] = "half"

    told = [warning for warning in examine(scenario(net, change)).warnings if "first interval" in warning.problem]
    assert len(told) == 1
    path = scenario(net, replacing("replaces_load", "balanced"))
    assert not any("first interval" in warning.problem for warning in examine(path).warnings)


def test_an_index_that_is_a_name_elsewhere_is_a_warning(scenario: Scenarios) -> None:
    net = feeder()
    net.bus["name"] = ["mv", "2", "far"]

    def change(tree: dict[str, Any]) -> None:
        tree["prosumers"][0]["bus"], tree["prosumers"][1]["bus"] = 2, "2"

    told = [warning for warning in examine(scenario(net, change)).warnings if "index" in warning.problem]
    assert [(warning.place, warning.value) for warning in told] == [("prosumers.A.bus", "2")]
    assert '"2"' in told[0].remedy


def test_a_storage_that_is_controlled_counts_without_a_background(scenario: Scenarios) -> None:
    case = load(scenario(with_houses()))
    simulator = Simulator()
    simulator.init("grid")
    simulator.create(1, "Grid", scenario=case)
    for set_mw in (0.003, 0.004):
        simulator.step(0, {"Storage-0": {"P_set[MW]": {"x.y": set_mw}}}, 0)
        slack_mw = simulator.get_data({"Grid": ["P_slack[MW]"]})["Grid"]["P_slack[MW]"]
        assert slack_mw == pytest.approx(set_mw, abs=1e-5)

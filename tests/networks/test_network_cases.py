"""Network cases against what was published of them: losses and voltages, flows, temperatures, and source powers."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import networkx as nx
import numpy as np
import numpy.typing as npt
import pandapower
import pytest

from closed_form_heat import RadialNetwork, solve
from mosaik_p2p.charges.mechanisms import path_charges
from mosaik_p2p.errors import Status
from mosaik_p2p.networks.electric.network import (
    ELECTRIC_CASES,
    electric_case,
    electric_file,
    electric_graph,
    unsupplied_buses,
)
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.heat.cases.pipe_table import trench_table
from mosaik_p2p.networks.heat.choice import STRAND_ENDS, HeatNetwork, HeatSettings, heat_case, heat_graph
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow, HeatFlowResult

FloatArray = npt.NDArray[np.float64]

BARRY = HeatSettings(t_supply_c=70.0, t_return_c=30.0, t_feed_c=70.0, t_ground_c=10.0)
BARRY_FEEDS = {"31": 1055.3, "32": 379.7}
BYPASS_KG_PER_S = 0.02
LOOP = ("5", "7", "31", "28", "25", "22", "19", "14", "13", "11", "5")

MDOT_KG_PER_S = {
    "1-2": 4.7977,
    "2-5": 3.2708,
    "5-7": -0.8805,
    "5-11": 3.4848,
    "11-13": 4.1924,
    "13-14": 4.1924,
    "14-19": 2.1913,
    "19-22": 1.1852,
    "22-25": -0.1527,
    "25-28": -1.4575,
    "31-28": 2.7541,
    "31-7": 3.5008,
}
"""Liu et al. 2016, Fig. 12; it prints magnitudes, the directions follow from the balance of each node."""
T_SUPPLY_C = {
    "1": 70.0,
    "2": 69.76,
    "5": 69.48,
    "11": 69.39,
    "13": 69.19,
    "14": 69.06,
    "19": 68.98,
    "22": 68.84,
    "25": 69.76,
    "28": 69.88,
    "31": 70.0,
    "7": 69.66,
}
T_RETURN_C = {
    "1": 29.59,
    "2": 29.71,
    "5": 29.65,
    "11": 29.73,
    "13": 29.73,
    "14": 29.77,
    "19": 29.76,
    "22": 29.80,
    "25": 29.78,
    "28": 29.80,
    "31": 29.65,
    "7": 29.69,
}
"""Both read off a plot of the same figure, to about 0.02 K."""

RETURN_KG_PER_S = 0.012
"""The source gives the water of both sides one viscosity. At 30 degC it is twice that of 70 degC, and the flow divides
around the return loop a little otherwise (measured: 0.009)."""
FLOW_KG_PER_S, FLOW_SHARE = 0.006, 0.005
"""A published mass flow is met within one of both: the source has constant water, ours varies with temperature."""
SLACK_SHARE = 0.001
TEMPERATURE_K = 0.05
DELIVERY_KW = 0.05
"""What the loop over the mass flows promises."""
BALANCE = 1e-3
"""Of the throughput: the library mixes with mean heat capacities."""


SAME = 1e-6
"""Relative; the same equations solved again."""


@pytest.mark.parametrize(
    ("case", "loss_kw", "lowest_pu", "lowest_at"),
    [("bus15", 61.79, 0.9445, "13"), ("bus33", 202.68, 0.9131, "18"), ("bus69", 224.99, 0.9092, "65")],
)
def test_losses_and_lowest_voltage_are_the_published_ones(
    case: str, loss_kw: float, lowest_pu: float, lowest_at: str
) -> None:
    result = PowerFlow(electric_case(case), slack_voltage_pu=1.0).solve({}, background_scaling=1.0)
    assert result.status is Status.OK
    assert result.loss_kw == pytest.approx(loss_kw, abs=0.005)
    lowest, bus = min(zip(result.buses["vm_pu"], result.buses["bus"], strict=True))
    assert lowest == pytest.approx(lowest_pu, abs=5e-5)
    assert bus == lowest_at


@pytest.mark.parametrize(
    ("case", "buses", "load_kw", "load_kvar"), [("bus33", 33, 3715.0, 2300.0), ("bus69", 69, 3802.1, 2694.7)]
)
def test_feeders_are_trees_with_unique_names_and_declared_ratings(
    case: str, buses: int, load_kw: float, load_kvar: float
) -> None:
    network = electric_case(case)
    net = deepcopy(network.net)
    assert net.load["p_mw"].sum() * 1000 == pytest.approx(load_kw)
    assert net.load["q_mvar"].sum() * 1000 == pytest.approx(load_kvar)
    assert sorted(net.bus["name"], key=int) == [str(number) for number in range(1, buses + 1)]
    assert all(net[table]["name"].is_unique for table in ("bus", "line", "load"))
    graph = electric_graph(network)
    assert (len(graph.node_names), len(graph.length)) == (buses, buses - 1)
    assert unsupplied_buses(network) == set()
    pandapower.runpp(net)
    assert 65.0 < net.res_line["loading_percent"].iloc[0] < 75.0
    assert net.res_line["loading_percent"].max() < 75.0
    assert "ratings" in ELECTRIC_CASES[case]


def test_bus33_keeps_its_tie_lines_open() -> None:
    line = electric_case("bus33").net.line
    assert line.loc[~line["in_service"], "name"].tolist() == ["21-8", "9-15", "12-22", "18-33", "25-29"]


def flow_of(network: HeatNetwork, nodes: list[str]) -> HeatFlow:
    return HeatFlow(
        network,
        [HeatConnection(prosumer=n, supply=network.nodes[n][0], return_=network.nodes[n][1]) for n in nodes],
    )


def table_draws(case: str) -> dict[str, float]:
    table = trench_table(case, "nodes")
    return {str(node): float(kw) for node, kw in zip(table["node"], table["draw_kw"], strict=True) if kw > 0.0}


def solved(case: str, settings: HeatSettings, heat_kw: dict[str, float]) -> HeatFlowResult:
    """`heat_kw`: node to heat, + draws, - feeds in."""
    result = flow_of(heat_case(case, settings), list(heat_kw)).solve(np.array(list(heat_kw.values())))
    check_sound(result, np.array(list(heat_kw.values())))
    return result


def check_sound(result: HeatFlowResult, draw_kw: FloatArray) -> None:
    exchanged = np.array(result.heat_exchanges["delivered_kw"])
    served = np.array([status != "not_deliverable" for status in result.heat_exchanges["status"]])
    assert np.abs(exchanged - draw_kw)[served].max(initial=0.0) <= DELIVERY_KW
    assert result.slack_kw is not None
    assert result.loss_kw is not None
    throughput = np.abs(exchanged).sum() + abs(result.slack_kw)
    assert abs(result.slack_kw - exchanged.sum() - result.loss_kw) <= BALANCE * throughput


@pytest.fixture(scope="module", params=["prosumers feed in", "sources feed shares"])
def published_hour(request: pytest.FixtureRequest) -> HeatFlowResult:
    """Both ways to have heat at nodes 31 and 32: from prosumers there, and from the case's own sources."""
    draws = table_draws("barry32")
    if request.param == "prosumers feed in":
        return solved("barry32", BARRY, draws | {node: -kw for node, kw in BARRY_FEEDS.items()})
    shares = {f"source_{node}": kw / sum(draws.values()) for node, kw in BARRY_FEEDS.items()}
    return solved("barry32", replace(BARRY, plant_shares=shares), draws)


def test_barry_island_has_the_published_mass_flows(published_hour: HeatFlowResult) -> None:
    mdot = dict(zip(published_hour.pipes["pipe"], published_hour.pipes["mdot_kg_per_s"], strict=True))
    for pipe, expected in MDOT_KG_PER_S.items():
        start, end = pipe.split("-")
        allowed = max(FLOW_KG_PER_S, FLOW_SHARE * abs(expected))
        assert mdot[f"S{start}-S{end}"] == pytest.approx(expected, abs=allowed), pipe
        assert mdot[f"R{start}-R{end}"] == pytest.approx(-expected, abs=max(allowed, RETURN_KG_PER_S)), pipe


def test_barry_island_has_the_published_source_power(published_hour: HeatFlowResult) -> None:
    table = trench_table("barry32", "nodes").set_index("node")["source_kw"]
    assert {str(node): kw for node, kw in table[table > 0.0].items()} == {"1": 809.9, **BARRY_FEEDS}
    fed = -sum(kw for kw in published_hour.heat_exchanges["delivered_kw"] if kw < 0.0)
    plants = dict(zip(published_hour.plants["plant"], published_hour.plants["heat_kw"], strict=True))
    assert plants["plant"] == pytest.approx(table[1], rel=SLACK_SHARE)
    assert fed + plants["source_31"] + plants["source_32"] == pytest.approx(sum(BARRY_FEEDS.values()), abs=DELIVERY_KW)
    assert published_hour.slack_kw == pytest.approx(sum(plants.values()))


def test_barry_island_has_the_published_temperatures(published_hour: HeatFlowResult) -> None:
    t_c = dict(zip(published_hour.junctions["junction"], published_hour.junctions["t_c"], strict=True))
    for side, published in (("S", T_SUPPLY_C), ("R", T_RETURN_C)):
        for node, expected in published.items():
            assert t_c[side + node] == pytest.approx(expected, abs=TEMPERATURE_K), side + node


def test_pressure_closes_around_the_loop(published_hour: HeatFlowResult) -> None:
    """A second road to the flow in the loop: the friction of all its pipes, with the sign of the flow, adds to zero."""
    pipes = published_hour.pipes
    friction = dict(zip(pipes["pipe"], zip(pipes["mdot_kg_per_s"], pipes["dp_pa_per_m"], strict=True), strict=True))
    table = trench_table("barry32", "pipes").astype({"from_node": str, "to_node": str})
    length = dict(zip(zip(table["from_node"], table["to_node"], strict=True), table["length_m"], strict=True))
    drops = []
    for start, end in pairwise(LOOP):
        forward = (start, end) in length
        first, second = (start, end) if forward else (end, start)
        mdot, gradient = friction[f"S{first}-S{second}"]
        drops.append(np.sign(mdot) * gradient * length[first, second] * (1.0 if forward else -1.0))
    assert sum(drops) == pytest.approx(0.0, abs=1e-4 * np.abs(drops).sum())


def test_heat_is_charged_along_the_shorter_way_round() -> None:
    network = heat_case("barry32", BARRY)
    graph = heat_graph(network)
    assert (len(graph.node_names), len(graph.length)) == (32, 32)
    place = np.array([graph.node_of[network.nodes[node][0]] for node in ("7", "11", "28", "16")])
    charges = path_charges(graph, place, price_per_length=1.0, payer="both")
    assert charges.tree is None
    assert charges.posted[0, 1] == pytest.approx(0.2354 + 0.1608)
    assert charges.posted[0, 2] == pytest.approx(0.0706 + 0.2618)
    assert charges.posted[1, 3] == pytest.approx(0.1861 + 0.1362 + 0.0418 + 0.1168)
    np.testing.assert_allclose(charges.posted, charges.posted.T)


@pytest.mark.parametrize("case", ["heat23", "barry32"])
def test_pressure_lift_leaves_half_a_bar_when_the_plant_is_alone(case: str) -> None:
    result = solved(case, BARRY, table_draws(case))
    assert min(result.heat_exchanges["dp_bar"]) >= 0.5
    assert min(result.junctions["p_bar"]) > 0.0


def test_heat23_is_barry_island_with_its_loop_opened() -> None:
    ours, theirs = (trench_table(case, "pipes") for case in ("heat23", "barry32"))
    nodes = trench_table("heat23", "nodes")
    there = nodes.set_index("node")["barry_node"]
    renamed = ours.assign(from_node=ours["from_node"].map(there), to_node=ours["to_node"].map(there))
    columns = [column for column in ours.columns if column != "pipe"]
    known = {tuple(row) for row in theirs[columns].to_numpy(dtype=float)}
    assert {tuple(row) for row in renamed[columns].to_numpy(dtype=float)} <= known
    tree = nx.Graph(zip(ours["from_node"], ours["to_node"], strict=True))
    assert nx.is_tree(tree)
    assert (len(tree), set(tree)) == (23, set(nodes["node"]))
    assert nodes["draw_kw"].sum() == pytest.approx(trench_table("barry32", "nodes")["draw_kw"].sum()) == 2164.0


@pytest.mark.parametrize(
    "feeds", [{}, {"22": 1055.3, "23": 379.7}, {"22": 1600.0, "23": 700.0}], ids=["plant alone", "as Barry", "export"]
)
def test_heat23_agrees_with_the_closed_form(feeds: dict[str, float]) -> None:
    heat_kw = table_draws("heat23") | {node: -kw for node, kw in feeds.items()}
    result = solved("heat23", BARRY, heat_kw)
    at_nodes = np.zeros(23)
    at_nodes[[int(node) - 1 for node in heat_kw]] = result.heat_exchanges["delivered_kw"]
    expected = solve(heat23_by_hand(), at_nodes, np.zeros(23))
    t_c = np.array([np.nan if t is None else t for t in result.junctions["t_c"]])
    difference = np.abs(t_c - np.concatenate([expected.t_supply_c, expected.t_return_c]))
    assert (np.isnan(t_c) == np.isnan(difference)).all()
    assert np.nanmax(difference) <= TEMPERATURE_K
    assert result.slack_kw == pytest.approx(expected.plant_kw, abs=2e-3 * np.abs(at_nodes).sum())


def heat23_by_hand() -> RadialNetwork:
    """The tree with its pipes turned away from the plant and in the order of their distance to it."""
    tree = nx.Graph()
    pipes = trench_table("heat23", "pipes")
    loss_w_per_k = pipes["u_w_per_m_k"] * pipes["length_m"]
    for start, end, loss in zip(pipes["from_node"], pipes["to_node"], loss_w_per_k, strict=True):
        tree.add_edge(start - 1, end - 1, loss=loss)
    edges = list(nx.bfs_edges(tree, 0))
    return RadialNetwork(
        parent=tuple(parent for parent, _ in edges),
        child=tuple(child for _, child in edges),
        loss_w_per_k=tuple(tree.edges[edge]["loss"] for edge in edges),
        t_plant_c=BARRY.t_supply_c,
        t_return_c=BARRY.t_return_c,
        t_feed_c=BARRY.t_feed_c,
        t_ground_c=BARRY.t_ground_c,
    )


@pytest.mark.parametrize("case", ["heat23", "barry32"])
def test_random_hours(case: str) -> None:
    """Draws, trades, exports, balanced and small hours in turn, everyone with a draw and both sources taking part."""
    settings = HeatSettings(
        t_supply_c=70.0,
        t_return_c=30.0,
        t_feed_c=70.0,
        t_ground_c=10.0,
        bypass_nodes=(STRAND_ENDS,),
        bypass_mdot_kg_per_s=BYPASS_KG_PER_S,
    )
    nodes = [*table_draws(case), *(("31", "32") if case == "barry32" else ("22", "23"))]
    flow = flow_of(heat_case(case, settings), nodes)
    rng = np.random.default_rng(1966)
    count = len(nodes)
    kinds: list[Callable[[], FloatArray]] = [
        lambda: rng.uniform(0.0, 100.0, count),
        lambda: rng.uniform(-80.0, 80.0, count),
        lambda: -rng.uniform(0.0, 40.0, count),
        lambda: (np.eye(count) - 1.0 / count) @ rng.uniform(-40.0, 40.0, count),
        lambda: rng.uniform(-3.0, 3.0, count),
    ]
    statuses = []
    for hour in range(20):
        draw_kw = kinds[hour % len(kinds)]()
        result = flow.solve(draw_kw)
        assert result.status in (Status.OK, Status.NOT_DELIVERABLE)
        check_sound(result, draw_kw)
        statuses.append(result.status)
    assert statuses.count(Status.NOT_DELIVERABLE) <= 2


def test_water_stands_still_in_an_idle_loop() -> None:
    result = solved("barry32", BARRY, {"7": 0.0, "28": 0.0})
    assert result.status is Status.IDLE
    assert not any(result.junctions["flowing"])
    assert result.loss_kw == 0.0


@pytest.mark.parametrize("case", ["bus15", "bus33", "bus69", "schutterwald"])
def test_a_shipped_electric_case_written_and_read_gives_the_same_results(case: str, tmp_path: Path) -> None:
    """The village has transformers."""
    network = electric_case(case)
    path = tmp_path / "net.json"
    pandapower.to_json(network.net, str(path))
    injections = {int(bus): (20.0, -5.0) for bus in network.net.load["bus"].unique()[:3]}
    ours, theirs = (
        PowerFlow(n, prosumer_buses=injections).solve(injections, background_scaling=0.5)
        for n in (network, electric_file(path))
    )
    assert theirs.status is Status.OK
    assert (len(theirs.transformers["element"]) > 0) == (case == "schutterwald")
    assert theirs.buses["vm_pu"] == pytest.approx(ours.buses["vm_pu"], rel=SAME)
    assert theirs.lines["loading_percent"] == pytest.approx(ours.lines["loading_percent"], rel=SAME, abs=1e-9)
    assert theirs.transformers["loss_kw"] == pytest.approx(ours.transformers["loss_kw"], rel=SAME)
    assert theirs.slack_kw == pytest.approx(ours.slack_kw, rel=SAME)


@pytest.mark.parametrize("case", ["bus15", "bus33"])
def test_whoever_changes_a_shipped_electric_network_changes_nobody_elses(case: str) -> None:
    first = electric_case(case).net
    ohm = first.line["r_ohm_per_km"].tolist()
    first.line.loc[:, "r_ohm_per_km"] = 7.0
    first.bus.drop(first.bus.index, inplace=True)
    again = electric_case(case).net
    assert again.line["r_ohm_per_km"].tolist() == ohm
    assert len(again.bus) > 0


@pytest.mark.parametrize("case", ["heat8", "barry32"])
def test_whoever_changes_a_shipped_heat_network_changes_nobody_elses(case: str) -> None:
    first = heat_case(case, BARRY).net
    metres = first.pipe["length_km"].tolist()
    first.pipe.loc[:, "length_km"] = 7.0
    first.junction.drop(first.junction.index, inplace=True)
    again = heat_case(case, BARRY).net
    assert again.pipe["length_km"].tolist() == metres
    assert len(again.junction) > 0
    colder = heat_case(case, replace(BARRY, t_ground_c=BARRY.t_ground_c - 3.0)).net
    assert (again.pipe["text_k"] - colder.pipe["text_k"]).tolist() == pytest.approx([3.0] * len(metres))

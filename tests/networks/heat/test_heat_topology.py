"""What hangs together, against the library's own search, on random nets with every kind of element."""

import warnings
from pathlib import Path

import networkx as nx
import numpy as np
import pandapipes as pp
import pytest
from pandapipes.idx_branch import IdxBranch
from pandapipes.idx_node import IdxNode
from pandapipes.pf.pipeflow_setup import get_lookup
from pandapipes.pipeflow import init_pipeflow

from heat_streets import SETTINGS, flow_of, read, street
from mosaik_p2p.networks.files.column_uses import Use
from mosaik_p2p.networks.files.heat.uses import HEAT_ENTRIES
from mosaik_p2p.networks.heat.graph import ACROSS, ALONG, flows_follow_from_balance, junction_graph
from mosaik_p2p.networks.heat.in_service import reached_junctions, with_plain_states
from mosaik_p2p.networks.heat.network import Plant

JUNCTIONS = 12
PUMPS = ("circ_pump_mass", "circ_pump_pressure")
"""Plants and prosumers: edges in the library's search, places in ours."""


def random_net(seed: int, *, all_junctions: bool = False) -> pp.pandapipesNet:
    """Elements of every kind between random junctions, some of them out of service or shut."""
    rng = np.random.default_rng(seed)
    net = pp.create_empty_network(fluid="water")
    indices = [3 * n for n in range(JUNCTIONS)]
    for index in indices:
        pp.create_junction(net, 6.0, 330.0, index=index, in_service=all_junctions or bool(rng.random() < 0.9))

    def ends() -> tuple[int, int]:
        first, second = rng.choice(indices, 2, replace=False)
        return int(first), int(second)

    def state() -> bool:
        return bool(rng.random() < 0.75)

    for _ in range(9):
        pp.create_pipe_from_parameters(net, *ends(), 0.1, 50.0, in_service=state())
    for _ in range(2):
        pp.create_valve(net, *ends(), et="ju", inner_diameter_mm=50.0, opened=state())
        start, end = ends()
        # On creating it, pandapipes looks for a path from there to the junction that it controls.
        net.junction.loc[[start, end], "in_service"] = True
        pp.create_pressure_control(net, start, end, end, 5.0, in_service=state())
        pp.create_heat_exchanger(net, *ends(), 1000.0, 50.0, in_service=state())
        pp.create_heat_consumer(net, *ends(), qext_w=1000.0, controlled_mdot_kg_per_s=0.1, in_service=state())
        pp.create_flow_control(net, *ends(), 0.1, control_active=state(), in_service=state())
    for pipe in rng.choice(len(net.pipe), 3, replace=False):
        at = net.pipe.at[pipe, "from_junction" if state() else "to_junction"]
        pp.create_valve(net, int(at), int(pipe), et="pi", inner_diameter_mm=50.0, opened=state())
    pp.create_pump(net, *ends(), "P1", in_service=state())
    pp.create_circ_pump_const_pressure(net, indices[1], indices[0], 6.0, 2.0, t_flow_k=350.0)
    pp.create_circ_pump_const_mass_flow(net, *ends(), 5.0, 0.1, t_flow_k=350.0, type="t", in_service=state())
    return net


def of_the_library(net: pp.pandapipesNet) -> set[frozenset[int]]:
    """The groups of junctions that branches in service join, circulation pumps aside, from its internal tables."""
    net = net.deepcopy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        init_pipeflow(net, use_numba=False)
    nodes, branches = net["_pit"]["node"], net["_pit"]["branch"]
    graph = nx.Graph()
    graph.add_nodes_from(np.flatnonzero(nodes[:, IdxNode.ACTIVE]))
    for table, (first, last) in get_lookup(net, "branch", "from_to").items():
        for start, end, active in branches[first:last][:, [IdxBranch.FROM_NODE, IdxBranch.TO_NODE, IdxBranch.ACTIVE]]:
            if active and table not in PUMPS:
                graph.add_edge(int(start), int(end))
    row = get_lookup(net, "node", "index")["junction"]
    at = {int(row[index]): int(index) for index in net.junction.index}
    parts = ({at[node] for node in part if node in at} for part in nx.connected_components(graph))
    return {frozenset(part) for part in parts if part}


@pytest.mark.parametrize("seed", range(25))
def test_ours_is_what_the_library_joins(seed: int) -> None:
    net = with_plain_states(random_net(seed))
    ours = {frozenset(part) for part in nx.connected_components(junction_graph(net))}
    assert ours == of_the_library(net)


@pytest.mark.parametrize("seed", range(25, 40))
def test_plain_states_change_nothing_where_all_junctions_are_in_service(seed: int) -> None:
    net = random_net(seed, all_junctions=True)
    assert of_the_library(with_plain_states(net)) == of_the_library(net)


@pytest.mark.parametrize("seed", range(10))
def test_no_junction_out_of_service_is_reached(seed: int) -> None:
    """The library would put it into service again where a pipe leads there."""
    net = random_net(seed)
    net.junction.loc[[0, 3], "in_service"] = True
    out = set(net.junction.index[~net.junction["in_service"]])
    assert not reached_junctions(with_plain_states(net)) & out


def test_every_branch_of_the_library_is_known() -> None:
    tables = {component.table_name() for component in random_net(0).component_list}
    refused = {table for table, use in HEAT_ENTRIES.items() if use.use is Use.REFUSED}
    known = {"junction", "pipe", "valve", "ext_grid", *ALONG, *ACROSS, *PUMPS, *refused}
    assert tables <= known
    assert {"press_control", "pump", "heat_exchanger", "heat_consumer", "flow_control"} <= tables


@pytest.mark.parametrize(
    ("edges", "given"),
    [(((0, 1), (1, 2), (1, 3)), True), (((0, 1), (1, 2), (1, 3), (2, 3)), False), (((0, 1), (0, 1)), False)],
    ids=["tree", "ring", "two pipes side by side"],
)
def test_flows_follow_from_the_balance_on_trees_alone(edges: tuple[tuple[int, int], ...], given: bool) -> None:
    net = street(edges=edges)
    names = {name: index for index, name in net.junction["name"].items()}
    plants = (Plant(name="plant", supply=names["S0"], return_=names["R0"]),)
    assert flows_follow_from_balance(net, plants) is given
    pp.create_flow_control(net, names["S1"], names["R1"], 0.1)
    assert flows_follow_from_balance(net, plants) is given
    pp.create_heat_exchanger(net, names["S1"], names["R1"], 0.0, 30.0)
    assert not flows_follow_from_balance(net, plants)


def test_a_pipe_with_a_shut_valve_carries_nothing(tmp_path: Path) -> None:
    net = street(edges=((0, 1), (1, 2), (1, 3), (2, 3)))
    shut = int(net.pipe.index[net.pipe["name"] == "S1-S2"][0])
    pp.create_valve(net, int(net.pipe.at[shut, "from_junction"]), shut, et="pi", inner_diameter_mm=32.0, opened=False)
    network = read(net, tmp_path, SETTINGS)
    result = flow_of(network, {"2": 0.0}).solve(np.array([15.0]))
    mdot = dict(zip(result.pipes["pipe"], result.pipes["mdot_kg_per_s"], strict=True))
    assert "S1-S2" not in mdot
    assert mdot["S2-S3"] == pytest.approx(-result.heat_exchanges["mdot_kg_per_s"][0])

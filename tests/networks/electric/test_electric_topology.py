"""The picture of an electric network beside the solver's own, on random nets with every kind of element and switch."""

import warnings

import networkx as nx
import numpy as np
import pandapower
import pytest
from pandapower import pandapowerNet

from mosaik_p2p.networks.electric.files import as_meant
from mosaik_p2p.networks.electric.graph import together
from mosaik_p2p.networks.electric.network import ElectricNetwork, electric_graph, unsupplied_buses
from mosaik_p2p.networks.empty_nets import empty_electric_net

SAME_OHM = 1e-6
UNSOLVED = (13,)
"""Nets for which pandapower finds no solution."""
SEEDS = [seed for seed in range(15) if seed not in UNSOLVED]


def random_net(seed: int) -> pandapowerNet:
    """Twelve buses on two levels, some out of service; lines, transformers, impedances and switches between any two of
    a level, some out of service, some switched off at one end, some side by side."""
    random = np.random.default_rng(seed)
    net = empty_electric_net()
    buses = [
        pandapower.create_bus(net, 20.0 if i < 4 else 0.4, name=f"b{i}", in_service=bool(random.random() > 0.1))
        for i in range(12)
    ]
    net.bus.loc[0, "in_service"] = True
    pandapower.create_ext_grid(net, buses[0])
    pandapower.create_ext_grid(net, buses[11], in_service=bool(random.random() < 0.3 and net.bus["in_service"].at[11]))

    def pair(low: int, high: int) -> tuple[int, int]:
        a, b = random.choice(np.arange(low, high), 2, replace=False)
        return int(a), int(b)

    for _ in range(14):
        a, b = pair(0, 4) if random.random() < 0.3 else pair(4, 12)
        line = pandapower.create_line_from_parameters(
            *(net, a, b, float(random.uniform(0.1, 1.0)), 0.3, 0.1, 0.0, 0.2),
            parallel=int(random.integers(1, 3)),
            in_service=bool(random.random() > 0.2),
        )
        if random.random() < 0.3:
            pandapower.create_switch(net, int(random.choice([a, b])), line, et="l", closed=bool(random.random() < 0.5))
    for _ in range(3):
        high, low = int(random.integers(0, 4)), int(random.integers(4, 12))
        trafo = pandapower.create_transformer(
            net, high, low, "0.4 MVA 20/0.4 kV", in_service=bool(random.random() > 0.2)
        )
        if random.random() < 0.4:
            pandapower.create_switch(net, low, trafo, et="t", closed=bool(random.random() < 0.5))
    for _ in range(2):
        pandapower.create_impedance(net, *pair(4, 12), 0.05, 0.05, 1.0, in_service=bool(random.random() > 0.3))
    for _ in range(4):
        a, b = pair(4, 12)
        impedance = float(random.choice([0.0, 0.02]))
        pandapower.create_switch(net, a, b, et="b", closed=bool(random.random() < 0.6), z_ohm=impedance)
    return as_meant(net)


def solved(net: pandapowerNet) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Without angles: a slack behind a transformer of another would be turned against it.
        pandapower.runpp(net, trafo_model="pi", calculate_voltage_angles=False)


@pytest.mark.parametrize("seed", SEEDS)
def test_nodes_and_impedances_are_those_of_the_solver(seed: int) -> None:
    """Who is supplied; the solver's branches, merged where it fuses buses; distances by the least path over both."""
    net = random_net(seed)
    solved(net)
    network = ElectricNetwork("random", net, "")
    dead = {int(bus) for bus in net.bus.index[net.bus["in_service"] & net.res_bus["vm_pu"].isna()]}
    assert unsupplied_buses(network) == dead
    graph = electric_graph(network)
    ours = nx.Graph()
    ours.add_nodes_from(graph.node_of.values())
    for a, b, ohm in zip(graph.from_node, graph.to_node, graph.length, strict=True):
        ours.add_edge(int(a), int(b), ohm=float(ohm))
    theirs, at = of_the_solver(net)
    live = [bus for bus in graph.node_of if bus not in dead]
    for bus in live:
        lengths = nx.single_source_dijkstra_path_length(ours, graph.node_of[bus], weight="ohm")
        expected = nx.single_source_dijkstra_path_length(theirs, at[bus], weight="ohm")
        for other in live:
            found = lengths.get(graph.node_of[other], np.inf)
            assert found == pytest.approx(expected.get(at[other], np.inf), abs=SAME_OHM), (bus, other)


def of_the_solver(net: pandapowerNet) -> tuple[nx.Graph, dict[int, int]]:
    """pandapower's own branches in service between its own buses, slacks joined, and the node of each bus."""
    ppc, lookup = net._ppc, net._pd2ppc_lookups["bus"]
    live = net.bus["in_service"] & net.res_bus["vm_pu"].notna()
    at = {int(bus): int(lookup[bus]) for bus in net.bus.index[live]}
    slacks = [at[int(bus)] for bus in net.ext_grid.loc[net.ext_grid["in_service"], "bus"] if int(bus) in at]
    joined = dict.fromkeys(slacks, slacks[0])
    at = {bus: joined.get(node, node) for bus, node in at.items()}
    ohm_per_pu = float(net.bus.loc[net.bus["in_service"], "vn_kv"].min()) ** 2 / net.sn_mva
    between: dict[tuple[int, int], list[complex]] = {}
    for row in np.real(ppc["branch"][ppc["branch"][:, 10].real > 0]):
        a, b = sorted(joined.get(int(node), int(node)) for node in row[:2])
        if a != b:
            between.setdefault((a, b), []).append(complex(row[2], row[3]))
    graph = nx.Graph()
    graph.add_nodes_from(at.values())
    for (a, b), impedances in between.items():
        graph.add_edge(a, b, ohm=abs(together(impedances)) * ohm_per_pu)
    return graph, at

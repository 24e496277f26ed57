"""The graph of an electric network along which path charges are measured.

Topology and impedances are pandapower's own: its graph says what is in service and closed, the functions that build its
admittances what an element's impedance is.
"""

import warnings
from collections import defaultdict
from copy import deepcopy
from typing import Any

import networkx
import numpy as np
from networkx.utils import UnionFind
from pandapower import pandapowerNet
from pandapower.topology import create_nxgraph

from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.networks.electric.options import switch_rx_ratio

Edge = tuple[int, int]
"""Two nodes, the lower number first."""


def path_graph(net: pandapowerNet) -> PathGraph:
    """Buses in service and |z| in ohm between them, referred to the lowest nominal voltage of the net.

    All slack buses are one node (the network above), and so are buses joined by closed switches without impedance.
    What leads from one node to another side by side is one edge, of the impedance that it has together. Lines and
    transformers that are out of service or open at one end are no edges. A node bears the name of its bus with the
    lowest index.

    Resistance, reactance and what is a transformer are given by edge, too.
    """
    graph = bus_graph(net, calc_branch_impedances=True, branch_impedance_unit="pu")
    one_place = merged_places(graph, net)
    roots = sorted({one_place[bus] for bus in graph})
    number = {root: position for position, root in enumerate(roots)}
    node_of = {int(bus): number[one_place[bus]] for bus in sorted(graph)}
    base_kv = float(net.bus["vn_kv"].loc[list(graph)].min())
    edges = _side_by_side(graph, net, node_of)
    ohm_per_pu = base_kv**2 / net.sn_mva
    z_pu = [together(of_edge) for of_edge, _ in edges.values()]
    z_ohm = np.array(z_pu, dtype=complex) * ohm_per_pu
    return PathGraph(
        node_names=tuple(str(net.bus["name"].at[root]) for root in roots),
        from_node=np.array([start for start, _ in edges], dtype=np.int64),
        to_node=np.array([end for _, end in edges], dtype=np.int64),
        length=np.array([abs(z) for z in z_pu], dtype=float) * ohm_per_pu,
        node_of=node_of,
        r_ohm=z_ohm.real,
        x_ohm=z_ohm.imag,
        is_transformer=np.array([kinds == {"trafo"} for _, kinds in edges.values()], dtype=np.bool_),
        base_kv=base_kv,
        slack=next((node_of[bus] for bus in slacks(graph, net)), None),
    )


def bus_graph(net: pandapowerNet, **options: Any) -> networkx.MultiGraph:
    """Pandapower's graph of what is in service and closed, its keys (table, index of the element); with its options."""
    with warnings.catch_warnings():
        # Older files lack columns that concern tap changers; pandapower warns and goes on without them.
        warnings.simplefilter("ignore", DeprecationWarning)
        # A copy, because pandapower keeps intermediate results in the net while it builds its graph.
        return create_nxgraph(deepcopy(net), include_dclines=False, **options)


def _side_by_side(
    graph: networkx.MultiGraph, net: pandapowerNet, node_of: dict[int, int]
) -> dict[Edge, tuple[list[complex], set[str]]]:
    """By nodes that are joined: the impedances in p.u. of all elements between the two, and their kinds."""
    between: dict[Edge, tuple[list[complex], set[str]]] = defaultdict(lambda: ([], set()))
    for start, end, (kind, index), data in graph.edges(keys=True, data=True):
        ends = sorted((node_of[start], node_of[end]))
        if ends[0] != ends[1]:
            z = _of_switch(net, index) if kind == "switch" else complex(data["r_pu"], data["x_pu"])
            impedances, kinds = between[ends[0], ends[1]]
            impedances.append(z)
            kinds.add(kind)
    return between


def together(impedances: list[complex]) -> complex:
    """The impedance of elements side by side."""
    if len(impedances) == 1:
        return impedances[0]
    return 0.0 if 0.0 in impedances else 1.0 / sum(1.0 / z for z in impedances)


def _of_switch(net: pandapowerNet, index: int) -> complex:
    """The impedance of a closed switch in p.u., on the voltage of its bus, as pandapower splits its |z|."""
    switch, ratio = net.switch.loc[index], switch_rx_ratio(net)
    base_ohm = float(net.bus["vn_kv"].at[switch["bus"]]) ** 2 / float(net.sn_mva)
    x_ohm = float(switch["z_ohm"]) / np.hypot(1.0, ratio)
    return complex(ratio * x_ohm, x_ohm) / base_ohm


def slacks(graph: networkx.MultiGraph, net: pandapowerNet) -> list[int]:
    """Buses with an external grid in service."""
    return [int(bus) for bus in net.ext_grid.loc[net.ext_grid["in_service"], "bus"] if bus in graph]


def merged_places(graph: networkx.MultiGraph, net: pandapowerNet) -> dict[int, int]:
    """Bus to the lowest bus index of the place it belongs to: all slack buses are one, and so are buses that closed
    switches without impedance join."""
    places = UnionFind(graph)
    places.union(*slacks(graph, net))
    for start, end, (kind, index) in graph.edges(keys=True):
        if kind == "switch" and not net.switch["z_ohm"].at[index] > 0.0:
            places.union(start, end)
    return {bus: min(place) for place in places.to_sets() for bus in place}

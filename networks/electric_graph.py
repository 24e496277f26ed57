"""The graph of an electric network along which path charges are measured."""

import warnings
from copy import deepcopy

import networkx
import numpy as np
from networkx.utils import UnionFind
from pandapower import pandapowerNet
from pandapower.topology import create_nxgraph

from mosaik_p2p.charges.graph import PathGraph


def path_graph(net: pandapowerNet) -> PathGraph:
    """Buses in service and |z| in ohm between them, referred to the lowest nominal voltage of the net.

    All slack buses are one node (the network above), and so are buses joined by closed switches. Lines and
    transformers that are out of service or open at one end are no edges. A node bears the name of its bus with the
    lowest index.
    """
    with warnings.catch_warnings():
        # Older files lack columns that concern tap changers; pandapower warns and goes on without them.
        warnings.simplefilter("ignore", DeprecationWarning)
        # A copy, because pandapower keeps intermediate results in the net while it builds its graph.
        graph = create_nxgraph(
            deepcopy(net), calc_branch_impedances=True, branch_impedance_unit="pu", include_dclines=False
        )
    one_place = _merged(graph, net)
    roots = sorted({one_place[bus] for bus in graph})
    number = {root: position for position, root in enumerate(roots)}
    node_of = {int(bus): number[one_place[bus]] for bus in sorted(graph)}
    ohm_per_pu = float(net.bus["vn_kv"].loc[list(graph)].min()) ** 2 / net.sn_mva
    edges = [
        (node_of[start], node_of[end], data["z_pu"] * ohm_per_pu)
        for start, end, data in graph.edges(data=True)
        if node_of[start] != node_of[end]
    ]
    return PathGraph(
        node_names=tuple(str(net.bus["name"].at[root]) for root in roots),
        from_node=np.array([start for start, _, _ in edges], dtype=np.int64),
        to_node=np.array([end for _, end, _ in edges], dtype=np.int64),
        length=np.array([length for _, _, length in edges], dtype=float),
        node_of=node_of,
    )


def _merged(graph: networkx.MultiGraph, net: pandapowerNet) -> dict[int, int]:
    """Bus to the lowest bus index of the place it belongs to."""
    places = UnionFind(graph)
    slacks = [bus for bus in net.ext_grid.loc[net.ext_grid["in_service"], "bus"] if bus in graph]
    places.union(*slacks)
    for start, end, (kind, _) in graph.edges(keys=True):
        if kind == "switch":
            places.union(start, end)
    return {bus: min(place) for place in places.to_sets() for bus in place}

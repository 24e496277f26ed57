"""Zones of a network, and how many of them lie on the way between two places.

Every place is in one zone. A way through a network counts the distinct zones of its places, its ends included, so that
a trade within a zone counts one. Where the network is radial and no way comes back into a zone that it has left, that
is the length of a path: half of one for each prosumer, and one where a connection joins two zones.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import dijkstra

from mosaik_p2p.charges.graph import PathGraph, parts
from mosaik_p2p.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Between:
    """The part of a network that lies between prosumers: nothing beyond it is passed by a trade."""

    nodes: BoolArray
    """(nodes,)"""
    edges: BoolArray
    """(edges,) of which none leads back to its own node, and of which no two join the same nodes."""

    is_radial: bool
    """Whether there is one way only between any two of its nodes."""


def between_prosumers(graph: PathGraph, place: IntArray) -> Between:
    """What is left of `graph` once ends of branches without a prosumer fall away, again and again.

    `place` of shape (N,) is each prosumer's node, -1 where it is not connected.
    """
    shortest = _shortest_of_parallels(graph)
    near: list[list[int]] = [[] for _ in graph.node_names]
    for a, b in zip(graph.from_node[shortest].tolist(), graph.to_node[shortest].tolist(), strict=True):
        near[a].append(b)
        near[b].append(a)
    degree = [len(around) for around in near]
    kept = {int(node) for node in place if node >= 0}
    inside = np.ones(len(near), dtype=np.bool_)
    waiting = deque(node for node in range(len(near)) if degree[node] <= 1 and node not in kept)
    while waiting:
        node = waiting.popleft()
        inside[node] = False
        for other in near[node]:
            degree[other] -= 1
            if inside[other] and degree[other] == 1 and other not in kept:
                waiting.append(other)
    edges = np.zeros(len(graph.length), dtype=np.bool_)
    edges[shortest] = inside[graph.from_node[shortest]] & inside[graph.to_node[shortest]]
    pieces = len(np.unique(parts(graph, edges)[inside]))
    return Between(inside, edges, is_radial=int(edges.sum()) == int(inside.sum()) - pieces)


def are_connected(graph: PathGraph, zone: IntArray, within: Between) -> bool:
    """Whether each zone is one piece of the radial network `within`; `zone` of shape (nodes,) numbers them."""
    crossing = zone[graph.from_node[within.edges]] != zone[graph.to_node[within.edges]]
    pieces = int(within.nodes.sum()) - int((~crossing).sum())
    return pieces == len(np.unique(zone[within.nodes]))


def half_at_ends(graph: PathGraph, zone: IntArray, place: IntArray) -> tuple[PathGraph, IntArray]:
    """The graph on which zones on the way are lengths: one where two zones meet, half of one for each prosumer, who
    gets a node of its own. With it the node of each prosumer, (N,), -1 where it is not connected."""
    count, connected = len(graph.node_names), np.flatnonzero(place >= 0)
    ends = np.full(len(place), -1)
    ends[connected] = count + np.arange(len(connected))
    crossing = (zone[graph.from_node] != zone[graph.to_node]).astype(float)
    lengthened = PathGraph(
        node_names=(*graph.node_names, *(graph.node_names[node] for node in place[connected])),
        from_node=np.r_[graph.from_node, place[connected]],
        to_node=np.r_[graph.to_node, ends[connected]],
        length=np.r_[crossing, np.full(len(connected), 0.5)],
        node_of=graph.node_of,
    )
    return lengthened, ends


def zones_on_the_way(graph: PathGraph, zone: IntArray, nodes: IntArray) -> FloatArray:
    """(P, P) distinct zones on the shortest path between the P given nodes, ends included; infinite without a path."""
    count = np.full((len(nodes), len(nodes)), np.inf)
    links = _links(graph)
    for k, start in enumerate(nodes.tolist()):
        length, before = dijkstra(links, directed=False, indices=start, return_predecessors=True)
        way_back: list[int] = before.ravel().tolist()
        # From the first end only, so that both directions of a trade count one and the same path.
        count[k, k:] = count[k:, k] = _counted(zone, length, way_back, start)[nodes[k:]]
    return count


def _counted(zone: IntArray, length: FloatArray, before: list[int], start: int) -> FloatArray:
    """(nodes,) distinct zones on the way from `start`, as bits of a number while they are collected."""
    seen = {start: 1 << int(zone[start])}
    way: list[int] = []
    for node in np.flatnonzero(np.isfinite(length)).tolist():
        while node not in seen:
            way.append(node)
            node = before[node]
        while way:
            passed, node = seen[node], way.pop()
            seen[node] = passed | 1 << int(zone[node])
    counted = np.full(len(zone), np.inf)
    counted[list(seen)] = [bits.bit_count() for bits in seen.values()]
    return counted


def _shortest_of_parallels(graph: PathGraph) -> IntArray:
    """Edges, without those from a node to itself and those that a shorter one lies beside."""
    low, high = np.minimum(graph.from_node, graph.to_node), np.maximum(graph.from_node, graph.to_node)
    order = np.lexsort((graph.length, high, low))
    order = order[low[order] != high[order]]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (low[order][1:] != low[order][:-1]) | (high[order][1:] != high[order][:-1])
    return np.sort(order[first])


def _links(graph: PathGraph) -> sp.csr_array:
    """The lengths as a matrix; of parallel edges the shortest, and one of no length is an edge all the same."""
    edges, count = _shortest_of_parallels(graph), len(graph.node_names)
    ends = (graph.from_node[edges], graph.to_node[edges])
    return sp.csr_array((graph.length[edges], ends), shape=(count, count))

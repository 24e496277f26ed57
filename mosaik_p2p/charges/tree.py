"""A radial charge network, reduced to what prosumers can feel: leaves without a prosumer fall away, pass-through nodes
melt into one edge."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.units import FloatArray, IntArray


@dataclass(frozen=True)
class ChargeTree:
    """A rooted tree whose nodes are numbered so that a parent comes before its children; node 0 is the root.

    `charge` is what a kWh pays (both ends together) for crossing the edge to the parent; entry 0 means nothing.
    """

    parent: IntArray
    charge: FloatArray
    place: IntArray
    """(N,): node of each prosumer, -1 without one."""


def charge_tree(graph: PathGraph, place: IntArray, charge: FloatArray) -> ChargeTree | None:
    """The reduced tree, or None where the network between the prosumers has a loop.

    `charge` of shape (edges,) is per kWh. Raises ValueError where two prosumers have no path between them.
    """
    near = _neighbours(graph, charge)
    kept = {int(node) for node in place if node >= 0}
    if not kept:
        return ChargeTree(np.array([-1]), np.zeros(1), np.full(len(place), -1))
    _prune(near, kept)
    root = min(kept)
    order, parent = _breadth_first(near, root)
    if not kept <= set(order):
        missing = sorted(graph.node_names[node] for node in kept - set(order))
        raise ValueError(f"no path from {graph.node_names[root]} to {', '.join(missing)}")
    edges = sum(len(near[node]) for node in order) // 2
    if edges != len(order) - 1:
        return None
    number = {node: at for at, node in enumerate(order)}
    return ChargeTree(
        parent=np.array([-1 if node == root else number[parent[node]] for node in order]),
        charge=np.array([0.0 if node == root else near[node][parent[node]] for node in order]),
        place=np.array([number[int(node)] if node >= 0 else -1 for node in place]),
    )


def _neighbours(graph: PathGraph, charge: FloatArray) -> dict[int, dict[int, float]]:
    """Adjacency with the cheapest of parallel edges."""
    near: dict[int, dict[int, float]] = {node: {} for node in range(len(graph.node_names))}
    for a, b, price in zip(graph.from_node, graph.to_node, charge, strict=True):
        if a != b:
            cheapest = min(float(price), near[int(a)].get(int(b), np.inf))
            near[int(a)][int(b)] = near[int(b)][int(a)] = cheapest
    return near


def _prune(near: dict[int, dict[int, float]], kept: set[int]) -> None:
    """Take out, in place, nodes without a prosumer that end a branch or only pass on."""
    waiting = deque(node for node in near if node not in kept)
    while waiting:
        node = waiting.popleft()
        around = near.get(node)
        if around is None or len(around) > 2:
            continue
        if len(around) == 2:
            (a, price_a), (b, price_b) = around.items()
            if b in near[a]:
                continue  # a triangle: melting the node would hide a loop
            near[a][b] = near[b][a] = price_a + price_b
        for other in around:
            del near[other][node]
            if other not in kept:
                waiting.append(other)
        del near[node]


def _breadth_first(near: dict[int, dict[int, float]], root: int) -> tuple[list[int], dict[int, int]]:
    order, parent, waiting = [], {root: -1}, deque([root])
    while waiting:
        node = waiting.popleft()
        order.append(node)
        for other in near[node]:
            if other not in parent:
                parent[other] = node
                waiting.append(other)
    return order, parent

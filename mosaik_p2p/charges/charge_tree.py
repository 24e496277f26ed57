"""A radial charge network, reduced to what prosumers can feel: leaves without a prosumer fall away, pass-through nodes
melt into one edge."""

from collections import deque
from dataclasses import dataclass
from functools import cached_property

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

    def length_between(self, a: IntArray, b: IntArray) -> FloatArray:
        """Charge of the way from nodes `a` to nodes `b`, for many pairs at once."""
        head, depth = self._heavy_paths
        one, other = a.copy(), b.copy()
        # Whoever's path begins deeper leaves it, until both are on one path; there the upper one is where they meet.
        apart = np.flatnonzero(head[one] != head[other])
        while len(apart):
            left, right = one[apart], other[apart]
            first = depth[head[left]] >= depth[head[right]]
            one[apart] = np.where(first, self.parent[head[left]], left)
            other[apart] = np.where(first, right, self.parent[head[right]])
            apart = apart[head[one[apart]] != head[other[apart]]]
        meeting = np.where(depth[one] <= depth[other], one, other)
        result: FloatArray = self._from_root[a] + self._from_root[b] - 2.0 * self._from_root[meeting]
        # A difference of sums: what rounding leaves is no charge.
        return np.where(a == b, 0.0, np.maximum(result, 0.0))

    @cached_property
    def _from_root(self) -> FloatArray:
        """(nodes,): charge of the way from the root."""
        length = np.zeros(len(self.parent))
        for node in range(1, len(length)):
            length[node] = length[self.parent[node]] + self.charge[node]
        return length

    @cached_property
    def _heavy_paths(self) -> tuple[IntArray, IntArray]:
        """(nodes,) first node of the path that each is on, and depth; from anywhere few paths lead to the root."""
        parent = self.parent.tolist()
        size, heavy = [1] * len(parent), [-1] * len(parent)
        for node in range(len(parent) - 1, 0, -1):
            up = parent[node]
            size[up] += size[node]
            if heavy[up] < 0 or size[node] > size[heavy[up]]:
                heavy[up] = node
        head, depth = [0] * len(parent), [0] * len(parent)
        for node in range(1, len(parent)):
            up = parent[node]
            depth[node] = depth[up] + 1
            head[node] = head[up] if heavy[up] == node else node
        return np.array(head), np.array(depth)


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

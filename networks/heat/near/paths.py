"""How all flows follow from those that are taken: along a tree from each plant's junction, and around the loops."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.networks.heat.near.branches import Branches
from mosaik_p2p.units import FloatArray, IntArray

NONE = -1


@dataclass(frozen=True)
class Trees:
    """A tree from every root, as far as pipes and valves lead. Arrays of shape (nodes,)."""

    order: list[int]
    """Nodes that are reached, a parent before its children."""
    parent: IntArray
    branch: IntArray
    """To the parent."""
    root: IntArray
    """`NONE` where no root leads."""
    chords: list[int]
    """Branches that close a loop."""


def trees(along: Branches, roots: IntArray, nodes: int) -> Trees | None:
    """None where two roots are joined: what then flows, pressures decide."""
    if len(set(roots.tolist())) < len(roots):
        return None
    beside: list[list[int]] = [[] for _ in range(nodes)]
    for row, ends in enumerate(zip(along.start.tolist(), along.end.tolist(), strict=True)):
        for node in ends:
            beside[node].append(row)
    parent, branch, root = (np.full(nodes, NONE, dtype=np.int64) for _ in range(3))
    root[roots] = roots
    order, waiting, used = [], deque(roots.tolist()), np.zeros(len(along), dtype=bool)
    chords: list[int] = []
    while waiting:
        node = waiting.popleft()
        order.append(node)
        for row in beside[node]:
            if used[row]:
                continue
            used[row] = True
            other = int(along.end[row] if along.start[row] == node else along.start[row])
            if root[other] == NONE:
                parent[other], branch[other], root[other] = node, row, root[node]
                waiting.append(other)
            elif root[other] != root[node]:
                return None
            else:
                chords.append(row)
    return Trees(order, parent, branch, root, chords)


def flows_per_taken(along: Branches, found: Trees, taken: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(branches, columns) flow in every branch of the trees, and (nodes, columns) what comes out of the roots, where
    `taken` (nodes, columns) is taken at the nodes; chords carry nothing."""
    beyond = taken.copy()
    flow = np.zeros((len(along), taken.shape[1]))
    for node in reversed(found.order):
        above, row = found.parent[node], found.branch[node]
        if above != NONE:
            flow[row] = beyond[node] if along.end[row] == node else -beyond[node]
            beyond[above] += beyond[node]
    return flow, beyond


def around_loops(along: Branches, found: Trees) -> FloatArray:
    """(loops, branches) 1 for the chord that closes a loop, and for what follows in its direction; -1 against it."""
    around = np.zeros((len(found.chords), len(along)))
    for loop, chord in enumerate(found.chords):
        around[loop, chord] = 1.0
        for end, way in ((along.end[chord], 1.0), (along.start[chord], -1.0)):
            node = int(end)
            while found.parent[node] != NONE:
                row = found.branch[node]
                around[loop, row] += way if along.start[row] == node else -way
                node = int(found.parent[node])
    return around

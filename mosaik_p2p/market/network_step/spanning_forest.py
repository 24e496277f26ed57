"""Forests of pairs: spanning trees found, taken apart from their leaves, and used to send power (compiled).

`owner` and `partner` (E,) are the two ends of each pair.
"""

import numpy as np

from mosaik_p2p.jit.modes import jit_strict


@jit_strict
def route(rest, order, owner, partner, flow):  # type: ignore[no-untyped-def]  # numba infers the types
    """Add to `flow` (E,), in place, what raises net sales by `rest` (N,): along a forest of pairs taken in `order`.

    `rest` is used up: what remains of it sums to what each connected part had too much. `owner` (E,) is the earlier
    prosumer of each pair.
    """
    root, degree, pairs_at, leaf, other, pair, _, _, _ = new_forest(rest.size)
    plant(root, degree, pairs_at)
    for e in order:
        join(e, owner[e], partner[e], root, degree, pairs_at)
    for n in range(peel(owner, partner, degree, pairs_at, leaf, other, pair)):
        i, e = leaf[n], pair[n]
        flow[e] += rest[i] if owner[e] == i else -rest[i]
        rest[other[n]] += rest[i]
        rest[i] = 0.0


@jit_strict
def match(rest, order, owner, partner, flow):  # type: ignore[no-untyped-def]
    """Let the pairs in `order` trade what `rest` (N,) offers at one end and lacks at the other, in place."""
    for e in order:
        i, j = owner[e], partner[e]
        power = 0.0
        if rest[i] > 0.0 > rest[j]:
            power = min(rest[i], -rest[j])
        elif rest[j] > 0.0 > rest[i]:
            power = -min(rest[j], -rest[i])
        flow[e] += power
        rest[i] -= power
        rest[j] += power


@jit_strict
def new_forest(count):  # type: ignore[no-untyped-def]
    """Room for root, degree and pairs at each node; leaf, its neighbour and their pair in the order of peeling; and for
    three helpers of `_tie`."""
    return (
        np.empty(count, np.int64),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
        np.empty(count),
        np.empty((2, count)),
        np.empty(count),
    )


@jit_strict
def plant(root, degree, pairs_at):  # type: ignore[no-untyped-def]
    """A forest without pairs."""
    for i in range(root.size):
        root[i], degree[i], pairs_at[i] = i, 0, 0


@jit_strict
def join(e, i, j, root, degree, pairs_at):  # type: ignore[no-untyped-def]
    """Take pair e of i and j into the forest, unless it would close a circle.

    The exclusive or of the pairs at a node is kept: with one pair left, it is that pair.
    """
    a, b = root_of(root, i), root_of(root, j)
    if a != b:
        root[a] = b
        degree[i] += 1
        degree[j] += 1
        pairs_at[i] ^= e
        pairs_at[j] ^= e


@jit_strict
def peel(owner, partner, degree, pairs_at, leaf, other, pair):  # type: ignore[no-untyped-def]
    """Take the forest's leaves off, one by one; returns how many there were, one for each pair."""
    size = 0
    for begin in range(degree.size):
        i = begin
        while degree[i] == 1:
            e = pairs_at[i]
            j = partner[e] if owner[e] == i else owner[e]
            leaf[size], other[size], pair[size] = i, j, e
            size += 1
            degree[i] = 0
            degree[j] -= 1
            pairs_at[j] ^= e
            i = j
    return size


@jit_strict
def root_of(root, node):  # type: ignore[no-untyped-def]
    """The node that stands for a node's tree."""
    while root[node] != node:
        root[node] = root[root[node]]
        node = root[node]
    return node

"""Differences of a value as lengths: prosumers on a chain, in the order of their values."""

import numpy as np

from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.units import FloatArray, IntArray


def chain_of(value: FloatArray, place: IntArray) -> tuple[PathGraph, IntArray]:
    """A graph whose path between two prosumers is as long as their values (N,) differ, and each one's node, (N,).

    `place` of shape (N,) is negative where a prosumer is not connected; its node is -1.
    """
    connected = np.flatnonzero(place >= 0)
    order = connected[np.argsort(value[connected], kind="stable")]
    node = np.full(len(place), -1)
    node[order] = np.arange(len(order))
    following = np.arange(max(len(order) - 1, 0))
    graph = PathGraph(
        node_names=tuple(str(i) for i in order.tolist()),
        from_node=following,
        to_node=following + 1,
        length=np.diff(value[order]),
        node_of={},
    )
    return graph, node

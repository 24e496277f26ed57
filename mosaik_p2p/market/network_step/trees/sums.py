"""What stands behind each edge of a tree."""

import numpy as np

from mosaik_p2p.jit.modes import jit
from mosaik_p2p.units import FloatArray, IntArray


def behind(parent: IntArray, place: IntArray, amount: FloatArray) -> FloatArray:
    """(T, nodes) sums of the amounts (T, n) that stand at the nodes `place`, at each node and all behind it.

    A parent has a lower number than its children; who has no place (-1) does not count.
    """
    sums = np.zeros((len(amount), len(parent)))
    _add_up(parent, place, amount, sums)
    return sums


@jit
def _add_up(parent, place, amount, sums):  # type: ignore[no-untyped-def]  # numba infers the types
    for t in range(sums.shape[0]):
        for i in range(place.size):
            if place[i] >= 0:
                sums[t, place[i]] += amount[t, i]
        for node in range(parent.size - 1, 0, -1):
            sums[t, parent[node]] += sums[t, node]

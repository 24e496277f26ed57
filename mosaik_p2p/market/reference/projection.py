"""The projection of prices by itself, for the tests that hold it against other roads; markets step through it."""

import numpy as np

from mosaik_p2p.jit.modes import jit
from mosaik_p2p.market.network_step.trees.mergeable_heaps import workspace
from mosaik_p2p.market.network_step.trees.price_projection import note_sides, project_as_before, project_one
from mosaik_p2p.units import FloatArray, IntArray


def project_prices(wish: FloatArray, weight: FloatArray, parent: IntArray, charge: FloatArray) -> FloatArray:
    """Projected prices (T, nodes) for wishes (T, nodes), weights (nodes,) and edge charges (nodes,) of a tree.

    Nodes are numbered parents first; a weight may be zero (no prosumer there), not all of them.
    """
    price = np.empty_like(wish)
    _project_all(wish, weight, parent, charge, price)
    return price


@jit
def _project_all(wish, weight, parent, charge, price):  # type: ignore[no-untyped-def]  # numba infers the types
    scratch = workspace(parent.size)
    low, high = np.empty(parent.size), np.empty(parent.size)
    for t in range(wish.shape[0]):
        project_one(wish[t], weight, parent, charge, low, high, scratch, price[t])


@jit
def project_again(wish, weight, parent, charge, sides, price):  # type: ignore[no-untyped-def]
    """Prices (nodes,) by the `sides` (nodes,) of edges alone, into `price`; False where they are not the solution."""
    return project_as_before(wish, weight, parent, charge, sides, np.empty((2, parent.size)), price)


@jit
def sides_at(parent, charge, price):  # type: ignore[no-untyped-def]
    """(nodes,) the sides of edges at prices (nodes,)."""
    sides = np.zeros(parent.size, np.int8)
    note_sides(parent, charge, price, sides)
    return sides

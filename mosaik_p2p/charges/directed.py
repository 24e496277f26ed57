"""Charges that depend on who sells: split into a charge of pairs and charges of places.

    D_ij = K_ij + nu_i - nu_j,    K_ij = (D_ij + D_ji)/2,    nu_i - nu_j = (D_ij - D_ji)/2

D_ij is what a kWh sold by i to j costs both ends together. The split exists where the differences sum to zero around
every circle of prosumers that may trade; elsewhere no form of the market could state the charge, and power sent in such
a circle might earn.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.units import BoolArray, FloatArray

ROUNDING = 1e-9
"""Part of the largest charge that is none."""


class NotSplit(ValueError):
    """Directed charges that are no sum of a charge of pairs and charges of places; the text names the prosumers."""


@dataclass(frozen=True)
class SplitCharges:
    """A charge of pairs and the charges of places beside it, currency per kWh."""

    pair: FloatArray
    """(N, N), symmetric, zero on its diagonal and between those who may not trade."""
    place: FloatArray
    """(N,), of mean zero among those who can trade with each other, directly or not: only differences are known."""


def split_directed(directed: FloatArray, names: Sequence[str], partners: BoolArray | None = None) -> SplitCharges:
    """K and nu behind charges D of shape (N, N); `partners` (N, N) says who may trade, None: everyone.

    Entries of those who may not trade are ignored. Raises NotSplit where K is negative, naming the pair, and where the
    differences do not sum to zero around a circle, naming who stands in it.
    """
    open_ = np.ones(directed.shape, dtype=np.bool_) if partners is None else partners | partners.T
    open_ = open_ & ~np.eye(len(directed), dtype=np.bool_)
    values = np.where(open_, directed, 0.0)
    pair, rise = (values + values.T) / 2, (values - values.T) / 2
    tiny = ROUNDING * float(np.abs(values).max(initial=0.0))
    _refuse_negative(pair, names, tiny)
    place, parent = _walked(rise, open_)
    amiss = np.abs(rise - (place[:, None] - place[None, :])) > tiny
    circles = np.argwhere(amiss & open_)
    if len(circles):
        raise NotSplit(_circle(rise, names, _way_round(parent, *circles[0].tolist())))
    return SplitCharges(np.maximum(pair, 0.0), place)


def _refuse_negative(pair: FloatArray, names: Sequence[str], tiny: float) -> None:
    if not (pair < -tiny).any():
        return
    i, j = divmod(int(pair.argmin()), len(pair))
    earned = -2.0 * float(pair[i, j])
    raise NotSplit(f"a kWh sold from {names[i]!r} to {names[j]!r} and back earns {earned:.6g}: it would go on for ever")


def _walked(rise: FloatArray, open_: BoolArray) -> tuple[FloatArray, list[int]]:
    """(N,) place values along a tree of partners, and each one's predecessor in it (-1: none)."""
    count = len(rise)
    place, parent, part = np.zeros(count), [-1] * count, np.full(count, -1)
    for root in range(count):
        if part[root] >= 0:
            continue
        part[root], waiting = root, deque([root])
        while waiting:
            i = waiting.popleft()
            for j in np.flatnonzero(open_[i] & (part < 0)).tolist():
                # nu_j = nu_i - (nu_i - nu_j)
                place[j], part[j], parent[j] = place[i] - rise[i, j], root, i
                waiting.append(j)
        place[part == root] -= place[part == root].mean()
    return place, parent


def _way_round(parent: list[int], i: int, j: int) -> list[int]:
    """The circle of prosumers that the pair closes in the tree."""
    up, down = _way_up(parent, i), _way_up(parent, j)
    while len(up) > 1 and len(down) > 1 and up[-2] == down[-2]:
        up.pop()
        down.pop()
    return [*up, *reversed(down[:-1])]


def _way_up(parent: list[int], i: int) -> list[int]:
    way = [i]
    while parent[way[-1]] >= 0:
        way.append(parent[way[-1]])
    return way


def _circle(rise: FloatArray, names: Sequence[str], way: list[int]) -> str:
    total = sum(float(rise[a, b]) for a, b in zip(way, [*way[1:], way[0]], strict=True))
    around = ", ".join(repr(names[i]) for i in way)
    return (
        f"charges of both directions differ by {total:.6g} in sum around {around}: such differences have to be those "
        "of a value at each place"
    )

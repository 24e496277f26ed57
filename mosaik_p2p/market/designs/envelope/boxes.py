"""Operating envelopes: boxes of injections of which every corner keeps every limit of a network.

Around a base x0 that keeps the limits, each injection i may be anything from lo_i to hi_i, whatever the others are in
theirs: the active power of a prosumer is one, its reactive power another. With rows S x <= beta the worst corner of a
row is exact, so that

    alpha = max a   subject to   S+ (x0 + a (most - x0)) - S- (x0 - a (x0 - least)) <= beta,   0 <= a <= 1
    max sum_i hi_i - lo_i   subject to   S+ hi - S- lo <= beta,   lo <= x0 - alpha (x0 - least),   hi >= x0 + ...

where S+ and S- are the sizes of the positive and negative entries: everybody gets the same share alpha of what is
wanted, least and most, and beyond it what does not cost anybody else his share.

Networks are not linear: they are asked at the corners that are worst for the tightest rows, with everybody at the upper
and with everybody at the lower end. Where one breaks a limit, the network is linearised there and its rows are kept
beside the others. On a radial feeder all voltages rise with every injection, so that these corners are the worst ones.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from mosaik_p2p.units import FloatArray

ROUNDS = 12
"""Of linear programmes; two or three are usual."""
CORNERS = 60
"""Of the tightest rows, that are asked at the most."""
WORST = 6
"""Corners at which a round linearises anew, those that break limits most."""
SHRUNK = 0.8
"""By how much boxes shrink towards the base where no rows help: while somebody's heat cannot be delivered at a corner,
or a corner has no solution."""
SHRINKINGS = 20


@dataclass(frozen=True)
class Rows:
    """`slope @ x <= bound`, each in a unit of its own."""

    slope: FloatArray
    """(R, N) per kW, or kvar."""
    bound: FloatArray
    """(R,)"""

    def and_also(self, others: "Rows") -> "Rows":
        """Both."""
        return Rows(np.vstack([self.slope, others.slope]), np.concatenate([self.bound, others.bound]))

    def worst(self, low: FloatArray, high: FloatArray) -> FloatArray:
        """(R,) the largest value of each in the box."""
        return np.asarray(np.maximum(self.slope, 0.0) @ high + np.minimum(self.slope, 0.0) @ low, dtype=np.float64)

    def scaled(self) -> "Rows":
        """The same with a largest entry of one; without those that nobody moves."""
        size = np.abs(self.slope).max(axis=1, initial=0.0)
        moved = size > 0.0
        return Rows(self.slope[moved] / size[moved, None], self.bound[moved] / size[moved])


@dataclass(frozen=True)
class Told:
    """What a network says to injections."""

    excess: float
    """By how much it breaks its limits at the worst, as a share of them; zero or less where all are kept, infinite
    without a solution or where no row says what is broken."""
    rows: Rows
    """Linearised there."""


Ask = Callable[[FloatArray], Told]
"""A network's answer to injections (N,), each in kW or in kvar."""


@dataclass(frozen=True)
class Boxes:
    """What may be injected, each of N in kW or in kvar."""

    low: FloatArray
    high: FloatArray
    share: float
    """Of what each wanted, on both sides of the base; zero where only the base is left."""
    rounds: int


def boxes_around(
    base: FloatArray, least: FloatArray, most: FloatArray, ask: Ask, *, corners: int = CORNERS
) -> Boxes | None:
    """The widest boxes around a base (N,) within what is wanted, (N,) least and most; None where the base itself breaks
    a limit."""
    first = ask(base)
    if first.excess > 0.0:
        return None
    wanted = (np.minimum(least, base), np.maximum(most, base))
    rows = _that_may_bind(first.rows.scaled(), *wanted)
    for number in range(1, ROUNDS + 1):
        share = common_share(rows, base, *wanted)
        low, high = _widest(rows, base, *wanted, share)
        answers = [(ask(corner), corner) for corner in _corners(rows, low, high, corners)]
        broken = sorted((told for told, _ in answers if told.excess > 0.0), key=lambda told: -told.excess)
        if not broken:
            return Boxes(low, high, share, number)
        for told in broken[:WORST]:
            rows = rows.and_also(told.rows.scaled())
    return _shrunk(Boxes(low, high, share, ROUNDS), base, rows, ask, corners)


def common_share(rows: Rows, base: FloatArray, least: FloatArray, most: FloatArray) -> float:
    """The largest share alpha that everybody can have of what is wanted."""
    at_base = rows.slope @ base
    way = rows.worst(least - base, most - base)
    room = np.maximum(rows.bound - at_base, 0.0)
    return float(np.min(room[way > 0.0] / way[way > 0.0], initial=1.0))


def _that_may_bind(rows: Rows, least: FloatArray, most: FloatArray) -> Rows:
    """Without those that no wanted injection breaks: of a large network hardly any are left."""
    kept = rows.worst(least, most) > rows.bound
    return Rows(rows.slope[kept], rows.bound[kept])


def _widest(
    rows: Rows, base: FloatArray, least: FloatArray, most: FloatArray, share: float
) -> tuple[FloatArray, FloatArray]:
    """Ends of the boxes of the widest sum, of which everybody has the common share."""
    low, high = base - share * (base - least), base + share * (most - base)
    if not len(rows.bound):
        return least, most
    count = len(base)
    # Variables: by how much each end goes further than the common share.
    room = np.maximum(rows.bound - rows.worst(low, high), 0.0)
    found = linprog(
        -np.ones(2 * count),
        A_ub=np.hstack([np.maximum(rows.slope, 0.0), np.maximum(-rows.slope, 0.0)]),
        b_ub=room,
        bounds=[(0.0, max(float(further), 0.0)) for further in np.concatenate([most - high, low - least])],
        method="highs",
    )
    if found.status != 0 or found.x is None:
        return low, high
    further = np.maximum(found.x, 0.0)
    return low - further[count:], high + further[:count]


def _corners(rows: Rows, low: FloatArray, high: FloatArray, most: int) -> Iterator[FloatArray]:
    """Everybody at the upper end, at the lower end, and the worst corners of the tightest rows; each once."""
    tightest = np.argsort(rows.bound - rows.worst(low, high), kind="stable")[:most]
    found = [high, low, *(np.where(rows.slope[r] > 0.0, high, low) for r in tightest)]
    yield from {corner.tobytes(): corner for corner in found}.values()


def _shrunk(boxes: Boxes, base: FloatArray, rows: Rows, ask: Ask, corners: int) -> Boxes:
    """The boxes, so much nearer to the base that no corner breaks a limit."""
    for number in range(1, SHRINKINGS + 1):
        part = SHRUNK**number
        low, high = (base + part * (end - base) for end in (boxes.low, boxes.high))
        if all(ask(corner).excess <= 0.0 for corner in _corners(rows, low, high, corners)):
            return Boxes(low, high, part * boxes.share, boxes.rounds + number)
    return Boxes(base, base, 0.0, boxes.rounds + SHRINKINGS)

"""The best single rate, with a proof that no other earns noticeably more; see `bound`."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count, pairwise

import numpy as np

from mosaik_p2p.studies.best_rate.answer import Clear, Point, tried
from mosaik_p2p.studies.best_rate.bound import kink, profit_bound

LOWEST = 1 / 200
"""Of the highest rate: below it trades are nearly free, undetermined, and take the clearing thousands of iterations."""
FIRST = 12
"""Rates from the lowest to the highest, spaced geometrically, with which a search begins."""
HALVINGS = 20
"""Of the highest rate, until something is earned."""
OFF_THE_ENDS = 0.15
"""Of an interval: a new rate keeps this far from its ends, so that both parts get smaller."""
BELOW_THE_KINK = 1e-3
"""At a kink itself the trades are tied: anything between both sides is optimal."""
A_LITTLE_DEARER = 1.01
FALLS = 0.95
"""A rate a little dearer that earns less than this part lies beyond a cliff."""
MOST_CLEARINGS = 300
SCANNED = 60


@dataclass(frozen=True)
class Search:
    """What a search for one rate has found."""

    points: tuple[Point, ...]
    """All that was tried, by rate."""
    best: Point
    """The rate to take: on the safe side of a kink."""
    bound: float | None
    """What no rate up to the highest leaves more than; None where nobody proves anything."""
    is_certified: bool
    remarks: tuple[str, ...] = ()
    """Why it is not certified."""
    dearer: Point | None = None
    """One per cent above the best; None where that is beyond the highest."""

    @property
    def is_cliff(self) -> bool:
        """Whether a rate that is a little dearer loses a good part of the revenue."""
        return self.dearer is not None and self.dearer.revenue < FALLS * self.best.revenue


def best_rate(clear: Clear, highest: float, *, tolerance: float, most_clearings: int = MOST_CLEARINGS) -> Search:
    """The rate in (0, `highest`] that leaves most, within `tolerance` of its revenue, certified where that succeeds."""
    points = first_points(clear, highest)
    lowest, *others = pairwise(points)
    order = count()
    heap = [(-profit_bound(*pair), next(order), *pair) for pair in others]
    heapq.heapify(heap)
    while len(points) < most_clearings and -heap[0][0] > _enough(points, tolerance):
        _, _, left, right = heapq.heappop(heap)
        middle = tried(clear, _between(left, right))
        points.append(middle)
        for pair in ((left, middle), (middle, right)):
            heapq.heappush(heap, (-profit_bound(*pair), next(order), *pair))
    below = profit_bound(*lowest)
    remarks = _doubts(points, is_open=-heap[0][0] > _enough(points, tolerance))
    if below > _enough(points, tolerance):
        remarks.append(
            f"the best rate may lie below {lowest[1].rate:g}, where nothing was tried: lower the highest rate"
        )
    best = _best(points)
    found = Search(_sorted(points), best, max(-heap[0][0], below, best.profit), not remarks, tuple(remarks))
    return beside_kinks(clear, found, highest)


def scanned(clear: Clear, highest: float, *, remark: str, rates: int = SCANNED) -> Search:
    """The best of evenly spaced rates: nothing is certified, and `remark` says why."""
    points = [tried(clear, rate) for rate in np.linspace(highest / rates, highest, rates).tolist()]
    return beside_kinks(clear, Search(_sorted(points), _best(points), None, False, (remark,)), highest)


def first_points(clear: Clear, highest: float) -> list[Point]:
    """Zero, where only W is of use, and a few rates up to the least known one at which nothing is earned any more."""
    nothing, above = tried(clear, 0.0), [tried(clear, highest)]
    # What all gain by trade that is free is the most that any rate can earn.
    is_vain = above[0].answer.total_cost - nothing.answer.total_cost <= max(above[0].answer.doubt, nothing.answer.doubt)
    while not is_vain and not above[-1].earns and len(above) < HALVINGS:
        above.append(tried(clear, above[-1].rate / 2))
    ceiling = above[-2].rate if len(above) > 1 else highest
    rates = np.geomspace(LOWEST * ceiling, ceiling, 2 if is_vain else FIRST)[:-1].tolist()
    return list(_sorted([nothing, *(tried(clear, rate) for rate in rates), *above]))


def beside_kinks(clear: Clear, found: Search, highest: float) -> Search:
    """The search with the best rate a thousandth below the kink that it stands at, and what one per cent more earns."""
    best = found.best
    if A_LITTLE_DEARER * best.rate > highest:
        return found
    dearer = tried(clear, A_LITTLE_DEARER * best.rate)
    found = replace(found, points=_sorted([*found.points, dearer]), dearer=dearer)
    if not found.is_cliff:
        return found
    beyond = min((point for point in found.points if point.rate > best.rate), key=lambda point: point.rate)
    safe = (1 - BELOW_THE_KINK) * kink(best, beyond)
    if best.rate <= safe:
        return found
    safer = tried(clear, safe)
    dearer = tried(clear, A_LITTLE_DEARER * safe)
    return replace(found, points=_sorted([*found.points, safer, dearer]), best=safer, dearer=dearer)


def _between(left: Point, right: Point) -> float:
    """Where to try next: at the kink, but inside."""
    a, b = left.rate, right.rate
    inner = OFF_THE_ENDS * (b - a)
    at = kink(left, right) if left.answer.charged > right.answer.charged else (a + b) / 2
    return min(max(at, a + inner), b - inner)


def _best(points: Sequence[Point]) -> Point:
    return max((point for point in points if point.rate > 0.0), key=lambda point: point.profit)


def _enough(points: Sequence[Point], tolerance: float) -> float:
    """The bound at which a search may end: the best known, and what tolerance and clearings leave open."""
    best, doubt = _best(points), max(point.answer.doubt for point in points)
    return best.profit + max(tolerance * best.revenue, doubt)


def _doubts(points: Sequence[Point], *, is_open: bool) -> list[str]:
    remarks = []
    missed = [point for point in points if not point.answer.is_optimal]
    if missed:
        at = missed[0].rate
        remarks.append(
            f"{len(missed)} of {len(points)} clearings missed what was asked for, the first at a rate of {at:g}"
        )
    if is_open:
        remarks.append(f"after {len(points)} clearings the bound is still open")
    return remarks


def _sorted(points: Sequence[Point]) -> tuple[Point, ...]:
    return tuple(sorted(points, key=lambda point: point.rate))

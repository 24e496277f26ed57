"""The smallest rate whose revenue covers what the operator has to pay.

As the cost of everybody without charges rises with the rate, this is also the rate under which all together are best
off among those that recover. Revenue is a saw: rates are excluded by its bound, from the lowest up, until the first
interval that cannot be excluded is as narrow as asked for.
"""

from dataclasses import dataclass
from itertools import pairwise

from mosaik_p2p.studies.best_rate.answer import Clear, Point, tried
from mosaik_p2p.studies.best_rate.bound import profit_bound
from mosaik_p2p.studies.best_rate.one_rate import MOST_CLEARINGS, first_points


@dataclass(frozen=True)
class Recovery:
    """What the search has found."""

    points: tuple[Point, ...]
    smallest: Point | None
    """None: no rate that was tried recovers."""
    is_certified: bool
    """Whether no rate below, less the tolerance, recovers; without a smallest one, whether none does at all."""
    remarks: tuple[str, ...] = ()


def smallest_recovering(
    clear: Clear, highest: float, *, tolerance: float, most_clearings: int = MOST_CLEARINGS
) -> Recovery:
    """The smallest rate in (0, `highest`] with a profit of at least nothing, to `tolerance` of the rate."""
    points = first_points(clear, highest)
    while len(points) < most_clearings:
        gap = _first_open(points, tolerance)
        if gap is None:
            break
        left, right = gap
        points.append(tried(clear, (left.rate + right.rate) / 2))
        points.sort(key=lambda point: point.rate)
    smallest = next((point for point in points if _recovers(point)), None)
    return Recovery(tuple(points), smallest, *_judged(points, smallest, tolerance))


def _recovers(point: Point) -> bool:
    return point.rate > 0.0 and point.profit >= 0.0


def _first_open(points: list[Point], tolerance: float) -> tuple[Point, Point] | None:
    """The lowest interval in which a rate may recover and that is to be looked into; none above the first that does."""
    for left, right in pairwise(points):
        is_narrow = right.rate - left.rate <= tolerance * right.rate
        if left.rate > 0.0 and not is_narrow and profit_bound(left, right) >= 0.0:
            return left, right
        if _recovers(right):
            return None
    return None


def _judged(points: list[Point], smallest: Point | None, tolerance: float) -> tuple[bool, tuple[str, ...]]:
    remarks = []
    nothing, lowest = points[0], points[1]
    missed = sum(not point.answer.is_optimal for point in points)
    if missed:
        remarks.append(f"{missed} of {len(points)} clearings missed what was asked for")
    if _first_open(points, tolerance) is not None:
        remarks.append(f"after {len(points)} clearings lower rates are not excluded yet")
    if (smallest is None or smallest.rate > lowest.rate) and profit_bound(nothing, lowest) >= 0.0:
        remarks.append(f"a rate below {lowest.rate:g}, where nothing was tried, may recover as well")
    if smallest is lowest:
        remarks.append(f"the lowest rate that was tried, {lowest.rate:g}, recovers already: lower the highest rate")
    return not remarks, tuple(remarks)

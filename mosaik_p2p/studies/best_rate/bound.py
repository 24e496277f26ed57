"""What a rate between two known ones can earn at most.

Every dispatch costs an amount that is linear in the rate, so the least of them, W, is concave and its slope D falls.
Between the rates a < b let I = W(b) - W(a) and E = max(I - D(b) (b - a), 0). A rate u between has

    D(u) <= D(a)    and    D(u) (u - a) <= W(u) - W(a) <= I - D(b) (b - u) = E + D(b) (u - a)

so that u D(u) is at most u D(a) up to the kink u = a + E / (D(a) - D(b)), and from there on u E / (u - a) + u D(b),
which is convex in u and largest at one of its ends. Near a = 0 the slope is not known: trades are undetermined where
they are free. There u D(u) <= W(u) - W(0) has to do.
"""

from math import isfinite

import numpy as np

from mosaik_p2p.studies.best_rate.answer import Point
from mosaik_p2p.units import FloatArray


def revenue_bound(left: Point, right: Point) -> float:
    """What no rate from `left` to `right` earns more than, money."""
    a, b = left.rate, right.rate
    gained = right.answer.total_cost - left.answer.total_cost
    if a == 0.0:
        # W may have risen above W(b) before, where a rate is paid back to those who charge.
        return max(gained + b * max(-right.answer.charged, 0.0), right.revenue)
    most = left.answer.charged * b
    return max(
        min(max(b * gained / (b - a), kink(left, right) * left.answer.charged), most), left.revenue, right.revenue
    )


def profit_bound(left: Point, right: Point) -> float:
    """The same less the operator's expense, which is taken to be no less within than at the cheaper of both ends."""
    known = [expense for expense in (left.answer.expense, right.answer.expense) if isfinite(expense)]
    return revenue_bound(left, right) - min(known, default=0.0)


def kink(left: Point, right: Point) -> float:
    """Up to which rate the market may answer as at `left`, if from there on it answers as at `right`; within both."""
    a, b = left.rate, right.rate
    fall = left.answer.charged - right.answer.charged
    if fall <= 0.0:
        return b
    return float(min(b, a + _excess(left, right) / fall))


def bound_curve(left: Point, right: Point, rates: FloatArray) -> FloatArray:
    """What each of the `rates` from `left` to `right` earns at most; infinite at zero where nothing is known."""
    a = left.rate
    with np.errstate(divide="ignore", invalid="ignore"):
        if a == 0.0:
            whole: FloatArray = np.full(len(rates), revenue_bound(left, right))
            return whole
        slope = _excess(left, right) / (rates - a) + right.answer.charged
        found: FloatArray = rates * np.where(rates > a, np.minimum(slope, left.answer.charged), left.answer.charged)
    return found


def _excess(left: Point, right: Point) -> float:
    width = right.rate - left.rate
    return max(right.answer.total_cost - left.answer.total_cost - right.answer.charged * width, 0.0)

"""The searches for rates on markets whose answer is known in closed form, and on staircases beside a dense scan."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from mosaik_p2p.studies.best_rate.answer import Answer, Clear, Point
from mosaik_p2p.studies.best_rate.bound import bound_curve, kink, profit_bound, revenue_bound
from mosaik_p2p.studies.best_rate.feasible import Checked, feasible_rates, scan_rates
from mosaik_p2p.studies.best_rate.one_rate import LOWEST, best_rate, scanned
from mosaik_p2p.studies.best_rate.recovery import smallest_recovering
from mosaik_p2p.studies.best_rate.several import best_rates
from mosaik_p2p.units import FloatArray

TOLERANCE = 1e-3
ROUNDING = 1e-9


def two_maxima(rate: float) -> Answer:
    """Two pairs of their own: a difference of 0.9 at distance 1, one of 0.5 at 4; each falls with its trade."""
    near, far = max(0.9 - rate, 0.0), max(0.5 - 4.0 * rate, 0.0)
    return Answer(-(near**2) / 0.04 - far**2 / 0.02, near / 0.02 + 4.0 * far / 0.01)


def cliff(rate: float) -> Answer:
    """A seller and a buyer of 10 kW whose offers are 0.4 apart."""
    return Answer(-10.0 * max(0.4 - rate, 0.0), 10.0 if rate < 0.4 else 0.0)


def staircase(seed: int) -> tuple[Clear, FloatArray]:
    """A market of linear offers: each pair trades up to a rate of its own. Also those rates."""
    rng = np.random.default_rng(seed)
    difference, distance, power = rng.uniform(0.05, 1.0, 8), rng.uniform(0.3, 4.0, 8), rng.uniform(0.0, 20.0, 8)
    ends = difference / distance

    def clear(rate: float) -> Answer:
        gain = np.maximum(difference - rate * distance, 0.0)
        return Answer(100.0 - float(power @ gain), float((power * distance)[rate < ends].sum()))

    return clear, ends


def highest_revenue(clear: Clear, ends: FloatArray) -> float:
    """At the last moment before a pair gives up: nowhere else can the revenue of a staircase be highest."""
    before = ends * (1 - 1e-12)
    return max(rate * clear(rate).charged for rate in before.tolist())


def test_the_better_of_two_maxima_is_found() -> None:
    found = best_rate(two_maxima, 1.0, tolerance=TOLERANCE)
    assert found.is_certified
    assert found.best.rate == pytest.approx(0.45, rel=0.05)  # the top is flat
    assert found.best.revenue == pytest.approx(10.125, rel=TOLERANCE)
    assert found.bound is not None
    assert 10.125 - ROUNDING <= found.bound <= 10.125 * (1 + 1.1 * TOLERANCE)
    assert not found.is_cliff


def test_at_a_cliff_the_rate_stays_a_thousandth_below() -> None:
    found = best_rate(cliff, 1.0, tolerance=TOLERANCE)
    assert found.is_certified
    assert found.best.rate == pytest.approx(0.3996, rel=1e-6)
    assert found.best.revenue == pytest.approx(3.996, rel=1e-6)
    assert found.is_cliff
    assert found.dearer is not None
    assert found.dearer.revenue == 0.0


@pytest.mark.parametrize("seed", range(30))
def test_on_a_staircase_the_certificate_holds(seed: int) -> None:
    clear, ends = staircase(seed)
    best = highest_revenue(clear, ends)
    found = best_rate(clear, 5.0, tolerance=TOLERANCE)
    assert found.is_certified
    assert found.bound is not None
    assert found.bound >= best - ROUNDING
    assert found.best.revenue >= best * (1 - 3 * TOLERANCE)  # one to stop, one to keep off the kink, one of both
    assert len(found.points) <= 60


@pytest.mark.parametrize("seed", range(10))
def test_between_two_rates_no_other_earns_more_than_the_bound(seed: int) -> None:
    clear, _ = staircase(seed)
    rates = np.random.default_rng(seed).uniform(0.0, 2.0, 40)
    for left, right in pairwise(Point(rate, clear(rate)) for rate in sorted([0.0, *rates.tolist()])):
        inner = np.linspace(left.rate, right.rate, 60)
        earned = np.array([rate * clear(rate).charged for rate in inner.tolist()])
        assert (earned <= bound_curve(left, right, inner) + ROUNDING).all()
        assert earned.max() <= revenue_bound(left, right) + ROUNDING
        assert left.rate <= kink(left, right) <= right.rate


def test_a_rate_that_is_paid_back_is_bounded_too() -> None:
    """D below zero: the total cost rises and falls again."""

    def clear(rate: float) -> Answer:
        return Answer(10.0 * rate - 10.0 * rate**2, 10.0 - 20.0 * rate)

    points = [Point(rate, clear(rate)) for rate in (0.0, 0.8, 0.9, 1.0)]
    for left, right in pairwise(points):
        inner = np.linspace(left.rate, right.rate, 50).tolist()
        assert max(rate * clear(rate).charged for rate in inner) <= revenue_bound(left, right) + ROUNDING


def test_trades_that_are_nearly_free_are_never_asked_for() -> None:
    asked: list[float] = []

    def clear(rate: float) -> Answer:
        asked.append(rate)
        return two_maxima(rate)

    found = best_rate(clear, 1.0, tolerance=TOLERANCE)
    assert min(rate for rate in asked if rate > 0.0) >= LOWEST * 1.0
    assert [point.rate for point in found.points] == sorted(set(asked))


def test_a_highest_rate_far_too_high_costs_a_few_clearings_only() -> None:
    found = best_rate(cliff, 1000.0, tolerance=TOLERANCE)
    assert found.is_certified
    assert found.best.revenue == pytest.approx(3.996, rel=TOLERANCE)
    assert len(found.points) <= 50


def test_what_cannot_be_certified_is_not() -> None:
    def rough(rate: float) -> Answer:
        return replace(cliff(rate), is_optimal=False)

    missed = best_rate(rough, 1.0, tolerance=TOLERANCE)
    assert not missed.is_certified
    assert "missed what was asked for" in missed.remarks[0]
    short = best_rate(two_maxima, 1.0, tolerance=TOLERANCE, most_clearings=15)
    assert not short.is_certified
    assert "still open" in short.remarks[0]
    assert short.bound is not None
    assert short.bound > short.best.revenue * (1 + TOLERANCE)
    # A maximum below the lowest rate: 1 000 kWh until 0.001, then nothing for a long way, and 0.1 kWh up to 1.
    low = best_rate(
        lambda u: Answer(-1000.0 * max(1e-3 - u, 0.0) - 0.1 * max(1.0 - u, 0.0), 1000.0 * (u < 1e-3) + 0.1 * (u < 1.0)),
        1.0,
        tolerance=TOLERANCE,
    )
    assert not low.is_certified
    assert "below 0.005" in low.remarks[0]
    plain = scanned(cliff, 1.0, remark="because")
    assert (plain.is_certified, plain.bound, plain.remarks) == (False, None, ("because",))
    assert plain.best.revenue == pytest.approx(3.996, rel=0.05)


def test_expenses_move_the_best_rate() -> None:
    """Where what is traded costs the operator, it asks for more: u D - 0.1 D is largest at 0.5 instead of 0.45."""

    def clear(rate: float) -> Answer:
        charged = max(0.9 - rate, 0.0) / 0.02
        return Answer(-(max(0.9 - rate, 0.0) ** 2) / 0.04, charged, expense=0.1 * charged)

    found = best_rate(clear, 1.0, tolerance=TOLERANCE)
    assert found.best.rate == pytest.approx(0.5, rel=0.05)
    assert found.best.profit == pytest.approx(8.0, rel=2 * TOLERANCE)
    unknown = best_rate(lambda u: replace(clear(u), expense=float("nan") if u > 0.3 else 0.0), 1.0, tolerance=TOLERANCE)
    assert unknown.best.rate <= 0.3
    dearer = best_rate(lambda u: replace(clear(u), expense=float("nan") if u < 0.6 else 0.0), 1.0, tolerance=TOLERANCE)
    assert dearer.best.rate >= 0.6
    known = Point(0.2, clear(0.2))
    assert profit_bound(known, Point(0.4, clear(0.4))) > revenue_bound(known, Point(0.4, clear(0.4))) - 0.1 * 30.0


@pytest.mark.parametrize("seed", range(20))
def test_the_smallest_recovering_rate(seed: int) -> None:
    clear, ends = staircase(seed)
    needed = 0.6 * highest_revenue(clear, ends)

    def with_cost(rate: float) -> Answer:
        return replace(clear(rate), expense=needed)

    found = smallest_recovering(with_cost, 5.0, tolerance=TOLERANCE)
    dense = np.linspace(0.0, ends.max(), 40_001)[1:]
    first = next(rate for rate in dense.tolist() if rate * clear(rate).charged >= needed)
    assert found.is_certified
    assert found.smallest is not None
    assert found.smallest.revenue >= needed
    assert found.smallest.rate <= first * (1 + 2 * TOLERANCE)
    below = found.smallest.rate * (1 - 2 * TOLERANCE)
    assert max(rate * clear(rate).charged for rate in dense[dense < below].tolist()) < needed


def test_that_nothing_recovers_is_certified_too() -> None:
    def clear(rate: float, needed: float) -> Answer:
        return replace(cliff(rate), expense=needed)

    none = smallest_recovering(lambda rate: clear(rate, 4.1), 1.0, tolerance=TOLERANCE)
    assert (none.smallest, none.is_certified) == (None, True)
    low = smallest_recovering(lambda rate: clear(rate, 0.01), 1.0, tolerance=TOLERANCE)
    assert not low.is_certified
    assert "recovers already" in low.remarks[-1]


def test_feasible_rates_need_be_no_interval() -> None:
    def check(rate: float) -> Checked:
        is_kept = rate <= 0.13 or 0.4 <= rate <= 0.5
        return Checked(0.0, 0.0, 0.0) if is_kept else Checked(2.0 if rate < 0.3 else 1.0, 0.0, 0.1)

    found = feasible_rates(check, scan_rates(1.0, count=20), tolerance=TOLERANCE)
    assert found.smallest == 0.0
    (first, second) = found.intervals
    assert first == pytest.approx((0.0, 0.13), rel=2 * TOLERANCE)
    assert second == pytest.approx((0.4, 0.5), rel=2 * TOLERANCE)
    nowhere = feasible_rates(
        lambda rate: Checked(2.0 if rate < 0.3 else 1.0, 0.0, 0.1), scan_rates(1.0, count=20), tolerance=TOLERANCE
    )
    assert nowhere.smallest is None
    assert 0.3 <= nowhere.least_broken <= 0.4
    unknown = feasible_rates(lambda _: Checked(0.0, 1.0, 0.0), [0.0, 1.0], tolerance=TOLERANCE)
    assert unknown.smallest is None
    free = feasible_rates(
        lambda rate: Checked(float(rate > 0.0), 0.0, 0.0), scan_rates(1.0, count=5), tolerance=TOLERANCE
    )
    assert free.intervals[0][0] == 0.0
    assert free.intervals[0][1] < 1e-5


def test_two_rates_at_once() -> None:
    ends = (0.9, 0.5)
    slopes = (0.02, 0.01)

    def value(rates: FloatArray) -> float:
        return sum(u * max(end - u, 0.0) / slope for u, end, slope in zip(rates.tolist(), ends, slopes, strict=True))

    def line(rates: FloatArray, k: int) -> Clear:
        def clear(rate: float) -> Answer:
            left = max(ends[k] - rate, 0.0)
            other = value(np.where(np.arange(2) == k, 0.0, rates))
            return Answer(-(left**2) / 2 / slopes[k], left / slopes[k], expense=-other)

        return clear

    found = best_rates(value, line, np.ones(2), tolerance=TOLERANCE)
    assert found.is_settled
    assert found.value == pytest.approx(16.375, rel=TOLERANCE)
    assert found.rates == pytest.approx([0.45, 0.25], rel=0.05)


def test_the_tip_of_a_tooth_is_found_in_two_rates() -> None:
    """The best rate of the first is a cliff that steps of a pattern miss."""

    def one(rate: float) -> float:
        return 100.0 * (rate < 0.0983) + 45.0 * (rate < 0.21)

    def value(rates: FloatArray) -> float:
        return float(rates[0] * one(rates[0]) + rates[1] * max(0.5 - rates[1], 0.0) / 0.01)

    def line(rates: FloatArray, k: int) -> Clear:
        def clear(rate: float) -> Answer:
            other = value(np.where(np.arange(2) == k, 0.0, rates))
            if k == 0:
                cost = -100.0 * max(0.0983 - rate, 0.0) - 45.0 * max(0.21 - rate, 0.0)
                return Answer(cost, one(rate), expense=-other)
            left = max(0.5 - rate, 0.0)
            return Answer(-(left**2) / 0.02, left / 0.01, expense=-other)

        return clear

    found = best_rates(value, line, np.ones(2), tolerance=TOLERANCE)
    assert found.value == pytest.approx(0.0983 * 145.0 + 6.25, rel=2 * TOLERANCE)

"""From a goal to rates: which search answers it, and everything that was tried on the way as a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, isfinite, isnan
from typing import Any

import numpy as np
import pandas as pd

from mosaik_p2p.errors import Status
from mosaik_p2p.studies.best_rate.answer import Answer, Clear, Point
from mosaik_p2p.studies.best_rate.feasible import Checked, FeasibleRates, feasible_rates, scan_rates
from mosaik_p2p.studies.best_rate.follower import GAP, DayAheadFollower, Followed
from mosaik_p2p.studies.best_rate.keys import RateKey
from mosaik_p2p.studies.best_rate.networks import Judgement, Networks
from mosaik_p2p.studies.best_rate.one_rate import Search, best_rate, scanned
from mosaik_p2p.studies.best_rate.recovery import Recovery, smallest_recovering
from mosaik_p2p.studies.best_rate.several import Best, best_rates
from mosaik_p2p.units import FloatArray

FEASIBLE_SCAN = 16
ROUGHER = 10.0
ENDLESS = "it earns at whatever rate: what is charged goes on without trade, or has to be traded"
DOUBLINGS = 10
"""Of a highest rate that nobody stated, while trades go on."""


class Goal(StrEnum):
    """What the operator is after."""

    PROFIT = "profit"
    """Most revenue less losses and fixed cost."""
    REVENUE = "revenue"
    RECOVERY = "recovery"
    """The smallest rate whose revenue covers losses and fixed cost."""
    FEASIBLE = "feasible"
    """Rates under which the networks keep their limits."""


WITH_EXPENSE = (Goal.PROFIT, Goal.RECOVERY)
OF_MOST_REVENUE = (Goal.REVENUE, Goal.PROFIT)
ONE_KEY = (Goal.RECOVERY, Goal.FEASIBLE)


@dataclass
class Market:
    """The scenario's market and networks; remembers all that it was asked, in order."""

    follower: DayAheadFollower
    networks: Networks | None
    """None where the goal asks nothing of them."""
    fixed_cost: float
    keys: Sequence[RateKey]
    on_answer: Callable[[], object]
    cleared: dict[tuple[float, ...], Followed] = field(default_factory=dict)
    tried: dict[tuple[float, ...], tuple[Followed, Judgement | None]] = field(default_factory=dict)

    def clear(self, rates: FloatArray) -> Followed:
        """The market at rates (K,); each is cleared once."""
        at = tuple(rates.tolist())
        if at not in self.cleared:
            self.cleared[at] = self.follower(rates)
            self.on_answer()
        return self.cleared[at]

    def ask(self, rates: FloatArray) -> tuple[Followed, Judgement | None]:
        """Clear at rates (K,), and solve the networks where they are asked."""
        at = tuple(rates.tolist())
        if at not in self.tried:
            followed, networks = self.clear(rates), self.networks
            judged = None if networks is None else networks.judged(self.follower.dispatches(followed.clearing))
            self.tried[at] = (followed, judged)
        return self.tried[at]

    def answer(self, rate: float) -> Answer:
        """As the searches for one rate ask."""
        followed, judged = self.ask(np.array([rate]))
        return _answer(followed, 0, self._expense(judged))

    def value(self, rates: FloatArray) -> float:
        """As the search for several rates asks."""
        followed, judged = self.ask(rates)
        value = followed.revenue - self._expense(judged)
        return value if isfinite(value) else -inf

    def line(self, rates: FloatArray, k: int) -> Clear:
        """As the same search asks for rate `k`, the others as in `rates`."""

        def answer(rate: float) -> Answer:
            moved = np.where(np.arange(len(rates)) == k, rate, rates)
            followed, judged = self.ask(moved)
            others = followed.revenue - rate * float(followed.charged[k])
            return _answer(followed, k, self._expense(judged) - others)

        return answer

    def _expense(self, judged: Judgement | None) -> float:
        return 0.0 if judged is None else judged.loss_cost + self.fixed_cost

    def checked(self, rate: float) -> Checked:
        """As the scan for feasible rates asks."""
        _, judged = self.ask(np.array([rate]))
        return everywhere(judged)

    def table(self, bounds: dict[float, float | None]) -> pd.DataFrame:
        """A row for everything that was tried, by rate; `bounds` up to the next rate, by rate."""
        rows = [_row(self.keys, followed, judged, self.fixed_cost, bounds) for followed, judged in self.tried.values()]
        return pd.DataFrame(rows).sort_values([key.key for key in self.keys], ignore_index=True)


def _answer(followed: Followed, k: int, expense: float) -> Answer:
    is_optimal = followed.status is Status.OK
    return Answer(followed.total_cost, float(followed.charged[k]), expense, followed.doubt, is_optimal)


@dataclass(frozen=True)
class Optimum:
    """What a goal came to: one of the searches' results, and the rates (K,) to take, None where there are none."""

    goal: Goal
    rates: FloatArray | None
    found: Search | Recovery | FeasibleRates | Best
    highest: FloatArray
    is_certified: bool
    remarks: tuple[str, ...]


def optimum(market: Market, goal: Goal, highest: FloatArray, *, tolerance: float, unproved: str | None) -> Optimum:
    """Search for the goal; `unproved` says why nothing can be certified in this scenario, None: it can."""
    if len(highest) > 1:
        several = best_rates(market.value, market.line, highest, tolerance=tolerance)
        alone = "no single one gains noticeably, the others held" if several.is_settled else "the search was cut short"
        remark = f"of several rates at once nobody can say which are best; {alone}"
        return Optimum(goal, several.rates, several, highest, False, (remark,))
    top = float(highest[0])
    if goal is Goal.FEASIBLE:
        return _feasible(market, top, tolerance)
    if goal is Goal.RECOVERY:
        recovery = smallest_recovering(market.answer, top, tolerance=tolerance)
        rates = None if recovery.smallest is None else np.array([recovery.smallest.rate])
        remarks = (*recovery.remarks, *([] if unproved is None else [unproved]))
        return Optimum(goal, rates, recovery, highest, recovery.is_certified and unproved is None, remarks)
    search = (
        best_rate(market.answer, top, tolerance=tolerance)
        if unproved is None
        else scanned(market.answer, top, remark=unproved)
    )
    if not search.best.earns:
        pays = search.best.revenue < -search.best.answer.doubt
        why = "the operator pays more than it is paid" if pays else "nobody trades"
        remarks = (*search.remarks, f"no rate earns anything: {why}")
        return Optimum(goal, None, search, highest, False, remarks)
    rough = _roughness(market, search.best, tolerance)
    return Optimum(
        goal,
        np.array([search.best.rate]),
        search,
        highest,
        search.is_certified and not rough,
        (*search.remarks, *rough),
    )


def _roughness(market: Market, best: Point, tolerance: float) -> tuple[str, ...]:
    """What is to be said where the revenue itself is not known to the tolerance: the cost of a convex market is known
    ten times better with a tenth of the gap, but what it trades three times only."""
    rougher = market.follower(np.array([best.rate]), gap=ROUGHER * GAP)
    moved = abs(rougher.revenue - best.revenue) / best.revenue
    if moved <= tolerance:
        return ()
    return (f"the revenue moves by {100 * moved:.2g} % with the accuracy of the clearing",)


def everywhere(judged: Judgement | None) -> Checked:
    """What all networks make of a day. Raises AssertionError where not all of them were asked."""
    if judged is None or judged.checked is None:
        raise AssertionError("not all networks were asked")
    return judged.checked


def trading_up_to(market: Market, highest: FloatArray, own: FloatArray) -> FloatArray:
    """(K,) for each key a rate at which it earns nothing any more, at half of it still something, the others as the
    scenario has them. Infinite where it earns whatever it is: what a place draws may have to go on, and trades where
    there is no contract."""
    return np.array([_trading_up_to(market, k, float(rate), own) for k, rate in enumerate(highest.tolist())])


def _trading_up_to(market: Market, k: int, rate: float, own: FloatArray) -> float:
    def cleared(rate: float) -> Followed:
        return market.clear(np.where(np.arange(len(own)) == k, rate, own))

    def earns(rate: float) -> bool:
        return bool(rate * cleared(rate).charged[k] > cleared(rate).doubt)

    if cleared(rate).total_cost - cleared(0.0).total_cost <= max(cleared(rate).doubt, cleared(0.0).doubt):
        return rate  # there is nothing to be earned
    for _ in range(DOUBLINGS):
        if not earns(rate):
            break
        rate *= 2.0
    else:
        return inf
    for _ in range(DOUBLINGS):
        if earns(rate / 2):
            break
        rate /= 2.0
    return rate


def _feasible(market: Market, top: float, tolerance: float) -> Optimum:
    found = feasible_rates(market.checked, scan_rates(top, count=FEASIBLE_SCAN), tolerance=tolerance)
    rates = None if found.smallest is None else np.array([found.smallest])
    remarks = ("rates between those that were tried are not known",) if rates is not None else ()
    return Optimum(Goal.FEASIBLE, rates, found, np.array([top]), rates is not None, remarks)


def _row(
    keys: Sequence[RateKey],
    followed: Followed,
    judged: Judgement | None,
    fixed_cost: float,
    bounds: dict[float, float | None],
) -> dict[str, Any]:
    rates = dict(zip((key.key for key in keys), followed.rates.tolist(), strict=True))
    distances = followed.charged.tolist()
    single = len(keys) == 1
    checked = None if judged is None else judged.checked
    return {
        **rates,
        "cost": followed.total_cost - sum(followed.charges.values()),
        "charges": sum(followed.charges.values()),
        **(
            {"distance": distances[0]}
            if single
            else {f"distance {k.key}": d for k, d in zip(keys, distances, strict=True)}
        ),
        "revenue": followed.revenue,
        "loss_kwh": None if judged is None else _known(judged.loss_kwh),
        "profit": None if judged is None else _known(followed.revenue - judged.loss_cost - fixed_cost),
        "broken_hours": None if checked is None else checked.broken_h,
        "worst_excess": None if checked is None else checked.worst_excess,
        "iterations": followed.iterations,
        "bound": bounds.get(float(followed.rates[0])) if single else None,
    }


def _known(value: float) -> float | None:
    return None if isnan(value) else value

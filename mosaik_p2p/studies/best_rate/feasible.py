"""Rates under which the networks keep their limits.

A charge is on trades; what is fed in goes on through the contract. So a rate may relieve a limit, do nothing to it, or
break one (who no longer buys next door exports), and the rates that keep all limits need be no interval.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np


@dataclass(frozen=True)
class Checked:
    """What the networks make of one rate."""

    broken_h: float
    """Hours in which a limit is broken."""
    unknown_h: float
    """Hours in which a network has no solution, so that nobody can say."""
    worst_excess: float
    """The largest excess over a limit as a share of the limit; 0 where none is broken."""

    @property
    def is_feasible(self) -> bool:
        """Whether every limit is known to be kept."""
        return self.broken_h == 0.0 and self.unknown_h == 0.0


Check: TypeAlias = Callable[[float], Checked]


@dataclass(frozen=True)
class FeasibleRates:
    """The rates that were tried, and what follows from them."""

    tried: tuple[tuple[float, Checked], ...]
    """By rate."""
    intervals: tuple[tuple[float, float], ...]
    """First and last known feasible rate of each stretch without an infeasible one among those tried."""
    least_broken: float
    """Of the rates with the fewest broken hours the lowest."""

    @property
    def smallest(self) -> float | None:
        """The smallest feasible rate; None where no rate that was tried is feasible."""
        return self.intervals[0][0] if self.intervals else None


def feasible_rates(check: Check, rates: Sequence[float], *, tolerance: float) -> FeasibleRates:
    """Try all `rates`, then narrow down where feasible and infeasible ones meet, to `tolerance` of the rate."""
    found = {rate: check(rate) for rate in sorted(rates)}
    least = min((rate for rate in found if rate > 0.0), default=0.0)
    for low, high in list(pairwise(sorted(found))):
        if found[low].is_feasible != found[high].is_feasible:
            _narrow(check, found, low, high, tolerance, least)
    tried = tuple(sorted(found.items()))
    fewest = min(tried, key=lambda one: (one[1].broken_h + one[1].unknown_h, one[1].worst_excess, one[0]))
    return FeasibleRates(tried, _stretches(tried), fewest[0])


def scan_rates(highest: float, *, count: int) -> list[float]:
    """Zero, and rates up to the highest that lie closer together where they are low."""
    return [0.0, *np.geomspace(highest / 200, highest, count - 1).tolist()]


def _narrow(check: Check, found: dict[float, Checked], low: float, high: float, tolerance: float, least: float) -> None:
    """Add, to `found`, rates ever nearer to a place between `low` and `high` where feasibility changes.

    Below the `least` rate but zero the tolerance is that of the least one: towards zero there is no end.
    """
    while high - low > tolerance * max(high, least):
        middle = (low + high) / 2
        found[middle] = check(middle)
        if found[middle].is_feasible == found[low].is_feasible:
            low = middle
        else:
            high = middle


def _stretches(tried: Sequence[tuple[float, Checked]]) -> tuple[tuple[float, float], ...]:
    stretches: list[tuple[float, float]] = []
    is_open = False
    for rate, checked in tried:
        if checked.is_feasible:
            first = stretches.pop()[0] if is_open else rate
            stretches.append((first, rate))
        is_open = checked.is_feasible
    return tuple(stretches)

"""The best of several rates at once: what all together earn has many local maxima, and nobody certifies the best.

Rates are tried along each axis and along the diagonal; from the best of them a pattern search goes on, with steps that
are halved where none improves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mosaik_p2p.units import FloatArray

Value: TypeAlias = Callable[[FloatArray], float]
"""What K rates leave the operator; minus infinity where that is not known."""
ALONG = 15
"""Rates along each axis and along the diagonal."""
FIRST_STEP = 1 / 6
LAST_STEP = 1e-3
"""Of each highest rate."""
MOST_CLEARINGS = 2000


@dataclass(frozen=True)
class Best:
    """The best rates that were tried."""

    rates: FloatArray
    value: float
    tried: int
    is_settled: bool
    """Whether steps of the last size improve nothing."""


def best_rates(value: Value, highest: FloatArray, *, most_clearings: int = MOST_CLEARINGS) -> Best:
    """The best of K rates in [0, `highest`]."""
    count = len(highest)
    directions = [*np.eye(count), np.ones(count)] if count > 1 else [np.ones(1)]
    starts = [share * highest * way for way in directions for share in np.linspace(1 / ALONG, 1.0, ALONG)]
    values = [value(rates) for rates in starts]
    at = int(np.argmax(values))
    return _climbed(value, Best(starts[at], values[at], len(starts), False), highest, most_clearings)


def _climbed(value: Value, best: Best, highest: FloatArray, most: int) -> Best:
    share = FIRST_STEP
    while share >= LAST_STEP:
        better = best
        for k in range(len(highest)):
            for sign in (1.0, -1.0):
                if better.tried >= most:
                    return better
                better = _stepped(value, better, k, sign * share * highest[k], highest[k])
        share = share if better.value > best.value else share / 2
        best = better
    return Best(best.rates, best.value, best.tried, True)


def _stepped(value: Value, best: Best, k: int, step: float, highest: float) -> Best:
    """The better of both ends of one step along one axis."""
    rates = best.rates.copy()
    rates[k] = min(max(rates[k] + step, 0.0), highest)
    if rates[k] == best.rates[k]:
        return best
    found = value(rates)
    if found > best.value:
        return Best(rates, found, best.tried + 1, False)
    return Best(best.rates, best.value, best.tried + 1, False)

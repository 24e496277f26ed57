"""The best of several rates at once: what all together earn has many local maxima, and nobody certifies the best.

Rates are tried along each axis and along the diagonal; from the best of them a pattern search goes on, with steps that
are halved where none improves. A saw has its best rate at the tip of a tooth, which steps may miss: so at last each
rate in turn is searched as a single one, the others held (see `one_rate`), until none of them gains.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from mosaik_p2p.studies.best_rate.answer import Clear
from mosaik_p2p.studies.best_rate.one_rate import best_rate
from mosaik_p2p.units import FloatArray

Value: TypeAlias = Callable[[FloatArray], float]
"""What K rates leave the operator; minus infinity where that is not known."""
Line: TypeAlias = Callable[[FloatArray, int], Clear]
"""The market as a function of one of the rates, the others held: what those earn counts as an expense below zero."""
ALONG = 15
"""Rates along each axis and along the diagonal."""
FIRST_STEP = 1 / 6
LAST_STEP = 1e-3
"""Of each highest rate."""
MOST_CLEARINGS = 2000
ROUNDS = 4
"""Of single rates, each in turn."""


@dataclass(frozen=True)
class Best:
    """The best rates that were tried."""

    rates: FloatArray
    value: float
    tried: int
    is_settled: bool
    """Whether no single rate gains noticeably, the others held."""


def best_rates(
    value: Value, line: Line, highest: FloatArray, *, tolerance: float, most_clearings: int = MOST_CLEARINGS
) -> Best:
    """The best of K rates in [0, `highest`]; `tolerance` of what a single rate may still gain."""
    count = len(highest)
    directions = [*np.eye(count), np.ones(count)] if count > 1 else [np.ones(1)]
    starts = [share * highest * way for way in directions for share in np.linspace(1 / ALONG, 1.0, ALONG)]
    values = [value(rates) for rates in starts]
    at = int(np.argmax(values))
    climbed = _climbed(value, Best(starts[at], values[at], len(starts), False), highest, most_clearings)
    for _ in range(ROUNDS):
        turned = _each_in_turn(line, climbed, highest, tolerance, most_clearings)
        if turned.is_settled or turned.tried >= most_clearings:
            return turned
        climbed = turned
    return climbed


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
    return best


def _each_in_turn(line: Line, best: Best, highest: FloatArray, tolerance: float, most: int) -> Best:
    """Every rate searched as a single one; settled where none gains."""
    begin, rates, value, tried = best.value, best.rates, best.value, best.tried
    for k in range(len(highest)):
        if tried >= most:
            return Best(rates, value, tried, False)
        found = best_rate(line(rates, k), float(highest[k]), tolerance=tolerance, most_clearings=most - tried)
        tried += len(found.points)
        if found.best.profit > value:
            rates = np.where(np.arange(len(rates)) == k, found.best.rate, rates)
            value = found.best.profit
    return Best(rates, value, tried, bool(value - begin <= tolerance * abs(begin)))


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

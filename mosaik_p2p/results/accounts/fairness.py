"""Who gains how much against a day without trade, and how evenly.

A saving is the cost without trade less that in the market, closing values in. Jain's index of savings g of N members,

    (sum g)^2 / (N sum g^2)

is 1 where all gain the same and 1/N where one alone gains (Jain, Chiu, Hawe 1984, *A quantitative measure of fairness
and discrimination for resource allocation in shared computer systems*, DEC-TR-301). It says nothing where somebody
loses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from mosaik_p2p.results.accounts.closing import change_of_cost
from mosaik_p2p.results.accounts.money import is_worse_off, noticeable_money
from mosaik_p2p.results.labels.numbers import least_compared
from mosaik_p2p.settlement.ledger import ALONE


@dataclass(frozen=True)
class Fairness:
    """The savings of members whose costs are known."""

    saving: Mapping[str, float]
    """Money by member."""
    saving_percent: Mapping[str, float]
    """Of its cost without trade, by member; without those whose cost is next to nothing, or an income."""
    worse_off: tuple[str, ...]
    """Who pays noticeably more than without trade."""
    jain: float | None
    """None where somebody is worse off, or nobody saves anything."""

    @property
    def least_percent(self) -> float | None:
        """The smallest of the savings in percent."""
        return min(self.saving_percent.values(), default=None)

    @property
    def median_percent(self) -> float | None:
        """The middle one."""
        return median(self.saving_percent.values()) if self.saving_percent else None

    @property
    def most_percent(self) -> float | None:
        """The largest."""
        return max(self.saving_percent.values(), default=None)


def fairness(cost: Mapping[str, Mapping[str, Any]]) -> Fairness:
    """Of members by name, each with its cost `alone` and `in_market` and the `closing_value` of both, as in
    `summary.json`."""
    change = {name: change_of_cost(entry) for name, entry in cost.items()}
    saving = {name: 0.0 - money for name, money in change.items() if money is not None}
    worse_off = tuple(name for name in saving if is_worse_off(cost[name]))
    least = least_compared(cost)
    percent = {name: 100.0 * money / cost[name][ALONE] for name, money in saving.items() if cost[name][ALONE] >= least}
    # What nobody notices, of either sign, is rounding.
    gains = [money if money > noticeable_money(cost[name]) else 0.0 for name, money in saving.items()]
    return Fairness(saving, percent, worse_off, None if worse_off else jain_index(gains))


def jain_index(gains: Sequence[float]) -> float | None:
    """Jain's index of gains, of which none is below zero. None where nobody gains anything."""
    squares = sum(gain * gain for gain in gains)
    return sum(gains) ** 2 / (len(gains) * squares) if squares > 0.0 else None

"""How a market answers a rate, as the searches see it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite
from typing import TypeAlias


@dataclass(frozen=True)
class Answer:
    """What a market makes of one rate, in money over the time that is cleared."""

    total_cost: float
    """W: what everybody pays, charges included."""
    charged: float
    """D: on how much the rate is paid, so that the revenue is rate times this; distance (both ends) times kWh."""
    expense: float = 0.0
    """What the operator has to pay at this rate; NaN where it is not known."""
    doubt: float = 0.0
    """By how much the total cost may be off: what the clearing's certificate leaves open."""
    is_optimal: bool = True
    """Whether the clearing reached what was asked for."""


Clear: TypeAlias = Callable[[float], Answer]
"""The market as a function of the rate."""


@dataclass(frozen=True)
class Point:
    """A rate that was tried, and the answer to it."""

    rate: float
    answer: Answer

    @property
    def revenue(self) -> float:
        """What the rate earns."""
        return self.rate * self.answer.charged

    @property
    def profit(self) -> float:
        """What is left of it; minus infinity where the operator's expense is not known."""
        return self.revenue - self.answer.expense if isfinite(self.answer.expense) else -inf

    @property
    def earns(self) -> bool:
        """Whether the revenue is more than what the clearing leaves open."""
        return self.revenue > self.answer.doubt


def tried(clear: Clear, rate: float) -> Point:
    """The market asked at a rate."""
    return Point(rate, clear(rate))

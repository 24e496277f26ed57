"""The look-ahead of one clearing within the span."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, TypeVar, cast

import numpy as np

from mosaik_p2p.units import FloatArray, IntArray

Owner = TypeVar("Owner")
Kept = TypeVar("Kept")


class DayAhead(NamedTuple):
    """A day, as far as the look-ahead covers it."""

    number: int
    intervals: IntArray
    """Its intervals there."""
    listed: tuple[int, ...]
    """The same as built-in numbers."""
    is_last_of_day: bool
    """Whether the day, or the span, ends with the last one of them."""


@dataclass(frozen=True)
class Window:
    """The look-ahead of one clearing: intervals `begin .. begin + len(day) - 1` of the span, with their day numbers.

    `day` covers the look-ahead, `day_span` the whole span. `run_end` is the look-ahead's interval with which the run
    ends, where storages are to hold their final levels then; None where it ends elsewhere, or they need not.
    """

    begin: int
    horizon: int
    day_span: IntArray
    run_end: int | None = None
    _kept: dict[object, tuple[object, object]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def day(self) -> IntArray:
        """Day number of each interval of the look-ahead."""
        return self.day_span[self.begin : self.begin + self.horizon]

    @cached_property
    def of_day(self) -> dict[int, IntArray]:
        """By the number of each day in the look-ahead, in their order: its intervals there."""
        day = self.day
        return {int(own): np.flatnonzero(day == own) for own in np.unique(day)}

    @cached_property
    def days(self) -> tuple[DayAhead, ...]:
        """The days in the look-ahead, in their order."""
        return tuple(
            DayAhead(number, intervals, tuple(intervals.tolist()), self.ends_day(int(intervals[-1])))
            for number, intervals in self.of_day.items()
        )

    def once(self, make: "Callable[[Owner, Window], Kept]", owner: Owner) -> Kept:
        """`make(owner, self)`: asked for when it is needed first, and kept.

        A look-ahead is stated several times, from different states; what does not depend on these is the same.
        """
        key = (make, id(owner))
        if key not in self._kept:
            # What is kept holds its owner, so that no other object can have its identity meanwhile.
            self._kept[key] = (owner, make(owner, self))
        return cast(Kept, self._kept[key][1])

    def cut(self, series: FloatArray) -> FloatArray:
        """The look-ahead's part of a series over the span."""
        return series[self.begin : self.begin + self.horizon]

    def ends_day(self, t: int) -> bool:
        """Whether the day of interval `t` of the look-ahead, or the span, ends with it."""
        following = self.begin + t + 1
        return following >= len(self.day_span) or bool(self.day_span[following] != self.day_span[following - 1])

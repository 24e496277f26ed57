"""When a vehicle is there."""

from dataclasses import dataclass

import numpy as np

from mosaik_p2p.units import BoolArray, IntArray


@dataclass(frozen=True)
class Stay:
    """When a vehicle is plugged in within a look-ahead."""

    intervals_left: IntArray
    """(T,) intervals that follow until it departs; -1 while it is away."""
    was_plugged: bool
    """In the interval before the look-ahead (the first interval's own state where the run begins with it)."""

    def until(self, t: int) -> "Stay":
        """The same up to the end of interval `t`."""
        return Stay(self.intervals_left[: t + 1], self.was_plugged)

    @property
    def plugged(self) -> BoolArray:
        """(T,) whether it is there."""
        return np.asarray(self.intervals_left >= 0)

    @property
    def before(self) -> BoolArray:
        """(T,) whether it was there in the interval before."""
        return np.concatenate([[self.was_plugged], self.plugged[:-1]])

    @property
    def arrives(self) -> BoolArray:
        """(T,) whether it comes with the begin of the interval."""
        return np.asarray(self.plugged & ~self.before)

    @property
    def departs(self) -> BoolArray:
        """(T,) whether it leaves with the begin of the interval."""
        return np.asarray(~self.plugged & self.before)

"""Series on the intervals of a run and of its look-aheads."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from mosaik_p2p.errors import Fault, InputWarning
from mosaik_p2p.units import FloatArray, IntArray


@dataclass(frozen=True)
class Series:
    """A quantity as it is expected and as it turns out, each of shape (span,)."""

    forecast: FloatArray
    realised: FloatArray

    def times(self, factor: float) -> "Series":
        """Every value multiplied by a factor."""
        return Series(self.forecast * factor, self.realised * factor)

    @classmethod
    def known(cls, values: FloatArray) -> "Series":
        """What turns out as it was expected."""
        return cls(values, values)


@dataclass(frozen=True, eq=False)
class Span:
    """The intervals of the run and of its look-aheads, as far as profiles go."""

    times: pd.DatetimeIndex
    """(span,) begins in UTC."""
    own_times: pd.DatetimeIndex
    """(span,) the same begins on the scenario's own clock, as messages name them."""
    day: IntArray
    """(span,) number of the scenario's own day, 0 for the first."""
    step_minutes: int
    dt_h: float


@dataclass(frozen=True, eq=False)
class AllSeries:
    """What could be read: the profiles by name, and the irradiance for collectors that have no profile."""

    profiles: Mapping[str, Series]
    horizontal_kw_per_m2: FloatArray | None
    faults: tuple[Fault, ...]
    warnings: tuple[InputWarning, ...] = ()

"""Limits of the networks as rows that are linear in what the prosumers inject.

Around a solved state a limit of a line, a bus or a pipe reads

    sum_i S_i (x_i - x_i,solved) <= limit - value          (both sides with the other sign for a lower limit)

with x_i the prosumer's injection into the network in kW, fed in by trade or by contract alike. What is cleared and what
turns out differ by a forecast that missed, which no clearing changes; so the row holds for cleared injections too, and
as `sum_i S_i x_i <= bound` it can be kept when the network is solved at another point.

Reactive power is a constant of the plan: `bound` holds for the plan at hand, and `renewed` states it for another one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import NamedTuple

import numpy as np

from mosaik_p2p.limits.rows import LimitKey, LimitRow
from mosaik_p2p.units import FloatArray

MARGIN = 1e-6
"""Part of a limit by which a row stays clear of it: what the solvers' tolerances may add."""
CURVATURE = 0.25
"""Largest part of what the last linearisation missed by that the next one, which has a shorter way, is held to miss by;
doubled each time that the limit is found violated after `CURVED` times."""
CURVED = 2


class RowKey(NamedTuple):
    """What makes a row the same one in every round: which limit of which carrier's network, and which way it binds."""

    carrier: int
    limit: LimitKey
    is_reverse: bool
    """What flows through a line or a pipe is limited in both directions: a row of either is kept beside the other, or
    the dispatch would swing between them."""
    interval: int = 0
    """Counted from the begin of the look-ahead."""


@dataclass(frozen=True)
class HeldRow:
    """`slope @ x <= bound` in `unit`, for one limit of one carrier in one interval."""

    carrier: int
    element: str
    quantity: str
    unit: str
    is_upper: bool
    limit: float
    value: float
    """As it was found where the row was linearised."""
    slope: FloatArray
    """(N,) unit per kW."""
    bound: float
    times_broken: int
    worst_excess: float
    """The largest excess so far, zero where it was never broken."""
    margin: float = 0.0
    """By how much `bound` is nearer than the limit, in `unit`."""
    kvar_slope: FloatArray | None = None
    """(N,) unit per kvar; None: reactive power does not enter."""
    planned_kvar: FloatArray | None = None
    """(N,) reactive power of the plan that `bound` holds for."""
    interval: int = 0
    """Counted from the begin of the look-ahead."""

    @property
    def key(self) -> RowKey:
        """What makes it the same row in every round."""
        return row_key(self.carrier, LimitKey(self.element, self.quantity, self.is_upper), self.slope, self.interval)

    @property
    def excess(self) -> float:
        """By how much the limit was violated where the row was linearised; negative where there was room."""
        return self.value - self.limit if self.is_upper else self.limit - self.value

    @property
    def size(self) -> float:
        """The largest entry: what turns the row's unit into kW."""
        return float(np.abs(self.slope).max(initial=0.0))

    def renewed(self, kvar: FloatArray) -> "HeldRow":
        """The same row for a plan with reactive injections `kvar` (N,)."""
        if self.kvar_slope is None or self.planned_kvar is None:
            return self
        taken = float(self.kvar_slope @ (kvar - self.planned_kvar))
        return replace(self, bound=self.bound - taken, planned_kvar=kvar)

    def predicted(self, injection_kw: FloatArray, kvar: FloatArray) -> float:
        """By how much other injections (N,) violate the limit, if all is linear; negative where there is room."""
        renewed = self.renewed(kvar)
        return float(renewed.slope @ injection_kw) - renewed.bound - renewed.margin


def row_key(carrier: int, limit: LimitKey, slope: FloatArray, interval: int = 0) -> RowKey:
    """The key of a row with this slope (N,)."""
    return RowKey(carrier, limit, bool(slope.sum() < 0.0), interval)


def held_row(
    row: LimitRow,
    carrier: int,
    names: Sequence[str],
    injection_kw: FloatArray,
    held: Mapping[RowKey, HeldRow],
    kvar: FloatArray | None = None,
    affordable: float = 0.0,
    *,
    interval: int = 0,
    margin_share: float = MARGIN,
) -> HeldRow:
    """The row of a limit found with injections `injection_kw` (N,) cleared and a plan of `kvar` (N,); `held` are the
    rows so far. A margin of `affordable`, in `unit`, costs as good as nothing; one of `margin_share` of the limit is
    kept in any case."""
    sign = 1.0 if row.is_upper else -1.0
    slope, kvar_slope = (sign * _by_name(change, names) for change in (row.per_kw, row.per_kvar))
    planned = np.zeros(len(names)) if kvar is None else kvar
    before = held.get(row_key(carrier, row.key, slope, interval))
    broken = (before.times_broken if before is not None else 0) + int(row.excess > 0)
    margin = margin_share * abs(row.limit)
    if before is not None:
        missed = row.excess - before.predicted(injection_kw, planned)
        likely = _missed_again(before, row.excess, missed, broken)
        margin += max(likely, min(missed, affordable)) if row.excess > 0.0 else likely
    return HeldRow(
        carrier=carrier,
        element=row.element,
        quantity=row.quantity,
        unit=row.unit,
        is_upper=row.is_upper,
        limit=row.limit,
        value=row.value,
        slope=slope,
        bound=float(-row.excess - margin + slope @ injection_kw),
        times_broken=broken,
        worst_excess=max(row.excess, 0.0 if before is None else before.worst_excess),
        margin=margin,
        kvar_slope=kvar_slope if kvar_slope.any() else None,
        planned_kvar=planned if kvar_slope.any() else None,
        interval=interval,
    )


def _by_name(change: Mapping[str, float], names: Sequence[str]) -> FloatArray:
    """(N,) a change for each of the names; zero where there is none."""
    return np.array(list(map(change.get, names, repeat(0.0))), dtype=np.float64)


def _missed_again(before: HeldRow, excess: float, missed: float, times_broken: int) -> float:
    """What the next clearing may miss the limit by, in the row's unit; the last one was wrong by `missed`.

    A miss grows with the square of the way, and the way that is left is about as long as what was missed.
    """
    way = abs(excess - missed - before.excess)
    if missed <= 0.0:
        return 0.0
    if times_broken <= CURVED:
        return missed * (min(missed / way, CURVATURE) if way > 0.0 else CURVATURE)
    # What is missed time and again is no curvature, and in the end is kept away by its whole size.
    return missed * min(CURVATURE * 2.0 ** (times_broken - CURVED - 1), 1.0)

"""Limits of the networks as rows that are linear in what the prosumers inject.

Around a solved state a limit of a line, a bus or a pipe reads

    sum_i S_i (x_i - x_i,solved) <= limit - value          (both sides with the other sign for a lower limit)

with x_i the prosumer's injection into the network in kW, fed in by trade or by contract alike. What is cleared and what
turns out differ by a forecast that missed, which no clearing changes; so the row holds for cleared injections too, and
as `sum_i S_i x_i <= bound` it can be kept when the network is solved at another point.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.units import FloatArray

MARGIN = 1e-4
"""Part of a limit by which a row stays clear of it: what curvature and the clearing's own tolerance may add."""
MARGIN_GROWTH = 4.0
"""Factor on the margin each time that the same limit is found broken again."""
LARGEST_MARGIN = 1e-2
CURVATURE = 0.25
"""Part of the excess that is added to the margin where a limit is broken although its row was kept."""
NO_INFLUENCE = 1e-3
"""A limit that all prosumers together, moving by their size, change by less than this part of its excess is beyond
their influence."""


@dataclass(frozen=True)
class LimitRow:
    """What a network reports about one limit: its value and how each prosumer's injection changes it."""

    element: str
    quantity: str
    unit: str
    value: float
    limit: float
    is_upper: bool
    per_kw: Mapping[str, float]
    """By prosumer: change of the value, in `unit`, by 1 kW more injected, its reactive power going along."""

    @property
    def excess(self) -> float:
        """By how much the limit is broken, in `unit`; negative where there is room."""
        return self.value - self.limit if self.is_upper else self.limit - self.value


@dataclass(frozen=True)
class HeldRow:
    """`slope @ x <= bound` in `unit`, for one limit of one carrier."""

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

    @property
    def key(self) -> "RowKey":
        """What makes it the same row in every round."""
        return row_key(self.carrier, self.element, self.quantity, self.is_upper, self.slope)

    @property
    def excess(self) -> float:
        """By how much the limit was broken where the row was linearised; negative where there was room."""
        return self.value - self.limit if self.is_upper else self.limit - self.value

    @property
    def size(self) -> float:
        """The largest entry: what turns the row's unit into kW."""
        return float(np.abs(self.slope).max(initial=0.0))

    def relaxed(self, by: float) -> "HeldRow":
        """The same row with `by` more room."""
        return replace(self, bound=self.bound + by)


RowKey = tuple[int, str, str, bool, bool]
"""Carrier, element, quantity, whether it is an upper limit, and the side on which it binds."""


def row_key(carrier: int, element: str, quantity: str, is_upper: bool, slope: FloatArray) -> RowKey:
    """The key of a row.

    What flows through a line or a pipe is limited in both directions: a row of either is kept beside the other, or the
    dispatch would swing between them.
    """
    return carrier, element, quantity, is_upper, bool(slope.sum() < 0.0)


def held_row(
    row: LimitRow, carrier: int, names: Sequence[str], injection_kw: FloatArray, held: Mapping[RowKey, HeldRow]
) -> HeldRow:
    """The row of a limit found with injections `injection_kw` (N,) cleared; `held` are the rows so far."""
    sign = 1.0 if row.is_upper else -1.0
    slope = sign * np.array([row.per_kw.get(name, 0.0) for name in names])
    before = held.get(row_key(carrier, row.element, row.quantity, row.is_upper, slope))
    broken = (before.times_broken if before is not None else 0) + int(row.excess > 0)
    margin = min(MARGIN * MARGIN_GROWTH ** max(broken - 1, 0), LARGEST_MARGIN) * abs(row.limit)
    if before is not None:
        margin += CURVATURE * max(row.excess, 0.0)
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
    )


def can_be_influenced(row: HeldRow, size_kw: FloatArray) -> bool:
    """Whether prosumers that move by their size (N,) change the value noticeably."""
    return bool(np.abs(row.slope) @ size_kw > max(NO_INFLUENCE * row.excess, 0.0)) and row.size > 0.0

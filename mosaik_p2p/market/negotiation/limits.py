"""What the operator holds the intervals of a look-ahead to: rows, boxes, the cost of losses, and what it charges."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mosaik_p2p.market.negotiation.limit_rows import HeldRow, RowKey
from mosaik_p2p.units import FloatArray


@dataclass(frozen=True)
class LossTerms:
    """What the losses of a carrier's network cost in one interval, to second order around a solved state:

        price dt ( marginal'(X - around) + sum_b kw_per_kw2_b (share_b (X - around))^2 )

    Without the squares, prosumers of constant cost near the price of losses would swing for ever from one
    linearisation to the next.
    """

    price_per_kwh: float
    marginal: FloatArray
    """(N,) kW lost per kW injected, at `around_kw`."""
    around_kw: FloatArray
    """(N,) injections of the solved state."""
    share: FloatArray
    """(B, N): what flows through each branch per kW injected."""
    kw_per_kw2: FloatArray
    """(B,) resistance over the square of the voltage, by branch."""

    @classmethod
    def merged(
        cls,
        price_per_kwh: float,
        *,
        marginal: FloatArray,
        around_kw: FloatArray,
        share: FloatArray,
        kw_per_kw2: FloatArray,
    ) -> "LossTerms":
        """The terms with branches in a row, through which the same flows, as one; those that nobody moves left out."""
        moved = (np.abs(share) > 0.0).any(axis=1) & (kw_per_kw2 > 0.0)
        distinct, number = np.unique(share[moved], axis=0, return_inverse=True)
        total = np.bincount(number.ravel(), kw_per_kw2[moved], len(distinct)).astype(np.float64)
        return cls(price_per_kwh, marginal, around_kw, distinct, total)


@dataclass(frozen=True)
class Limits:
    """What the operator holds intervals to, and what else it minimises; C carriers, T intervals, N prosumers."""

    rows: tuple[HeldRow, ...]
    box_kw: FloatArray | None = None
    """(2, C, T, N) least and largest injections; infinite where only a prosumer's own limits count. None: nowhere."""
    capped: frozenset[RowKey] = frozenset()
    """Rows that nobody can keep: relief is worth the highest price that anyone offers, by all of a carrier's rows in an
    interval together."""
    imbalance_kw: FloatArray | None = None
    """(2, C, T, N) what everyone lacked, and had too much, without rows; it may again."""
    losses: Mapping[tuple[int, int], LossTerms] = field(default_factory=dict)
    """By carrier and interval."""
    levy_per_kwh: FloatArray | None = None
    """(C, T, N) what everyone pays besides for each kWh injected; it is nobody's cost."""

    def lifted(self, binding: int) -> tuple[int, ...]:
        """The intervals in which the network knows whole injections: the first `binding` ones, and those with anything
        to hold or to pay."""
        held = {row.interval for row in self.rows} | {t for _, t in self.losses} | set(range(binding))
        if self.box_kw is not None:
            held |= set(np.flatnonzero(np.isfinite(self.box_kw).any(axis=(0, 1, 3))).tolist())
        if self.levy_per_kwh is not None:
            held |= set(np.flatnonzero(self.levy_per_kwh.any(axis=(0, 2))).tolist())
        return tuple(sorted(held))


def held_at(injection_kw: FloatArray) -> FloatArray:
    """The box (2, C, T, N) that holds injections (C, T, N) where they are numbers, and nothing where they are NaN."""
    free = np.isnan(injection_kw)
    return np.stack([np.where(free, -np.inf, injection_kw), np.where(free, np.inf, injection_kw)])

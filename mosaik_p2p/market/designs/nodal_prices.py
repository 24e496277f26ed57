"""What makes up the price of a kWh at each prosumer's place: energy, losses, and each kind of limit.

    marginal price = energy + loss + congestion + voltage + heat limits

`energy` is what a kWh fetches there (charges of the way, and of the place, included); the others are what is deducted
for what it does to the networks, hence negative where it does harm: `-(price of losses) * loss per kWh`, and for each
limit `-(1/r_i) mu_c S_ci`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.limits.electric import VOLTAGE_MAX
from mosaik_p2p.market.negotiation.reactive import ELECTRIC
from mosaik_p2p.market.negotiation.state import RoundLog
from mosaik_p2p.units import CARRIERS, BoolArray, FloatArray, Table, table_of

COLUMNS = "prosumer carrier energy_per_kwh loss_per_kwh congestion_per_kwh voltage_per_kwh heat_limits_per_kwh"


@dataclass(frozen=True)
class NodalPrices:
    """Currency per kWh injected, (C, T, N) each."""

    energy: FloatArray
    loss: FloatArray
    congestion: FloatArray
    """Limits of lines, transformers and all other electric ones that are no voltages."""
    voltage: FloatArray
    heat_limits: FloatArray

    @property
    def marginal(self) -> FloatArray:
        """What one kWh more is worth to everyone: the sum."""
        return self.energy + self.loss + self.congestion + self.voltage + self.heat_limits


def nodal_prices(
    log: RoundLog, loss_per_kwh: FloatArray, marginal_per_kwh: FloatArray, weight: FloatArray | None = None
) -> NodalPrices:
    """The parts of published prices (C, T, N), from the limits that a clearing held and what losses cost in it;
    `weight` (N,) are those of an equilibrium."""
    congestion, voltage, heat_limits = (np.zeros_like(marginal_per_kwh) for _ in range(3))
    for row, multiplier in zip(log.rows, log.multiplier, strict=True):
        part = heat_limits
        if row.carrier == ELECTRIC:
            part = voltage if row.quantity == VOLTAGE_MAX.quantity else congestion
        part[row.carrier, row.interval] -= float(multiplier) * row.slope / (1.0 if weight is None else weight)
    energy = marginal_per_kwh + loss_per_kwh - congestion - voltage - heat_limits
    return NodalPrices(energy, 0.0 - loss_per_kwh, congestion, voltage, heat_limits)


def nodal_price_tables(
    names: Sequence[str], member: BoolArray, prices: NodalPrices, *, binding: int
) -> tuple[Table, ...]:
    """One table for each interval that binds: a row per prosumer and carrier that it trades, `member` (C, N)."""
    parts = (prices.energy, prices.loss, prices.congestion, prices.voltage, prices.heat_limits)
    return tuple(
        table_of(
            COLUMNS.split(),
            [
                (names[i], CARRIERS[c], *(float(part[c, t, i]) for part in parts))
                for c, i in np.argwhere(member).tolist()
            ],
        )
        for t in range(binding)
    )

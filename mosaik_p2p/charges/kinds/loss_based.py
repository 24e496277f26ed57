"""Marginal losses as a charge of places, which makes a sale from i to j pay `rate` (l_i - l_j)."""

from collections.abc import Iterator
from typing import Self

import numpy as np
from pydantic import model_validator

from mosaik_p2p.charges.base import ChargeParts, NetworkView, Payer, PlaceChargeMechanism
from mosaik_p2p.charges.mechanisms import path_charges
from mosaik_p2p.charges.ordered import chain_of
from mosaik_p2p.sections.base import refuse
from mosaik_p2p.sections.ranges import ChargeRate
from mosaik_p2p.units import HEAT, BoolArray, FloatArray

HEAT_BOUND = 0.2
"""Marginal heat losses beyond it are cut: where water turns round they jump, and say nothing about the next kWh."""


class LossBased(PlaceChargeMechanism):
    """`rate` times the kWh that the network loses more per kWh injected; what relieves the network earns.

    The losses are those around what everyone exchanges alone, interval by interval, and known before any clearing. On a
    heat network they are cut to +-0.2, and `thermal_distance` is the better choice: there what is lost hardly depends
    on who trades.
    """

    rate: ChargeRate
    """Currency per kWh that is lost more: what the operator buys losses at."""
    relief_rate: ChargeRate | None = None
    """Currency per kWh that a trade makes the network lose less, at most `rate`; left out: the same. The difference is
    a charge of pairs, by the means of the marginal losses over the intervals."""
    payer: Payer = "split"
    """Who pays the charge of pairs that `relief_rate` leaves, as for `uniform`."""

    @model_validator(mode="after")
    def _relief_below(self) -> Self:
        if self.relief_rate is not None and self.relief_rate > self.rate:
            remedy = f"Give at most {self.rate:g}: a trade to and fro would earn."
            refuse(f"is more than `rate`, {self.rate:g}", remedy=remedy, key="relief_rate")
        return self

    def parts(self, view: NetworkView) -> ChargeParts:
        """Places, and a path charge on the chain of prosumers by their mean marginal loss where there are two rates."""
        loss, _ = _bounded(view)
        relief = self.rate if self.relief_rate is None else self.relief_rate
        place = (self.rate + relief) / 2.0 * loss
        if relief == self.rate:
            return ChargeParts(place=place)
        chain, node = chain_of(loss.mean(axis=0), view.place)
        pair = path_charges(chain, node, price_per_length=(self.rate - relief) / 2.0, payer=self.payer)
        return ChargeParts(pair=pair, place=place)

    def remarks(self, view: NetworkView) -> Iterator[str]:
        """How much was cut."""
        if view.carrier == HEAT:
            yield "What a heat network loses hardly depends on who trades: `thermal_distance` is the better choice."
        loss, cut = _bounded(view)
        if cut.any():
            hours, worst = int(cut.any(axis=1).sum()), float(np.abs(view.marginal_loss()[cut]).max())
            yield (
                f"Marginal losses are cut to +-{HEAT_BOUND:g} in {hours} of {len(loss)} intervals, for "
                f"{int(cut.any(axis=0).sum())} prosumers; the largest was {worst:.2f} in size."
            )

    def rate_unit(self, view: NetworkView) -> str:
        """See ChargeMechanism."""
        return "kWh lost"


def _bounded(view: NetworkView) -> tuple[FloatArray, BoolArray]:
    """(T, N) marginal losses, and which of them were cut."""
    loss = view.marginal_loss()
    if view.carrier != HEAT:
        return loss, np.zeros(loss.shape, dtype=np.bool_)
    return np.clip(loss, -HEAT_BOUND, HEAT_BOUND), np.abs(loss) > HEAT_BOUND

"""Pairs that are paid for trading: a negative sum of charges, from who only sells to who only buys.

Where power may go either way, such a pair would earn by sending it in a circle. Here the direction is known: an agent
at an end of such a pair only sells, or only buys, to and from everyone. Then every kWh of its net sale goes over one of
its pairs, once, and its charges may be raised by any amount that its own cost per kWh is lowered by (for a buyer: that
its worth is raised by): no dispatch costs more or less for it. So shifted, no pair is negative, and passing power on
costs twice the shift. Should somebody pass it on all the same, a larger shift ends that.
"""

from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.single_period.model import Pairs, PlainMarket
from mosaik_p2p.units import BoolArray, FloatArray

GROWTH = 4.0
"""From one shift to the next."""
MOST_SHIFTS = 8
WRONG_WAY = 1e-6
"""Part of the largest flow that may go the wrong way: a solver's rounding."""


@dataclass(frozen=True)
class Sides:
    """Who only sells (1), who only buys (-1), and who is free (0), (N,); and the least shift of each, per kWh."""

    direction: FloatArray
    least: FloatArray

    def shifted(self, market: PlainMarket, times: float) -> PlainMarket:
        """The same market with `times` the least shift."""
        shift = times * self.least
        assets, pairs = market.assets, market.pairs
        return replace(
            market,
            assets=replace(assets, b=assets.b - (self.direction * shift)[assets.agent]),
            pairs=replace(
                pairs,
                charge_first=pairs.charge_first + shift[pairs.first],
                charge_second=pairs.charge_second + shift[pairs.second],
            ),
            price_shift=self.direction * shift,
        )

    def are_kept(self, pairs: Pairs, flow_kw: FloatArray) -> bool:
        """Whether nobody buys who only sells, nor sells who only buys; `flow_kw` (E,) goes from first to second."""
        wrong = np.maximum(-self.direction[pairs.first] * flow_kw, self.direction[pairs.second] * flow_kw)
        return bool((wrong <= WRONG_WAY * np.abs(flow_kw).max(initial=0.0)).all())


def sides_of(market: PlainMarket) -> Sides | None:
    """The sides that negative pairs put their ends on; None where no pair is negative."""
    pairs = market.pairs
    negative = pairs.charge < 0.0
    if not negative.any():
        return None
    sells, _ = one_sided(market.supply.least_kw, market.supply.most_kw)
    direction, least = np.zeros((2, len(market.names)))
    for ends in (pairs.first, pairs.second):
        direction[ends[negative]] = np.where(sells[ends[negative]], 1.0, -1.0)
        np.maximum.at(least, ends[negative], -pairs.charge[negative])
    return Sides(direction, least)


def one_sided(least_kw: FloatArray, most_kw: FloatArray) -> tuple[BoolArray, BoolArray]:
    """(N,) twice: who can only sell, and who can only buy; who can do neither is a seller."""
    sells = least_kw >= 0.0
    return sells, (most_kw <= 0.0) & ~sells

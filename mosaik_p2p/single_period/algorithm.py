"""How far a plain market has been cleared: bounds on its cost, and what their gap is relative to.

All its scales come from the data: powers from the agents' limits, prices from their costs.
"""

from dataclasses import dataclass

import numpy as np

from mosaik_p2p.market.certificate import CROSSED
from mosaik_p2p.market.iteration import scales
from mosaik_p2p.single_period.bounds import Lower, Upper, alone_costs, own_prices
from mosaik_p2p.single_period.model import PlainMarket
from mosaik_p2p.units import FloatArray

SMALLEST = 1e-3
"""Least size of an agent, of the mean one's."""
ROUNDING = 1e-14
"""Of what the power that agents may sell or buy is worth at their prices: what a sum of such costs cannot tell."""


@dataclass(frozen=True)
class Outcome:
    """Where the iteration ended: its best trades and its best prices."""

    converged: bool
    iterations: int
    primal_residual: float
    dual_residual: float
    upper: Upper
    lower: Lower
    scale: float
    """What the gap is relative to, see `gap_scale`."""
    relative_gap: float
    """(cost - lower bound) / scale."""


def gap(market: PlainMarket, upper: Upper, lower: Lower, scale: float) -> float:
    """(cost - lower bound) / scale, see `gap_scale`; a difference that is rounding is none.

    A cost that lies below its bound by more (a negative gap) shows that one of them is no number to go by.
    """
    difference = upper.cost - lower.bound
    rounding = ROUNDING * float(np.sum(np.abs(lower.price) * agent_sizes(market)))
    reached = difference / scale
    return 0.0 if abs(difference) <= rounding or -CROSSED <= reached <= 0.0 else reached


def gap_scale(market: PlainMarket, upper: Upper) -> float:
    """max(|cost|, `scales.least_scale`): what flows is what these trades sell and buy, at the median of marginal costs.

    Where none do, it is `scales.least_flow_kw`. What agents may sell or buy at the most does not enter: limits that
    bind nobody would hide any gap.
    """
    flowing_kw = float(np.abs(upper.sale_kw).sum()) or scales.least_flow_kw(_limits(market))
    offer = _middle(np.abs(own_prices(market, upper.sale_kw)))
    return max(abs(upper.cost), scales.least_scale(alone_costs(market), offer, flowing_kw, dt_h=1.0))


def _middle(values: FloatArray) -> float:
    """The median of what is not zero; 1 where all is."""
    return float(np.median(values[values != 0.0])) if values.any() else 1.0


def highest_price(market: PlainMarket) -> float:
    """The largest marginal cost that anyone can have; 1 where nothing costs anything."""
    return float(np.abs(market.supply.price).max()) or 1.0


def agent_sizes(market: PlainMarket) -> FloatArray:
    """(N,): the most that each agent can buy or sell, kW; of who can do neither a part of the mean."""
    size = _limits(market)
    result: FloatArray = np.maximum(size, SMALLEST * (float(size.mean()) or 1.0))
    return result


def _limits(market: PlainMarket) -> FloatArray:
    largest: FloatArray = np.maximum(np.abs(market.supply.least_kw), np.abs(market.supply.most_kw))
    return largest


def norm(values: FloatArray) -> float:
    """Euclidean."""
    return float(np.linalg.norm(values))

"""How good an outcome is, judged without its algorithm: trades that everyone can keep, and weak duality."""

from dataclasses import dataclass

import numpy as np

from mosaik_p2p.market.network_step.coordinate_descent import closed_prices, net_sales
from mosaik_p2p.market.network_step.spanning_forest import match, route
from mosaik_p2p.single_period.model import PlainMarket
from mosaik_p2p.units import FloatArray

HALVINGS = 60
"""Of the range of all prices: a double has no more digits to find."""


@dataclass(frozen=True)
class Upper:
    """Trades that everyone can keep: flows (E,), net sales (N,), and what they cost per hour."""

    flow_kw: FloatArray
    sale_kw: FloatArray
    cost: float


@dataclass(frozen=True)
class Lower:
    """A lower bound on the cost per hour, and the closed prices (N,) that prove it."""

    price: FloatArray
    bound: float


def alone_sales(market: PlainMarket) -> FloatArray:
    """(N,) net sales without partners: zero, or the nearest to it that an agent's own limits allow."""
    result: FloatArray = np.clip(0.0, market.supply.least_kw, market.supply.most_kw)
    return result


def alone_costs(market: PlainMarket) -> FloatArray:
    """(N,) what that costs per hour, as the market was given and not as it was stated for the solver."""
    if market.given_alone is not None:
        return market.given_alone
    sale = alone_sales(market)
    cost = market.supply.cost(sale)
    return cost if market.price_shift is None else cost + market.price_shift * sale


def own_prices(market: PlainMarket, sale_kw: FloatArray) -> FloatArray:
    """(N,) marginal costs at these net sales, as the market was given and not as it was stated for the solver."""
    price = market.supply.marginal(sale_kw)
    return price if market.price_shift is None else price + market.price_shift


def untraded(market: PlainMarket) -> Upper | None:
    """No trade at all, which wins over trades that are rounding; None where somebody cannot be alone."""
    return None if alone_sales(market).any() else upper_of(market, np.zeros(len(market.pairs.first)))


def lower_bound(market: PlainMarket, price: FloatArray) -> Lower:
    """The best bound from closures of prices (N,) along the cheapest chains of pairs."""
    closed = closed_prices(price[None], market.begin, market.pairs.second, market.pairs.charge)
    candidates = [candidate[0] for candidate in closed]
    if market.price_range is not None:
        # Both are closed themselves, and so is what lies between.
        candidates = [np.clip(candidate, *market.price_range) for candidate in candidates]
    bounds = [market.supply.bound(candidate) for candidate in candidates]
    best = int(np.argmax(bounds))
    return Lower(candidates[best], bounds[best])


def upper_bound(market: PlainMarket, flow_kw: FloatArray, sale_kw: FloatArray, own_price: FloatArray) -> Upper:
    """Flows near the given ones (E,), so that everyone sells what it can.

    `sale_kw` (N,) are the agents' own answers, of which `own_price` is the marginal cost. They are balanced at equal
    changes of price; what flows then fail to bring is sent along pairs where that costs least at these prices.
    """
    sale = _balanced(market, sale_kw, own_price)
    flow = flow_kw.copy()
    pairs = market.pairs
    saving = np.abs(own_price[pairs.first] - own_price[pairs.second])
    order = np.argsort(np.where(flow != 0.0, -np.inf, pairs.charge - saving), kind="stable")
    route(sale - net(market, flow), order, pairs.first, pairs.second, flow)
    return upper_of(market, flow)


def direct(market: PlainMarket, flow_kw: FloatArray) -> FloatArray:
    """Flows (E,) of the same net sales and cost, which pass nothing on for nothing where sellers can do without.

    Over pairs that pay no charge, power may run in circles and through third parties. Here everyone first trades with
    partners of its own, and only what then is left takes a way through others.
    """
    pairs = market.pairs
    free = np.flatnonzero(pairs.charge == 0.0)
    flow = flow_kw.copy()
    flow[free] = 0.0
    rest = net(market, flow_kw) - net(market, flow)
    match(rest, free, pairs.first, pairs.second, flow)
    route(rest, free, pairs.first, pairs.second, flow)
    return flow


def upper_of(market: PlainMarket, flow_kw: FloatArray) -> Upper:
    """The cost of flows (E,) that everyone can keep, up to rounding."""
    sale = net(market, flow_kw)
    within = np.clip(sale, market.supply.least_kw, market.supply.most_kw)
    cost = float(market.supply.cost(within).sum() + np.sum(market.pairs.charge * np.abs(flow_kw)))
    return Upper(flow_kw, sale, cost)


def net(market: PlainMarket, flow_kw: FloatArray) -> FloatArray:
    """(N,) net sales of flows (E,)."""
    sale = np.empty(len(market.names))
    net_sales(market.begin, market.pairs.second, flow_kw, sale)
    return sale


def _balanced(market: PlainMarket, sale_kw: FloatArray, own_price: FloatArray) -> FloatArray:
    """Net sales that sum to nothing in each connected part: everyone's price moves by the part's own shift.

    The two shifts between which a part's sum changes its sign are narrowed by halving; the last step, across jumps of
    supply, is a mixture of the net sales at both.
    """
    part, supply = market.part, market.supply
    parts = int(part.max()) + 1
    excess = np.bincount(part, sale_kw, parts)
    reach = np.ptp(supply.price) + np.ptp(own_price) + np.abs(own_price).max() + np.abs(supply.price).max()
    # At one end of the range are the answers themselves, at the other end those after the largest shift.
    far = np.where(excess > 0, -reach, reach)
    near_shift, far_shift = np.zeros(parts), far.copy()
    near = sale_kw
    beyond = np.where((excess > 0)[part], supply.least_kw, supply.most_kw)
    for _ in range(HALVINGS):
        middle = (near_shift + far_shift) / 2
        sale = supply.at_price(own_price + middle[part])
        # Between the answers and the far end, since own prices may serve a range of net sales.
        sale = np.clip(sale, np.minimum(near, beyond), np.maximum(near, beyond))
        still = np.bincount(part, sale, parts) * excess > 0
        near_shift, far_shift = np.where(still, middle, near_shift), np.where(still, far_shift, middle)
        near, beyond = np.where(still[part], sale, near), np.where(still[part], beyond, sale)
    surplus, lack = np.bincount(part, near, parts), np.bincount(part, beyond, parts)
    wide = surplus - lack
    share = np.clip(np.where(wide != 0.0, surplus / np.where(wide != 0.0, wide, 1.0), 0.0), 0.0, 1.0)[part]
    result: FloatArray = near * (1.0 - share) + beyond * share
    return result

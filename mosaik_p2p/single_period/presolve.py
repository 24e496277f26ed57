"""Limits that bind nothing, brought within sight: what no optimum uses must not set the scale of anything.

Two facts about every optimum bound what an asset can do, whatever its own limits:

- Within a connected part all assets together balance, so one sells no more than the others can buy.
- Prices of a part differ by no more than the charges on the way. The least of them is not above the price from which
  everyone together would sell more than nothing, nor the highest below the one up to which they would buy; so all
  prices lie in a window, and each asset between its answers at the window's ends.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import dijkstra

from mosaik_p2p.market.network_step.coordinate_descent import closed_prices
from mosaik_p2p.single_period.bounds import alone_costs
from mosaik_p2p.single_period.model import Assets, PlainMarket
from mosaik_p2p.units import BoolArray, FloatArray, IntArray

FAR = 10.0
"""A limit this many times beyond what can be used is brought nearer; nearer ones are left as they were given."""
SPARE = 2.0
"""What it is brought to, in units of what can be used: an optimum never gets there."""
ROUNDS = 3
"""What one limit is brought to bounds what the others can do."""


def within_means(market: PlainMarket) -> PlainMarket:
    """The market with limits that no optimum reaches brought nearer; itself where there are none."""
    given, given_alone = market.assets, alone_costs(market)
    for _ in range(ROUNDS):
        assets = _nearer(market)
        if assets is market.assets:
            break
        market = replace(market, assets=assets)
    if market.assets is given:
        return market
    return replace(market, price_range=_price_range(market, given), given_alone=given_alone)


def _price_range(market: PlainMarket, given: Assets) -> tuple[FloatArray, FloatArray]:
    """(N,) twice: prices at which nobody would go beyond a nearer limit: a bound from them is one with those given."""
    assets, count = market.assets, len(market.names)
    low, high = np.full(count, -np.inf), np.full(count, np.inf)
    for limit, bound, moved, extreme in (
        (assets.p_max_kw, high, assets.p_max_kw < given.p_max_kw, np.minimum),
        (assets.p_min_kw, low, assets.p_min_kw > given.p_min_kw, np.maximum),
    ):
        extreme.at(bound, assets.agent[moved], (assets.a * limit + assets.b)[moved])
    graph = (market.begin, market.pairs.second, market.pairs.charge)
    return -closed_prices(-low[None], *graph)[1][0], closed_prices(high[None], *graph)[1][0]


def _nearer(market: PlainMarket) -> Assets:
    assets = market.assets
    low, high = assets.p_min_kw, assets.p_max_kw
    # Charges widen the window; they are looked at only where it matters.
    alike = np.zeros(int(market.part.max()) + 1)
    if not any(far.any() for far in _far(low, high, _reach(market, alike))):
        return assets
    reach = _reach(market, _way(market))
    below, above = _far(low, high, reach)
    if not (above | below).any():
        return assets
    return replace(
        assets,
        p_min_kw=np.where(below, np.minimum(-SPARE * reach, high), low),
        p_max_kw=np.where(above, np.maximum(SPARE * reach, low), high),
    )


def _far(low: FloatArray, high: FloatArray, reach: FloatArray) -> tuple[BoolArray, BoolArray]:
    """(M,) twice: which limits are far."""
    known = reach > 0.0
    return known & (low < -FAR * reach), known & (high > FAR * reach)


def _reach(market: PlainMarket, way: FloatArray) -> FloatArray:
    """(M,): the most that each asset can buy or sell, where prices of a part differ by up to `way` (parts,)."""
    assets = market.assets
    low, high, part = assets.p_min_kw, assets.p_max_kw, market.part[assets.agent]
    by_others = _larger(low, high, -_of_others(part, high), -_of_others(part, low))
    lowest, highest = _window(market, way)
    least = _answer(assets, low, high, lowest[part], at_jump=low)
    most = _answer(assets, low, high, highest[part], at_jump=high)
    reach = np.minimum(by_others, _larger(low, high, least, most))
    # Who never does anything may go as far as the others; where nobody does, as far as most.
    limits = np.abs(np.concatenate([low, high]))
    most_kw = float(reach.max(initial=0.0)) or float(np.median(limits[limits > 0.0])) if limits.any() else 0.0
    return np.where(reach > 0.0, reach, most_kw)


def _larger(low: FloatArray, high: FloatArray, least: FloatArray, most: FloatArray) -> FloatArray:
    """(M,): the most that each asset can buy or sell within its limits and `least` to `most`."""
    result: FloatArray = np.maximum(np.abs(np.maximum(low, least)), np.abs(np.minimum(high, most)))
    return result


def _of_others(part: IntArray, values: FloatArray) -> FloatArray:
    """(M,): the sum over the other assets of each one's part; added up without it, since what is left may be small."""
    result = np.empty_like(values)
    order = np.argsort(part, kind="stable")
    for inside in np.split(order, np.cumsum(np.bincount(part))[:-1]):
        ordered = values[inside]
        before = np.concatenate([[0.0], np.cumsum(ordered[:-1])])
        after = np.concatenate([np.cumsum(ordered[:0:-1])[::-1], [0.0]])
        result[inside] = before + after if len(inside) else 0.0
    return result


def _answer(assets: Assets, low: FloatArray, high: FloatArray, price: FloatArray, *, at_jump: FloatArray) -> FloatArray:
    """(M,): what each asset sells at a price of its own; `at_jump` where that is its constant cost."""
    dear = price - assets.b
    curved = assets.a > 0.0
    bent = np.divide(dear, assets.a, out=np.zeros_like(dear), where=curved)
    constant = np.where(dear > 0.0, high, np.where(dear < 0.0, low, at_jump))
    return np.where(curved, np.clip(bent, low, high), constant)


def _window(market: PlainMarket, way: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest price of each part; infinite where nothing bounds it."""
    supply, part = market.supply, market.part
    levels = np.unique(supply.price)

    def together(level: FloatArray) -> FloatArray:
        result: FloatArray = np.bincount(part, supply.at_price(level[part]), int(part.max()) + 1).astype(float)
        return result

    # Where several sales serve at a price, the least of them are those below it, and the most those just above it.
    not_bought = _first(levels, lambda level: together(level) >= 0.0, part)
    sold = _first(levels, lambda level: together(np.nextafter(level, np.inf)) > 0.0, part)
    bounded = np.concatenate([[-np.inf], levels, [np.inf]])
    return bounded[not_bought] - way, bounded[sold + 1] + way


def _first(levels: FloatArray, holds: Callable[[FloatArray], BoolArray], part: IntArray) -> IntArray:
    """(parts,): the number of the first level from which something holds, one beyond the last where it never does."""
    count = int(part.max()) + 1
    near, far = np.full(count, -1), np.full(count, len(levels))
    while (far - near > 1).any():
        middle = (near + far) // 2
        there = holds(levels[np.clip(middle, 0, len(levels) - 1)])
        between = far - near > 1
        near, far = np.where(between & ~there, middle, near), np.where(between & there, middle, far)
    return far


def _way(market: PlainMarket) -> FloatArray:
    """(parts,): no two agents of a part have prices that differ by more: twice the farthest from one of them."""
    pairs, count = market.pairs, len(market.names)
    graph = sp.csr_array((pairs.charge, (pairs.first, pairs.second)), shape=(count, count))
    begin = np.unique(market.part, return_index=True)[1]
    distance = np.asarray(dijkstra(graph, directed=False, indices=begin, min_only=True))
    farthest = np.zeros(len(begin))
    np.maximum.at(farthest, market.part, np.where(np.isfinite(distance), distance, 0.0))
    return 2.0 * farthest

"""The least trade of a plain market: who trades how much is told only as far as the optimum says it.

Curved assets give what was cleared. Assets of one price per kWh are as good as contracts: which of several that cost
the same runs is open, and so is the way of a kWh where several cost the same. `market.least_trade` chooses: the least
money, of these the least sum of positive net sales, of these the least power over all pairs.
"""

from dataclasses import replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from mosaik_p2p.market.network_step.flow_problem import Contracts, FlowGraph
from mosaik_p2p.market.network_step.least_trade import ON_PAIRS, serve
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.single_period.algorithm import Outcome, gap, gap_scale
from mosaik_p2p.single_period.bounds import Upper, direct, upper_of
from mosaik_p2p.single_period.model import Assets, PlainMarket
from mosaik_p2p.units import BoolArray, FloatArray

LARGEST = 10_000
"""Pairs in question up to which linear programmes are solved, in seconds; beyond, free pairs are matched directly."""
NEAR = 1e-4
"""Part of the highest price by which a pair's prices may miss its charge, and it is still in question."""
MIN_TRADE = 1e-9
"""Flows below this part of the largest one are the rounding of a linear programme."""
SAME = 1e-9
"""Part of the cost's terms by which a dispatch may be dearer: the rounding of the same cost."""


def with_least_trade(market: PlainMarket, outcome: Outcome) -> Outcome:
    """The outcome with trades that cost no more, none of which serves nobody; its gap is that of these trades."""
    upper = _least_trade(market, outcome)
    scale = gap_scale(market, upper)
    return replace(outcome, upper=upper, scale=scale, relative_gap=gap(market, upper, outcome.lower, scale))


def _least_trade(market: PlainMarket, outcome: Outcome) -> Upper:
    upper, price = outcome.upper, outcome.lower.price
    asked = _in_question(market, upper.flow_kw, price)
    if asked.sum() <= LARGEST:
        if not _is_open(market, asked):
            return upper
        found = _by_programmes(market, upper, asked)
        if found is not None:
            return found
    return upper_of(market, direct(market, upper.flow_kw))


def _in_question(market: PlainMarket, flow_kw: FloatArray, price: FloatArray) -> BoolArray:
    """(E,): pairs that carry something, or might at no more cost."""
    pairs = market.pairs
    missing = pairs.charge - np.abs(price[pairs.first] - price[pairs.second])
    result: BoolArray = (flow_kw != 0.0) | (missing <= NEAR * float(np.abs(price).max(initial=0.0)))
    return result


def _is_open(market: PlainMarket, asked: BoolArray) -> bool:
    """Whether net sales leave a choice: assets of one price do, and circles of pairs in question."""
    if _straight(market.assets).any():
        return True
    ends = market.pairs.first[asked], market.pairs.second[asked]
    graph = sp.csr_array((np.ones(len(ends[0])), ends), shape=(len(market.names), len(market.names)))
    return bool(len(ends[0]) > len(market.names) - connected_components(graph, directed=False)[0])


def _by_programmes(market: PlainMarket, upper: Upper, asked: BoolArray) -> Upper | None:
    """None where they have no numerical solution, or one that is dearer."""
    held, contracts = _split(market, upper.sale_kw)
    pairs, count = market.pairs, len(market.names)
    graph = FlowGraph(count, np.arange(count), pairs.first[asked], pairs.second[asked], pairs.charge[asked])
    prices = np.abs(np.concatenate([contracts.price_per_kwh, graph.charge]))
    scale = float(prices.max(initial=0.0)) or 1.0
    try:
        served = serve(graph, contracts, held, price_per_kwh=scale, steps=ON_PAIRS)
    except NotSolved:
        return None
    size = np.abs(served.flow_kw)
    flow = np.zeros(len(pairs.first))
    flow[asked] = np.where(size > MIN_TRADE * size.max(initial=0.0), served.flow_kw, 0.0)
    found = upper_of(market, flow)
    terms = float(np.abs(market.supply.cost(upper.sale_kw)).sum())
    return found if found.cost <= upper.cost + SAME * terms else None


def _straight(assets: Assets) -> BoolArray:
    """(M,): assets of one price per kWh."""
    result: BoolArray = (assets.a == 0.0) & (assets.p_max_kw > assets.p_min_kw)
    return result


def _split(market: PlainMarket, sale_kw: FloatArray) -> tuple[FloatArray, Contracts]:
    """What is held of every agent (N,), and its assets of one price, from their lower limits upwards."""
    assets, count = market.assets, len(market.names)
    own = market.supply.marginal(np.clip(sale_kw, market.supply.least_kw, market.supply.most_kw))
    straight = _straight(assets)
    answer = np.divide(own[assets.agent] - assets.b, assets.a, out=assets.p_min_kw.astype(float), where=assets.a > 0.0)
    held = np.where(straight, assets.p_min_kw, np.clip(answer, assets.p_min_kw, assets.p_max_kw))
    contracts = Contracts(
        owner=assets.agent[straight],
        share=np.ones(int(straight.sum())),
        upper_kw=(assets.p_max_kw - assets.p_min_kw)[straight],
        price_per_kwh=assets.b[straight],
        is_imbalance=np.zeros(int(straight.sum()), dtype=np.bool_),
    )
    return np.bincount(assets.agent, held, count).astype(float), contracts

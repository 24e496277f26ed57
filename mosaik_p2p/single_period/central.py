"""The same plain market as one model, solved by HiGHS through Pyomo; judged by the same bounds as any outcome."""

from typing import Any

import numpy as np
import pyomo.environ as pyo

from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.market.reference.highs import solved_by_highs
from mosaik_p2p.single_period.algorithm import Outcome, agent_sizes, gap, gap_scale, norm
from mosaik_p2p.single_period.bounds import lower_bound, net, untraded, upper_bound
from mosaik_p2p.single_period.model import PlainMarket
from mosaik_p2p.units import FloatArray

TOLERANCE = 1e-6
"""HiGHS' own on a power, of an agent's size."""


def solve_centrally(market: PlainMarket, *, relative_gap: float) -> Outcome:
    """Solve with HiGHS. Raises NotSolved where it does not report an optimum."""
    model = build_model(market)
    try:
        condition = solved_by_highs(model)
    except (RuntimeError, ValueError) as error:
        raise NotSolved(f"HiGHS found no solution ({error}); use method = admm") from error
    if condition != pyo.TerminationCondition.optimal:
        raise NotSolved(f"HiGHS found no solution (it ended with {condition}); use method = admm")
    return _judged(market, model, relative_gap)


def build_model(market: PlainMarket) -> pyo.ConcreteModel:
    """Assets, trades by direction so that charges are linear, and everyone's balance."""
    assets, pairs = market.assets, market.pairs
    model = pyo.ConcreteModel("plain market")
    model.dual = pyo.Suffix(direction=pyo.Suffix.IMPORT)
    limits = [(float(low), float(high)) for low, high in zip(assets.p_min_kw, assets.p_max_kw, strict=True)]
    model.p = pyo.Var(range(len(limits)), bounds=lambda _, m: limits[m])
    model.sold = pyo.Var(range(len(pairs.first)), domain=pyo.NonNegativeReals)
    model.bought = pyo.Var(range(len(pairs.first)), domain=pyo.NonNegativeReals)
    model.balance = pyo.Constraint(range(len(market.names)), rule=_balance_rule(model, market))
    model.cost = pyo.Objective(expr=_asset_costs(model, market) + _charges(model, market))
    return model


def _balance_rule(model: pyo.ConcreteModel, market: PlainMarket) -> Any:
    """Agent i: its assets together = what it sells, less what it buys."""
    produced: list[list[Any]] = [[] for _ in market.names]
    sold: list[list[Any]] = [[] for _ in market.names]
    for m, i in enumerate(market.assets.agent):
        produced[i].append(model.p[m])
    for e, (i, j) in enumerate(zip(market.pairs.first, market.pairs.second, strict=True)):
        sold[i] += [model.sold[e], -model.bought[e]]
        sold[j] += [-model.sold[e], model.bought[e]]
    return lambda _, i: pyo.quicksum(produced[i]) - pyo.quicksum(sold[i]) == 0.0


def _asset_costs(model: pyo.ConcreteModel, market: PlainMarket) -> Any:
    assets = market.assets
    linear = pyo.quicksum(float(b) * model.p[m] for m, b in enumerate(assets.b))
    return linear + pyo.quicksum(float(a) / 2 * model.p[m] ** 2 for m, a in enumerate(assets.a) if a > 0)


def _charges(model: pyo.ConcreteModel, market: PlainMarket) -> Any:
    rates = enumerate(market.pairs.charge)
    return pyo.quicksum(float(rate) * (model.sold[e] + model.bought[e]) for e, rate in rates)


def _judged(market: PlainMarket, model: pyo.ConcreteModel, relative_gap: float) -> Outcome:
    """The solution, its trades mended where a tolerance shows, with bounds and residuals of our own."""
    flow = np.array([pyo.value(model.sold[e]) - pyo.value(model.bought[e]) for e in model.sold])
    produced = np.array([pyo.value(model.p[m]) for m in model.p])
    sale: FloatArray = np.bincount(market.assets.agent, produced, len(market.names)).astype(float)
    sale = np.clip(sale, market.supply.least_kw, market.supply.most_kw)
    # HiGHS' multipliers say what a kW more demand costs; where it has none (a tolerance), zero is a price like any.
    price = np.array([float(model.dual.get(model.balance[i], 0.0)) for i in range(len(market.names))])
    # They are exact to six digits or so. A bound reacts to that times all the power offered at one price; so prices are
    # also taken from the agents' own marginal costs, where these leave no choice.
    near = TOLERANCE * agent_sizes(market)
    exact = np.clip(price, *market.supply.price_range(sale - near, sale + near))
    lower = max(lower_bound(market, price), lower_bound(market, exact), key=lambda candidate: candidate.bound)
    upper, nothing = upper_bound(market, flow, sale, lower.price), untraded(market)
    if nothing is not None and nothing.cost <= upper.cost:
        upper = nothing
    scale = gap_scale(market, upper)
    primal = norm(sale - net(market, flow)) / max(norm(sale), 1e-300)
    dual = norm(price - lower.price) / max(norm(lower.price), 1e-300)
    reached = gap(market, upper, lower, scale)
    return Outcome(reached <= relative_gap, 0, primal, dual, upper, lower, scale, reached)

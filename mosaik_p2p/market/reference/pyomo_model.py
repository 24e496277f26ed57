"""The same market as one model, equation by equation, solved by HiGHS through Pyomo.

The oracle of the tests and the last resort for small markets: HiGHS' solver for quadratic programmes is exact but slow,
so it serves for a handful of prosumers. Chen and Liu 2025, eqs. 1-22.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.common.errors import PyomoException

from mosaik_p2p.market.imbalance import solvable
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.reference.highs import solved_by_highs
from mosaik_p2p.units import CARRIERS, FloatArray


@dataclass(frozen=True)
class Central:
    """The central optimum: money over the look-ahead, net sales (C, T, N) and pair trades (C, T, N, N)."""

    cost: float
    sale_kw: FloatArray
    trade_kw: FloatArray
    """[c, t, i, j] > 0: i sells to j."""
    price_per_kwh: FloatArray
    """(C, T, N): multipliers of the balances."""


def solve_central(problem: MarketProblem) -> Central:
    """Solve `problem` with HiGHS. Raises RuntimeError where HiGHS does not report an optimum."""
    problem = solvable(problem)
    model = build_model(problem)
    try:
        condition = solved_by_highs(model)
    except PyomoException as error:
        # Where HiGHS gives up without any point, Pyomo finds nothing to load.
        raise RuntimeError(f"HiGHS found no solution: {error}") from error
    if condition != pyo.TerminationCondition.optimal:
        raise RuntimeError(f"HiGHS ended with {condition}")
    carriers, horizon, count = problem.shape
    trade = np.zeros((carriers, horizon, count, count))
    for c, i, j, t in model.pairs_in_time:
        trade[c, t, i, j] += pyo.value(model.sold[c, i, j, t]) - pyo.value(model.bought[c, i, j, t])
        trade[c, t, j, i] = -trade[c, t, i, j]
    price = np.zeros((carriers, horizon, count))
    for (c, i, t), balance in model.balance.items():
        price[c, t, i] = model.dual[balance] / problem.dt_h
    return Central(float(pyo.value(model.total_cost)), trade.sum(axis=3), trade, price)


def build_model(problem: MarketProblem) -> pyo.ConcreteModel:
    """The market of `problem.py` as a Pyomo model."""
    model = pyo.ConcreteModel("peer-to-peer market")
    model.dual = pyo.Suffix(direction=pyo.Suffix.IMPORT)
    _variables(model, problem)
    _prosumer_constraints(model, problem)
    model.total_cost = pyo.Objective(expr=_prosumer_cost(model, problem) + _charges(model, problem))
    return model


def _variables(model: pyo.ConcreteModel, problem: MarketProblem) -> None:
    horizon = problem.shape[1]
    rows = [(i, k, t) for i, m in enumerate(problem.models) for k in range(len(m.variables)) for t in range(horizon)]
    member = problem.member
    pairs = [
        (c, i, j, t)
        for c in range(len(CARRIERS))
        for i in np.flatnonzero(member[c])
        for j in np.flatnonzero(member[c] & problem.charges[c].may_trade[i])
        if i < j
        for t in range(horizon)
    ]

    def limits(_: pyo.ConcreteModel, i: int, k: int, t: int) -> tuple[float, float | None]:
        upper = float(problem.models[i].upper[k, t])
        return float(problem.models[i].lower[k, t]), upper if np.isfinite(upper) else None

    model.x = pyo.Var(rows, bounds=limits)
    model.pairs_in_time = pyo.Set(initialize=[(c, int(i), int(j), t) for c, i, j, t in pairs], dimen=4)
    # p_ij split by direction, so that |p_ij| is linear; the first of a pair sells or buys.
    model.sold = pyo.Var(model.pairs_in_time, domain=pyo.NonNegativeReals)
    model.bought = pyo.Var(model.pairs_in_time, domain=pyo.NonNegativeReals)


def _net_sale(model: pyo.ConcreteModel, c: int, i: int, t: int, count: int) -> Any:
    later = [
        model.sold[c, i, j, t] - model.bought[c, i, j, t] for j in range(i + 1, count) if (c, i, j, t) in model.sold
    ]
    earlier = [model.bought[c, j, i, t] - model.sold[c, j, i, t] for j in range(i) if (c, j, i, t) in model.sold]
    return sum(later + earlier)


def _prosumer_constraints(model: pyo.ConcreteModel, problem: MarketProblem) -> None:
    carriers, horizon, count = problem.shape
    model.balance = pyo.Constraint(pyo.Any)
    model.own = pyo.ConstraintList()
    for i, prosumer in enumerate(problem.models):
        for c in range(carriers):
            if not (prosumer.balance[c].any() or prosumer.fixed[c].any() or prosumer.member[c]):
                continue
            for t in range(horizon):
                produced = sum(
                    float(prosumer.balance[c, k, t]) * model.x[i, k, t]
                    for k in range(len(prosumer.variables))
                    if prosumer.balance[c, k, t] != 0.0
                )
                demand = float(prosumer.fixed[c, t]) + _net_sale(model, c, i, t, count)
                model.balance[c, i, t] = produced == demand
        rows, right = prosumer.equations
        for r in range(rows.shape[0]):
            span = slice(rows.indptr[r], rows.indptr[r + 1])
            left = sum(
                float(value) * model.x[i, int(at) // horizon, int(at) % horizon]
                for at, value in zip(rows.indices[span], rows.data[span], strict=True)
            )
            model.own.add(left == float(right[r]))


def _prosumer_cost(model: pyo.ConcreteModel, problem: MarketProblem) -> Any:
    cost: Any = 0.0
    for i, prosumer in enumerate(problem.models):
        for k, t in np.argwhere((prosumer.linear != 0) | (prosumer.quadratic != 0)):
            x = model.x[i, int(k), int(t)]
            slope, curvature = float(prosumer.linear[k, t]), float(prosumer.quadratic[k, t])
            cost += problem.dt_h * (slope * x + (curvature / 2) * x * x if curvature else slope * x)
        cost += prosumer.constant
    return cost


def _charges(model: pyo.ConcreteModel, problem: MarketProblem) -> Any:
    """K_ij |p_ij| dt + A_ij p_ij^2 dt, a pair counting once."""
    total = [[np.asarray(charges.at(t).total) for t in range(problem.shape[1])] for charges in problem.charges]
    cost: Any = 0.0
    for c, i, j, t in model.pairs_in_time:
        sold, bought = model.sold[c, i, j, t], model.bought[c, i, j, t]
        cost += problem.dt_h * float(total[c][t][i, j]) * (sold + bought)
        curvature = problem.charges[c].curvature
        if curvature is not None and curvature[i, j] > 0.0:
            cost += problem.dt_h * float(curvature[i, j]) * (sold - bought) ** 2
    return cost

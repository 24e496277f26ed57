"""The market's optimum with charges that are stated here anew, trade by trade, and not by the package."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyomo.environ as pyo

from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.reference.pyomo_model import build_model
from mosaik_p2p.prosumers.roles import CONTRACT, IMBALANCE
from mosaik_p2p.units import FloatArray


@dataclass(frozen=True)
class Stated:
    """(C, T, N, N) what a kWh sold by i to j costs, and (C, T, N) what a kWh costs that is injected at a place."""

    sold: FloatArray
    injected: FloatArray


def central_cost(problem: MarketProblem, stated: Stated) -> float:
    """The least cost of the prosumers of `problem` under the charges `stated` instead of its own."""
    free = tuple(no_charges(np.zeros(problem.shape[2], dtype=np.int64)) for _ in problem.charges)
    bare = with_imbalance_priced(replace(problem, charges=free, place=None))
    model = build_model(bare)
    charges = sum(
        stated.sold[c, t, i, j] * model.sold[c, i, j, t] + stated.sold[c, t, j, i] * model.bought[c, i, j, t]
        for c, i, j, t in model.pairs_in_time
    )
    injected = sum(
        float(stated.injected[c, t, i]) * _injection(model, bare, c, i, t) for c, t, i in np.argwhere(stated.injected)
    )
    money = model.total_cost.expr + bare.dt_h * (charges + injected)
    model.total_cost.deactivate()
    model.all_costs = pyo.Objective(expr=money)
    found = pyo.SolverFactory("highs").solve(model)
    assert found.solver.termination_condition == pyo.TerminationCondition.optimal
    return float(pyo.value(model.all_costs))


def _injection(model: pyo.ConcreteModel, problem: MarketProblem, c: int, i: int, t: int) -> Any:
    """What is sold, less what the contract brings: by the balance, what devices feed in."""
    prosumer = problem.models[i]
    outside = sum(
        float(prosumer.balance[c, k, t]) * model.x[i, k, t]
        for k, variable in enumerate(prosumer.variables)
        if variable.type in (CONTRACT, IMBALANCE) and prosumer.balance[c, k, t] != 0.0
    )
    pairs = [pair for pair in model.pairs_in_time if pair[0] == c and pair[3] == t and i in pair[1:3]]
    sold = sum((model.sold[p] - model.bought[p]) * (1.0 if p[1] == i else -1.0) for p in pairs)
    return sold - outside

"""The least trade behind what everyone injects, by a linear programme of pairs.

It knows no trees and no steps: a variable for each ordered pair, both objectives one after the other with the first
one's optimum as a constraint, solved by scipy.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from mosaik_p2p.charges.mechanisms import Charges, no_charges
from mosaik_p2p.market.clearing import Clearing
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.trades import Trades
from mosaik_p2p.prosumers.roles import IMBALANCE
from mosaik_p2p.units import CARRIERS, FloatArray

ENERGY = 1e-6
"""Of the power that is traded: what two linear programmes know it to."""
FORMS = ("bilateral", "network", "partners")


def least_traded_kw(problem: MarketProblem, clearing: Clearing, c: int, t: int) -> tuple[float, float]:
    """Least money per hour, and least kW traded at that money, behind the injections of interval `t`."""
    who = np.flatnonzero(problem.member[c])
    first, second = (part.ravel() for part in np.meshgrid(range(len(who)), range(len(who)), indexing="ij"))
    first, second = first[first != second], second[first != second]
    charge = np.asarray(problem.charges[c].total)[who[first], who[second]]
    columns: list[FloatArray] = []
    prices, limits, held = [], [], np.zeros(len(who))
    for n, i in enumerate(who):
        model, x = problem.models[i], clearing.dispatch[i].x
        for k, variable in enumerate(model.variables):
            power = model.balance[c, k, t] * x[k, t]
            if variable.type not in ("contract", IMBALANCE):
                held[n] += power
            elif model.balance[c, k, t] != 0.0:
                columns.append(model.balance[c, k, t] * np.eye(len(who))[n])
                prices.append(model.linear[k, t])
                limits.append(model.upper[k, t])
        held[n] -= model.fixed[c, t]
    sells = np.zeros((len(who), len(first)))
    sells[first, np.arange(len(first))] -= 1.0
    sells[second, np.arange(len(first))] += 1.0
    balance = np.hstack([np.array(columns).T.reshape(len(who), -1), sells])
    money = np.concatenate([prices, charge])
    bounds = [(0.0, None if np.isinf(limit) else limit) for limit in limits] + [(0.0, None)] * len(first)
    # What is missing at a balance would be had at the scarcity price: less than the room below.
    exact = {"primal_feasibility_tolerance": 1e-10}
    cheapest = linprog(money, A_eq=balance, b_eq=-held, bounds=bounds, method="highs", options=exact)
    assert cheapest.success
    traded = np.concatenate([np.zeros(len(prices)), np.ones(len(first))])
    room = cheapest.fun + 1e-9 * (1.0 + np.abs(cheapest.fun))
    least = linprog(
        traded,
        A_ub=money[None],
        b_ub=[room],
        A_eq=balance,
        b_eq=-held,
        bounds=bounds,
        method="highs",
        options=exact,
    )
    assert least.success
    return float(cheapest.fun), float(least.fun)


def paid_per_hour(problem: MarketProblem, clearing: Clearing, trades: Trades, c: int, t: int) -> float:
    """Contracts, imbalances and charges of one carrier and interval."""
    outside = sum(
        float(model.linear[k, t] * done.x[k, t])
        for model, done in zip(problem.models, clearing.dispatch, strict=True)
        for k, variable in enumerate(model.variables)
        if variable.type in ("contract", IMBALANCE) and model.balance[c, k, t] != 0.0 and model.member[c]
    )
    return outside + problem.charges[c].cost_per_hour(trades.seller, trades.buyer, trades.power_kw)


def with_charges(problem: MarketProblem, charges: Sequence[Charges]) -> MarketProblem:
    return replace(problem, charges=tuple(charges))


def pair_by_pair(problem: MarketProblem) -> MarketProblem:
    """The same charges, of which it is not known that they are paths on a tree."""
    return with_charges(problem, [replace(charges, tree=None) for charges in problem.charges])


def at_one_place(problem: MarketProblem) -> MarketProblem:
    return with_charges(problem, [no_charges(np.where(member, 0, -1)) for member in problem.member])


def assert_least(problem: MarketProblem, clearing: Clearing) -> None:
    for t, by_carrier in enumerate((clearing.trades, *clearing.later_trades)):
        for c, trades in enumerate(by_carrier):
            if not problem.member[c].any():
                continue
            money, power_kw = least_traded_kw(problem, clearing, c, t)
            traded = float(trades.power_kw.sum())
            size = float(Fleet(problem).power_kw.sum())
            assert traded == pytest.approx(power_kw, rel=ENERGY, abs=ENERGY * size), (CARRIERS[c], t)
            paid = paid_per_hour(problem, clearing, trades, c, t)
            assert paid == pytest.approx(money, rel=ENERGY, abs=ENERGY * size)

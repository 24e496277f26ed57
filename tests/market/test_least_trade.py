"""The trade that is reported is the least behind what everyone injects: against a linear programme of pairs.

The second road knows no trees and no steps: a variable for each ordered pair, both objectives one after the other with
the first one's optimum as a constraint, solved by scipy.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from markets import random_market, random_tree
from mosaik_p2p.charges.mechanisms import Charges, no_charges, path_charges
from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import Clearing, clear
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.negotiation.constrained_clearing import clear_constrained, connected
from mosaik_p2p.market.negotiation.operator_step import Limits
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.trades import Trades
from mosaik_p2p.prosumers.roles import IMBALANCE
from mosaik_p2p.units import CARRIERS, FloatArray

pytestmark = pytest.mark.once

ENERGY = 1e-6
"""Of the power that is traded: what two linear programmes know it to."""
FORMS = ("bilateral", "network", "partners")
TIGHT = 1e-5


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


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("charged", [False, True])
def test_every_form_reports_the_least_trade(seed: int, form: str, charged: bool) -> None:
    problem = with_imbalance_priced(random_market(4 + seed, seed, horizon=6, first_hour=9))
    problem = problem if charged else at_one_place(problem)
    clearing = clear(problem, Settings(form=form, relative_gap=1e-4, binding=3))
    assert clearing.status is Status.OK
    assert any(len(trades.seller) for trades in clearing.trades)
    assert_least(problem, clearing)


@pytest.mark.parametrize("seed", range(3))
def test_a_clearing_under_rows_reports_the_least_trade(seed: int) -> None:
    raw = random_market(6, 10 + seed, horizon=5, first_hour=9)
    problem = connected(raw if seed else replace(raw, charges=at_one_place(raw).charges))
    limited = clear_constrained(problem, Limits(()), Settings(relative_gap=1e-4), alone=Fleet(problem).alone)
    assert limited.clearing.status is Status.OK
    assert_least(problem, limited.clearing)


def test_with_charges_the_forms_trade_the_same_energy() -> None:
    problem = with_imbalance_priced(random_market(6, 5, horizon=6, first_hour=9))
    traded = {
        form: sum(
            float(trades.power_kw.sum()) for trades in clear(problem, Settings(form=form, relative_gap=TIGHT)).trades
        )
        for form in FORMS
    }
    assert traded["bilateral"] == pytest.approx(traded["network"], rel=1e-3)
    assert traded["partners"] == pytest.approx(traded["network"], rel=1e-3)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 7), rate=st.sampled_from([0.0, 0.02, 0.3]))
@settings(max_examples=25, deadline=None)
def test_nobody_buys_to_sell_on_or_to_export(seed: int, count: int, rate: float) -> None:
    """With one tariff for all there is nothing to gain by it; injections, and so both networks, stay as they were."""
    rng = np.random.default_rng(seed)
    problem = with_imbalance_priced(random_market(count, int(rng.integers(1000)), horizon=3, first_hour=10))
    charges = [
        path_charges(
            random_tree(rng, count), np.where(member, np.arange(count), -1), price_per_length=rate, payer="both"
        )
        for member in problem.member
    ]
    clearing = clear(with_charges(problem, charges), Settings(relative_gap=1e-3))
    for c, trades in enumerate(clearing.trades):
        sale = trades.net_sale(count)
        for i, (model, done) in enumerate(zip(problem.models, clearing.dispatch, strict=True)):
            own = sum(
                model.balance[c, k, 0] * done.x[k, 0]
                for k, variable in enumerate(model.variables)
                if variable.type not in ("contract", IMBALANCE)
            ) - float(model.fixed[c, 0])
            assert min(own, 0.0) - 1e-6 <= sale[i] <= max(own, 0.0) + 1e-6
    assert clearing.cost >= clearing.lower_bound - 1e-9 * abs(clearing.cost)

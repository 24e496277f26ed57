"""Clearing under the networks' rows against a second road, on trees, loops, among partners and with reputation."""

import numpy as np
import pytest

from markets_under_rows import KINDS, made, some_market, some_rows
from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.negotiation.constrained_clearing import (
    ConstrainedClearing,
    clear_constrained,
    connected,
    injections,
)
from mosaik_p2p.market.negotiation.limits import Limits
from mosaik_p2p.market.negotiation.operator_step import SLACK_PRICE
from mosaik_p2p.market.network_step.flow_problem import Contracts, FlowGraph
from mosaik_p2p.market.network_step.least_trade import ON_PAIRS, serve
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from rows_reference import optimal_cost

pytestmark = pytest.mark.once

SOLVER = 1e-6
"""Of the turnover: Clarabel's own tolerance with room."""
BALANCED = 1e-6
"""Of kW: what flows is known to about 1e-9 of tens of kW."""


def keeps_balances(problem: MarketProblem, limited: ConstrainedClearing) -> bool:
    """Whether everyone's dispatch serves exactly its trades, which are reciprocal and among partners."""
    cleared = limited.clearing
    for c, (trades, charges) in enumerate(zip(cleared.trades, problem.charges, strict=True)):
        if len(trades.seller) and not charges.may_trade[trades.seller, trades.buyer].all():
            return False
        for i, (model, done) in enumerate(zip(problem.models, cleared.dispatch, strict=True)):
            sold = float(trades.power_kw[trades.seller == i].sum() - trades.power_kw[trades.buyer == i].sum())
            left = model.balance[c, :, 0] @ done.x[:, 0] - model.fixed[c, 0] - sold
            if abs(float(left)) > BALANCED:
                return False
    return True


CASES = [*((seed, kind) for seed in range(6) for kind in KINDS), (8, "tree"), (17, "partners")]


@pytest.mark.parametrize(("seed", "kind"), CASES)
def test_the_optimum_lies_between_the_bounds(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    raw = made(kind, some_market(seed), rng)
    problem = connected(raw)
    free = clear(raw, Settings())
    rows = some_rows(problem, injections(problem, free.dispatch)[:, 0], rng)
    limited = clear_constrained(problem, Limits(rows), Settings(), alone=Fleet(problem).alone)
    price = SLACK_PRICE * problem.scarcity_price_per_kwh
    optimum = optimal_cost(problem, rows, slack_price_per_kwh=price)
    broken = sum(float(slack) / row.size for slack, row in zip(limited.slack, rows, strict=True))
    cost = limited.clearing.cost + price * broken * problem.dt_h
    turnover = abs(optimum) + float(np.abs(Fleet(problem).alone.cost).sum())
    assert limited.clearing.status is Status.OK
    assert limited.clearing.lower_bound <= optimum + SOLVER * turnover
    assert cost >= optimum - SOLVER * turnover
    assert keeps_balances(problem, limited)


def test_injections_are_served_where_the_interior_point_method_stalls() -> None:
    """Five places whose pairs' charges leave many ways of the same cost; PIQP does not end here."""
    injection = np.array([-5.27581998, 5.27590338, 10.56638656, -5.31115459, -5.25531716])
    first, second = np.triu_indices(5, 1)
    charge = np.array(
        [0.01239183, 0.01675895, 0.02980139, 0.04325417, 0.0136986, 0.04219321, 0.04103209, 0.0, 0.02649522, 0.01345278]
    )
    scarcity = 143.65674780697313
    contracts = Contracts(
        np.repeat(np.arange(5), 3),
        np.tile([1.0, 1.0, -1.0], 5),
        np.tile([100.0, np.inf, np.inf], 5),
        np.tile([0.49, scarcity, scarcity], 5),
        np.tile([False, True, True], 5),
    )
    graph = FlowGraph(5, np.arange(5), first, second, charge)
    served = serve(graph, contracts, injection, price_per_kwh=0.728, steps=ON_PAIRS)
    # Nothing is bought: producers serve their neighbours for the charges alone.
    assert served.sale_kw == pytest.approx(injection, abs=1e-5)
    sold = np.bincount(first, served.flow_kw, 5) - np.bincount(second, served.flow_kw, 5)
    assert sold == pytest.approx(served.sale_kw, abs=1e-6)


def test_what_thousands_sell_may_flow_along_one_edge() -> None:
    """3000 who sell 30 kW each at one place, as many who buy them at the other, dear power from outside."""
    count = 6000
    injection = np.repeat([30.0, -30.0], count // 2)
    place = np.repeat([0, 1], count // 2)
    graph = FlowGraph(2, place, np.array([0]), np.array([1]), np.array([0.01]))
    buyers = np.arange(count // 2, count)
    ones, none = np.ones(len(buyers)), np.zeros(len(buyers), dtype=np.bool_)
    contracts = Contracts(buyers, ones, 100.0 * ones, 0.7 * ones, none)
    served = serve(graph, contracts, injection, price_per_kwh=0.7, steps=ON_PAIRS)
    assert served.flow_kw == pytest.approx([30.0 * count / 2], rel=1e-6)

"""Clearing under rows, losses and levies in any interval, against a second road."""

from dataclasses import replace

import numpy as np
import pytest

from markets import random_market
from markets_under_rows import made, some_market, some_rows
from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.negotiation.constrained_clearing import clear_constrained, connected, injections
from mosaik_p2p.market.negotiation.limits import Limits, LossTerms, held_at
from mosaik_p2p.market.negotiation.operator_step import SLACK_PRICE
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.units import FloatArray
from rows_reference import least_cost

SOLVER = 1e-6
"""Of the turnover: Clarabel's own tolerance with room."""
KW = 1e-3
GAP = 1e-4


def rows_at(problem: MarketProblem, free_kw: FloatArray, intervals: tuple[int, ...], seed: int) -> Limits:
    """Three rows in each of the intervals, broken by the free market."""
    rng = np.random.default_rng(seed)
    parts = [some_rows(problem, free_kw[:, t], rng, interval=t) for t in intervals]
    return Limits(tuple(row for part in parts for row in part))


def losses_at(problem: MarketProblem, free_kw: FloatArray, t: int, seed: int) -> LossTerms:
    """A feeder on which everyone is downstream of those before it, dear enough to count."""
    rng = np.random.default_rng(seed)
    count = problem.shape[2]
    share = np.triu(np.ones((count, count)))
    return LossTerms(0.4, rng.uniform(-0.1, 0.1, count), 0.8 * free_kw[0, t], share, rng.uniform(1e-4, 1e-2, count))


@pytest.mark.once
@pytest.mark.parametrize("binding", [1, 6])
@pytest.mark.parametrize(("seed", "kind"), [(0, "tree"), (0, "loop"), (3, "partners"), (3, "preferences"), (5, "tree")])
def test_rows_and_losses_of_later_intervals_lie_between_the_bounds(seed: int, kind: str, binding: int) -> None:
    raw = made(kind, some_market(seed), np.random.default_rng(seed))
    problem, settings = connected(raw), Settings(binding=binding, relative_gap=GAP)
    free = clear(raw, Settings())
    free_kw = injections(problem, free.dispatch)
    rows = rows_at(problem, free_kw, (2, 4), seed)
    losses = {(0, t): losses_at(problem, free_kw, t, seed) for t in (1, 4)}
    levy = np.zeros(problem.shape)
    levy[0, 2] = np.linspace(-0.05, 0.05, problem.shape[2]) * problem.member[0]
    limits = replace(rows, losses=losses, levy_per_kwh=levy)
    found = clear_constrained(problem, limits, settings, alone=Fleet(problem).alone)
    price = SLACK_PRICE * problem.scarcity_price_per_kwh
    optimum = least_cost(problem, limits, slack_price_per_kwh=price, binding=binding)
    broken = sum(float(slack) / row.size for slack, row in zip(found.slack, limits.rows, strict=True))
    added = sum(money(terms, found.injection_kw[at]) for at, terms in losses.items())
    added += float((levy * found.injection_kw).sum()) + price * broken
    turnover = abs(optimum) + float(np.abs(Fleet(problem).alone.cost).sum())
    assert found.lifted == tuple(sorted({1, 2, 4, *range(binding)}))
    assert found.clearing.status is Status.OK
    assert found.clearing.lower_bound + added * problem.dt_h <= optimum + SOLVER * turnover
    assert found.clearing.cost + added * problem.dt_h >= optimum - SOLVER * turnover
    assert len((found.clearing.trades, *found.clearing.later_trades)) == binding


def money(terms: LossTerms, injection_kw: FloatArray) -> float:
    """Money per hour, written out."""
    way = injection_kw - terms.around_kw
    squares = sum(r * float(d @ way) ** 2 for r, d in zip(terms.kw_per_kw2, terms.share, strict=True))
    return terms.price_per_kwh * (float(terms.marginal @ way) + squares)


@pytest.mark.parametrize("binding", [1, 6])
def test_dispatches_balance_in_every_lifted_interval(binding: int) -> None:
    """What devices, contracts and trades add up to, in intervals that bind and in those that only hold rows."""
    raw = random_market(5, 1, horizon=6, first_hour=9)
    problem = connected(raw)
    free_kw = injections(problem, clear(raw, Settings()).dispatch)
    limits = rows_at(problem, free_kw, (3,), 1)
    found = clear_constrained(problem, limits, Settings(binding=binding), alone=Fleet(problem).alone)
    for i, (model, done) in enumerate(zip(problem.models, found.clearing.dispatch, strict=True)):
        left = model.net_sale(done.x) - found.clearing.sale_kw[:, :, i]
        assert np.abs(left[list(model.member)]).max() < KW
    for row, slack in zip(limits.rows, found.slack, strict=True):
        assert float(row.slope @ found.injection_kw[row.carrier, row.interval]) <= row.bound + slack + KW


def test_boxes_hold_where_they_stand_and_nowhere_else() -> None:
    raw = random_market(4, 2, horizon=4, first_hour=10)
    problem = connected(raw)
    free_kw = injections(problem, clear(raw, Settings()).dispatch)
    held = np.full(problem.shape, np.nan)
    held[0, 2] = 0.5 * free_kw[0, 2]
    box = held_at(held)
    box[0, 0, 2] -= 0.1
    box[1, 0, 2] += 0.1
    found = clear_constrained(problem, Limits((), box), Settings(), alone=Fleet(problem).alone)
    assert found.lifted == (0, 2)
    reachable = (np.abs(free_kw[0, 2]) > 0.0) & problem.member[0]
    low, high = box[:, 0, 2, reachable]
    inside = found.injection_kw[0, 2, reachable]
    assert (inside >= low - KW).all()
    assert (inside <= high + KW).all()
    assert np.abs(found.injection_kw[0, 2] - free_kw[0, 2]).max() > 0.1


def test_branches_in_a_row_are_one() -> None:
    share = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    terms = LossTerms.merged(
        1.0, marginal=np.zeros(2), around_kw=np.zeros(2), share=share, kw_per_kw2=np.array([1.0, 2.0, 4.0, 8.0])
    )
    assert terms.share.tolist() == [[0.0, 1.0], [1.0, 1.0]]
    assert terms.kw_per_kw2.tolist() == [4.0, 3.0]

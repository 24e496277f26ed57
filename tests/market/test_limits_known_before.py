"""What is known of a look-ahead's limits stands in the next one, an interval nearer."""

from dataclasses import replace

import numpy as np
import pytest

from linear_operator import LinearOperator
from markets import random_market
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.designs.asking import asked
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.negotiation.memory import CHANGED, HeldAhead, changed_intervals, moved_share, resumed
from mosaik_p2p.market.negotiation.pricing import priced
from mosaik_p2p.market.negotiation.reported import NOTICEABLE_AHEAD, breaks_ahead, with_reported_limits
from mosaik_p2p.market.negotiation.state import NegotiationState
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.prosumers.prosumer import Prosumer

HORIZON, BEGIN = 5, 7
HELD_AT = (2, 3)
"""Intervals of the look-ahead in which the market draws more than it may."""


@pytest.fixture(scope="module")
def market() -> MarketProblem:
    return random_market(4, 2, horizon=HORIZON, first_hour=10)


def begun(market: MarketProblem) -> tuple[tuple[Prosumer, ...], NegotiationState]:
    prosumers = tuple(Prosumer(name, n, None, 1.0, (), ()) for n, name in enumerate(market.names))
    first = clear(with_imbalance_priced(market), Settings())
    return prosumers, NegotiationState.initial(prosumers, market, first, asked=range(HORIZON), binding=1)


@pytest.fixture(scope="module")
def held(market: MarketProblem) -> HeldAhead:
    """After a round under rows that the free market breaks by a tenth."""
    prosumers, state = begun(market)
    every = np.sign(state.first_kw[0].sum(axis=1))[:, None] * np.ones(state.first_kw.shape[1:])
    rows = {BEGIN + t: [(every[t], 0.9 * float(every[t] @ state.first_kw[0, t]))] for t in HELD_AT}
    operator = LinearOperator(market.names, rows)
    state = with_reported_limits(state, asked(operator, prosumers, state, BEGIN, None, range(HORIZON))[0])
    assert state.unkept == set(HELD_AT)
    state, _ = priced(state, Settings(), None)
    state = with_reported_limits(state, asked(operator, prosumers, state, BEGIN, None, range(HORIZON))[0])
    return HeldAhead.of(state, BEGIN)


def test_rows_and_plans_stand_an_interval_nearer(market: MarketProblem, held: HeldAhead) -> None:
    _, state = begun(market)
    nearer = resumed(state, held, BEGIN + 1)
    assert sorted(key.interval for key in nearer.rows) == [t - 1 for t in HELD_AT]
    assert all(key == row.key for key, row in nearer.rows.items())
    for (key, row), before in zip(nearer.rows.items(), held.rows.values(), strict=True):
        assert (key.limit, row.bound, row.times_broken) == (before.key.limit, before.bound, 0)
    assert np.array_equal(nearer.told_kw[0, :-1], held.told_kw[0, 1:])
    assert np.isinf(moved_share(nearer)[:, -1]).all()
    assert np.isfinite(moved_share(nearer)[:, :-1]).all()
    assert nearer.ended is not None
    assert held.ended is not None
    assert np.array_equal(nearer.ended.end.z[:, :-1], held.ended.end.z[:, 1:])
    assert np.array_equal(nearer.ended.end.z[:, -1], state.first.sale_kw[:, -1])
    assert nearer.ended.lifted == tuple(t - 1 for t in held.ended.lifted if t >= 1)


@pytest.mark.parametrize("begin", [BEGIN - 1, BEGIN + HORIZON])
def test_nothing_is_known_of_other_intervals(market: MarketProblem, held: HeldAhead, begin: int) -> None:
    _, state = begun(market)
    assert resumed(state, held, begin) is state


def test_what_to_ask_about(market: MarketProblem, held: HeldAhead) -> None:
    """A plan that moved, and a limit last found broken; not what a row says is broken, and never what binds."""
    _, state = begun(market)
    state = resumed(state, held, BEGIN)
    size = max(model.size_kw for model in state.problem.models)
    told = replace(state, told_kw=state.last_kw, rows={})
    assert changed_intervals(told) == ()
    assert changed_intervals(replace(told, unkept=frozenset({3}))) == (3,)
    moved = told.told_kw.copy()
    moved[0, [0, 4]] += 2.0 * CHANGED * size
    assert changed_intervals(replace(told, told_kw=moved)) == (4,)
    # The free plan breaks the rows by a tenth.
    assert [breaks_ahead(state, t) for t in range(HORIZON)] == [t in HELD_AT for t in range(HORIZON)]
    assert not {*changed_intervals(replace(state, unkept=frozenset(HELD_AT)))} & {*HELD_AT}


def test_a_plan_may_break_a_limit_by_what_is_not_worth_a_word(market: MarketProblem, held: HeldAhead) -> None:
    _, state = begun(market)
    rows = dict(held.rows)
    for share, breaks in ((0.5, False), (2.0, True)):
        at_limit = {
            key: replace(row, bound=float(row.slope @ state.last_kw[0, key.interval]) - row.margin - taken)
            for key, row in rows.items()
            for taken in [share * NOTICEABLE_AHEAD * abs(row.limit)]
        }
        assert [breaks_ahead(replace(state, rows=at_limit), t) for t in HELD_AT] == [breaks, breaks]

"""Mutual reputation: how it grows, what it is worth in a clearing, and that it is never money."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets import random_market
from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.reference.pyomo_model import solve_central
from mosaik_p2p.market.reputation import (
    Reputation,
    ReputationRule,
    clipped_pairs,
    counted_benefit,
    grown,
    no_reputation,
    with_benefits,
)
from mosaik_p2p.market.trades import Trades
from mosaik_p2p.units import FloatArray
from rolling_markets import market_case

RULE = ReputationRule(benefit_per_kwh=0.01, growth=0.1)
GAP = 1e-3
ROUNDING = 1e-12
PRICE = 2e-3
"""Prices settle more slowly than cost."""
LEAST_PRICE = 1e-9
COUNT = 4


def traded(seller: int, buyer: int, power_kw: float, price: float) -> Trades:
    return Trades(np.array([seller]), np.array([buyer]), np.array([power_kw]), np.array([price]))


def test_by_hand() -> None:
    """Payments of 2, 2 and 4: a tenth of all, of a half and of a half of what was paid so far."""
    known, seen = no_reputation(1, 2), []
    for power in (4.0, 4.0, 8.0):
        known = grown(known, [traded(0, 1, power, 0.5)], RULE, dt_h=1.0)
        seen.append(known.index[0, 0, 1])
    assert seen == pytest.approx([0.1, 0.15, 0.2])
    assert known.paid[0, 1, 0] == pytest.approx(8.0)


def test_two_lots_of_a_pair_are_one_payment() -> None:
    lots = Trades(np.array([0, 1]), np.array([1, 0]), np.array([1.0, 3.0]), np.array([0.5, 0.5]))
    known = grown(no_reputation(1, 2), [lots], RULE, dt_h=0.5)
    assert known.paid[0] == pytest.approx(np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert known.index[0, 0, 1] == pytest.approx(0.1)


@st.composite
def histories(draw: st.DrawFn) -> list[list[Trades]]:
    """Intervals of trades in two carriers; prices may be negative, powers tiny or large."""
    pairs = st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)).filter(lambda pair: pair[0] != pair[1])
    # A price that vanishes in another unit of money is none.
    price = st.floats(-10.0, 10.0).map(lambda price: price if abs(price) > LEAST_PRICE else 0.0)
    trade = st.tuples(pairs, st.floats(1e-9, 1e6), price)
    interval = st.lists(trade, max_size=4)
    return [[_trades(draw(interval)) for _ in range(2)] for _ in range(draw(st.integers(1, 6)))]


def _trades(rows: list[tuple[tuple[int, int], float, float]]) -> Trades:
    ends = np.array([row[0] for row in rows], dtype=np.int64).reshape(-1, 2)
    return Trades(ends[:, 0], ends[:, 1], np.array([row[1] for row in rows]), np.array([row[2] for row in rows]))


@given(history=histories(), growth=st.floats(0.0, 1.0), dt_h=st.sampled_from([0.25, 1.0]))
@settings(max_examples=100, deadline=None)
def test_it_stays_between_0_and_1_is_mutual_and_never_falls(
    history: list[list[Trades]], growth: float, dt_h: float
) -> None:
    rule, known = replace(RULE, growth=growth), no_reputation(2, COUNT)
    for trades in history:
        after = grown(known, trades, rule, dt_h=dt_h)
        assert (after.index >= known.index).all()
        assert (after.index <= 1.0).all()
        assert np.array_equal(after.index, after.index.transpose(0, 2, 1))
        assert not np.diagonal(after.index, axis1=1, axis2=2).any()
        # Who did not trade is known as well as before.
        for c, own in enumerate(trades):
            strangers = np.ones((COUNT, COUNT), dtype=bool)
            strangers[own.seller, own.buyer] = strangers[own.buyer, own.seller] = False
            assert np.array_equal(after.index[c][strangers], known.index[c][strangers])
        known = after


@given(history=histories(), factor=st.sampled_from([1e-3, 1e3]))
@settings(max_examples=30, deadline=None)
def test_the_unit_of_money_does_not_matter(history: list[list[Trades]], factor: float) -> None:
    plain = dear = no_reputation(2, COUNT)
    for trades in history:
        plain = grown(plain, trades, RULE, dt_h=1.0)
        priced = [replace(own, price_per_kwh=own.price_per_kwh * factor) for own in trades]
        dear = grown(dear, priced, RULE, dt_h=1.0)
    np.testing.assert_allclose(dear.index, plain.index, rtol=0, atol=1e-9)


def _with_reputation(market: MarketProblem, benefit_per_kwh: float, index: FloatArray) -> MarketProblem:
    rule = replace(RULE, benefit_per_kwh=benefit_per_kwh)
    known = Reputation(index, np.zeros_like(index))
    return replace(market, charges=with_benefits(market.charges, known, rule))


def _random_index(seed: int, count: int) -> FloatArray:
    index = np.triu(np.random.default_rng(seed).uniform(0.0, 1.0, (2, count, count)), 1)
    return index + index.transpose(0, 2, 1)


@pytest.mark.parametrize("benefit", [0.002, 0.5])
def test_the_clearing_is_the_central_optimum_of_the_charges_less_the_benefit(benefit: float) -> None:
    market = _with_reputation(random_market(4, 2), benefit, _random_index(1, 4))
    cleared, central = clear(market, Settings()), solve_central(market)
    assert cleared.status is Status.OK
    assert cleared.form == "partners"
    assert cleared.cost == pytest.approx(central.cost, rel=GAP)


def test_each_end_of_a_trade_counts_its_half_of_the_benefit() -> None:
    """The seller keeps price - charge + benefit, the buyer pays price + charge - benefit: each its own price."""
    market = _with_reputation(random_market(4, 2, rate=0.05, first_hour=12), 0.02, _random_index(1, 4))
    cleared, seen = clear(market, Settings(relative_gap=1e-5)), []
    for c, trades in enumerate(cleared.trades):
        charges, own = market.charges[c], cleared.price_per_kwh[c, 0]
        benefit = counted_benefit(charges, trades.seller, trades.buyer) / 2
        end = charges.posted[trades.seller, trades.buyer] - benefit
        real = trades.power_kw > 0.1
        assert (trades.price_per_kwh - end)[real] == pytest.approx(own[trades.seller][real], abs=PRICE)
        assert (trades.price_per_kwh + end)[real] == pytest.approx(own[trades.buyer][real], abs=PRICE)
        seen += list(benefit[real])
    assert max(seen) > 3 * PRICE


def test_a_benefit_above_the_charge_is_clipped_and_counted() -> None:
    posted = np.array([[0.0, 0.1, 0.2], [0.1, 0.0, 0.3], [0.2, 0.3, 0.0]])
    benefit = np.array([[0.0, 0.3, 0.3], [0.3, 0.0, 0.7], [0.3, 0.7, 0.0]])
    charges = Charges(posted, 1.0, 1.0, benefit=benefit)
    assert charges.total == pytest.approx(np.array([[0.0, 0.0, 0.1], [0.0, 0.0, 0.0], [0.1, 0.0, 0.0]]))
    i, j = np.indices(posted.shape)
    assert counted_benefit(charges, i.ravel(), j.ravel()) + charges.total.ravel() == pytest.approx(2 * posted.ravel())
    assert clipped_pairs([charges], np.ones((1, 3), dtype=bool)) == 2
    assert clipped_pairs([charges], np.array([[True, False, True]])) == 0
    assert clipped_pairs([replace(charges, benefit=None)], np.ones((1, 3), dtype=bool)) == 0


def test_the_rolling_market_tells_what_reputation_does() -> None:
    case = replace(market_case(), reputation=ReputationRule(1.0, 0.1))
    market, told = RollingMarket(case), []
    for k in range(3):
        outcome = market.clear(k)
        assert outcome.status is Status.OK
        told.append(outcome.tables)
        market.commit()
    assert told[0]["clearing"]["clipped_pairs"] == [0]
    assert set(told[0]["charges"]["benefit_per_kwh"]) == {0.0}
    known = {frozenset(pair) for pair in zip(told[0]["trades"]["seller"], told[0]["trades"]["buyer"], strict=True)}
    later = told[1]["charges"]
    assert {frozenset(pair) for pair in zip(later["prosumer"], later["partner"], strict=True)} == known
    # A first trade: a tenth of the full benefit at each end, and far above any charge here.
    assert later["benefit_per_kwh"] == pytest.approx([0.2] * len(later["benefit_per_kwh"]))
    assert told[1]["clearing"]["clipped_pairs"] == [len(later["prosumer"])]
    for tables in told:
        trades = tables["trades"]
        for benefit, *paid in zip(
            trades["benefit_per_kwh"], trades["charge_seller_per_kwh"], trades["charge_buyer_per_kwh"], strict=True
        ):
            assert -ROUNDING <= benefit <= sum(paid) + ROUNDING


def test_growth_is_undone_by_clearing_again() -> None:
    market = RollingMarket(replace(market_case(), reputation=RULE))
    market.clear(0)
    market.commit()
    assert market.clear(1).tables == market.clear(1).tables

"""What a plain market's clearing is judged by, where figures do not fit each other and where pairs are paid."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mosaik_p2p.market.algorithms.admm import Admm
from mosaik_p2p.single_period.algorithm import gap, gap_scale
from mosaik_p2p.single_period.bounds import Lower, Upper, upper_of
from mosaik_p2p.single_period.clearing import PlainStatus, clear_plain, solution
from mosaik_p2p.single_period.model import PlainMarket
from mosaik_p2p.single_period.one_sided import sides_of
from mosaik_p2p.single_period.presolve import within_means
from mosaik_p2p.single_period.sides import iterate
from mosaik_p2p.single_period.tables import read_market

GAP = 1e-4


def market(*, seller_least_kw: float = 0.0, charge: float = 0.01, a: float = 0.0) -> PlainMarket:
    return read_market(*tables(seller_least_kw=seller_least_kw, charge=charge, a=a))


def tables(*, seller_least_kw: float = 0.0, charge: float = 0.01, a: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = [("S", seller_least_kw, 10.0, a, 0.10), ("B", -10.0, 0.0, a, 0.30)]
    pairs = [("S", "B", charge / 2, charge / 2)]
    return (
        pd.DataFrame(rows, columns=["name", "p_min_kw", "p_max_kw", "a", "b"]),
        pd.DataFrame(pairs, columns=["i", "j", "charge_i", "charge_j"]),
    )


@pytest.mark.parametrize(("cost", "found"), [(1.5, 0.5 / 1.5), (1.0, 0.0), (0.5, -1.0), (1.0 - 5e-7, 0.0)])
def test_a_cost_below_its_bound_is_no_gap_of_zero(cost: float, found: float) -> None:
    upper = Upper(np.zeros(1), np.zeros(2), cost)
    assert gap(market(), upper, Lower(np.zeros(2), 1.0), scale=max(abs(cost), 0.1)) == pytest.approx(found, abs=1e-12)


def test_what_is_no_number_is_no_gap_of_zero() -> None:
    upper = Upper(np.zeros(1), np.zeros(2), float("nan"))
    assert np.isnan(gap(market(), upper, Lower(np.zeros(2), 1.0), scale=0.1))


@pytest.mark.parametrize("bound", [-1.0, float("nan")])
def test_a_cost_below_its_bound_is_not_ok_and_says_so(bound: float) -> None:
    """The market costs -1.9 at best (10 kW at 0.10 and 0.01, worth 0.30); a bound of -1 is none."""
    plain = market()
    good = iterate(plain, Admm(), relative_gap=GAP, max_iterations=500)
    assert good.upper.cost == pytest.approx(-1.9, abs=1e-3)
    assert solution(plain, good, method="admm", iterations=5, gap=GAP).status is PlainStatus.OK
    told = solution(plain, replace(good, lower=replace(good.lower, bound=bound)), method="admm", iterations=5, gap=GAP)
    assert told.status is PlainStatus.NOT_CONVERGED
    assert "the cost lies below its bound" in str(told.cause)


def test_the_gap_of_a_paid_market_is_relative_to_what_everyone_pays_alone() -> None:
    """Alone the seller has to sell 2 kW at 0.10: 0.20, whatever the pair is stated at for the solver."""
    given = market(seller_least_kw=2.0, charge=-0.05)
    sides = sides_of(given)
    assert sides is not None
    for times in (1.0, 64.0):
        shifted = sides.shifted(given, times)
        alone = replace(upper_of(shifted, np.zeros(1)), cost=0.0)
        assert gap_scale(shifted, alone) == pytest.approx(0.20, rel=1e-12)


def test_the_gain_of_a_paid_market_is_that_against_alone() -> None:
    """Curved: S asks 0.10 + a p and must sell 2 kW, so that alone it costs 0.20 + 2 a."""
    a = 0.02
    found = clear_plain(*tables(seller_least_kw=2.0, charge=-0.05, a=a), gap=1e-3)
    assert found.status is PlainStatus.OK
    assert found.cost_alone == pytest.approx(0.20 + 2 * a)
    assert found.cost is not None
    assert found.lower_bound is not None
    assert found.gap_of_gain == pytest.approx(
        (found.cost - found.lower_bound) / (found.cost_alone - found.cost), rel=1e-9
    )
    assert found.relative_gap == pytest.approx(
        (found.cost - found.lower_bound) / max(abs(found.cost), found.cost_alone), abs=1e-9
    )


def test_limits_that_bind_nobody_do_not_enter_the_scale() -> None:
    """Everybody could buy or sell almost anything; at 0.01 per kW^2 9.5 kW are sold, at a gain of 0.9025."""
    agents, pairs = tables(charge=0.01, a=0.01)
    wide = agents.assign(p_max_kw=agents["p_max_kw"] * 1e8, p_min_kw=agents["p_min_kw"] * 1e8)
    plain = read_market(wide, pairs)
    best = Upper(np.array([9.5]), np.array([9.5, -9.5]), -0.9025)
    assert gap_scale(plain, best) == pytest.approx(0.9025, rel=1e-12)
    assert 0.0 < gap_scale(plain, replace(best, cost=0.0)) < 1e-2
    found = clear_plain(wide, pairs, gap=1e-3)
    assert found.cost == pytest.approx(-0.9025, rel=1e-3)


def test_the_scale_is_what_alone_costs_within_the_limits_as_given() -> None:
    """Alone D makes its load of 10 kW itself, for 1/2 10^2 = 50; at the market's price it makes a hundredth of a kW."""
    agents = pd.DataFrame(
        [("D", -10.0, -10.0, 0.0, 0.0), ("D", 0.0, 100.0, 1.0, 0.0), ("S", 0.0, 20.0, 1e-3, 0.0)],
        columns=["name", "p_min_kw", "p_max_kw", "a", "b"],
    )
    pairs = pd.DataFrame([("S", "D", 0.0, 0.0)], columns=["i", "j", "charge_i", "charge_j"])
    stated = within_means(read_market(agents, pairs))
    assert stated.assets.p_max_kw[1] < 100.0
    assert gap_scale(stated, Upper(np.array([-10.0]), np.array([-10.0, 10.0]), 0.05)) == pytest.approx(50.0)
    found = clear_plain(agents, pairs)
    assert found.cost is not None
    assert found.lower_bound is not None
    assert found.cost_alone == pytest.approx(50.0)
    assert found.relative_gap == pytest.approx((found.cost - found.lower_bound) / 50.0, abs=1e-12)

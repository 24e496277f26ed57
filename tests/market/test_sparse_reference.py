"""The sparse reference against the equation-by-equation model, and clearings of some size against it."""

from dataclasses import replace

import numpy as np
import pytest

from markets import radial_market, random_market, scaled, strained
from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.problem import MarketProblem, Settings, highest_price, power_scale
from mosaik_p2p.market.reference.pyomo_model import solve_central
from mosaik_p2p.market.reference.sparse_qp import solve_sparse

EXACT = 1e-6
"""Two exact solvers, relative to what all prosumers could turn over."""
WELFARE = 1e-4


def with_pairs(market: MarketProblem) -> MarketProblem:
    """The same without saying that its charges are lengths of paths."""
    tables = (replace(c, posted=np.asarray(c.posted), tree=None) for c in market.charges)
    return replace(market, charges=tuple(tables))


@pytest.mark.parametrize("seed", range(3))
def test_edges_pairs_and_equations_cost_the_same(seed: int) -> None:
    market = strained(random_market(4, seed, horizon=6, first_hour=9), seed)
    known = solve_central(market)
    turnover = float(power_scale(market).sum()) * highest_price(market) * market.shape[1]
    for reference in (solve_sparse(market), solve_sparse(with_pairs(market))):
        assert reference.cost == pytest.approx(known.cost, abs=EXACT * turnover)


@pytest.mark.parametrize("seed", range(3))
def test_partners_and_their_preferences_count(seed: int) -> None:
    """Charges stay lengths on a tree, but not everyone may trade, and pairs have terms that grow with their trade."""
    market = strained(random_market(4, seed, horizon=6, first_hour=9), seed)
    rng = np.random.default_rng(seed)
    tables = [np.triu(rng.uniform(0.0, 0.02, (4, 4)), 1) for _ in range(2)]
    partners = np.array([[0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 1], [0, 0, 1, 0]], dtype=bool)
    charges = tuple(
        replace(own, partners=partners, curvature=table + table.T)
        for own, table in zip(market.charges, tables, strict=True)
    )
    market = replace(market, charges=charges)
    turnover = float(power_scale(market).sum()) * highest_price(market) * market.shape[1]
    assert solve_sparse(market).cost == pytest.approx(solve_central(market).cost, abs=EXACT * turnover)


@pytest.mark.parametrize("count", [30, 120])
def test_a_clearing_is_within_its_gap_of_the_optimum(count: int) -> None:
    market = radial_market(count, count, nodes=(33, 23))
    optimum, cleared = solve_sparse(market), clear(market, Settings())
    assert cleared.status is Status.OK
    scale = abs(optimum.cost)
    assert cleared.lower_bound <= optimum.cost + EXACT * scale
    assert -EXACT * scale <= cleared.cost - optimum.cost <= WELFARE * scale


@pytest.mark.parametrize(("power", "price"), [(1000.0, 1.0), (0.001, 1.0), (1.0, 100.0), (1.0, 0.001)])
def test_units_do_not_matter_at_size(power: float, price: float) -> None:
    """W or MW, cents or thousands: the same iterations."""
    market = radial_market(80, 1, nodes=(60, 40))
    plain, other = clear(market, Settings()), clear(scaled(market, power=power, price=price), Settings())
    assert other.iterations == plain.iterations
    assert other.cost / (power * price) == pytest.approx(plain.cost, rel=1e-6)

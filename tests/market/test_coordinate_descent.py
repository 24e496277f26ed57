"""The network's step on a graph of partners, judged by its optimality conditions, and beside the exact one on trees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from mosaik_p2p.market.network_step.coordinate_descent import closed_prices, net_sales, settle_flows
from mosaik_p2p.market.network_step.spanning_forest import match, route
from mosaik_p2p.market.reference.projection import project_prices
from mosaik_p2p.units import FloatArray, IntArray

STEP = 1e-10
"""Tolerance on flows, kW, that the step is asked for."""
NEAR = 1e-9
"""On prices: that tolerance, times the stiffest weight, with room."""
NEAR_CURVED = 1e-3
"""Pairs with preferences are settled pair by pair only, and the rounds are limited; ADMM's next steps do the rest."""
SEEDS = st.integers(0, 2**32 - 1)


def random_graph(rng: np.random.Generator, count: int, density: float) -> tuple[IntArray, IntArray, IntArray]:
    """First and second ends of pairs, and where each one's begin."""
    first, second = np.triu_indices(count, 1)
    chosen = rng.random(len(first)) < density
    first, second = first[chosen], second[chosen]
    begin = np.concatenate([[0], np.cumsum(np.bincount(first, minlength=count))]).astype(np.int64)
    return np.ascontiguousarray(first), np.ascontiguousarray(second), begin


def net(begin: IntArray, second: IntArray, flow: FloatArray) -> FloatArray:
    sale = np.empty(len(begin) - 1)
    net_sales(begin, second, flow, sale)
    return sale


@given(seed=SEEDS, count=st.integers(2, 25), density=st.sampled_from([0.1, 0.4, 1.0]))
@settings(max_examples=60, deadline=None)
def test_the_step_satisfies_its_optimality_conditions(seed: int, count: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    first, second, begin = random_graph(rng, count, density)
    weight = rng.uniform(0.1, 2.0, count)
    wish = rng.normal(size=(3, count))
    charge = rng.uniform(0, 0.5, len(first)) * (rng.random(len(first)) < 0.8)
    curvature = rng.uniform(0.01, 0.5, len(first)) * (rng.random(len(first)) < rng.choice([0, 0.5]))
    flow = rng.normal(size=(3, len(first))) * rng.choice([0.0, 1.0])
    price = settle_flows(wish, weight, begin, second, charge, curvature, flow, tolerance_kw=STEP)
    for t in range(3):
        np.testing.assert_allclose(price[t], weight * (net(begin, second, flow[t]) - wish[t]), atol=1e-12)
        rise = price[t, second] - price[t, first]
        carries = flow[t] != 0.0
        expected = np.sign(flow[t]) * charge + 2 * curvature * flow[t]
        near = NEAR_CURVED if curvature.any() else NEAR
        assert np.abs(rise - expected)[carries].max(initial=0.0) <= near
        assert np.all(np.abs(rise[~carries]) <= charge[~carries] + near)


@pytest.mark.parametrize(("seed", "nodes"), [(0, 10), (1, 100), (2, 400)])
def test_on_a_tree_it_is_the_exact_projection(seed: int, nodes: int) -> None:
    """Also on long feeders with small charges, where rounds pair by pair would not come to an end."""
    rng = np.random.default_rng(seed)
    parent = np.array([-1, *(int(rng.integers(max(0, i - 2), i)) for i in range(1, nodes))])
    charge = np.concatenate([[0.0], rng.uniform(0, 0.05, nodes - 1)])
    weight = rng.uniform(0.5, 2.0, nodes)
    wish = rng.normal(size=(1, nodes))
    # Its prices minimise sum slope/2 (price - wish)^2 with slope 1/weight and wish -weight w.
    exact = project_prices(-weight * wish, 1 / weight, parent, charge)
    order = np.argsort(parent[1:], kind="stable") + 1
    begin = np.concatenate([[0], np.cumsum(np.bincount(parent[order], minlength=nodes))]).astype(np.int64)
    flow = np.zeros((1, nodes - 1))
    price = settle_flows(wish, weight, begin, order, charge[order], np.zeros(nodes - 1), flow, tolerance_kw=STEP)
    np.testing.assert_allclose(price, exact, atol=NEAR)


@given(seed=SEEDS, count=st.integers(2, 20))
@settings(max_examples=30, deadline=None)
def test_closures_are_closed_and_the_nearest_from_either_side(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    first, second, begin = random_graph(rng, count, 0.4)
    charge = rng.uniform(0, 0.3, len(first))
    distance = shortest_path(csr_array((charge, (first, second)), shape=(count, count)), method="D", directed=False)
    price = rng.normal(size=(2, count))
    middle, lower, upper = closed_prices(price, begin, second, charge)
    np.testing.assert_allclose(lower, (price[:, None, :] + distance).min(axis=2), atol=1e-12)
    np.testing.assert_allclose(upper, (price[:, None, :] - distance).max(axis=2), atol=1e-12)
    np.testing.assert_allclose(middle, (lower + upper) / 2, atol=1e-15)


@given(seed=SEEDS, count=st.integers(2, 20))
@settings(max_examples=30, deadline=None)
def test_routes_and_matches_change_net_sales_by_what_is_asked(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    first, second, begin = random_graph(rng, count, 0.4)
    wanted = net(begin, second, rng.normal(size=len(first)))
    flow, rest = np.zeros(len(first)), wanted.copy()
    order = rng.permutation(len(first))
    match(rest, order, first, second, flow)
    np.testing.assert_allclose(net(begin, second, flow) + rest, wanted, atol=1e-12)
    # Nobody both sells and buys so far.
    assert not np.any((net(begin, second, np.abs(flow)) != 0) & (wanted == 0))
    route(rest, order, first, second, flow)
    np.testing.assert_allclose(net(begin, second, flow), wanted, atol=1e-12)
    np.testing.assert_allclose(rest, 0.0, atol=1e-12)


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    first, second, begin = random_graph(rng, 30, 1.0)
    wish, weight = rng.normal(size=(6, 30)), rng.uniform(0.5, 2, 30)
    charge, none = rng.uniform(0, 0.2, len(first)), np.zeros(len(first))
    prices = []
    for many, workers in ((10**9, 1), (1, 4)):
        monkeypatch.setattr("mosaik_p2p.market.network_step.coordinate_descent.MANY", many)
        monkeypatch.setattr("mosaik_p2p.jit.threads.WORKERS", workers)
        flow = np.zeros((6, len(first)))
        prices.append(settle_flows(wish, weight, begin, second, charge, none, flow, tolerance_kw=STEP))
    np.testing.assert_array_equal(*prices)

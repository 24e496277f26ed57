"""The projection of prices on a tree, judged by its optimality conditions (no second algorithm to trust)."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_p2p.market.reference.projection import project_again, project_prices, sides_at

ROUNDING = 1e-9


def _random_case(seed: int, kind: str, nodes: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    choose = {
        "any": lambda i: int(rng.integers(0, i)),
        "path": lambda i: i - 1,
        "bushy": lambda i: int(rng.integers(max(0, i - 3), i)),
        "star": lambda _: 0,
    }[kind]
    parent = np.array([-1, *(choose(i) for i in range(1, nodes))])
    weight = np.where(rng.random(nodes) < 0.75, rng.uniform(0.5, 2, nodes), 0.0)
    weight[rng.integers(nodes)] = 1.0
    wish = np.round(rng.normal(size=nodes) * rng.choice([0.1, 1, 10]), rng.integers(1, 9))
    charge = rng.uniform(0, 0.3, nodes) * (rng.random(nodes) < 0.9)
    return wish, weight, parent, charge


@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["any", "path", "bushy", "star"]), nodes=st.integers(1, 40))
@settings(deadline=None)
def test_projection_satisfies_its_optimality_conditions(seed: int, kind: str, nodes: int) -> None:
    wish, weight, parent, charge = _random_case(seed, kind, nodes)
    price = project_prices(wish[None], weight, parent, charge)[0]
    step = price[1:] - price[parent[1:]]
    assert np.all(np.abs(step) <= charge[1:] + ROUNDING)
    # What each subtree pulls its prices towards must be held by its edge: only a tight edge carries a flow, and the
    # flow runs from the dear side to the cheap side of its multiplier; at the root nothing is left to hold.
    pull = weight * (wish - price)
    for a in range(nodes - 1, 0, -1):
        pull[parent[a]] += pull[a]
    small = ROUNDING * (1 + np.abs(weight * wish).sum())
    assert abs(pull[0]) <= small
    assert np.all(step[pull[1:] > small] >= charge[1:][pull[1:] > small] - ROUNDING)
    assert np.all(step[pull[1:] < -small] <= -charge[1:][pull[1:] < -small] + ROUNDING)


@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(["any", "path", "bushy", "star"]), nodes=st.integers(1, 40))
@settings(deadline=None)
def test_a_projection_by_the_sides_of_edges_is_the_same_or_none(seed: int, kind: str, nodes: int) -> None:
    wish, weight, parent, charge = _random_case(seed, kind, nodes)
    rng, counts = np.random.default_rng(seed), weight > 0.0
    price, again = project_prices(wish[None], weight, parent, charge)[0], np.zeros(nodes)
    known = sides_at(parent, charge, price)
    for sides, wanted in (
        (known, wish),
        (known, wish + 1e-3 * rng.normal(size=nodes)),
        (np.zeros(nodes, dtype=np.int8), wish),
        (rng.integers(-1, 2, nodes).astype(np.int8), wish),
    ):
        if project_again(wanted, weight, parent, charge, sides, again):
            whole = project_prices(wanted[None], weight, parent, charge)[0]
            assert again[counts] == pytest.approx(whole[counts], abs=ROUNDING)


def test_what_was_found_is_found_again_by_its_sides() -> None:
    """Not where a power over an edge is nothing but rounding, nor a price that nobody has a wish for."""
    found = 0
    for seed in range(100):
        wish, _, parent, charge = _random_case(seed, "bushy", 12)
        weight, charge, again = np.ones(12), charge + 0.01, np.zeros(12)
        price = project_prices(wish[None], weight, parent, charge)[0]
        found += project_again(wish, weight, parent, charge, sides_at(parent, charge, price), again)
    assert found >= 95


def test_two_nodes_by_hand() -> None:
    # Wishes 0 and 1, allowed difference 0.2, equal weights: both give way by 0.4.
    price = project_prices(np.array([[0.0, 1.0]]), np.ones(2), np.array([-1, 0]), np.array([0.0, 0.2]))
    assert price[0] == pytest.approx([0.4, 0.6])

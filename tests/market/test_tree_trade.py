"""Least trade on a tree by one sweep: against the linear programme of the same steps, which knows no trees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_p2p.market.network_step import least_trade
from mosaik_p2p.market.network_step.flow_problem import Contracts, FlowGraph
from mosaik_p2p.market.network_step.least_trade import CHEAPEST, ON_PAIRS, ON_TREES, Injected, Served, serve, serve_all
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved

PRICE = 0.3
KW = 1e-6


def by_programme(injected: Injected, steps: int) -> Served:
    """The road that is taken where charges are no tree."""
    (served,) = least_trade._served([least_trade._Part(injected)], PRICE, steps)
    return served


def drawn(rng: np.random.Generator, *, nodes: int, members: int, scarcity: float | None = 2.0) -> Injected:
    """Round prices, charges and powers, so that much is the same; imbalances only at a `scarcity` price."""
    parent = np.array([rng.integers(0, node) for node in range(1, nodes)], dtype=np.int64)
    charge = rng.choice([0.0, 0.01, 0.02, 0.05], nodes - 1)
    place = rng.integers(0, nodes, members)
    graph = FlowGraph(nodes, place, np.arange(1, nodes), parent, charge)
    entries = [
        (i, share, rng.choice([0.0, 1.0, 3.0, np.inf]), rng.choice(prices))
        for i in range(members)
        for share, prices in ((1.0, (0.25, 0.28, 0.3)), (-1.0, (-0.08, -0.1, -0.25)))
        if rng.random() < 0.8
    ]
    if scarcity is not None:
        entries += [(i, share, np.inf, scarcity) for i in range(members) for share in (1.0, -1.0)]
    owner, share, upper, price = (np.array(column) for column in zip(*entries, strict=True))
    contracts = Contracts(owner, share, upper, price, np.zeros(len(owner), dtype=np.bool_))
    return Injected(
        graph, contracts, rng.choice([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0], members) * rng.choice([1, 0.7])
    )


@given(seed=st.integers(0, 2**32 - 1), nodes=st.integers(1, 8), members=st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_the_sweep_finds_what_the_programme_finds(seed: int, nodes: int, members: int) -> None:
    one = drawn(np.random.default_rng(seed), nodes=nodes, members=members)
    for steps in (CHEAPEST, ON_TREES):
        (swept,) = serve_all([one], price_per_kwh=PRICE, steps=steps)
        solved = by_programme(one, steps)
        assert swept.cost_per_hour == pytest.approx(solved.cost_per_hour, rel=1e-7, abs=KW)
        assert swept.sale_kw.sum() == pytest.approx(0.0, abs=KW)
        assert swept.flow_kw == pytest.approx(one.graph.upwards(swept.sale_kw), abs=KW)
        if steps == ON_TREES:
            assert np.maximum(swept.sale_kw, 0.0).sum() == pytest.approx(np.maximum(solved.sale_kw, 0.0).sum(), abs=KW)


@given(seed=st.integers(0, 2**32 - 1), members=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_both_refuse_what_cannot_be_served(seed: int, members: int) -> None:
    one = drawn(np.random.default_rng(seed), nodes=4, members=members, scarcity=None) if members > 1 else None
    if one is None or not len(one.contracts.owner):
        return
    outcomes = []
    for road in (lambda: by_programme(one, ON_TREES), lambda: serve_all([one], price_per_kwh=PRICE, steps=ON_TREES)[0]):
        try:
            outcomes.append(road().cost_per_hour)
        except NotSolved:
            outcomes.append(None)
    assert (outcomes[0] is None) == (outcomes[1] is None)
    if outcomes[0] is not None:
        assert outcomes[1] == pytest.approx(outcomes[0], rel=1e-7, abs=KW)


def test_many_members_take_one_sweep() -> None:
    one = drawn(np.random.default_rng(5), nodes=1500, members=2000)
    (swept,) = serve_all([one], price_per_kwh=PRICE, steps=ON_TREES)
    solved = by_programme(one, ON_TREES)
    assert swept.cost_per_hour == pytest.approx(solved.cost_per_hour, rel=1e-7)
    assert np.maximum(swept.sale_kw, 0.0).sum() == pytest.approx(np.maximum(solved.sale_kw, 0.0).sum(), rel=1e-7)


def two(charge: float, contracts: Contracts, injection_kw: list[float]) -> Injected:
    return Injected(
        FlowGraph(2, np.arange(2), np.array([1]), np.array([0]), np.array([charge])), contracts, np.array(injection_kw)
    )


def test_power_that_can_be_bought_and_sold_without_limit_is_refused() -> None:
    endless = Contracts(
        np.array([0, 1]), np.array([1.0, -1.0]), np.full(2, np.inf), np.array([0.1, -0.3]), np.zeros(2, dtype=np.bool_)
    )
    with pytest.raises(NotSolved, match="give the contracts limits"):
        serve_all([two(0.1, endless, [0.0, 0.0])], price_per_kwh=PRICE, steps=ON_TREES)
    (served,) = serve_all([two(0.25, endless, [-1.0, 1.0])], price_per_kwh=PRICE, steps=ON_TREES)
    assert served.sale_kw == pytest.approx([0.0, 0.0])
    assert served.cost_per_hour == pytest.approx(0.1 - 0.3)


def test_what_costs_the_same_is_not_traded() -> None:
    """0 could buy for 1 at the same price: nobody does. Where it costs less by a part in a million, somebody does."""
    for saved, sold in ((0.0, 0.0), (1e-6, 2.0)):
        contracts = Contracts(
            np.array([0, 1]), np.ones(2), np.full(2, 9.0), np.array([0.29, 0.3 + saved]), np.zeros(2, dtype=np.bool_)
        )
        (served,) = serve_all([two(0.01, contracts, [0.0, -2.0])], price_per_kwh=PRICE, steps=ON_TREES)
        assert served.sale_kw == pytest.approx([sold, -sold], abs=KW)


def test_pairs_and_ways_that_pay_take_the_programme(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three steps are not told by net sales alone, and over a way that pays power would go round in circles."""
    one = drawn(np.random.default_rng(1), nodes=2, members=2)
    monkeypatch.setattr(least_trade, "least_outside", None)
    served = serve(one.graph, one.contracts, one.injection_kw, price_per_kwh=PRICE, steps=ON_PAIRS)
    assert np.isfinite(served.sale_kw).all()
    with pytest.raises(NotSolved, match="HiGHS"):
        serve_all([two(-0.01, one.contracts, [0.0, 0.0])], price_per_kwh=PRICE, steps=ON_TREES)


def test_one_buys_from_the_nearer_of_two_and_the_other_exports() -> None:
    """In a row: 2 kW left over, 3 kW lacking, 4 kW left over farther away; import at 0.3, export at 0.1."""
    graph = FlowGraph(3, np.arange(3), np.array([1, 2]), np.array([0, 1]), np.array([0.01, 0.05]))
    contracts = Contracts(
        owner=np.repeat(np.arange(3), 2), share=np.tile([1.0, -1.0], 3), upper_kw=np.full(6, 50.0),
        price_per_kwh=np.tile([0.3, -0.1], 3), is_imbalance=np.zeros(6, dtype=np.bool_),
    )  # fmt: skip
    served = serve(graph, contracts, np.array([2.0, -3.0, 4.0]), price_per_kwh=PRICE, steps=ON_TREES)
    assert served.sale_kw == pytest.approx([2.0, -3.0, 1.0])
    assert served.flow_kw == pytest.approx([-2.0, 1.0])
    assert served.cost_per_hour == pytest.approx(2.0 * 0.01 + 1.0 * 0.05 - 3.0 * 0.1)


def test_nobody_imports_for_others_while_one_has_some_left_over() -> None:
    """All ways are free and all import at one price: whichever way it goes costs the same money."""
    # One who lacks power and has no contract, beside it one who imports, on the other side one with a surplus and one
    # who imports.
    graph = FlowGraph(3, np.array([0, 1, 2, 2]), np.array([1, 2]), np.array([0, 0]), np.zeros(2))
    contracts = Contracts(
        owner=np.array([1, 3]), share=np.ones(2), upper_kw=np.full(2, 50.0), price_per_kwh=np.full(2, 0.3),
        is_imbalance=np.zeros(2, dtype=np.bool_),
    )  # fmt: skip
    served = serve(graph, contracts, np.array([-2.0, -3.0, 2.0, -3.0]), price_per_kwh=PRICE, steps=ON_TREES)
    assert served.sale_kw == pytest.approx([-2.0, 0.0, 2.0, 0.0])
    assert served.flow_kw == pytest.approx([0.0, 2.0])

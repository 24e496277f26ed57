"""The least trade on a tree without a linear programme: the same money and the same trade as with one."""

import numpy as np
import pytest

from mosaik_p2p.market.network_step import least_trade
from mosaik_p2p.market.network_step.flow_problem import Contracts, FlowGraph
from mosaik_p2p.market.network_step.least_trade import CHEAPEST, ON_TREES, Injected, Served
from mosaik_p2p.market.network_step.least_trade_on_tree import serve_on_tree

SCALE = 0.5
SCARCE = 10.0
CLOSE = 1e-6


def random_case(rng: np.random.Generator) -> Injected:
    """Few nodes and prices, so that much costs the same; some charges are nothing, some limits are reached."""
    nodes, members = int(rng.integers(1, 9)), int(rng.integers(1, 9))
    parent = np.array([rng.integers(0, a) for a in range(1, nodes)], dtype=np.int64)
    some = rng.choice([0.0, 0.01, 0.02], nodes - 1) if rng.random() < 0.5 else rng.uniform(0.0, 0.1, nodes - 1)
    charge = np.where(rng.random(nodes - 1) < 0.5, 0.0, some)
    entries = []
    for i in range(members):
        if rng.random() < 0.7:
            entries.append((i, 1.0, rng.choice([0.0, 3.0, 20.0]), rng.choice([0.3, 0.31, 0.4])))
        if rng.random() < 0.6:
            entries.append((i, -1.0, rng.choice([0.0, 2.0, 20.0]), rng.choice([-0.1, -0.05, 0.0, 0.02])))
        entries += [(i, 1.0, np.inf, SCARCE), (i, -1.0, np.inf, SCARCE)]
    owner, share, upper, price = (np.array(column) for column in zip(*entries, strict=True))
    contracts = Contracts(owner.astype(np.int64), share, upper, price, np.isinf(upper))
    graph = FlowGraph(nodes, rng.integers(0, nodes, members), np.arange(1, nodes), parent, charge)
    injection = rng.choice([-5.0, -2.0, 0.0, 1.0, 4.0], members) if rng.random() < 0.5 else rng.normal(0, 4, members)
    return Injected(graph, contracts, injection)


def by_programme(one: Injected, steps: int, monkeypatch: pytest.MonkeyPatch) -> Served:
    with monkeypatch.context() as patched:
        patched.setattr(least_trade, "_on_tree", lambda *_: None)
        return least_trade.serve_all([one], price_per_kwh=SCALE, steps=steps)[0]


@pytest.mark.parametrize("steps", [CHEAPEST, ON_TREES])
def test_money_and_trade_are_those_of_a_linear_programme(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(300):
        one = random_case(np.random.default_rng(seed))
        ours, theirs = least_trade._on_tree(one, SCALE, steps), by_programme(one, steps, monkeypatch)
        assert ours is not None
        assert ours.cost_per_hour == pytest.approx(theirs.cost_per_hour, rel=CLOSE, abs=CLOSE), seed
        if steps == ON_TREES:
            sold, asked = (float(np.maximum(one.sale_kw, 0.0).sum()) for one in (ours, theirs))
            assert sold == pytest.approx(asked, rel=CLOSE, abs=CLOSE), seed


def test_what_is_sold_at_a_node_leaves_over_its_edges_and_pays_for_them() -> None:
    for seed in range(300):
        one = random_case(np.random.default_rng(seed))
        found = least_trade._on_tree(one, SCALE, ON_TREES)
        assert found is not None
        left = np.bincount(one.graph.place, found.sale_kw, one.graph.nodes)
        np.subtract.at(left, one.graph.from_node, found.flow_kw)
        np.add.at(left, one.graph.to_node, found.flow_kw)
        assert np.abs(left).max() <= 1e-10
        # Money, term by term: flows at their charge, contracts the cheapest first.
        paid = float(one.graph.charge @ np.abs(found.flow_kw))
        for i, more in enumerate(found.sale_kw - one.injection_kw):
            own = (one.contracts.owner == i) & (one.contracts.share == np.sign(more))
            missing = abs(more)
            for n in sorted(np.flatnonzero(own), key=lambda n: one.contracts.price_per_kwh[n]):
                taken = min(missing, one.contracts.upper_kw[n])
                paid, missing = paid + taken * one.contracts.price_per_kwh[n], missing - taken
            assert missing <= 1e-10
        assert found.cost_per_hour == pytest.approx(paid, rel=1e-9, abs=1e-9)


def test_one_buys_from_the_nearer_of_two_and_the_other_exports() -> None:
    """In a row: 2 kW left over, 3 kW lacking, 4 kW left over farther away; import at 0.3, export at 0.1."""
    graph = FlowGraph(3, np.arange(3), np.array([1, 2]), np.array([0, 1]), np.array([0.01, 0.05]))
    contracts = Contracts(
        owner=np.repeat(np.arange(3), 2), share=np.tile([1.0, -1.0], 3), upper_kw=np.full(6, 50.0),
        price_per_kwh=np.tile([0.3, -0.1], 3), is_imbalance=np.zeros(6, dtype=bool),
    )  # fmt: skip
    found = serve_on_tree(graph, contracts, np.array([2.0, -3.0, 4.0]), price_per_kwh=0.3, preferred=1e-7)
    assert found is not None
    sale, flow, money = found
    assert sale == pytest.approx([2.0, -3.0, 1.0])
    assert flow == pytest.approx([-2.0, 1.0])
    assert money == pytest.approx(2.0 * 0.01 + 1.0 * 0.05 - 3.0 * 0.1)


def test_what_cannot_be_served_or_pays_for_buying_to_export_is_left_to_a_programme() -> None:
    graph = FlowGraph(1, np.zeros(1, dtype=np.int64), *(np.zeros(0, dtype=np.int64) for _ in range(2)), np.zeros(0))
    both = {"owner": np.zeros(2, dtype=np.int64), "share": np.array([1.0, -1.0])}
    no_imbalance = np.zeros(2, dtype=bool)
    scarce = Contracts(**both, upper_kw=np.full(2, 1.0), price_per_kwh=np.array([0.3, -0.1]), is_imbalance=no_imbalance)
    assert serve_on_tree(graph, scarce, np.array([-2.0]), price_per_kwh=0.3, preferred=1e-7) is None
    crossed = Contracts(
        **both, upper_kw=np.full(2, 9.0), price_per_kwh=np.array([0.3, -0.4]), is_imbalance=no_imbalance
    )
    assert serve_on_tree(graph, crossed, np.array([-2.0]), price_per_kwh=0.3, preferred=1e-7) is None
    assert serve_on_tree(graph, scarce, np.array([-1.0]), price_per_kwh=0.3, preferred=1e-7) is not None


def test_nobody_imports_for_others_while_one_has_some_left_over() -> None:
    """All ways are free and all import at one price: whichever way it goes costs the same money."""
    # One who lacks power and has no contract, beside it one who imports, on the other side one with a surplus and one
    # who imports.
    graph = FlowGraph(3, np.array([0, 1, 2, 2]), np.array([1, 2]), np.array([0, 0]), np.zeros(2))
    contracts = Contracts(
        owner=np.array([1, 3]), share=np.ones(2), upper_kw=np.full(2, 50.0), price_per_kwh=np.full(2, 0.3),
        is_imbalance=np.zeros(2, dtype=bool),
    )  # fmt: skip
    found = serve_on_tree(graph, contracts, np.array([-2.0, -3.0, 2.0, -3.0]), price_per_kwh=0.3, preferred=1e-7)
    assert found is not None
    assert found[0] == pytest.approx([-2.0, 0.0, 2.0, 0.0])
    assert found[1] == pytest.approx([0.0, 2.0])

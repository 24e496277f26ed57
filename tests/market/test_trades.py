"""Trades recovered from flows: same sales, same charges, nobody on both sides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets import random_tree
from mosaik_p2p.charges.mechanisms import path_charges
from mosaik_p2p.market.network_step.radial import edge_flows
from mosaik_p2p.market.network_step.trees.matching import match_tree
from mosaik_p2p.market.trades import Trades, trimmed

ROUNDING = 1e-9


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 12), nodes=st.integers(2, 15))
@settings(deadline=None)
def test_trades_of_flows_keep_sales_and_charges(seed: int, count: int, nodes: int) -> None:
    rng = np.random.default_rng(seed)
    place = rng.integers(0, nodes, count)
    charges = path_charges(random_tree(rng, nodes), place, price_per_length=0.01, payer="both")
    assert charges.tree is not None
    sale = rng.normal(size=count)
    sale -= sale.mean()
    trades = match_tree(charges.tree, sale, np.zeros(count), charges, min_trade_kw=ROUNDING)
    assert trades.net_sale(count) == pytest.approx(sale, abs=1e-7)
    assert not set(trades.seller) & set(trades.buyer)
    paid = float(np.sum(trades.power_kw * charges.total[trades.seller, trades.buyer]))
    crossed = float(np.sum(np.abs(edge_flows(charges.tree, sale[None])) * charges.tree.charge))
    assert paid == pytest.approx(crossed, rel=1e-6, abs=ROUNDING)
    assert len(trades.seller) <= count + nodes


def test_trimming_takes_from_both_ends_of_a_trade() -> None:
    """0 sells 4 and 2 kW to 1 and 2; it lacks 3 kW, and 2 cannot keep 1 kW of what it buys: the stricter end counts."""
    trades = Trades(np.array([0, 0]), np.array([1, 2]), np.array([4.0, 2.0]), np.array([0.5, 0.6]))
    assert trimmed(trades, np.array([-3.0, 0.0, 0.0]), min_trade_kw=0.0).power_kw == pytest.approx([2.0, 1.0])
    assert trimmed(trades, np.array([0.0, 0.0, 1.5]), min_trade_kw=0.0).power_kw == pytest.approx([4.0, 0.5])
    gone = trimmed(trades, np.array([0.0, 4.0, 0.0]), min_trade_kw=0.0)
    assert (gone.buyer.tolist(), gone.price_per_kwh.tolist()) == ([2], [0.6])

"""Trades recovered from flows: same sales, same charges, nobody on both sides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets import random_tree
from mosaik_p2p.charges.mechanisms import path_charges
from mosaik_p2p.market.forms import edge_flows
from mosaik_p2p.market.trades import match_tree

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
    trades = match_tree(charges.tree, sale, np.zeros(count), charges, dust_kw=ROUNDING)
    assert trades.net_sale(count) == pytest.approx(sale, abs=1e-7)
    assert not set(trades.seller) & set(trades.buyer)
    paid = float(np.sum(trades.power_kw * charges.total[trades.seller, trades.buyer]))
    crossed = float(np.sum(np.abs(edge_flows(charges.tree, sale[None])) * charges.tree.charge))
    assert paid == pytest.approx(crossed, rel=1e-6, abs=ROUNDING)
    assert len(trades.seller) <= count + nodes

"""Trades of one interval and carrier, from pairs or from flows on a tree."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.charges.charge_tree import ChargeTree
from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.units import FloatArray, IntArray


@dataclass(frozen=True)
class Trades:
    """M trades: indices of `seller` and `buyer`, `power_kw` > 0, `price_per_kwh` between the charges of both ends."""

    seller: IntArray
    buyer: IntArray
    power_kw: FloatArray
    price_per_kwh: FloatArray

    def net_sale(self, count: int) -> FloatArray:
        """(N,) net sale of each prosumer, kW."""
        sold = np.bincount(self.seller, self.power_kw, count).astype(float)
        bought = np.bincount(self.buyer, self.power_kw, count).astype(float)
        result: FloatArray = sold - bought
        return result


def no_trades() -> Trades:
    """Nobody trades."""
    nobody = np.zeros(0, dtype=np.int64)
    return Trades(nobody, nobody, np.zeros(0), np.zeros(0))


def trimmed(trades: Trades, surplus_kw: FloatArray, *, min_trade_kw: float) -> Trades:
    """The trades without what a prosumer cannot balance: `surplus_kw` (N,), bought where > 0, sold where < 0.

    Both ends of a trade give way together, so that trades stay reciprocal.
    """
    count = len(surplus_kw)
    sold = np.bincount(trades.seller, trades.power_kw, count)
    bought = np.bincount(trades.buyer, trades.power_kw, count)
    sells = 1.0 - np.clip(-surplus_kw / np.where(sold > 0, sold, 1.0), 0.0, 1.0)
    buys = 1.0 - np.clip(surplus_kw / np.where(bought > 0, bought, 1.0), 0.0, 1.0)
    power = trades.power_kw * np.minimum(sells[trades.seller], buys[trades.buyer])
    kept = power > min_trade_kw
    return Trades(trades.seller[kept], trades.buyer[kept], power[kept], trades.price_per_kwh[kept])


def _priced(seller: IntArray, buyer: IntArray, power_kw: FloatArray, own_price: FloatArray, charges: Charges) -> Trades:
    """Sorted by name order, with prices."""
    order = np.lexsort((buyer, seller))
    return _with_prices(seller[order], buyer[order], power_kw[order], own_price, charges)


def _with_prices(
    seller: IntArray, buyer: IntArray, power_kw: FloatArray, own_price: FloatArray, charges: Charges
) -> Trades:
    """The seller keeps price - its cost, the buyer pays price + its own: the middle of what both ends compute."""
    if not len(seller):
        return no_trades()
    seller_cost, buyer_cost = charges.end_costs(seller, buyer, power_kw)
    return Trades(seller, buyer, power_kw, (own_price[seller] + seller_cost + own_price[buyer] - buyer_cost) / 2)


def match_pairs(
    first: IntArray,
    second: IntArray,
    power_kw: FloatArray,
    own_price: FloatArray,
    charges: Charges,
    *,
    min_trade_kw: float,
) -> Trades:
    """Trades of pairs; `power_kw` > 0 where `first` sells to `second`. What is below `min_trade_kw` is no trade."""
    real = np.abs(power_kw) > min_trade_kw
    sells = power_kw[real] > 0
    seller = np.where(sells, first[real], second[real])
    buyer = np.where(sells, second[real], first[real])
    return _priced(seller, buyer, np.abs(power_kw[real]), own_price, charges)


def match_tree(
    tree: ChargeTree, sale_kw: FloatArray, own_price: FloatArray, charges: Charges, *, min_trade_kw: float
) -> Trades:
    """Trades behind the flows on a tree, in one sweep along them.

    Every node serves its own buyers from the lots that it holds, then passes the rest on; so each kWh crosses exactly
    the edges that it paid for. Lots below `min_trade_kw` are no trade.
    """
    outgoing, waiting_for = _branch_flows(tree, sale_kw, min_trade_kw)
    lots, buyers = _at_nodes(tree, sale_kw, min_trade_kw)
    found: list[tuple[int, int, float]] = []
    ready = deque(int(a) for a in np.flatnonzero(waiting_for == 0))
    while ready:
        node = ready.popleft()
        for buyer in buyers[node]:
            found += [(seller, buyer, kw) for seller, kw in _draw(lots[node], -float(sale_kw[buyer]), min_trade_kw)]
        for sink, power in outgoing[node]:
            lots[sink].extend(_draw(lots[node], power, min_trade_kw))
            waiting_for[sink] -= 1
            if waiting_for[sink] == 0:
                ready.append(sink)
    return _priced(
        np.array([entry[0] for entry in found], dtype=np.int64),
        np.array([entry[1] for entry in found], dtype=np.int64),
        np.array([entry[2] for entry in found], dtype=float),
        own_price,
        charges,
    )


def _branch_flows(
    tree: ChargeTree, sale_kw: FloatArray, min_trade_kw: float
) -> tuple[list[list[tuple[int, float]]], IntArray]:
    """By node where its power goes on to, and how much; and (nodes,) from how many others it gets some."""
    nodes = len(tree.parent)
    up = np.bincount(tree.place[tree.place >= 0], sale_kw[tree.place >= 0], nodes)
    for a in range(nodes - 1, 0, -1):
        up[tree.parent[a]] += up[a]
    outgoing: list[list[tuple[int, float]]] = [[] for _ in range(nodes)]
    sources = np.zeros(nodes, dtype=np.int64)
    for a in range(1, nodes):
        source, sink = (a, int(tree.parent[a])) if up[a] > 0 else (int(tree.parent[a]), a)
        if abs(up[a]) > min_trade_kw:
            outgoing[source].append((sink, abs(float(up[a]))))
            sources[sink] += 1
    return outgoing, sources


def _at_nodes(
    tree: ChargeTree, sale_kw: FloatArray, min_trade_kw: float
) -> tuple[list[deque[tuple[int, float]]], list[list[int]]]:
    """By node what is sold there, by whom, and who buys there."""
    lots: list[deque[tuple[int, float]]] = [deque() for _ in tree.parent]
    buyers: list[list[int]] = [[] for _ in tree.parent]
    for i in np.flatnonzero(tree.place >= 0):
        if sale_kw[i] > min_trade_kw:
            lots[tree.place[i]].append((int(i), float(sale_kw[i])))
        elif sale_kw[i] < -min_trade_kw:
            buyers[tree.place[i]].append(int(i))
    return lots, buyers


def _draw(lots: deque[tuple[int, float]], power_kw: float, min_trade_kw: float) -> list[tuple[int, float]]:
    """Take `power_kw` from the lots, oldest first."""
    taken = []
    while power_kw > min_trade_kw and lots:
        seller, available = lots.popleft()
        part = min(available, power_kw)
        taken.append((seller, part))
        power_kw -= part
        if available - part > min_trade_kw:
            lots.appendleft((seller, available - part))
    return taken

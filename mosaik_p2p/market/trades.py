"""Trades of one interval and carrier (from flows on a tree: `network_step.trees.matching`)."""

from dataclasses import dataclass

import numpy as np

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


def priced(seller: IntArray, buyer: IntArray, power_kw: FloatArray, own_price: FloatArray, charges: Charges) -> Trades:
    """Trades (M,) sorted by seller and buyer, each at a price between the own ones (N,) of both ends."""
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
    return priced(seller, buyer, np.abs(power_kw[real]), own_price, charges)

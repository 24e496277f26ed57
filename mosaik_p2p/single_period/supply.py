"""What an agent sells at a price of its own: the sum of its assets' answers, exact.

An asset sells (price - b)/a between its limits, and jumps from one to the other at price b where a = 0. Their sum is an
increasing chain of straight pieces in the plane of price and net sale, flat and upright ones included. Corner v of an
agent stands at `price[v]`, `net_kw[v]`; `money[v]` is the least cost of selling that much, the integral of the price.
Every question to an agent is then a search for a piece, and one division.
"""

from dataclasses import dataclass

import numpy as np

from mosaik_p2p.jit.modes import jit_strict
from mosaik_p2p.units import FloatArray, IntArray

STRAIGHT = 1e-12
"""A price that varies by less than this part of itself over all of an asset's range is constant."""


@dataclass(frozen=True)
class Supply:
    """The corners of all agents, those of agent i at `begin[i] : begin[i + 1]`."""

    begin: IntArray
    price: FloatArray
    net_kw: FloatArray
    money: FloatArray

    @property
    def least_kw(self) -> FloatArray:
        """(N,): the least that each agent can sell (the most that it can buy, negative)."""
        return self.net_kw[self.begin[:-1]]

    @property
    def most_kw(self) -> FloatArray:
        """(N,): the most that each agent can sell."""
        return self.net_kw[self.begin[1:] - 1]

    def respond(self, target_kw: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Net sales (N,) of least cost + weight/2 (sale - target)^2, and the own prices there."""
        sale, price = np.empty_like(target_kw), np.empty_like(target_kw)
        _respond(self.begin, self.price, self.net_kw, target_kw, weight, sale, price)
        return sale, price

    def at_price(self, price: FloatArray) -> FloatArray:
        """Net sales (N,) of least cost less price times sale; where several serve, the least."""
        sale = np.empty_like(price)
        _at_price(self.begin, self.price, self.net_kw, price, sale)
        return sale

    def cost(self, sale_kw: FloatArray) -> FloatArray:
        """(N,): each agent's least cost per hour of net sales within its limits."""
        money, price = np.empty_like(sale_kw), np.empty_like(sale_kw)
        _at_sale(self.begin, self.price, self.net_kw, self.money, sale_kw, money, price)
        return money

    def marginal(self, sale_kw: FloatArray) -> FloatArray:
        """(N,): a marginal cost of net sales within the limits: finite; the middle, where a range serves."""
        money, price = np.empty_like(sale_kw), np.empty_like(sale_kw)
        _at_sale(self.begin, self.price, self.net_kw, self.money, sale_kw, money, price)
        return price

    def price_range(self, low_kw: FloatArray, high_kw: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest price (N,) at which a net sale between the two is best; infinite beyond the limits."""
        low, high = np.empty_like(low_kw), np.empty_like(high_kw)
        _price_range(self.begin, self.price, self.net_kw, low_kw, high_kw, low, high)
        return low, high

    def bound(self, price: FloatArray) -> float:
        """Sum over agents of the least cost less price times sale (weak duality's lower bound)."""
        sale = self.at_price(price)
        return float(np.sum(self.cost(sale) - price * sale))


def supply_curves(
    agent: IntArray, p_min_kw: FloatArray, p_max_kw: FloatArray, a: FloatArray, b: FloatArray, count: int
) -> Supply:
    """Curves of `count` agents from M assets; every agent has one at least."""
    span = p_max_kw - p_min_kw
    jumps = a * span <= STRAIGHT * np.abs(b)
    flat = np.where(jumps, 0.0, a)
    # Two corners for each asset: where it leaves its lower limit, and where it reaches the upper one. An asset at one
    # price is at its lower limit up to the first of its two (equal) corners.
    level = (b + flat * p_min_kw, b + flat * p_max_kw)
    level = (np.where(jumps, b + a * (p_min_kw + p_max_kw) / 2, level[0]), level[1])
    level = (level[0], np.where(jumps, level[0], level[1]))
    steep = np.where(jumps, 0.0, 1.0 / np.where(jumps, 1.0, a))
    price = np.concatenate(level)
    slope = np.concatenate([steep, -steep])
    jump = np.concatenate([np.where(jumps, span, 0.0), np.zeros(len(a))])
    owner = np.concatenate([agent, agent])
    order = np.lexsort((np.repeat([0, 1], len(a)), price, owner))
    begin = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=count))]).astype(np.int64)
    least = np.bincount(agent, p_min_kw, count).astype(float)
    most = np.bincount(agent, p_max_kw, count).astype(float)
    price = price[order]
    net_kw, money = np.empty_like(price), np.empty_like(price)
    _walk(begin, price, slope[order], jump[order], least, most, net_kw)
    alone = np.clip(0.0, least, most)
    own = _price_of(begin, price, net_kw, alone)
    decided = np.where(jumps, np.where(own[agent] > level[0], p_max_kw, p_min_kw), 0.0)
    np.divide(own[agent] - b, a, out=decided, where=~jumps)
    either = jumps & (span > 0.0) & (level[0] == own[agent])
    answer = np.where(either, 0.0, np.clip(decided, p_min_kw, p_max_kw))
    # What is left is for those who do not care: a kWh of theirs costs the price.
    left = np.where(np.bincount(agent, either, count) > 0, alone - np.bincount(agent, answer, count), 0.0)
    cost = np.bincount(agent, (a / 2 * answer + b) * answer, count) + own * left
    _integrate(begin, price, net_kw, alone, own, cost, money)
    return Supply(begin, price, net_kw, money)


def _price_of(begin: IntArray, price: FloatArray, net_kw: FloatArray, sale_kw: FloatArray) -> FloatArray:
    """(N,): a price at which each agent sells that much."""
    own, unused = np.empty_like(sale_kw), np.empty_like(sale_kw)
    _at_sale(begin, price, net_kw, np.zeros_like(price), sale_kw, unused, own)
    return own


@jit_strict
def _walk(begin, price, slope, jump, least, most, net_kw):  # type: ignore[no-untyped-def]  # numba infers the types
    for i in range(begin.size - 1):
        net, rise, rising = least[i], 0.0, 0
        for v in range(begin[i], begin[i + 1]):
            if v == begin[i]:
                net_kw[v] = net
            else:
                net = min(net + rise * (price[v] - price[v - 1]), most[i])
                # The last corner is the upper limit, whatever rounding has made of the pieces.
                net_kw[v] = most[i] if v == begin[i + 1] - 1 else net
            net += jump[v]
            rising += (slope[v] > 0.0) - (slope[v] < 0.0)
            rise = rise + slope[v] if rising > 0 else 0.0


@jit_strict
def _integrate(begin, price, net_kw, sale, own, cost, money):  # type: ignore[no-untyped-def]
    """Money at every corner, outwards from a sale and its price and cost."""
    for i in range(begin.size - 1):
        at = begin[i]
        while at < begin[i + 1] and net_kw[at] < sale[i]:
            at += 1
        last_kw, last_price, paid = sale[i], own[i], cost[i]
        for v in range(at, begin[i + 1]):
            paid += (price[v] + last_price) / 2 * (net_kw[v] - last_kw)
            money[v], last_kw, last_price = paid, net_kw[v], price[v]
        last_kw, last_price, paid = sale[i], own[i], cost[i]
        if at < begin[i + 1] and net_kw[at] == sale[i]:
            # A corner serves a range of prices; what is sold less of goes from the lowest of them.
            last_price = price[at]
        for v in range(at - 1, begin[i] - 1, -1):
            paid += (price[v] + last_price) / 2 * (net_kw[v] - last_kw)
            money[v], last_kw, last_price = paid, net_kw[v], price[v]


@jit_strict
def _respond(begin, price, net_kw, target, weight, sale, own):  # type: ignore[no-untyped-def]
    """Where price + weight sale, which rises along the chain, equals weight target."""
    for i in range(begin.size - 1):
        first, last, goal = begin[i], begin[i + 1] - 1, weight[i] * target[i]
        if price[first] + weight[i] * net_kw[first] >= goal:
            sale[i] = net_kw[first]
        elif price[last] + weight[i] * net_kw[last] <= goal:
            sale[i] = net_kw[last]
        else:
            low, high = first, last
            while high - low > 1:
                v = (low + high) // 2
                if price[v] + weight[i] * net_kw[v] < goal:
                    low = v
                else:
                    high = v
            at_low = price[low] + weight[i] * net_kw[low]
            at_high = price[high] + weight[i] * net_kw[high]
            sale[i] = net_kw[low] + (net_kw[high] - net_kw[low]) * ((goal - at_low) / (at_high - at_low))
        own[i] = goal - weight[i] * sale[i]


@jit_strict
def _at_price(begin, price, net_kw, given, sale):  # type: ignore[no-untyped-def]
    for i in range(begin.size - 1):
        first, last = begin[i], begin[i + 1] - 1
        if given[i] <= price[first]:
            sale[i] = net_kw[first]
        elif given[i] > price[last]:
            sale[i] = net_kw[last]
        else:
            low, high = first, last
            while high - low > 1:
                v = (low + high) // 2
                if price[v] < given[i]:
                    low = v
                else:
                    high = v
            part = (given[i] - price[low]) / (price[high] - price[low])
            sale[i] = net_kw[low] + (net_kw[high] - net_kw[low]) * part


@jit_strict
def _at_sale(begin, price, net_kw, money, sale, cost, own):  # type: ignore[no-untyped-def]
    for i in range(begin.size - 1):
        first, last = begin[i], begin[i + 1] - 1
        low, high = first, last
        while high > low and net_kw[high - 1] >= sale[i]:
            high -= 1
        while low < high and net_kw[low + 1] <= sale[i]:
            low += 1
        rise = net_kw[high] - net_kw[low]
        if rise > 0.0:
            part = min(max((sale[i] - net_kw[low]) / rise, 0.0), 1.0)
            own[i] = price[low] + (price[high] - price[low]) * part
            cost[i] = money[low] + (price[low] + own[i]) / 2 * (sale[i] - net_kw[low])
        else:
            own[i], cost[i] = _corner(first, last, low, price, net_kw), money[low]


@jit_strict
def _corner(first, last, at, price, net_kw):  # type: ignore[no-untyped-def]
    """The middle of the prices at which a corner's sale is best; an open range ends at its finite end."""
    low, high = at, at
    while low > first and net_kw[low - 1] == net_kw[at]:
        low -= 1
    while high < last and net_kw[high + 1] == net_kw[at]:
        high += 1
    if low == first and high < last:
        return price[high]
    if high == last and low > first:
        return price[low]
    return (price[low] + price[high]) / 2


@jit_strict
def _price_range(begin, price, net_kw, least, most, low, high):  # type: ignore[no-untyped-def]
    """Read the pieces that end in, and begin at, the given net sales."""
    for i in range(begin.size - 1):
        v, last = begin[i], begin[i + 1] - 1
        low[i], high[i] = -np.inf, np.inf
        while v < last and net_kw[v] < least[i]:
            v += 1
        if least[i] > net_kw[begin[i]]:
            part = min((least[i] - net_kw[v - 1]) / (net_kw[v] - net_kw[v - 1]), 1.0)
            low[i] = price[v - 1] + part * (price[v] - price[v - 1])
        v = last
        while v > begin[i] and net_kw[v] > most[i]:
            v -= 1
        if most[i] < net_kw[last]:
            part = max((most[i] - net_kw[v]) / (net_kw[v + 1] - net_kw[v]), 0.0)
            high[i] = price[v] + part * (price[v + 1] - price[v])

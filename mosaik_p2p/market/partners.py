"""The network's step on a graph of partners, by coordinate descent on the pairs' flows (compiled).

    minimise    sum_i weight_i/2 (sum_j f_ij - wish_i)^2  +  sum_{i<j} charge_ij |f_ij| + curvature_ij f_ij^2
    subject to  f_ij + f_ji = 0

With node prices  y_i = weight_i (sum_j f_ij - wish_i)  one pair's own optimum is a soft threshold of y_j - y_i: a pair
whose prices differ by less than its charge carries nothing. At the optimum few pairs carry anything, so most rounds go
over those alone, and every full round picks up pairs that begin to (Tseng 2001 on convergence; Wu and Lange 2008 on
soft thresholds by coordinate).

Pairs stand in the upper triangle in compressed rows: those of prosumer i with later ones at
`begin[i] : begin[i + 1]` of `partner`, `charge`, `curvature` and `flow`; `flow` > 0 where i sells.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from mosaik_p2p.units import FloatArray, IntArray

jit = numba.njit(cache=True, error_model="numpy", nogil=True)
FULL_ROUNDS = 30
"""Rounds over all pairs in one step at the most: what is left then is caught by the next step."""
CARRIER_ROUNDS = 30
"""Rounds over the pairs that carry something, between two over all."""
WORKERS = os.cpu_count() or 1
MANY = 20_000
"""Pairs times intervals from which threads pay."""
COARSE = 1e-3
"""Largest tolerance on a pair's flow, of the mean size of a prosumer."""
FINE = 0.01
"""Tolerance on a pair's flow, of the largest change of a wish since the step before: errors stay behind the steps."""


def flow_tolerance(change_kw: float, size_kw: float) -> float:
    """How exact a step's flows need be, kW, after wishes changed by `change_kw` (NaN: nothing before)."""
    return min(COARSE * size_kw, FINE * change_kw) if np.isfinite(change_kw) else COARSE * size_kw


def settle_flows(
    wish: FloatArray,
    weight: FloatArray,
    begin: IntArray,
    partner: IntArray,
    charge: FloatArray,
    curvature: FloatArray,
    flow: FloatArray,
    *,
    tolerance_kw: float,
) -> FloatArray:
    """Node prices (T, N) for wishes (T, N) and weights (N,); `flow` (T, E) is the start and, in place, the answer.

    Stops once no pair of an interval moves by more than `tolerance_kw`, or after `FULL_ROUNDS`.
    """
    price = np.empty_like(wish)
    rows, pairs = flow.shape
    arrays = (wish, weight, begin, partner, charge, curvature, flow, price, tolerance_kw)
    if rows == 1 or rows * pairs < MANY or WORKERS == 1:
        _settle_rows(0, rows, *arrays)
        return price
    cuts = np.linspace(0, rows, min(WORKERS, rows) + 1).astype(int)
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda k: _settle_rows(cuts[k], cuts[k + 1], *arrays), range(len(cuts) - 1)))
    return price


@jit
def _settle_rows(first, last, wish, weight, begin, partner, charge, curvature, flow, price, tolerance):  # type: ignore[no-untyped-def]  # numba infers the types
    busy, owner = np.empty(partner.size, np.int64), np.empty(partner.size, np.int64)
    for t in range(first, last):
        _prices(wish[t], weight, begin, partner, flow[t], price[t])
        for _ in range(FULL_ROUNDS):
            moved, count = _over_all(weight, begin, partner, charge, curvature, flow[t], price[t], busy, owner)
            if moved <= tolerance:
                break
            for n in range(CARRIER_ROUNDS):
                moved = _over_busy(weight, partner, charge, curvature, flow[t], price[t], busy, owner, count, n % 2)
                if moved <= tolerance:
                    break
        # Once more from the flows, so that rounding does not add up over the rounds.
        _prices(wish[t], weight, begin, partner, flow[t], price[t])


@jit
def _prices(wish, weight, begin, partner, flow, price):  # type: ignore[no-untyped-def]
    net_sales(begin, partner, flow, price)
    for i in range(weight.size):
        price[i] = weight[i] * (price[i] - wish[i])


@jit
def net_sales(begin, partner, flow, sale):  # type: ignore[no-untyped-def]
    """Write into `sale` (N,) what everyone sells, less what it buys."""
    sale[:] = 0.0
    for i in range(begin.size - 1):
        for e in range(begin[i], begin[i + 1]):
            sale[i] += flow[e]
            sale[partner[e]] -= flow[e]


@jit
def _over_all(weight, begin, partner, charge, curvature, flow, price, busy, owner):  # type: ignore[no-untyped-def]
    """One round over all pairs; lists in `busy` and `owner` those that carry something or just stopped to."""
    moved, count = 0.0, 0
    for i in range(begin.size - 1):
        own = price[i]
        for e in range(begin[i], begin[i + 1]):
            j = partner[e]
            if flow[e] == 0.0 and abs(price[j] - own) <= charge[e]:
                continue
            busy[count], owner[count] = e, i
            count += 1
            step = _step(price[j] - own, weight[i] + weight[j], charge[e], curvature[e], flow[e])
            flow[e] += step
            own += weight[i] * step
            price[j] -= weight[j] * step
            moved = max(moved, abs(step))
        price[i] = own
    return moved, count


@jit
def _over_busy(weight, partner, charge, curvature, flow, price, busy, owner, count, forward):  # type: ignore[no-untyped-def]
    """One round over the pairs listed, in either direction."""
    moved = 0.0
    for n in range(count):
        at = n if forward else count - 1 - n
        e, i = busy[at], owner[at]
        j = partner[e]
        step = _step(price[j] - price[i], weight[i] + weight[j], charge[e], curvature[e], flow[e])
        flow[e] += step
        price[i] += weight[i] * step
        price[j] -= weight[j] * step
        moved = max(moved, abs(step))
    return moved


@jit
def _step(rise, stiffness, charge, curvature, flow):  # type: ignore[no-untyped-def]
    """From a pair's flow to its optimum, the others held: a soft threshold; exactly zero within the charge."""
    pull = flow * stiffness + rise
    if pull > charge:
        return (pull - charge) / (stiffness + 2.0 * curvature) - flow
    if pull < -charge:
        return (pull + charge) / (stiffness + 2.0 * curvature) - flow
    return -flow


def closed_prices(price: FloatArray, begin: IntArray, partner: IntArray, charge: FloatArray) -> list[FloatArray]:
    """Prices (T, N) at which no kWh gains by being passed on: middle, lower and upper closure of `price` (T, N).

    Lower: min_j (price_j + shortest path from j to i); upper: max_j (price_j - path). Where a charge is infinite, the
    pair binds no prices. All three are closed, since the middle of closed prices is.
    """
    lower, upper = price.copy(), -price
    for row in (*lower, *upper):
        _pull_down(row, begin, partner, charge)
    return [(lower - upper) / 2, lower, -upper]


@jit
def _pull_down(price, begin, partner, charge):  # type: ignore[no-untyped-def]
    """Lower prices in place until none exceeds a partner's by more than the charge (Bellman and Ford)."""
    changed = True
    while changed:
        changed = False
        for i in range(begin.size - 1):
            own = price[i]
            for e in range(begin[i], begin[i + 1]):
                j = partner[e]
                if own > price[j] + charge[e]:
                    own = price[j] + charge[e]
                    changed = True
                elif price[j] > own + charge[e]:
                    price[j] = own + charge[e]
                    changed = True
            price[i] = own


@jit
def route(rest, order, owner, partner, flow):  # type: ignore[no-untyped-def]
    """Add to `flow` (E,), in place, what raises net sales by `rest` (N,): along a forest of pairs taken in `order`.

    `rest` is used up: what remains of it sums to what each connected part had too much. `owner` (E,) is the earlier
    prosumer of each pair.
    """
    count = rest.size
    root = np.arange(count)
    degree = np.zeros(count, np.int64)
    # The exclusive or of the forest's pairs at a node: with one pair left, it is that pair.
    pairs_at = np.zeros(count, np.int64)
    for e in order:
        a, b = _root(root, owner[e]), _root(root, partner[e])
        if a != b:
            root[a] = b
            for i in (owner[e], partner[e]):
                degree[i] += 1
                pairs_at[i] ^= e
    for begin in range(count):
        leaf = begin
        while degree[leaf] == 1:
            e = pairs_at[leaf]
            other = partner[e] if owner[e] == leaf else owner[e]
            flow[e] += rest[leaf] if owner[e] == leaf else -rest[leaf]
            rest[other] += rest[leaf]
            rest[leaf] = 0.0
            degree[leaf] = 0
            degree[other] -= 1
            pairs_at[other] ^= e
            leaf = other


@jit
def _root(root, node):  # type: ignore[no-untyped-def]
    while root[node] != node:
        root[node] = root[root[node]]
        node = root[node]
    return node

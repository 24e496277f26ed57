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

import numpy as np

from mosaik_p2p.jit.modes import jit_strict
from mosaik_p2p.jit.threads import shared
from mosaik_p2p.market.network_step.spanning_forest import join, new_forest, peel, plant, root_of
from mosaik_p2p.units import FloatArray, IntArray

FULL_ROUNDS = 100
"""Rounds over all pairs in one step at the most: what is left then is caught by the next step."""
FOREST_ROUNDS = 3
"""Rounds over the pairs that carry something, between two over all: each ends in a step on a forest of them."""
CARRIER_ROUNDS = 4
"""Rounds pair by pair before that step, forth and back."""
CIRCLES_FROM = 2
"""Round over all pairs from which circles are opened: where few rounds do, they do not matter."""
ROUNDING = 1e-13
"""Part of a price that is not worth a flow: what rounding alone can make of equal prices."""
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

    `charge` is (E,), or (T, E) where it changes with time; of one row it is the same in all intervals.

    Stops once no pair of an interval moves by more than `tolerance_kw`, or after `FULL_ROUNDS`.
    """
    price = np.empty_like(wish)
    rows, pairs = flow.shape
    charges = np.atleast_2d(charge)

    def settle(first: int, last: int) -> None:
        alike = len(charges) == 1
        for t, end in [(first, last)] if alike else [(t, t + 1) for t in range(first, last)]:
            own = charges[0 if alike else t]
            _settle_rows(t, end, wish, weight, begin, partner, own, curvature, flow, price, tolerance_kw)

    shared(settle, rows, few=max(2, -(-MANY // max(pairs, 1))))
    return price


@jit_strict
def _settle_rows(first, last, wish, weight, begin, partner, charge, curvature, flow, price, tolerance):  # type: ignore[no-untyped-def]  # numba infers the types
    busy, owner = np.empty(partner.size, np.int64), np.empty(partner.size, np.int64)
    for i in range(weight.size):
        owner[begin[i] : begin[i + 1]] = i
    forest = new_forest(weight.size)
    for t in range(first, last):
        _prices(wish[t], weight, begin, partner, flow[t], price[t])
        for full in range(FULL_ROUNDS):
            moved, count = _over_all(weight, begin, partner, charge, curvature, flow[t], price[t], busy)
            if moved <= tolerance:
                break
            for _ in range(FOREST_ROUNDS):
                for n in range(CARRIER_ROUNDS):
                    moved = _over_busy(weight, owner, partner, charge, curvature, flow[t], price[t], busy, count, n % 2)
                if moved <= tolerance:
                    break
                if full >= CIRCLES_FROM:
                    _open_circles(owner, partner, charge, curvature, flow[t], price[t], busy, count, forest)
                _tie(weight, owner, partner, charge, curvature, flow[t], price[t], busy, count, forest)
        # Once more from the flows, so that rounding does not add up over the rounds.
        _prices(wish[t], weight, begin, partner, flow[t], price[t])


@jit_strict
def _prices(wish, weight, begin, partner, flow, price):  # type: ignore[no-untyped-def]
    net_sales(begin, partner, flow, price)
    for i in range(weight.size):
        price[i] = weight[i] * (price[i] - wish[i])


@jit_strict
def net_sales(begin, partner, flow, sale):  # type: ignore[no-untyped-def]
    """Write into `sale` (N,) what everyone sells, less what it buys."""
    sale[:] = 0.0
    for i in range(begin.size - 1):
        for e in range(begin[i], begin[i + 1]):
            sale[i] += flow[e]
            sale[partner[e]] -= flow[e]


@jit_strict
def _over_all(weight, begin, partner, charge, curvature, flow, price, busy):  # type: ignore[no-untyped-def]
    """One round over all pairs; lists in `busy` those that carry something or just stopped to."""
    moved, count = 0.0, 0
    for i in range(begin.size - 1):
        own = price[i]
        dull = ROUNDING * abs(own)
        for e in range(begin[i], begin[i + 1]):
            j = partner[e]
            if flow[e] == 0.0 and abs(price[j] - own) <= charge[e] + dull:
                continue
            busy[count] = e
            count += 1
            step = _step(price[j] - own, weight[i] + weight[j], charge[e], curvature[e], flow[e])
            flow[e] += step
            own += weight[i] * step
            price[j] -= weight[j] * step
            moved = max(moved, abs(step))
        price[i] = own
    return moved, count


@jit_strict
def _over_busy(weight, owner, partner, charge, curvature, flow, price, busy, count, forward):  # type: ignore[no-untyped-def]
    """One round over the pairs listed, in either direction."""
    moved = 0.0
    for n in range(count):
        e = busy[n] if forward else busy[count - 1 - n]
        i, j = owner[e], partner[e]
        step = _step(price[j] - price[i], weight[i] + weight[j], charge[e], curvature[e], flow[e])
        flow[e] += step
        price[i] += weight[i] * step
        price[j] -= weight[j] * step
        moved = max(moved, abs(step))
    return moved


@jit_strict
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
    pair binds no prices; `charge` as in `settle_flows`. All three are closed, since the middle of closed prices is.
    """
    lower, upper = price.copy(), -price
    charges = np.atleast_2d(charge)
    for side in (lower, upper):
        for t, row in enumerate(side):
            _pull_down(row, begin, partner, charges[t % len(charges)])
    return [(lower - upper) / 2, lower, -upper]


@jit_strict
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


@jit_strict
def _tie(weight, owner, partner, charge, curvature, flow, price, busy, count, forest):  # type: ignore[no-untyped-def]
    """The optimum of all flows on a forest of the busy pairs at once, as far as none of them changes its direction.

    While a pair carries, its ends' prices differ by its charge; so a tree of such pairs has one price to find, by which
    its flows follow. Rounds pair by pair would pass that on from neighbour to neighbour. Every tree goes as far as it
    may, which never raises the cost.
    """
    root, _, _, leaf, other, pair, aim, sums, change = forest
    size, _ = _busy_forest(owner, partner, curvature, flow, busy, count, forest)
    _aim(weight, owner, charge, flow, price, root, leaf, other, pair, size, aim, sums)
    # What each node must sell more, passed on towards the roots, is what the pairs carry more.
    for i in range(weight.size):
        sums[1, i] = (aim[i] - price[i]) / weight[i]
        sums[0, i] = 1.0
    for n in range(size):
        i, e = leaf[n], pair[n]
        change[n] = sums[1, i] if owner[e] == i else -sums[1, i]
        sums[1, other[n]] += sums[1, i]
        if charge[e] > 0.0 and flow[e] * change[n] < 0.0:
            tree = root_of(root, i)
            sums[0, tree] = min(sums[0, tree], -flow[e] / change[n])
    for n in range(size):
        e, share = pair[n], sums[0, root_of(root, leaf[n])]
        stops = charge[e] > 0.0 and flow[e] * change[n] < 0.0 and -flow[e] / change[n] <= share
        flow[e] = 0.0 if stops else flow[e] + share * change[n]
    for i in range(weight.size):
        price[i] += sums[0, root_of(root, i)] * (aim[i] - price[i])


@jit_strict
def _aim(weight, owner, charge, flow, price, root, leaf, other, pair, size, aim, sums):  # type: ignore[no-untyped-def]
    """Write into `aim` (N,) the prices that differ by the charges of the trees' pairs, each tree's sales unchanged."""
    _price_differences(owner, charge, flow, leaf, other, pair, size, aim)
    sums[:, :] = 0.0
    for i in range(weight.size):
        tree = root_of(root, i)
        sums[0, tree] += (price[i] - aim[i]) / weight[i]
        sums[1, tree] += 1.0 / weight[i]
    for i in range(weight.size):
        tree = root_of(root, i)
        aim[i] += sums[0, tree] / sums[1, tree]


@jit_strict
def _price_differences(owner, charge, flow, leaf, other, pair, size, aim):  # type: ignore[no-untyped-def]
    """Write into `aim` (N,) prices that differ by the charges of the trees' pairs; zero at the roots."""
    aim[:] = 0.0
    for n in range(size - 1, -1, -1):
        i, e = leaf[n], pair[n]
        # The buyer's price is the higher one.
        sells = (flow[e] > 0.0) == (owner[e] == i)
        aim[i] = aim[other[n]] - charge[e] if sells else aim[other[n]] + charge[e]


@jit_strict
def _open_circles(owner, partner, charge, curvature, flow, price, busy, count, forest):  # type: ignore[no-untyped-def]
    """Shift flow around circles of busy pairs, the cheaper way, until one of the circle's pairs carries nothing.

    Net sales stay; so rounds pair by pair see little to gain, and take long to empty what belongs to no optimum.
    """
    _, degree, pairs_at, leaf, other, pair, aim, _, _ = forest
    size, circles = _busy_forest(owner, partner, curvature, flow, busy, count, forest)
    if circles == 0:
        return
    _price_differences(owner, charge, flow, leaf, other, pair, size, aim)
    # From here on: every node's way up its tree, and how far the root is.
    above, depth = pairs_at, degree
    above[:], depth[:] = -1, 0
    for n in range(size - 1, -1, -1):
        above[leaf[n]], depth[leaf[n]] = pair[n], depth[other[n]] + 1
    for n in range(count):
        e = busy[n]
        i, j = owner[e], partner[e]
        if flow[e] == 0.0 or curvature[e] > 0.0 or above[i] == e or above[j] == e:
            continue
        seller, buyer = (i, j) if flow[e] > 0.0 else (j, i)
        dearer = charge[e] - (aim[buyer] - aim[seller])
        if dearer >= -ROUNDING * abs(price[i]):
            power = _shift(seller, buyer, abs(flow[e]), owner, partner, charge, flow, above, depth)
            flow[e] = 0.0 if power == abs(flow[e]) else flow[e] - np.sign(flow[e]) * power
        else:
            power = _shift(buyer, seller, np.inf, owner, partner, charge, flow, above, depth)
            flow[e] += np.sign(flow[e]) * power


@jit_strict
def _shift(source, sink, most, owner, partner, charge, flow, above, depth):  # type: ignore[no-untyped-def]
    """Send up to `most` along the tree, as much as only takes from flows that run against it; returns how much."""
    power = most
    for move in (False, True):
        up, down = source, sink
        while up != down:
            # The deeper end goes up; the way runs up from the source and down to the sink.
            from_source = depth[up] >= depth[down]
            e = above[up] if from_source else above[down]
            node = up if from_source else down
            along = 1.0 if (owner[e] == node) == from_source else -1.0
            if move:
                reached = flow[e] + along * power
                flow[e] = 0.0 if flow[e] * along == -power else reached
            elif flow[e] * along <= 0.0 and not (flow[e] == 0.0 and charge[e] == 0.0):
                power = min(power, -flow[e] * along)
            node = partner[e] if owner[e] == node else owner[e]
            if from_source:
                up = node
            else:
                down = node
        if power == 0.0 or power == np.inf:
            return 0.0
    return power


@jit_strict
def _busy_forest(owner, partner, curvature, flow, busy, count, forest):  # type: ignore[no-untyped-def]
    """Plant and peel a forest of the busy pairs that carry something and have no preference; returns how many pairs it
    has, and how many closed a circle."""
    root, degree, pairs_at, leaf, other, pair, _, _, _ = forest
    plant(root, degree, pairs_at)
    carrying = 0
    for n in range(count):
        e = busy[n]
        if flow[e] != 0.0 and curvature[e] == 0.0:
            carrying += 1
            join(e, owner[e], partner[e], root, degree, pairs_at)
    size = peel(owner, partner, degree, pairs_at, leaf, other, pair)
    return size, carrying - size

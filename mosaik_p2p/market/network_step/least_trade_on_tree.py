"""The least trade behind given injections on a tree, exact and without a linear programme: steps 1 and 2 of
`least_trade` at once.

Of a member's net sale s the contracts make a convex, piecewise-linear cost g(s): up from its injection by what they
sell it, the cheapest first, down by what they buy. Step 2 counts only where money is the same within `ON_FACE`; so that
much is added per kWh for s > 0. What is left is

    minimise  sum_i g_i(s_i) + sum_a charge_a |flow_a|   subject to  the nodes' balances

with the dual that `price_projection` solves for quadratic costs: node prices no farther apart than their edge's charge,
at which everyone's sale is a step function of the price, and all of them sum to nothing. Going up, each subtree hands
its parent that sum as two heaps of steps, left and right of where it vanishes; coming down, nodes take their prices.
Who is not told by its price what to sell (the price is that of a step) takes what its node still needs.
"""

import numpy as np

from mosaik_p2p.jit.modes import jit, jit_inner
from mosaik_p2p.market.network_step.flow_problem import Contracts, FlowGraph
from mosaik_p2p.market.network_step.mergeable_heaps import NONE, meld, without_top
from mosaik_p2p.units import FloatArray

SAME_PRICE = 1e-9
"""Prices no farther apart than this, in units of the price scale, are the same: by so much less than `ON_FACE` that
step 2 decides between real ties, and by far more than rounding."""
UNBALANCED = 1e-11
"""Of the largest injection: what rounding may leave at a node."""


def serve_on_tree(
    graph: FlowGraph, contracts: Contracts, injection_kw: FloatArray, *, price_per_kwh: float, preferred: float
) -> tuple[FloatArray, FloatArray, float] | None:
    """Net sales (n,) and flows over the edges (E,), kW, and the money per hour that they cost.

    `price_per_kwh` is the scale of prices; in its units a kWh less sold is `preferred` to so much money. None where a
    member's contracts pay more for a kWh than they take, or where injections cannot be served at all.
    """
    place, count = np.ascontiguousarray(graph.place), len(injection_kw)
    # Whoever's net sale rises by 1 kW pays this for it, or loses it.
    slope = contracts.share * contracts.price_per_kwh
    order = np.lexsort((slope, contracts.owner))
    sale, flow = np.zeros(count), np.zeros(graph.nodes)
    money = _served(
        np.concatenate([[0], graph.to_node]).astype(np.int64),
        np.concatenate([[0.0], graph.charge]),
        place.astype(np.int64),
        np.ascontiguousarray(injection_kw, dtype=float),
        np.searchsorted(contracts.owner[order], np.arange(count + 1)),
        slope[order],
        contracts.share[order] > 0.0,
        contracts.upper_kw[order],
        preferred * price_per_kwh,
        SAME_PRICE * price_per_kwh,
        sale,
        flow,
    )
    return None if np.isnan(money) else (sale, flow[1:], float(money))


@jit
def _served(  # type: ignore[no-untyped-def]  # numba infers the types
    parent, charge, place, injection, first, slope, is_up, upper, dearer, same, sale, flow
):
    """The money per hour; not a number where there is no answer."""
    nodes, members = parent.size, injection.size
    # Each entry may be cut where the net sale is nothing, each member has its injection, each node one cut of its own.
    room = 2 * slope.size + members + 2 * nodes + 2
    numbers, links = np.zeros((3, room)), np.full((3, room), NONE)
    begin, up = np.zeros(members + 1, np.int64), np.zeros(room, np.bool_)
    if not _laid_out(injection, first, slope, is_up, upper, dearer, numbers[0], numbers[1], up, begin):
        return np.nan
    at, kw = numbers[0, : begin[members]].copy(), numbers[1, : begin[members]].copy()
    ends, price, popped = np.empty((2, nodes)), np.empty(nodes), np.empty((2, room), np.int64)
    heads = np.full((2, nodes), NONE)
    if not _climbed(parent, charge, place, injection, up, begin, numbers, links, heads, popped, ends):
        return np.nan
    _descended(parent, charge, ends[0], ends[1], price)
    least, most = np.empty(members), np.empty(members)
    for i in range(members):
        least[i], most[i] = _sales_at(price[place[i]], injection[i], at, kw, up, begin[i], begin[i + 1], same)
    largest = 0.0
    for i in range(members):
        largest = max(largest, abs(injection[i]))
    sums = np.zeros((3, nodes))
    if not _balanced(parent, charge, place, least, most, price, same, UNBALANCED * largest, sums, sale, flow):
        return np.nan
    money = 0.0
    for i in range(members):
        money += _paid(sale[i] - injection[i], slope, is_up, upper, first[i], first[i + 1])
    for a in range(1, nodes):
        money += abs(flow[a]) * charge[a]
    return money


@jit_inner
def _laid_out(injection, first, slope, is_up, upper, dearer, at, kw, up, begin):  # type: ignore[no-untyped-def]
    """Everyone's steps: the price `at` which it sells so many `kw` more, or (not `up`) below which so many less; False
    where contracts buy dearer than they sell."""
    used = 0
    for i in range(injection.size):
        begin[i] = used
        cut = first[i]
        while cut < first[i + 1] and not is_up[cut]:
            cut += 1
        for n in range(cut, first[i + 1]):
            if not is_up[n] or (cut > first[i] and slope[n] <= slope[cut - 1]):
                return False
        sale = injection[i]
        for n in range(cut, first[i + 1]):
            used = _laid(sale, sale + upper[n], upper[n], slope[n], dearer, True, at, kw, up, used)
            sale += upper[n]
        sale = injection[i]
        for n in range(cut - 1, first[i] - 1, -1):
            used = _laid(sale - upper[n], sale, upper[n], slope[n], dearer, False, at, kw, up, used)
            sale -= upper[n]
    begin[injection.size] = used
    return True


@jit_inner
def _laid(low, high, length, slope, dearer, is_up, at, kw, up, used):  # type: ignore[no-untyped-def]
    """A contract's steps between net sales `low` and `high`: of what is above nothing each kWh is `dearer`."""
    if length <= 0.0:
        return used
    if low < 0.0 < high:
        at[used], kw[used], up[used] = slope, -low, is_up
        at[used + 1], kw[used + 1], up[used + 1] = slope + dearer, high, is_up
        return used + 2
    at[used], kw[used], up[used] = (slope if high <= 0.0 else slope + dearer), length, is_up
    return used + 1


@jit_inner
def _climbed(parent, charge, place, injection, up, begin, numbers, links, heads, popped, ends):  # type: ignore[no-untyped-def]
    """Write the `ends` of the interval of prices at which each subtree sells nothing; False where one always does.

    Left of it are steps down, `falling`, right of it steps up; an injection is a step at no price.
    """
    position, weight, shift = numbers[0], numbers[1], numbers[2]
    left, right, path = links[0], links[1], links[2]
    falling_at, rising_at = heads[0], heads[1]
    used = begin[injection.size]
    for i in range(injection.size):
        a = place[i]
        for n in range(begin[i], begin[i + 1]):
            if up[n]:
                rising_at[a] = meld(position, shift, left, right, path, rising_at[a], n, 1.0)
            else:
                falling_at[a] = meld(position, shift, left, right, path, falling_at[a], n, -1.0)
        if injection[i] == 0.0:
            continue
        weight[used] = abs(injection[i])
        position[used] = -np.inf if injection[i] > 0.0 else np.inf
        if injection[i] > 0.0:
            rising_at[a] = meld(position, shift, left, right, path, rising_at[a], used, 1.0)
        else:
            falling_at[a] = meld(position, shift, left, right, path, falling_at[a], used, -1.0)
        used += 1
    for a in range(parent.size - 1, -1, -1):
        falling, rising, used = _parted(
            position, weight, shift, left, right, path, falling_at[a], rising_at[a], used, popped[0], popped[1]
        )
        if used < 0:
            return False
        ends[0, a] = position[falling] if falling != NONE else -np.inf
        ends[1, a] = position[rising] if rising != NONE else np.inf
        if a > 0:
            if falling != NONE:
                position[falling] -= charge[a]
                shift[falling] -= charge[a]
            if rising != NONE:
                position[rising] += charge[a]
                shift[rising] += charge[a]
            b = parent[a]
            falling_at[b] = meld(position, shift, left, right, path, falling_at[b], falling, -1.0)
            rising_at[b] = meld(position, shift, left, right, path, rising_at[b], rising, 1.0)
    return True


@jit_inner
def _parted(position, weight, shift, left, right, path, falling, rising, used, to_right, to_left):  # type: ignore[no-untyped-def]
    """The heaps with no step on the wrong side of the other's first: as much of either changes sides, which leaves
    their sum as it is. At most one step is cut, into slot `used`, which is returned counted on; -1 where there is no
    end of it."""
    gone_left = gone_right = 0.0
    rights = lefts = 0
    while falling != NONE and rising != NONE and position[falling] > position[rising]:
        rest_left, rest_right = weight[falling] - gone_left, weight[rising] - gone_right
        moved = min(rest_left, rest_right)
        if moved == np.inf:
            return falling, rising, -1
        gone_left, gone_right = gone_left + moved, gone_right + moved
        if rest_left == moved:
            to_right[rights], rights, gone_left = falling, rights + 1, 0.0
            falling = without_top(position, shift, left, right, path, falling, -1.0)
        if rest_right == moved:
            to_left[lefts], lefts, gone_right = rising, lefts + 1, 0.0
            rising = without_top(position, shift, left, right, path, rising, 1.0)
    if gone_left > 0.0:
        position[used], weight[used], weight[falling] = position[falling], gone_left, weight[falling] - gone_left
        to_right[rights], rights, used = used, rights + 1, used + 1
    if gone_right > 0.0:
        position[used], weight[used], weight[rising] = position[rising], gone_right, weight[rising] - gone_right
        to_left[lefts], lefts, used = used, lefts + 1, used + 1
    for n in range(rights):
        rising = meld(position, shift, left, right, path, rising, to_right[n], 1.0)
    for n in range(lefts):
        falling = meld(position, shift, left, right, path, falling, to_left[n], -1.0)
    return falling, rising, used


@jit_inner
def _descended(parent, charge, low, high, price):  # type: ignore[no-untyped-def]
    """Every node takes its parent's price, clipped into its own interval and then into what the edge allows."""
    if np.isfinite(low[0]) and np.isfinite(high[0]):
        price[0] = 0.5 * (low[0] + high[0])
    else:
        price[0] = low[0] if np.isfinite(low[0]) else (high[0] if np.isfinite(high[0]) else 0.0)
    for a in range(1, parent.size):
        above = price[parent[a]]
        inside = min(max(above, low[a]), high[a])
        price[a] = min(max(inside, above - charge[a]), above + charge[a])


@jit_inner
def _sales_at(price, injection, at, kw, up, begin, end, same):  # type: ignore[no-untyped-def]
    """The least and the most net sale at a price."""
    least = most = injection
    for n in range(begin, end):
        above = price - at[n] if up[n] else at[n] - price
        sold = kw[n] if up[n] else -kw[n]
        if above > same:
            least, most = least + sold, most + sold
        elif above >= -same:
            least, most = least + min(sold, 0.0), most + max(sold, 0.0)
    return least, most


@jit_inner
def _balanced(parent, charge, place, least, most, price, same, rounding, sums, sale, flow):  # type: ignore[no-untyped-def]
    """Net sales within their ranges and flows to where prices are higher that balance every node; False without."""
    nodes, low, high, need = parent.size, sums[0], sums[1], sums[2]
    for i in range(place.size):
        low[place[i]] += least[i]
        high[place[i]] += most[i]
        # Where a choice is left, none sells rather than some.
        sale[i] = min(max(0.0, least[i]), most[i])
        need[place[i]] -= sale[i]
    for a in range(nodes - 1, 0, -1):
        gain = price[parent[a]] - price[a]
        if gain < charge[a] - same:
            high[a] = min(high[a], 0.0)
        if gain > same - charge[a]:
            low[a] = max(low[a], 0.0)
        if low[a] > high[a] + rounding:
            return False
        flow[a] = min(max(0.0, low[a]), max(low[a], high[a]))
        low[parent[a]] += low[a]
        high[parent[a]] += high[a]
        need[parent[a]] -= flow[a]
    for a in range(1, nodes):
        # What goes up from a node counts for its parent, and has to come from the node.
        more = min(max(need[parent[a]], low[a] - flow[a]), max(high[a] - flow[a], 0.0))
        flow[a] += more
        need[parent[a]] -= more
        need[a] += flow[a]
    for i in range(place.size):
        more = min(max(need[place[i]], least[i] - sale[i]), most[i] - sale[i])
        sale[i] += more
        need[place[i]] -= more
    left = 0.0
    for a in range(nodes):
        left += abs(need[a])
    return left <= rounding * nodes


@jit_inner
def _paid(more, slope, is_up, upper, begin, end):  # type: ignore[no-untyped-def]
    """Money per hour for what contracts add to an injection."""
    money, left = 0.0, abs(more)
    for step in range(end - begin):
        n = begin + step if more > 0.0 else end - 1 - step
        if is_up[n] == (more > 0.0):
            taken = min(upper[n], left)
            money += slope[n] * (taken if more > 0.0 else -taken)
            left -= taken
    return money

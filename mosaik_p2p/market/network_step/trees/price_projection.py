"""Projection of prices onto those of a radial network, exact and without iteration.

    minimise  sum_a weight_a/2 (price_a - wish_a)^2   subject to  |price_a - price_parent(a)| <= charge_a

Going up, each subtree hands its parent the derivative of the cost that it must bear as a function of the price there:
an increasing piecewise-linear function, kept as two heaps of breakpoints, left and right of its zero. Crossing an edge
shifts the left breakpoints by -charge and the right ones by +charge; meeting at a node melds heaps and moves the zero.
Coming down, every node clips its parent's price into its own wishes. Near-linear time in the number of nodes.

From one iteration to the next the edges that are at their limit are mostly the same. Given these, prices are means of
wishes, and whether they are the solution shows at once: no other edge is beyond its limit, and over each that is at it
power flows towards the higher price. Only where that is not so is the projection done from the beginning.
"""

import numpy as np

from mosaik_p2p.jit.modes import jit_inner
from mosaik_p2p.market.network_step.trees.mergeable_heaps import NONE, insert_zero, meld, take


@jit_inner
def project_one(wish, weight, parent, charge, low, high, scratch, price):  # type: ignore[no-untyped-def]
    """Prices (nodes,) of one interval; `low`, `high` (nodes,) and `scratch` (see `mergeable_heaps.workspace`) are
    overwritten."""
    position, shift, slope_of, left, right, path, heads, taken = scratch
    _climb(
        wish, weight, parent, charge, low, high, position, shift, slope_of, left, right, path,
        heads[0], heads[1], taken[0], taken[1],
    )  # fmt: skip
    _descend(parent, charge, low, high, price)


@jit_inner
def project_as_before(wish, weight, parent, charge, sides, sums, price):  # type: ignore[no-untyped-def]
    """Prices (nodes,) where each edge is at the limit that `sides` (nodes,) says: 1 where the price of a node is its
    parent's and the charge, -1 where it is so much less, 0 at none. False where that is not the solution; `sums`
    (2, nodes) are overwritten.

    By the optimality conditions of the problem above, with one multiplier for each edge at its limit.
    """
    for a in range(parent.size):
        sums[0, a], sums[1, a] = weight[a], weight[a] * wish[a]
    for a in range(parent.size - 1, 0, -1):
        if sides[a] != 0:
            sums[0, parent[a]] += sums[0, a]
            sums[1, parent[a]] += sums[1, a] - sums[0, a] * sides[a] * charge[a]
    for a in range(parent.size):
        above = price[parent[a]] if a > 0 else 0.0
        if sides[a] != 0 and a > 0:
            price[a] = above + charge[a] if sides[a] > 0 else above - charge[a]
            # Both limits of an edge without a charge are one.
            if charge[a] > 0.0 and sides[a] * (sums[0, a] * price[a] - sums[1, a]) > 0.0:
                return False
            continue
        price[a] = sums[1, a] / sums[0, a] if sums[0, a] > 0.0 else above
        if a > 0 and not abs(price[a] - above) <= charge[a]:
            return False
    return True


@jit_inner
def note_sides(parent, charge, price, sides):  # type: ignore[no-untyped-def]
    """The `sides` (nodes,) of `project_as_before` at prices that `project_one` has found."""
    for a in range(1, parent.size):
        above = price[parent[a]]
        sides[a] = 1 if price[a] >= above + charge[a] else (-1 if price[a] <= above - charge[a] else 0)


@jit_inner
def _climb(  # type: ignore[no-untyped-def]
    wish, weight, parent, charge, low, high, position, shift, slope_of, left, right, path,
    falling_at, rising_at, from_left, from_right,
):  # fmt: skip
    """Write the interval [low, high] in which each subtree's function is zero."""
    falling_at[:] = NONE
    rising_at[:] = NONE
    used = 0
    for a in range(parent.size - 1, -1, -1):
        falling, rising = falling_at[a], rising_at[a]
        if weight[a] > 0.0:
            falling, rising = insert_zero(
                position, shift, slope_of, left, right, path, used, wish[a], weight[a], falling, rising
            )
            used += 2
        if falling == NONE or rising == NONE:
            low[a], high[a] = -np.inf, np.inf
        elif position[falling] <= position[rising]:
            low[a], high[a] = position[falling], position[rising]
        else:
            falling, rising, zero = _move_zero(
                position, shift, slope_of, left, right, path, used, falling, rising, from_left, from_right
            )
            used += 2
            low[a] = high[a] = zero
        if a > 0:
            if falling != NONE:
                position[falling] -= charge[a]
                shift[falling] -= charge[a]
            if rising != NONE:
                position[rising] += charge[a]
                shift[rising] += charge[a]
            up = parent[a]
            falling_at[up] = meld(position, shift, left, right, path, falling_at[up], falling, -1.0)
            rising_at[up] = meld(position, shift, left, right, path, rising_at[up], rising, 1.0)


@jit_inner
def _move_zero(position, shift, slope_of, left, right, path, used, falling, rising, from_left, from_right):  # type: ignore[no-untyped-def]
    """Where functions with different zeros meet, the sum's zero lies between: returns the heaps around it, and it.

    A breakpoint that the zero has passed changes sides, and its slope the sign, since it is now read the other way.
    """
    falling, rising, zero, slope, passed_left, passed_right = _meet(
        position, shift, slope_of, left, right, path, falling, rising, from_left, from_right
    )
    for n in range(passed_right):
        slope_of[from_right[n]] *= -1.0
        falling = meld(position, shift, left, right, path, falling, from_right[n], -1.0)
    for n in range(passed_left):
        slope_of[from_left[n]] *= -1.0
        rising = meld(position, shift, left, right, path, rising, from_left[n], 1.0)
    falling, rising = insert_zero(position, shift, slope_of, left, right, path, used, zero, slope, falling, rising)
    return falling, rising, zero


@jit_inner
def _meet(position, shift, slope_of, left, right, path, falling, rising, from_left, from_right):  # type: ignore[no-untyped-def]
    """Two fronts walk towards each other from the outermost breakpoints until none is left between them and the zero.

    Returns the heaps, the zero, the slope there, and how many breakpoints each front has popped.
    """
    at_right, at_left = position[rising], position[falling]
    up = down = slope_up = slope_down = 0.0
    passed_left = passed_right = 0
    while True:
        rising, passed_right, added = take(
            position, shift, slope_of, left, right, path, rising, 1.0, at_right, from_right, passed_right
        )
        slope_up += added
        falling, passed_left, added = take(
            position, shift, slope_of, left, right, path, falling, -1.0, at_left, from_left, passed_left
        )
        slope_down += added
        next_right = position[rising] if rising != NONE else np.inf
        next_left = position[falling] if falling != NONE else -np.inf
        inside_right, inside_left = next_right < at_left, next_left > at_right
        if not inside_right and not inside_left:
            break
        gain_right = up + slope_up * (next_right - at_right) if inside_right else np.inf
        gain_left = down + slope_down * (at_left - next_left) if inside_left else np.inf
        # The front with the smaller value at its next breakpoint may go there, unless the fronts would cross: then none
        # lies between, the other function is known there, and it tells whether the zero comes first.
        if gain_right <= gain_left:
            if next_right > next_left and gain_right > down + slope_down * (at_left - next_right):
                break
            at_right, up = next_right, gain_right
        else:
            if next_right > next_left and gain_left > up + slope_up * (next_left - at_right):
                break
            at_left, down = next_left, gain_left
    slope = slope_up + slope_down
    zero = (down - up + slope_down * at_left + slope_up * at_right) / slope
    return falling, rising, min(max(zero, at_right), at_left), slope, passed_left, passed_right


@jit_inner
def _descend(parent, charge, low, high, price):  # type: ignore[no-untyped-def]
    """Every node takes its parent's price, clipped into its own wishes and then into what the edge allows."""
    price[0] = 0.5 * (low[0] + high[0]) if np.isfinite(low[0]) else 0.0
    for a in range(1, parent.size):
        above = price[parent[a]]
        inside = min(max(above, low[a]), high[a])
        price[a] = min(max(inside, above - charge[a]), above + charge[a])

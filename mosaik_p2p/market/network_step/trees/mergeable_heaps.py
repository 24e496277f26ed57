"""Heaps of breakpoints: the left and the right half of a piecewise-linear function, each a mergeable heap with lazy
shifts.

A breakpoint has a position and the change of slope there. Skew heaps (Sleator and Tarjan 1986) meld in amortised
logarithmic time; a shift of a whole heap is noted at its top and handed down when the top goes. `sign` +1 keeps the
least position on top (the half right of the zero), -1 the greatest. The arrays come from `workspace`; all functions run
compiled.
"""

import numpy as np

from mosaik_p2p.jit.modes import jit, jit_inner

NONE = -1


@jit_inner
def _hand_down(position, shift, left, right, node):  # type: ignore[no-untyped-def]  # numba infers the types
    """Pass a noted shift of a heap on to the two heaps below its top."""
    noted = shift[node]
    if noted != 0.0:
        below = left[node]
        if below != NONE:
            position[below] += noted
            shift[below] += noted
        below = right[node]
        if below != NONE:
            position[below] += noted
            shift[below] += noted
        shift[node] = 0.0


@jit_inner
def meld(position, shift, left, right, path, a, b, sign):  # type: ignore[no-untyped-def]
    """One heap of two; `path` is scratch."""
    depth = 0
    while a != NONE and b != NONE:
        if sign * position[b] < sign * position[a]:
            a, b = b, a
        _hand_down(position, shift, left, right, a)
        path[depth] = a
        depth += 1
        a = right[a]
    melded = a if a != NONE else b
    while depth > 0:
        depth -= 1
        top = path[depth]
        right[top] = left[top]
        left[top] = melded
        melded = top
    return melded


@jit_inner
def without_top(position, shift, left, right, path, top, sign):  # type: ignore[no-untyped-def]
    """What is left of a heap without its top, which then stands alone."""
    _hand_down(position, shift, left, right, top)
    rest = meld(position, shift, left, right, path, left[top], right[top], sign)
    left[top] = right[top] = NONE
    return rest


@jit_inner
def take(position, shift, slope_of, left, right, path, top, sign, until, taken, count):  # type: ignore[no-untyped-def]
    """Pop every breakpoint up to position `until` into `taken`; returns the heap, the count and the slope they add."""
    added = 0.0
    while top != NONE and sign * position[top] <= sign * until:
        taken[count] = top
        count += 1
        added += slope_of[top]
        top = without_top(position, shift, left, right, path, top, sign)
    return top, count, added


@jit_inner
def insert_zero(position, shift, slope_of, left, right, path, used, at, slope, falling, rising):  # type: ignore[no-untyped-def]
    """Add slope * (x - at) to a function: one breakpoint in slot `used` on its left, one in `used + 1` on its right."""
    for slot in (used, used + 1):
        position[slot] = at
        shift[slot] = 0.0
        slope_of[slot] = slope
        left[slot] = right[slot] = NONE
    falling = meld(position, shift, left, right, path, falling, used, -1.0)
    rising = meld(position, shift, left, right, path, rising, used + 1, 1.0)
    return falling, rising


@jit
def workspace(nodes):  # type: ignore[no-untyped-def]
    """Scratch for a tree of `nodes` nodes: position, shift and slope of breakpoints, links, path, heads, and
    the breakpoints popped."""
    slots = 4 * nodes + 4
    real = np.empty((3, slots))
    whole = np.empty((3, slots), np.int64)
    return (
        real[0],
        real[1],
        real[2],
        whole[0],
        whole[1],
        whole[2],
        np.empty((2, nodes), np.int64),
        np.empty((2, slots), np.int64),
    )

"""Least trade on a tree (see `least_trade`): exactly, in one sweep, near-linear in the number of members.

    minimise    sum_k price_k outside_k + sum_e charge_e |flow_e| + tie sum_i max(sale_i, 0)
    subject to  sale_i = injection_i + sum of share_k outside_k over i's contracts,  0 <= outside_k <= upper_k
                what a node's members sell and its branches bring goes up the tree; nothing leaves the root

Going up, each subtree hands its parent what it costs to let more or less flow out of it: a convex piecewise-linear
function, kept as its pieces (a slope, a length, and the contract whose power it is) in two heaps, `passed` and `ahead`,
left and right of a point. A member's sale is such a function, too: unused imports lie ahead, unused exports are passed.
Meeting at a node melds heaps and exchanges what is out of order; crossing an edge moves the point to where nothing
flows, and makes the pieces left of it cheaper by the charge and those right of it dearer. At the root the point is the
optimum, and a contract has taken what of its pieces the point has passed.
"""

from typing import Any

import numpy as np

from mosaik_p2p.jit.modes import jit, jit_inner
from mosaik_p2p.market.network_step.trees.mergeable_heaps import NONE, meld, without_top
from mosaik_p2p.units import FloatArray, IntArray


def least_outside(
    tree: tuple[IntArray, FloatArray],
    members: tuple[IntArray, FloatArray],
    contracts: tuple[IntArray, FloatArray, FloatArray, FloatArray],
    tie_per_kwh: float,
) -> tuple[FloatArray, float]:
    """What every contract takes (k,), kW, and by how much the injections cannot be served, kW.

    `tree` is the parent of each node, which has a lower number, and the charge per kWh for the edge to it; `members`
    are their nodes and injections (n,); `contracts` are owner, share (1 or -1), upper limit and price per kWh (k,).
    Not a number is missed where the same power could be bought and sold without limit.
    """
    parent, charge = tree
    place, injection = members
    owner, share, upper, price = contracts
    order = np.argsort(owner, kind="stable")
    outside = np.zeros(len(owner))
    slots = len(owner) + len(place) + len(parent)
    first = np.searchsorted(owner, np.arange(len(place) + 1), sorter=order)
    missed = _swept(
        parent, charge, place, injection, first, order, share, upper, price, tie_per_kwh, outside, _scratch(slots)
    )
    return outside, float(missed)


def _scratch(slots: int) -> tuple[Any, ...]:
    """Of pieces: slope, shift, length; links, path, contract; whether passed."""
    real, whole = np.empty((3, slots)), np.empty((4, slots), dtype=np.int64)
    return (*real, *whole, np.empty(slots, dtype=np.bool_))


@jit
def _swept(parent, charge, place, injection, first, order, share, upper, price, tie, outside, scratch):  # type: ignore[no-untyped-def]
    """See `least_outside`; `order` are the contracts by owner, from `first` (n + 1,) on."""
    slope, shift, length, _, _, _, contract, is_passed = scratch
    nodes = parent.size
    passed_at, ahead_at, point_at = np.full(nodes, NONE), np.full(nodes, NONE), np.zeros(nodes)
    used = 0
    for i in range(place.size):
        passed, ahead, point = NONE, NONE, injection[i]
        for n in range(first[i], first[i + 1]):
            k = order[n]
            if upper[k] > 0.0:
                _piece(scratch, used, share[k] * price[k], upper[k], k)
                if share[k] > 0.0:
                    ahead = _put(scratch, ahead, used, False)
                else:
                    passed = _put(scratch, passed, used, True)
                used += 1
        passed, ahead, point = _in_order(scratch, passed, ahead, point)
        passed, ahead, point, used = _to_zero(scratch, passed, ahead, point, used)
        _shifted(slope, shift, ahead, tie)
        _joined(scratch, passed_at, ahead_at, point_at, place[i], passed, ahead, point)
    for a in range(nodes - 1, -1, -1):
        passed, ahead, point = _in_order(scratch, passed_at[a], ahead_at[a], point_at[a])
        passed, ahead, point, used = _to_zero(scratch, passed, ahead, point, used)
        if a == 0:
            point_at[0] = point
        else:
            _shifted(slope, shift, passed, -charge[a])
            _shifted(slope, shift, ahead, charge[a])
            _joined(scratch, passed_at, ahead_at, point_at, parent[a], passed, ahead, point)
    for n in range(used):
        k = contract[n]
        if is_passed[n] == (share[k] > 0.0):
            outside[k] += length[n]
    return point_at[0]


@jit_inner
def _piece(scratch, n, slope, length, contract):  # type: ignore[no-untyped-def]
    """A piece in slot n, in no heap yet."""
    scratch[0][n], scratch[1][n], scratch[2][n] = slope, 0.0, length
    scratch[6][n] = contract


@jit_inner
def _put(scratch, heap, n, is_passed):  # type: ignore[no-untyped-def]
    """The heap with one more piece: the dearest is on top of what is passed, the cheapest of what is ahead."""
    slope, shift, _, left, right, path, _, side = scratch
    shift[n], left[n], right[n], side[n] = 0.0, NONE, NONE, is_passed
    return meld(slope, shift, left, right, path, heap, n, -1.0 if is_passed else 1.0)


@jit_inner
def _popped(scratch, heap, is_passed):  # type: ignore[no-untyped-def]
    slope, shift, _, left, right, path, _, _ = scratch
    return without_top(slope, shift, left, right, path, heap, -1.0 if is_passed else 1.0)


@jit_inner
def _shifted(slope, shift, heap, by):  # type: ignore[no-untyped-def]
    if heap != NONE:
        slope[heap] += by
        shift[heap] += by


@jit_inner
def _joined(scratch, passed_at, ahead_at, point_at, node, passed, ahead, point):  # type: ignore[no-untyped-def]
    """Add a function to those that meet at a node."""
    slope, shift, _, left, right, path, _, _ = scratch
    passed_at[node] = meld(slope, shift, left, right, path, passed_at[node], passed, -1.0)
    ahead_at[node] = meld(slope, shift, left, right, path, ahead_at[node], ahead, 1.0)
    point_at[node] += point


@jit_inner
def _in_order(scratch, passed, ahead, point):  # type: ignore[no-untyped-def]
    """Exchange pieces until none that is passed is dearer than one ahead; the point moves by what they differ.

    One without end stays where it is, and the other alone changes sides; between two of them there is no order.
    """
    slope, length = scratch[0], scratch[2]
    while passed != NONE and ahead != NONE and slope[passed] > slope[ahead]:
        dear, cheap = passed, ahead
        if np.isinf(length[dear]) and np.isinf(length[cheap]):
            return passed, ahead, np.nan
        if np.isfinite(length[dear]):
            passed = _popped(scratch, passed, True)
        if np.isfinite(length[cheap]):
            ahead = _popped(scratch, ahead, False)
            passed = _put(scratch, passed, cheap, True)
            point += length[cheap]
        if np.isfinite(length[dear]):
            ahead = _put(scratch, ahead, dear, False)
            point -= length[dear]
    return passed, ahead, point


@jit_inner
def _to_zero(scratch, passed, ahead, point, used):  # type: ignore[no-untyped-def]
    """Move the point to where nothing flows, or as near as the pieces go; the last of them may be cut in two."""
    slope, length, contract = scratch[0], scratch[2], scratch[6]
    while point > 0.0 and passed != NONE:
        n = passed
        if length[n] > point:
            length[n] -= point
            _piece(scratch, used, slope[n], point, contract[n])
            return passed, _put(scratch, ahead, used, False), 0.0, used + 1
        passed = _popped(scratch, passed, True)
        ahead = _put(scratch, ahead, n, False)
        point -= length[n]
    while point < 0.0 and ahead != NONE:
        n = ahead
        if length[n] > -point:
            length[n] += point
            _piece(scratch, used, slope[n], -point, contract[n])
            return _put(scratch, passed, used, True), ahead, 0.0, used + 1
        ahead = _popped(scratch, ahead, False)
        passed = _put(scratch, passed, n, True)
        point += length[n]
    return passed, ahead, point, used

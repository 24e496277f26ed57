"""Who buys from whom behind the flows on a tree, in one sweep along them."""

import numpy as np

from mosaik_p2p.charges.charge_tree import ChargeTree
from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.jit.modes import jit, jit_inner
from mosaik_p2p.market.network_step.trees.sums import behind
from mosaik_p2p.market.trades import Trades, priced
from mosaik_p2p.units import FloatArray

NONE = -1


def match_tree(
    tree: ChargeTree, sale_kw: FloatArray, own_price: FloatArray, charges: Charges, *, min_trade_kw: float
) -> Trades:
    """Trades behind net sales (N,), at prices between the own ones (N,) of both ends.

    Every node serves its own buyers from the lots that it holds, then passes the rest on, oldest first; so each kWh
    crosses exactly the edges that it paid for. Lots below `min_trade_kw` are no trade.
    """
    (up,) = behind(tree.parent, tree.place, sale_kw[None])
    here = np.flatnonzero(tree.place >= 0)
    here = here[np.argsort(tree.place[here], kind="stable")]
    first = np.searchsorted(tree.place[here], np.arange(len(tree.parent) + 1))
    # A trade ends a lot or serves a buyer; a lot comes from a seller, or is cut off another where it crosses an edge.
    lots = len(here) + len(tree.parent)
    seller, buyer = np.empty((2, lots + len(here)), dtype=np.int64)
    power = np.empty(lots + len(here))
    count = _sweep(tree.parent, up, here, first, sale_kw, min_trade_kw, lots, seller, buyer, power)
    return priced(seller[:count], buyer[:count], power[:count], own_price, charges)


@jit
def _sweep(parent, up, here, first, sale, least, slots, seller, buyer, power):  # type: ignore[no-untyped-def]  # numba infers the types
    """Fill in the trades, `here` being who stands at the nodes, by node from `first` on; returns their number."""
    nodes = parent.size
    child, sibling = _children(parent)
    waiting_for = _sources(parent, up, least)
    # The lots of each node as a list: its ends, and of each lot the owner, its power and the one that follows.
    head, tail = np.full(nodes, NONE), np.full(nodes, NONE)
    owner, left, following = np.empty(slots, np.int64), np.empty(slots), np.empty(slots, np.int64)
    used = _own_lots(here, first, sale, least, head, tail, owner, left, following)
    ready, count, trades = np.empty(nodes, np.int64), 0, 0
    for node in range(nodes):
        if waiting_for[node] == 0:
            ready[count] = node
            count += 1
    done = 0
    while done < count:
        node = ready[done]
        done += 1
        for n in range(first[node], first[node + 1]):
            if sale[here[n]] < -least:
                trades = _serve(
                    node, here[n], -sale[here[n]], least, head, owner, left, following, seller, buyer, power, trades,
                )  # fmt: skip
        # The way up comes before the ways down, and these in the order of their nodes.
        sink, flow = (parent[node], up[node]) if node > 0 else (NONE, 0.0)
        at = child[node]
        while True:
            if sink != NONE and flow > least:
                used = _pass_on(node, sink, flow, least, head, tail, owner, left, following, used)
                waiting_for[sink] -= 1
                if waiting_for[sink] == 0:
                    ready[count] = sink
                    count += 1
            if at == NONE:
                break
            sink, flow = at, -up[at]
            at = sibling[at]
    return trades


@jit
def _children(parent):  # type: ignore[no-untyped-def]
    """The first child of every node, and the next one of its parent."""
    child, sibling = np.full(parent.size, NONE), np.full(parent.size, NONE)
    for node in range(parent.size - 1, 0, -1):
        sibling[node] = child[parent[node]]
        child[parent[node]] = node
    return child, sibling


@jit
def _sources(parent, up, least):  # type: ignore[no-untyped-def]
    """From how many others each node gets some."""
    sources = np.zeros(parent.size, np.int64)
    for node in range(1, parent.size):
        if up[node] > least:
            sources[parent[node]] += 1
        elif up[node] < -least:
            sources[node] += 1
    return sources


@jit_inner
def _own_lots(here, first, sale, least, head, tail, owner, left, following):  # type: ignore[no-untyped-def]
    """What is sold at each node becomes its first lots; returns their number."""
    used = 0
    for node in range(head.size):
        for n in range(first[node], first[node + 1]):
            if sale[here[n]] > least:
                owner[used], left[used] = here[n], sale[here[n]]
                _append(node, used, head, tail, following)
                used += 1
    return used


@jit_inner
def _append(node, lot, head, tail, following):  # type: ignore[no-untyped-def]
    following[lot] = NONE
    if head[node] == NONE:
        head[node] = lot
    else:
        following[tail[node]] = lot
    tail[node] = lot


@jit_inner
def _serve(node, who, wanted, least, head, owner, left, following, seller, buyer, power, trades):  # type: ignore[no-untyped-def]
    """Trades of a buyer with the lots of its node; returns how many trades there now are."""
    while wanted > least and head[node] != NONE:
        lot = head[node]
        part = min(left[lot], wanted)
        seller[trades], buyer[trades], power[trades] = owner[lot], who, part
        trades += 1
        wanted -= part
        left[lot] -= part
        if left[lot] <= least:
            head[node] = following[lot]
    return trades


@jit_inner
def _pass_on(node, sink, wanted, least, head, tail, owner, left, following, used):  # type: ignore[no-untyped-def]
    """Lots of a node go over an edge, the last of them in part; returns how many lots there have been."""
    while wanted > least and head[node] != NONE:
        lot = head[node]
        if left[lot] - wanted > least:
            owner[used], left[used] = owner[lot], wanted
            left[lot] -= wanted
            _append(sink, used, head, tail, following)
            return used + 1
        head[node] = following[lot]
        left[lot] = min(left[lot], wanted)
        wanted -= left[lot]
        _append(sink, lot, head, tail, following)
    return used

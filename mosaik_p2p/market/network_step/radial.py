"""Network form on one tree per carrier: net sales as flows, every kWh paying the edges that it crosses.

The network's step is a projection of prices (`trees.price_projection`); with q = w = s + u and node prices lambda it
gives back z_i = w_i + lambda dt / weight_i. Everything here is linear, or nearly so, in the number of prosumers.
"""

from collections.abc import Iterator

import numpy as np

from mosaik_p2p.charges.charge_tree import ChargeTree
from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.charges.over_time import by_interval
from mosaik_p2p.jit.modes import jit
from mosaik_p2p.jit.threads import shared
from mosaik_p2p.market.iteration.driver import Agreement
from mosaik_p2p.market.network_step.trees.matching import match_tree
from mosaik_p2p.market.network_step.trees.mergeable_heaps import workspace
from mosaik_p2p.market.network_step.trees.price_projection import note_sides, project_as_before, project_one
from mosaik_p2p.market.network_step.trees.sums import behind
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.trades import Trades
from mosaik_p2p.units import FloatArray, IntArray

FEW = 300
"""Nodes of a tree below which its intervals are projected before a thread would have begun."""


class TreeForm:
    """See `base.Form`; w, z and prices are laid out as net sales, (C, T, N)."""

    name = "network"

    def __init__(self, problem: MarketProblem, trees: tuple[ChargeTree, ...]) -> None:
        self.shape = problem.shape
        self._problem, self._trees, self._dt_h = problem, trees, problem.dt_h
        # (T or 1, nodes) by carrier.
        self._charge = [by_interval(charges, problem.shape[1], _edges) for charges in problem.charges]
        self._who = [
            np.flatnonzero((tree.place >= 0) & member) for tree, member in zip(trees, problem.member, strict=True)
        ]
        # (T, nodes) by carrier: at which limit each edge was when prices were projected last.
        self._sides = [np.zeros((problem.shape[1], len(tree.parent)), dtype=np.int8) for tree in trees]

    def nearest(self, offer_per_kwh: FloatArray) -> FloatArray:
        """See Form: up the tree and down again."""
        result = np.full(self.shape, np.inf)
        for c, (tree, who) in enumerate(zip(self._trees, self._who, strict=True)):
            for begin, end, charge in _stretches(self._charge[c], 0, self.shape[1]):
                _nearest(offer_per_kwh[c, begin:end], who, tree.place, tree.parent, charge, result[c, begin:end])
        return result

    def start(self, z: FloatArray, price_per_kwh: FloatArray, weight: FloatArray) -> FloatArray:
        """See Form."""
        return z - price_per_kwh * self._dt_h / weight[:, None, :]

    def weights(self, weight: FloatArray) -> FloatArray:
        """See Form."""
        return weight[:, None, :]

    def prosumer_weight(self, weight: FloatArray) -> FloatArray:
        """See Form."""
        return weight

    def agree(self, w: FloatArray, weight: FloatArray) -> Agreement:
        """Project prices, z_i = w_i + price dt / weight_i."""
        z, price = np.zeros_like(w), np.zeros_like(w)
        for c, (tree, who) in enumerate(zip(self._trees, self._who, strict=True)):
            if len(who):
                self._agree(c, tree, who, self._dt_h / weight[c], w[c], z[c], price[c])
        return Agreement(z, price)

    def _agree(
        self,
        c: int,
        tree: ChargeTree,
        who: IntArray,
        give: FloatArray,
        w: FloatArray,
        z: FloatArray,
        price: FloatArray,
    ) -> None:
        """One carrier's part of `agree`, into `z` and `price` (T, N)."""
        sides = self._sides[c]

        def part(begin: int, end: int) -> None:
            for first, last, charge in _stretches(self._charge[c], begin, end):
                _agree_range(first, last, w, who, tree.place, give, tree.parent, charge, sides, z, price)

        shared(part, len(w), few=len(w) + 1 if len(tree.parent) < FEW else 1)

    def target(self, v: FloatArray) -> FloatArray:
        """See Form."""
        return v

    def spread(self, v: FloatArray, sale_kw: FloatArray) -> FloatArray:  # noqa: ARG002  (the other form needs it)
        """See Form."""
        return sale_kw

    def sales(self, z: FloatArray) -> FloatArray:
        """See Form."""
        return z

    def charge(self, z: FloatArray) -> float:
        """Every kWh pays the charge of each edge that it crosses."""
        flows = (edge_flows(tree, sale) for tree, sale in zip(self._trees, z, strict=True))
        paid = sum(float(np.sum(np.abs(flow) * charge)) for charge, flow in zip(self._charge, flows, strict=True))
        return paid * self._dt_h

    def concession(self, price_per_kwh: FloatArray) -> float:  # noqa: ARG002  (the other forms need it)
        """No pair has preferences."""
        return 0.0

    def closed(self, price_per_kwh: FloatArray) -> list[FloatArray]:
        """Projected prices are closed already."""
        return [price_per_kwh]

    def trades(
        self, z: FloatArray, price_per_kwh: FloatArray, *, min_trade_kw: float, interval: int = 0
    ) -> list[Trades]:
        """One sweep along the flows."""
        held = [charges.at(interval) for charges in self._problem.charges]
        return [
            match_tree(tree, z[c, interval], price_per_kwh[c, interval], charges, min_trade_kw=min_trade_kw)
            for c, (tree, charges) in enumerate(zip(self._trees, held, strict=True))
        ]


def _edges(charges: Charges) -> FloatArray:
    assert charges.tree is not None, "the form is for charges that are paths on a tree in every interval"
    return charges.tree.charge


def _stretches(charges: FloatArray, begin: int, end: int) -> Iterator[tuple[int, int, FloatArray]]:
    """Begin, end and charges (nodes,) of stretches of intervals with the same charges (T or 1, nodes)."""
    if len(charges) == 1:
        yield begin, end, charges[0]
        return
    for t in range(begin, end):
        yield t, t + 1, charges[t]


def edge_flows(tree: ChargeTree, sale_kw: FloatArray) -> FloatArray:
    """(T, nodes): what flows from each node to its parent when prosumers sell `sale_kw` (T, N)."""
    flow = behind(tree.parent, tree.place, sale_kw)
    # The root has no parent: what is left there is rounding.
    flow[:, 0] = 0.0
    return flow


@jit
def _agree_range(begin, end, w, who, place, give, parent, charge, sides, z, price):  # type: ignore[no-untyped-def]
    nodes = parent.size
    slope, wish, node_price = np.zeros(nodes), np.empty(nodes), np.empty(nodes)
    low, high, sums = np.empty(nodes), np.empty(nodes), np.empty((2, nodes))
    scratch = workspace(nodes)
    for i in who:
        slope[place[i]] += give[i]
    for t in range(begin, end):
        wish[:] = 0.0
        for i in who:
            wish[place[i]] -= w[t, i]
        for a in range(nodes):
            if slope[a] > 0.0:
                wish[a] /= slope[a]
        if not project_as_before(wish, slope, parent, charge, sides[t], sums, node_price):
            project_one(wish, slope, parent, charge, low, high, scratch, node_price)
            note_sides(parent, charge, node_price, sides[t])
        for i in who:
            price[t, i] = node_price[place[i]]
            z[t, i] = w[t, i] + price[t, i] * give[i]


@jit
def _nearest(offer, who, place, parent, charge, result):  # type: ignore[no-untyped-def]
    best = np.empty(parent.size)
    for t in range(offer.shape[0]):
        best[:] = np.inf
        for i in who:
            best[place[i]] = min(best[place[i]], offer[t, i])
        for a in range(parent.size - 1, 0, -1):
            best[parent[a]] = min(best[parent[a]], best[a] + charge[a])
        for a in range(1, parent.size):
            best[a] = min(best[a], best[parent[a]] + charge[a])
        for i in who:
            result[t, i] = best[place[i]]

"""The least trade behind given injections: who trades how much is told only as far as the optimum says it.

Where a trade costs nothing, or no more than a contract, the optimum leaves open who buys for whom: members could buy to
sell on, and nobody would gain or lose. So what is reported is chosen in steps, for each carrier and interval, with what
everyone's devices inject held as it was cleared:

    1  the least money for contracts and charges
    2  of these, the least sum of positive net sales
    3  of these, the least power over all pairs (where pairs are the edges; on a tree net sales give the flows)

On a tree the first two are one exact sweep (`trees.least_outside`), in which a kWh that is sold counts as much as the
least difference of prices that is one. Elsewhere each step is a linear programme on the optimal face of the one before:
what has a reduced cost there stays where it is, and where that leaves no choice, the steps that follow are not taken.
Carriers and intervals have nothing to do with each other here; many are solved as one programme nevertheless, as
handing over a small one takes ten times as long as solving it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog
from scipy.sparse.csgraph import connected_components

from mosaik_p2p.market.network_step.flow_problem import Contracts, FlowGraph
from mosaik_p2p.market.network_step.trees.least_outside import least_outside
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.units import BoolArray, FloatArray, IntArray

CHEAPEST, ON_TREES, ON_PAIRS = 1, 2, 3
"""How many of the steps are taken: for the money alone, and for what is reported."""
TIED = 1e-9
"""Prices nearer to each other than this are the same on a tree, in units of the price scale: what sums of charges are
rounded by lies far below."""
ON_FACE = 1e-7
"""Reduced costs below this are none, in units of the price scale."""
TOLERANCE = 1e-9
"""Of the programmes, in units of the largest injection and price."""
LOOSER = 1e-7
"""For primal values where that fails: a face is held by values that are right to the tolerance only."""
TOGETHER = 4000
"""Columns of what is solved at once; the simplex method's time grows faster than these."""

Entries: TypeAlias = tuple[IntArray, IntArray, FloatArray]
"""Of a sparse matrix: rows, columns and values."""


@dataclass(frozen=True)
class Injected:
    """What the members (n,) of a carrier inject in an interval, kW, and what they may serve it with."""

    graph: FlowGraph
    contracts: Contracts
    injection_kw: FloatArray


@dataclass(frozen=True)
class Served:
    """Net sales (n,) and flows over the edges (E,) behind injections, kW, and the money per hour that they cost."""

    sale_kw: FloatArray
    flow_kw: FloatArray
    cost_per_hour: float


def serve(
    graph: FlowGraph, contracts: Contracts, injection_kw: FloatArray, *, price_per_kwh: float, steps: int
) -> Served:
    """How contracts and flows serve injections (n,) of the members, by the first `steps` of the steps above.

    `price_per_kwh` is the scale of prices: those of imbalances lie far above it. Raises NotSolved where injections
    cannot be served, or the linear programme has no numerical solution.
    """
    return serve_all([Injected(graph, contracts, injection_kw)], price_per_kwh=price_per_kwh, steps=steps)[0]


def serve_all(injected: Sequence[Injected], *, price_per_kwh: float, steps: int) -> tuple[Served, ...]:
    """The same for each of many carriers and intervals."""
    swept = [one.graph.is_tree and steps <= ON_TREES and not (one.graph.charge < 0.0).any() for one in injected]
    parts = [_Part(one) for one, is_swept in zip(injected, swept, strict=True) if not is_swept]
    solved = (served for some in _together(parts) for served in _served(some, price_per_kwh, steps))
    tie_per_kwh = TIED * price_per_kwh if steps > CHEAPEST else 0.0
    return tuple(
        _on_tree(one, tie_per_kwh) if is_swept else next(solved) for one, is_swept in zip(injected, swept, strict=True)
    )


def _on_tree(injected: Injected, tie_per_kwh: float) -> Served:
    """The first steps on a tree. Raises NotSolved where the injections cannot be served."""
    graph, contracts, injection_kw = injected.graph, injected.contracts, injected.injection_kw
    parent, charge = graph.as_tree()
    outside, missed_kw = least_outside(
        (parent, charge),
        (graph.place, injection_kw),
        (contracts.owner, contracts.share, contracts.upper_kw, contracts.price_per_kwh),
        tie_per_kwh,
    )
    if np.isnan(missed_kw):
        raise NotSolved("power is bought for less than it is sold for, without limit: give the contracts limits")
    if abs(missed_kw) > LOOSER * (float(np.abs(injection_kw).max(initial=0.0)) or 1.0):
        raise NotSolved(f"no contracts and flows serve given injections: {missed_kw:g} kW are left over")
    sale = injection_kw + np.bincount(contracts.owner, contracts.share * outside, len(injection_kw))
    flow = graph.upwards(sale)
    return Served(sale, flow, float(contracts.price_per_kwh @ outside + charge[1:] @ np.abs(flow)))


def _together(parts: Sequence["_Part"]) -> Iterator[list["_Part"]]:
    """The parts in their order, as many at a time as may be solved at once."""
    some: list[_Part] = []
    for part in parts:
        if some and sum(one.columns for one in some) + part.columns > TOGETHER:
            yield some
            some = []
        some.append(part)
    if some:
        yield some


def _served(parts: Sequence["_Part"], price_per_kwh: float, steps: int) -> list[Served]:
    programme, left, values = _Programme(parts), list(range(len(parts))), [np.zeros(0)] * len(parts)
    for step in range(steps):
        programme.minimise(np.concatenate([parts[n].objectives(price_per_kwh)[step] for n in left]))
        faces = programme.faces()
        for n, (value, _) in zip(left, faces, strict=True):
            values[n] = value
        # Where nothing is left open, the steps that follow would find the same once more.
        is_open = [not parts[n].is_determined(free) for n, (_, free) in zip(left, faces, strict=True)]
        left = [n for n, one in zip(left, is_open, strict=True) if one]
        if not left:
            break
        programme = programme.only(is_open)
    return [part.answer(value) for part, value in zip(parts, values, strict=True)]


class _Part:
    """One carrier in one interval. Columns, in this order: contracts and imbalances, positive net sales of the members
    and how far these lie above the net sales themselves, flows forth and back.

    A node's balance says that what its members inject and get from outside leaves over its edges. Powers in units of
    the largest injection.
    """

    def __init__(self, injected: Injected) -> None:
        graph, contracts, injection_kw = injected.graph, injected.contracts, injected.injection_kw
        self._graph, self._contracts, self._injection = graph, contracts, injection_kw
        self._power = float(np.abs(injection_kw).max(initial=0.0)) or 1.0
        members, edges = len(injection_kw), len(graph.charge)
        self._cuts = np.cumsum([0, len(contracts.owner), members, members, edges, edges])
        self._money = np.concatenate([contracts.price_per_kwh, np.zeros(2 * members), graph.charge, graph.charge])
        self.columns = len(self._money)
        self.entries = _entries(graph, contracts, members, self._cuts)
        per_unit = injection_kw / self._power
        self.right = np.concatenate([-np.bincount(graph.place, per_unit, graph.nodes), per_unit])
        self.upper = np.full(self.columns, np.inf)
        self.upper[: len(contracts.owner)] = contracts.upper_kw / self._power

    def objectives(self, price_per_kwh: float) -> tuple[FloatArray, ...]:
        """Of all steps, one after the other."""
        sold, flowing = np.zeros((2, self.columns))
        sold[self._cuts[1] : self._cuts[2]] = 1.0
        flowing[self._cuts[3] :] = 1.0
        return self._money / price_per_kwh, sold, flowing

    def is_determined(self, free: BoolArray) -> bool:
        """Whether a face leaves no choice about contracts and flows, of which the columns `free` may still move.

        Each of these is an edge of a graph: between two nodes, or from a node to the outside. Where they close no
        circle, the nodes' balances say how much goes over each.
        """
        outside, there, back = (free[self._cuts[n] : self._cuts[n + 1]] for n in (0, 3, 4))
        begin, end = self._graph.from_node, self._graph.to_node
        at = self._graph.place[self._contracts.owner[outside]]
        first = np.concatenate([at, begin[there], begin[back]])
        second = np.concatenate([np.full(len(at), self._graph.nodes), end[there], end[back]])
        count = self._graph.nodes + 1
        edges = sp.coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
        together, _ = connected_components(edges, directed=False)
        return bool(len(first) == count - together)

    def answer(self, columns: FloatArray) -> Served:
        """What a solution says."""
        value = columns * self._power
        outside, _, _, there, back = (value[begin:end] for begin, end in pairwise(self._cuts))
        got = np.bincount(self._contracts.owner, self._contracts.share * outside, len(self._injection))
        return Served(self._injection + got, there - back, float(self._money @ value))


class _Programme:
    """Several parts side by side, and the face that is left of them."""

    def __init__(self, parts: Sequence[_Part]) -> None:
        self._parts = parts
        self._matrix = _diagonal(parts)
        self._right = np.concatenate([part.right for part in parts])
        self._upper = np.concatenate([part.upper for part in parts])
        self._lower = np.zeros(len(self._upper))
        self._value, self._is_solved = self._lower, False

    def faces(self) -> list[tuple[FloatArray, BoolArray]]:
        """By part the last solution, and which of its columns may still move."""
        edges = np.cumsum([part.columns for part in self._parts])[:-1]
        free = self._upper > self._lower
        return list(zip(np.split(self._value, edges), np.split(free, edges), strict=True))

    def only(self, which: Sequence[bool]) -> "_Programme":
        """Those parts alone, on the face that is left of them; itself where these are all."""
        if all(which):
            return self
        kept = np.repeat(which, [part.columns for part in self._parts])
        fewer = _Programme([part for part, one in zip(self._parts, which, strict=True) if one])
        fewer._lower, fewer._upper = self._lower[kept], self._upper[kept]
        fewer._value, fewer._is_solved = self._value[kept], self._is_solved
        return fewer

    def minimise(self, objective: FloatArray) -> None:
        """Minimise on the face that is left, and leave the face on which the minimum lies. Raises NotSolved."""
        if self._is_solved and _is_least(objective, self._value - self._lower):
            # As where nobody trades: nothing has to be solved to know that no column that counts can be smaller.
            self._upper = np.where(objective > 0.0, self._lower, self._upper)
            return
        for tolerance in (TOLERANCE, LOOSER):
            found = linprog(  # type: ignore[call-overload]  # it takes sparse matrices, its types know dense ones
                objective,
                A_eq=self._matrix,
                b_eq=self._right,
                bounds=np.column_stack([self._lower, self._upper]),
                method="highs",
                options={"primal_feasibility_tolerance": tolerance, "dual_feasibility_tolerance": TOLERANCE},
            )
            if found.success:
                break
        else:
            raise NotSolved(f"HiGHS finds no contracts and flows for given injections: {found.message}")
        self._value, self._is_solved = np.clip(found.x, self._lower, self._upper), True
        fixed = np.abs(found.lower.marginals + found.upper.marginals) > ON_FACE
        self._lower = np.where(fixed, self._value, self._lower)
        self._upper = np.where(fixed, self._value, self._upper)


def _is_least(objective: FloatArray, above: FloatArray) -> bool:
    """Whether columns so far `above` their least values make an objective as small as these limits let it be."""
    return bool((objective >= 0.0).all() and not above[objective > 0.0].any())


def _entries(graph: FlowGraph, contracts: Contracts, members: int, cuts: IntArray) -> Entries:
    """Balances of the nodes, then of the members: positive net sale less the way above it is the net sale."""
    outside, sold, above, there, back = (np.arange(begin, end) for begin, end in pairwise(cuts))
    own, one_each, ones = graph.nodes + np.arange(members), np.ones(members), np.ones(len(there))
    found = [
        (graph.place[contracts.owner], outside, contracts.share),
        (own[contracts.owner], outside, -contracts.share),
        (own, sold, one_each),
        (own, above, -one_each),
        *((graph.to_node, flow, sign * ones) for flow, sign in ((there, 1.0), (back, -1.0))),
        *((graph.from_node, flow, -sign * ones) for flow, sign in ((there, 1.0), (back, -1.0))),
    ]
    rows, columns, values = (np.concatenate(each) for each in zip(*found, strict=True))
    return rows, columns, values


def _diagonal(parts: Sequence[_Part]) -> sp.csc_array:
    """The parts' matrices along the diagonal."""
    below = accumulate((len(part.right) for part in parts), initial=0)
    beside = accumulate((part.columns for part in parts), initial=0)
    moved = [
        (rows + first_row, columns + first_column, values)
        for (rows, columns, values), first_row, first_column in zip(
            (part.entries for part in parts), below, beside, strict=False
        )
    ]
    rows, columns, values = (np.concatenate(each) for each in zip(*moved, strict=True))
    shape = sum(len(part.right) for part in parts), sum(part.columns for part in parts)
    return sp.csc_array((values, (rows, columns)), shape=shape)

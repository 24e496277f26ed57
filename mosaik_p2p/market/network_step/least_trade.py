"""The least trade behind given injections: who trades how much is told only as far as the optimum says it.

Where a trade costs nothing, or no more than a contract, the optimum leaves open who buys for whom: members could buy to
sell on, and nobody would gain or lose. So what is reported is chosen in steps, for each carrier and interval, with what
everyone's devices inject held as it was cleared:

    1  the least money for contracts and charges
    2  of these, the least sum of positive net sales
    3  of these, the least power over all pairs (where pairs are the edges; on a tree net sales give the flows)

Each step is a linear programme on the optimal face of the one before: what has a reduced cost there stays where it is.
No price is changed, by however little, to get there.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from mosaik_p2p.market.network_step.flow_problem import Contracts, FlowGraph
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.units import FloatArray

CHEAPEST, ON_TREES, ON_PAIRS = 1, 2, 3
"""How many of the steps are taken: for the money alone, and for what is reported."""
ON_FACE = 1e-7
"""Reduced costs below this are none, in units of the price scale."""
TOLERANCE = 1e-9
"""Of the programmes, in units of the largest injection and price."""

LOOSER = 1e-7
"""For primal values where that fails: a face is held by values that are right to the tolerance only."""


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
    programme = _Programme(graph, contracts, injection_kw, price_per_kwh)
    for objective in programme.objectives[:steps]:
        programme.minimise(objective)
    return programme.answer()


class _Programme:
    """Columns, in this order: contracts and imbalances, positive net sales of the members and how far these lie above
    the net sales themselves, flows forth and back.

    A node's balance says that what its members inject and get from outside leaves over its edges. Powers in units of
    the largest injection.
    """

    def __init__(self, graph: FlowGraph, contracts: Contracts, injection_kw: FloatArray, price_per_kwh: float) -> None:
        self._contracts, self._injection = contracts, injection_kw
        self._power = float(np.abs(injection_kw).max(initial=0.0)) or 1.0
        members, edges = len(injection_kw), len(graph.charge)
        self._parts = np.cumsum([0, len(contracts.owner), members, members, edges, edges])
        self._money = np.concatenate([contracts.price_per_kwh, np.zeros(2 * members), graph.charge, graph.charge])
        sold, flowing = np.zeros(len(self._money)), np.zeros(len(self._money))
        sold[self._parts[1] : self._parts[2]] = 1.0
        flowing[self._parts[3] :] = 1.0
        self.objectives = (self._money / price_per_kwh, sold, flowing)
        self._matrix = _matrix(graph, contracts, members)
        injected = injection_kw / self._power
        self._rhs = np.concatenate([-np.bincount(graph.place, injected, graph.nodes), injected])
        self._lower = np.zeros(len(self._money))
        self._upper = np.full(len(self._money), np.inf)
        self._upper[: self._parts[1]] = contracts.upper_kw / self._power
        self._value = self._lower

    def minimise(self, objective: FloatArray) -> None:
        """Minimise on the face that is left, and leave the face on which the minimum lies. Raises NotSolved."""
        for tolerance in (TOLERANCE, LOOSER):
            found = linprog(  # type: ignore[call-overload]  # it takes sparse matrices, its types know dense ones
                objective,
                A_eq=self._matrix,
                b_eq=self._rhs,
                bounds=np.column_stack([self._lower, self._upper]),
                method="highs",
                options={"primal_feasibility_tolerance": tolerance, "dual_feasibility_tolerance": TOLERANCE},
            )
            if found.success:
                break
        else:
            raise NotSolved(f"HiGHS finds no contracts and flows for given injections: {found.message}")
        self._value = np.clip(found.x, self._lower, self._upper)
        fixed = np.abs(found.lower.marginals + found.upper.marginals) > ON_FACE
        self._lower = np.where(fixed, self._value, self._lower)
        self._upper = np.where(fixed, self._value, self._upper)

    def answer(self) -> Served:
        """The last solution."""
        value = self._value * self._power
        outside, _, _, there, back = (value[begin:end] for begin, end in pairwise(self._parts))
        got = np.bincount(self._contracts.owner, self._contracts.share * outside, len(self._injection))
        return Served(self._injection + got, there - back, float(self._money @ value))


def _matrix(graph: FlowGraph, contracts: Contracts, members: int) -> sp.csc_array:
    """Balances of the nodes, then of the members: positive net sale less the way above it is the net sale."""
    entry, edge = np.arange(len(contracts.owner)), np.arange(len(graph.charge))
    ones, each = np.ones(len(edge)), sp.csr_array(sp.eye_array(members))
    outside = sp.csr_array((contracts.share, (graph.place[contracts.owner], entry)), shape=(graph.nodes, len(entry)))
    own = sp.csr_array((contracts.share, (contracts.owner, entry)), shape=(members, len(entry)))
    into = sp.csr_array((ones, (graph.to_node, edge)), shape=(graph.nodes, len(edge)))
    flow = into - sp.csr_array((ones, (graph.from_node, edge)), shape=(graph.nodes, len(edge)))
    return sp.csc_array(sp.block_array([[outside, None, None, flow, -flow], [-own, each, -each, None, None]]))

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

import highspy
import numpy as np
import scipy.sparse as sp

from mosaik_p2p.market.flow_problem import Contracts, FlowGraph
from mosaik_p2p.market.quadratic import NotSolved
from mosaik_p2p.units import FloatArray

CHEAPEST, ON_TREES, ON_PAIRS = 1, 2, 3
"""How many of the steps are taken: for the money alone, and for what is reported."""
ON_FACE = 1e-7
"""Reduced costs below this are none, in units of the price scale."""
TOLERANCE = 1e-9
"""Of the programmes, in units of the largest injection and price."""


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
    """Columns, in this order: contracts and imbalances, positive net sales of the members, flows forth and back.

    A node's balance says that what its members inject and get from outside leaves over its edges; a positive net sale
    is at least what its member injects and gets from outside.
    """

    def __init__(self, graph: FlowGraph, contracts: Contracts, injection_kw: FloatArray, price_per_kwh: float) -> None:
        self._graph, self._contracts, self._injection = graph, contracts, injection_kw
        self._power = float(np.abs(injection_kw).max(initial=0.0)) or 1.0
        edges = len(graph.charge)
        self._parts = np.cumsum([0, len(contracts.owner), len(injection_kw), edges, edges])
        prices = np.concatenate([contracts.price_per_kwh, np.zeros(len(injection_kw)), graph.charge, graph.charge])
        sold, flowing = np.zeros(len(prices)), np.zeros(len(prices))
        sold[self._parts[1] : self._parts[2]] = 1.0
        flowing[self._parts[2] :] = 1.0
        self._money = prices
        self.objectives = (prices / price_per_kwh, sold, flowing)
        self._solver = highspy.Highs()
        self._solver.silent()
        self._solver.setOptionValue("primal_feasibility_tolerance", TOLERANCE)
        self._solver.setOptionValue("dual_feasibility_tolerance", TOLERANCE)
        self._solver.passModel(self._model())

    def _model(self) -> highspy.HighsLp:
        injected = self._injection / self._power
        at_node = np.bincount(self._graph.place, injected, self._graph.nodes)
        endless = np.full(int(self._parts[-1] - self._parts[1]), np.inf)
        matrix = self._matrix()
        model = highspy.HighsLp()
        model.num_row_, model.num_col_ = matrix.shape
        model.col_cost_, model.col_lower_ = np.zeros(matrix.shape[1]), np.zeros(matrix.shape[1])
        model.col_upper_ = np.concatenate([self._contracts.upper_kw / self._power, endless])
        model.row_lower_ = np.concatenate([-at_node, injected])
        model.row_upper_ = np.concatenate([-at_node, np.full(len(injected), np.inf)])
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr, matrix.indices
        model.a_matrix_.value_ = matrix.data
        return model

    def _matrix(self) -> sp.csc_array:
        graph, contracts, count = self._graph, self._contracts, len(self._injection)
        entry, edge = np.arange(len(contracts.owner)), np.arange(len(graph.charge))
        ones = np.ones(len(edge))
        outside = sp.csr_array(
            (contracts.share, (graph.place[contracts.owner], entry)), shape=(graph.nodes, len(entry))
        )
        own = sp.csr_array((contracts.share, (contracts.owner, entry)), shape=(count, len(entry)))
        flow = sp.csr_array((ones, (graph.to_node, edge)), shape=(graph.nodes, len(edge))) - sp.csr_array(
            (ones, (graph.from_node, edge)), shape=(graph.nodes, len(edge))
        )
        sold = sp.csr_array(sp.eye_array(count))
        return sp.csc_array(sp.block_array([[outside, None, flow, -flow], [-own, sold, None, None]]))

    def minimise(self, objective: FloatArray) -> None:
        """Minimise on the face that is left, and leave the face on which the minimum lies."""
        solver, columns = self._solver, np.arange(len(objective), dtype=np.int32)
        solver.changeColsCost(len(columns), columns, objective)
        solver.run()
        status = solver.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise NotSolved(f"HiGHS finds no contracts and flows for given injections: {status}")
        solution = solver.getSolution()
        value, reduced = np.array(solution.col_value), np.array(solution.col_dual)
        fixed = np.flatnonzero(np.abs(reduced) > ON_FACE).astype(np.int32)
        solver.changeColsBounds(len(fixed), fixed, value[fixed], value[fixed])
        level, price = np.array(solution.row_value), np.array(solution.row_dual)
        for row in np.flatnonzero(np.abs(price) > ON_FACE):
            solver.changeRowBounds(int(row), float(level[row]), float(level[row]))

    def answer(self) -> Served:
        """The last solution."""
        value = np.array(self._solver.getSolution().col_value) * self._power
        outside, _, there, back = (value[begin:end] for begin, end in pairwise(self._parts))
        got = np.bincount(self._contracts.owner, self._contracts.share * outside, len(self._injection))
        return Served(self._injection + got, there - back, float(self._money @ value))

"""The network's side of one carrier in one interval as a small sparse programme.

    minimise    sum_i weight_i/2 (X_i - w_i)^2
                + dt (contract costs + sum_edges K |f| + slack_price * sum_c slack_c)
    subject to  at every node:  sum of X_i + import_i - export_i  =  what flows away along its edges
                sum_i S_ci X_i - slack_c <= bound_c                     for every held limit c
                contracts and X_i within their limits

X_i is what prosumer i's devices inject; `import - export` is its contract, so that `s_i = X_i + import_i - export_i` is
its net sale, which is what flows. The multipliers of the nodes are prices pi, those of the limits mu >= 0; what every
kWh injected at i pays is nu_i = sum_c mu_c S_ci, and what it is worth to i is pi_i - nu_i. Solved by PIQP.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.charges.tree import ChargeTree
from mosaik_p2p.market.problem import IMBALANCE, UNLIMITED, MarketProblem
from mosaik_p2p.market.quadratic import DiagonalProgram, NotSolved
from mosaik_p2p.market.rows import HeldRow
from mosaik_p2p.market.subproblem import FINAL_TOLERANCE, STEP_TOLERANCE
from mosaik_p2p.units import FloatArray, IntArray

RESALE = 3e-4
"""In units of the price scale: where it costs the same, nobody buys from a peer what it then exports, nor imports for
one."""

FLOW_EACH = 10.0
"""In mean sizes: what each member may add to the flow along an edge."""


@dataclass(frozen=True)
class FlowGraph:
    """Where the members sit and along which edges they trade; `charge` per kWh on each edge, both ends together."""

    nodes: int
    place: IntArray
    from_node: IntArray
    to_node: IntArray
    charge: FloatArray


@dataclass(frozen=True)
class Contracts:
    """What members exchange outside the market: one entry per contract side and imbalance, (k,) each."""

    owner: IntArray
    """Position among the members."""
    share: FloatArray
    """What 1 kW adds to the owner's balance: 1 or -1."""
    upper_kw: FloatArray
    price_per_kwh: FloatArray


@dataclass(frozen=True)
class NetworkAnswer:
    """Injections X, node prices pi and surcharges nu of the members (n,), multipliers mu of the rows (R,) in money per
    unit and hour, and by how much the rows are broken (R,), in their unit."""

    injection_kw: FloatArray
    node_price_per_kwh: FloatArray
    surcharge_per_kwh: FloatArray
    multiplier: FloatArray
    slack: FloatArray


@dataclass(frozen=True)
class Served:
    """The cheapest way to serve given injections: net sales (n,), pair or edge flows (E,), money without slack."""

    sale_kw: FloatArray
    flow_kw: FloatArray
    node_price_per_kwh: FloatArray
    cost: float


def tree_of(charges: Charges) -> ChargeTree | None:
    """The network that flows follow; None where charges are no paths on a tree, or a pair has terms of its own."""
    return None if charges.pair_specific else charges.tree


def pairs_of(charges: Charges, who: IntArray) -> tuple[IntArray, IntArray]:
    """The pairs of members that may trade, as positions in `who`."""
    first, second = np.triu_indices(len(who), 1)
    is_open = charges.may_trade[who[first], who[second]]
    return first[is_open], second[is_open]


def flow_graph(charges: Charges, who: IntArray) -> FlowGraph:
    """The tree where charges have one, else every pair of partners as an edge."""
    tree = tree_of(charges)
    if tree is not None:
        below = np.arange(1, len(tree.parent))
        return FlowGraph(len(tree.parent), tree.place[who], below, tree.parent[1:], tree.charge[1:])
    first, second = pairs_of(charges, who)
    return FlowGraph(len(who), np.arange(len(who)), first, second, charges.total[who[first], who[second]])


def contracts_at(problem: MarketProblem, c: int, who: IntArray, t: int) -> Contracts:
    """Contracts and priced imbalances of the members in interval `t`."""
    rows = [
        (n, float(model.balance[c, k, t]), float(model.upper[k, t]), float(model.linear[k, t]))
        for n, model in enumerate(problem.models[i] for i in who)
        for k, variable in enumerate(model.variables)
        if variable.type in ("contract", IMBALANCE) and model.balance[c, k, t] != 0.0
    ]
    columns = np.array(rows, dtype=float).reshape(-1, 4)
    return Contracts(columns[:, 0].astype(np.int64), columns[:, 1], columns[:, 2], columns[:, 3])


class NetworkStep:
    """Holds the programmes of one carrier and interval; stateful only in its solvers."""

    def __init__(
        self,
        graph: FlowGraph,
        contracts: Contracts,
        rows: Sequence[HeldRow],
        who: IntArray,
        *,
        reach_kw: tuple[FloatArray, FloatArray],
        power_kw: float,
        price_per_kwh: float,
        slack_price_per_kwh: float,
        dt_h: float,
    ) -> None:
        """`reach_kw`: least and largest injection of every member; `who`: the members' positions in the rows."""
        self._graph, self._contracts, self._rows = graph, contracts, tuple(rows)
        self._power, self._price, self._dt_h = power_kw, price_per_kwh, dt_h
        self._money = power_kw * price_per_kwh * dt_h
        self._count = len(who)
        self._sizes = np.array([row.size for row in rows])
        self._slopes = np.array([row.slope[who] / row.size for row in rows]).reshape(len(rows), len(who))
        self._bounds = np.array([row.bound / row.size for row in rows]) / power_kw
        self._slack_price = slack_price_per_kwh / price_per_kwh
        self._build(reach_kw[0] / power_kw, reach_kw[1] / power_kw)
        self._weight = np.zeros(0)
        self._agreeing: DiagonalProgram | None = None
        self._last = np.zeros(graph.nodes + len(rows))

    def _build(self, least: FloatArray, most: FloatArray) -> None:
        graph, contracts, edges, rows = self._graph, self._contracts, len(self._graph.charge), len(self._rows)
        free = graph.charge == 0.0
        self._linear = np.concatenate(
            [
                np.zeros(self._count),
                contracts.price_per_kwh / self._price,
                np.tile(graph.charge / self._price, 2),
                np.zeros(rows),
                np.full(rows, self._slack_price),
            ]
        )
        upper = np.where(np.isfinite(contracts.upper_kw), contracts.upper_kw / self._power, UNLIMITED)
        # All that everyone sells may flow along one edge; a limit much farther away costs PIQP digits.
        most_flow = max(UNLIMITED, FLOW_EACH * self._count)
        forward, backward = np.full(edges, most_flow), np.where(free, 0.0, most_flow)
        zeros = np.zeros(len(upper))
        self._lower = np.concatenate(
            [least, zeros, np.where(free, -most_flow, 0.0), np.zeros(edges), np.zeros(2 * rows)]
        )
        self._upper = np.concatenate([most, upper, forward, backward, np.full(2 * rows, np.inf)])
        self._matrix = sp.vstack([self._balances(), self._limits()]).tocsr()
        self._rhs = np.concatenate([np.zeros(graph.nodes), self._bounds])

    def _balances(self) -> sp.csr_array:
        graph, contracts = self._graph, self._contracts
        edges, nodes, rows = len(graph.charge), graph.nodes, len(self._rows)
        member = sp.csr_array((np.ones(self._count), (graph.place, np.arange(self._count))), shape=(nodes, self._count))
        outside = sp.csr_array(
            (contracts.share, (graph.place[contracts.owner], np.arange(len(contracts.owner)))),
            shape=(nodes, len(contracts.owner)),
        )
        at = np.arange(edges)
        flow = sp.csr_array((np.ones(edges), (graph.to_node, at)), shape=(nodes, edges)) - sp.csr_array(
            (np.ones(edges), (graph.from_node, at)), shape=(nodes, edges)
        )
        return sp.hstack([member, outside, flow, -flow, sp.csr_array((nodes, 2 * rows))])

    def _limits(self) -> sp.csr_array:
        rows, between = len(self._rows), len(self._contracts.owner) + 2 * len(self._graph.charge)
        one = sp.csr_array(sp.eye_array(rows))
        return sp.hstack([sp.csr_array(self._slopes), sp.csr_array((rows, between)), one, -one])

    # -- the step of ADMM ---------------------------------------------------------------------------------------

    def agree(self, wish_kw: FloatArray, weight: FloatArray) -> NetworkAnswer:
        """The injections nearest to the wishes (n,) at penalties `weight` (n,), money per kW^2. Raises NotSolved."""
        scaled = weight * self._power**2 / self._money
        linear = self._linear.copy()
        linear[: self._count] -= scaled * wish_kw / self._power
        if self._agreeing is None or not np.array_equal(weight, self._weight):
            self._weight = weight.copy()
            curvature = np.zeros(len(linear))
            curvature[: self._count] = scaled
            self._agreeing = self._programme(curvature, linear, STEP_TOLERANCE)
        self._agreeing.update(linear=linear)
        solution = self._agreeing.solve()
        self._last = solution.y
        return self._answer(solution.x, solution.y)

    def _programme(self, curvature: FloatArray, linear: FloatArray, tolerance: float) -> DiagonalProgram:
        return DiagonalProgram(
            quadratic=curvature,
            linear=linear,
            matrix=self._matrix,
            rhs=self._rhs,
            lower=self._lower,
            upper=self._upper,
            tolerance=tolerance,
        )

    def _answer(self, x: FloatArray, y: FloatArray) -> NetworkAnswer:
        nodes, injection = self._graph.nodes, x[: self._count] * self._power
        mu = np.maximum(-y[nodes:], 0.0)
        return NetworkAnswer(
            injection_kw=injection,
            node_price_per_kwh=y[self._graph.place] * self._price,
            surcharge_per_kwh=(mu @ self._slopes) * self._price,
            multiplier=mu * self._price / self._sizes,
            slack=self.slack(injection),
        )

    def slack(self, injection_kw: FloatArray) -> FloatArray:
        """(R,) by how much injections (n,) break the rows, in their unit."""
        broken: FloatArray = np.maximum(self._slopes @ injection_kw / self._power - self._bounds, 0.0)
        slack: FloatArray = broken * self._sizes * self._power
        return slack

    # -- certificate --------------------------------------------------------------------------------------------

    def penalty(self, injection_kw: FloatArray) -> float:
        """Money for the slack of injections (n,)."""
        return float(np.sum(self.slack(injection_kw) / self._sizes) * self._slack_price * self._price * self._dt_h)

    def bound(self, price_per_kwh: FloatArray) -> float:
        """Money that the network, buying all injections at `price_per_kwh` (n,), cannot undercut.

        Weak duality: any multipliers give a valid value, the optimal ones the best.
        """
        linear = self._linear.copy()
        linear[: self._count] = price_per_kwh / self._price
        try:
            y = self._programme(np.zeros(len(linear)), linear, STEP_TOLERANCE).solve().y
        except NotSolved:
            y = self._last
        y = y.copy()
        y[self._graph.nodes :] = np.clip(y[self._graph.nodes :], -self._slack_price, 0.0)
        slope = linear - self._matrix.T @ y
        at_limit = np.where(slope >= 0, self._lower, np.where(np.isfinite(self._upper), self._upper, 0.0))
        return float((slope @ at_limit + y @ self._rhs) * self._money)

    # -- completion ---------------------------------------------------------------------------------------------

    def serve(self, injection_kw: FloatArray) -> Served:
        """Contracts and flows that serve injections (n,) at the least cost. Raises NotSolved."""
        count, edges, nodes = self._count, len(self._graph.charge), self._graph.nodes
        inner = slice(count, count + len(self._contracts.owner) + 2 * edges)
        given: FloatArray = np.bincount(self._graph.place, injection_kw / self._power, nodes).astype(float)
        linear = self._linear[inner].copy()
        linear[: len(self._contracts.owner)] += RESALE * (
            self._contracts.share * injection_kw[self._contracts.owner] > 0
        )
        programme = DiagonalProgram(
            quadratic=np.zeros(inner.stop - inner.start),
            linear=linear,
            matrix=self._matrix[:nodes, inner],
            rhs=-given,
            lower=self._lower[inner],
            upper=self._upper[inner],
            tolerance=FINAL_TOLERANCE,
        )
        solution = programme.solve()
        outside = solution.x[: len(self._contracts.owner)]
        flows = solution.x[len(outside) :]
        bought = np.bincount(self._contracts.owner, self._contracts.share * outside, count)
        return Served(
            sale_kw=injection_kw + bought * self._power,
            flow_kw=(flows[:edges] - flows[edges:]) * self._power,
            node_price_per_kwh=solution.y[self._graph.place] * self._price,
            cost=float(self._linear[inner] @ solution.x * self._money),
        )

"""The network's side of one carrier in one interval as a small sparse programme.

    minimise    sum_i weight_i/2 (X_i - w_i)^2
                + dt (contract costs + sum_edges K |f| + A f^2 + sum_c slack_price_c slack_c + sum_i levy_i X_i)
                + dt loss_price (sum_i l_i (X_i - X^_i) + sum_b q_b e_b^2)
    subject to  at every node:  sum of X_i + import_i - export_i  =  what flows away along its edges
                sum_i S_ci X_i - slack_c <= bound_c                     for every held limit c
                e_b = sum_i d_bi (X_i - X^_i)                           for every branch b with losses
                contracts and X_i within their limits

X_i is what prosumer i's devices inject; `import - export` is its contract, so that `s_i = X_i + import_i - export_i` is
its net sale, which is what flows. What lacks or is too much counts among the contracts, within `imbalance_kw`: an
injection that nobody takes relieves no limit, and no load goes unserved for one. The multipliers of the nodes are
prices pi, those of the limits mu >= 0; what every kWh injected at i pays for limits is nu_i = sum_c mu_c S_ci, for
losses loss_price (l_i + sum_b 2 q_b e_b d_bi), and what it is worth to i is pi_i less these two and the levy. Solved by
PIQP.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from mosaik_p2p.market.negotiation.limit_rows import HeldRow
from mosaik_p2p.market.negotiation.limits import LossTerms
from mosaik_p2p.market.network_step.flow_problem import Contracts, FlowGraph
from mosaik_p2p.market.network_step.least_trade import Served, serve
from mosaik_p2p.market.problem import UNLIMITED
from mosaik_p2p.market.prosumer_step.qp_solver import DiagonalProgram, NotSolved
from mosaik_p2p.market.prosumer_step.subproblem import STEP_TOLERANCE
from mosaik_p2p.units import FloatArray, IntArray

FLOW_EACH = 10.0
"""In mean sizes: what each member may add to the flow along an edge."""


GAP_TOLERANCE = 1e-9
"""Of the step's duality gap, in its own scale: an injection at its limit stays as far off it as this allows."""
SERVED_TOLERANCE = 1e-9
"""Where contracts and flows are found for given injections: what they miss is an imbalance at the scarcity price."""


@dataclass(frozen=True)
class NetworkAnswer:
    """Injections X, node prices pi, surcharges nu and what losses cost per kWh injected, of the members (n,);
    multipliers mu of the rows (R,) in money per unit and hour, and by how much the rows are violated (R,), in their
    unit."""

    injection_kw: FloatArray
    node_price_per_kwh: FloatArray
    surcharge_per_kwh: FloatArray
    loss_per_kwh: FloatArray
    multiplier: FloatArray
    slack: FloatArray


class NetworkStep:
    """Holds the programmes of one carrier and interval; stateful only in its solvers."""

    def __init__(
        self,
        graph: FlowGraph,
        contracts: Contracts,
        rows: Sequence[HeldRow],
        who: IntArray,
        *,
        injection_bounds_kw: tuple[FloatArray, FloatArray],
        imbalance_kw: tuple[FloatArray, FloatArray],
        power_kw: float,
        price_per_kwh: float,
        slack_price: FloatArray,
        dt_h: float,
        losses: LossTerms | None = None,
        levy_per_kwh: FloatArray | None = None,
    ) -> None:
        """`injection_bounds_kw`: least and largest injection of every member; `imbalance_kw`: the most that each may
        lack, and have too much; `slack_price` (R,): money per unit of each row and hour; `who`: the members' positions
        in the rows and in the terms of losses; `levy_per_kwh` (n,): what each pays besides per kWh injected."""
        self._graph, self._contracts, self._rows = graph, contracts, tuple(rows)
        self._power, self._price, self._dt_h = power_kw, price_per_kwh, dt_h
        self._money = power_kw * price_per_kwh * dt_h
        self._count = len(who)
        self._sizes = np.array([row.size for row in rows])
        self._slopes = np.array([row.slope[who] / row.size for row in rows]).reshape(len(rows), len(who))
        self._bounds = np.array([row.bound / row.size for row in rows]) / power_kw
        self._slack_price = slack_price * self._sizes / price_per_kwh
        self._losses = _MemberLosses.of(losses, who, power_kw, price_per_kwh)
        self._levy = (np.zeros(len(who)) if levy_per_kwh is None else levy_per_kwh) / price_per_kwh
        self._build(injection_bounds_kw[0] / power_kw, injection_bounds_kw[1] / power_kw, imbalance_kw)
        self._weight = np.zeros(0)
        self._agreeing: DiagonalProgram | None = None
        self._last = np.zeros(graph.nodes + len(rows) + len(self._losses.curve))

    def _build(self, least: FloatArray, most: FloatArray, imbalance_kw: tuple[FloatArray, FloatArray]) -> None:
        graph, contracts, edges, rows = self._graph, self._contracts, len(self._graph.charge), len(self._rows)
        losses, branches = self._losses, len(self._losses.curve)
        free = graph.charge == 0.0
        self._linear = np.concatenate(
            [
                losses.slope + self._levy,
                contracts.price_per_kwh / self._price,
                np.tile(graph.charge / self._price, 2),
                np.zeros(rows),
                self._slack_price,
                np.zeros(branches),
            ]
        )
        lacking, surplus = (most_kw[contracts.owner] for most_kw in imbalance_kw)
        allowed = np.where(contracts.share > 0.0, lacking, surplus)
        outside_kw = np.where(contracts.is_imbalance, np.minimum(contracts.upper_kw, allowed), contracts.upper_kw)
        upper = np.where(np.isfinite(outside_kw), outside_kw / self._power, UNLIMITED)
        # All that everyone sells may flow along one edge; a limit much farther away costs PIQP digits.
        most_flow = max(UNLIMITED, FLOW_EACH * self._count)
        forward, backward = np.full(edges, most_flow), np.where(free, 0.0, most_flow)
        zeros = np.zeros(len(upper))
        # Of two flows against each other neither is worth its cost: A stands on both directions.
        steep = np.zeros(edges) if graph.curvature is None else 2.0 * graph.curvature * self._power / self._price
        own = np.zeros(self._count + len(upper))
        self._quadratic = np.concatenate([own, np.tile(steep, 2), np.zeros(2 * rows), losses.curve])
        endless = np.full(branches, np.inf)
        self._lower = np.concatenate(
            [least, zeros, np.where(free, -most_flow, 0.0), np.zeros(edges), np.zeros(2 * rows), -endless]
        )
        self._upper = np.concatenate([most, upper, forward, backward, np.full(2 * rows, np.inf), endless])
        held = sp.vstack([self._balances(), self._limits()])
        between = sp.csr_array((branches, held.shape[1] - self._count))
        moved = sp.hstack([sp.csr_array(losses.share), between, -sp.csr_array(sp.eye_array(branches))])
        self._matrix = sp.vstack([sp.hstack([held, sp.csr_array((held.shape[0], branches))]), moved]).tocsr()
        self._rhs = np.concatenate([np.zeros(graph.nodes), self._bounds, losses.share @ losses.around])

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
            curvature = self._quadratic.copy()
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
            gap_tolerance=GAP_TOLERANCE,
        )

    def _answer(self, x: FloatArray, y: FloatArray) -> NetworkAnswer:
        nodes, injection = self._graph.nodes, x[: self._count] * self._power
        mu = np.maximum(-y[nodes : nodes + len(self._rows)], 0.0)
        return NetworkAnswer(
            injection_kw=injection,
            node_price_per_kwh=y[self._graph.place] * self._price,
            surcharge_per_kwh=(mu @ self._slopes) * self._price,
            loss_per_kwh=self._losses.gradient(x[: self._count]) * self._price,
            multiplier=mu * self._price / self._sizes,
            slack=self.slack(injection),
        )

    def slack(self, injection_kw: FloatArray) -> FloatArray:
        """(R,) by how much injections (n,) break the rows, in their unit."""
        broken: FloatArray = np.maximum(self._slopes @ injection_kw / self._power - self._bounds, 0.0)
        slack: FloatArray = broken * self._sizes * self._power
        return slack

    # -- certificate --------------------------------------------------------------------------------------------

    def added(self, injection_kw: FloatArray) -> float:
        """Money that the operator minimises beside the market's cost, for injections (n,): the rows' slack, losses
        against those around which they are stated, and the levy."""
        slack = float(self.slack(injection_kw) / self._sizes @ self._slack_price)
        x = injection_kw / self._power
        return (slack * self._price * self._dt_h) + float(self._losses.value(x) + self._levy @ x) * self._money

    def bound(self, price_per_kwh: FloatArray) -> float:
        """Money that the network, buying all injections at `price_per_kwh` (n,), cannot undercut.

        Weak duality: any multipliers give a valid value, the optimal ones the best.
        """
        linear = self._buying(price_per_kwh)
        try:
            y = self._programme(self._quadratic, linear, STEP_TOLERANCE).solve().y
        except NotSolved:
            y = self._last
        return self._dual_value(linear, y)

    def tight_bound(self, price_per_kwh: FloatArray) -> float:
        """The same with the best multipliers to the last digits, which flows without limits multiply."""
        if self._has_preferences:
            return self.bound(price_per_kwh)
        linear = self._buying(price_per_kwh)
        try:
            y = self._exact_multipliers(linear)
        except NotSolved:
            y = self._last
        return self._dual_value(linear, y)

    @property
    def _has_preferences(self) -> bool:
        return self._graph.curvature is not None

    def _exact_multipliers(self, linear: FloatArray) -> FloatArray:
        """Of the linear programme; where losses bend it, of the one that touches it where it is solved.

        Raises NotSolved.
        """
        branches = len(self._losses.curve)
        if not branches:
            return self._programme(self._quadratic, linear, STEP_TOLERANCE).solve_exactly().y
        moved = self._programme(self._quadratic, linear, STEP_TOLERANCE).solve().x[-branches:]
        slope = self._losses.curve * moved
        touching = linear.copy()
        touching[: self._count] += slope @ self._losses.share
        y = self._programme(np.zeros_like(self._quadratic), touching, STEP_TOLERANCE).solve_exactly().y
        y[-branches:] = -slope
        return y

    def _buying(self, price_per_kwh: FloatArray) -> FloatArray:
        linear = self._linear.copy()
        linear[: self._count] += price_per_kwh / self._price
        return linear

    def _dual_value(self, linear: FloatArray, multipliers: FloatArray) -> float:
        y = multipliers.copy()
        of_rows = slice(self._graph.nodes, self._graph.nodes + len(self._rows))
        y[of_rows] = np.clip(y[of_rows], -self._slack_price, 0.0)
        slope = linear - self._matrix.T @ y
        at_limit = np.where(slope >= 0, self._lower, np.where(np.isfinite(self._upper), self._upper, 0.0))
        steep = self._quadratic > 0.0
        least = np.clip(-slope[steep] / self._quadratic[steep], self._lower[steep], self._upper[steep])
        at_limit[steep] = least
        squares = 0.5 * float(self._quadratic[steep] @ least**2)
        value = float(slope @ at_limit + squares + y @ self._rhs) + self._losses.constant
        return value * self._money

    # -- completion ---------------------------------------------------------------------------------------------

    def serve(self, injection_kw: FloatArray, *, steps: int) -> Served:
        """Contracts and flows that serve injections (n,), see `least_trade`. Raises NotSolved.

        Where pairs have preferences that grow with their trade, these leave one best way, and no steps are taken.
        """
        if self._has_preferences:
            return self._served(injection_kw)
        return serve(self._graph, self._contracts, injection_kw, price_per_kwh=self._price, steps=steps)

    def _served(self, injection_kw: FloatArray) -> Served:
        """The least cost of contracts and flows, preferences included, for given injections (n,)."""
        curvature = self._graph.curvature
        assert curvature is not None, "only preferences make anything quadratic"
        lower, upper = self._lower.copy(), self._upper.copy()
        lower[: self._count] = upper[: self._count] = injection_kw / self._power
        programme = DiagonalProgram(
            quadratic=self._quadratic,
            linear=self._linear,
            matrix=self._matrix,
            rhs=self._rhs,
            lower=lower,
            upper=upper,
            tolerance=SERVED_TOLERANCE,
        )
        outside, edges = len(self._contracts.owner), len(self._graph.charge)
        cuts = np.cumsum([self._count, outside, edges, edges])
        _, contract, there, back, _ = np.split(programme.solve().x * self._power, cuts)
        got = np.bincount(self._contracts.owner, self._contracts.share * contract, self._count)
        flow = there - back
        money = self._contracts.price_per_kwh @ contract + self._graph.charge @ np.abs(flow) + curvature @ flow**2
        return Served(injection_kw + got, flow, float(money))


@dataclass(frozen=True)
class _MemberLosses:
    """The cost of losses in the programme's own scale: slope (n,) and, of B branches, share (B, n) and curve (B,)."""

    slope: FloatArray
    share: FloatArray
    curve: FloatArray
    around: FloatArray
    """(n,) injections of the solved state."""

    @classmethod
    def of(cls, losses: LossTerms | None, who: IntArray, power_kw: float, price_per_kwh: float) -> "_MemberLosses":
        """The terms of the members `who`; nothing where there are none."""
        if losses is None:
            nothing = np.zeros(len(who))
            return cls(nothing, np.zeros((0, len(who))), np.zeros(0), nothing)
        price = losses.price_per_kwh / price_per_kwh
        curve = 2.0 * price * losses.kw_per_kw2 * power_kw
        return cls(price * losses.marginal[who], losses.share[:, who], curve, losses.around_kw[who] / power_kw)

    @property
    def constant(self) -> float:
        """What the slope alone misses: losses count against those of the solved state."""
        return -float(self.slope @ self.around)

    def value(self, x: FloatArray) -> float:
        """Cost at injections x (n,)."""
        moved = self.share @ (x - self.around)
        return float(self.slope @ (x - self.around) + 0.5 * self.curve @ moved**2)

    def gradient(self, x: FloatArray) -> FloatArray:
        """(n,) what losses cost per unit injected, at injections x (n,)."""
        result: FloatArray = self.slope + (self.curve * (self.share @ (x - self.around))) @ self.share
        return result

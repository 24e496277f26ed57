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
PIQP, with the limits c that hold anything back (`lazy_rows`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.market.negotiation.lazy_rows import LazyProgramme, Optimum
from mosaik_p2p.market.negotiation.limit_rows import HeldRow
from mosaik_p2p.market.negotiation.limits import LossTerms
from mosaik_p2p.market.negotiation.operator_programme import MemberLosses, ScaledRows, stated
from mosaik_p2p.market.network_step.flow_problem import Contracts, FlowGraph
from mosaik_p2p.market.network_step.least_trade import CHEAPEST, Served, serve
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.units import FloatArray, IntArray

BEST = 1e-6
"""Part of a cost, in the programme's own scale, that multipliers may leave open and count as the best: so much is what
those of an interior point leave through flows without limits."""
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
        self._graph, self._contracts = graph, contracts
        self._power, self._price, self._dt_h = power_kw, price_per_kwh, dt_h
        self._money = power_kw * price_per_kwh * dt_h
        self._count = len(who)
        self._rows = ScaledRows.of(rows, who, slack_price, power_kw=power_kw, price_per_kwh=price_per_kwh)
        self._losses = MemberLosses.of(losses, who, power_kw, price_per_kwh)
        self._levy = (np.zeros(len(who)) if levy_per_kwh is None else levy_per_kwh) / price_per_kwh
        self._base = stated(
            graph,
            contracts,
            self._losses,
            self._levy,
            injection_bounds=(injection_bounds_kw[0] / power_kw, injection_bounds_kw[1] / power_kw),
            imbalance_kw=imbalance_kw,
            power_kw=power_kw,
            price_per_kwh=price_per_kwh,
        )
        self._weight = np.zeros(0)
        self._agreeing = LazyProgramme(self._base, self._rows)
        self._served_last = self._bounded_last = self._tightly_bounded_last = np.zeros(0), 0.0
        self._last: Optimum | None = None

    @property
    def stated_rows(self) -> IntArray:
        """Positions of the rows that the last step was found with."""
        return self._agreeing.stated

    # -- the step of ADMM ---------------------------------------------------------------------------------------

    def agree(self, wish_kw: FloatArray, weight: FloatArray) -> NetworkAnswer:
        """The injections nearest to the wishes (n,) at penalties `weight` (n,), money per kW^2. Raises NotSolved."""
        scaled = weight * self._power**2 / self._money
        linear = self._base.linear.copy()
        linear[: self._count] -= scaled * wish_kw / self._power
        if not np.array_equal(weight, self._weight):
            self._weight = weight.copy()
            curvature = self._base.quadratic.copy()
            curvature[: self._count] = scaled
            self._agreeing.bend(curvature)
        self._last = self._agreeing.solve(linear)
        answer = self._answer(self._last)
        # Contracts and flows of an answer serve its injections at the least cost.
        self._served_last = answer.injection_kw, self._cost_of(self._last.x)
        return answer

    def _cost_of(self, x: FloatArray) -> float:
        """Money per hour for contracts and flows."""
        outside, edges = len(self._contracts.owner), len(self._graph.charge)
        _, contract, there, back, _ = np.split(x * self._power, np.cumsum([self._count, outside, edges, edges]))
        flow, money = there - back, float(self._contracts.price_per_kwh @ contract)
        curvature = 0.0 if self._graph.curvature is None else float(self._graph.curvature @ flow**2)
        return money + float(self._graph.charge @ np.abs(flow)) + curvature

    def cost_per_hour(self, injection_kw: FloatArray) -> float:
        """The least money for contracts and flows that serve injections (n,). Raises NotSolved."""
        known, cost = self._served_last
        return cost if np.array_equal(known, injection_kw) else self.serve(injection_kw, steps=CHEAPEST).cost_per_hour

    def _answer(self, found: Optimum) -> NetworkAnswer:
        injection = found.x[: self._count] * self._power
        return NetworkAnswer(
            injection_kw=injection,
            node_price_per_kwh=found.y[self._graph.place] * self._price,
            surcharge_per_kwh=self._rows.along(found.mu) * self._price,
            loss_per_kwh=self._losses.gradient(found.x[: self._count]) * self._price,
            multiplier=found.mu * self._price / self._rows.size,
            slack=self.slack(injection),
        )

    def slack(self, injection_kw: FloatArray) -> FloatArray:
        """(R,) by how much injections (n,) break the rows, in their unit."""
        slack: FloatArray = self._broken(injection_kw) * self._rows.size * self._power
        return slack

    def _broken(self, injection_kw: FloatArray) -> FloatArray:
        """(R,) the same, scaled."""
        broken: FloatArray = np.maximum(self._rows.excess(injection_kw / self._power), 0.0)
        return broken

    # -- certificate --------------------------------------------------------------------------------------------

    def added(self, injection_kw: FloatArray) -> float:
        """Money that the operator minimises beside the market's cost, for injections (n,): the rows' slack, losses
        against those around which they are stated, and the levy."""
        slack = float(self._broken(injection_kw) @ self._rows.slack_price)
        x = injection_kw / self._power
        return (slack + float(self._losses.value(x) + self._levy @ x)) * self._money

    def bound(self, price_per_kwh: FloatArray) -> float:
        """Money that the network, buying all injections at `price_per_kwh` (n,), cannot undercut.

        Weak duality: any multipliers give a valid value, the optimal ones the best.
        """
        known, value = self._bounded_last
        if np.array_equal(known, price_per_kwh):
            return value
        linear = self._buying(price_per_kwh)
        scaled = self._bound_of_last(linear)
        if scaled is None:
            scaled = self._dual_value(linear, self._best_multipliers(linear))
        self._bounded_last = price_per_kwh.copy(), scaled * self._money
        return self._bounded_last[1]

    def _bound_of_last(self, linear: FloatArray) -> float | None:
        """The scaled value by the multipliers of the last step, which at its own prices are the best; None where they
        leave a gap to what its injections cost at these prices."""
        if self._last is None:
            return None
        value, x = self._dual_value(linear, self._last), self._last.x
        slack = np.maximum(self._rows.excess(x[: self._count]), 0.0)
        cost = self._base.with_cost(self._base.quadratic, linear).value(x) + float(slack @ self._rows.slack_price)
        cost += self._losses.constant
        return value if cost - value <= BEST * (1.0 + abs(cost)) else None

    def _best_multipliers(self, linear: FloatArray) -> Optimum | None:
        buying = LazyProgramme(self._base, self._rows, first=self.stated_rows)
        try:
            return buying.solve(linear)
        except NotSolved:
            return self._last

    def tight_bound(self, price_per_kwh: FloatArray) -> float:
        """The same with the best multipliers to the last digits, which flows without limits multiply."""
        if self._has_preferences:
            return self.bound(price_per_kwh)
        known, value = self._tightly_bounded_last
        # Prices inside the contracts' own, and all others, are as a rule the same here.
        if np.array_equal(known, price_per_kwh):
            return value
        linear = self._buying(price_per_kwh)
        try:
            best: Optimum | None = self._exact_multipliers(linear)
        except NotSolved:
            best = self._last
        self._tightly_bounded_last = price_per_kwh.copy(), self._dual_value(linear, best) * self._money
        return self._tightly_bounded_last[1]

    @property
    def _has_preferences(self) -> bool:
        return self._graph.curvature is not None

    def _exact_multipliers(self, linear: FloatArray) -> Optimum:
        """Of the linear programme; where losses bend it, of the one that touches it where it is solved.

        Raises NotSolved.
        """
        branches = len(self._losses.curve)
        buying = LazyProgramme(self._base, self._rows, first=self.stated_rows)
        if not branches:
            return buying.solve_exactly(linear)
        moved = buying.solve(linear).x[-branches:]
        slope = self._losses.curve * moved
        touching = linear.copy()
        touching[: self._count] += slope @ self._losses.share
        buying.bend(np.zeros_like(self._base.quadratic))
        exact = buying.solve_exactly(touching)
        y = exact.y.copy()
        y[-branches:] = -slope
        return replace(exact, y=y)

    def _buying(self, price_per_kwh: FloatArray) -> FloatArray:
        linear = self._base.linear.copy()
        linear[: self._count] += price_per_kwh / self._price
        return linear

    def _dual_value(self, linear: FloatArray, multipliers: Optimum | None) -> float:
        """Scaled; without multipliers, those are zero."""
        base = self._base
        y = np.zeros(len(base.rhs)) if multipliers is None else multipliers.y
        mu = np.zeros(len(self._rows.bound)) if multipliers is None else multipliers.mu
        # A row costs no more than breaking it.
        mu = np.minimum(mu, self._rows.slack_price)
        slope = linear - base.matrix.T @ y
        slope[: self._count] += self._rows.along(mu)
        at_limit = np.where(slope >= 0, base.lower, np.where(np.isfinite(base.upper), base.upper, 0.0))
        steep = base.quadratic > 0.0
        least = np.clip(-slope[steep] / base.quadratic[steep], base.lower[steep], base.upper[steep])
        at_limit[steep] = least
        squares = 0.5 * float(base.quadratic[steep] @ least**2)
        return float(slope @ at_limit + squares + y @ base.rhs - mu @ self._rows.bound) + self._losses.constant

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
        lower, upper = self._base.lower.copy(), self._base.upper.copy()
        lower[: self._count] = upper[: self._count] = injection_kw / self._power
        # Given injections keep rows or break them: nothing here changes that.
        given = replace(self._base, lower=lower, upper=upper)
        programme = given.programme(tolerance=SERVED_TOLERANCE)
        outside, edges = len(self._contracts.owner), len(self._graph.charge)
        cuts = np.cumsum([self._count, outside, edges, edges])
        _, contract, there, back, _ = np.split(programme.solve().x * self._power, cuts)
        got = np.bincount(self._contracts.owner, self._contracts.share * contract, self._count)
        flow = there - back
        money = self._contracts.price_per_kwh @ contract + self._graph.charge @ np.abs(flow) + curvature @ flow**2
        return Served(injection_kw + got, flow, float(money))

"""The operator's programme of one carrier in one interval as arrays (see `operator_qp`), for any part of its rows.

A row names every member, so that rows are most of what a programme costs. Those that hold nothing back may be left out:
where the answer keeps them all the same, it is the answer to the whole programme.

Columns, in this order: injections of the members, contracts, flows forth and back, what flows through branches with
losses beside the solved state; then room and slack of every row that is stated. Equations: balances of the nodes,
branches, rows. Everything is in the programme's own scale: powers in units of `power_kw`, prices of `price_per_kwh`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from mosaik_p2p.market.negotiation.limit_rows import HeldRow
from mosaik_p2p.market.negotiation.limits import LossTerms
from mosaik_p2p.market.network_step.flow_problem import Contracts, FlowGraph
from mosaik_p2p.market.problem import UNLIMITED
from mosaik_p2p.market.prosumer_step.qp_solver import GAP_TOLERANCE, DiagonalProgram
from mosaik_p2p.market.prosumer_step.subproblem import STEP_TOLERANCE
from mosaik_p2p.units import FloatArray, IntArray

FLOW_EACH = 10.0
"""In mean sizes: what each member may add to the flow along an edge."""
ROOM = 2.0
"""Limits of flows, in what could flow at all: at its limit a flow would have a price."""
ALONGSIDE = 0.9
"""Cosine from which on two rows are much alike: buses in a row along one feeder. What keeps the one that is broken most
mostly keeps the other."""
MOST_AT_ONCE = 30
"""Rows that join a programme at once."""


@dataclass(frozen=True)
class MemberLosses:
    """The cost of losses in the programme's own scale: slope (n,) and, of B branches, share (B, n) and curve (B,)."""

    slope: FloatArray
    share: FloatArray
    curve: FloatArray
    around: FloatArray
    """(n,) injections of the solved state."""

    @classmethod
    def of(cls, losses: LossTerms | None, who: IntArray, power_kw: float, price_per_kwh: float) -> "MemberLosses":
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


@dataclass(frozen=True)
class ScaledRows:
    """Rows `slope @ x - slack <= bound` in the programme's scale: slope (R, n), the largest entry of each 1; bound and
    slack_price (R,); `size` (R,) turns 1 kW into the row's own unit."""

    slope: FloatArray
    bound: FloatArray
    slack_price: FloatArray
    size: FloatArray

    @classmethod
    def of(
        cls, rows: Sequence[HeldRow], who: IntArray, slack_price: FloatArray, *, power_kw: float, price_per_kwh: float
    ) -> "ScaledRows":
        """The rows about the members `who`; `slack_price` (R,) is money per unit of each row and hour."""
        size = np.array([row.size for row in rows])
        slope = np.array([row.slope[who] / own for row, own in zip(rows, size, strict=True)])
        bound = np.array([row.bound for row in rows]) / size / power_kw
        return cls(slope.reshape(len(rows), len(who)), bound, slack_price * size / price_per_kwh, size)

    def excess(self, x: FloatArray) -> FloatArray:
        """(R,) by how much injections (n,) break each row; negative where there is room."""
        result: FloatArray = self.slope @ x - self.bound
        return result

    def along(self, multiplier: FloatArray) -> FloatArray:
        """(n,) the sum of the rows, each times its multiplier (R,)."""
        at = np.flatnonzero(multiplier)
        result: FloatArray = multiplier[at] @ self.slope[at]
        return result

    def missing(self, x: FloatArray, stated: IntArray) -> IntArray:
        """Rows to state beside those that are, as injections (n,) break them: the worst one, of the others the worst
        that is not alongside it, and so on. None only where all rows are kept."""
        excess = self.excess(x)
        broken = excess > STEP_TOLERANCE * (1.0 + np.abs(self.bound))
        broken[stated] = False
        left = np.flatnonzero(broken)
        left = left[np.argsort(-excess[left], kind="stable")]
        # Of a row that nobody moves the length is zero, and it is alongside no other.
        way = self.slope[left] / np.maximum(np.linalg.norm(self.slope[left], axis=1, keepdims=True), 1e-300)
        found: list[int] = []
        while len(left) and len(found) < MOST_AT_ONCE:
            found.append(int(left[0]))
            other = way[1:] @ way[0] < ALONGSIDE
            left, way = left[1:][other], way[1:][other]
        return np.array(found, dtype=np.int64)


@dataclass(frozen=True)
class Statement:
    """minimise 1/2 x' diag(quadratic) x + linear' x  subject to  matrix x = rhs, lower <= x <= upper."""

    quadratic: FloatArray
    linear: FloatArray
    matrix: sp.csr_array
    rhs: FloatArray
    lower: FloatArray
    upper: FloatArray

    def with_rows(self, rows: ScaledRows, at: IntArray) -> "Statement":
        """The same with the rows at some positions; `self` states none."""
        count, zeros = len(at), np.zeros(len(at))
        between = sp.csr_array((count, len(self.linear) - rows.slope.shape[1]))
        one, none = sp.eye_array(count), sp.csr_array((len(self.rhs), 2 * count))
        kept = sp.hstack([sp.csr_array(rows.slope[at]), between, one, -one])
        return Statement(
            quadratic=np.concatenate([self.quadratic, zeros, zeros]),
            linear=np.concatenate([self.linear, zeros, rows.slack_price[at]]),
            matrix=sp.csr_array(sp.vstack([sp.hstack([self.matrix, none]), kept])),
            rhs=np.concatenate([self.rhs, rows.bound[at]]),
            lower=np.concatenate([self.lower, zeros, zeros]),
            upper=np.concatenate([self.upper, np.full(2 * count, np.inf)]),
        )

    def with_cost(self, quadratic: FloatArray, linear: FloatArray) -> "Statement":
        """The same at another cost."""
        return replace(self, quadratic=quadratic, linear=linear)

    def value(self, x: FloatArray) -> float:
        """The cost of x."""
        return float(self.linear @ x + 0.5 * (self.quadratic @ x**2))

    def programme(self, *, tolerance: float, gap_tolerance: float = GAP_TOLERANCE) -> DiagonalProgram:
        """To be solved."""
        return DiagonalProgram(
            quadratic=self.quadratic,
            linear=self.linear,
            matrix=self.matrix,
            rhs=self.rhs,
            lower=self.lower,
            upper=self.upper,
            tolerance=tolerance,
            gap_tolerance=gap_tolerance,
        )


def stated(
    graph: FlowGraph,
    contracts: Contracts,
    losses: MemberLosses,
    levy: FloatArray,
    *,
    injection_bounds: tuple[FloatArray, FloatArray],
    imbalance_kw: tuple[FloatArray, FloatArray],
    power_kw: float,
    price_per_kwh: float,
) -> Statement:
    """The programme without rows. `levy` (n,) and `injection_bounds`, least and largest (n,), are scaled;
    `imbalance_kw` is the most that each member may lack, and have too much."""
    count, edges, branches = len(levy), len(graph.charge), len(losses.curve)
    free = graph.charge == 0.0
    charge = graph.charge / price_per_kwh
    linear = [losses.slope + levy, contracts.price_per_kwh / price_per_kwh, charge, charge, np.zeros(branches)]
    outside = _most_outside(contracts, imbalance_kw, power_kw)
    most_flow = _most_flow(graph, contracts, injection_bounds, outside)
    # Of two flows against each other neither is worth its cost: A stands on both directions.
    steep = np.zeros(edges) if graph.curvature is None else 2.0 * graph.curvature * power_kw / price_per_kwh
    endless, shut = np.full(branches, np.inf), np.zeros(edges)
    lower = [injection_bounds[0], np.zeros(len(outside)), np.where(free, -most_flow, 0.0), shut, -endless]
    upper = [injection_bounds[1], outside, most_flow, np.where(free, 0.0, most_flow), endless]
    return Statement(
        quadratic=np.concatenate([np.zeros(count + len(outside)), steep, steep, losses.curve]),
        linear=np.concatenate(linear),
        matrix=_equations(graph, contracts, losses, count),
        rhs=np.concatenate([np.zeros(graph.nodes), losses.share @ losses.around]),
        lower=np.concatenate(lower),
        upper=np.concatenate(upper),
    )


def _most_outside(contracts: Contracts, imbalance_kw: tuple[FloatArray, FloatArray], power_kw: float) -> FloatArray:
    """(k,) the most of contracts and imbalances, scaled."""
    lacking, surplus = (most_kw[contracts.owner] for most_kw in imbalance_kw)
    allowed = np.where(contracts.share > 0.0, lacking, surplus)
    outside_kw = np.where(contracts.is_imbalance, np.minimum(contracts.upper_kw, allowed), contracts.upper_kw)
    result: FloatArray = np.where(np.isfinite(outside_kw), outside_kw / power_kw, UNLIMITED)
    return result


def _most_flow(
    graph: FlowGraph, contracts: Contracts, injection_bounds: tuple[FloatArray, FloatArray], outside: FloatArray
) -> FloatArray:
    """(E,) a limit beyond all that can flow along each edge: on a tree, all that those on one side of it can sell or
    buy. Limits much farther away cost PIQP digits, at a thousand members its convergence."""
    least, most = injection_bounds
    count = len(least)
    any_flow = np.full(len(graph.charge), max(UNLIMITED, FLOW_EACH * count))
    if not graph.is_tree:
        return any_flow
    got, given = (
        np.bincount(contracts.owner, np.where(side, outside, 0.0), count)
        for side in (contracts.share > 0.0, contracts.share < 0.0)
    )
    can = np.maximum(np.maximum(most + got, given - least), 0.0)
    limit: FloatArray = np.minimum(any_flow, 1.0 + ROOM * graph.smaller_side(can))
    return limit


def _equations(graph: FlowGraph, contracts: Contracts, losses: MemberLosses, count: int) -> sp.csr_array:
    """Balances of the nodes, then what flows through the branches with losses."""
    edges, nodes, branches = len(graph.charge), graph.nodes, len(losses.curve)
    member = sp.csr_array((np.ones(count), (graph.place, np.arange(count))), shape=(nodes, count))
    outside = sp.csr_array(
        (contracts.share, (graph.place[contracts.owner], np.arange(len(contracts.owner)))),
        shape=(nodes, len(contracts.owner)),
    )
    at = np.arange(edges)
    flow = sp.csr_array((np.ones(edges), (graph.to_node, at)), shape=(nodes, edges)) - sp.csr_array(
        (np.ones(edges), (graph.from_node, at)), shape=(nodes, edges)
    )
    balances = sp.hstack([member, outside, flow, -flow, sp.csr_array((nodes, branches))])
    between = sp.csr_array((branches, len(contracts.owner) + 2 * edges))
    moved = sp.hstack([sp.csr_array(losses.share), between, -sp.eye_array(branches)])
    return sp.csr_array(sp.vstack([balances, moved]))

"""The same market as one sparse quadratic programme, for an interior-point method: the reference for size.

    minimise    every prosumer's cost  +  dt sum of charge |flow| + A flow^2 over all edges and intervals
    subject to  every prosumer's equations and limits,  net sales at each node = what flows out of it - what flows in

The edges are those of the radial networks where charges are path charges, otherwise the partners themselves. A
flow is split by direction, so that its charge is linear. Everything is built from the kernel's `problems`, in the
scale of the mean prosumer. `central` states the same equation by equation, and serves for a handful of prosumers.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.charges.over_time import AnyCharges
from mosaik_p2p.market.imbalance import solvable
from mosaik_p2p.market.network_step.flow_problem import pairs_of, tree_of
from mosaik_p2p.market.problem import UNLIMITED, MarketProblem, highest_price, power_scale
from mosaik_p2p.market.prosumer_step.kernel.batch import Problems, pack
from mosaik_p2p.market.prosumer_step.qp_solver import DiagonalProgram
from mosaik_p2p.units import FloatArray, IntArray

TOLERANCE = 1e-8
"""Of the scaled programme; the cost is then right to about 1e-7."""


@dataclass(frozen=True)
class SparseProgram:
    """minimise 1/2 x' diag(quadratic) x + linear' x  subject to  matrix x = rhs, lower <= x <= upper; scaled.

    x has every prosumer's dispatch first, then the net sales in the order of `sellers`, then the flows in either
    direction. Money is `money` times the optimum, plus `constant`.
    """

    quadratic: FloatArray
    linear: FloatArray
    matrix: sp.csr_array
    rhs: FloatArray
    lower: FloatArray
    upper: FloatArray
    first_sale: int
    sellers: IntArray
    """(sales,) position in the flat (C, T, N) of each net sale."""
    shape: tuple[int, int, int]
    power_kw: float
    price_per_kwh: float
    money: float
    constant: float

    def cost(self, x: FloatArray) -> float:
        """Money that `x` costs."""
        return float((0.5 * self.quadratic * x + self.linear) @ x) * self.money + self.constant

    def sale_kw(self, x: FloatArray) -> FloatArray:
        """(C, T, N) net sales of `x`."""
        result = np.zeros(int(np.prod(self.shape)))
        result[self.sellers] = x[self.first_sale : self.first_sale + len(self.sellers)] * self.power_kw
        return result.reshape(self.shape)


@dataclass(frozen=True)
class SparseOptimum:
    """Money over the look-ahead, net sales (C, T, N), and interior-point iterations."""

    cost: float
    sale_kw: FloatArray
    iterations: int


def solve_sparse(problem: MarketProblem, *, tolerance: float = TOLERANCE) -> SparseOptimum:
    """Solve with PIQP; raises NotSolved where that does not end with a solution."""
    program = sparse_program(problem)
    solution = DiagonalProgram(
        quadratic=program.quadratic,
        linear=program.linear,
        matrix=program.matrix,
        rhs=program.rhs,
        lower=program.lower,
        upper=program.upper,
        tolerance=tolerance,
    ).solve()
    return SparseOptimum(program.cost(solution.x), program.sale_kw(solution.x), solution.iterations)


def sparse_program(problem: MarketProblem) -> SparseProgram:
    """State `problem`, imbalances priced as everywhere."""
    problem = solvable(problem)
    power, price = float(power_scale(problem).mean()), highest_price(problem)
    _, horizon, count = problem.shape
    flat = pack(problem.table, np.full(count, power), price)
    sellers = np.flatnonzero(np.broadcast_to(problem.member[:, None, :], problem.shape).ravel())
    own, rhs = _own_rows(flat)
    networks = [
        _network(charges, member, horizon) for charges, member in zip(problem.charges, problem.member, strict=True)
    ]
    at_nodes = _at_nodes(sellers, problem.shape, [net[0] for net in networks])
    flows = sp.block_diag([sp.kron(sp.eye_array(horizon), net[1]) for net in networks])
    charge = np.concatenate([net[2].ravel() for net in networks]) / price
    curvature = np.concatenate([np.tile(net[3], horizon) for net in networks]) / price
    matrix = _whole(own, _onto_balances(sellers, problem.shape, own.shape[0]), at_nodes, flows)
    used = np.diff(matrix.indptr) > 0
    sales, unbounded = len(sellers), np.full(len(sellers), np.inf)
    zeros = np.zeros(2 * len(charge))
    return SparseProgram(
        quadratic=np.concatenate([flat.quadratic.ravel(), np.zeros(sales), np.tile(2.0 * power * curvature, 2)]),
        linear=np.concatenate([flat.linear.ravel(), np.zeros(sales), charge, charge]),
        matrix=matrix[used],
        rhs=np.concatenate([rhs, np.zeros(at_nodes.shape[0])])[used],
        lower=np.concatenate([flat.lower.ravel(), -unbounded, zeros]),
        upper=np.concatenate([np.minimum(flat.upper, UNLIMITED).ravel(), unbounded, zeros + UNLIMITED * count]),
        first_sale=own.shape[1],
        sellers=sellers,
        shape=problem.shape,
        power_kw=power,
        price_per_kwh=price,
        money=power * price * problem.dt_h,
        constant=float(problem.table.constant.sum()),
    )


def _whole(own: sp.csr_array, sales: sp.csr_array, at_nodes: sp.csr_array, flows: sp.csr_array) -> sp.csr_array:
    """Everyone's own rows, which net `sales` leave, above those of the nodes, which they enter."""
    above = [own, sales, sp.csr_array((own.shape[0], 2 * flows.shape[1]))]
    below = [sp.csr_array((at_nodes.shape[0], own.shape[1])), at_nodes, -flows, flows]
    return sp.csr_array(sp.vstack([sp.hstack(above), sp.hstack(below)]))


def _own_rows(flat: Problems) -> tuple[sp.csr_array, FloatArray]:
    """Everyone's balances (N, C, T), storages and totals, on the dispatch variables alone."""
    table, balance, total_kw = flat.table, flat.balance, flat.total
    rows, horizon = len(table.owner), table.horizon
    count, owner = len(table), table.owner.astype(np.int64)
    at, c, t = np.nonzero(balance)
    entries = [((owner[at] * 2 + c) * horizon + t, at * horizon + t, balance[at, c, t])]
    base = 2 * count * horizon
    hour = np.arange(horizon)
    level = np.repeat(table.first[:-1], np.diff(table.first_storage)) + table.level
    store = np.arange(len(level))[:, None] * horizon + base
    entries.append((store + hour, level[:, None] * horizon + hour, np.ones((len(level), horizon))))
    kept = np.broadcast_to(-table.retention[:, None], (len(level), horizon - 1))
    entries.append((store + hour[1:], level[:, None] * horizon + hour[:-1], kept))
    filling = np.flatnonzero(table.storage >= 0)
    into = (table.first_storage[owner[filling]] + table.storage[filling])[:, None] * horizon + base
    withdrawal = np.broadcast_to(table.withdrawal[filling, None], (len(filling), horizon))
    entries.append((into + hour, filling[:, None] * horizon + hour, withdrawal))
    base += len(level) * horizon
    total = np.repeat(np.arange(len(total_kw)), np.diff(table.total_first))
    row = (np.repeat(table.first[:-1], np.diff(table.first_total)) + table.total_row)[total]
    entries.append((base + total, row * horizon + table.total_at, np.ones(len(total))))
    i, j, value = (np.concatenate([np.ravel(entry[n]) for entry in entries]) for n in range(3))
    matrix = sp.csr_array((value, (i, j)), shape=(base + len(total_kw), rows * horizon))
    return matrix, np.concatenate([flat.fixed.ravel(), flat.inflow.ravel(), total_kw])


def _onto_balances(sellers: IntArray, shape: tuple[int, int, int], rows: int) -> sp.csr_array:
    """Net sales leave the balances (N, C, T)."""
    c, t, i = np.unravel_index(sellers, shape)
    at = (i * shape[0] + c) * shape[1] + t
    return sp.csr_array((-np.ones(len(sellers)), (at, np.arange(len(sellers)))), shape=(rows, len(sellers)))


def _at_nodes(sellers: IntArray, shape: tuple[int, int, int], places: list[IntArray]) -> sp.csr_array:
    """Net sales enter the nodes, carrier after carrier, interval after interval."""
    c, t, i = np.unravel_index(sellers, shape)
    nodes = np.array([int(place.max(initial=-1)) + 1 for place in places])
    begin = np.concatenate([[0], np.cumsum(nodes * shape[1])])
    at = begin[c] + t * nodes[c] + np.array(places)[c, i]
    return sp.csr_array((np.ones(len(sellers)), (at, np.arange(len(sellers)))), shape=(begin[-1], len(sellers)))


def _network(
    charges: AnyCharges, member: np.ndarray[Any, np.dtype[np.bool_]], horizon: int
) -> tuple[IntArray, sp.csr_array, FloatArray, FloatArray]:
    """Node of each prosumer, what a unit of flow on each edge takes out of each node, the edges' charges (T, edges),
    and A of the pairs' preferences A flow^2."""
    tree = tree_of(charges.at(0))
    if tree is not None:
        nodes, tail, head = len(tree.parent), np.arange(1, len(tree.parent)), tree.parent[1:]
        charge = np.array([_edges_of(charges.at(t)) for t in range(horizon)])
        place, curvature = tree.place, np.zeros(len(tail))
    else:
        place, nodes = np.arange(len(member)), len(member)
        who = np.flatnonzero(member)
        first, second = pairs_of(charges.at(0), who)
        tail, head = who[first], who[second]
        curvature = charges.preference(tail, head)
        charge = np.array([charges.at(t).total[tail, head] for t in range(horizon)], dtype=float)
    edges = np.arange(len(tail))
    out = sp.csr_array(
        (np.concatenate([np.ones(len(tail)), -np.ones(len(tail))]), (np.concatenate([tail, head]), np.tile(edges, 2))),
        shape=(nodes, len(tail)),
    )
    return place, out, charge, curvature


def _edges_of(charges: Charges) -> FloatArray:
    assert charges.tree is not None, "trees have the same nodes in all intervals"
    return charges.tree.charge[1:]

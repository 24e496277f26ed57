"""A market with rows in its first interval as one quadratic programme, by Clarabel: none of the market's own code."""

from collections.abc import Sequence
from itertools import combinations

import clarabel
import numpy as np
import scipy.sparse as sp

from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.market.rows import HeldRow
from mosaik_p2p.units import FloatArray

EXACT = 1e-10
OUTSIDE = ("contract", "imbalance")


class _Programme:
    """Columns with cost and limits, and equations, one after the other."""

    def __init__(self) -> None:
        self.curve: list[float] = []
        self.price: list[float] = []
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.entries: list[tuple[int, int, float]] = []
        self.right: list[float] = []

    def columns(self, curve: FloatArray, price: FloatArray, lower: FloatArray, upper: FloatArray) -> int:
        first = len(self.price)
        for have, more in zip(
            (self.curve, self.price, self.lower, self.upper), (curve, price, lower, upper), strict=True
        ):
            have += np.ravel(more).tolist()
        return first

    def equation(self, entries: Sequence[tuple[int, float]], right: float) -> None:
        self.entries += [(len(self.right), column, value) for column, value in entries]
        self.right.append(float(right))

    def least(self) -> float:
        count, lower, upper = len(self.price), np.array(self.lower), np.array(self.upper)
        row, column, value = zip(*self.entries, strict=True)
        equal = sp.csc_matrix((value, (row, column)), shape=(len(self.right), count))
        one = sp.eye(count, format="csc")
        matrix = sp.vstack([equal, -one[np.isfinite(lower)], one[np.isfinite(upper)]]).tocsc()
        right = np.concatenate([self.right, -lower[np.isfinite(lower)], upper[np.isfinite(upper)]])
        cones = [clarabel.ZeroConeT(len(self.right)), clarabel.NonnegativeConeT(len(right) - len(self.right))]
        options = clarabel.DefaultSettings()
        options.verbose = False
        options.tol_gap_abs = options.tol_gap_rel = options.tol_feas = EXACT
        hessian = sp.diags(self.curve, format="csc")
        found = clarabel.DefaultSolver(hessian, np.array(self.price), matrix, right, cones, options).solve()
        assert str(found.status) == "Solved"
        return float(found.obj_val)


def optimal_cost(problem: MarketProblem, rows: Sequence[HeldRow], *, slack_price_per_kwh: float) -> float:
    """Least cost of `problem` (imbalances priced), what rows are broken by paid for."""
    programme, dt_h = _Programme(), problem.dt_h
    carriers, horizon, _ = problem.shape
    first = [programme.columns(dt_h * m.quadratic, dt_h * m.linear, m.lower, m.upper) for m in problem.models]
    sold: dict[tuple[int, int, int], list[tuple[int, float]]] = {}
    for c in range(carriers):
        charges, total = problem.charges[c], np.asarray(problem.charges[c].total)
        for i, j in combinations(np.flatnonzero(problem.member[c]).tolist(), 2):
            if not charges.may_trade[i, j]:
                continue
            bend = 0.0 if charges.curvature is None else 2.0 * float(charges.curvature[i, j])
            for t in range(horizon):
                both, none, endless = np.ones(2), np.zeros(2), np.full(2, np.inf)
                at = programme.columns(dt_h * bend * both, dt_h * total[i, j] * both, none, endless)
                for end, sign in ((i, 1.0), (j, -1.0)):
                    sold.setdefault((c, end, t), []).extend([(at, -sign), (at + 1, sign)])
    for i, model in enumerate(problem.models):
        for c in range(carriers):
            for t in range(horizon):
                made = [(first[i] + k * horizon + t, s) for k, s in enumerate(model.balance[c, :, t]) if s != 0.0]
                if made or (c, i, t) in sold:
                    programme.equation([*made, *sold.get((c, i, t), [])], model.fixed[c, t])
        matrix, right = model.equations
        for r in range(len(right)):
            span = slice(matrix.indptr[r], matrix.indptr[r + 1])
            columns = (matrix.indices[span] + first[i]).tolist()
            programme.equation(list(zip(columns, matrix.data[span].tolist(), strict=True)), right[r])
    for row in rows:
        price = np.array([0.0, dt_h * slack_price_per_kwh / np.abs(row.slope).max()])
        slack = programme.columns(np.zeros(2), price, np.zeros(2), np.full(2, np.inf))
        entries, right_side = [(slack, 1.0), (slack + 1, -1.0)], row.bound
        for i, model in enumerate(problem.models):
            if model.member[row.carrier]:
                right_side += row.slope[i] * model.fixed[row.carrier, 0]
                entries += [
                    (first[i] + k * horizon, row.slope[i] * model.balance[row.carrier, k, 0])
                    for k, variable in enumerate(model.variables)
                    if variable.type not in OUTSIDE
                ]
        programme.equation(entries, right_side)
    return programme.least() + sum(model.constant for model in problem.models)

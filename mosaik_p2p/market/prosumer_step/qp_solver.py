"""A thin, stateful hold on PIQP for programmes that differ from one solve to the next in their vectors only.

PIQP (Schwan et al. 2023) is a proximal interior-point method; fixed variables are taken out before it sees them, since
an interval of zero width has no interior. A linear programme on which it fails is solved by HiGHS' simplex method.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import piqp
import scipy.sparse as sp

from mosaik_p2p.units import BoolArray, FloatArray

FIXED_WIDTH = 1e-9
"""Bounds closer than this (in the programme's own, scaled unit) fix the variable."""

MAX_ITERATIONS = 100
GAP_TOLERANCE = 1e-6
LITTLE, MORE = 1e-13, 1e-8
"""Least regularisation of the equations that are solved in each iteration. With little of it the last iterations are
fewest; but where limits leave hardly any room these equations are nearly singular, and then the residuals stall."""
RETRIES = ((1.0, LITTLE), (1.0, MORE), (100.0, LITTLE), (100.0, MORE))
"""Of further attempts: a factor on the tolerance, and the regularisation."""


class NotSolved(Exception):
    """The interior-point method ended without a solution; the text is its own status."""


class NoPoint(NotSolved):
    """No values keep the equations and bounds: the programme has no solution, and not only none that was found."""


NO_POINT_OF_LINPROG = 2
"""Its status where there is none."""


@dataclass(frozen=True)
class Solution:
    """Primal `x`, multipliers `y` of the equations (gradient = matrix' y + bound multipliers) and iterations."""

    x: FloatArray
    y: FloatArray
    iterations: int


class DiagonalProgram:
    """minimise 1/2 x' diag(quadratic) x + linear' x  subject to  matrix x = rhs, lower <= x <= upper."""

    def __init__(
        self,
        *,
        quadratic: FloatArray,
        linear: FloatArray,
        matrix: sp.sparray,
        rhs: FloatArray,
        lower: FloatArray,
        upper: FloatArray,
        tolerance: float,
        gap_tolerance: float = GAP_TOLERANCE,
    ) -> None:
        self._free = np.flatnonzero(upper - lower > FIXED_WIDTH)
        self._x = np.where(upper - lower > FIXED_WIDTH, 0.0, lower)
        columns: Any = sp.csc_array(matrix)
        self._matrix = _columns(columns, upper - lower > FIXED_WIDTH)
        self._shift = columns @ self._x
        self._lower, self._upper, self._tolerance = lower[self._free], upper[self._free], tolerance
        self._gap_tolerance = gap_tolerance
        self._quadratic, self._linear, self._rhs = quadratic[self._free], linear[self._free], rhs - self._shift
        self._solver = self._set_up()

    def _set_up(self, *, slack: float = 1.0, regularisation: float = LITTLE) -> piqp.SparseSolver:
        solver = piqp.SparseSolver()
        solver.settings.verbose = False
        solver.settings.eps_abs = solver.settings.eps_rel = self._tolerance * slack
        solver.settings.max_iter = MAX_ITERATIONS
        # The duality gap stalls at 1e-8 where a prosumer has no strictly feasible dispatch; the market's certificate
        # judges optimality, and the residuals, which stand for the balances, keep the full tolerance.
        gap = max(self._gap_tolerance, min(self._gap_tolerance * slack, GAP_TOLERANCE))
        solver.settings.eps_duality_gap_abs = solver.settings.eps_duality_gap_rel = gap
        solver.settings.reg_lower_limit = regularisation
        solver.settings.reg_finetune_lower_limit = 0.1 * regularisation
        hessian = _diagonal(self._quadratic)
        solver.setup(hessian, self._linear, self._matrix, self._rhs, None, None, None, self._lower, self._upper)
        return solver

    def update(
        self, *, quadratic: FloatArray | None = None, linear: FloatArray | None = None, rhs: FloatArray | None = None
    ) -> None:
        """Replace vectors; the structure stays."""
        if quadratic is not None:
            self._quadratic = quadratic[self._free]
        if linear is not None:
            self._linear = linear[self._free]
        if rhs is not None:
            self._rhs = rhs - self._shift
        self._solver.update(
            P=None if quadratic is None else _diagonal(self._quadratic),
            c=None if linear is None else self._linear,
            b=None if rhs is None else self._rhs,
        )

    def solve(self) -> Solution:
        """Solve with the vectors of the last update; raises NotSolved."""
        status = self._solver.solve()
        # Rarely an updated solver runs astray where a fresh one, scaled for the present vectors, does not; more rarely
        # its equations are too nearly singular; and still more rarely the last digits cannot be had.
        for slack, regularisation in RETRIES:
            if status == piqp.PIQP_SOLVED:
                break
            if status == piqp.PIQP_PRIMAL_INFEASIBLE and regularisation == MORE:
                # What has no point stalls nowhere, and a search asks for many such.
                continue
            self._solver = self._set_up(slack=slack, regularisation=regularisation)
            status = self._solver.solve()
        if status != piqp.PIQP_SOLVED:
            if self._quadratic.any():
                raise (NoPoint if status == piqp.PIQP_PRIMAL_INFEASIBLE else NotSolved)(str(status))
            return self._at_a_vertex(f"{status}; ")
        result = self._solver.result
        return Solution(x=self._whole(result.x), y=-np.array(result.y), iterations=int(result.info.iter))

    def solve_exactly(self) -> Solution:
        """Solve a linear programme to a simplex method's last digits; raises NotSolved."""
        return self._at_a_vertex("")

    def _at_a_vertex(self, status: str) -> Solution:
        """The solution where nothing is quadratic: of many that cost the same, which is what PIQP may stall among."""
        # Taken so rarely that its import would be the larger part of it.
        from scipy.optimize import linprog

        exact = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
        limits = np.column_stack([self._lower, self._upper])
        solve: Any = linprog  # its stubs know no sparse matrices
        found = solve(self._linear, A_eq=self._matrix, b_eq=self._rhs, bounds=limits, method="highs", options=exact)
        if found.status != 0:
            raise (NoPoint if found.status == NO_POINT_OF_LINPROG else NotSolved)(f"{status}HiGHS: {found.message}")
        return Solution(x=self._whole(found.x), y=np.array(found.eqlin.marginals), iterations=int(found.nit))

    def _whole(self, free: FloatArray) -> FloatArray:
        """The solution with the variables that are fixed."""
        x = self._x.copy()
        x[self._free] = free
        return x


# Both as scipy makes them; but a search sets up thousands of small programmes, and its own way takes longer than PIQP.


def _columns(matrix: Any, kept: BoolArray) -> sp.csc_matrix:
    """Some columns of a matrix in CSC form."""
    counts = np.diff(matrix.indptr)
    entries = np.repeat(kept, counts)
    begin = np.concatenate([[0], np.cumsum(counts[kept])]).astype(matrix.indptr.dtype)
    shape = (matrix.shape[0], len(begin) - 1)
    return sp.csc_matrix((matrix.data[entries], matrix.indices[entries], begin), shape=shape)


def _diagonal(values: FloatArray) -> sp.csc_matrix:
    """Zeros left in: one entry per column, at whatever values."""
    at = np.arange(len(values) + 1, dtype=np.int32)
    return sp.csc_matrix((values, at[:-1], at), shape=(len(values), len(values)))

"""Other people's solvers on `market.sparse`'s statement of a market: seconds and cost of each, set-up included."""

from collections.abc import Callable
from time import perf_counter

import highspy
import numpy as np
import scipy.sparse as sp

try:
    import clarabel
    import osqp
except ModuleNotFoundError as missing:
    raise SystemExit(f'{missing.name} is not installed: pip install -e ".[bench]"') from missing

from mosaik_p2p.market.prosumer_step.qp_solver import DiagonalProgram
from mosaik_p2p.market.reference.sparse_qp import SparseProgram
from mosaik_p2p.units import FloatArray

TOLERANCE = 1e-7
"""Asked of each interior-point method; costs then agree to 1e-6."""
FIRST_ORDER_TOLERANCE = 1e-5
"""OSQP needs thousands of iterations for less."""
TIME_LIMIT_S = 120.0

Solver = Callable[[SparseProgram], FloatArray]


def timed(solver: Solver, program: SparseProgram) -> tuple[float, float]:
    """Seconds and money; raises RuntimeError where the solver reports no solution."""
    begin = perf_counter()
    x = solver(program)
    return perf_counter() - begin, program.cost(x)


def with_piqp(program: SparseProgram) -> FloatArray:
    """Proximal interior point (Schwan et al. 2023)."""
    held = DiagonalProgram(
        quadratic=program.quadratic,
        linear=program.linear,
        matrix=program.matrix,
        rhs=program.rhs,
        lower=program.lower,
        upper=program.upper,
        tolerance=TOLERANCE,
    )
    return held.solve().x


def with_clarabel(program: SparseProgram) -> FloatArray:
    """Interior point on the homogeneous embedding (Goulart and Chen 2024)."""
    below, above = np.flatnonzero(np.isfinite(program.lower)), np.flatnonzero(np.isfinite(program.upper))
    unit = sp.eye_array(len(program.linear), format="csr")
    rows = sp.csc_matrix(sp.vstack([program.matrix, -unit[below], unit[above]]))
    right = np.concatenate([program.rhs, -program.lower[below], program.upper[above]])
    cones = [clarabel.ZeroConeT(len(program.rhs)), clarabel.NonnegativeConeT(len(below) + len(above))]
    settings = clarabel.DefaultSettings()
    settings.verbose, settings.max_threads = False, 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    hessian = sp.csc_matrix(sp.diags_array(program.quadratic))
    solution = clarabel.DefaultSolver(hessian, program.linear, rows, right, cones, settings).solve()
    if solution.status != clarabel.SolverStatus.Solved:
        raise RuntimeError(f"Clarabel: {solution.status}")
    return np.array(solution.x)


def with_osqp(program: SparseProgram) -> FloatArray:
    """Operator splitting (Stellato et al. 2020)."""
    rows = sp.csc_matrix(sp.vstack([program.matrix, sp.eye_array(len(program.linear))]))
    solver = osqp.OSQP()
    solver.setup(
        sp.csc_matrix(sp.diags_array(program.quadratic)),
        program.linear,
        rows,
        np.concatenate([program.rhs, program.lower]),
        np.concatenate([program.rhs, program.upper]),
        verbose=False,
        eps_abs=FIRST_ORDER_TOLERANCE,
        eps_rel=FIRST_ORDER_TOLERANCE,
        max_iter=100_000,
        time_limit=TIME_LIMIT_S,
    )
    solution = solver.solve(raise_error=False)
    if solution.info.status != "solved":
        raise RuntimeError(f"OSQP: {solution.info.status}")
    return np.array(solution.x)


def with_highs(program: SparseProgram) -> FloatArray:
    """Active set (HiGHS, Huangfu and Hall 2018, and its solver for quadratic programmes)."""
    model = highspy.HighsModel()
    lp, rows = model.lp_, sp.csr_matrix(program.matrix)
    lp.num_col_, lp.num_row_ = len(program.linear), len(program.rhs)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = program.linear, program.lower, program.upper
    lp.row_lower_ = lp.row_upper_ = program.rhs
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = rows.indptr, rows.indices, rows.data
    curved = sp.csc_matrix(sp.diags_array(program.quadratic))
    model.hessian_.dim_ = lp.num_col_
    model.hessian_.format_ = highspy.HessianFormat.kTriangular
    model.hessian_.start_, model.hessian_.index_, model.hessian_.value_ = curved.indptr, curved.indices, curved.data
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("time_limit", TIME_LIMIT_S)
    solver.passModel(model)
    solver.run()
    status = solver.getModelStatus()
    if status != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"HiGHS: {solver.modelStatusToString(status)}")
    return np.array(solver.getSolution().col_value)


SOLVERS: dict[str, Solver] = {"PIQP": with_piqp, "Clarabel": with_clarabel, "OSQP": with_osqp, "HiGHS": with_highs}
LARGEST = {"PIQP": 3000, "Clarabel": 1000, "OSQP": 100, "HiGHS": 8}
"""Prosumers up to which each ends within a minute or two."""

"""The step of Newton's method, out of how the heat of every exchanger answers to every flow."""

import numpy as np
from scipy.sparse.linalg import LinearOperator, gmres

from mosaik_p2p.units import FloatArray

MOST_ELIMINATED = 400
"""Exchangers up to which the equations are solved by elimination; its work grows with the cube of their number."""
EXACT = 1e-10
"""Of the largest missing heat: what a step found by iteration may leave. Newton's method needs far less."""
ITERATIONS = 60


def newton_step(slope: FloatArray, missing_kw: FloatArray) -> FloatArray:
    """(n,) changes of flows in kg/s that exchange what is missing (n,), by `slope` (n, n) in kJ/kg.

    Raises LinAlgError where the slopes have no inverse.
    """
    step = _iterated(slope, missing_kw) if len(missing_kw) > MOST_ELIMINATED else None
    return np.asarray(np.linalg.solve(slope, missing_kw) if step is None else step, dtype=np.float64)


def _iterated(slope: FloatArray, missing_kw: FloatArray) -> FloatArray | None:
    """By generalised minimal residuals: a flow moves its own heat far more than that of others, so that a dozen
    products with the matrix will do. None where they do not."""
    own, count = np.diag(slope), len(missing_kw)
    if not own.all():
        return None
    by_its_own = LinearOperator((count, count), matvec=lambda heat: np.ravel(heat) / own, dtype=np.float64)
    step, _ = gmres(slope, missing_kw, rtol=0.1 * EXACT, atol=0.0, restart=ITERATIONS, maxiter=1, M=by_its_own)
    left_kw = np.abs(slope @ step - missing_kw).max()
    # Not a number is no step either.
    return step if left_kw <= EXACT * np.abs(missing_kw).max() else None

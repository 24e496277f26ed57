"""Linear equations that may leave something open."""

import numpy as np

from mosaik_p2p.units import FloatArray


def solved_or_nearest(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """The solution; where the matrix is singular, the least one that comes nearest, which takes ten times as long."""
    try:
        solution = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        solution = np.linalg.lstsq(matrix, right, rcond=None)[0]
    return np.asarray(solution, dtype=np.float64)

"""Anderson acceleration of type II for a fixed-point iteration (Walker and Ni 2011), regularised and restarted.

What is remembered are differences, which single precision holds as well as they are known: half the room. The products
are loops of our own: a threaded library's last digits depend on the number of its threads, and its threads
go on spinning where ours should work.
"""

import numpy as np
from numpy.typing import NDArray

from mosaik_p2p.jit.modes import jit_fast_entry
from mosaik_p2p.units import FloatArray

REGULARISATION = 1e-8
GROWTH_ALLOWED = 2.0
"""A residual that grows by more than this says that the remembered steps no longer describe the map."""
LONGEST_STEP = 10.0
"""In residuals: where these hardly differ, as on a plateau, the extrapolation would run to anywhere."""
BLOCK = 1024
"""Numbers that all that is remembered is multiplied by while they are at hand."""


class Anderson:
    """Remembers the last `memory` changes of x -> g(x), each in the place of the oldest."""

    def __init__(self, memory: int = 5) -> None:
        self._memory = memory
        self._changes: NDArray[np.float32]
        self._moves: NDArray[np.float32]
        self._changes = self._moves = np.empty((0, 0), dtype=np.float32)
        self._normal = np.zeros((memory, memory))
        self.restart()

    def restart(self) -> None:
        """Forget; needed whenever the map itself changes."""
        self._count = 0
        self._last: tuple[FloatArray, FloatArray, float] | None = None

    def step(self, x: FloatArray, image: FloatArray) -> FloatArray:
        """The next point for flat arrays x and g(x)."""
        residual = image - x
        size = float(np.sqrt(_product(residual, residual)))
        if self._last is not None and size > GROWTH_ALLOWED * self._last[2]:
            self.restart()
        if self._last is not None:
            self._remember(image, residual, *self._last[:2])
        self._last = (image, residual, size)
        kept = min(self._count, self._memory)
        if size == 0.0 or not self._normal[:kept, :kept].any():
            return image
        step = np.empty_like(residual)
        _extrapolated(x, residual, size, self._changes[:kept], self._moves, self._normal, step)
        return step

    def _remember(self, image: FloatArray, residual: FloatArray, image_before: FloatArray, before: FloatArray) -> None:
        """What has changed since `image_before` and its residual `before`."""
        if self._changes.shape != (self._memory, residual.size):
            self._changes, self._moves = np.empty((2, self._memory, residual.size), dtype=np.float32)
        at = self._count % self._memory
        self._count += 1
        kept = min(self._count, self._memory)
        _remembered(residual, before, image, image_before, at, self._changes[:kept], self._moves, self._normal)


@jit_fast_entry
def _product(one, other):  # type: ignore[no-untyped-def]  # numba infers the types
    value = 0.0
    for n in range(one.size):
        value += one[n] * other[n]
    return value


@jit_fast_entry
def _remembered(residual, before, image, image_before, at, changes, moves, normal):  # type: ignore[no-untyped-def]
    """Write the change of the residual and that of the image to place `at`, and the changes' products with it."""
    kept, size = changes.shape
    products = np.zeros(kept)
    for begin in range(0, size, BLOCK):
        end = min(begin + BLOCK, size)
        for n in range(begin, end):
            changes[at, n] = residual[n] - before[n]
            moves[at, n] = image[n] - image_before[n]
        for m in range(kept):
            value = 0.0
            for n in range(begin, end):
                value += changes[m, n] * (residual[n] - before[n])
            products[m] += value
    for m in range(kept):
        normal[at, m] = normal[m, at] = products[m]


@jit_fast_entry
def _extrapolated(x, residual, size, changes, moves, normal, step):  # type: ignore[no-untyped-def]
    """Write x + the residual less the weighted moves to `step`; at most LONGEST_STEP times that `size` away."""
    kept = changes.shape[0]
    weights = np.zeros(kept)
    for begin in range(0, residual.size, BLOCK):
        end = min(begin + BLOCK, residual.size)
        for m in range(kept):
            value = 0.0
            for n in range(begin, end):
                value += changes[m, n] * residual[n]
            weights[m] += value
    _solved(normal, weights)
    square = 0.0
    for begin in range(0, residual.size, BLOCK):
        end = min(begin + BLOCK, residual.size)
        for n in range(begin, end):
            step[n] = residual[n]
        for m in range(kept):
            weight = weights[m]
            for n in range(begin, end):
                step[n] -= weight * moves[m, n]
        for n in range(begin, end):
            square += step[n] * step[n]
    excess = max(np.sqrt(square) / (LONGEST_STEP * size), 1.0)
    for n in range(residual.size):
        step[n] = x[n] + step[n] / excess


@jit_fast_entry
def _solved(normal, right):  # type: ignore[no-untyped-def]
    """Solve (normal + regularisation) weights = right in place: positive definite, so that no pivots are sought."""
    kept = right.size
    matrix = normal[:kept, :kept].copy()
    trace = 0.0
    for m in range(kept):
        trace += normal[m, m]
    for m in range(kept):
        matrix[m, m] += REGULARISATION * trace
    for m in range(kept):
        for k in range(m + 1, kept):
            factor = matrix[k, m] / matrix[m, m]
            for n in range(m, kept):
                matrix[k, n] -= factor * matrix[m, n]
            right[k] -= factor * right[m]
    for m in range(kept - 1, -1, -1):
        for n in range(m + 1, kept):
            right[m] -= matrix[m, n] * right[n]
        right[m] /= matrix[m, m]

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
            self._remember(residual - self._last[1], image - self._last[0])
        self._last = (image, residual, size)
        kept = min(self._count, self._memory)
        normal = self._normal[:kept, :kept]
        trace = float(np.trace(normal))
        if trace == 0.0 or not residual.any():
            return image
        right = np.array([_product(change, residual) for change in self._changes[:kept]])
        weights = np.linalg.solve(normal + REGULARISATION * trace * np.eye(kept), right)
        step = _without(residual, weights, self._moves)
        excess = float(np.sqrt(_product(step, step))) / (LONGEST_STEP * size)
        step /= max(excess, 1.0)
        step += x
        return step

    def _remember(self, change: FloatArray, move: FloatArray) -> None:
        if self._changes.shape != (self._memory, change.size):
            self._changes, self._moves = np.empty((2, self._memory, change.size), dtype=np.float32)
        at = self._count % self._memory
        self._changes[at], self._moves[at] = change, move
        self._count += 1
        kept = min(self._count, self._memory)
        products = [_product(other, change) for other in self._changes[:kept]]
        self._normal[at, :kept] = self._normal[:kept, at] = products


@jit_fast_entry
def _product(one, other):  # type: ignore[no-untyped-def]  # numba infers the types
    value = 0.0
    for n in range(one.size):
        value += one[n] * other[n]
    return value


def _without(residual: FloatArray, weights: FloatArray, moves: NDArray[np.float32]) -> FloatArray:
    """The residual less the weighted moves."""
    step = residual.copy()
    for weight, move in zip(weights, moves, strict=False):
        _subtract(step, float(weight), move)
    return step


@jit_fast_entry
def _subtract(step, weight, move):  # type: ignore[no-untyped-def]
    for n in range(step.size):
        step[n] -= weight * move[n]

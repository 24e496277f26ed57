"""Anderson acceleration of type II for a fixed-point iteration (Walker and Ni 2011), regularised and restarted."""

import numpy as np

from mosaik_p2p.units import FloatArray

REGULARISATION = 1e-8
GROWTH_ALLOWED = 2.0
"""A residual that grows by more than this says that the remembered steps no longer describe the map."""
LONGEST_STEP = 10.0
"""In residuals: where these hardly differ, as on a plateau, the extrapolation would run to anywhere."""


class Anderson:
    """Remembers the last `memory` steps of x -> g(x)."""

    def __init__(self, memory: int = 5) -> None:
        self._memory = memory
        self.restart()

    def restart(self) -> None:
        """Forget; needed whenever the map itself changes."""
        self._images: list[FloatArray] = []
        self._residuals: list[FloatArray] = []

    def step(self, x: FloatArray, image: FloatArray) -> FloatArray:
        """The next point for flat arrays x and g(x)."""
        residual = image - x
        if not residual.any():
            return image
        if self._residuals and np.linalg.norm(residual) > GROWTH_ALLOWED * np.linalg.norm(self._residuals[-1]):
            self.restart()
        self._images = [*self._images[-self._memory :], image]
        self._residuals = [*self._residuals[-self._memory :], residual]
        length = float(np.linalg.norm(residual))
        if len(self._images) < 2 or length == 0.0:
            return image
        changes = np.diff(np.array(self._residuals), axis=0)
        moves = np.diff(np.array(self._images), axis=0)
        normal = changes @ changes.T
        trace = float(np.trace(normal))
        if trace == 0.0 or not residual.any():
            return image
        normal += REGULARISATION * trace * np.eye(len(normal))
        step = residual - np.linalg.solve(normal, changes @ residual) @ moves
        excess = float(np.linalg.norm(step) / (LONGEST_STEP * length))
        result: FloatArray = x + step / max(excess, 1.0)
        return result

"""Anderson's acceleration against its definition: a least-squares problem over the last changes."""

import numpy as np
import pytest

from mosaik_p2p.market.iteration.anderson import GROWTH_ALLOWED, LONGEST_STEP, REGULARISATION, Anderson
from mosaik_p2p.units import FloatArray

MEMORY = 5
SINGLE = 1e-5
"""What is remembered is held in single precision."""


def defined(points: list[FloatArray], images: list[FloatArray]) -> FloatArray:
    """The next point by the definition: residual r, g(x) - sum_m w_m dg_m with w minimising |r - sum_m w_m dr_m|."""
    residuals = [image - point for point, image in zip(points, images, strict=True)]
    changes = np.diff(residuals, axis=0)[-MEMORY:]
    moves = np.diff(images, axis=0)[-MEMORY:]
    if not len(changes):
        return images[-1]
    normal = changes @ changes.T
    held = normal + REGULARISATION * np.trace(normal) * np.eye(len(normal))
    step = residuals[-1] - np.linalg.solve(held, changes @ residuals[-1]) @ moves
    longest = LONGEST_STEP * np.linalg.norm(residuals[-1])
    return np.asarray(points[-1] + step * min(1.0, longest / np.linalg.norm(step)))


@pytest.mark.parametrize("size", [7, 3000])
def test_each_step_is_the_one_that_is_defined(size: int) -> None:
    rng = np.random.default_rng(size)
    slope, offset = rng.uniform(0.1, 0.9, size), rng.normal(size=size)
    memory, points, images = Anderson(MEMORY), [], []
    point = np.zeros(size)
    for _ in range(9):
        image = slope * np.sin(point) + offset
        points, images = [*points, point], [*images, image]
        if len(points) > 1:
            sizes = [float(np.linalg.norm(images[n] - points[n])) for n in (-2, -1)]
            if sizes[1] > GROWTH_ALLOWED * sizes[0]:
                points, images = points[-1:], images[-1:]
        wanted = defined(points, images)
        found = memory.step(point, image)
        assert found == pytest.approx(wanted, abs=SINGLE * float(np.abs(image).max()))
        point = found
    assert float(np.linalg.norm(image - points[-1])) < 0.1 * float(np.linalg.norm(images[0] - points[0]))

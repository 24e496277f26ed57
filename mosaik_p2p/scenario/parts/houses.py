"""Many prosumers of a kind: every house has its own size and its own hours, drawn from the scenario's seed."""

import hashlib
from dataclasses import dataclass

import numpy as np

SCALE_SIGMA = 0.2
"""Standard deviation of the logarithm of a drawn scale; its mean is 1."""
SHIFT_LIMIT_MINUTES = 60


@dataclass(frozen=True)
class Draw:
    """What was drawn for one house."""

    scale: float
    shift_minutes: int


def drawn(*, seed: int, name: str, step_minutes: int) -> Draw:
    """Scale and shift of the house `name`.

    They depend on seed and name alone, so that neither the order of the houses nor a house more or less changes the
    others. The scale is log-normal with mean 1; the shift is uniform over the multiples of the step within an hour.
    """
    digest = hashlib.sha256(name.encode()).digest()
    random = np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
    scale = float(np.exp(SCALE_SIGMA * random.standard_normal() - SCALE_SIGMA**2 / 2))
    steps = SHIFT_LIMIT_MINUTES // step_minutes
    shift = int(random.integers(-steps, steps, endpoint=True)) * step_minutes
    return Draw(round(scale, 4), shift)

"""Many prosumers of a kind: every house has its own size and its own hours, drawn from the scenario's seed."""

import hashlib
from dataclasses import dataclass

import numpy as np

COLUMNS = {
    "name": "Its name, unlike all others; needed.",
    "bus": "Bus of the electric network, by name; by index with a hash before it: #13.",
    "junction_supply": "Supply junction of a heat file, as a bus; alone, a node of a case.",
    "junction_return": "Return junction of a heat file, as a bus.",
    "replaces_load": "Load of the electric network that it stands for, as a bus.",
    "replaces_generator": "Static generator of the electric network that it stands for, as a bus.",
    "replaces_consumer": "Consumer of the heat network that it stands for, as a bus.",
    "template": "Template that says what it owns.",
    "scale": "Multiplies the profiles of its loads; random: drawn from the seed, log-normal with mean 1.",
    "shift_minutes": "Makes its loads later (negative: earlier), minutes; random: drawn from the seed, within an hour.",
}
"""Of the `prosumers_file`, a CSV with a prosumer in each row; an empty cell says nothing."""
DEVICE_COLUMNS = (
    "DEVICE.KEY",
    "What it owns otherwise than its template: a key of a device by its name, such as pv.peak_kw, "
    "battery.energy_kwh.max or fixed_load.profile (a profile, or file.csv:column); "
    "a type of device that the template lacks is added.",
)
"""Columns of devices, as `--set prosumers.NAME.DEVICE.KEY` addresses them, with what they mean."""
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

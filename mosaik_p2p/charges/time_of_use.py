"""Time of use: factors by which a charge is multiplied at certain times of the day."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, ClassVar, TypeAlias

import pandas as pd
from pydantic import AfterValidator, Field

from mosaik_p2p.sections.base import refuse
from mosaik_p2p.sections.prices import DayStep, on_intervals
from mosaik_p2p.sections.ranges import MOST_FACTOR
from mosaik_p2p.units import FloatArray

PLAIN = 1.0
"""The factor at times that no step names."""


class FactorStep(DayStep):
    """One factor from a time of day to another."""

    example: ClassVar[str] = '{ from = "18:00", to = "22:00", factor = 2.0 }'
    counts: ClassVar[str] = "a factor"
    factor: Annotated[float, Field(strict=True, ge=0.0, le=MOST_FACTOR)]
    """By which the charges are multiplied."""


def _apart(steps: tuple[FactorStep, ...]) -> tuple[FactorStep, ...]:
    for before, after in pairwise(sorted(steps, key=lambda step: step.begin)):
        if after.begin < before.end:
            until = min(before.end, after.end)
            remedy = "Let each factor begin where the one before it ends, or later."
            refuse(f"has two factors from {after.begin} to {until}", remedy=remedy)
    return steps


Factors: TypeAlias = Annotated[tuple[FactorStep, ...], AfterValidator(_apart)]


def factor_of(steps: Sequence[FactorStep], begins: pd.DatetimeIndex, *, step_minutes: int) -> FloatArray | None:
    """(T,) factor of the intervals that begin at these times of the scenario's own clock; None: 1 in all of them."""
    values = [step.factor for step in steps]
    factor = on_intervals(steps, values, begins, step_minutes=step_minutes, otherwise=PLAIN)
    return None if (factor == PLAIN).all() else factor

"""Prices of a kWh, and times of day: as they are written, and on the intervals of the span."""

import re
from collections.abc import Mapping, Sequence
from datetime import time
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Self, TypeAlias

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from mosaik_p2p.sections.base import Name, Section, refuse
from mosaik_p2p.sections.clock import minutes_within
from mosaik_p2p.sections.ranges import PricePerKwh
from mosaik_p2p.sections.resample import MINUTES_PER_DAY
from mosaik_p2p.sections.series import Series, Span
from mosaik_p2p.units import FloatArray

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


def _clock(value: Any) -> Any:
    if isinstance(value, time):
        value = value.strftime("%H:%M")
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        refuse("is not a time of day", remedy='Write hours and minutes, "00:00" to "24:00".')
    return value


def minute_of_day(clock: str) -> int:
    """Minutes since midnight of a time such as "07:30"; "24:00" is the end of the day."""
    hours, minutes = clock.split(":")
    return 60 * int(hours) + int(minutes)


Clock: TypeAlias = Annotated[str, BeforeValidator(_clock)]


class DayStep(Section):
    """What counts from a time of day to another; those who derive from it say what that is."""

    counts: ClassVar[str]
    """What it is, with its article, such as "a price"."""
    begin: Clock = Field(alias="from")
    """Time of day from which it counts."""
    end: Clock = Field(alias="to")
    """Time of day up to which it counts."""

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if minute_of_day(self.begin) >= minute_of_day(self.end):
            remedy = f'Split {self.counts} that lasts over midnight at "24:00" and "00:00".'
            refuse("ends before it begins", remedy=remedy)
        return self


class PriceStep(DayStep):
    """One price from a time of day to another."""

    example: ClassVar[str] = '{ from = "00:00", to = "24:00", price = 0.3 }'
    counts: ClassVar[str] = "a price"
    price: PricePerKwh
    """Currency per kWh."""


def _covers_day(steps: tuple[PriceStep, ...]) -> tuple[PriceStep, ...]:
    ordered = sorted(steps, key=lambda step: step.begin)
    edges = ["00:00", *(clock for step in ordered for clock in (step.begin, step.end)), "24:00"]
    for end, begin in list(pairwise(edges))[::2]:
        if end < begin:
            refuse(f"has no price from {end} to {begin}", remedy="Cover the day from 00:00 to 24:00 without a gap.")
        if begin < end:
            refuse(f"has two prices from {begin} to {end}", remedy="Let each price begin where the one before it ends.")
    return steps


def _price(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse("is not a price", remedy="Give a number, a list of { from, to, price }, or the name of a profile.")
    return value


def _kind_of_price(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "price:steps"
    return "price:name" if isinstance(value, str) and value else "price:number"


Price: TypeAlias = Annotated[
    Annotated[tuple[PriceStep, ...], AfterValidator(_covers_day), Tag("price:steps")]
    | Annotated[PricePerKwh, BeforeValidator(_price), Tag("price:number")]
    | Annotated[Name, Tag("price:name")],
    Discriminator(_kind_of_price),
]
"""A number, steps over the day, or the name of a profile (whose realisation counts); currency per kWh."""


def price_per_kwh(price: Price, profiles: Mapping[str, Series], span: Span) -> FloatArray | None:
    """The price on the intervals, shape (span,); None where it is a profile that could not be read.

    A price that changes within an interval counts by the share of its minutes. Of a profile, the realisation counts.
    """
    if isinstance(price, str):
        return profiles[price].realised if price in profiles else None
    if not isinstance(price, tuple):
        return np.full(len(span.times), float(price))
    values = [step.price for step in price]
    return on_intervals(price, values, span.own_times, step_minutes=span.step_minutes, otherwise=np.nan)


def on_intervals(
    steps: Sequence[DayStep],
    values: Sequence[float],
    own_times: pd.DatetimeIndex,
    *,
    step_minutes: int,
    otherwise: float,
) -> FloatArray:
    """The value of each step on the intervals that begin at these times of the scenario's own clock, `otherwise` where
    none counts; shape (len(own_times),). Within an interval each value counts by the share of its minutes."""
    by_minute = np.full(MINUTES_PER_DAY, otherwise)
    for step, value in zip(steps, values, strict=True):
        by_minute[minute_of_day(step.begin) : minute_of_day(step.end)] = value
    return np.asarray(_mean(by_minute[minutes_within(own_times, step_minutes)]), dtype=np.float64)


def _mean(by_interval: FloatArray) -> FloatArray:
    """Mean along the last axis; a price that does not change within an interval comes back bit for bit."""
    first = by_interval[:, 0]
    same = (by_interval == first[:, None]).all(axis=1)
    return np.where(same, first, by_interval.mean(axis=1))

"""Offers of the utility and of the heat supplier."""

import re
from datetime import time
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from mosaik_p2p.sections.base import Name, Section, refuse
from mosaik_p2p.sections.ranges import PowerKw, PricePerKwh

MINUTES_PER_DAY = 1440
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


class PriceStep(Section):
    """One price from a time of day to another."""

    example: ClassVar[str] = '{ from = "00:00", to = "24:00", price = 0.3 }'
    begin: Clock = Field(alias="from")
    """Time of day from which the price counts."""
    end: Clock = Field(alias="to")
    """Time of day up to which it counts."""
    price: PricePerKwh
    """Currency per kWh."""

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if minute_of_day(self.begin) >= minute_of_day(self.end):
            refuse("ends before it begins", remedy='Split a price that lasts over midnight at "24:00" and "00:00".')
        return self


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


class Tariff(Section):
    """What one kWh costs from the network and earns into it; several prosumers may share a tariff."""

    carrier: Literal["electricity", "heat"]
    """What is delivered."""
    import_per_kwh: Price
    """Price of a kWh from the network, currency per kWh."""
    export_per_kwh: Price | None = None
    """Price paid for a kWh into the network, currency per kWh; left out: nothing can be exported."""
    import_max_kw: PowerKw
    """Largest import, kW."""
    export_max_kw: PowerKw | None = None
    """Largest export, kW; left out: as much as can be imported."""

    @model_validator(mode="after")
    def _export_limit_has_a_price(self) -> Self:
        if self.export_max_kw and self.export_per_kwh is None:
            refuse(
                "limits an export that has no price", remedy="Add export_per_kwh, or leave it out.", key="export_max_kw"
            )
        return self

    @property
    def export_limit_kw(self) -> float:
        """Most that can be exported, in kW; 0 without an export price."""
        if self.export_per_kwh is None:
            return 0.0
        return self.import_max_kw if self.export_max_kw is None else self.export_max_kw

"""What the two ends of a pair put on trading with each other, beside prices and charges (Chen and Liu 2025, eq. 4)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mosaik_p2p.sections.base import Name, Section
from mosaik_p2p.sections.ranges import MOST_PRICE, PricePerKwh


class Preference(Section):
    """A pair's preference: what a trade of p kW costs both ends together beside its price, `a p^2 + b |p|` per hour."""

    example: ClassVar[str] = '{ carrier = "electricity", pair = ["A", "B"], a = 0.001, b = -0.01 }'
    carrier: Literal["electricity", "heat"]
    """Of which trades."""
    pair: tuple[Name, Name]
    """The two prosumers."""
    a: Annotated[float, Field(strict=True, ge=0.0, le=MOST_PRICE)] = 0.0
    """Currency per kWh and kW: what grows with the trade."""
    b: PricePerKwh = 0.0
    """Currency per kWh; below zero they like to trade, by no more than what they pay in charges."""

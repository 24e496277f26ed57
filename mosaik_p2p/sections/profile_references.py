"""What a profile is used as, and what its values must then be."""

from dataclasses import dataclass

from mosaik_p2p.sections.ranges import LEAST_COP, MOST_COP, MOST_FACTOR, MOST_KW, MOST_PRICE


@dataclass(frozen=True)
class Purpose:
    """What a profile is used as, in the words of a message, and between which numbers its values then lie."""

    words: str
    low: float
    high: float


LOAD = Purpose("a load", 0.0, MOST_KW)
"""In kW."""
GENERATION = Purpose("generation", 0.0, MOST_KW)
"""In kW, or kW per kWp or m2."""
COP = Purpose("a coefficient of performance", LEAST_COP, MOST_COP)
BACKGROUND = Purpose("a factor on loads", 0.0, MOST_FACTOR)
NETWORK_GENERATION = Purpose("a factor on generators", 0.0, MOST_FACTOR)
PRICE = Purpose("a price", -MOST_PRICE, MOST_PRICE)
"""Currency per kWh."""


@dataclass(frozen=True)
class Use:
    """The profile `profile` as it is named at `place`."""

    profile: str
    place: str
    purpose: Purpose

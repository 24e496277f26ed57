"""The designs that are compared, and the run that each of their points is."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from mosaik_p2p.studies.hosting.growth import Growth
from mosaik_p2p.studies.sweep.plan import Row, Wanted, row_of

DESIGN, NEGOTIATES, FORM = "market.design", "negotiation.enabled", "market.form"
LEAN = ('settlement.counterfactuals=["alone"]', "settlement.lift_limits=0")
"""Of every run: the day without trade, which it is compared with, and no other runs beside it."""


@dataclass(frozen=True)
class Variant:
    """One of the three markets of which the capacity is sought."""

    name: str
    called: str
    keys: Mapping[str, str]
    """What makes it, as after `--set`."""


VARIANTS = (
    Variant("none", "without market", {DESIGN: "none", NEGOTIATES: "false", FORM: "auto"}),
    Variant("p2p", "with market", {DESIGN: "p2p", NEGOTIATES: "false"}),
    Variant("negotiated", "negotiated market", {DESIGN: "p2p", NEGOTIATES: "true"}),
)


@dataclass(frozen=True)
class Point:
    """A value of what grows under one of the markets, and its run."""

    growth: Growth
    variant: str
    value: Decimal
    row: Row

    @property
    def key(self) -> tuple[Growth, str, Decimal]:
        """What tells it from others."""
        return self.growth, self.variant, self.value


def point_of(wanted: Wanted, growth: Growth, variant: Variant, value: Decimal) -> Point:
    """The run of a point; with its faults, where it cannot be run."""
    return Point(growth, variant.name, value, row_of(wanted, {**variant.keys, **growth.keys(value)}))

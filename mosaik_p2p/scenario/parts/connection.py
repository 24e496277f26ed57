"""What a prosumer may exchange with a network, whoever it trades with."""

from typing import ClassVar, Self

from pydantic import model_validator

from mosaik_p2p.sections.base import Section, refuse
from mosaik_p2p.sections.ranges import DrawKw, PowerKw


class ConnectionLimits(Section):
    """Limits of net sale + export - import, positive into the network; imbalances are not counted."""

    example: ClassVar[str] = "{ min_kw = -30, max_kw = 10 }"
    min_kw: DrawKw | None = None
    """Least, so that its size is the most that may be drawn; zero or negative, kW. Left out: no limit."""
    max_kw: PowerKw | None = None
    """Most that may be fed in, kW. Left out: no limit."""

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.min_kw is None and self.max_kw is None:
            refuse("limits nothing", remedy="Give min_kw, max_kw or both, or leave the table out.")
        return self


class ConnectionSpec(Section):
    """Limits of a prosumer's connections: of all that goes over them, trades included, with and without peers."""

    electricity: ConnectionLimits | None = None
    """Of the connection to the electric network."""
    heat: ConnectionLimits | None = None
    """Of the connection to the heat network."""

    def limits_kw(self) -> dict[str, tuple[float | None, float | None]]:
        """Least and most by carrier, of those that have limits."""
        stated = {"electricity": self.electricity, "heat": self.heat}
        return {carrier: (limits.min_kw, limits.max_kw) for carrier, limits in stated.items() if limits is not None}

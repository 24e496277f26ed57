"""Factors on what prosumers have."""

from typing import Annotated, Self

from pydantic import Field

from mosaik_p2p.sections.base import Name, Section
from mosaik_p2p.sections.ranges import Scaling


class Factors(Section):
    """On loads, photovoltaic plants, heat pumps and electric vehicles."""

    load: Scaling = 1.0
    """On electric loads."""
    heat_load: Scaling = 1.0
    """On heat loads."""
    pv: Scaling = 1.0
    """On the peak power of photovoltaic plants."""
    heat_pump: Scaling = 1.0
    """On the power of heat pumps, and on the heat loads of those who own one: so many times as many heated houses."""
    ev: Scaling = 1.0
    """On power and energies of electric vehicles: so many times as many of them."""


class PartFactors(Factors):
    """The same factors on what some of the prosumers have, times those on all: a street, or a feeder."""

    prosumers: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Names of those whose it is."""


class Scale(Factors):
    """Factors on what prosumers have: loads, photovoltaic plants, heat pumps and electric vehicles.

    The loads of the network itself follow `networks.electricity.background` alone.
    """

    part: PartFactors | None = None
    """Factors on what some of them have, such as { prosumers = ["A", "B"], pv = 2.0 }; times those on all."""

    def of(self, prosumer: str) -> Self:
        """The factors on what this prosumer has, in all."""
        part = self.part
        if part is None or prosumer not in part.prosumers:
            return self
        return self.model_copy(update={key: getattr(self, key) * getattr(part, key) for key in Factors.model_fields})

"""A wind turbine: a device of another package, in one file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from mosaik_p2p.devices import BuildContext, DeviceClass, DeviceSection, Source
from mosaik_p2p.sections.base import Name, PlainName
from mosaik_p2p.sections.profile_references import GENERATION, Use
from mosaik_p2p.sections.ranges import CostPerKwh, RatingKw
from mosaik_p2p.sections.scale import Scale
from mosaik_p2p.units import ELECTRICITY


@dataclass(frozen=True)
class WindTurbine(Source):
    """A curtailable wind turbine; `available` in kW."""

    type: ClassVar[str] = "wind_turbine"
    stems: ClassVar[tuple[str, ...]] = ("Wind",)

    @property
    def own_carrier(self) -> str:
        """What it gives."""
        return ELECTRICITY


class WindTurbineSection(DeviceSection):
    """A curtailable wind turbine; its profile is in kW per kW of rated power."""

    device: ClassVar[DeviceClass] = WindTurbine
    example: ClassVar[str] = '{ type = "wind_turbine", profile = "wind", rated_kw = 40.0 }'
    type: Literal["wind_turbine"]
    name: PlainName = "wind_turbine"
    profile: Name
    """Name of a profile in kW per kW of rated power."""
    rated_kw: RatingKw
    """Rated power, kW."""
    cost_per_kwh: CostPerKwh = 0.0
    """Currency per kWh produced."""

    def uses(self, place: str) -> Iterable[Use]:
        """Its profile."""
        return (Use(self.profile, f"{place}.profile", GENERATION),)

    def build(self, context: BuildContext) -> WindTurbine | None:
        """The turbine of its rated power; None where its profile could not be read."""
        series = context.profiles.get(self.profile)
        return None if series is None else WindTurbine(self.name, series.times(self.rated_kw), self.cost_per_kwh)

    def sizes(self, scale: Scale) -> Mapping[str, float]:
        """Its rated power, for the inventory."""
        return {"wind_kw": self.rated_kw}

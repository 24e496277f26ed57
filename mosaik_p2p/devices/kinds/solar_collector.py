"""A solar thermal collector."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from mosaik_p2p.devices.base import BuildContext, DeviceClass, DeviceSection
from mosaik_p2p.devices.profiled import Source
from mosaik_p2p.sections.base import Name, PlainName, refuse
from mosaik_p2p.sections.profile_references import GENERATION, Use
from mosaik_p2p.sections.ranges import (
    AreaM2,
    CostPerKwh,
    Efficiency,
)
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import HEAT


@dataclass(frozen=True)
class SolarCollector(Source):
    """A curtailable solar thermal collector; `available` in kW of heat."""

    type: ClassVar[str] = "solar_collector"
    stems: ClassVar[tuple[str, ...]] = ("SC",)

    @property
    def own_carrier(self) -> str:
        """Heat."""
        return HEAT


class SolarCollectorSpec(DeviceSection):
    """A curtailable collector: area times a profile in kW per m2, or times efficiency and horizontal irradiance."""

    device: ClassVar[DeviceClass] = SolarCollector
    example: ClassVar[str] = '{ type = "solar_collector", profile = "roof", area_m2 = 12.0 }'
    type: Literal["solar_collector"]
    name: PlainName = "solar_collector"
    area_m2: AreaM2
    """Area of the collector, m2."""
    profile: Name | None = None
    """Name of a profile in kW per m2."""
    efficiency: Efficiency | None = None
    """Part of the horizontal irradiance that becomes heat, instead of a profile."""
    cost_per_kwh: CostPerKwh = 0.0
    """Currency per kWh of heat."""

    @model_validator(mode="after")
    def _one_source_of_heat(self) -> Self:
        if (self.profile is None) == (self.efficiency is None):
            fault = (
                "has neither a profile nor an efficiency" if self.profile is None else "has a profile and an efficiency"
            )
            refuse(fault, remedy="Give a profile in kW per m2, or an efficiency that multiplies the irradiance.")
        return self

    def uses(self, place: str) -> Iterable[Use]:
        """Its profile, where it has one."""
        return () if self.profile is None else (Use(self.profile, f"{place}.profile", GENERATION),)

    @property
    def weather_need(self) -> str:
        """The irradiance, where it has no profile."""
        return "efficiency times irradiance" if self.profile is None else ""

    def build(self, context: BuildContext) -> SolarCollector | None:
        """The collector of its area."""
        available = self._available(context)
        return None if available is None else SolarCollector(self.name, available, self.cost_per_kwh)

    def _available(self, context: BuildContext) -> Series | None:
        if self.profile is not None:
            series = context.profiles.get(self.profile)
            return None if series is None else series.times(self.area_m2)
        sunshine = context.horizontal_kw_per_m2
        if sunshine is None or self.efficiency is None:
            return None
        return Series.known(sunshine).times(self.area_m2 * self.efficiency)

"""A photovoltaic plant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from mosaik_p2p.devices.base import PV_KWP, BuildContext, DeviceClass, DeviceSection
from mosaik_p2p.devices.profiled import Source
from mosaik_p2p.sections.base import Name, PlainName
from mosaik_p2p.sections.profile_references import GENERATION, Use
from mosaik_p2p.sections.ranges import (
    CostPerKwh,
    PowerKw,
    SignedPowerFactor,
)
from mosaik_p2p.sections.scale import Scale
from mosaik_p2p.units import ELECTRICITY


@dataclass(frozen=True)
class Pv(Source):
    """A curtailable photovoltaic plant; `available` in kW."""

    power_factor: float = 1.0
    """Signed, see `prosumers.state.reactive_share`."""

    type: ClassVar[str] = "pv"
    stems: ClassVar[tuple[str, ...]] = ("PV",)

    @property
    def own_carrier(self) -> str:
        """Electricity."""
        return ELECTRICITY

    @property
    def own_power_factor(self) -> float:
        """Of its inverter."""
        return self.power_factor


class PvSpec(DeviceSection):
    """A curtailable photovoltaic plant; its profile is in kW per kWp."""

    device: ClassVar[DeviceClass] = Pv
    example: ClassVar[str] = '{ type = "pv", profile = "south", peak_kw = 10.0 }'
    type: Literal["pv"]
    name: PlainName = "pv"
    profile: Name
    """Name of a profile in kW per kWp."""
    peak_kw: PowerKw
    """Peak power, kWp."""
    cost_per_kwh: CostPerKwh = 0.0
    """Currency per kWh produced."""
    power_factor: SignedPowerFactor = 1.0
    """Of its inverter. 1: no reactive power; 0.95: reactive power goes the way of active power; -0.95: the other way,
    drawing reactive power while it feeds in (under-excited)."""

    def uses(self, place: str) -> Iterable[Use]:
        """Its profile."""
        return (Use(self.profile, f"{place}.profile", GENERATION),)

    def build(self, context: BuildContext) -> Pv | None:
        """The plant of its peak power."""
        series = context.profiles.get(self.profile)
        if series is None:
            return None
        available = series.times(self.peak_kw * context.scale.pv)
        return Pv(self.name, available, self.cost_per_kwh, self.power_factor)

    def sizes(self, scale: Scale) -> Mapping[str, float]:
        """Its peak power."""
        return {PV_KWP: self.peak_kw * scale.pv}

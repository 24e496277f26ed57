"""An electric storage."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from mosaik_p2p.devices.base import BuildContext, DeviceClass
from mosaik_p2p.devices.storage import EnergyRange, Storage, StorageEfficiency, StorageSection
from mosaik_p2p.sections.base import PlainName
from mosaik_p2p.sections.ranges import (
    CostPerKwh,
    RatingKw,
    SignedPowerFactor,
)
from mosaik_p2p.units import ELECTRICITY


@dataclass(frozen=True)
class Battery(Storage):
    """An electric storage."""

    cost_per_kwh: float
    power_factor: float = 1.0
    """Signed, see `prosumers.state.reactive_share`."""

    type: ClassVar[str] = "battery"
    hourly_loss: ClassVar[float] = 0.0

    @property
    def own_carrier(self) -> str:
        """Electricity."""
        return ELECTRICITY

    @property
    def wear_per_kwh(self) -> float:
        """Currency per kWh charged and per kWh discharged."""
        return self.cost_per_kwh

    @property
    def own_power_factor(self) -> float:
        """Of its inverter."""
        return self.power_factor


class BatterySpec(StorageSection):
    """An electric storage; `power_kw` limits charging and discharging."""

    device: ClassVar[DeviceClass] = Battery
    example: ClassVar[str] = '{ type = "battery", power_kw = 5.0, energy_kwh = { max = 10.0, initial = 5.0 } }'
    type: Literal["battery"]
    name: PlainName = "battery"
    power_kw: RatingKw
    """Largest power in either direction at the connection, kW."""
    energy_kwh: EnergyRange
    """Levels between which it is kept, kWh."""
    efficiency: StorageEfficiency = StorageEfficiency()
    """Shares that survive charging and discharging."""
    cost_per_kwh: CostPerKwh = 0.0
    """Wear: currency per kWh charged and per kWh discharged."""
    power_factor: SignedPowerFactor = 1.0
    """Of its inverter. 1: no reactive power; 0.95: reactive power goes the way of active power; -0.95: the other way,
    drawing reactive power while it feeds in (under-excited)."""

    def build(self, context: BuildContext) -> Battery:
        """The storage."""
        return Battery(name=self.name, power_factor=self.power_factor, **self.levels_and_flows())

"""A heat storage."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mosaik_p2p.devices.base import BuildContext, DeviceClass
from mosaik_p2p.devices.storage import EnergyRange, Storage, StorageEfficiency, StorageSection
from mosaik_p2p.sections.base import PlainName
from mosaik_p2p.sections.ranges import (
    CostPerKwh,
    RatingKw,
)
from mosaik_p2p.units import HEAT


@dataclass(frozen=True)
class HeatTank(Storage):
    """A heat storage that loses a share of its content in every hour."""

    loss_per_h: float
    """Share of the content lost in an hour, in [0, 1)."""
    cost_per_kwh: float

    type: ClassVar[str] = "heat_tank"

    @property
    def own_carrier(self) -> str:
        """Heat."""
        return HEAT

    @property
    def hourly_loss(self) -> float:
        """Share of the content lost in an hour."""
        return self.loss_per_h

    @property
    def wear_per_kwh(self) -> float:
        """Currency per kWh charged and per kWh discharged."""
        return self.cost_per_kwh


class HeatTankSpec(StorageSection):
    """A heat storage; `power_kw` limits charging and discharging, `energy_kwh` is heat above the return temperature."""

    device: ClassVar[DeviceClass] = HeatTank
    example: ClassVar[str] = '{ type = "heat_tank", power_kw = 10.0, energy_kwh = { max = 25.0, initial = 10.0 } }'
    type: Literal["heat_tank"]
    name: PlainName = "heat_tank"
    power_kw: RatingKw
    """Largest heat in either direction at the connection, kW."""
    energy_kwh: EnergyRange
    """Levels between which it is kept: kWh of heat above the return temperature."""
    efficiency: StorageEfficiency = StorageEfficiency(charge=1.0, discharge=1.0)
    """Shares that survive charging and discharging; a key left out of a table that is given counts 0.95."""
    loss_per_h: Annotated[float, Field(strict=True, ge=0.0, lt=1.0)] = 0.01
    """Share of its present content that it loses to the surroundings in an hour: at 0.01, 10 kWh become 9.9 kWh."""
    cost_per_kwh: CostPerKwh = 0.0
    """Wear: currency per kWh charged and per kWh discharged."""

    @property
    def hourly_loss(self) -> float:
        """Share of the content lost in an hour."""
        return self.loss_per_h

    def build(self, context: BuildContext) -> HeatTank:
        """The storage."""
        return HeatTank(name=self.name, loss_per_h=self.loss_per_h, **self.levels_and_flows())

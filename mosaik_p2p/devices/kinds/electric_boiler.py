"""Heat from electricity, at an efficiency."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from mosaik_p2p.devices.base import BuildContext, DeviceClass, DeviceSection
from mosaik_p2p.prosumers.block import Block
from mosaik_p2p.prosumers.device import Device, Family, Outcome, Plan, Profile, as_planned
from mosaik_p2p.prosumers.roles import Role
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections.base import PlainName
from mosaik_p2p.sections.profile_references import Use
from mosaik_p2p.sections.ranges import (
    Efficiency,
    RatingKw,
)
from mosaik_p2p.units import ELECTRICITY, HEAT


@dataclass(frozen=True)
class ElectricBoiler(Device):
    """Turns electricity into heat: `heat = efficiency * el`."""

    el_max_kw: float
    efficiency: float

    type: ClassVar[str] = "electric_boiler"
    family: ClassVar[Family] = Family.CONVERTER

    @property
    def own_carrier(self) -> None:
        """None: it turns one form of energy into another."""
        return None

    def block(self, block: Block, window: Window, state: ProsumerState) -> None:
        """The electricity that it draws."""
        block.variable(Role.POWER, upper=self.el_max_kw, adds={ELECTRICITY: -1.0, HEAT: self.efficiency})
        block.reach(self.el_max_kw)

    def profiles(self) -> tuple[Profile, ...]:
        """None."""
        return ()

    def follow(self, plan: Plan) -> Outcome:
        """What was cleared."""
        return as_planned(plan)


class ElectricBoilerSpec(DeviceSection):
    """Heat from electricity, at an efficiency."""

    device: ClassVar[DeviceClass] = ElectricBoiler
    example: ClassVar[str] = '{ type = "electric_boiler", el_max_kw = 6.0 }'
    type: Literal["electric_boiler"]
    name: PlainName = "electric_boiler"
    el_max_kw: RatingKw
    """Largest electric power, kW."""
    efficiency: Efficiency = 0.99
    """Heat per electricity."""

    def uses(self, place: str) -> Iterable[Use]:
        """No profile."""
        return ()

    def build(self, context: BuildContext) -> ElectricBoiler:
        """The boiler."""
        return ElectricBoiler(self.name, self.el_max_kw, self.efficiency)

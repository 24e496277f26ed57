"""Heat from electricity, at a coefficient of performance."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from mosaik_p2p.devices.base import BuildContext, DeviceClass, DeviceSection, power_faults
from mosaik_p2p.errors import Fault
from mosaik_p2p.prosumers.block import Block
from mosaik_p2p.prosumers.device import Device, Family, Outcome, Plan, Profile, as_planned
from mosaik_p2p.prosumers.roles import Role
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections.base import PlainName
from mosaik_p2p.sections.profile_references import COP, Use
from mosaik_p2p.sections.ranges import (
    CopOrProfile,
    RatingKw,
)
from mosaik_p2p.sections.scale import Scale
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import ELECTRICITY, HEAT, FloatArray


@dataclass(frozen=True)
class HeatPump(Device):
    """Turns electricity into heat: `heat = cop * el`; `cop` of shape (span,)."""

    el_max_kw: float
    cop: FloatArray

    type: ClassVar[str] = "heat_pump"
    family: ClassVar[Family] = Family.CONVERTER

    @property
    def own_carrier(self) -> None:
        """None: it turns one form of energy into another."""
        return None

    def block(self, block: Block, window: Window, state: ProsumerState) -> None:
        """The electricity that it draws."""
        adds: Mapping[str, float | FloatArray] = {ELECTRICITY: -1.0, HEAT: window.cut(self.cop)}
        block.variable(Role.POWER, upper=self.el_max_kw, adds=adds)
        block.reach(self.el_max_kw)

    def profiles(self) -> tuple[Profile, ...]:
        """Its coefficient of performance."""
        return (Profile("cop", Series.known(self.cop)),)

    def follow(self, plan: Plan) -> Outcome:
        """What was cleared."""
        return as_planned(plan)


class HeatPumpSpec(DeviceSection):
    """Heat from electricity; `cop` is a number or the name of a profile."""

    device: ClassVar[DeviceClass] = HeatPump
    example: ClassVar[str] = '{ type = "heat_pump", el_max_kw = 5.0, cop = 3.0 }'
    type: Literal["heat_pump"]
    name: PlainName = "heat_pump"
    el_max_kw: RatingKw
    """Largest electric power, kW."""
    cop: CopOrProfile
    """Heat per electricity, a number or the name of a profile."""

    def uses(self, place: str) -> Iterable[Use]:
        """The profile of its coefficient of performance, where it is one."""
        return (Use(self.cop, f"{place}.cop", COP),) if isinstance(self.cop, str) else ()

    def build(self, context: BuildContext) -> HeatPump | None:
        """The heat pump."""
        el_max_kw = self.el_max_kw * context.scale.heat_pump
        if not isinstance(self.cop, str):
            return HeatPump(self.name, el_max_kw, context.constant(self.cop))
        series = context.profiles.get(self.cop)
        return None if series is None else HeatPump(self.name, el_max_kw, series.realised)

    def owners_heat_scale(self, scale: Scale) -> float:
        """With more heat pumps more is heated by them."""
        return scale.heat_pump

    def built_faults(self, built: Device | None, context: BuildContext, place: str) -> Iterator[Fault]:
        """A power that scales make and no connection carries."""
        if isinstance(built, HeatPump):
            yield from power_faults(context.constant(built.el_max_kw), context.span, place)

"""Electricity and heat from fuel, in a fixed ratio."""

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
from mosaik_p2p.sections.prices import Price
from mosaik_p2p.sections.profile_references import PRICE, Use
from mosaik_p2p.sections.ranges import (
    Efficiency,
    PowerToHeat,
    RatingKw,
    SignedPowerFactor,
)
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import ELECTRICITY, HEAT, FloatArray


@dataclass(frozen=True)
class Chp(Device):
    """Turns fuel into electricity and heat: `el = power_to_heat * heat`, `el + heat = efficiency * fuel`."""

    el_max_kw: float
    efficiency: float
    power_to_heat: float
    fuel_price_per_kwh: FloatArray
    power_factor: float = 1.0
    """Signed, see `prosumers.state.reactive_share`."""

    type: ClassVar[str] = "chp"
    family: ClassVar[Family] = Family.CONVERTER

    @property
    def own_carrier(self) -> None:
        """None: it turns one form of energy into another."""
        return None

    @property
    def own_power_factor(self) -> float:
        """Of its machine."""
        return self.power_factor

    @property
    def efficiency_el(self) -> float:
        """Electricity per fuel."""
        return self.efficiency * self.power_to_heat / (1.0 + self.power_to_heat)

    @property
    def efficiency_heat(self) -> float:
        """Heat per fuel."""
        return self.efficiency / (1.0 + self.power_to_heat)

    def block(self, block: Block, window: Window, state: ProsumerState) -> None:
        """The fuel that it burns."""
        most_kw = self.el_max_kw / self.efficiency_el
        adds = {ELECTRICITY: self.efficiency_el, HEAT: self.efficiency_heat}
        block.variable(Role.FUEL, upper=most_kw, price=window.cut(self.fuel_price_per_kwh), adds=adds)
        block.reach(most_kw)
        block.mean_kw(0.5 * self.el_max_kw)

    def profiles(self) -> tuple[Profile, ...]:
        """The price of its fuel."""
        return (Profile("fuel_price_per_kwh", Series.known(self.fuel_price_per_kwh)),)

    def follow(self, plan: Plan) -> Outcome:
        """What was cleared."""
        return as_planned(plan)


class ChpSpec(DeviceSection):
    """Electricity and heat from fuel: `efficiency` is both together per fuel, `power_to_heat` electricity per heat."""

    device: ClassVar[DeviceClass] = Chp
    example: ClassVar[str] = (
        '{ type = "chp", el_max_kw = 10.0, efficiency = 0.9, power_to_heat = 0.5, fuel_price_per_kwh = 0.09 }'
    )
    type: Literal["chp"]
    name: PlainName = "chp"
    el_max_kw: RatingKw
    """Largest electric power, kW."""
    efficiency: Efficiency = 0.9
    """Total: electricity and heat together per fuel."""
    power_to_heat: PowerToHeat = 0.5
    """Fixed ratio of electricity to heat: of 0.9 kWh out of a kWh of fuel, 0.5 makes 0.3 kWh of electricity and
    0.6 kWh of heat."""
    fuel_price_per_kwh: Price
    """Currency per kWh of fuel."""
    power_factor: SignedPowerFactor = 1.0
    """Of its machine. 1: no reactive power; 0.95: reactive power goes the way of active power; -0.95: the other way,
    drawing reactive power while it feeds in (under-excited)."""

    def uses(self, place: str) -> Iterable[Use]:
        """The profile of its fuel's price, where it is one."""
        price = self.fuel_price_per_kwh
        return (Use(price, f"{place}.fuel_price_per_kwh", PRICE),) if isinstance(price, str) else ()

    def build(self, context: BuildContext) -> Chp | None:
        """The plant."""
        price = context.price(self.fuel_price_per_kwh)
        if price is None:
            return None
        return Chp(self.name, self.el_max_kw, self.efficiency, self.power_to_heat, price, self.power_factor)

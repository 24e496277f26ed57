"""Heat from fuel."""

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
    RatingKw,
)
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import HEAT, FloatArray


@dataclass(frozen=True)
class GasBoiler(Device):
    """Turns fuel into heat: `heat = efficiency * fuel`; the price of shape (span,) is per kWh of fuel."""

    heat_max_kw: float
    efficiency: float
    fuel_price_per_kwh: FloatArray

    type: ClassVar[str] = "gas_boiler"
    family: ClassVar[Family] = Family.CONVERTER

    @property
    def own_carrier(self) -> None:
        """None: it turns one form of energy into another."""
        return None

    def block(self, block: Block, window: Window, state: ProsumerState) -> None:
        """The fuel that it burns."""
        most_kw = self.heat_max_kw / self.efficiency
        price = window.cut(self.fuel_price_per_kwh)
        block.variable(Role.FUEL, upper=most_kw, price=price, adds={HEAT: self.efficiency})
        block.reach(most_kw)

    def profiles(self) -> tuple[Profile, ...]:
        """The price of its fuel."""
        return (Profile("fuel_price_per_kwh", Series.known(self.fuel_price_per_kwh)),)

    def follow(self, plan: Plan) -> Outcome:
        """What was cleared."""
        return as_planned(plan)


class GasBoilerSpec(DeviceSection):
    """Heat from fuel; the efficiency relates to the heating value that the fuel is billed by."""

    device: ClassVar[DeviceClass] = GasBoiler
    example: ClassVar[str] = '{ type = "gas_boiler", heat_max_kw = 20.0, fuel_price_per_kwh = 0.12 }'
    type: Literal["gas_boiler"]
    name: PlainName = "gas_boiler"
    heat_max_kw: RatingKw
    """Largest heat, kW."""
    efficiency: Efficiency = 0.9
    """Heat per fuel."""
    fuel_price_per_kwh: Price
    """Currency per kWh of fuel."""

    def uses(self, place: str) -> Iterable[Use]:
        """The profile of its fuel's price, where it is one."""
        price = self.fuel_price_per_kwh
        return (Use(price, f"{place}.fuel_price_per_kwh", PRICE),) if isinstance(price, str) else ()

    def build(self, context: BuildContext) -> GasBoiler | None:
        """The boiler."""
        price = context.price(self.fuel_price_per_kwh)
        return None if price is None else GasBoiler(self.name, self.heat_max_kw, self.efficiency, price)

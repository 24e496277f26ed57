"""An electric generator with a quadratic cost."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from pydantic import model_validator

from mosaik_p2p.devices.base import BuildContext, DeviceClass, DeviceSection
from mosaik_p2p.prosumers.block import Block
from mosaik_p2p.prosumers.device import Device, Family, Outcome, Plan, Profile, as_planned
from mosaik_p2p.prosumers.roles import Role
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections.base import PlainName, refuse
from mosaik_p2p.sections.profile_references import Use
from mosaik_p2p.sections.ranges import (
    CostPerKw2h,
    CostPerKwh,
    PowerKw,
    RatingKw,
    SignedPowerFactor,
)
from mosaik_p2p.units import ELECTRICITY


@dataclass(frozen=True)
class Generator(Device):
    """An electric generator that costs `(a/2 p^2 + b p) dt`; `a` is `cost_per_kw2h`, `b` is `cost_per_kwh`."""

    min_kw: float
    max_kw: float
    cost_per_kwh: float
    cost_per_kw2h: float
    power_factor: float = 1.0
    """Signed, see `prosumers.state.reactive_share`."""

    type: ClassVar[str] = "generator"
    family: ClassVar[Family] = Family.SOURCE

    @property
    def own_carrier(self) -> str:
        """Electricity."""
        return ELECTRICITY

    @property
    def own_power_factor(self) -> float:
        """Of its machine."""
        return self.power_factor

    def block(self, block: Block, window: Window, state: ProsumerState) -> None:
        """What it gives."""
        block.variable(
            Role.POWER,
            lower=self.min_kw,
            upper=self.max_kw,
            price=self.cost_per_kwh,
            curvature=self.cost_per_kw2h,
            adds={ELECTRICITY: 1.0},
        )
        block.reach(self.max_kw)
        block.mean_kw(0.5 * self.max_kw)

    def profiles(self) -> tuple[Profile, ...]:
        """None."""
        return ()

    def follow(self, plan: Plan) -> Outcome:
        """What was cleared."""
        return as_planned(plan)


class GeneratorSpec(DeviceSection):
    """An electric generator; p kW cost `cost_per_kw2h p^2 / 2 + cost_per_kwh p` per hour (currency)."""

    device: ClassVar[DeviceClass] = Generator
    example: ClassVar[str] = '{ type = "generator", max_kw = 12.0, cost_per_kwh = 0.2 }'
    type: Literal["generator"]
    name: PlainName = "generator"
    min_kw: PowerKw = 0.0
    """Least power, kW, at all times: it cannot be switched off."""
    max_kw: RatingKw
    """Largest power, kW."""
    cost_per_kwh: CostPerKwh
    """Currency per kWh."""
    cost_per_kw2h: CostPerKw2h = 0.0
    """Currency per kW2h: by how much each further kW makes a kWh dearer."""
    power_factor: SignedPowerFactor = 1.0
    """Of its machine. 1: no reactive power; 0.95: reactive power goes the way of active power; -0.95: the other way,
    drawing reactive power while it feeds in (under-excited)."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.min_kw > self.max_kw:
            refuse(f"is above max_kw = {self.max_kw:g}", remedy="Give at most max_kw.", key="min_kw")
        return self

    def uses(self, place: str) -> Iterable[Use]:
        """No profile."""
        return ()

    def build(self, context: BuildContext) -> Generator:
        """The generator."""
        costs = (self.cost_per_kwh, self.cost_per_kw2h)
        return Generator(self.name, self.min_kw, self.max_kw, *costs, self.power_factor)

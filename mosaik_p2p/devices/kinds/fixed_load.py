"""A load that is served as it comes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from mosaik_p2p.devices.base import BuildContext, DeviceClass, DeviceSection
from mosaik_p2p.devices.profiled import Load
from mosaik_p2p.prosumers.block import Block, mean_of
from mosaik_p2p.prosumers.device import Outcome, Plan
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections.base import Name, PlainName
from mosaik_p2p.sections.carrier import Carrier
from mosaik_p2p.sections.profile_references import LOAD, Use


@dataclass(frozen=True)
class FixedLoad(Load):
    """A load that must be served as it comes; `demand` in kW."""

    type: ClassVar[str] = "fixed_load"

    def block(self, block: Block, window: Window, state: ProsumerState) -> None:
        """No variable: its forecast is drawn."""
        demand = window.cut(self.demand.forecast)
        block.fixed_load(self.carrier, demand)
        block.mean_kw(mean_of(demand))

    def follow(self, plan: Plan) -> Outcome:
        """It draws what turns out."""
        drawn_kw = {self.carrier: float(self.demand.realised[plan.interval])}
        return Outcome(plan.power_kw, plan.power_kw, drawn_kw)


class FixedLoadSpec(DeviceSection):
    """A load that is served as it comes; its profile is in kW."""

    device: ClassVar[DeviceClass] = FixedLoad
    example: ClassVar[str] = '{ type = "fixed_load", profile = "house" }'
    type: Literal["fixed_load"]
    name: PlainName = "fixed_load"
    carrier: Carrier = "electricity"
    """What it draws."""
    profile: Name
    """Name of a profile in kW."""

    def uses(self, place: str) -> Iterable[Use]:
        """Its profile."""
        return (Use(self.profile, f"{place}.profile", LOAD),)

    def build(self, context: BuildContext) -> FixedLoad | None:
        """The load with its owner's scale and shift."""
        demand = context.load_series(self.profile, self.carrier)
        return None if demand is None else FixedLoad(self.name, self.carrier, demand)

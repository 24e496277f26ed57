"""A load that takes the more the cheaper energy is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from mosaik_p2p.devices.base import BuildContext, DeviceClass, DeviceSection, power_faults
from mosaik_p2p.errors import Fault
from mosaik_p2p.prosumers.block import Block
from mosaik_p2p.prosumers.device import Device, Family, Outcome, Plan, Profile, as_planned
from mosaik_p2p.prosumers.roles import Role
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections.base import PlainName
from mosaik_p2p.sections.carrier import Carrier
from mosaik_p2p.sections.profile_references import Use
from mosaik_p2p.sections.ranges import (
    CostPerKw2h,
    CostPerKwh,
    RatingKw,
)


@dataclass(frozen=True)
class ElasticLoad(Device):
    """A load that takes the more the cheaper energy is: utility `(b d - a/2 d^2) dt` of drawing d kW.

    `b` is `utility_per_kwh`, `a` is `utility_slope_per_kw2h`.
    """

    carrier: str
    max_kw: float
    utility_per_kwh: float
    utility_slope_per_kw2h: float

    type: ClassVar[str] = "elastic_load"
    family: ClassVar[Family] = Family.LOAD

    @property
    def own_carrier(self) -> str:
        """What it draws."""
        return self.carrier

    def block(self, block: Block, window: Window, state: ProsumerState) -> None:
        """What it draws, at what that is worth."""
        slope = self.utility_slope_per_kw2h
        adds = {self.carrier: -1.0}
        block.variable(Role.POWER, upper=self.max_kw, price=-self.utility_per_kwh, curvature=slope, adds=adds)
        wanted = self.utility_per_kwh / slope if slope > 0 else self.max_kw
        block.mean_kw(0.5 * min(self.max_kw, wanted))

    def profiles(self) -> tuple[Profile, ...]:
        """None."""
        return ()

    def follow(self, plan: Plan) -> Outcome:
        """What was cleared."""
        return as_planned(plan)


class ElasticLoadSpec(DeviceSection):
    """A load that takes the more the cheaper energy is, from 0 to `max_kw`.

    Drawing d kW is worth `utility_per_kwh d - utility_slope_per_kw2h d^2 / 2` per hour: it draws until one kWh more is
    worth its price.
    """

    device: ClassVar[DeviceClass] = ElasticLoad
    example: ClassVar[str] = (
        '{ type = "elastic_load", max_kw = 10.0, utility_per_kwh = 0.3, utility_slope_per_kw2h = 0.02 }'
    )
    type: Literal["elastic_load"]
    name: PlainName = "elastic_load"
    carrier: Carrier = "electricity"
    """What it draws."""
    max_kw: RatingKw
    """Largest draw, kW."""
    utility_per_kwh: CostPerKwh
    """Currency per kWh: what the first kWh is worth."""
    utility_slope_per_kw2h: CostPerKw2h = 0.0
    """Currency per kW2h: by how much less each further kW is worth."""

    def uses(self, place: str) -> Iterable[Use]:
        """No profile."""
        return ()

    def build(self, context: BuildContext) -> ElasticLoad:
        """As many loads of this kind as its owner's scale says: each draws its part, at the same price."""
        scale = context.load_scale(self.carrier)
        slope = self.utility_slope_per_kw2h / scale if scale > 0 else 0.0
        return ElasticLoad(self.name, self.carrier, self.max_kw * scale, self.utility_per_kwh, slope)

    def built_faults(self, built: Device | None, context: BuildContext, place: str) -> Iterator[Fault]:
        """A largest draw beyond all that is plausible."""
        if isinstance(built, ElasticLoad):
            yield from power_faults(np.array([built.max_kw]), context.span, place)

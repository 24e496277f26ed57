"""What a prosumer carries from one clearing to the next: storage levels and the energy its flexible loads still owe."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if not TYPE_CHECKING:  # A name that stood here once.
    from mosaik_p2p.former_places import names_of

    __getattr__ = names_of(__name__)


@dataclass(frozen=True)
class ProsumerState:
    """Levels in kWh by storage name (none of a vehicle that is away); energy in kWh by which each flexible load lags
    behind its forecast since the begin of day `day`."""

    level_kwh: Mapping[str, float]
    behind_kwh: Mapping[str, float]
    day: int


def next_state(
    state: ProsumerState, *, level_kwh: Mapping[str, float], behind_kwh: Mapping[str, float], day: int, next_day: int
) -> ProsumerState:
    """The state after an interval of day `day` in which each flexible load fell `behind_kwh` further behind."""
    before = state.behind_kwh if state.day == day else {}
    total = {name: before.get(name, 0.0) + energy for name, energy in behind_kwh.items()}
    return ProsumerState(level_kwh=dict(level_kwh), behind_kwh=total if next_day == day else {}, day=next_day)


def reactive_share(power_factor: float) -> float:
    """tan(phi), kvar injected per kW injected: where positive, who draws draws both and who feeds in injects both.

    A negative power factor is under-excited: it draws reactive power while it feeds in.
    """
    return math.copysign(math.sqrt(1.0 / power_factor**2 - 1.0), power_factor)

"""What a prosumer carries from one clearing to the next: storage levels and the energy its flexible loads still owe."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mosaik_p2p.prosumers.devices import Battery, Ev, HeatTank, Machine, Prosumer, Store


@dataclass(frozen=True)
class ProsumerState:
    """Levels in kWh by storage name (none of a vehicle that is away); energy in kWh by which each flexible load lags
    behind its forecast since the begin of day `day`."""

    level_kwh: Mapping[str, float]
    behind_kwh: Mapping[str, float]
    day: int


def initial_state(prosumer: Prosumer, *, day: int, after: int = 0) -> ProsumerState:
    """The state before the first interval: initial levels, nothing served.

    With `after` intervals of the run gone by, the same levels then: of a vehicle that is there, that with which it
    began the run, or came where it was away.
    """
    levels = {
        device.name: _initial_kwh(device)
        for device in prosumer.devices
        if isinstance(device, Battery | HeatTank) or (isinstance(device, Ev) and device.is_there(max(after - 1, 0)))
    }
    return ProsumerState(level_kwh=levels, behind_kwh={}, day=day)


def _initial_kwh(device: Store) -> float:
    if isinstance(device, Ev) and not device.is_there(0):
        return device.energy_arrival_kwh
    return device.energy_initial_kwh


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


def own_reactive_share(prosumer: Prosumer, device: str) -> float:
    """kvar per kW of a device of `prosumer`: a machine's own, else that of what draws."""
    own = {entry.name: entry.power_factor for entry in prosumer.devices if isinstance(entry, Machine)}
    return reactive_share(own.get(device, prosumer.power_factor))


def reactive_injection_kvar(prosumer: Prosumer, el_kw: Mapping[str, float]) -> float:
    """What the devices of `prosumer` inject at electric powers `el_kw` (produced +), each at its own power factor."""
    # Nothing is added for a power of zero, so that no reactive power has a sign of its own.
    return sum((kw * own_reactive_share(prosumer, name) for name, kw in el_kw.items() if kw != 0.0), 0.0)

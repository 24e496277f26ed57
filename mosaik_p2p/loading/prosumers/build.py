"""The devices of prosumers, built from their sections, profiles and scales."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from math import prod

from mosaik_p2p.devices.base import BuildContext, DeviceSection
from mosaik_p2p.errors import Fault
from mosaik_p2p.loading.uncertainty.draw import Draw
from mosaik_p2p.loading.uncertainty.of_devices import Drawn
from mosaik_p2p.prosumers.device import Device
from mosaik_p2p.scenario.read import Reading
from mosaik_p2p.scenario.schema import ProsumerSpec

_TIME = ("time.steps", "time.step_minutes", "time.horizon_steps")


@dataclass(frozen=True)
class Built:
    """The devices of a prosumer whose profiles could be read, what was drawn for them, and the faults that only the
    profiles show."""

    devices: tuple[Device, ...]
    draws: tuple[Draw, ...]
    faults: tuple[Fault, ...]


def devices_of(spec: ProsumerSpec, context: BuildContext, draw: Callable[[Device, str], Drawn]) -> Built:
    """The devices of a prosumer; `draw` draws for a device and its owner."""
    scale = context.scale.of(spec.name)
    heat_scales = {section.type: section.owners_heat_scale(scale) for section in spec.devices}
    own = replace(
        context,
        scale=scale,
        owner_scale=spec.scale,
        owner_heat_scale=prod(heat_scales.values()),
        shift_minutes=spec.shift_minutes,
    )
    devices: list[Device] = []
    draws: list[Draw] = []
    faults: list[Fault] = []
    for section, place in _placed(spec):
        built = section.build(own)
        faults.extend(_foreign(section, built, place))
        drawn = None if built is None else draw(built, spec.name)
        if drawn is None:
            faults.extend(section.built_faults(None, own, place))
            continue
        devices.append(drawn.device)
        draws.extend(drawn.draws)
        faults.extend(drawn.faults)
        faults.extend(_of_this_seed(section.built_faults(drawn.device, own, place), is_drawn=bool(drawn.draws)))
    return Built(tuple(devices), tuple(draws), tuple(faults))


def _of_this_seed(faults: Iterable[Fault], *, is_drawn: bool) -> Iterator[Fault]:
    """The faults of a device; where something was drawn for it, with a word that it may be the draw's."""
    hint = " With another seed it may fit: [uncertainty] draws how large the profile is, and what is expected."
    return (replace(fault, remedy=fault.remedy + hint) if is_drawn else fault for fault in faults)


def plan_faults(reading: Reading) -> list[Fault]:
    """Devices with which no plan can do what is asked of it, such as storages whose levels cannot be reached."""
    if any(reading.lost(place) for place in _TIME):
        return []
    return [
        fault
        for prosumer in reading.scenario.prosumers
        for section, place in _placed(prosumer)
        if not reading.lost(place)
        for fault in section.plan_faults(place, reading.scenario.time)
    ]


def _placed(spec: ProsumerSpec) -> Iterator[tuple[DeviceSection, str]]:
    return ((section, f"prosumers.{spec.name}.{section.name}") for section in spec.devices)


def _foreign(section: DeviceSection, built: Device | None, place: str) -> Iterator[Fault]:
    """A kind that builds what it does not say."""
    if built is None or (isinstance(built, section.device) and built.name == section.name):
        return
    problem = f"its kind builds {built!r:.60}, and not a {section.device.__name__} of this name"
    yield Fault(place, f'type = "{section.type}"', problem, "Mend the kind, see docs/extending.md.")

"""The devices of prosumers, built from their sections, profiles and scales."""

from collections.abc import Iterator
from dataclasses import replace
from math import prod

from mosaik_p2p.devices.base import BuildContext, DeviceSection
from mosaik_p2p.errors import Fault
from mosaik_p2p.prosumers.device import Device
from mosaik_p2p.scenario.read import Reading
from mosaik_p2p.scenario.schema import ProsumerSpec

_TIME = ("time.steps", "time.step_minutes", "time.horizon_steps")


def devices_of(spec: ProsumerSpec, context: BuildContext) -> tuple[tuple[Device, ...], list[Fault]]:
    """The devices of a prosumer whose profiles could be read, and the faults that only the profiles show."""
    heat_scales = {section.type: section.owners_heat_scale(context.scale) for section in spec.devices}
    own = replace(
        context,
        owner_scale=spec.scale,
        owner_heat_scale=prod(heat_scales.values()),
        shift_minutes=spec.shift_minutes,
    )
    devices: list[Device] = []
    faults: list[Fault] = []
    for section, place in _placed(spec):
        built = section.build(own)
        faults.extend(_foreign(section, built, place))
        faults.extend(section.built_faults(built, own, place))
        if built is not None:
            devices.append(built)
    return tuple(devices), faults


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

"""All kinds of devices: those that ship, found in their folder, and those that other packages bring.

A package brings a kind by an entry point of the group `mosaik_p2p.devices`: its name is the kind's `type`, its object
the kind's section. What cannot be used is told at once, as every other fault of the input.
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from inspect import isabstract
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias, get_args

from pydantic import PlainValidator, SerializeAsAny, ValidationError, ValidationInfo

from mosaik_p2p.devices.base import DeviceSection
from mosaik_p2p.prosumers.device import Device, Family
from mosaik_p2p.prosumers.roles import NO_DEVICES
from mosaik_p2p.sections.base import OpenKinds, Section
from mosaik_p2p.sections.kinds import picked
from mosaik_p2p.sections.registry import Registry

GROUP = "mosaik_p2p.devices"
SectionClass: TypeAlias = type[DeviceSection]
RESERVED = (*NO_DEVICES, "devices", "tariffs", "power_factor", "template")
"""Names that mean something else where a type of device may stand: in results, and as keys of a template."""


@cache
def device_kinds() -> Mapping[str, SectionClass]:
    """The section of every kind by its `type`: loads first, then sources, storages, vehicles and converters, each by
    name. Raises BadInput with a fault for each kind that cannot be used."""
    families = list(Family)
    ordered = sorted(DEVICES.known().items(), key=lambda entry: (families.index(entry[1].device.family), entry[0]))
    return MappingProxyType(dict(ordered))


def stems() -> tuple[str, ...]:
    """Beginnings of the mosaik attributes that may bring series of devices."""
    return _stems_of(tuple(device_kinds().values()))


@cache
def _stems_of(kinds: tuple[SectionClass, ...]) -> tuple[str, ...]:
    """Asked for by every prosumer in every interval."""
    return tuple(dict.fromkeys(stem for kind in kinds for stem in kind.device.stems))


def _lacking(kind: SectionClass) -> str | None:
    """What a kind does not say of itself, as far as it can be seen without a scenario."""
    return ", ".join([*_device_lacks(kind), *_undocumented(kind)]) or None


def _device_lacks(kind: SectionClass) -> Iterator[str]:
    device = getattr(kind, "device", None)
    if not (isinstance(device, type) and issubclass(device, Device)):
        yield "does not say by `device` which class it builds"
        return
    if isabstract(device):
        missing = ", ".join(f"`{method}`" for method in sorted(getattr(device, "__abstractmethods__", ())))
        yield f"builds {device.__name__}, which lacks {missing}"
    if not isinstance(getattr(device, "family", None), Family):
        yield f"builds {device.__name__}, which does not say of which `family` it is"


def _undocumented(kind: SectionClass) -> Iterator[str]:
    """What the reference page could not say."""
    if not kind.__doc__ or kind.__doc__ == DeviceSection.__doc__:
        yield "does not say in its docstring what it is"
    silent = [key for key in kind.model_fields if key not in ("type", "name") and not kind.meaning(key)]
    if silent:
        yield f"does not say what its keys mean: {', '.join(silent)}"
    if not kind.example:
        yield "has no `example` of its table"
        return
    try:
        kind.model_validate(tomllib.loads(f"example = {kind.example}")["example"])
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        yield f"has an `example` that is none ({str(error).splitlines()[0]})"


def _misnamed(name: str, kind: SectionClass) -> str | None:
    """What keeps a kind from being the type `name`."""
    wrong = []
    if name in RESERVED or not name.isidentifier():
        wrong.append("has a name that no type of device can have")
    if get_args(kind.model_fields["type"].annotation) != (name,):
        wrong.append(f'has not the type: Literal["{name}"] that its name asks for')
    if kind.model_fields["name"].default != name:
        wrong.append(f'has not the name "{name}" by default')
    device = getattr(kind, "device", None)
    if device is not None and getattr(device, "type", None) != name:
        wrong.append(f'builds {device.__name__}, whose type is not "{name}"')
    return ", ".join(wrong) or None


DEVICES = Registry(
    sort="type of device",
    group=GROUP,
    package="mosaik_p2p.devices.kinds",
    base=DeviceSection,  # type: ignore[type-abstract]  # others are compared with it, it is not called
    lacking=_lacking,
    misnamed=_misnamed,
)


def _as_kind(value: Any, info: ValidationInfo) -> Section:
    return picked(value, info, device_kinds())


DeviceSpec: TypeAlias = Annotated[
    DeviceSection, PlainValidator(_as_kind), SerializeAsAny(), OpenKinds("type", device_kinds)
]
"""An entry of a prosumer's `devices`, by its `type`."""

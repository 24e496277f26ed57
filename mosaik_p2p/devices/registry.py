"""All kinds of devices: those that ship, found in their folder, and those that other packages bring.

A package brings a kind by an entry point of the group `mosaik_p2p.devices`: its name is the kind's `type`, its object
the kind's section. What cannot be used is told at once, as every other fault of the input.
"""

import inspect
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType
from typing import Annotated, Any, TypeAlias, get_args

from pydantic import PlainValidator, SerializeAsAny, ValidationError, ValidationInfo

from mosaik_p2p.devices import kinds as shipped_folder
from mosaik_p2p.devices.base import DeviceClass, DeviceSection
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.prosumers.device import Device, Family
from mosaik_p2p.prosumers.roles import NO_DEVICES
from mosaik_p2p.sections.base import OpenKinds, Section
from mosaik_p2p.sections.entry_points import entry_point_fault, loaded
from mosaik_p2p.sections.kinds import picked

GROUP = "mosaik_p2p.devices"
SectionClass: TypeAlias = type[DeviceSection]
RESERVED = (*NO_DEVICES, "devices", "tariffs", "power_factor", "template")
"""Names that mean something else where a type of device may stand: in results, and as keys of a template."""


@cache
def device_kinds() -> Mapping[str, SectionClass]:
    """The section of every kind by its `type`: loads first, then sources, storages, vehicles and converters, each by
    name. Raises BadInput with every fault of the kinds that other packages bring."""
    found = {kind_name(kind): kind for kind in _shipped()}
    faults: list[Fault] = []
    for point, kind in loaded(GROUP, faults):
        wrong = list(_wrong(point, kind, found))
        faults += [entry_point_fault(point, problem) for problem in wrong]
        if not wrong:
            found[point.name] = kind
    if faults:
        raise BadInput(faults)
    families = list(Family)
    ordered = sorted(found.items(), key=lambda entry: (families.index(entry[1].device.family), entry[0]))
    return MappingProxyType(dict(ordered))


def stems() -> tuple[str, ...]:
    """Beginnings of the mosaik attributes that may bring series of devices."""
    return tuple(dict.fromkeys(stem for kind in device_kinds().values() for stem in kind.device.stems))


def kind_name(kind: SectionClass) -> str:
    """What its key `type` must say."""
    return str(get_args(kind.model_fields["type"].annotation)[0])


def _shipped() -> Iterator[SectionClass]:
    for module in sorted(entry.name for entry in iter_modules(shipped_folder.__path__)):
        yield from _sections(import_module(f"{shipped_folder.__name__}.{module}"))


def _sections(module: ModuleType) -> Iterator[SectionClass]:
    for kind in vars(module).values():
        if _is_section(kind) and kind.__module__ == module.__name__:
            yield kind


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, DeviceSection) and "type" in kind.__annotations__


def _wrong(point: EntryPoint, kind: Any, known: Mapping[str, SectionClass]) -> Iterator[str]:
    """What is wrong with a kind that another package brings, as far as it can be seen without a scenario."""
    if not (isinstance(kind, type) and issubclass(kind, DeviceSection)):
        yield f"is {kind!r}, and not a class derived from {DeviceSection.__module__}.{DeviceSection.__name__}"
        return
    if point.name in known:
        other = known[point.name]
        yield f"has the name of another kind, {other.__module__}.{other.__qualname__}"
    if point.name in RESERVED or not point.name.isidentifier():
        yield "has a name that no type of device can have"
    annotation = kind.model_fields["type"].annotation
    if get_args(annotation) != (point.name,):
        yield f'has not the type: Literal["{point.name}"] that its name asks for'
    if kind.model_fields["name"].default != point.name:
        yield f'has not the name "{point.name}" by default'
    yield from _missing_methods(kind)
    device = getattr(kind, "device", None)
    if not (isinstance(device, type) and issubclass(device, Device)):
        yield "does not say by `device` which class it builds"
        return
    yield from _missing_methods(device)
    yield from _wrong_device(point.name, device)
    yield from _undocumented(kind)


def _missing_methods(kind: type) -> Iterator[str]:
    if inspect.isabstract(kind):
        yield f"is not finished: {kind.__name__} lacks {', '.join(sorted(getattr(kind, '__abstractmethods__', ())))}"


def _wrong_device(name: str, device: DeviceClass) -> Iterator[str]:
    if getattr(device, "type", None) != name:
        yield f'builds {device.__name__}, whose type is not "{name}"'
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
    except TypeError:
        return  # an unfinished class, which is told already


def _as_kind(value: Any, info: ValidationInfo) -> Section:
    return picked(value, info, device_kinds())


DeviceSpec: TypeAlias = Annotated[
    DeviceSection, PlainValidator(_as_kind), SerializeAsAny(), OpenKinds("type", device_kinds)
]
"""An entry of a prosumer's `devices`, by its `type`."""

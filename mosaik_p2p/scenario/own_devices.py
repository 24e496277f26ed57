"""What a house of a `prosumers_file` says of its devices itself, in columns such as `pv.peak_kw`.

A column addresses a device as `--set` does, by its name, and a key of it. What stands in a cell goes before what the
house's template says; a device that the template lacks is added, where the name is a type of device.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Any, get_args

from mosaik_p2p.devices.registry import device_kinds
from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.scenario.overrides import value_of_text
from mosaik_p2p.scenario.placed_tables import PlacedList, PlacedTable, joined, label, merged, placed
from mosaik_p2p.sections.names import did_you_mean

FIXED = ("type", "name")
"""Keys that say which device it is."""


def addressed(column: str) -> tuple[str, tuple[str, ...]] | None:
    """Device and key of a column `DEVICE.KEY`, the key part by part; None where it is no such column."""
    device, *key = column.split(".")
    return (device, tuple(key)) if key and all((device, *key)) and key[0] not in FIXED else None


def device_names(templates: Any) -> list[str]:
    """What a column may begin with: types of device, and the devices that templates of households name."""
    found = templates.values() if isinstance(templates, Mapping) else ()
    lists = [template.get("devices") for template in found if isinstance(template, Mapping)]
    labels = [label(device) for devices in lists if isinstance(devices, list) for device in devices]
    return list(dict.fromkeys([*device_kinds(), *(name for name in labels if name)]))


def with_own(devices: Any, cells: PlacedTable) -> tuple[Any, tuple[Fault, ...]]:
    """The devices of a house with what its `cells` say, by column, and the faults of cells that address nothing."""
    listed = PlacedList([], place=cells.place, places=[]) if devices is None else devices
    if not isinstance(listed, PlacedList):
        return devices, ()  # the schema says what is wrong with it
    entries, places, faults = list(listed), list(listed.places), list[Fault]()
    for name, own in _by_device(cells).items():
        labels = [label(entry) for entry in entries]
        if name in labels:
            known = entries[labels.index(name)]
            entries[labels.index(name)] = merged(_keys(own, known.get("type"), cells, name), known)
        elif name in device_kinds():
            places.append(f"{cells.place}.{name}")
            entries.append(_keys(own, name, cells, name).with_entry("type", name, place=places[-1]))
        else:
            remedy = did_you_mean(name, [*(one for one in labels if one), *device_kinds()], what="devices")
            problem = f"the house has no device {name!r}, and it is no type of device"
            faults += [Fault(cells.place_of(column), shown(cells[column]), problem, remedy) for column in own.values()]
    return PlacedList(entries, place=listed.place, places=places), tuple(faults)


def _by_device(cells: Iterable[str]) -> dict[str, dict[tuple[str, ...], str]]:
    """The columns by device and key, in their order."""
    found: dict[str, dict[tuple[str, ...], str]] = {}
    for column in cells:
        address = addressed(column)
        if address is not None:
            found.setdefault(address[0], {})[address[1]] = column
    return found


def _keys(own: Mapping[tuple[str, ...], str], kind: object, cells: PlacedTable, name: str) -> PlacedTable:
    """The keys of the device `name` of a `kind`, nested as a scenario would have them."""
    texts = frozenset(_text_keys(str(kind)))
    return _table({key: (column, key in texts) for key, column in own.items()}, cells, cells.place_of(name))


def _table(columns: Mapping[tuple[str, ...], tuple[str, bool]], cells: PlacedTable, place: str) -> PlacedTable:
    """The table of these keys, each with its column and whether its cell is a text whatever it looks like."""
    entries = dict[str, Any]()
    for first in dict.fromkeys(key[0] for key in columns):
        inner = {key[1:]: column for key, column in columns.items() if key[0] == first}
        if () in inner:
            column, is_text = inner[()]
            entries[first] = _value(cells[column], is_text)
        else:
            entries[first] = _table(inner, cells, joined(place, first))
    return PlacedTable(entries, place=place, places={})


def _value(cell: str, is_text: bool) -> Any:
    found = None if is_text else value_of_text(cell)
    return placed(cell if found is None else found)


def _text_keys(kind: str) -> Iterator[tuple[str]]:
    """Of a type of device those keys that only a text can be: the name of a profile may look like a number."""
    section = device_kinds().get(kind)
    for name, field in section.model_fields.items() if section is not None else ():
        if _is_text(field.annotation):
            yield (field.alias or name,)


def _is_text(annotation: Any) -> bool:
    """Whether only a text, or nothing, is allowed."""
    if hasattr(annotation, "__metadata__"):
        return _is_text(get_args(annotation)[0])
    parts = [part for part in get_args(annotation) if part is not type(None)]
    return annotation is str or (isinstance(annotation, UnionType) and all(map(_is_text, parts)))

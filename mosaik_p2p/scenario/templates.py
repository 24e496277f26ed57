"""Templates: parameters that devices share, and whole households.

`[templates.NAME.battery]` completes every battery that says `template = "NAME"`. A template with `devices`,
`tariffs`, `power_factor` or `connection` completes every prosumer that says so. What the device or prosumer says itself
wins, key by key, also inside tables such as `energy_kwh`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.scenario.own_devices import with_own
from mosaik_p2p.scenario.placed_tables import PlacedList, PlacedTable, merged
from mosaik_p2p.sections.names import did_you_mean

TEMPLATE = "template"
HOUSEHOLD_KEYS = ("devices", "tariffs", "power_factor", "connection")


def expanded(
    tree: PlacedTable, own_devices: Mapping[int, PlacedTable] = MappingProxyType({})
) -> tuple[PlacedTable, tuple[Fault, ...]]:
    """The scenario with its templates worked into prosumers and devices, and the names of templates that do not exist.

    `own_devices` are, by the position of a prosumer, the cells of a table of houses that say what it has otherwise.
    What is no table where one belongs stays as it is: the schema reports it.
    """
    prosumers = tree.get("prosumers")
    if not isinstance(prosumers, PlacedList):
        return tree, ()
    templates = tree.get("templates")
    if not isinstance(templates, PlacedTable):
        templates = PlacedTable({}, place="templates", places={})
    faults: list[Fault] = []
    complete = [
        _prosumer(entry, templates, own_devices.get(position), faults) for position, entry in enumerate(prosumers)
    ]
    places = {**tree.places, "prosumers": "prosumers"}
    listed = PlacedList(complete, place=prosumers.place, places=prosumers.places)
    return PlacedTable({**tree, "prosumers": listed}, place=tree.place, places=places), tuple(faults)


def _prosumer(entry: Any, templates: PlacedTable, own: PlacedTable | None, faults: list[Fault]) -> Any:
    if not isinstance(entry, PlacedTable):
        return entry
    if TEMPLATE in entry:
        found = _template(entry, templates, faults)
        if found is not None:
            entry = merged(entry, found.without(key for key in found if key not in HOUSEHOLD_KEYS))
        entry = entry.without([TEMPLATE])
    if own:
        devices, faults_of_own = with_own(entry.get("devices"), own)
        faults.extend(faults_of_own)
        entry = entry.with_entry("devices", devices, place=entry.place_of("devices"))
    devices = entry.get("devices")
    if not isinstance(devices, PlacedList):
        return entry
    complete = [_device(device, templates, faults) for device in devices]
    listed = PlacedList(complete, place=devices.place, places=devices.places)
    return PlacedTable({**entry, "devices": listed}, place=entry.place, places=entry.places)


def _device(entry: Any, templates: PlacedTable, faults: list[Fault]) -> Any:
    if not isinstance(entry, PlacedTable) or TEMPLATE not in entry:
        return entry
    found = _template(entry, templates, faults)
    kind = entry.get("type")
    parameters = None if found is None else found.get(str(kind))
    if isinstance(parameters, PlacedTable):
        entry = merged(entry, parameters)
    elif found is not None and parameters is None:
        remedy = f"Add a table [{found.place}.{kind}], or name another template."
        problem = f"the template has no table {kind!r}"
        faults.append(Fault(entry.place_of(TEMPLATE), shown(entry[TEMPLATE]), problem, remedy))
    return entry.without([TEMPLATE])


def _template(entry: PlacedTable, templates: PlacedTable, faults: list[Fault]) -> PlacedTable | None:
    name = entry[TEMPLATE]
    found = templates.get(name) if isinstance(name, str) else None
    if isinstance(found, PlacedTable):
        return found
    if found is None:
        remedy = did_you_mean(name, templates, what="templates")
        fault = Fault(entry.place_of(TEMPLATE), shown(name), "there is no such template", remedy)
        faults.append(fault)
    return None

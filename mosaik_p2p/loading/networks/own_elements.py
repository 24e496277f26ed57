"""Elements of the electric network that prosumers stand for, in whichever table they are."""

from collections.abc import Iterable, Mapping, Sequence

from mosaik_p2p.errors import Fault
from mosaik_p2p.networks.electric.counted import DRAWING, FEEDING, Element
from mosaik_p2p.networks.electric.network import ElectricNetwork
from mosaik_p2p.scenario.schema import ElementSpec, ProsumerSpec
from mosaik_p2p.sections.names import did_you_mean, without_quotes

TABLES: Mapping[str, tuple[str, ...]] = {"replaces_load": tuple(DRAWING), "replaces_generator": tuple(FEEDING)}
"""By key of a prosumer, the tables in which it may stand for an element; a bare number is an index of the first."""
BUS_KEYS = ("bus", *TABLES)
"""Keys of a prosumer that say at which bus it stands, the first that it has."""
WORDS = {"replaces_load": "load", "replaces_generator": "static generator"}


def replaced(prosumer: ProsumerSpec, key: str, network: ElectricNetwork, faults: list[Fault]) -> Element | None:
    """The element that `key` of the prosumer names; None without one, or where the fault is added to `faults`."""
    wanted = getattr(prosumer, key)
    if wanted is None:
        return None
    found = _found(wanted, TABLES[key], network)
    if len(found) == 1:
        return found[0]
    remedy = _several(found) if found else _unknown(wanted, TABLES[key], network)
    problem = f"network {network.name!r} has {'several elements of this name' if found else f'no such {WORDS[key]}'}"
    faults.append(Fault(f"prosumers.{prosumer.name}.{key}", _shown(wanted), problem, remedy))
    return None


def bus_key(prosumer: ProsumerSpec) -> str | None:
    """The key that says at which bus a prosumer stands; None where none does."""
    return next((key for key in BUS_KEYS if getattr(prosumer, key) is not None), None)


def bus_of(element: Element, network: ElectricNetwork) -> int:
    """Index of the bus at which the element stands."""
    table, index = element
    return int(network.net[table].at[index, "bus"])


def _found(wanted: ElementSpec | str | int, tables: Sequence[str], network: ElectricNetwork) -> list[Element]:
    net = network.net
    if isinstance(wanted, ElementSpec):
        return (
            [(wanted.table, wanted.index)] if wanted.table in tables and wanted.index in net[wanted.table].index else []
        )
    if isinstance(wanted, int):
        return [(tables[0], wanted)] if wanted in net[tables[0]].index else []
    return [(table, int(index)) for table in tables for index in net[table].index[net[table]["name"] == wanted]]


def _several(found: Iterable[Element]) -> str:
    ways = ", ".join(f'{{ table = "{table}", index = {index} }}' for table, index in found)
    return f"Name one of them by its table and index: {ways}."


def _unknown(wanted: ElementSpec | str | int, tables: Sequence[str], network: ElectricNetwork) -> str:
    net = network.net
    if isinstance(wanted, ElementSpec):
        tables = [wanted.table] if wanted.table in tables else tables
        known: list[object] = [index for table in tables for index in net[table].index]
        return f"Known indices of {' or '.join(tables)}: {', '.join(map(str, known[:12])) or 'none'}."
    if isinstance(wanted, int):
        return did_you_mean(wanted, net[tables[0]].index, what=f"indices of the table {tables[0]}")
    names = [name for table in tables for name in net[table]["name"] if isinstance(name, str)]
    remedy = without_quotes(wanted, net[tables[0]].index)
    return remedy or did_you_mean(wanted, names, what="loads" if tables[0] == "load" else "static generators")


def _shown(wanted: ElementSpec | str | int) -> str:
    return f"{wanted.table} {wanted.index}" if isinstance(wanted, ElementSpec) else repr(wanted)

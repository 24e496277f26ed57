"""What both libraries' network files have in common: the entries of the net, and their libraries' own faults."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pandas as pd

from mosaik_p2p.errors import BadInput, Fault, shown
from mosaik_p2p.networks.files.shapes import At, Class, Decoder
from mosaik_p2p.networks.files.strict import Unusable, parsed

_STRINGS_READ = 3
"""Nets of old versions are texts inside a text."""


def entries_of(text: str, net_class: Class, library: str) -> dict[str, Any]:
    """The entries of the net that the text holds, as parsed JSON. Raises Unusable where it holds none."""
    value = parsed(text)
    for _ in range(_STRINGS_READ):
        if isinstance(value, dict) and (value.get("_module"), value.get("_class")) == net_class:
            value = value.get("_object") if value.keys() == {"_module", "_class", "_object"} else None
        if not isinstance(value, str):
            break
        value = parsed(value)
    if not isinstance(value, dict):
        raise Unusable(f"is JSON, but no net that {library} can load", f"Write the file with {library}.to_json")
    return value


def decoded(decoder: Decoder, entries: Mapping[str, Any], library: str) -> dict[str, Any]:
    """The entries as values. Raises Unusable for what only the library itself may put into a net."""
    values = {}
    for key, raw in entries.items():
        if key.startswith("_") and key not in ("_module", "_class", "_object", "_state"):
            problem = f"has the entry {shown(key)}, which {library} keeps for itself"
            raise Unusable(problem, "Remove this entry")
        if isinstance(raw, str) and "_module" in raw:
            # The libraries' writers take such a text for an object.
            problem = f"would have classes called on loading: the entry {shown(key)} is a text that names them"
            raise Unusable(problem, "Give it another text")
        values[decoder.text(key, At(key))] = decoder.value(raw, At(key, 1))
    if "_module" in values or "_class" in values:
        raise Unusable(f"is JSON, but no net that {library} can load", f"Write the file with {library}.to_json")
    return values


def shape_faults(path: str, net: Mapping[str, Any], values: Mapping[str, Any]) -> list[Fault]:
    """Entries that are something else than in an empty net: no table where a table belongs, no text, no number."""
    faults = []
    for key, value in values.items():
        own = net.get(key)
        wanted = next((name for kind, name in _KINDS if isinstance(own, kind)), None)
        kinds = next((kind for kind, name in _KINDS if name == wanted), object)
        if wanted and not isinstance(value, kinds) and not (value is None and key == "name"):
            faults.append(Fault(f"{path}, {key}", shown(value), f"is no {wanted}", f"Write a {wanted}"))
    types = values.get("std_types")
    if isinstance(types, dict):
        faults += [
            Fault(f"{path}, std_types.{kind}", shown(table), "is no table of types by name", "Write a table")
            for kind, table in types.items()
            if not isinstance(table, dict)
        ]
    return faults


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (pd.DataFrame, "table"),
    (dict, "table of keys"),
    (str, "text"),
)


@contextmanager
def loading(library: str, doing: str = "load") -> Iterator[None]:
    """Whatever a library raises at plain data that are no sound net, as Unusable."""
    try:
        yield
    except (Unusable, BadInput):
        raise
    except Exception as error:  # The libraries do not say what they raise; nothing of it is ours.
        problem = f"is no net that {library} can {doing} ({type(error).__name__}: {shown(str(error))})"
        raise Unusable(problem, f"Write the file with {library}.to_json, in its present version") from error

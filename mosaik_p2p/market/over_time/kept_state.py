"""What one interval hands to the next, as text: exact to the last digit, and nothing in it is ever run.

Frozen dataclasses, arrays of numbers, enumerations and Python's own containers are known. A class is named by its
module, and only one of the packages that the reader trusts is looked up: a text from a stranger can make nothing but
values of our own kinds.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib import import_module
from typing import Any

import numpy as np

KIND, NUMBERS = "kind", "biufc"
"""Of numpy's types those that are bytes and nothing else."""


class NotKept(ValueError):
    """A state holds what has no text, or a text holds no state."""


def text_of(state: object) -> str:
    """The state as JSON. Raises NotKept where something in it is none of the known kinds."""
    return json.dumps(_written(state), separators=(",", ":"))


def state_of(text: str, *, packages: frozenset[str]) -> Any:
    """The state that `text_of` has written; classes are looked up in `packages` only. Raises NotKept."""
    try:
        return _read(json.loads(text), packages)
    except NotKept:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, ImportError) as error:
        raise NotKept(f"the stored state cannot be read: {error}") from error


def _written(value: object) -> Any:
    if isinstance(value, Enum):
        return {KIND: "enum", "class": _name(type(value)), "value": value.value}
    if isinstance(value, np.ndarray | np.generic):
        return _array(np.asarray(value))
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        content = {field.name: _written(getattr(value, field.name)) for field in fields(value) if field.init}
        return {KIND: "dataclass", "class": _name(type(value)), "fields": content}
    if isinstance(value, Mapping):
        return {KIND: "mapping", "items": [[_written(key), _written(entry)] for key, entry in value.items()]}
    if isinstance(value, tuple | list):
        return {KIND: "tuple" if isinstance(value, tuple) else "list", "items": [_written(entry) for entry in value]}
    if isinstance(value, frozenset):
        # In the order of their texts: that of a set differs from process to process.
        return {KIND: "set", "items": sorted((_written(entry) for entry in value), key=json.dumps)}
    raise NotKept(f"a {type(value).__qualname__} cannot be stored")


def _array(value: np.ndarray[Any, Any]) -> dict[str, Any]:
    if value.dtype.kind not in NUMBERS:
        raise NotKept(f"an array of {value.dtype} cannot be stored")
    data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
    return {KIND: "array", "dtype": value.dtype.str, "shape": list(value.shape), "data": data}


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _read(value: Any, packages: frozenset[str]) -> Any:
    if not isinstance(value, dict):
        return value
    match value[KIND]:
        case "array":
            return _read_array(value)
        case "enum":
            return _class(value["class"], packages)(value["value"])
        case "dataclass":
            content = {name: _read(entry, packages) for name, entry in value["fields"].items()}
            return _class(value["class"], packages)(**content)
        case "mapping":
            return {_read(key, packages): _read(entry, packages) for key, entry in value["items"]}
        case "tuple" | "list" | "set" as kind:
            made = {"tuple": tuple, "list": list, "set": frozenset}[kind]
            return made(_read(entry, packages) for entry in value["items"])
        case other:
            raise NotKept(f"the stored state holds a {other!r}, which is no kind of value")


def _read_array(value: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    kind = np.dtype(str(value["dtype"]))
    if kind.kind not in NUMBERS:
        raise NotKept(f"the stored state holds an array of {kind}")
    flat = np.frombuffer(base64.b64decode(value["data"], validate=True), dtype=kind)
    # What is read from a buffer cannot be written to.
    return flat.reshape(value["shape"]).copy()


def _class(name: str, packages: frozenset[str]) -> Any:
    module, _, qualified = name.partition(":")
    if module.partition(".")[0] not in packages:
        raise NotKept(f"the stored state names {name}, which is none of {', '.join(sorted(packages))}")
    found: Any = import_module(module)
    for part in qualified.split("."):
        found = getattr(found, part)
    if not (isinstance(found, type) and (is_dataclass(found) or issubclass(found, Enum))):
        raise NotKept(f"the stored state names {name}, which is no class of values")
    return found

"""The objects that a network file may hold, each made here from plain values; whatever else it names is refused.

Nothing is imported, looked up or called by a name from the file: a name only chooses among the functions below.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.networks.files.strict import LARGEST_INTEGER, MARKS, MOST_LEVELS, Unusable, check_text

Class = tuple[str, str]
"""Module and class, as a file writes them."""

NUMBER_TYPES = frozenset(
    {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)} | {"float16", "float32", "float64", "bool"}
)
_SCALARS = {name: getattr(np, name) for name in NUMBER_TYPES - {"bool"}}
_FLAGS = {True: True, False: False, "true": True, "false": False, "True": True, "False": False}


@dataclass(frozen=True)
class At:
    """Where in the file something stands."""

    name: str
    level: int = 0

    def inner(self, key: object) -> "At":
        """One level further in; the name stays that of the net's entry."""
        return At(self.name if self.level else str(key), self.level + 1)


Shape = Callable[["Decoder", Mapping[str, Any], At], Any]
"""Makes the object from its table, the marks included."""


@dataclass(frozen=True, eq=False)
class Stored:
    """An object of the library's as plain values."""

    kind: str
    """Its class; who makes it says which there are."""
    state: Mapping[str, Any]
    """By attribute; objects among them are Stored too."""


@dataclass
class Decoder:
    """Turns parsed JSON into values. Cells that do not fit their column are collected in `faults`."""

    path: str
    shapes: Mapping[Class, Shape]
    faults: list[Fault] = field(default_factory=list)

    def value(self, raw: Any, at: At) -> Any:
        """The value of parsed JSON; raises Unusable for an object that is not among the shapes."""
        if at.level > MOST_LEVELS:
            raise Unusable(f"is nested deeper than {MOST_LEVELS} levels, at {shown(at.name)}", "Remove this entry")
        if isinstance(raw, dict):
            if MARKS & raw.keys():
                return self._object(raw, at)
            return {self.text(key, at): self.value(item, at.inner(key)) for key, item in raw.items()}
        if isinstance(raw, list):
            return [self.value(item, at.inner("")) for item in raw]
        return self.text(raw, at) if isinstance(raw, str) else _number(raw, at)

    def text(self, raw: str, at: At) -> str:
        """The text itself, if no reader could take it for an object."""
        check_text(raw, at.level)
        return raw

    def _object(self, raw: Mapping[str, Any], at: At) -> Any:
        module, name = raw.get("_module"), raw.get("_class")
        shape = self.shapes.get((module, name)) if isinstance(module, str) and isinstance(name, str) else None
        if shape is None or "_object" not in raw or "_state" in raw:
            raise Unusable(
                f"would have classes called on loading that are no network data: {_called(module, name)}"
                f" at {shown(at.name)}",
                _remedy(at),
            )
        return shape(self, raw, at)


def _remedy(at: At) -> str:
    if at.name == "controller":
        return "Remove it: of controllers only DiscreteTapControl, ContinuousTapControl and DERController run here"
    return "Remove controllers and other objects from the net before writing it"


def own_keys(raw: Mapping[str, Any], at: At, allowed: frozenset[str] = frozenset()) -> None:
    """Raises Unusable where an object's table has keys beyond its marks and those `allowed`."""
    others = sorted(raw.keys() - MARKS - allowed)
    if others:
        problem = f"describes {raw['_class']} at {shown(at.name)} with {', '.join(map(shown, others))}"
        raise Unusable(f"{problem}, which no library writes", "Remove these keys")


def items_of(decoder: Decoder, raw: Mapping[str, Any], at: At) -> list[Any]:
    """The `_object` of a table that has to be a list, decoded."""
    content = raw["_object"]
    if not isinstance(content, list):
        raise Unusable(f"has {raw['_class']} at {shown(at.name)} that is no list: {shown(content)}", "Remove it")
    return [decoder.value(item, at.inner("")) for item in content]


def _tuple(decoder: Decoder, raw: Mapping[str, Any], at: At) -> Any:
    own_keys(raw, at)
    return tuple(items_of(decoder, raw, at))


def _set(decoder: Decoder, raw: Mapping[str, Any], at: At) -> Any:
    own_keys(raw, at)
    items = items_of(decoder, raw, at)
    if any(isinstance(item, list | dict | set | np.ndarray | pd.DataFrame | pd.Series) for item in items):
        raise Unusable(f"has a {raw['_class']} at {shown(at.name)} of things that cannot stand in one", "Remove it")
    return set(items) if raw["_class"] == "set" else frozenset(items)


def _array(decoder: Decoder, raw: Mapping[str, Any], at: At) -> Any:
    own_keys(raw, at, frozenset({"dtype"}))
    dtype = raw.get("dtype")
    if dtype is not None and dtype not in NUMBER_TYPES | {"object"}:
        raise Unusable(f"has an array at {shown(at.name)} of the unknown type {shown(dtype)}", "Use numbers")
    items = items_of(decoder, raw, at)
    try:
        return np.array(items, dtype=dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise Unusable(f"has an array at {shown(at.name)} that is none ({error})", "Use numbers") from error


def _index(decoder: Decoder, raw: Mapping[str, Any], at: At) -> Any:
    own_keys(raw, at, frozenset({"dtype"}))
    array = _array(decoder, raw, at)
    if array.ndim != 1:
        raise Unusable(f"has an index at {shown(at.name)} that is no list of labels", "Remove it")
    return pd.Index(array)


def _scalar(_: Decoder, raw: Mapping[str, Any], at: At) -> Any:
    own_keys(raw, at)
    value = raw["_object"]
    wanted = isinstance(value, int | float) or value in ("nan", "inf", "-inf")
    try:
        if not wanted:
            raise ValueError(shown(value))
        return _SCALARS[raw["_class"]](value)
    except (ValueError, TypeError, OverflowError) as error:
        problem = f"has a {raw['_class']} at {shown(at.name)} that is no such number: {shown(value)}"
        raise Unusable(problem, "Write a number") from error


def _flag(_: Decoder, raw: Mapping[str, Any], at: At) -> Any:
    own_keys(raw, at)
    value = raw["_object"]
    if not isinstance(value, bool | str) or value not in _FLAGS:
        raise Unusable(f"has a truth value at {shown(at.name)} that is none: {shown(value)}", "Write true or false")
    return np.bool_(_FLAGS[value])


def _complex(_: Decoder, raw: Mapping[str, Any], at: At) -> Any:
    own_keys(raw, at)
    try:
        return complex(str(raw["_object"]))
    except ValueError as error:
        raise Unusable(f"has no complex number at {shown(at.name)}: {shown(raw['_object'])}", "Remove it") from error


def _number(raw: Any, at: At) -> Any:
    if isinstance(raw, int) and abs(raw) > LARGEST_INTEGER:
        raise Unusable(f"has an integer of {len(str(abs(raw)))} digits at {shown(at.name)}", "Write a smaller number")
    return raw


def _called(module: object, name: object) -> str:
    return ".".join(part if isinstance(part, str) and len(part) < 80 else shown(part) for part in (module, name))


PLAIN_SHAPES: Mapping[Class, Shape] = {
    ("builtins", "tuple"): _tuple,
    ("builtins", "set"): _set,
    ("builtins", "frozenset"): _set,
    ("builtins", "complex"): _complex,
    ("numpy", "array"): _array,
    ("pandas", "Index"): _index,
    ("numpy", "bool"): _flag,
    ("numpy", "bool_"): _flag,
    **{("numpy", name): _scalar for name in _SCALARS},
}

"""Which result quantities there are, and what one lacks that is half done."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.results.quantities.base import ResultQuantity
from mosaik_p2p.results.tables.columns import FLAG, REAL, TEXT, TIME, WHOLE, Column, TableShape
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.sections.entry_points import points_of
from mosaik_p2p.sections.registry import KindRefused, Registry

GROUP = "mosaik_p2p.quantities"
OWN_PACKAGE = "mosaik-p2p"
TYPES = (TIME, TEXT, REAL, WHOLE, FLAG)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}")


@dataclass(frozen=True)
class NamedQuantity:
    """A quantity as a scenario names it."""

    word: str
    """Its name, or `package.module:name`."""
    made_by: str
    """The package that brings it with its version, or its module."""
    of: ResultQuantity


def _lacking(kind: type[ResultQuantity]) -> str | None:
    """What a quantity does not say of itself, or says wrongly."""
    return next(_lacks(kind), None)


def _lacks(kind: type[ResultQuantity]) -> Iterator[str]:
    if not kind.__doc__:
        yield "has no docstring, which says what it is"
    if not _NAME.fullmatch(str(getattr(kind, "name", ""))):
        yield "has no `name` of small letters, digits and underscores for its table"
    elif kind.name in TABLES:
        yield f"has the name of a table that every run has, {kind.name}"
    if getattr(kind, "source", None) not in TABLES:
        yield f"has no `source`, the table from which its rows follow, one of {', '.join(TABLES)}"
    if not (isinstance(kind.section, str) and kind.section.strip()):
        yield "has an empty `section`"
    shape = getattr(kind, "shape", None)
    if isinstance(shape, TableShape):
        yield from _lacks_of_shape(shape)
    else:
        yield "has no `shape`, made by mosaik_p2p.results.tables.columns.table"


def _lacks_of_shape(shape: TableShape) -> Iterator[str]:
    if shape.order[:1] != ("time",) or shape.columns["time"].type != TIME:
        yield "has a table whose key does not begin with the column time=BEGIN"
    if set(shape.order) == set(shape.columns):
        yield "has a table with keys and no value"
    for name, column in shape.columns.items():
        if column.type not in TYPES:
            yield f"has the column {name!r} of type {column.type}, which no table of results has"
        if name in shape.order and (column.null or column.type == REAL):
            yield f"has the key {name!r}, which may be null or is a real number: no key is"
        yield from _clash(name, column)


def _clash(name: str, column: Column) -> Iterator[str]:
    """A name means one thing in all tables."""
    known = {table: shape.columns[name] for table, shape in TABLES.items() if name in shape.columns}
    if known and not any((other.type, other.unit) == (column.type, column.unit) for other in known.values()):
        table, other = next(iter(known.items()))
        own, theirs = (f"{of.type} {of.unit}".strip() for of in (column, other))
        yield f"has the column {name!r} ({own}), which is {theirs} in table {table}"


QUANTITIES = Registry(
    sort="result quantity",
    group=GROUP,
    package="mosaik_p2p.results.quantities.kinds",
    base=ResultQuantity,  # type: ignore[type-abstract]  # others are compared with it, it is not called
    lacking=_lacking,
)


def find_quantity(word: str, *, allow_code: bool = False) -> NamedQuantity:
    """The quantity of this name, or at `package.module:name` where code is allowed. Raises KindRefused."""
    kind = QUANTITIES.find(word, allow_code=allow_code)
    if ":" not in word and kind.name != word:
        raise KindRefused(
            f"is registered as {word!r} and calls itself {kind.name!r}", "Give the entry point and `name` one name."
        )
    try:
        made = kind()
    except Exception as error:
        told = f"{kind.__name__} cannot be made ({type(error).__name__}: {error})"
        raise KindRefused(told, "It is made without arguments.") from error
    return NamedQuantity(word, _maker(word), made)


def shipped_quantities() -> tuple[NamedQuantity, ...]:
    """Those of this package, which every report shows."""
    return tuple(find_quantity(name) for name in QUANTITIES.shipped())


def known_quantities() -> Mapping[str, NamedQuantity]:
    """All by name: those that ship, then those of installed packages. Raises BadInput for what cannot be used."""
    found, faults = dict[str, NamedQuantity](), list[Fault]()
    for name in QUANTITIES.names():
        try:
            found[name] = find_quantity(name)
        except KindRefused as refused:
            faults.append(Fault(QUANTITIES.sort, name, refused.problem, refused.remedy))
    if faults:
        raise BadInput(faults)
    return found


def _maker(word: str) -> str:
    if ":" in word:
        return word.partition(":")[0]
    point = next((point for point in points_of(GROUP) if point.name == word), None)
    if point is None:
        return OWN_PACKAGE
    return point.value.partition(":")[0] if point.dist is None else f"{point.dist.name} {point.dist.version}"

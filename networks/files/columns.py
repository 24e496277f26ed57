"""What a column of a network table has to be, and every fault that a table has by that.

The rules come from the libraries' own descriptions of their tables (`electric_columns`, `heat_columns`); ranges are
wide: what lies outside is a slip of the unit or of the pen, not an unusual network.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.networks.files.numbers import element_fault, in_service, numbers, some

LARGEST_INDEX = 10_000_000
"""The libraries keep an array of this length for every table of nodes."""


class Kind(StrEnum):
    """What stands in a column, as messages call it."""

    NUMBER = "finite number"
    WHOLE = "whole number"
    FLAG = "truth value"
    TEXT = "text"


@dataclass(frozen=True)
class Range:
    """Plausible values, both ends included unless `above` says that the least is not."""

    least: float
    most: float
    unit: str
    above: bool = False

    def holds(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Which of the values lie in it."""
        above = values > self.least if self.above else values >= self.least
        return np.asarray(above & (values <= self.most), dtype=np.bool_)

    def __str__(self) -> str:
        if self.above and self.least == 0.0:
            return f"greater than 0 and at most {self.most:g} {self.unit}".rstrip()
        return f"from {self.least:g} to {self.most:g} {self.unit}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Column:
    """The rule of one column."""

    kind: Kind
    required: bool = True
    """Whether the table has to have it, also where the table is empty."""
    nullable: bool = False
    """Whether an element in service may go without a value."""
    refers_to: str | None = None
    """The table whose index the values are."""
    range: Range | None = None
    choices: frozenset[str] | None = None


Table = Mapping[str, Column]
"""By name of the column."""


def table_faults(path: Path, net: Mapping[str, Any], tables: Mapping[str, Table]) -> list[Fault]:
    """Every fault of the tables that the net has: indices, names of columns, and each column by its rule."""
    faults: list[Fault] = []
    for name, columns in tables.items():
        if not isinstance(net.get(name), pd.DataFrame):
            continue
        faults += _index_faults(path, name, net[name])
        faults += _name_faults(path, name, net[name])
        for column, rule in columns.items():
            faults += _column_faults(path, net, name, column, rule)
    return faults


def with_kinds(elements: pd.DataFrame, kinds: Mapping[str, Kind]) -> pd.DataFrame:
    """The table with the type of each column's kind, where all its values are of it: the libraries compute with
    nothing else."""
    types = {
        name: _DTYPES[kind] for name, kind in kinds.items() if name in elements and _has_to_be(elements[name], kind)
    }
    return elements.astype(types) if types else elements


def _has_to_be(values: "pd.Series[Any]", kind: Kind) -> bool:
    if kind not in _DTYPES or values.dtype.kind in _LETTERS[kind]:
        return False
    absent = np.asarray(values.isna(), dtype=np.bool_)
    if kind is Kind.NUMBER:
        return bool((_are_numbers(values) | absent).all())
    return bool((_SOUND[kind](values) & ~absent).all())


def whole(values: "pd.Series[Any]") -> npt.NDArray[np.bool_]:
    """Which values are whole numbers."""
    found = numbers(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.isfinite(found) & (np.floor(found) == found) & _are_numbers(values), dtype=np.bool_)


def _index_faults(path: Path, table: str, elements: pd.DataFrame) -> Iterator[Fault]:
    place, index = f"{path}, table {table}, index", elements.index
    labels = pd.Series(list(index), dtype=object)
    sound = whole(labels)
    sound[sound] &= (numbers(labels[sound]) >= 0) & (numbers(labels[sound]) <= LARGEST_INDEX)
    if not sound.all():
        problem = f"is no whole number from 0 to {LARGEST_INDEX}"
        remedy = "Number the elements, for instance with pandapower.toolbox.create_continuous_elements_index"
        yield Fault(place, some([shown(label) for label in labels[~sound]]), problem, remedy)
    double = labels[labels.duplicated()].drop_duplicates()
    if len(double):
        yield Fault(place, some([shown(label) for label in double]), "stands twice", "Give each element its own index")


def _name_faults(path: Path, table: str, elements: pd.DataFrame) -> Iterator[Fault]:
    """The libraries sort and search the names of columns as texts."""
    others = [label for label in elements.columns if not isinstance(label, str)]
    if others:
        place, problem = f"{path}, table {table}, columns", "is no text, as the name of a column has to be"
        yield Fault(place, some([shown(label) for label in others]), problem, "Name or remove the column")


def _column_faults(path: Path, net: Mapping[str, Any], table: str, column: str, rule: Column) -> Iterator[Fault]:
    elements: pd.DataFrame = net[table]
    if column not in elements:
        if rule.required:
            remedy = "Write the net with all columns that the library's create functions make"
            place = f"{path}, table {table}, column {column}"
            yield Fault(place, "(missing)", f"the table has no column {column}", remedy)
        return
    if elements.empty:
        return
    values = elements[column]
    absent = np.asarray(values.isna(), dtype=np.bool_)
    judged = np.ones(len(elements), dtype=np.bool_) if rule.refers_to or rule.kind is Kind.FLAG else _active(elements)
    sound = _SOUND[rule.kind](values)
    ranged = np.ones(len(elements), dtype=np.bool_)
    if rule.range is not None:
        ranged = rule.range.holds(numbers(values))
    sound = np.asarray(np.where(absent, rule.nullable, sound & ranged), dtype=np.bool_)
    yield from _faults_of(path, table, column, elements, judged & ~sound, _wanted(rule))
    if rule.refers_to and isinstance(net.get(rule.refers_to), pd.DataFrame):
        known = np.asarray(values.isin(net[rule.refers_to].index), dtype=np.bool_)
        missing = sound & ~absent & ~known
        yield from _faults_of(path, table, column, elements, missing, f"index of the table {rule.refers_to}")
    if rule.choices is not None:
        foreign = sound & ~absent & ~np.asarray(values.isin(list(rule.choices)), dtype=np.bool_) & judged
        yield from _faults_of(path, table, column, elements, foreign, f"one of {', '.join(sorted(rule.choices))}")


def _faults_of(
    path: Path, table: str, column: str, elements: pd.DataFrame, wrong: npt.NDArray[np.bool_], wanted: str
) -> Iterator[Fault]:
    if not wrong.any():
        return
    rows = elements[wrong]
    found = some([shown(value) for value in dict.fromkeys(map(_plain, rows[column]))])
    problem = f"{column} is no {wanted}: {found}"
    remedy = f"Give each of them a {column} that is {'' if wanted.startswith('one of') else 'a '}{wanted}"
    yield element_fault(path, table, rows, problem.replace("is no one of", "is none of"), remedy)


def _wanted(rule: Column) -> str:
    return rule.kind.value if rule.range is None else f"{rule.kind.value} {rule.range}"


def _active(elements: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Rows in service; all where that is not to be read from the table."""
    if "in_service" not in elements or not _flags(elements["in_service"]).all():
        return np.ones(len(elements), dtype=np.bool_)
    return in_service(elements)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else str(value) if isinstance(value, list | dict) else value


def _are_numbers(values: "pd.Series[Any]") -> npt.NDArray[np.bool_]:
    if pd.api.types.is_bool_dtype(values.dtype):
        return np.zeros(len(values), dtype=np.bool_)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return np.ones(len(values), dtype=np.bool_)
    kinds = (int, float, np.integer, np.floating)
    return np.array([isinstance(v, kinds) and not isinstance(v, bool) for v in values], dtype=np.bool_)


def _finite(values: "pd.Series[Any]") -> npt.NDArray[np.bool_]:
    return np.asarray(_are_numbers(values) & np.isfinite(numbers(values)), dtype=np.bool_)


def _flags(values: "pd.Series[Any]") -> npt.NDArray[np.bool_]:
    if pd.api.types.is_bool_dtype(values.dtype):
        return np.asarray(values.notna(), dtype=np.bool_)
    kinds = (bool, np.bool_, int, float, np.integer, np.floating)
    return np.array([isinstance(v, kinds) and v in (0, 1) for v in values], dtype=np.bool_)


def _texts(values: "pd.Series[Any]") -> npt.NDArray[np.bool_]:
    return np.array([isinstance(value, str) for value in values], dtype=np.bool_)


_DTYPES = {Kind.NUMBER: "float64", Kind.WHOLE: "int64", Kind.FLAG: "bool"}
_LETTERS = {Kind.NUMBER: "fiu", Kind.WHOLE: "iu", Kind.FLAG: "b"}
_SOUND = {Kind.NUMBER: _finite, Kind.WHOLE: whole, Kind.FLAG: _flags, Kind.TEXT: _texts}

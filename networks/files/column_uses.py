"""What becomes of each column of a network file: used, overridden by a key of the scenario, refused, or irrelevant.

One table per table of a library states it (`electric_uses`, `heat_uses`); a test walks over the columns that the
installed library knows and misses those that are not listed. Refusing is done from here, so that what is said to be
refused is.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mosaik_p2p.errors import Fault
from mosaik_p2p.networks.files.numbers import element_fault, in_service


class Use(StrEnum):
    """What is done with the values of a column."""

    USED = "used"
    OVERRIDDEN = "overridden"
    """Used unless the scenario states the key that takes its place."""
    REFUSED = "refused"
    """An element in service that has a value is a fault."""
    IRRELEVANT = "irrelevant"
    """No value of it could change a figure of ours."""


@dataclass(frozen=True)
class ColumnUse:
    """The use of one column."""

    use: Use
    why: str = ""
    """OVERRIDDEN: the keys of the scenario, any of which does so, `KEYS_APART`. REFUSED: what is wrong with it.
    IRRELEVANT: the reason."""
    remedy: str = ""
    """REFUSED: how to mend it."""
    harmless: tuple[object, ...] = ()
    """REFUSED: values that say the same as none."""


TableUses = Mapping[str, ColumnUse]
"""By column."""

USED = ColumnUse(Use.USED)
KEYS_APART = ", "


def used(*columns: str) -> dict[str, ColumnUse]:
    """Columns whose values are used, whatever the scenario says."""
    return dict.fromkeys(columns, USED)


def overridden(key: str, *columns: str, also: tuple[str, ...] = ()) -> dict[str, ColumnUse]:
    """Columns whose values are used unless the scenario states `key`, or a key of `also`, which name elements."""
    return dict.fromkeys(columns, ColumnUse(Use.OVERRIDDEN, KEYS_APART.join((key, *also))))


def refused(why: str, remedy: str, *columns: str, harmless: tuple[object, ...] = ()) -> dict[str, ColumnUse]:
    """Columns in which an element in service may have no value but one of `harmless`."""
    return dict.fromkeys(columns, ColumnUse(Use.REFUSED, why, remedy, harmless))


def irrelevant(reason: str, *columns: str) -> dict[str, ColumnUse]:
    """Columns that could change no figure, and why not."""
    return dict.fromkeys(columns, ColumnUse(Use.IRRELEVANT, reason))


def refused_faults(path: Path, net: Mapping[str, Any], listed: Mapping[str, TableUses]) -> list[Fault]:
    """One fault for every refused column in which elements in service have values."""
    return [fault for table, uses in listed.items() for fault in _refused(path, net, table, uses)]


def _refused(path: Path, net: Mapping[str, Any], table: str, uses: TableUses) -> Iterator[Fault]:
    elements = net.get(table)
    if not isinstance(elements, pd.DataFrame) or elements.empty:
        return
    for column, use in uses.items():
        if use.use is not Use.REFUSED or column not in elements:
            continue
        wrong = elements[in_service(elements) & has_value(elements[column], use.harmless)]
        if not wrong.empty:
            yield element_fault(path, table, wrong, f"{column} {use.why}", use.remedy)


def has_value(values: "pd.Series[Any]", harmless: tuple[object, ...] = ()) -> npt.NDArray[np.bool_]:
    """Which entries hold something, other than `harmless`."""
    return np.array([not _is_absent(value) and value not in harmless for value in values], dtype=np.bool_)


def _is_absent(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value) or value == ""


def columns_by_use(
    net: Mapping[str, Any], listed: Mapping[str, TableUses], is_stated: Callable[[str], bool]
) -> dict[str, dict[str, list[str]]]:
    """For the inventory: by table with rows, by what is done, the columns that hold values.

    `is_stated` tells whether the scenario states a key. The kinds are "used", "overridden by KEY" and "irrelevant"; a
    column that no list knows is "unknown".
    """
    found: dict[str, dict[str, list[str]]] = {}
    for table, uses in listed.items():
        elements = net.get(table)
        if not isinstance(elements, pd.DataFrame) or elements.empty:
            continue
        for column in elements.columns:
            if has_value(elements[column]).any():
                found.setdefault(table, {}).setdefault(_said(uses.get(str(column)), is_stated), []).append(str(column))
    return found


def _said(use: ColumnUse | None, is_stated: Callable[[str], bool]) -> str:
    if use is None:
        return "unknown"
    if use.use is Use.OVERRIDDEN:
        stated = [key for key in use.why.split(KEYS_APART) if is_stated(key)]
        return f"overridden by {KEYS_APART.join(stated)}" if stated else str(Use.USED)
    # A refused column with values is a fault, or holds what says nothing.
    return str(Use.IRRELEVANT if use.use is Use.REFUSED else use.use)

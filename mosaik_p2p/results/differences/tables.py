"""How tables of two runs differ: rows that only one of them has, and the largest difference in every column."""

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from mosaik_p2p.results.in_hand.run_results import RunResults
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.results.tables.thinning import THINNED

COPY = "(copy)"
"""Tells rows apart that have the same key."""
IN_BOTH = "both"


@dataclass(frozen=True)
class ColumnDifference:
    """A column in which rows differ that both runs have."""

    column: str
    rows: int
    """In so many of them."""
    largest: float | None
    """Of numbers that both have; None of texts, and where one of both has none."""
    unit: str
    where: dict[str, str]
    """The key of the row in which it is largest, or of the first that differs."""


@dataclass(frozen=True)
class TableDifference:
    """A table of another run, against that of the first one."""

    table: str
    only_first: int
    only_other: int
    """Rows that the other does not have."""
    columns: tuple[ColumnDifference, ...]
    columns_of_one: tuple[str, ...] = ()
    """Columns that only one of both has."""
    in_part: bool = False
    """Whether only the intervals were compared that both have stored, because one of both has not stored all."""


def table_differences(first: RunResults, other: RunResults) -> tuple[TableDifference, ...]:
    """The tables that are not the same in both."""
    names = dict.fromkeys([*first, *other])
    found = (_compared(name, first, other) for name in names)
    return tuple(one for one in found if one is not None)


def _compared(name: str, first: RunResults, other: RunResults) -> TableDifference | None:
    one, two = (run.get(name) for run in (first, other))
    if one is None or two is None:
        return TableDifference(name, 0 if one is None else len(one), 0 if two is None else len(two), ())
    in_part = name in first.thinned or name in other.thinned
    if in_part:
        one, two = _stored_in(other, name, one), _stored_in(first, name, two)
    if one.equals(two):
        return None
    units = first.columns(name)["unit"].to_dict()
    found = differences(name, one, two, _key(name, one), {str(key): str(unit) for key, unit in units.items()})
    is_same = not (found.only_first or found.only_other or found.columns or found.columns_of_one)
    return None if is_same else replace(found, in_part=in_part)


def _stored_in(run: RunResults, name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the intervals that a run has stored of a table."""
    if name not in run.thinned:
        return rows
    counted = run[THINNED]
    left_out = counted.loc[(counted["table"] == name) & ~counted["stored"].astype(bool), "time"]
    return rows[~rows["time"].isin(left_out)].reset_index(drop=True)


def _key(name: str, rows: pd.DataFrame) -> list[str]:
    if name in TABLES:
        return [column for column in TABLES[name].order if column in rows]
    return [column for column in rows.columns if not pd.api.types.is_float_dtype(rows[column])]


def differences(
    name: str, one: pd.DataFrame, two: pd.DataFrame, key: list[str], units: dict[str, str]
) -> TableDifference:
    """Two tables row by row, rows being the same that have the same key."""
    shared = [column for column in one.columns if column in two.columns and column not in key]
    of_one = tuple(str(column) for column in one.columns.symmetric_difference(two.columns, sort=False))
    joined = _numbered(one, key).merge(
        _numbered(two, key), on=[*key, COPY], how="outer", suffixes=("", " of the other"), indicator=True
    )
    both = joined[joined["_merge"] == IN_BOTH]
    columns = (_column(both, column, key, units.get(column, "")) for column in shared)
    return TableDifference(
        name,
        int((joined["_merge"] == "left_only").sum()),
        int((joined["_merge"] == "right_only").sum()),
        tuple(column for column in columns if column is not None),
        of_one,
    )


def _numbered(rows: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    copies = rows.groupby(key, dropna=False).cumcount() if key else pd.Series(range(len(rows)), index=rows.index)
    return rows.assign(**{COPY: copies})


def _column(both: pd.DataFrame, column: str, key: list[str], unit: str) -> ColumnDifference | None:
    one, two = both[column], both[f"{column} of the other"]
    differs = ~((one == two).fillna(False).astype(bool) | (one.isna() & two.isna()))
    if not differs.any():
        return None
    change = _change(one, two)[differs]
    has_change = bool(change.notna().any())
    row = both[differs].iloc[int(change.argmax()) if has_change else 0]
    largest = float(change.max()) if has_change else None
    where = {name: _told(row[name]) for name in key}
    return ColumnDifference(column, int(differs.sum()), largest, unit, where)


def _change(one: pd.Series, two: pd.Series) -> pd.Series:
    """How far numbers lie apart; without value where they are none."""
    of_type = pd.api.types
    numbers = [of_type.is_numeric_dtype(column) and not of_type.is_bool_dtype(column) for column in (one, two)]
    if not all(numbers):
        return pd.Series(float("nan"), index=one.index)
    return (one.astype(float) - two.astype(float)).abs()


def _told(value: Any) -> str:
    return value.isoformat() if isinstance(value, pd.Timestamp) else str(value)

"""Profiles from CSV and Parquet files: one column `time` (begin of each row, ISO 8601 with offset), one per series.

A row's value holds until the next row: a finer file is averaged over the market's intervals, a coarser one is constant
over several of them. Only the rows that the span needs are judged.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mosaik_p2p.errors import BadInput, Fault, shown
from mosaik_p2p.files import FILE_REMEDY, shown_path, why_not_readable
from mosaik_p2p.sections.resample import SECONDS_PER_MINUTE, epoch_seconds, interval_means
from mosaik_p2p.tabular import number_remedy, numbers_of, read_csv_table, read_parquet_table, within
from mosaik_p2p.units import FloatArray, IntArray

TIME = "time"
PARQUET_SUFFIXES = (".parquet", ".pq")
LARGEST = 1e12
"""Numbers beyond are mistakes, whatever they count."""
NAMED_PLACES = 3
"""How many places a message names before it only counts."""


@dataclass(frozen=True)
class ProfileTable:
    """A file as read once: seconds since 1970 of each row's begin, the usual step, and the series."""

    name: str
    times_s: IntArray
    step_s: int
    frame: pd.DataFrame
    numbers: IntArray
    """(rows,) line of a CSV file in which each row stands, number of the row in a Parquet file."""
    counted: str
    """What these count: `line` or `row`."""
    offsets_s: IntArray
    """(rows,) offset from UTC with which each time is written, seconds."""

    @property
    def end_s(self) -> int:
        """When the last row ends, seconds since 1970."""
        return int(self.times_s[-1]) + self.step_s

    def row_text(self, row: int) -> str:
        """Where a row stands in the file."""
        return f"{self.counted} {self.numbers[row]}"


@dataclass(frozen=True)
class _Span:
    begin_s: int
    end_s: int
    times: pd.DatetimeIndex
    step_minutes: int


def read_profile_table(path: Path) -> ProfileTable:
    """The file's content; a file that has not changed is read once per process. Raises BadInput (place `file`)."""
    why = why_not_readable(path)
    if why is not None:
        raise BadInput([Fault("file", shown_path(path.name), why, FILE_REMEDY)])
    return _read_once(path, path.stat().st_mtime_ns)


def column_values(
    table: ProfileTable,
    column: str,
    *,
    key: str,
    times: pd.DatetimeIndex,
    step_minutes: int,
    bounds: tuple[float, float] = (-LARGEST, LARGEST),
) -> FloatArray:
    """One series on the intervals that begin at `times`, shape (len(times),).

    Raises BadInput where the column or its numbers are missing or beyond `bounds` (place `key`), or rows of the file
    are missing (place `file`).
    """
    if column not in table.frame.columns or column == TIME:
        known = ", ".join(str(name) for name in table.frame.columns if name != TIME)
        raise BadInput([Fault(key, repr(column), "the file has no such column", f"It has {known}.")])
    begins_s = epoch_seconds(times)
    step_s = step_minutes * SECONDS_PER_MINUTE
    span = _Span(int(begins_s[0]), int(begins_s[-1]) + step_s, times, step_minutes)
    rows = _rows_of_span(table, span)
    cells = table.frame[column].iloc[rows]
    values, _ = numbers_of(cells)
    bad = ~np.isfinite(values)
    if bad.any():
        where = _stamps_named(table.times_s[rows][bad], times)
        first = int(np.argmax(bad))
        problem = f"has no number at {where}; {table.row_text(rows.start + first)} has {_cell(cells.iloc[first])}"
        raise BadInput([Fault(key, repr(column), problem, f"{number_remedy(cells.iloc[first])}, in every row.")])
    _refuse_beyond(bounds, values, table, Fault(key, repr(column), "", ""), rows=rows, times=times)
    first_s = int(table.times_s[rows][0])
    return interval_means(values, first_s=first_s, source_step_s=table.step_s, times=times, step_minutes=step_minutes)


def _refuse_beyond(
    bounds: tuple[float, float],
    values: FloatArray,
    table: ProfileTable,
    fault: Fault,
    *,
    rows: slice,
    times: pd.DatetimeIndex,
) -> None:
    low, high = bounds
    wrong = (values < low) | (values > high)
    if not wrong.any():
        return
    first = int(np.argmax(wrong))
    where = _stamps_named(table.times_s[rows][wrong], times)
    problem = f"is {values[first]:g} in {table.row_text(rows.start + first)} of {table.name} ({where})"
    raise BadInput([Fault(fault.place, fault.value, problem, f"Give values from {low:g} to {high:g}.")])


def _cell(cell: object) -> str:
    return shown(cell) if str(cell).strip() else "nothing"


def _rows_of_span(table: ProfileTable, span: _Span) -> slice:
    """The rows that overlap the span. What is wrong with them is a fault of the file, not of one of its columns."""
    first = max(int(np.searchsorted(table.times_s, span.begin_s, side="right")) - 1, 0)
    rows = slice(first, int(np.searchsorted(table.times_s, span.end_s, side="left")))
    phase = (int(table.times_s[first]) - span.begin_s) % table.step_s
    begin_s = span.begin_s + (phase - table.step_s if phase else 0)
    expected = np.arange(begin_s, span.end_s, table.step_s, dtype=np.int64)
    missing = np.setdiff1d(expected, table.times_s[rows])
    if missing.size:
        where = _stamps_named(missing, span.times)
        begin, end = _stamps(np.array([span.begin_s, span.end_s]), span.times)
        remedy = (
            f"The file must cover {begin} to {end} without gaps: the steps of the run, and its look-aheads as far as "
            "profiles go; a smaller time.steps needs less of it."
        )
        raise BadInput([Fault("file", repr(table.name), f"has no row for {where}", remedy)])
    if len(expected) != len(table.times_s[rows]):
        extra = _stamps_named(np.setdiff1d(table.times_s[rows], expected), span.times)
        problem = f"has rows between its usual steps of {table.step_s} s: {extra}"
        raise BadInput([Fault("file", repr(table.name), problem, "Give the file one regular step.")])
    return rows


@lru_cache(maxsize=32)
def _read_once(path: Path, changed_ns: int) -> ProfileTable:  # noqa: ARG001 - a changed file is another key
    place, value = "file", repr(path.name)
    frame, numbers, counted = _read_frame(path)
    if TIME not in frame.columns:
        remedy = "Give each row's begin, such as 2017-03-21T00:00:00+01:00."
        raise BadInput([Fault(place, value, "has no column 'time'", remedy)])
    times_s = _times_s(frame[TIME], Fault(place, value, "", ""))
    if len(times_s) < 2:
        raise BadInput([Fault(place, value, "has fewer than two rows", "A profile needs at least two rows.")])
    steps_s = np.diff(times_s)
    if steps_s.min() <= 0:
        row = int(np.argmax(steps_s <= 0)) + 1
        problem = f"its times do not rise at data row {row + 1} ({frame[TIME].iloc[row]})"
        raise BadInput([Fault(place, value, problem, "Sort the rows and remove doubles.")])
    usual, count = np.unique(steps_s, return_counts=True)
    step_s = int(usual[np.argmax(count)])
    return ProfileTable(path.name, times_s, step_s, frame, numbers, counted, _offsets_s(frame[TIME]))


def _read_frame(path: Path) -> tuple[pd.DataFrame, IntArray, str]:
    """The rows, where each stands in the file, and in what that is counted. Raises BadInput."""
    if path.suffix.lower() not in PARQUET_SUFFIXES:
        try:
            table = read_csv_table(path)
        except BadInput as bad:
            raise within("file", bad) from None
        return table.frame, table.lines, "line"
    try:
        frame = read_parquet_table(path)
    except BadInput as bad:
        raise within("file", bad) from None
    return frame, np.arange(1, len(frame) + 1), "row"


def _times_s(column: "pd.Series[str]", fault: Fault) -> IntArray:
    """Seconds since 1970 of a column of times; refuses times that nobody can place."""
    if pd.api.types.is_datetime64_any_dtype(column):
        naive = pd.Series(not isinstance(column.dtype, pd.DatetimeTZDtype), index=column.index)
        parsed = pd.to_datetime(column, utc=True)
    else:
        # Each text once: a packed file may hold millions of rows of the same.
        codes, shown = pd.factorize(column, use_na_sentinel=False)
        text = pd.Series([str(cell).strip() for cell in shown], dtype=object)
        parsed = pd.to_datetime(text, utc=True, format="ISO8601", errors="coerce").iloc[codes]
        naive = ~text.str.contains(r"(?:[Zz]|[+-]\d\d:?\d\d)$", regex=True).iloc[codes]
    for wrong, problem, remedy in (
        (parsed.isna(), "are not ISO 8601", "Write them as 2017-03-21T00:00:00+01:00."),
        (naive, "have no UTC offset", "Write the offset, as in 2017-03-21T00:00:00+01:00."),
    ):
        if wrong.any():
            rows = np.flatnonzero(wrong.to_numpy())
            where = _named([f"row {row + 1} ({str(column.iloc[row])[:40]})" for row in rows[:NAMED_PLACES]], len(rows))
            raise BadInput([Fault(fault.place, fault.value, f"times {problem}: {where}", remedy)])
    return epoch_seconds(pd.DatetimeIndex(parsed))


def _offsets_s(column: "pd.Series[Any]") -> IntArray:
    """How far from UTC the times of a column are written, each of which has an offset or is UTC."""
    if pd.api.types.is_datetime64_any_dtype(column):
        shown, meant = column.dt.tz_localize(None), column.dt.tz_convert("UTC").dt.tz_localize(None)
        return np.asarray((shown - meant).dt.total_seconds(), dtype=np.int64)
    text = column.astype(str).str.strip().str.extract(r"([+-]\d\d:?\d\d)$")[0]
    offsets = {written: _seconds(written) for written in text.dropna().unique()}
    return np.asarray(text.map(offsets).fillna(0), dtype=np.int64)


def _seconds(offset: str) -> int:
    sign = -1 if offset[0] == "-" else 1
    return sign * SECONDS_PER_MINUTE * (60 * int(offset[1:3]) + int(offset[-2:]))


def _stamps(times_s: IntArray, like: pd.DatetimeIndex) -> list[str]:
    return [stamp.isoformat() for stamp in pd.to_datetime(times_s, unit="s", utc=True).tz_convert(like.tz)]


def _stamps_named(times_s: IntArray, like: pd.DatetimeIndex) -> str:
    return _named(_stamps(times_s[:NAMED_PLACES], like), len(times_s))


def _named(places: list[str], count: int) -> str:
    """The first places, and how many of the `count` more there are."""
    more = count - NAMED_PLACES
    return ", ".join(places[:NAMED_PLACES]) + (f" and {more} more" if more > 0 else "")

"""Profiles from CSV and Parquet files: one column `time` (begin of each row, ISO 8601 with offset), one per series.

A row's value holds until the next row: a finer file is averaged over the market's intervals, a coarser one is constant
over several of them. Only the rows that the span needs are judged.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.resample import SECONDS_PER_MINUTE, epoch_seconds, interval_means
from mosaik_p2p.units import FloatArray, IntArray

TIME = "time"
PARQUET_SUFFIXES = (".parquet", ".pq")
SEPARATOR_REMEDY = "Separate the columns by commas and write decimals with a point."
_HEADER_LIMIT = 1_000_000
NAMED_PLACES = 3
"""How many places a message names before it only counts."""


@dataclass(frozen=True)
class ProfileTable:
    """A file as read once: seconds since 1970 of each row's begin, the usual step, and the series."""

    name: str
    times_s: IntArray
    step_s: int
    frame: pd.DataFrame


@dataclass(frozen=True)
class _Span:
    begin_s: int
    end_s: int
    times: pd.DatetimeIndex
    step_minutes: int


def read_profile_table(path: Path) -> ProfileTable:
    """The file's content; a file that has not changed is read once per process. Raises BadInput (place `file`)."""
    remedy = "Paths are relative to the scenario file."
    try:
        changed_ns = path.stat().st_mtime_ns
    except OSError as error:
        raise BadInput([Fault("file", repr(path.name), f"cannot be read ({error.strerror})", remedy)]) from error
    if not path.is_file():
        raise BadInput([Fault("file", repr(path.name), "is no regular file", "Name a CSV or Parquet file.")])
    return _read_once(path, changed_ns)


def column_values(
    table: ProfileTable, column: str, *, key: str, times: pd.DatetimeIndex, step_minutes: int
) -> FloatArray:
    """One series on the intervals that begin at `times`, shape (len(times),).

    Raises BadInput where the column or its numbers are missing (place `key`), or rows of the file (place `file`).
    """
    if column not in table.frame.columns:
        known = ", ".join(str(name) for name in table.frame.columns if name != TIME)
        raise BadInput([Fault(key, repr(column), "the file has no such column", f"It has {known}.")])
    begins_s = epoch_seconds(times)
    step_s = step_minutes * SECONDS_PER_MINUTE
    span = _Span(int(begins_s[0]), int(begins_s[-1]) + step_s, times, step_minutes)
    rows = _rows_of_span(table, span)
    values = pd.to_numeric(table.frame[column].iloc[rows], errors="coerce").to_numpy(dtype=float)
    bad = ~np.isfinite(values)
    if bad.any():
        where = _named(_stamps(table.times_s[rows][bad], times))
        remedy = "Every row of the span needs a finite number."
        raise BadInput([Fault(key, repr(column), f"has no number at {where}", remedy)])
    first_s = int(table.times_s[rows][0])
    return interval_means(values, first_s=first_s, source_step_s=table.step_s, times=times, step_minutes=step_minutes)


def _rows_of_span(table: ProfileTable, span: _Span) -> slice:
    """The rows that overlap the span. What is wrong with them is a fault of the file, not of one of its columns."""
    first = max(int(np.searchsorted(table.times_s, span.begin_s, side="right")) - 1, 0)
    rows = slice(first, int(np.searchsorted(table.times_s, span.end_s, side="left")))
    phase = (int(table.times_s[first]) - span.begin_s) % table.step_s
    begin_s = span.begin_s + (phase - table.step_s if phase else 0)
    expected = np.arange(begin_s, span.end_s, table.step_s, dtype=np.int64)
    missing = np.setdiff1d(expected, table.times_s[rows])
    if missing.size:
        where = _named(_stamps(missing, span.times))
        begin, end = _stamps(np.array([span.begin_s, span.end_s]), span.times)
        remedy = (
            f"The file must cover {begin} to {end} (steps + horizon_steps - 1 intervals) without gaps; "
            "a smaller time.horizon_steps or time.steps needs less of it."
        )
        raise BadInput([Fault("file", repr(table.name), f"has no row for {where}", remedy)])
    if len(expected) != len(table.times_s[rows]):
        extra = _named(_stamps(np.setdiff1d(table.times_s[rows], expected), span.times))
        problem = f"has rows between its usual steps of {table.step_s} s: {extra}"
        raise BadInput([Fault("file", repr(table.name), problem, "Give the file one regular step.")])
    return rows


@lru_cache(maxsize=32)
def _read_once(path: Path, changed_ns: int) -> ProfileTable:  # noqa: ARG001 - a changed file is another key
    place, value = "file", repr(path.name)
    if _has_semicolons(path):
        raise BadInput([Fault(place, value, "has ';' between its columns", SEPARATOR_REMEDY)])
    try:
        frame = _read_frame(path)
    except (OSError, ValueError) as error:
        raise BadInput([Fault(place, value, f"cannot be read: {error}", "Give a CSV or Parquet file.")]) from error
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
    return ProfileTable(path.name, times_s, int(usual[np.argmax(count)]), frame)


def _has_semicolons(path: Path) -> bool:
    """Whether the columns of a CSV are separated as spreadsheets do it where the comma is the decimal sign."""
    if path.suffix.lower() in PARQUET_SUFFIXES:
        return False
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            header = file.readline(_HEADER_LIMIT)
    except OSError:
        return False  # the reader itself reports it
    return ";" in header and TIME not in (name.strip().strip('"') for name in header.split(","))


def _read_frame(path: Path) -> pd.DataFrame:
    if path.suffix.lower() in PARQUET_SUFFIXES:
        frame = pd.read_parquet(path)
        return frame.reset_index() if frame.index.name == TIME else frame
    return pd.read_csv(path, dtype={TIME: str}, skipinitialspace=True)


def _times_s(column: "pd.Series[str]", fault: Fault) -> IntArray:
    """Seconds since 1970 of a column of times; refuses times that nobody can place."""
    if pd.api.types.is_datetime64_any_dtype(column):
        naive = pd.Series(not isinstance(column.dtype, pd.DatetimeTZDtype), index=column.index)
        parsed = pd.to_datetime(column, utc=True)
    else:
        text = column.astype(str).str.strip()
        parsed = pd.to_datetime(text, utc=True, format="ISO8601", errors="coerce")
        naive = ~text.str.contains(r"(?:[Zz]|[+-]\d\d:?\d\d)$", regex=True)
    for wrong, problem, remedy in (
        (parsed.isna(), "are not ISO 8601", "Write them as 2017-03-21T00:00:00+01:00."),
        (naive, "have no UTC offset", "Write the offset, as in 2017-03-21T00:00:00+01:00."),
    ):
        if wrong.any():
            where = _named([f"row {row + 1} ({column.iloc[row]})" for row in np.flatnonzero(wrong.to_numpy())])
            raise BadInput([Fault(fault.place, fault.value, f"times {problem}: {where}", remedy)])
    return epoch_seconds(pd.DatetimeIndex(parsed))


def _stamps(times_s: IntArray, like: pd.DatetimeIndex) -> list[str]:
    return [stamp.isoformat() for stamp in pd.to_datetime(times_s, unit="s", utc=True).tz_convert(like.tz)]


def _named(places: list[str]) -> str:
    more = len(places) - NAMED_PLACES
    return ", ".join(places[:NAMED_PLACES]) + (f" and {more} more" if more > 0 else "")

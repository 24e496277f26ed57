"""A table as other programs take it: its rows in pieces, and what stands in the cells."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

from mosaik_p2p.results.in_hand.run_results import RunResults

PIECE = 50_000
"""Rows that are converted at a time."""
UTC_COLUMN, ON_THE_CLOCK = "time [UTC]", "time [{}]"


def rows_without_zone(results: RunResults, table: str, zone: tzinfo) -> Iterator[list[object]]:
    """A heading and the rows; of each time two cells, in UTC and on the scenario's clock, both without a zone.

    On a clock that is put back an hour comes twice: the cell in UTC tells them apart. Empty cells are None.
    """
    frame = results[table]
    yield list(_headings(frame, results.zone))
    for begin in range(0, len(frame), PIECE):
        piece = frame.iloc[begin : begin + PIECE]
        columns = [values for name in piece.columns for values in _cells(piece[name], zone)]
        yield from map(list, zip(*columns, strict=True))


def _headings(frame: pd.DataFrame, zone: str) -> Iterator[str]:
    for name in frame.columns:
        yield from (UTC_COLUMN, ON_THE_CLOCK.format(zone)) if _is_time(frame[name]) else (name,)


def _is_time(column: "pd.Series[Any]") -> bool:
    return isinstance(column.dtype, pd.DatetimeTZDtype)


def _cells(column: "pd.Series[Any]", zone: tzinfo) -> Iterator[list[object]]:
    if not _is_time(column):
        yield [None if pd.isna(value) else value for value in column.astype(object)]
        return
    for clock in (column.dt.tz_convert("UTC"), column.dt.tz_convert(zone)):
        yield [_whole_seconds(moment) for moment in clock.dt.tz_localize(None)]


def _whole_seconds(moment: pd.Timestamp) -> datetime | None:
    return None if pd.isna(moment) else moment.to_pydatetime()

"""Warnings about files whose times change their offset from UTC, while the scenario's own clock keeps its offset.

Such a file was written by a clock that is put forward and back; tariffs, vehicles and days are then likely to be meant
by that clock as well.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np

from mosaik_p2p.errors import BadInput, InputWarning
from mosaik_p2p.loading.profiles.files import ProfileTable, read_profile_table
from mosaik_p2p.scenario.parts.profiles import FileProfile
from mosaik_p2p.scenario.parts.weather import FileWeather
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.names import listed
from mosaik_p2p.sections.resample import SECONDS_PER_MINUTE, epoch_seconds
from mosaik_p2p.sections.series import Span

REMEDY = 'If they are meant by local time, give its zone, such as time.zone = "Europe/Berlin"'


def offset_warnings(scenario: Scenario, span: Span, folder: Path) -> tuple[InputWarning, ...]:
    """One warning for each file with a change of its offset within the span; none where the scenario has a zone."""
    if scenario.time.zone is not None:
        return ()
    users: dict[str, list[str]] = {}
    for place, file in _files(scenario):
        users.setdefault(file, []).append(place)
    return tuple(
        _warning(places, table, change)
        for file, places in users.items()
        for table in _readable(folder / file)
        for change in _first_change(table, span)
    )


def _files(scenario: Scenario) -> Iterator[tuple[str, str]]:
    for name, profile in scenario.profiles.items():
        if isinstance(profile, FileProfile):
            yield f"profiles.{name}.file", profile.file
    if isinstance(scenario.weather, FileWeather):
        yield "weather.file", scenario.weather.file


def _readable(path: Path) -> Iterator[ProfileTable]:
    try:
        yield read_profile_table(path)
    except BadInput:
        # A file that cannot be read is a fault of its profile, told elsewhere.
        return


def _first_change(table: ProfileTable, span: Span) -> Iterator[int]:
    """The first row within the span that has another offset than the row before it, which holds until there."""
    begin_s = int(epoch_seconds(span.times)[0])
    end_s = begin_s + len(span.times) * span.step_minutes * SECONDS_PER_MINUTE
    first = max(int(np.searchsorted(table.times_s, begin_s, side="right")) - 1, 0)
    last = int(np.searchsorted(table.times_s, end_s, side="left"))
    changes = np.flatnonzero(np.diff(table.offsets_s[first:last]))
    yield from (int(first + changes[0] + 1) for _ in changes[:1])


def _warning(places: list[str], table: ProfileTable, row: int) -> InputWarning:
    before, after = (_written(table, k) for k in (row - 1, row))
    others = f" (so too at {listed(places[1:])})" if places[1:] else ""
    problem = (
        f"its offset from UTC changes from {before} to {after}; days, tariffs and vehicles keep the offset of "
        f"time.start{others}"
    )
    return InputWarning(places[0], repr(table.name), problem, REMEDY)


def _written(table: ProfileTable, row: int) -> str:
    offset = timezone(timedelta(seconds=int(table.offsets_s[row])))
    return datetime.fromtimestamp(int(table.times_s[row]), tz=UTC).astimezone(offset).isoformat()

"""Where profiles end: files must cover the run, and its look-aheads reach as far as all of them go, or go on.

A file goes on (`time.after_end = "wrap"`) with its last whole days: what follows its end is what it had as many days
before as it has whole ones, so that the time of day stays what it is. A file of one year begins anew.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.profile_references import needs_weather
from mosaik_p2p.loading.profiles.files import ProfileTable, read_profile_table
from mosaik_p2p.scenario.parts.profiles import FileProfile
from mosaik_p2p.scenario.parts.weather import FileWeather
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.resample import MINUTES_PER_DAY, SECONDS_PER_MINUTE, epoch_seconds
from mosaik_p2p.sections.time import Time

SECONDS_PER_DAY = MINUTES_PER_DAY * SECONDS_PER_MINUTE
TableReader: TypeAlias = Callable[[Path], ProfileTable]
"""Reads a file of profiles. Raises BadInput (place `file`)."""


def reader(time: Time, own_times: pd.DatetimeIndex) -> TableReader:
    """How files are read for intervals that begin at `own_times`: as they are, or going on where that is asked for."""
    if time.after_end == "shrink":
        return read_profile_table
    step_s = time.step_minutes * SECONDS_PER_MINUTE
    end_s = int(epoch_seconds(own_times)[-1]) + step_s
    run_end_s = int(time.start.timestamp()) + time.steps * step_s

    def read(path: Path) -> ProfileTable:
        table = read_profile_table(path)
        # What a file lacks of the run itself is a fault, and stays one.
        return continued(table, end_s) if table.end_s >= run_end_s else table

    return read


def covered_steps(scenario: Scenario, time: Time, folder: Path, used: Iterable[str]) -> int:
    """Intervals from the begin of the run that the files of the profiles `used` and of the weather cover.

    At least those of the run: what a file lacks of these is a fault. At most those that its look-aheads reach.
    """
    if time.after_end == "wrap":
        return time.span_steps
    begin_s, step_s = int(time.start.timestamp()), time.step_minutes * SECONDS_PER_MINUTE
    ends_s = [table.end_s for table in _tables(scenario, folder, used)]
    covered = [(end_s - begin_s) // step_s for end_s in ends_s]
    return max(time.steps, min([time.span_steps, *covered]))


def _tables(scenario: Scenario, folder: Path, used: Iterable[str]) -> Iterator[ProfileTable]:
    """The files that can be read; the others' faults are told where their columns are asked for."""
    files = [spec.file for name in used if isinstance(spec := scenario.profiles.get(name), FileProfile)]
    files += [scenario.weather.file] if isinstance(scenario.weather, FileWeather) and needs_weather(scenario) else []
    for file in dict.fromkeys(files):
        try:
            yield read_profile_table(folder / file)
        except BadInput:
            continue


def continued(table: ProfileTable, until_s: int) -> ProfileTable:
    """The table with its last whole days appended until it reaches `until_s`, seconds since 1970; itself if it does.

    Raises BadInput (place `file`) where it is shorter than a day.
    """
    if table.end_s >= until_s:
        return table
    period_s = (table.end_s - int(table.times_s[0])) // SECONDS_PER_DAY * SECONDS_PER_DAY
    if not period_s:
        remedy = 'Give at least a day of it, or use time.after_end = "shrink".'
        raise BadInput([Fault("file", repr(table.name), "is shorter than a day, and nothing can come again", remedy)])
    last = np.flatnonzero(table.times_s >= table.end_s - period_s)
    times_again = -(-(until_s - table.end_s) // period_s)
    rows = np.concatenate([np.arange(len(table.times_s)), np.tile(last, times_again)])
    later_s = period_s * (1 + np.repeat(np.arange(times_again), len(last)))
    times_s = table.times_s[rows]
    times_s[len(table.times_s) :] += later_s
    again = {"frame": table.frame.iloc[rows], "numbers": table.numbers[rows], "offsets_s": table.offsets_s[rows]}
    return replace(table, times_s=times_s, **again)

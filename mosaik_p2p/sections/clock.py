"""The clock that people live by: days, times of day, and the instants at which a time of day comes.

It follows the scenario's zone with its changes of clocks: a day may have 23 or 25 hours. Without a zone it is the
offset of the start, all year round. Of a time that comes twice in a day the first one counts; one that a day skips
comes when the clock has been put forward.
"""

from datetime import timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from mosaik_p2p.sections.resample import MINUTES_PER_DAY, SECONDS_PER_MINUTE, epoch_seconds
from mosaik_p2p.sections.time import Time
from mosaik_p2p.units import IntArray


def zone_of(time: Time) -> tzinfo:
    """The zone of a scenario's clock."""
    if time.zone is not None:
        return ZoneInfo(time.zone)
    return timezone(time.start.utcoffset() or timedelta())


def day_numbers(own_times: pd.DatetimeIndex) -> IntArray:
    """Number of the day in which each time lies, 0 for that of the first; shape (len(own_times),)."""
    days = own_times.tz_localize(None).normalize()
    return np.asarray((days - days[0]).days, dtype=np.int64)


def minutes_of_day(own_times: pd.DatetimeIndex) -> IntArray:
    """Minute of the day that the clock shows; shape (len(own_times),)."""
    return np.asarray(60 * own_times.hour + own_times.minute, dtype=np.int64)


def minutes_within(own_times: pd.DatetimeIndex, step_minutes: int) -> IntArray:
    """Minute of the day of every minute of the intervals that begin at these times; shape (len(own_times), step)."""
    passed = np.arange(step_minutes)
    plain = (minutes_of_day(own_times)[:, None] + passed) % MINUTES_PER_DAY
    ends = own_times + pd.Timedelta(minutes=step_minutes)
    changing = np.flatnonzero((plain[:, -1] + 1) % MINUTES_PER_DAY != minutes_of_day(ends) % MINUTES_PER_DAY)
    for k in changing.tolist():
        # The clock is put forward or back inside of this interval, or at its end, where this changes nothing.
        plain[k] = minutes_of_day(own_times[k] + pd.to_timedelta(passed, unit="min"))
    return plain


def instants_s(own_times: pd.DatetimeIndex, minute: int) -> IntArray:
    """When the clock shows a time of day, in seconds since 1970, on each day of the times and on those around them.

    `minute` counts from the day's midnight and may lie beyond its end. The days are consecutive, from the one before
    the first time to the one after the last; the result has their number.
    """
    first, last = (own_times[k].tz_localize(None).normalize() for k in (0, -1))
    days = pd.date_range(first - pd.Timedelta(days=1), last + pd.Timedelta(days=1), freq="D")
    shown = days + pd.Timedelta(minutes=minute)
    twice = np.ones(len(shown), dtype=bool)
    return epoch_seconds(shown.tz_localize(own_times.tz, ambiguous=twice, nonexistent="shift_forward"))


def intervals_left(stays_s: tuple[IntArray, IntArray], own_times: pd.DatetimeIndex, step_minutes: int) -> IntArray:
    """For each interval inside a stay: how many follow until the stay ends; -1 outside. Shape (len(own_times),).

    `stays_s` are begins and ends of consecutive stays, in seconds since 1970; only whole intervals count.
    """
    arrivals_s, departures_s = stays_s
    begins_s = epoch_seconds(own_times)
    step_s = step_minutes * SECONDS_PER_MINUTE
    stay = np.searchsorted(arrivals_s, begins_s, side="right") - 1
    left = (departures_s[np.maximum(stay, 0)] - begins_s) // step_s - 1
    return np.where((stay >= 0) & (left >= 0), left, -1).astype(np.int64)

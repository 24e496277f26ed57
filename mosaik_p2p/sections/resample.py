"""Series on the market's intervals: a finer series is averaged, a coarser one is held, and both are exact."""

from math import gcd

import numpy as np
import pandas as pd

from mosaik_p2p.units import FloatArray, IntArray

SECONDS_PER_MINUTE = 60
MINUTES_PER_DAY = 1440


def epoch_seconds(times: pd.DatetimeIndex) -> IntArray:
    """Whole seconds since 1970 of a timezone-aware index; shape (len(times),)."""
    return np.asarray(times.as_unit("s").asi8, dtype=np.int64)


def interval_means(
    values: FloatArray, *, first_s: int, source_step_s: int, times: pd.DatetimeIndex, step_minutes: int
) -> FloatArray:
    """Mean of a piecewise constant series over each interval that begins at `times`.

    `values` has one entry per source interval of `source_step_s` seconds, the first beginning at `first_s` (seconds
    since 1970). The result has shape (len(times),). Every interval must lie inside the series: the caller has checked.
    Both series are laid on the grid of the greatest common divisor of their steps, so no value is interpolated and a
    series that needs no averaging comes back bit for bit.
    """
    step_s = step_minutes * SECONDS_PER_MINUTE
    begins_s = epoch_seconds(times)
    offset_s = int(begins_s[0]) - first_s
    grid_s = gcd(gcd(step_s, source_step_s), offset_s)
    parts = step_s // grid_s
    cells = offset_s // grid_s + np.arange(len(times) * parts)
    on_grid = values[cells * grid_s // source_step_s].reshape(len(times), parts)
    if parts == 1 or (source_step_s % step_s == 0 and offset_s % step_s == 0):
        return on_grid[:, 0].copy()
    return np.asarray(on_grid.mean(axis=1), dtype=np.float64)


def shifted(series: FloatArray, minutes: int, step_minutes: int) -> FloatArray:
    """The series `minutes` later (earlier where negative), of the same shape, as another house of the same kind has it.

    A shift by whole intervals moves values; any other shift mixes the two neighbours by the share of the interval that
    each covers, as averaging a finer series would. At the edge, where the series has no value to move, the value of the
    same hour a day away stands in.
    """
    whole, rest = divmod(minutes, step_minutes)
    moved = _moved(series, whole, step_minutes)
    if rest == 0:
        return moved
    share = rest / step_minutes
    return np.asarray((1.0 - share) * moved + share * _moved(series, whole + 1, step_minutes), dtype=np.float64)


def _moved(series: FloatArray, intervals: int, step_minutes: int) -> FloatArray:
    count, day = len(series), MINUTES_PER_DAY // step_minutes
    source = np.arange(count) - intervals
    source = np.where(source < 0, source + day, source)
    source = np.where(source >= count, source - day, source)
    return series[source % count]

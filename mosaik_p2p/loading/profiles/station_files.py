"""Typical years from files that weather services give away: EPW (EnergyPlus) and PVGIS, read with pvlib.

Both have 8760 hours without a calendar: the months come from different years, and hour h of 17 May serves every 17 May.
EPW has the clock of its place, without daylight saving, PVGIS has UTC. A stamp is taken for the begin of its hour; of
PVGIS, whose satellites look at an instant within the hour, that is up to half an hour beside it.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from pvlib import iotools

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.files import FILE_REMEDY, read_text, shown_path, why_not_readable
from mosaik_p2p.tabular import within
from mosaik_p2p.units import FloatArray

COLUMNS = {"ghi_w_per_m2": "ghi", "dni_w_per_m2": "dni", "dhi_w_per_m2": "dhi", "t_air_c": "temp_air"}
"""What a weather has, and pvlib's word for it."""
Bounds: TypeAlias = Mapping[str, tuple[float, float]]
_COMMON_YEAR = pd.date_range("2001-01-01", periods=8760, freq="h")
_REMEDIES = {
    "epw": "Give an EPW file of 8760 hours as EnergyPlus has it.",
    "pvgis": "Give a typical year (TMY) that PVGIS has written as CSV.",
}


@dataclass(frozen=True)
class StationYear:
    """A typical year of a place; arrays of shape (8760,), from 1 January 0:00 of its own clock on."""

    latitude_deg: float
    longitude_deg: float
    utc_offset_h: float
    values: Mapping[str, FloatArray]
    """By the columns of `COLUMNS`."""


def station_year(source: str, path: Path, bounds: Bounds) -> StationYear:
    """The year in a file of the source `epw` or `pvgis`. Raises BadInput (place `file`) where it holds none, or values
    beyond `bounds`."""
    why = why_not_readable(path)
    if why is not None:
        raise BadInput([Fault("file", shown_path(path.name), why, FILE_REMEDY)])
    try:
        text = read_text(path)
    except BadInput as bad:
        raise within("file", bad) from None
    try:
        frame, place, offset_h = _READERS[source](text)
    except Exception as error:  # pvlib and pandas do not say what they raise at a text of another kind.
        problem = f"is no such file of weather ({type(error).__name__}: {str(error)[:80]})"
        raise BadInput([Fault("file", repr(path.name), problem, _REMEDIES[source])]) from error
    return StationYear(*place, offset_h, _values(frame, path.name, source, bounds))


def _epw(text: str) -> tuple[pd.DataFrame, tuple[float, float], float]:
    frame, about = iotools.read_epw(io.StringIO(text))
    return frame, (float(about["latitude"]), float(about["longitude"])), float(about["TZ"])


def _pvgis(text: str) -> tuple[pd.DataFrame, tuple[float, float], float]:
    # Up to pvlib 0.12 months and inputs stand between the table and what is said about it.
    frame, *about = iotools.read_pvgis_tmy(io.BytesIO(text.encode()), "csv")
    inputs = next(part.get("inputs", part) for part in about if isinstance(part, dict) and _has_place(part))
    return frame, (float(inputs["latitude"]), float(inputs["longitude"])), 0.0


def _has_place(part: Mapping[str, Any]) -> bool:
    inner = part.get("inputs", part)
    return "latitude" in inner and not isinstance(inner["latitude"], dict)


_READERS: Mapping[str, Callable[[str], tuple[pd.DataFrame, tuple[float, float], float]]] = {
    "epw": _epw,
    "pvgis": _pvgis,
}


def _values(frame: pd.DataFrame, name: str, source: str, bounds: Bounds) -> dict[str, FloatArray]:
    hours = pd.DatetimeIndex(frame.index)
    frame = frame[~((hours.month == 2) & (hours.day == 29))]
    hours = pd.DatetimeIndex(frame.index)
    same = len(hours) == len(_COMMON_YEAR) and all(
        np.array_equal(getattr(hours, part), getattr(_COMMON_YEAR, part)) for part in ("month", "day", "hour")
    )
    if not same:
        problem = f"has {len(frame)} hours that are not those of a year from 1 January 0:00 on"
        raise BadInput([Fault("file", repr(name), problem, _REMEDIES[source])])
    values = {key: pd.to_numeric(frame[word], errors="coerce").to_numpy(float) for key, word in COLUMNS.items()}
    faults = [fault for key in COLUMNS if (fault := _beyond(values[key], key, name, bounds[key])) is not None]
    if faults:
        raise BadInput(faults)
    return values


def _beyond(values: FloatArray, key: str, name: str, bounds: tuple[float, float]) -> Fault | None:
    low, high = bounds
    wrong = ~((values >= low) & (values <= high))
    if not wrong.any():
        return None
    first = int(np.argmax(wrong))
    when = f"{_COMMON_YEAR[first]:%d %B %H:%M}"
    problem = f"{key} is {values[first]:g} at {int(wrong.sum())} hours, first on {when}"
    return Fault("file", repr(name), problem, f"Give values from {low:g} to {high:g}; such files write 9999 for none.")

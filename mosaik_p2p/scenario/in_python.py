"""A scenario that is made in Python, as tables that a file can hold, and the series that it needs beside them.

It is a dictionary with the keys of the scenario file. Wherever the file has a table there may stand a section, such as
a `ProsumerSpec` with a `BatterySpec`; where it has a profile, `profiles.NAME`, a Series with a time axis, or a frame
with the columns `realised` and `forecast`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from mosaik_p2p.errors import BadInput, Fault, shown
from mosaik_p2p.sections.base import Section

Overrides: TypeAlias = Sequence[str] | Mapping[str, Any]
"""`key=value` as on the command line, or values by key; None takes a key away."""
PROFILES, REALISED, FORECAST = "profiles", "realised", "forecast"
TIME = "time"


@dataclass(frozen=True)
class InPython:
    """The tables, without what a file cannot hold, and the frames behind profiles by their file names."""

    tables: Mapping[str, Any]
    frames: Mapping[str, pd.DataFrame]


def in_python(scenario: Mapping[str, Any] | Section) -> InPython:
    """The scenario as plain tables. Raises BadInput with every value that no file can hold."""
    faults: list[Fault] = []
    frames: dict[str, pd.DataFrame] = {}
    tables: dict[str, Any] = dict(_table(scenario))
    profiles = tables.get(PROFILES)
    if isinstance(profiles, Mapping):
        tables[PROFILES] = {
            name: _profile(str(name), spec, frames, faults) if _is_series(spec) else spec
            for name, spec in profiles.items()
        }
    plain = _plain(tables, "", faults)
    if faults:
        raise BadInput(faults)
    return InPython(plain, frames)


def override_texts(overrides: Overrides) -> tuple[str, ...]:
    """The overrides as on the command line. Raises BadInput for values that have no text."""
    if isinstance(overrides, str):
        problem = "is one text: overrides are a list of them, or a dictionary"
        raise BadInput([Fault("overrides", shown(overrides), problem, "Put it into brackets")])
    if not isinstance(overrides, Mapping):
        return tuple(overrides)
    faults: list[Fault] = []
    plain = {key: None if value is None else _plain(value, str(key), faults) for key, value in overrides.items()}
    if faults:
        raise BadInput(faults)
    return tuple(f"{key}={'' if value is None else inline_toml(value)}" for key, value in plain.items())


def inline_toml(value: Any) -> str:
    """A plain value as TOML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(str(key))} = {inline_toml(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline_toml, value)) + "]"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return _text(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else repr(value)


def _text(value: str) -> str:
    # The one sign that JSON leaves as it is and TOML does not know.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _table(value: Mapping[str, Any] | Section) -> Mapping[str, Any]:
    if isinstance(value, Section):
        # What nobody has stated is left to the defaults.
        return {field.alias or name: getattr(value, name) for name, field in _stated(value)}
    return value


def _stated(section: Section) -> list[tuple[str, Any]]:
    fields = type(section).model_fields
    return [(name, field) for name, field in fields.items() if name in section.model_fields_set]


def _plain(value: Any, place: str, faults: list[Fault]) -> Any:
    """The value with the types of TOML only; keys whose value is None are left out."""
    if isinstance(value, Section | Mapping):
        entries = {str(key): entry for key, entry in _table(value).items() if entry is not None}
        return {key: _plain(entry, f"{place}.{key}" if place else key, faults) for key, entry in entries.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry, f"{place}[{number}]", faults) for number, entry in enumerate(value)]
    return _plain_scalar(value, place, faults)


def _plain_scalar(value: Any, place: str, faults: list[Fault]) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime()
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, PurePath):
        value = str(value)
    if isinstance(value, bool | int | float | str | datetime | date | time):
        return value
    remedy = "Give text, numbers, dates, lists, dictionaries or sections; Series and frames under profiles.NAME."
    faults.append(Fault(place, shown(value), f"is a {type(value).__name__}, which no scenario can hold", remedy))
    return None


def _is_series(value: Any) -> bool:
    return isinstance(value, pd.Series | pd.DataFrame)


def _profile(
    name: str, given: "pd.Series[float] | pd.DataFrame", frames: dict[str, pd.DataFrame], faults: list[Fault]
) -> dict[str, str]:
    """The table of a profile that is read from a file, and into `frames` what stands in that."""
    frame = given.to_frame(REALISED) if isinstance(given, pd.Series) else given
    problem = _why_no_profile(frame)
    if problem is not None:
        remedy = "Give a Series whose index is a DatetimeIndex with a zone, or a frame of realised and forecast."
        faults.append(Fault(f"{PROFILES}.{name}", f"a {type(given).__name__}", problem, remedy))
        return {}
    file = f"profile_{len(frames) + 1:03d}.parquet"
    index = pd.DatetimeIndex(frame.index).tz_convert("UTC")
    values = {column: frame[column].to_numpy(dtype=np.float64) for column in frame.columns}
    frames[file] = pd.DataFrame({TIME: index, **values})
    forecast = {"forecast_column": FORECAST} if FORECAST in frame else {}
    return {"file": file, "column": REALISED, **forecast}


def _why_no_profile(frame: pd.DataFrame) -> str | None:
    if not isinstance(frame.index, pd.DatetimeIndex) or frame.index.tz is None:
        return "has no index of times with a zone"
    if REALISED not in frame or not set(frame.columns) <= {REALISED, FORECAST}:
        return f"has other columns than {REALISED} and {FORECAST}: {', '.join(map(str, frame.columns))}"
    if not all(pd.api.types.is_numeric_dtype(frame[column]) for column in frame.columns):
        return "holds what is no number"
    return None

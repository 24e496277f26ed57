"""Weather over a run's span: irradiance on the horizontal plane, air temperature and the place of the station.

Several sources. `dwd_try` takes a test reference year 2010 of Deutscher Wetterdienst (DWD) for one of the 15 climate
regions of Germany, which the package demandlib carries: hours 1 to 24 of UTC+1 all year round, each stamped at its end
(the head of each file names station, coordinates and columns). Such a year has no calendar: hour h of 17 May serves
every 17 May, and 28 February serves 29 February too. `epw` and `pvgis` are such years from files, see `station_files`;
`file` takes a user's own series with timestamps.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.profiles.ends import TableReader
from mosaik_p2p.loading.profiles.files import ProfileTable, column_values, read_profile_table
from mosaik_p2p.loading.profiles.station_files import station_year
from mosaik_p2p.scenario.parts.weather import (
    DwdTryWeather,
    EpwWeather,
    FileWeather,
    PvgisWeather,
    StationWeather,
    WeatherSpec,
)
from mosaik_p2p.sections.resample import SECONDS_PER_MINUTE, epoch_seconds, interval_means
from mosaik_p2p.units import FloatArray, IntArray

HOURS_PER_YEAR = 8760
HOUR_MINUTES = 60
TRY_UTC_OFFSET_H = 1
WATT_PER_KW = 1000.0
_IRRADIANCE = (0.0, 2000.0)
"""The sun sends 1361 W/m2; the edges of clouds add to it for minutes."""
COLUMN_BOUNDS = {
    "ghi_w_per_m2": _IRRADIANCE,
    "dni_w_per_m2": _IRRADIANCE,
    "dhi_w_per_m2": _IRRADIANCE,
    "t_air_c": (-90.0, 60.0),
}
"""Columns of a user's file and what the weather on earth allows."""


@dataclass(frozen=True)
class Site:
    """Where the sun is seen from, in degrees north and east."""

    latitude_deg: float
    longitude_deg: float


@dataclass(frozen=True)
class Weather:
    """The weather of the intervals that begin at `begins` (UTC) and last `step_minutes`; arrays have their number.

    The intervals cover the span of the run; they are the market's, or whole hours where the source has only those.
    """

    begins: pd.DatetimeIndex
    step_minutes: int
    site: Site | None
    """None where a user's file comes without coordinates."""
    region: int | None
    """DWD region, 1 to 15; None for a user's file."""
    direct_w_per_m2: FloatArray
    """Direct irradiance on the horizontal plane."""
    diffuse_w_per_m2: FloatArray
    """Diffuse irradiance on the horizontal plane."""
    normal_w_per_m2: FloatArray | None
    """Direct irradiance on the plane that faces the sun; None where the source has only the horizontal one."""
    t_air_c: FloatArray


@dataclass(frozen=True)
class TypicalYear:
    """A test reference year; arrays of shape (8760,), the mean of each hour from 1 January 0:00 (UTC+1) on."""

    site: Site
    direct_w_per_m2: FloatArray
    diffuse_w_per_m2: FloatArray
    t_air_c: FloatArray


def load_weather(
    spec: WeatherSpec,
    *,
    folder: Path,
    times: pd.DatetimeIndex,
    step_minutes: int,
    read: TableReader = read_profile_table,
) -> Weather:
    """The weather that a scenario names, for the span whose intervals begin at `times`; messages keep their zone.

    Raises BadInput where a user's file is missing, incomplete or does not cover the span; places are relative to the
    weather table, paths to `folder`; files are read by `read`.
    """
    if isinstance(spec, DwdTryWeather):
        return _typical_weather(spec, times.tz_convert("UTC"), step_minutes)
    if isinstance(spec, StationWeather):
        return _station_weather(spec, folder, times.tz_convert("UTC"), step_minutes)
    return _own_weather(spec, read(folder / spec.file), times, step_minutes)


@lru_cache(maxsize=15)
def typical_year(region: int) -> TypicalYear:
    """Test reference year 2010 of a DWD climate region, 1 to 15."""
    source = files("demandlib.vdi") / "resources_weather" / f"TRY2010_{region:02d}_Jahr.dat"
    head, _, body = source.read_text(encoding="utf-8").partition("***\n")
    place = re.search(r"(\d+)°(\d+)'N.*?(\d+)°(\d+)'O", head)
    columns = head.rstrip().splitlines()[-1].split()
    table = dict(zip(columns, np.loadtxt(body.splitlines()).T, strict=True))
    if place is None or len(table["t"]) != HOURS_PER_YEAR:
        raise RuntimeError(f"demandlib's {source.name} is not a whole test reference year with its station's place")
    north, north_minutes, east, east_minutes = (float(part) for part in place.groups())
    site = Site(north + north_minutes / 60.0, east + east_minutes / 60.0)
    return TypicalYear(site, direct_w_per_m2=table["B"], diffuse_w_per_m2=table["D"], t_air_c=table["t"])


def on_intervals(weather: Weather, values: FloatArray, *, times: pd.DatetimeIndex, step_minutes: int) -> FloatArray:
    """Values on the weather's own intervals as means over those that begin at `times`; shape (len(times),)."""
    first_s = int(epoch_seconds(weather.begins)[0])
    source_step_s = weather.step_minutes * SECONDS_PER_MINUTE
    return interval_means(values, first_s=first_s, source_step_s=source_step_s, times=times, step_minutes=step_minutes)


def air_temperature_c(weather: Weather, *, times: pd.DatetimeIndex, step_minutes: int) -> FloatArray:
    """Air temperature in degC, shape (len(times),)."""
    return on_intervals(weather, weather.t_air_c, times=times, step_minutes=step_minutes)


def horizontal_irradiance_kw_per_m2(weather: Weather, *, times: pd.DatetimeIndex, step_minutes: int) -> FloatArray:
    """Global irradiance on the horizontal plane in kW/m2, shape (len(times),)."""
    total_kw_per_m2 = (weather.direct_w_per_m2 + weather.diffuse_w_per_m2) / WATT_PER_KW
    return on_intervals(weather, total_kw_per_m2, times=times, step_minutes=step_minutes)


def _typical_weather(spec: DwdTryWeather, times: pd.DatetimeIndex, step_minutes: int) -> Weather:
    year = typical_year(spec.region)
    hours = _whole_hours(times, step_minutes)
    row = _row_of_year(hours + pd.Timedelta(hours=TRY_UTC_OFFSET_H))
    north = year.site.latitude_deg if spec.latitude_deg is None else spec.latitude_deg
    east = year.site.longitude_deg if spec.longitude_deg is None else spec.longitude_deg
    return Weather(
        begins=hours,
        step_minutes=HOUR_MINUTES,
        site=Site(north, east),
        region=spec.region,
        direct_w_per_m2=year.direct_w_per_m2[row],
        diffuse_w_per_m2=year.diffuse_w_per_m2[row],
        normal_w_per_m2=None,
        t_air_c=year.t_air_c[row],
    )


def _station_weather(
    spec: EpwWeather | PvgisWeather, folder: Path, times: pd.DatetimeIndex, step_minutes: int
) -> Weather:
    year = station_year(spec.source, folder / spec.file, COLUMN_BOUNDS)
    # Hours of the place's own clock, which may be half an hour beside those of UTC.
    offset = pd.Timedelta(hours=year.utc_offset_h)
    own_hours = _whole_hours(times + offset, step_minutes)
    row = _row_of_year(own_hours)
    values = {name: series[row] for name, series in year.values.items()}
    return Weather(
        begins=own_hours - offset,
        step_minutes=HOUR_MINUTES,
        site=Site(year.latitude_deg, year.longitude_deg),
        region=spec.region,
        direct_w_per_m2=np.maximum(values["ghi_w_per_m2"] - values["dhi_w_per_m2"], 0.0),
        diffuse_w_per_m2=values["dhi_w_per_m2"],
        normal_w_per_m2=values["dni_w_per_m2"],
        t_air_c=values["t_air_c"],
    )


def _own_weather(spec: FileWeather, table: ProfileTable, times: pd.DatetimeIndex, step_minutes: int) -> Weather:
    columns: dict[str, FloatArray] = {}
    faults: list[Fault] = []
    for name, bounds in COLUMN_BOUNDS.items():
        try:
            columns[name] = column_values(
                table, name, key="file", times=times, step_minutes=step_minutes, bounds=bounds
            )
        except BadInput as error:
            faults.extend(error.faults)
    if faults:
        raise BadInput(faults)
    north, east = spec.latitude_deg, spec.longitude_deg
    return Weather(
        begins=times.tz_convert("UTC"),
        step_minutes=step_minutes,
        site=None if north is None or east is None else Site(north, east),
        region=None,
        direct_w_per_m2=np.maximum(columns["ghi_w_per_m2"] - columns["dhi_w_per_m2"], 0.0),
        diffuse_w_per_m2=columns["dhi_w_per_m2"],
        normal_w_per_m2=columns["dni_w_per_m2"],
        t_air_c=columns["t_air_c"],
    )


def _whole_hours(times: pd.DatetimeIndex, step_minutes: int) -> pd.DatetimeIndex:
    """Begins (UTC) of the hours that cover the intervals which begin at `times`."""
    end = times[-1] + pd.Timedelta(minutes=step_minutes)
    return pd.date_range(times[0].floor("h"), end.ceil("h"), freq="h", inclusive="left")


_DAYS_BEFORE_MONTH = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])


def _row_of_year(local: pd.DatetimeIndex) -> IntArray:
    """Rows of a typical year for hours of its own clock, whatever zone the index claims."""
    month, hour = local.month.to_numpy(), local.hour.to_numpy()
    day = np.where((month == 2) & (local.day == 29), 28, local.day)
    return np.asarray((_DAYS_BEFORE_MONTH[month - 1] + day - 1) * 24 + hour, dtype=np.int64)

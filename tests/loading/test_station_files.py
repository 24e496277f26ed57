"""Weather from EPW and PVGIS files: the hours stand where the clock of the file says, and what is none is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading.profiles.weather import load_weather
from mosaik_p2p.scenario.parts.weather import EpwWeather, PvgisWeather

HOURS = pd.date_range("2001-01-01", periods=8760, freq="h")
SUN = {"ghi": 300.0, "dni": 400.0, "dhi": 100.0}


def epw(path: Path, *, offset_h: float = 5.5, hours: pd.DatetimeIndex = HOURS, dni: float = 400.0) -> Path:
    """A year whose temperature counts the hours of a day, with a sun that always shines."""
    head = [f"LOCATION,Town,-,IND,TMY,1,28.6,77.2,{offset_h},216", *["DESIGN"] * 7]
    rows = [
        ",".join(
            [
                *map(str, (2001 + hour.month, hour.month, hour.day, hour.hour + 1, 60, "x", hour.hour, 5, 50, 101325)),
                *map(str, (0, 0, 300, SUN["ghi"], dni, SUN["dhi"], *[0] * 19)),
            ]
        )
        for hour in hours
    ]
    path.write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")
    return path


def pvgis(path: Path) -> Path:
    """The same as PVGIS writes it, in UTC."""
    head = ["Latitude (decimal degrees): 45.000", "Longitude (decimal degrees): 8.000", "Elevation (m): 250.0"]
    months = ["month,year", *(f"{month},{2000 + month}" for month in range(1, 13))]
    columns = "time(UTC),T2m,RH,G(h),Gb(n),Gd(h),IR(h),WS10m,WD10m,SP"
    rows = [
        f"{hour:2001%m%d:%H%M},{hour.hour},50,{SUN['ghi']},{SUN['dni']},{SUN['dhi']},300,1,0,1000" for hour in HOURS
    ]
    path.write_text(
        "\r\n".join([*head, *months, columns, *rows, "T2m: 2-m air temperature"]) + "\r\n", encoding="utf-8"
    )
    return path


def _times(start: str, steps: int = 3) -> pd.DatetimeIndex:
    return pd.date_range(start, periods=steps, freq="h").tz_convert("UTC")


def test_epw_has_the_clock_of_its_place(tmp_path: Path) -> None:
    epw(tmp_path / "own.epw")
    spec = EpwWeather(source="epw", file="own.epw")
    weather = load_weather(spec, folder=tmp_path, times=_times("2024-02-29T12:00:00+05:30"), step_minutes=60)
    assert list(weather.t_air_c) == [12.0, 13.0, 14.0]
    assert weather.begins[0] == pd.Timestamp("2024-02-29T12:00:00+05:30")
    assert (weather.site.latitude_deg, weather.site.longitude_deg) == (28.6, 77.2)
    assert weather.normal_w_per_m2 is not None
    np.testing.assert_allclose(weather.normal_w_per_m2, 400.0)
    np.testing.assert_allclose(weather.direct_w_per_m2, 200.0)


def test_pvgis_has_that_of_utc(tmp_path: Path) -> None:
    pvgis(tmp_path / "tmy.csv")
    spec = PvgisWeather(source="pvgis", file="tmy.csv", region=12)
    weather = load_weather(spec, folder=tmp_path, times=_times("2017-03-28T12:00:00+02:00"), step_minutes=60)
    assert list(weather.t_air_c) == [10.0, 11.0, 12.0]
    assert (weather.region, weather.site.latitude_deg) == (12, 45.0)


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda path: path.write_text("time,ghi\n", encoding="utf-8"), "is no such file of weather"),
        (lambda path: epw(path, hours=HOURS[:-1]), "has 8759 hours that are not those of a year"),
        (lambda path: epw(path, hours=HOURS[1:].append(HOURS[:1])), "has 8760 hours that are not those of a year"),
        (lambda path: epw(path, dni=9999.0), "dni_w_per_m2 is 9999 at 8760 hours, first on 01 January 00:00"),
        (lambda path: path.with_suffix(".csv").touch(), "No such file"),
    ],
)
def test_what_is_no_year_of_weather_is_refused(write, told: str, tmp_path: Path) -> None:
    write(tmp_path / "own.epw")
    spec, times = EpwWeather(source="epw", file="own.epw"), _times("2024-01-01T00:00:00+00:00")
    with pytest.raises(BadInput) as refused:
        load_weather(spec, folder=tmp_path, times=times, step_minutes=60)
    assert told in str(refused.value)
    assert [fault.place for fault in refused.value.faults] == ["file"]

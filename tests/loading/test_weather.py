"""Typical weather, photovoltaic yield, collector heat: known answers and the meaning of time stamps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading.profiles.collector import Efficiency, collector_kw_per_m2, heat_w_per_m2
from mosaik_p2p.loading.profiles.pv import Plane, plane_irradiance_w_per_m2, pv_kw_per_kwp
from mosaik_p2p.loading.profiles.weather import (
    Site,
    Weather,
    air_temperature_c,
    horizontal_irradiance_kw_per_m2,
    load_weather,
    typical_year,
)
from mosaik_p2p.scenario.parts.weather import DwdTryWeather, FileWeather

ROUNDING = 1e-12
"""Relative; sums of floating point numbers only."""
LOW_SUN_W_PER_M2 = 1.0
"""pvlib limits the brightness around a sun lower than 1 degree."""
SUN_TOLERANCE = 0.01
"""Relative; the equation of time on the chosen day moves the sun by some seconds."""
FLAT = Plane(tilt_deg=0.0, azimuth_deg=180.0)
SOUTH = Plane(tilt_deg=30.0, azimuth_deg=180.0)


def hours_of(year: int) -> pd.DatetimeIndex:
    """All hours of a calendar year of UTC+1."""
    begin = pd.Timestamp(year, 1, 1, tz="UTC") - pd.Timedelta(hours=1)
    return pd.date_range(begin, periods=8784 if year % 4 == 0 else 8760, freq="h")


def typical(times: pd.DatetimeIndex, *, step_minutes: int = 60, region: int = 12) -> Weather:
    return load_weather(DwdTryWeather(region=region), folder=Path(), times=times, step_minutes=step_minutes)


def sunny(begins: pd.DatetimeIndex, site: Site) -> Weather:
    """The same direct irradiance in every hour and no diffuse one."""
    count = len(begins)
    return Weather(begins, 60, site, None, np.full(count, 300.0), np.zeros(count), None, np.full(count, 10.0))


def test_region_12_is_mannheim_with_its_published_place_and_temperatures() -> None:
    year = typical_year(12)
    assert year.site.latitude_deg == pytest.approx(49 + 31 / 60)
    assert year.site.longitude_deg == pytest.approx(8 + 33 / 60)
    # The first and the last hour of the file.
    assert (year.t_air_c[0], year.t_air_c[-1]) == (6.5, 7.9)
    assert year.direct_w_per_m2.shape == (8760,)


@pytest.mark.parametrize("region", range(1, 16))
def test_every_region_has_a_place_in_germany_and_a_plausible_sun(region: int) -> None:
    year = typical_year(region)
    assert 47.0 < year.site.latitude_deg < 55.0
    assert 6.0 < year.site.longitude_deg < 15.0
    assert 900.0 < (year.direct_w_per_m2 + year.diffuse_w_per_m2).sum() / 1000.0 < 1250.0


def test_first_row_is_the_hour_from_midnight_in_utc_plus_one() -> None:
    times = pd.DatetimeIndex(["2016-12-31T23:00Z", "2017-01-01T00:00Z"])
    assert air_temperature_c(typical(times), times=times, step_minutes=60).tolist() == [6.5, 5.2]


def test_february_has_one_more_day_in_a_leap_year() -> None:
    leap = typical(hours_of(2020)).t_air_c
    common = typical(hours_of(2017)).t_air_c
    day = slice(58 * 24, 59 * 24)
    assert np.array_equal(leap[: 59 * 24], common[: 59 * 24])
    assert np.array_equal(leap[59 * 24 : 60 * 24], common[day])
    assert np.array_equal(leap[60 * 24 :], common[59 * 24 :])


def test_quarters_hold_the_hour_and_odd_intervals_average_it() -> None:
    hours = pd.date_range("2017-07-14T10:00Z", periods=3, freq="h")
    by_hour = horizontal_irradiance_kw_per_m2(typical(hours), times=hours, step_minutes=60)
    quarters = pd.date_range(hours[0], periods=12, freq="15min")
    weather = typical(quarters, step_minutes=15)
    by_quarter = horizontal_irradiance_kw_per_m2(weather, times=quarters, step_minutes=15)
    assert np.array_equal(by_quarter, np.repeat(by_hour, 4))
    between = hours[:2] + pd.Timedelta(minutes=30)
    halves = horizontal_irradiance_kw_per_m2(typical(between), times=between, step_minutes=60)
    assert halves == pytest.approx((by_hour[:-1] + by_hour[1:]) / 2, rel=ROUNDING)


def test_the_scenario_may_place_the_site_elsewhere() -> None:
    times = hours_of(2017)[:24]
    spec = DwdTryWeather(region=12, latitude_deg=48.45, longitude_deg=7.88)
    assert load_weather(spec, folder=Path(), times=times, step_minutes=60).site == Site(48.45, 7.88)


def test_annual_pv_yield_is_that_of_south_west_germany() -> None:
    times = hours_of(2017)
    weather = typical(times)
    assert weather.site is not None
    values = pv_kw_per_kwp(weather, weather.site, SOUTH, loss_fraction=0.14, times=times, step_minutes=60)
    assert 850.0 < values.sum() < 1150.0
    assert values.min() == 0.0
    assert values.max() < 1.0


def test_a_flat_plane_sees_the_horizontal_irradiance() -> None:
    times = hours_of(2017)
    weather = typical(times)
    assert weather.site is not None
    expected = weather.direct_w_per_m2 + weather.diffuse_w_per_m2
    flat = plane_irradiance_w_per_m2(weather, weather.site, FLAT)
    assert flat == pytest.approx(expected, abs=LOW_SUN_W_PER_M2)
    assert flat.sum() == pytest.approx(expected.sum(), rel=1e-4)


def test_the_sun_stands_where_it_is_at_mid_hour() -> None:
    """On 15 April the sun passes the zero meridian at 12:00 UTC: the hours before and after are mirror images."""
    begins = pd.DatetimeIndex(["2017-04-15T11:00Z", "2017-04-15T12:00Z"])
    site = Site(50.0, 0.0)
    east = plane_irradiance_w_per_m2(sunny(begins, site), site, Plane(40.0, 90.0))
    west = plane_irradiance_w_per_m2(sunny(begins, site), site, Plane(40.0, 270.0))
    assert east[0] == pytest.approx(west[1], rel=SUN_TOLERANCE)
    assert east[1] == pytest.approx(west[0], rel=SUN_TOLERANCE)
    assert east[0] > 1.1 * east[1]


def test_low_sun_is_not_blown_up() -> None:
    times = hours_of(2017)
    weather = typical(times)
    assert weather.site is not None
    east = plane_irradiance_w_per_m2(weather, weather.site, Plane(90.0, 90.0))
    # A clear morning gives a wall that faces it 700 to 900 W/m2; more would be an artefact of the hour after sunrise.
    assert 600.0 < east.max() < 950.0


@settings(max_examples=20, deadline=None)
@given(tilt_deg=st.floats(0.0, 90.0), azimuth_deg=st.floats(0.0, 360.0))
def test_no_plane_sees_darkness_below_zero_or_light_at_night(tilt_deg: float, azimuth_deg: float) -> None:
    times = hours_of(2017)[24 * 180 : 24 * 182]
    weather = typical(times)
    assert weather.site is not None
    values = plane_irradiance_w_per_m2(weather, weather.site, Plane(tilt_deg, azimuth_deg))
    assert values.min() == 0.0
    assert values[:3].max() == 0.0
    assert values.max() < 1200.0


def test_collector_by_hand() -> None:
    efficiency = Efficiency(eta0=0.8, a1_w_per_m2k=3.5, a2_w_per_m2k2=0.015)
    irradiance = np.array([800.0, 200.0, 0.0])
    heat = heat_w_per_m2(irradiance, np.array([15.0, 15.0, 15.0]), t_mean_c=65.0, efficiency=efficiency)
    # 0.8 * 800 - 3.5 * 50 - 0.015 * 50^2 = 640 - 175 - 37.5; at 200 W/m2 the losses win.
    assert heat == pytest.approx([427.5, 0.0, 0.0])


def test_collector_of_a_summer_day_gives_heat_only_by_day() -> None:
    times = pd.date_range("2017-07-13T23:00Z", periods=24, freq="h")
    weather = typical(times)
    assert weather.site is not None
    efficiency = Efficiency(0.8, 3.5, 0.015)
    heat = collector_kw_per_m2(
        weather, weather.site, SOUTH, efficiency=efficiency, t_mean_c=65.0, times=times, step_minutes=60
    )
    assert heat[:5].max() == 0.0
    assert 0.3 < heat.max() < 0.8
    assert 1.5 < heat.sum() < 5.0


def user_file(folder: Path, *, rows: int) -> Path:
    time = pd.date_range("2017-07-14T00:00:00+01:00", periods=rows, freq="h")
    table = pd.DataFrame({"time": [stamp.isoformat() for stamp in time]})
    table["ghi_w_per_m2"], table["dni_w_per_m2"], table["dhi_w_per_m2"], table["t_air_c"] = 500.0, 600.0, 120.0, 20.0
    table.to_csv(folder / "weather.csv", index=False)
    return folder / "weather.csv"


def test_a_users_own_weather(tmp_path: Path) -> None:
    user_file(tmp_path, rows=24)
    times = pd.date_range("2017-07-14T08:00Z", periods=8, freq="30min")
    spec = FileWeather(file="weather.csv", latitude_deg=50.0, longitude_deg=8.0)
    weather = load_weather(spec, folder=tmp_path, times=times, step_minutes=30)
    assert horizontal_irradiance_kw_per_m2(weather, times=times, step_minutes=30).tolist() == [0.5] * 8
    assert weather.site == Site(50.0, 8.0)
    facing = plane_irradiance_w_per_m2(weather, Site(50.0, 8.0), SOUTH)
    weaker = replace(weather, normal_w_per_m2=np.full(8, 300.0))
    assert (plane_irradiance_w_per_m2(weaker, Site(50.0, 8.0), SOUTH) < facing).all()


def test_a_users_weather_that_is_missing_or_too_short_is_refused(tmp_path: Path) -> None:
    times = pd.date_range("2017-07-14T08:00Z", periods=48, freq="h")
    with pytest.raises(BadInput) as missing:
        load_weather(FileWeather(file="nowhere.csv"), folder=tmp_path, times=times, step_minutes=60)
    assert missing.value.faults[0].place == "file"
    user_file(tmp_path, rows=24)
    with pytest.raises(BadInput) as short:
        load_weather(FileWeather(file="weather.csv"), folder=tmp_path, times=times, step_minutes=60)
    assert len(short.value.faults) == 4
    assert "has no row for 2017-07-14T23:00:00+00:00" in short.value.faults[0].problem

"""Profiles on the market's intervals: averaging, files and their faults, VDI 4655, and the shipped series."""

import os
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.profiles.files import read_profile_table
from mosaik_p2p.loading.profiles.named import profile_values
from mosaik_p2p.loading.profiles.vdi import House, hot_water_kwh, unit_year, vdi_power_kw
from mosaik_p2p.loading.profiles.weather import Weather, load_weather
from mosaik_p2p.scenario.parts.profiles import (
    CollectorProfile,
    ConstantProfile,
    FileProfile,
    ProfileSpec,
    PvlibProfile,
    Vdi4655Profile,
)
from mosaik_p2p.scenario.parts.weather import DwdTryWeather
from mosaik_p2p.scenarios import make_profiles
from mosaik_p2p.sections.resample import epoch_seconds, interval_means, shifted
from mosaik_p2p.units import FloatArray

SCENARIOS = Path(make_profiles.__file__).parent
SHIPPED = (
    "all_devices",
    "network1",
    "network1_electric",
    "network2",
    "network2_congested",
    "bus69",
    "schutterwald_winter",
    "schutterwald_summer",
)
ROUNDING = 1e-12
"""Relative; sums of floating point numbers only."""
YEAR_TOLERANCE = 0.005
"""Relative; a leap year has a day more than the norm's year."""
START = "2017-03-21T00:00:00+01:00"
HOUSE = House("EFH", persons=3, units=1)
REGION = 12


def intervals(count: int, *, step_minutes: int = 60, start: str = START) -> pd.DatetimeIndex:
    return pd.date_range(pd.Timestamp(start).tz_convert("UTC"), periods=count, freq=f"{step_minutes}min")


def table_of(values: list[float], *, step_minutes: int = 60) -> pd.DataFrame:
    time = pd.date_range(START, periods=len(values), freq=f"{step_minutes}min")
    return pd.DataFrame({"time": [stamp.isoformat() for stamp in time], "p_kw": values})


def from_file(folder: Path, times: pd.DatetimeIndex, *, step_minutes: int = 60, name: str = "p.csv") -> FloatArray:
    spec = FileProfile(file=name, column="p_kw")
    return profile_values(spec, times=times, step_minutes=step_minutes, folder=folder, weather=None)[1]


def fault_of(folder: Path, table: pd.DataFrame, *, hours: int = 4) -> Fault:
    table.to_csv(folder / "p.csv", index=False)
    with pytest.raises(BadInput) as refused:
        from_file(folder, intervals(hours))
    assert len(refused.value.faults) == 1
    return refused.value.faults[0]


# Averaging and holding


def test_a_finer_series_is_averaged_and_not_sampled(tmp_path: Path) -> None:
    table_of([0.0, 4.0, 8.0, 4.0, 1.0, 1.0, 1.0, 3.0], step_minutes=15).to_csv(tmp_path / "p.csv", index=False)
    assert from_file(tmp_path, intervals(2)).tolist() == [4.0, 1.5]


def test_a_coarser_series_is_held(tmp_path: Path) -> None:
    table_of([0.1, 0.3, 0.7]).to_csv(tmp_path / "p.csv", index=False)
    times = intervals(12, step_minutes=15)
    assert from_file(tmp_path, times, step_minutes=15).tolist() == [0.1] * 4 + [0.3] * 4 + [0.7] * 4


def test_intervals_between_the_rows_take_their_share_of_both() -> None:
    times = intervals(2) + pd.Timedelta(minutes=20)
    first_s = int(epoch_seconds(intervals(1))[0])
    values = np.array([3.0, 6.0, 9.0])
    means = interval_means(values, first_s=first_s, source_step_s=3600, times=times, step_minutes=60)
    assert means == pytest.approx([4.0, 7.0], rel=ROUNDING)


@settings(deadline=None)
@given(
    values=st.lists(st.floats(-1e3, 1e3), min_size=60, max_size=60),
    source_minutes=st.sampled_from([1, 5, 10, 15, 30, 60]),
    step_minutes=st.sampled_from([5, 10, 15, 30, 60]),
)
def test_energy_of_whole_hours_is_kept(values: list[float], source_minutes: int, step_minutes: int) -> None:
    source = np.array(values)
    hours = len(values) * source_minutes // 60
    times = intervals(hours * 60 // step_minutes, step_minutes=step_minutes)
    first_s = int(epoch_seconds(times)[0])
    means = interval_means(
        source, first_s=first_s, source_step_s=60 * source_minutes, times=times, step_minutes=step_minutes
    )
    assert means.sum() * step_minutes == pytest.approx(source.sum() * source_minutes, rel=ROUNDING, abs=1e-6)
    assert source.min() - 1e-9 <= means.min() <= means.max() <= source.max() + 1e-9


def test_shift_by_whole_and_broken_intervals() -> None:
    series = np.arange(48.0)
    assert np.array_equal(shifted(series, 0, 60), series)
    # What is missing at the edge is the same hour of the other day.
    assert shifted(series, 120, 60).tolist() == [22.0, 23.0, *range(46)]
    assert shifted(series, -60, 60).tolist() == [*range(1, 48), 24.0]
    assert shifted(series, 15, 60)[1:] == pytest.approx(np.arange(1.0, 48.0) - 0.25)
    assert shifted(series, -15, 60)[:-1] == pytest.approx(np.arange(47.0) + 0.25)


def test_shift_of_a_span_shorter_than_a_day_stays_inside() -> None:
    assert shifted(np.array([1.0, 2.0, 3.0]), 60, 60).tolist() == [3.0, 1.0, 2.0]


# Files


def test_parquet_and_csv_give_the_same(tmp_path: Path) -> None:
    table = table_of([1.0, 2.0, 3.0, 4.0])
    table.to_csv(tmp_path / "p.csv", index=False)
    table.assign(time=pd.to_datetime(table["time"])).to_parquet(tmp_path / "p.parquet", index=False)
    indexed = table.assign(time=pd.to_datetime(table["time"])).set_index("time")
    indexed.to_parquet(tmp_path / "indexed.parquet")
    for name in ("p.csv", "p.parquet", "indexed.parquet"):
        assert from_file(tmp_path, intervals(3), name=name).tolist() == [1.0, 2.0, 3.0]


def test_forecast_is_a_series_of_its_own_or_the_realisation(tmp_path: Path) -> None:
    table_of([1.0, 2.0]).assign(guess_kw=[3.0, 4.0]).to_csv(tmp_path / "p.csv", index=False)
    spec = FileProfile(file="p.csv", column="p_kw", forecast_column="guess_kw")
    forecast, realised = profile_values(spec, times=intervals(2), step_minutes=60, folder=tmp_path, weather=None)
    assert (forecast.tolist(), realised.tolist()) == ([3.0, 4.0], [1.0, 2.0])
    same = FileProfile(file="p.csv", column="p_kw")
    forecast, realised = profile_values(same, times=intervals(2), step_minutes=60, folder=tmp_path, weather=None)
    assert forecast.tolist() == realised.tolist()
    assert forecast is not realised


def test_both_wrong_columns_are_reported(tmp_path: Path) -> None:
    table_of([1.0, 2.0]).to_csv(tmp_path / "p.csv", index=False)
    spec = FileProfile(file="p.csv", column="a", forecast_column="b")
    with pytest.raises(BadInput) as refused:
        profile_values(spec, times=intervals(2), step_minutes=60, folder=tmp_path, weather=None)
    assert [fault.place for fault in refused.value.faults] == ["column", "forecast_column"]
    assert "It has p_kw" in refused.value.faults[0].remedy


def test_a_file_is_read_once_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    table_of([1.0, 2.0]).to_csv(path, index=False)
    first = read_profile_table(path)
    assert read_profile_table(path) is first
    table_of([5.0, 6.0]).to_csv(path, index=False)
    os.utime(path, ns=(1, 1))
    assert from_file(tmp_path, intervals(2)).tolist() == [5.0, 6.0]


def test_missing_file_and_wrong_content(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as missing:
        from_file(tmp_path, intervals(2), name="nowhere.csv")
    assert missing.value.faults[0].place == "file"
    (tmp_path / "p.parquet").write_text("no table")
    with pytest.raises(BadInput, match="cannot be read"):
        from_file(tmp_path, intervals(2), name="p.parquet")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(BadInput, match="is empty"):
        from_file(tmp_path, intervals(2), name="empty.csv")
    (tmp_path / "other.csv").write_text("hour,p_kw\n0,1\n")
    with pytest.raises(BadInput, match="has no column 'time'"):
        from_file(tmp_path, intervals(2), name="other.csv")


def test_times_without_offset_are_refused(tmp_path: Path) -> None:
    table = table_of([1.0] * 4)
    table["time"] = table["time"].str.removesuffix("+01:00")
    fault = fault_of(tmp_path, table)
    assert "no UTC offset" in fault.problem
    assert "row 1 (2017-03-21T00:00:00)" in fault.problem
    assert "offset" in fault.remedy
    naive = table.assign(time=pd.to_datetime(table["time"]))
    naive.to_parquet(tmp_path / "p.parquet", index=False)
    with pytest.raises(BadInput, match="no UTC offset"):
        from_file(tmp_path, intervals(2), name="p.parquet")


def test_times_that_are_none_are_refused(tmp_path: Path) -> None:
    table = table_of([1.0] * 4)
    table.loc[2, "time"] = "noon"
    assert "row 3 (noon)" in fault_of(tmp_path, table).problem


def test_missing_numbers_are_named(tmp_path: Path) -> None:
    table = table_of([1.0, float("nan"), 3.0, 4.0])
    fault = fault_of(tmp_path, table)
    assert fault.place == "column"
    assert "2017-03-20T24" not in fault.problem
    assert "2017-03-21T00:00:00+00:00" in fault.problem
    assert "2017-03-21T01" not in fault.problem


def test_words_among_the_numbers_are_named(tmp_path: Path) -> None:
    table = table_of([1.0] * 6).astype({"p_kw": object})
    table.loc[:4, "p_kw"] = "much"
    problem = fault_of(tmp_path, table, hours=6).problem
    assert problem.count("2017-") == 3
    assert "and 2 more" in problem


def test_missing_rows_are_named(tmp_path: Path) -> None:
    table = table_of([1.0] * 6).drop(index=2)
    assert "has no row for 2017-03-21T01:00:00+00:00" in fault_of(tmp_path, table, hours=6).problem


@pytest.mark.parametrize(("rows", "first_missing"), [(slice(1, None), "03-20T23"), (slice(None, -1), "03-21T02")])
def test_the_span_must_be_covered(tmp_path: Path, rows: slice, first_missing: str) -> None:
    table = table_of([1.0] * 4).iloc[rows]
    fault = fault_of(tmp_path, table)
    assert f"has no row for 2017-{first_missing}:00:00+00:00" in fault.problem
    assert "2017-03-20T23:00:00+00:00 to 2017-03-21T03:00:00+00:00" in fault.remedy


def test_a_file_of_another_year_is_refused(tmp_path: Path) -> None:
    table_of([1.0] * 4).to_csv(tmp_path / "p.csv", index=False)
    for start in ("2016-03-21T00:00:00+01:00", "2018-03-21T00:00:00+01:00"):
        with pytest.raises(BadInput, match="has no row for"):
            from_file(tmp_path, intervals(3, start=start))


def test_rows_between_the_usual_steps_are_refused(tmp_path: Path) -> None:
    table = table_of([1.0] * 6)
    extra = pd.DataFrame({"time": ["2017-03-21T01:20:00+01:00"], "p_kw": [5.0]})
    table = pd.concat([table.iloc[:2], extra, table.iloc[2:]], ignore_index=True)
    assert "2017-03-21T00:20:00+00:00" in fault_of(tmp_path, table, hours=6).problem


def test_times_must_rise(tmp_path: Path) -> None:
    table = table_of([1.0] * 4)
    assert "do not rise at data row 2" in fault_of(tmp_path, table.iloc[[0, 0, 1, 2]]).problem
    assert "do not rise at data row 3" in fault_of(tmp_path, table.iloc[[0, 2, 1, 3]]).problem


def test_gaps_outside_of_the_span_do_no_harm(tmp_path: Path) -> None:
    table = table_of([1.0, 2.0, 3.0, 4.0, 5.0, float("nan"), 7.0]).drop(index=3)
    table.to_csv(tmp_path / "p.csv", index=False)
    assert from_file(tmp_path, intervals(3)).tolist() == [1.0, 2.0, 3.0]


# Computed profiles


def test_constant() -> None:
    forecast, realised = profile_values(
        ConstantProfile(source="constant", value=2.5), times=intervals(3), step_minutes=60, folder=Path(), weather=None
    )
    assert (forecast.tolist(), realised.tolist()) == ([2.5] * 3, [2.5] * 3)


@pytest.mark.parametrize(
    "spec",
    [
        Vdi4655Profile(source="vdi4655", quantity="heat", annual_kwh=1.0),
        PvlibProfile(source="pvlib"),
        CollectorProfile(source="collector"),
    ],
)
def test_what_needs_weather_says_so(spec: ProfileSpec) -> None:
    with pytest.raises(BadInput, match=r"\[weather\]"):
        profile_values(spec, times=intervals(3), step_minutes=60, folder=Path(), weather=None)
    count = 3
    nowhere = Weather(intervals(count), 60, None, None, *[np.zeros(count)] * 2, None, np.zeros(count))
    with pytest.raises(BadInput, match=r"dwd_try|latitude_deg"):
        profile_values(spec, times=intervals(count), step_minutes=60, folder=Path(), weather=nowhere)


@pytest.mark.parametrize("quantity", ["electricity", "space_heat", "hot_water", "heat"])
@pytest.mark.parametrize(("house", "year"), [(HOUSE, 2017), (House("MFH", persons=1, units=8), 2017), (HOUSE, 2020)])
def test_the_year_of_a_house_has_its_annual_energy(house: House, year: int, quantity: str) -> None:
    days = 366 if year == 2020 else 365
    times = intervals(24 * days, start=f"{year}-01-01T00:00:00+01:00")
    values = vdi_power_kw(house, quantity, annual_kwh=9000.0, region=REGION, times=times, step_minutes=60)  # type: ignore[arg-type]
    assert values.sum() == pytest.approx(9000.0, rel=YEAR_TOLERANCE)
    assert values.min() >= 0.0


def test_heat_is_space_heat_and_hot_water() -> None:
    def power(quantity: str, annual_kwh: float) -> FloatArray:
        return vdi_power_kw(
            HOUSE,
            quantity,  # type: ignore[arg-type]
            annual_kwh=annual_kwh,
            region=REGION,
            times=intervals(48),
            step_minutes=60,
        )

    water_kwh = hot_water_kwh(HOUSE, 9000.0)
    assert water_kwh == 1500.0
    together = power("space_heat", 9000.0 - water_kwh) + power("hot_water", water_kwh)
    assert power("heat", 9000.0) == pytest.approx(together, rel=ROUNDING)
    assert hot_water_kwh(HOUSE, 700.0) == 700.0


def test_no_house_changes_another() -> None:
    """The order in which houses are asked for must not show, nor must a result that is already there."""
    other = House("MFH", persons=1, units=6)
    unit_year.cache_clear()
    forwards = [unit_year(REGION, 2017, house) for house in (HOUSE, other)]
    unit_year.cache_clear()
    backwards = [unit_year(REGION, 2017, house) for house in (other, HOUSE)][::-1]
    for one, two in zip(forwards, backwards, strict=True):
        assert np.array_equal(one.electricity, two.electricity)
        assert np.array_equal(one.space_heat, two.space_heat)
        assert np.array_equal(one.hot_water, two.hot_water)


def test_quarters_average_to_the_hours() -> None:
    hours = vdi_power_kw(HOUSE, "electricity", annual_kwh=4000.0, region=REGION, times=intervals(24), step_minutes=60)
    times = intervals(96, step_minutes=15)
    quarters = vdi_power_kw(HOUSE, "electricity", annual_kwh=4000.0, region=REGION, times=times, step_minutes=15)
    assert quarters.reshape(24, 4).mean(axis=1) == pytest.approx(hours, rel=ROUNDING)
    assert np.ptp(quarters) > np.ptp(hours)


def test_a_span_over_new_year_takes_both_years() -> None:
    def power(times: pd.DatetimeIndex) -> FloatArray:
        return vdi_power_kw(HOUSE, "heat", annual_kwh=9000.0, region=REGION, times=times, step_minutes=60)

    over = power(intervals(48, start="2017-12-31T00:00:00+01:00"))
    assert np.array_equal(over[:24], power(intervals(24, start="2017-12-31T00:00:00+01:00")))
    assert np.array_equal(over[24:], power(intervals(24, start="2018-01-01T00:00:00+01:00")))


def test_leap_days_fall_on_the_right_weekdays() -> None:
    """A Sunday differs from working days; 1 March 2020 was a Sunday, 29 February a Saturday."""
    year = unit_year(REGION, 2020, HOUSE).electricity.reshape(366, -1)
    sunday, like = year[60], unit_year(REGION, 2015, HOUSE).electricity.reshape(365, -1)[59]
    assert np.corrcoef(sunday, like)[0, 1] == pytest.approx(1.0)
    assert year.shape[0] == 366


# Shipped scenarios


@pytest.mark.parametrize("name", list(make_profiles.TABLES))
def test_the_shipped_table_is_what_its_script_writes(name: str) -> None:
    shipped = pd.read_csv(SCENARIOS / f"{name}.csv")
    pd.testing.assert_frame_equal(shipped, make_profiles.profiles(name))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_profile_covers_its_span(name: str) -> None:
    scenario = tomllib.loads((SCENARIOS / f"{name}.toml").read_text())
    time = scenario["time"]
    step, span = time["step_minutes"], time["steps"] + time["horizon_steps"] - 1
    times = intervals(span, step_minutes=step, start=time["start"].isoformat())
    region = scenario["weather"]["region"]
    weather = load_weather(DwdTryWeather(region=region), folder=SCENARIOS, times=times, step_minutes=step)
    for profile, entry in scenario["profiles"].items():
        spec: ProfileSpec = TypeAdapter(ProfileSpec).validate_python(entry)
        forecast, realised = profile_values(spec, times=times, step_minutes=step, folder=SCENARIOS, weather=weather)
        for values in (forecast, realised):
            assert values.shape == (len(times),), profile
            assert np.isfinite(values).all(), profile
            assert values.min() >= 0.0, profile

"""Profiles need only cover the run: look-aheads end with them, or they come again."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import made_scenario as made
from mosaik_p2p.cosim import ExitCode, run
from mosaik_p2p.devices.kinds.fixed_load import FixedLoad
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import check, load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.over_time.choice import make_market
from mosaik_p2p.market.over_time.closing import NO_PROFILES
from mosaik_p2p.results.report.terminal import render

HOURS_OF_A_YEAR = 8760
YEAR = "2018-01-01T00:00:00+01:00"


def simple(scenario: dict[str, Any]) -> None:
    """One house with a load, a battery and a tariff; no heat, no weather."""
    for table in ("weather", "scale"):
        del scenario[table]
    del scenario["networks"]["heat"], scenario["charges"]["heat"], scenario["tariffs"]["district"]
    del scenario["networks"]["electricity"]["background"]
    scenario["profiles"] = {"load": {"file": "series.csv", "column": "load_a_kw"}}
    house = made.prosumer(scenario, "B")
    house["devices"][0]["profile"] = "load"
    scenario["prosumers"] = [house]


def written(folder: Path, rows: int, *, start: str = made.START, freq: str = "h") -> Path:
    """The simple scenario with a file of so many rows, whose load is the number of the row."""
    times = pd.date_range(start, periods=rows, freq=freq)
    frame = pd.DataFrame({"time": [time.isoformat() for time in times], "load_a_kw": np.arange(float(rows))})
    return made.write(folder, simple, frame=frame)


def loads(path: Path, *overrides: str) -> list[float]:
    (load_device,) = (d for d in load(path, overrides).prosumers[0].devices if isinstance(d, FixedLoad))
    return [float(value) for value in load_device.demand.realised]


def test_a_look_ahead_ends_with_the_profiles(tmp_path: Path) -> None:
    path = written(tmp_path, made.STEPS + 2)
    case = market_case(load(path))
    assert [case.window(k).horizon for k in range(made.STEPS)] == [6, 5, 4, 3]
    assert loads(path) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert loads(written(tmp_path, 100)) == [float(hour) for hour in range(made.SPAN)]
    # A file that ends within an interval does not cover it.
    assert loads(written(tmp_path, 22, freq="15min")) == [1.5, 5.5, 9.5, 13.5, 17.5]
    fault = check(written(tmp_path, made.STEPS - 1))[0]
    assert (fault.place, "03:00:00+01:00" in fault.problem) == ("profiles.load.file", True)


def test_the_shortest_file_of_those_in_use_counts(tmp_path: Path) -> None:
    short = made.series(made.STEPS)
    short.to_csv(tmp_path / "short.csv", index=False)

    def edit(scenario: dict[str, Any], use: str) -> None:
        simple(scenario)
        scenario["profiles"]["short"] = {"file": "short.csv", "column": "load_a_kw"}
        scenario["prosumers"][0]["devices"][0]["profile"] = use

    for use, span in (("load", made.SPAN), ("short", made.STEPS)):
        assert len(load(made.write(tmp_path, lambda scenario, use=use: edit(scenario, use))).times) == span
    # One that nobody uses is to cover the run all the same: it may be meant.
    short.iloc[:-1].to_csv(tmp_path / "short.csv", index=False)
    faults = check(made.write(tmp_path, lambda scenario: edit(scenario, "load")))
    assert [fault.place for fault in faults] == ["profiles.short.file"]


def test_a_gap_is_no_end(tmp_path: Path) -> None:
    frame = made.series().drop(index=made.STEPS + 1)
    faults = check(made.write(tmp_path, simple, frame=frame))
    assert [fault.place for fault in faults] == ["profiles.load.file"]


def test_a_weather_file_ends_look_aheads_too(tmp_path: Path) -> None:
    columns = dict.fromkeys(("ghi_w_per_m2", "dni_w_per_m2", "dhi_w_per_m2", "t_air_c"), 0.0)
    made.series(made.STEPS + 1)[["time"]].assign(**columns).to_csv(tmp_path / "weather.csv", index=False)

    def edit(scenario: dict[str, Any]) -> None:
        scenario["weather"] = {"source": "file", "file": "weather.csv", "latitude_deg": 48.0, "longitude_deg": 8.0}

    assert len(load(made.write(tmp_path, edit)).times) == made.STEPS + 1


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (24, [*range(20, 24), *range(5)]),
        # 30 hours have one whole day: what follows hour 29 was there a day before.
        (30, [*range(20, 29)]),
        (26, [*range(20, 26), 2, 3, 4]),
    ],
)
def test_profiles_that_wrap_keep_the_time_of_day(tmp_path: Path, rows: int, expected: list[int]) -> None:
    start = "time.start=2017-03-21T20:00:00+01:00"
    assert loads(written(tmp_path, rows), start, "time.after_end=wrap") == expected


def test_profiles_wrap_as_often_as_it_takes_and_whatever_their_step(tmp_path: Path) -> None:
    """Quarters of an hour from 00:30 on: the interval at midnight takes half from the end, half from the begin."""
    times = pd.date_range("2017-03-21T00:30:00+01:00", periods=96, freq="15min")
    frame = pd.DataFrame({"time": [time.isoformat() for time in times], "load_a_kw": np.arange(96.0)})
    path = made.write(tmp_path, simple, frame=frame)
    over = ("time.start=2017-03-21T23:00:00+01:00", "time.steps=1", "time.horizon_steps=51", "time.after_end=wrap")
    found = loads(path, *over)
    assert found[:3] == [(90 + 91 + 92 + 93) / 4, (94 + 95 + 0 + 1) / 4, (2 + 3 + 4 + 5) / 4]
    assert found[24:27] == found[:3] == found[48:51]


def test_what_is_shorter_than_a_day_cannot_wrap(tmp_path: Path) -> None:
    (fault,) = check(written(tmp_path, 8), ["time.after_end=wrap"])
    assert fault.place == "profiles.load.file"
    assert "shorter than a day" in fault.problem
    assert check(written(tmp_path, 9), ["time.after_end=wrap"]) == ()


def test_a_bad_number_that_comes_again_is_named_where_it_stands(tmp_path: Path) -> None:
    frame = made.series(24).rename(columns={"load_a_kw": "old"}).assign(load_a_kw=[1.0, np.nan, *[1.0] * 22])
    path = made.write(tmp_path, simple, frame=frame)
    frame.assign(time=pd.to_datetime(frame["time"])).to_parquet(tmp_path / "series.parquet")
    late = ("time.start=2017-03-21T20:00:00+01:00", "time.after_end=wrap")
    for more, place in (((), "line 3"), (('profiles.load.file="series.parquet"',), "row 2")):
        with pytest.raises(BadInput) as bad:
            load(path, [*late, *more])
        assert f"{place} has" in bad.value.faults[0].problem


def test_a_file_of_one_year_runs_to_its_last_hour(tmp_path: Path) -> None:
    path = written(tmp_path, HOURS_OF_A_YEAR, start=YEAR)
    case = market_case(load(path, [f"time.start={YEAR}", f"time.steps={HOURS_OF_A_YEAR}", "time.horizon_steps=24"]))
    assert len(case.day) == HOURS_OF_A_YEAR
    assert (case.window(HOURS_OF_A_YEAR - 1).horizon, case.after_run) == (1, None)
    assert [fault.place for fault in check(path, [f"time.start={YEAR}", f"time.steps={HOURS_OF_A_YEAR + 1}"])] == [
        "profiles.load.file"
    ]


def test_day_ahead_of_24_rows_takes_24_steps(tmp_path: Path) -> None:
    ahead = ("time.clearing=day_ahead", "time.steps=24", "time.horizon_steps=24", "tariffs.grid.import_max_kw=500")
    case = market_case(load(written(tmp_path, 24), ahead))
    market, tables = make_market(case), {}
    for k in range(24):
        tables = market.clear(k).tables
        assert tables["clearing"]["since_clearing"] == [k]
        market.commit()
    assert set(tables["closing"]["cause"]) == {NO_PROFILES}
    level = tables["devices"]["level_kwh"][tables["devices"]["device"].index("battery")]
    assert level == pytest.approx(3.0, abs=1e-5), "the file's last level, though nothing follows"


def test_a_run_to_the_end_of_its_profiles_is_complete_and_says_what_it_does_not_know(tmp_path: Path) -> None:
    path = written(tmp_path, made.STEPS)
    outcome = run(path, out=tmp_path / "out", progress=False)
    assert outcome.exit_code is ExitCode.COMPLETE
    told = outcome.summary["closing_value"]
    assert told == {"alone": None, "in_market": None, "hours": 0.0, "cause": NO_PROFILES}
    assert outcome.summary["cost"]["B"]["closing_value"] == {"alone": None, "in_market": None}
    assert f"Closing value not known: {NO_PROFILES}" in render(outcome.summary)
    assert f"Closing value not known: {NO_PROFILES}" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("minutes", "intervals"), [(5, 288), (15, 96), (60, 24)])
def test_a_look_ahead_is_a_day_whatever_the_step(tmp_path: Path, minutes: int, intervals: int) -> None:
    def edit(scenario: dict[str, Any]) -> None:
        simple(scenario)
        del scenario["time"]["horizon_steps"]

    path = made.write(tmp_path, edit, frame=made.series(48))
    case = load(path, [f"time.step_minutes={minutes}"])
    assert case.scenario.time.horizon_steps == intervals
    assert len(case.times) == made.STEPS + intervals - 1


def test_a_file_that_comes_again_has_to_cover_the_run_itself(tmp_path: Path) -> None:
    path = written(tmp_path, 24)
    assert check(path, ('time.after_end="wrap"', "time.steps=24", "time.horizon_steps=48")) == ()
    (fault,) = check(path, ('time.after_end="wrap"', "time.steps=25"))
    assert fault.place == "profiles.load.file"

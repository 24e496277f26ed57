"""The scenario's own clock: days of 23 and 25 hours, tariffs and vehicles by local time, files that change offset."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from mosaik_p2p import run
from mosaik_p2p.devices.kinds.ev import EvSpec, intervals_left
from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import examine
from mosaik_p2p.loading.profiles.span import span_of
from mosaik_p2p.results.store.facts import read_facts
from mosaik_p2p.scenario.parts.tariffs import Tariff
from mosaik_p2p.sections.clock import day_numbers, minutes_within
from mosaik_p2p.sections.prices import price_per_kwh
from mosaik_p2p.sections.series import Span
from mosaik_p2p.sections.time import Time

pytestmark = pytest.mark.once

MONEY = 1e-3
SPRING, AUTUMN = "2024-03-30T00:00:00+01:00", "2024-10-26T00:00:00+02:00"
STEP_MINUTES = 60


def span(start: str, *, zone: str | None, steps: int, step_minutes: int = STEP_MINUTES) -> Span:
    time = {"start": datetime.fromisoformat(start), "steps": steps, "horizon_steps": 1, "step_minutes": step_minutes}
    return span_of(Time.model_validate(time if zone is None else time | {"zone": zone}))


@pytest.mark.parametrize(("start", "hours"), [(SPRING, [24, 23, 24]), (AUTUMN, [24, 25, 24])])
def test_days_have_the_hours_that_the_zone_gives_them(start: str, hours: list[int]) -> None:
    own = span(start, zone="Europe/Berlin", steps=sum(hours))
    assert np.bincount(own.day).tolist() == hours
    fixed = span(start, zone=None, steps=sum(hours))
    assert np.bincount(fixed.day).tolist() == [24, 24, 23 if start == SPRING else 24, 1][: 3 if start == SPRING else 4]


def test_a_start_in_utc_follows_the_zone_too() -> None:
    one, other = (
        span(start, zone="Europe/Berlin", steps=48)
        for start in ("2024-03-30T00:00:00+01:00", "2024-03-29T23:00:00+00:00")
    )
    assert (one.times == other.times).all()
    assert one.day.tolist() == other.day.tolist()


@pytest.mark.parametrize("start", [SPRING, AUTUMN])
@pytest.mark.parametrize("step_minutes", [15, 60])
def test_prices_are_those_of_the_clock_on_the_wall(start: str, step_minutes: int) -> None:
    steps = [
        {"from": "00:00", "to": "02:30", "price": 1.0},
        {"from": "02:30", "to": "07:00", "price": 2.0},
        {"from": "07:00", "to": "22:00", "price": 4.0},
        {"from": "22:00", "to": "24:00", "price": 8.0},
    ]
    tariff = Tariff.model_validate({"carrier": "electricity", "import_per_kwh": steps, "import_max_kw": 1.0})
    own = span(start, zone="Europe/Berlin", steps=72 * 60 // step_minutes, step_minutes=step_minutes)
    prices = price_per_kwh(tariff.import_per_kwh, {}, own)
    assert prices is not None
    # Minute by minute on a clock of Python's own.
    berlin, begin = ZoneInfo("Europe/Berlin"), datetime.fromisoformat(start).astimezone(UTC)
    shown = [(begin + timedelta(minutes=k)).astimezone(berlin) for k in range(72 * 60)]
    minute = np.array([60 * moment.hour + moment.minute for moment in shown])
    by_minute = np.select([minute < 150, minute < 420, minute < 1320], [1.0, 2.0, 4.0], 8.0)
    np.testing.assert_allclose(prices, by_minute.reshape(-1, step_minutes).mean(axis=1), rtol=1e-12)


def test_a_change_inside_an_interval_counts_by_the_minute() -> None:
    # Lord Howe puts its clock forward by half an hour at 02:00; with hours that begin at 01:30 that is inside of one.
    begin = pd.Timestamp("2024-10-06T01:30:00+10:30")
    times = pd.date_range(begin, periods=2, freq="h").tz_convert("Australia/Lord_Howe")
    assert minutes_within(times, 60)[0].tolist() == [*range(90, 120), *range(150, 180)]
    assert minutes_within(times, 60)[1].tolist() == list(range(180, 240))
    assert day_numbers(times).tolist() == [0, 0]


def vehicle(arrival: str, departure: str) -> EvSpec:
    energy = {"min": 0.0, "max": 100.0, "arrival": 0.0, "departure": 90.0}
    times = {"arrival": arrival, "departure": departure}
    return EvSpec.model_validate({"type": "ev", "power_kw": 10.0, "energy_kwh": energy, **times})


@pytest.mark.parametrize(("start", "longest"), [(SPRING, [13, 12, 13]), (AUTUMN, [13, 14, 13])])
def test_a_vehicle_leaves_by_the_clock_on_the_wall(start: str, longest: list[int]) -> None:
    own = span(start, zone="Europe/Berlin", steps=4 * 24)
    left = intervals_left(vehicle("18:00", "07:00"), own.own_times, STEP_MINUTES)
    arrivals = np.flatnonzero((left >= 0) & (np.r_[0, left[:-1]] < 0))
    assert left[:7].tolist() == [6, 5, 4, 3, 2, 1, 0]
    # The clocks change in the first of these nights.
    assert [int(left[k]) + 1 for k in arrivals[:3]] == [longest[1], longest[0], longest[2]]
    assert {own.own_times[k].hour for k in arrivals} == {18}
    departures = np.flatnonzero(left == 0) + 1
    assert {own.own_times[k].hour for k in departures if k < len(own.own_times)} == {7}
    # Inside a stay the count goes down by one from interval to interval.
    inside = (left[:-1] > 0) & (left[1:] >= 0)
    assert (np.diff(left)[inside] == -1).all()


@pytest.mark.parametrize(("departure", "hours"), [("02:30", 8), ("03:00", 8), ("02:00", 8), ("04:00", 9)])
def test_a_time_that_a_day_skips_comes_when_the_clock_has_moved(departure: str, hours: int) -> None:
    own = span("2024-03-30T18:00:00+01:00", zone="Europe/Berlin", steps=12)
    assert intervals_left(vehicle("18:00", departure), own.own_times, STEP_MINUTES)[0] + 1 == hours


def test_the_zone_has_to_be_one_and_the_start_to_agree_with_it() -> None:
    for wrong in ("Europe/Nowhere", "", "../etc", "CET+1"):
        with pytest.raises(ValueError, match="zone"):
            span(SPRING, zone=wrong, steps=2)
    with pytest.raises(ValueError, match="has not the offset of Europe/Berlin"):
        span("2024-07-01T00:00:00+01:00", zone="Europe/Berlin", steps=2)


CAR = """
name = "car"
[time]
start = 2024-03-30T00:00:00+01:00
steps = 71
horizon_steps = 24
{zone}
[networks.electricity]
case = "bus15"
[tariffs.grid]
carrier = "electricity"
import_per_kwh = [
  {{ from = "00:00", to = "07:00", price = 0.2 }},
  {{ from = "07:00", to = "22:00", price = 0.4 }},
  {{ from = "22:00", to = "24:00", price = 0.2 }} ]
import_max_kw = 20
[[prosumers]]
name = "A"
bus = 7
tariffs = ["grid"]
[[prosumers.devices]]
type = "ev"
power_kw = 10
efficiency = {{ charge = 1.0, discharge = 1.0 }}
arrival = "18:00"
departure = "07:00"
energy_kwh = {{ min = 0, max = 90, initial = 34, arrival = 0, departure = 90 }}
"""


@pytest.mark.parametrize(
    ("zone", "cost"),
    [
        # 56 kWh at 0.2 in the first night; 90 in the second, whose cheap hours are eight: 10 of them at 0.4; 90 in the
        # third, and 20 of the last one's before the run ends.
        ('zone = "Europe/Berlin"', 0.2 * 56 + 0.2 * 80 + 0.4 * 10 + 0.2 * 90 + 0.2 * 20),
        # By the offset every night has nine cheap hours, and the car leaves at 08:00 on the wall.
        ("", 0.2 * 56 + 0.2 * 90 + 0.2 * 90 + 0.2 * 10),
    ],
)
def test_a_car_and_a_tariff_over_a_change_of_clocks(tmp_path: Path, zone: str, cost: float) -> None:
    file = tmp_path / "car.toml"
    file.write_text(CAR.format(zone=zone))
    outcome = run(file, out=tmp_path / "out", progress=False)
    assert outcome.summary["cost"]["A"]["in_market"] == pytest.approx(cost, abs=MONEY)
    if zone:
        assert cost == pytest.approx(53.20)
        facts = read_facts(outcome.folder)
        moment = datetime(2024, 3, 31, 12, tzinfo=UTC)
        assert facts.local(moment).isoformat() == "2024-03-31T14:00:00+02:00"
        assert facts.axis_label == "UTC+01:00"
        assert "on the clock of Europe/Berlin" in (outcome.folder / "report.html").read_text(encoding="utf-8")


FED = """
name = "fed"
[time]
start = 2024-03-30T00:00:00+01:00
steps = 60
{zone}
horizon_steps = 1
[networks.electricity]
case = "bus15"
[profiles.load]
file = "{file}"
column = "kw"
[[prosumers]]
name = "A"
bus = 7
devices = [{{ type = "fixed_load", carrier = "electricity", profile = "load" }}]
"""


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_that_changes_its_offset_is_told(tmp_path: Path, kind: str) -> None:
    times = pd.date_range("2024-03-30T00:00:00+01:00", periods=60, freq="h").tz_convert("Europe/Berlin")
    frame = pd.DataFrame({"time": times, "kw": np.ones(60)})
    if kind == "csv":
        frame.assign(time=[moment.isoformat() for moment in times]).to_csv(tmp_path / "load.csv", index=False)
    else:
        frame.to_parquet(tmp_path / "load.parquet")
    file = tmp_path / "fed.toml"

    def told(zone: str, *overrides: str) -> list[str]:
        file.write_text(FED.format(zone=zone, file=f"load.{kind}"))
        found = examine(file, overrides)
        assert not found.faults
        return [f"{w.place} = {w.value}: {w.problem}. {w.remedy}" for w in found.warnings if "offset" in w.problem]

    (warning,) = told("")
    assert warning.startswith(f"profiles.load.file = 'load.{kind}': its offset from UTC changes from ")
    assert "from 2024-03-31T01:00:00+01:00 to 2024-03-31T03:00:00+02:00" in warning
    assert 'time.zone = "Europe/Berlin"' in warning
    assert told('zone = "Europe/Berlin"') == []
    # A change beyond the span is nobody's concern.
    assert told("", "time.steps=24") == []


def test_a_wrong_zone_is_a_fault_like_any_other(tmp_path: Path) -> None:
    file = tmp_path / "car.toml"
    file.write_text(CAR.format(zone='zone = "Mars/Olympus"'))
    with pytest.raises(BadInput, match=r"time\.zone = 'Mars/Olympus': is no time zone"):
        run(file, out=tmp_path / "out", progress=False)

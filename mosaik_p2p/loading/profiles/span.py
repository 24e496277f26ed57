"""The span of a run, and every profile of the scenario on it."""

from collections.abc import Collection
from datetime import UTC
from pathlib import Path

import pandas as pd

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.profile_references import is_from_weather, needs_weather
from mosaik_p2p.loading.profiles.ends import TableReader, reader
from mosaik_p2p.loading.profiles.named import profile_values
from mosaik_p2p.loading.profiles.weather import Weather, horizontal_irradiance_kw_per_m2, load_weather
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.clock import day_numbers, zone_of
from mosaik_p2p.sections.series import AllSeries, Series, Span
from mosaik_p2p.sections.time import Time


def span_of(time: Time, steps: int | None = None) -> Span:
    """The span of a scenario: `steps` intervals, or all that its look-aheads reach.

    Days follow its zone, or else the offset of `start`, without daylight saving.
    """
    start = pd.Timestamp(time.start.astimezone(UTC))
    count = time.span_steps if steps is None else steps
    times = pd.date_range(start, periods=count, freq=pd.Timedelta(minutes=time.step_minutes), unit="ns")
    own_times = times.tz_convert(zone_of(time))
    return Span(
        times=times,
        own_times=own_times,
        day=day_numbers(own_times),
        step_minutes=time.step_minutes,
        dt_h=time.dt_h,
    )


def all_series(scenario: Scenario, span: Span, folder: Path, used: Collection[str]) -> AllSeries:
    """Every profile of the scenario, with the faults of those that cannot be had.

    Those that nobody has `used` need only cover the run.
    """
    read = reader(scenario.time, span.own_times)
    weather, weather_faults = _weather(scenario, span, folder, read)
    faults = list(weather_faults)
    profiles: dict[str, Series] = {}
    for name, spec in scenario.profiles.items():
        if weather_faults and is_from_weather(spec):
            continue  # the weather's own fault says it
        try:
            forecast, realised = profile_values(
                spec,
                times=span.own_times if name in used else span.own_times[: scenario.time.steps],
                step_minutes=span.step_minutes,
                folder=folder,
                weather=weather,
                read=read,
                seed=scenario.seed,
            )
        except BadInput as error:
            faults.extend(at(f"profiles.{name}", fault) for fault in error.faults)
        else:
            profiles[name] = Series(forecast, realised)
    sunshine = None
    if weather is not None:
        sunshine = horizontal_irradiance_kw_per_m2(weather, times=span.times, step_minutes=span.step_minutes)
    return AllSeries(profiles, sunshine, tuple(faults))


def at(place: str, fault: Fault) -> Fault:
    """The fault with its place inside of `place`."""
    return Fault(f"{place}.{fault.place}", fault.value, fault.problem, fault.remedy)


def _weather(
    scenario: Scenario, span: Span, folder: Path, read: TableReader
) -> tuple[Weather | None, tuple[Fault, ...]]:
    """The weather where something needs it: typical years take a while to read."""
    if scenario.weather is None or not needs_weather(scenario):
        return None, ()
    try:
        weather = load_weather(
            scenario.weather, folder=folder, times=span.own_times, step_minutes=span.step_minutes, read=read
        )
    except BadInput as error:
        return None, tuple(at("weather", fault) for fault in error.faults)
    return weather, ()

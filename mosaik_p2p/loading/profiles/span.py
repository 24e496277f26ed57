"""The span of a run, and every profile of the scenario on it."""

from collections.abc import Collection, Iterator
from datetime import UTC
from pathlib import Path

import pandas as pd

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.profile_references import is_from_weather, needs_weather
from mosaik_p2p.loading.profiles.ends import TableReader, reader
from mosaik_p2p.loading.profiles.named import profile_values
from mosaik_p2p.loading.profiles.weather import Weather, horizontal_irradiance_kw_per_m2, load_weather
from mosaik_p2p.scenario.parts.profiles import CollectorProfile, PvlibProfile, Vdi4655Profile
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
    """The weather where something needs it: typical years take a while to read.

    Of several that it is drawn from each one is read, so that a fault does not wait for the seed that draws it.
    """
    if scenario.weather is None or not needs_weather(scenario):
        return None, ()
    drawn_from = () if scenario.uncertainty is None else scenario.uncertainty.weather
    places = {f"uncertainty.weather[{number}]": spec for number, spec in enumerate(drawn_from)}
    weather, faults = None, []
    for place, spec in (places or {"weather": scenario.weather}).items():
        # The span reaches as far as the one that counts here; the others need to cover the run.
        times = span.own_times if spec == scenario.weather else span.own_times[: scenario.time.steps]
        try:
            found = load_weather(spec, folder=folder, times=times, step_minutes=span.step_minutes, read=read)
        except BadInput as error:
            faults += [at(place, fault) for fault in error.faults]
            continue
        faults += [at(place, fault) for fault in _lacking(scenario, found)] if places else []
        weather = found if spec == scenario.weather else weather
    return (None if faults else weather), tuple(faults)


def _lacking(scenario: Scenario, weather: Weather) -> Iterator[Fault]:
    """What profiles need and one of several weathers has not."""
    specs = scenario.profiles.values()
    if weather.region is None and any(isinstance(spec, Vdi4655Profile) for spec in specs):
        problem = "is of no DWD region, whose typical days profiles of the source vdi4655 need"
        yield Fault("region", "(nothing)", problem, "Give the region, 1 to 15.")
    if weather.site is None and any(isinstance(spec, PvlibProfile | CollectorProfile) for spec in specs):
        problem = "has no place, and profiles here follow the sun"
        yield Fault("latitude_deg", "(nothing)", problem, "Give latitude_deg and longitude_deg.")

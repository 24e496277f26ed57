"""Which profile is used where and as what, and what its values must then be."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mosaik_p2p.errors import Fault
from mosaik_p2p.scenario.parts.grids import GENERATION_WORDS
from mosaik_p2p.scenario.parts.profiles import (
    CarnotProfile,
    CollectorProfile,
    FileProfile,
    ProfileSpec,
    PvlibProfile,
    Vdi4655Profile,
)
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.profile_references import BACKGROUND, NETWORK_GENERATION, PRICE, Use
from mosaik_p2p.sections.series import Series

_NEEDS_WEATHER = (Vdi4655Profile, PvlibProfile, CollectorProfile)


def uses(scenario: Scenario) -> Iterator[Use]:
    """Every mention of a profile in the scenario."""
    electricity = scenario.networks.electricity
    if electricity is not None and electricity.background is not None:
        yield Use(electricity.background, "networks.electricity.background", BACKGROUND)
    if electricity is not None and electricity.generation not in (None, *GENERATION_WORDS):
        yield Use(str(electricity.generation), "networks.electricity.generation", NETWORK_GENERATION)
    for name, tariff in scenario.tariffs.items():
        for key in ("import_per_kwh", "export_per_kwh"):
            price = getattr(tariff, key)
            if isinstance(price, str):
                yield Use(price, f"tariffs.{name}.{key}", PRICE)
    for prosumer in scenario.prosumers:
        for device in prosumer.devices:
            yield from device.uses(f"prosumers.{prosumer.name}.{device.name}")


def range_faults(
    mentions: Iterable[Use], profiles: Mapping[str, Series], origins: Mapping[str, str], times: pd.DatetimeIndex
) -> list[Fault]:
    """Values that a profile cannot have in one of its roles: one fault per profile and value.

    `origins` says of profiles from files where their values stand.
    """
    first_uses = {(use.profile, use.purpose): use for use in reversed(tuple(mentions)) if use.profile in profiles}
    faults: dict[tuple[str, str], Fault] = {}
    for use in reversed(first_uses.values()):
        fault = _range_fault(use, profiles[use.profile], origins.get(use.profile, ""), times)
        if fault is not None:
            faults.setdefault((fault.place, fault.value), fault)
    return list(faults.values())


def origins_of(scenario: Scenario) -> dict[str, str]:
    """By profile that comes from a file: its file and columns, for messages."""
    files = {name: spec for name, spec in scenario.profiles.items() if isinstance(spec, FileProfile)}
    return {
        name: f" ({Path(spec.file).name}, column {' or '.join(filter(None, (spec.column, spec.forecast_column)))})"
        for name, spec in files.items()
    }


def _range_fault(use: Use, series: Series, origin: str, times: pd.DatetimeIndex) -> Fault | None:
    low, high = use.purpose.low, use.purpose.high
    for values in (series.realised, series.forecast):
        wrong = (values < low) | (values > high)
        if wrong.any():
            first = int(np.argmax(wrong))
            bound = f"below {low:g}" if values[first] < low else f"above {high:g}"
            problem = (
                f"is {bound} at {int(wrong.sum())} of {len(wrong)} intervals, first at {times[first].isoformat()}"
                f"{origin}; {use.place} uses it as {use.purpose.words}"
            )
            return Fault(
                f"profiles.{use.profile}", f"{values[first]:g}", problem, f"Give values from {low:g} to {high:g}."
            )
    return None


def is_from_weather(spec: ProfileSpec) -> bool:
    """Whether a profile is made from the weather."""
    if isinstance(spec, CarnotProfile):
        return spec.t_source_c is None
    return isinstance(spec, _NEEDS_WEATHER)


def needs_weather(scenario: Scenario) -> bool:
    """Whether any profile or device of a scenario is made from the weather."""
    devices = [device for prosumer in scenario.prosumers for device in prosumer.devices]
    return any(is_from_weather(spec) for spec in scenario.profiles.values()) or any(
        device.weather_need for device in devices
    )

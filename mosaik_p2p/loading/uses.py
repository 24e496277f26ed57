"""Which profile is used where and as what, and what its values must then be."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import pandas as pd

from mosaik_p2p.errors import Fault
from mosaik_p2p.prosumers.devices import Series
from mosaik_p2p.scenario.devices import (
    ChpSpec,
    DeviceSpec,
    FixedLoadSpec,
    FlexibleLoadSpec,
    GasBoilerSpec,
    HeatPumpSpec,
    SolarCollectorSpec,
)
from mosaik_p2p.scenario.grids import GENERATION_WORDS
from mosaik_p2p.scenario.profiles import (
    CarnotProfile,
    CollectorProfile,
    FileProfile,
    ProfileSpec,
    PvlibProfile,
    Vdi4655Profile,
)
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.ranges import LEAST_COP, MOST_COP, MOST_FACTOR, MOST_KW, MOST_PRICE

_NEEDS_WEATHER = (Vdi4655Profile, PvlibProfile, CollectorProfile)


class Role(StrEnum):
    """What a profile is used as."""

    LOAD = "a load"
    GENERATION = "generation"
    COP = "a coefficient of performance"
    BACKGROUND = "a factor on loads"
    NETWORK_GENERATION = "a factor on generators"
    PRICE = "a price"


BOUNDS: dict[Role, tuple[float, float]] = {
    Role.LOAD: (0.0, MOST_KW),
    Role.GENERATION: (0.0, MOST_KW),
    Role.COP: (LEAST_COP, MOST_COP),
    Role.BACKGROUND: (0.0, MOST_FACTOR),
    Role.NETWORK_GENERATION: (0.0, MOST_FACTOR),
    Role.PRICE: (-MOST_PRICE, MOST_PRICE),
}
"""What values of a profile may be in each role: kW (of generation also per kWp or m2), 1, 1, and money per kWh."""


@dataclass(frozen=True)
class Use:
    """The profile `profile` as it is named at `place`."""

    profile: str
    place: str
    role: Role


def uses(scenario: Scenario) -> Iterator[Use]:
    """Every mention of a profile in the scenario."""
    electricity = scenario.networks.electricity
    if electricity is not None and electricity.background is not None:
        yield Use(electricity.background, "networks.electricity.background", Role.BACKGROUND)
    if electricity is not None and electricity.generation not in (None, *GENERATION_WORDS):
        yield Use(str(electricity.generation), "networks.electricity.generation", Role.NETWORK_GENERATION)
    for name, tariff in scenario.tariffs.items():
        for key in ("import_per_kwh", "export_per_kwh"):
            price = getattr(tariff, key)
            if isinstance(price, str):
                yield Use(price, f"tariffs.{name}.{key}", Role.PRICE)
    for prosumer in scenario.prosumers:
        for device in prosumer.devices:
            yield from _of_device(device, f"prosumers.{prosumer.name}.{device.name}")


def _of_device(device: DeviceSpec, place: str) -> Iterator[Use]:
    if isinstance(device, HeatPumpSpec):
        if isinstance(device.cop, str):
            yield Use(device.cop, f"{place}.cop", Role.COP)
        return
    if isinstance(device, GasBoilerSpec | ChpSpec):
        if isinstance(device.fuel_price_per_kwh, str):
            yield Use(device.fuel_price_per_kwh, f"{place}.fuel_price_per_kwh", Role.PRICE)
        return
    profile = getattr(device, "profile", None)
    if profile is not None:
        is_load = isinstance(device, FixedLoadSpec | FlexibleLoadSpec)
        yield Use(profile, f"{place}.profile", Role.LOAD if is_load else Role.GENERATION)


def range_faults(
    mentions: Iterable[Use], profiles: Mapping[str, Series], origins: Mapping[str, str], times: pd.DatetimeIndex
) -> list[Fault]:
    """Values that a profile cannot have in one of its roles: one fault per profile and value.

    `origins` says of profiles from files where their values stand.
    """
    first_uses = {(use.profile, use.role): use for use in reversed(tuple(mentions)) if use.profile in profiles}
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
    low, high = BOUNDS[use.role]
    for values in (series.realised, series.forecast):
        wrong = (values < low) | (values > high)
        if wrong.any():
            first = int(np.argmax(wrong))
            bound = f"below {low:g}" if values[first] < low else f"above {high:g}"
            problem = (
                f"is {bound} at {int(wrong.sum())} of {len(wrong)} intervals, first at {times[first].isoformat()}"
                f"{origin}; {use.place} uses it as {use.role}"
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
        isinstance(device, SolarCollectorSpec) and device.profile is None for device in devices
    )

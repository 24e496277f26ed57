"""Which profile is used where and as what, and what its values must then be."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

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
)
from mosaik_p2p.scenario.schema import Scenario


class Role(StrEnum):
    """What a profile is used as."""

    LOAD = "a load"
    GENERATION = "generation"
    COP = "a coefficient of performance"
    BACKGROUND = "a factor on loads"
    PRICE = "a price"


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


def sign_faults(mentions: Iterable[Use], profiles: Mapping[str, Series], times: pd.DatetimeIndex) -> list[Fault]:
    """Values that a profile cannot have in one of its roles: one fault per profile and bound."""
    faults: dict[tuple[str, bool], Fault] = {}
    for use in mentions:
        key = (use.profile, use.role is Role.COP)
        if use.profile in profiles and use.role is not Role.PRICE and key not in faults:
            fault = _sign_fault(use, profiles[use.profile], times)
            if fault is not None:
                faults[key] = fault
    return list(faults.values())


def _sign_fault(use: Use, series: Series, times: pd.DatetimeIndex) -> Fault | None:
    for values in (series.realised, series.forecast):
        wrong = values <= 0.0 if use.role is Role.COP else values < 0.0
        if wrong.any():
            first = int(np.argmax(wrong))
            what, bound = ("not positive", "greater than 0") if use.role is Role.COP else ("negative", "at least 0")
            problem = (
                f"is {what} at {int(wrong.sum())} of {len(wrong)} intervals, first at {times[first].isoformat()}; "
                f"{use.place} uses it as {use.role}"
            )
            return Fault(f"profiles.{use.profile}", f"{values[first]:g}", problem, f"Give values that are {bound}.")
    return None

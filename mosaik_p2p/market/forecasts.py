"""Forecasts that arrive from outside take the place of a scenario's own."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.prosumers.devices import Device, FixedLoad, FlexibleLoad, Prosumer, Pv, SolarCollector
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import ELECTRICITY, HEAT, FloatArray

Forecasts = Mapping[str, Mapping[str, FloatArray]]
"""Prosumer name to attribute name (`P_forecast[kW]` and its like) to values from the binding interval on."""


def _is_load(carrier: str) -> Callable[[Device], bool]:
    return lambda device: isinstance(device, FixedLoad | FlexibleLoad) and device.carrier == carrier


KINDS: dict[str, Callable[[Device], bool]] = {
    "P": _is_load(ELECTRICITY),
    "Q_heat": _is_load(HEAT),
    "PV": lambda device: isinstance(device, Pv),
    "SC": lambda device: isinstance(device, SolarCollector),
}
"""Attribute stem to the devices it is about."""
ATTRIBUTES = tuple(f"{stem}_{which}[kW]" for stem in KINDS for which in ("forecast", "realised"))


def with_forecasts(prosumer: Prosumer, given: Mapping[str, FloatArray], *, begin: int) -> Prosumer:
    """`prosumer` with the series that were given, from interval `begin` of the span on.

    A value is the sum over the prosumer's devices of a kind; they share it in proportion to the scenario's own series,
    equally where that is zero. What is not given stays the scenario's own. Raises BadInput for values that are no
    powers: not finite, or negative.
    """
    if not given:
        return prosumer
    devices = list(prosumer.devices)
    for stem, kind in KINDS.items():
        places = [n for n, device in enumerate(devices) if kind(device)]
        for which in ("forecast", "realised"):
            attribute = f"{stem}_{which}[kW]"
            if given.get(attribute) is None or not places:
                continue
            values = _checked(given[attribute], f"Prosumer-{prosumer.name}: {attribute}")
            parts = _split([series_of(devices[n]) for n in places], which, values, begin)
            for n, part in zip(places, parts, strict=True):
                devices[n] = _with_series(devices[n], replace(series_of(devices[n]), **{which: part}))
    return replace(prosumer, devices=tuple(devices))


def _checked(values: FloatArray, place: str) -> FloatArray:
    """The values, each a power that can be; raises BadInput that names entity and attribute."""
    numbers = np.asarray(values, dtype=float)
    wrong = np.flatnonzero(~np.isfinite(numbers) | (numbers < 0.0))
    if wrong.size:
        problem = f"is no power of a load or plant ({wrong.size} of {numbers.size} values, first at number {wrong[0]})"
        remedy = "Give finite numbers that are at least 0, from the interval that begins on."
        raise BadInput([Fault(place, f"{numbers[wrong[0]]:g}", problem, remedy)])
    return numbers


def series_of(device: Device) -> Series:
    """The profile of a load or a plant. Raises TypeError for a device without one."""
    if isinstance(device, FixedLoad | FlexibleLoad):
        return device.demand
    if isinstance(device, Pv | SolarCollector):
        return device.available
    raise TypeError(f"a {type(device).__name__} has no profile")


def _with_series(device: Device, series: Series) -> Device:
    if isinstance(device, FixedLoad | FlexibleLoad):
        return replace(device, demand=series)
    if isinstance(device, Pv | SolarCollector):
        return replace(device, available=series)
    raise TypeError(f"a {type(device).__name__} has no profile")


def _split(own: list[Series], which: str, values: FloatArray, begin: int) -> list[FloatArray]:
    """The full series of each device, with its share of `values` written over its intervals."""
    window = slice(begin, begin + len(values))
    stacked = np.array([getattr(series, which) for series in own])
    total = stacked[:, window].sum(axis=0)
    share = np.where(total > 0, stacked[:, window] / np.where(total > 0, total, 1.0), 1.0 / len(own))
    result = stacked.copy()
    result[:, window] = share * values[: result[:, window].shape[1]]
    return list(result)

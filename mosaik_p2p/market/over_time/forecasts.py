"""Forecasts that arrive from outside take the place of a scenario's own."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from mosaik_p2p.devices.registry import stems
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import FloatArray

Forecasts = Mapping[str, Mapping[str, FloatArray]]
"""Prosumer name to attribute name (`P_forecast[kW]` and its like) to values from the binding interval on."""
FORECAST, REALISED = "forecast", "realised"
SERIES = (FORECAST, REALISED)
"""The two of every stem."""


def forecast_attributes() -> tuple[str, ...]:
    """The names of all attributes, by what the kinds of devices say."""
    return tuple(_series_of(stems()))


def attribute_of(stem: str, which: str) -> str:
    """The name of the attribute that brings one of the two series of a stem."""
    return f"{stem}_{which}[kW]"


def realised_attributes() -> tuple[str, ...]:
    """Those that bring what turns out; the others bring forecasts."""
    return _realised_of(stems())


@cache
def _series_of(known: tuple[str, ...]) -> Mapping[str, tuple[str, str]]:
    """By attribute its stem and which of the two series it brings; asked for by every prosumer in every interval."""
    return {attribute_of(stem, which): (stem, which) for stem in known for which in SERIES}


@cache
def _realised_of(known: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(attribute_of(stem, REALISED) for stem in known)


def own_series(prosumer: Prosumer, stem: str) -> dict[str, Series]:
    """By device: the scenario's own series that an attribute of this stem is about."""
    return dict(prosumer.series_by_stem.get(stem, {}))


def with_forecasts(prosumer: Prosumer, given: Mapping[str, FloatArray], *, begin: int) -> Prosumer:
    """`prosumer` with the series that were given, from interval `begin` of the span on.

    A value is the sum over the prosumer's devices of a kind; they share it in proportion to the scenario's own series,
    equally where that is zero. What is not given stays the scenario's own. Raises BadInput for values that are no
    powers: not finite, or negative.
    """
    if not given:
        return prosumer
    for name, (stem, which) in _series_of(stems()).items():
        own = {} if given.get(name) is None else own_series(prosumer, stem)
        if not own or _is_own([getattr(series, which) for series in own.values()], given[name], begin):
            # As a rule it is the scenario's own series that comes back, which was checked when it was read.
            continue
        values = _checked(given[name], f"Prosumer-{prosumer.name}: {name}")
        parts = _split([getattr(series, which) for series in own.values()], values, begin)
        pairs = zip(own.items(), parts, strict=True)
        changed = {
            device: replace(series, **{which: part})
            for (device, series), part in pairs
            if part is not getattr(series, which)
        }
        # A prosumer is made anew only where something did.
        if changed:
            prosumer = _with_series(prosumer, stem, changed)
    return prosumer


def _with_series(prosumer: Prosumer, stem: str, changed: Mapping[str, Series]) -> Prosumer:
    devices = tuple(
        device.with_series(stem, changed[device.name]) if device.name in changed else device
        for device in prosumer.devices
    )
    return replace(prosumer, devices=devices)


def _is_own(own: list[FloatArray], values: FloatArray, begin: int) -> bool:
    """Whether `values` are, to the last digit, what these series come to from `begin` on, and no more than that."""
    window = slice(begin, begin + len(values))
    total = own[0][window] if len(own) == 1 else np.add.reduce([series[window] for series in own])
    # Compared so: `numpy.array_equal` looks longer for what it is asked than a day's values take.
    return len(total) == len(values) and bool((total == values).all())


def _checked(values: FloatArray, place: str) -> FloatArray:
    """The values, each a power that can be; raises BadInput that names entity and attribute."""
    numbers = np.asarray(values, dtype=float)
    fine = np.isfinite(numbers) & (numbers >= 0.0)
    if not fine.all():
        wrong = np.flatnonzero(~fine)
        problem = f"is no power of a load or plant ({wrong.size} of {numbers.size} values, first at number {wrong[0]})"
        remedy = "Give finite numbers that are at least 0, from the interval that begins on."
        raise BadInput([Fault(place, f"{numbers[wrong[0]]:g}", problem, remedy)])
    return numbers


def _split(own: list[FloatArray], values: FloatArray, begin: int) -> list[FloatArray]:
    """The full series of each device, with its share of `values` written over its intervals."""
    window = slice(begin, begin + len(values))
    total = np.add.reduce([series[window] for series in own])
    if np.array_equal(total, values[: len(total)]):
        # As a rule it is the scenario's own series that comes back: nothing that is as long as the run is written anew.
        return own
    stacked = np.array(own)
    share = np.where(total > 0, stacked[:, window] / np.where(total > 0, total, 1.0), 1.0 / len(own))
    result = stacked.copy()
    result[:, window] = share * values[: result[:, window].shape[1]]
    return list(result)

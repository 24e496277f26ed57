"""Draws for devices with a profile: how large they are, when, and what is expected of them."""

from dataclasses import dataclass

import numpy as np

from mosaik_p2p.errors import Fault
from mosaik_p2p.loading.uncertainty.draw import FORECAST_ERROR, SCALE, SHIFT, Draw
from mosaik_p2p.loading.uncertainty.numbers import log_normal, normals, persistent_normals, whole_number
from mosaik_p2p.prosumers.device import AVAILABLE, DEMAND, Device
from mosaik_p2p.scenario.parts.uncertainty import GROUPS, ProfileUncertainty, Uncertainty
from mosaik_p2p.sections.resample import shifted
from mosaik_p2p.sections.series import Series, Span
from mosaik_p2p.units import FloatArray


@dataclass(frozen=True)
class Drawn:
    """A device as it was drawn."""

    device: Device
    draws: tuple[Draw, ...] = ()
    faults: tuple[Fault, ...] = ()


def drawn_device(device: Device, owner: str, stated: Uncertainty | None, span: Span, *, seed: int) -> Drawn:
    """The device with what is drawn for it; itself where nothing is.

    Size and hours are those of its owner, drawn once for all its devices of a kind of profile; what its forecast misses
    is its own. What turns out is the profile, scaled and shifted, and what is expected that with an error.
    """
    key, by_stem = group_of(device), device.series_by_stem()
    table = None if stated is None or key is None else stated.groups.get(key)
    if table is None or key is None or not table.draws_something:
        return Drawn(device)
    if not by_stem:
        return Drawn(device, faults=(_takes_no_series(owner, device, key),) if is_profiled(device) else ())
    source = _Source(f"uncertainty.{key}", owner, device.name, table, span, seed)
    has_own = any(not np.array_equal(series.forecast, series.realised) for series in by_stem.values())
    if source.stated.forecast_error and has_own:
        return Drawn(device, faults=(_own_forecast(owner, device, key),))
    found: dict[Draw, None] = {}
    for stem, series in by_stem.items():
        device = device.with_series(stem, _drawn(series, source, found))
    return Drawn(device, tuple(found))


def _drawn(series: Series, source: "_Source", found: dict[Draw, None]) -> Series:
    for part in (_scaled, _moved, _expected):
        series, draw = part(series, source)
        found |= {} if draw is None else {draw: None}
    return series


def group_of(device: Device) -> str | None:
    """The key of `uncertainty` that is about the device; None where none is."""
    return GROUPS.get((device.family, str(device.own_carrier)))


def is_profiled(device: Device) -> bool:
    """Whether what it takes or can give comes as a profile."""
    return any(profile.quantity in (DEMAND, AVAILABLE) for profile in device.profiles())


@dataclass(frozen=True)
class _Source:
    place: str
    owner: str
    device: str
    stated: ProfileUncertainty
    span: Span
    seed: int

    def told(self, quantity: str, value: float) -> Draw:
        return Draw(quantity, value, self.owner, self.device)


def _scaled(series: Series, of: _Source) -> tuple[Series, Draw | None]:
    if not of.stated.scale_spread:
        return series, None
    standard = normals(of.seed, f"{of.place}.{SCALE}.{of.owner}", 1)
    factor = float(log_normal(standard, of.stated.scale_spread)[0])
    return series.times(factor), of.told(SCALE, factor)


def _moved(series: Series, of: _Source) -> tuple[Series, Draw | None]:
    step = of.span.step_minutes
    most = of.stated.most_minutes // step
    if not most:
        return series, None
    minutes = whole_number(of.seed, f"{of.place}.{SHIFT}.{of.owner}", -most, most) * step
    moved = Series(shifted(series.forecast, minutes, step), shifted(series.realised, minutes, step))
    return moved, of.told(SHIFT, minutes)


def _expected(series: Series, of: _Source) -> tuple[Series, Draw | None]:
    if not of.stated.forecast_error:
        return series, None
    factors = log_normal(_errors(of), of.stated.forecast_error)
    return Series(series.realised * factors, series.realised), of.told(FORECAST_ERROR, float(factors.mean()) - 1.0)


def _errors(of: _Source) -> FloatArray:
    """Standard normal, (span,): what all miss, and what the device alone does."""
    count, place = len(of.span.times), f"{of.place}.{FORECAST_ERROR}"
    kept = of.stated.persistence**of.span.dt_h
    all_miss = persistent_normals(of.seed, place, count, kept=kept)
    own = persistent_normals(of.seed, f"{place}.{of.owner}.{of.device}", count, kept=kept)
    common = of.stated.common
    return np.asarray(np.sqrt(common) * all_miss + np.sqrt(1.0 - common) * own)


def _own_forecast(owner: str, device: Device, key: str) -> Fault:
    return Fault(
        f"prosumers.{owner}.{device.name}.profile",
        f"uncertainty.{key}.forecast_error",
        "draws a forecast, and the profile has one of its own",
        "Leave forecast_column of the profile out, or forecast_error here.",
    )


def _takes_no_series(owner: str, device: Device, key: str) -> Fault:
    return Fault(
        f"prosumers.{owner}.{device.name}",
        f"uncertainty.{key}",
        f"is of a kind ({device.type}) whose profile nobody else can bring",
        "Give the kind `stems`, `series_by_stem` and `with_series`, or leave this table out.",
    )

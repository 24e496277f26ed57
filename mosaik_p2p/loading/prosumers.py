"""Devices on the intervals of the span: profiles times sizes and scales."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.errors import Fault
from mosaik_p2p.loading.plants import conversion_device
from mosaik_p2p.loading.resample import MINUTES_PER_DAY, shifted
from mosaik_p2p.loading.series import AllSeries, Span
from mosaik_p2p.loading.stores import store
from mosaik_p2p.prosumers.devices import (
    Device,
    ElasticLoad,
    FixedLoad,
    FlexibleLoad,
    Pv,
    Series,
    SolarCollector,
)
from mosaik_p2p.scenario.devices import (
    ChpSpec,
    DeviceSpec,
    ElasticLoadSpec,
    ElectricBoilerSpec,
    FixedLoadSpec,
    FlexibleLoadSpec,
    GasBoilerSpec,
    GeneratorSpec,
    HeatPumpSpec,
    PvSpec,
    SolarCollectorSpec,
)
from mosaik_p2p.scenario.schema import ProsumerSpec, Scale
from mosaik_p2p.scenario.storages import BatterySpec, EvSpec, HeatTankSpec
from mosaik_p2p.sections.ranges import MOST_KW
from mosaik_p2p.units import ELECTRICITY

ENERGY_TOLERANCE = 1e-9
"""Relative; a day's energy is a sum of rounded numbers."""


@dataclass(frozen=True, eq=False)
class Workshop:
    """What devices are made from."""

    series: AllSeries
    span: Span
    scale: Scale
    known_end: bool
    """False where the scenario's lengths are faulty: how much of its last day the span covers is then not known."""


def devices_of(spec: ProsumerSpec, workshop: Workshop) -> tuple[tuple[Device, ...], list[Fault]]:
    """The devices of a prosumer whose profiles could be read, and the faults that only the profiles show."""
    devices: list[Device] = []
    faults: list[Fault] = []
    for device in spec.devices:
        built = _device(device, spec, workshop)
        if built is not None:
            devices.append(built)
        place = f"prosumers.{spec.name}.{device.name}"
        faults.extend(_power_faults(built, workshop, place))
        if isinstance(built, FlexibleLoad):
            faults.extend(_energy_faults(built, workshop, place))
    return tuple(devices), faults


def _device(device: DeviceSpec, owner: ProsumerSpec, workshop: Workshop) -> Device | None:
    """The device, None where its profile could not be read."""
    if isinstance(device, BatterySpec | HeatTankSpec | EvSpec):
        return store(device, workshop.span)
    if isinstance(device, HeatPumpSpec | ElectricBoilerSpec | GasBoilerSpec | ChpSpec | GeneratorSpec):
        return conversion_device(device, workshop.series.profiles, workshop.span)
    if isinstance(device, ElasticLoadSpec):
        return _elastic(device, _load_scale(device.carrier, owner, workshop))
    if isinstance(device, FixedLoadSpec | FlexibleLoadSpec):
        return _load(device, owner, workshop)
    available = _pv(device, workshop) if isinstance(device, PvSpec) else _collector(device, workshop)
    if available is None:
        return None
    if isinstance(device, PvSpec):
        return Pv(device.name, available, device.cost_per_kwh, device.power_factor)
    return SolarCollector(name=device.name, available=available, cost_per_kwh=device.cost_per_kwh)


def _load_scale(carrier: str, owner: ProsumerSpec, workshop: Workshop) -> float:
    return owner.scale * (workshop.scale.load if carrier == ELECTRICITY else workshop.scale.heat_load)


def _elastic(device: ElasticLoadSpec, scale: float) -> ElasticLoad:
    """`scale` loads of this kind in place of one: each draws its part, at the same price."""
    return ElasticLoad(
        name=device.name,
        carrier=device.carrier,
        max_kw=device.max_kw * scale,
        utility_per_kwh=device.utility_per_kwh,
        utility_slope_per_kw2h=device.utility_slope_per_kw2h / scale if scale > 0 else 0.0,
    )


def _load(device: FixedLoadSpec | FlexibleLoadSpec, owner: ProsumerSpec, workshop: Workshop) -> Device | None:
    series = workshop.series.profiles.get(device.profile)
    if series is None:
        return None
    scale = _load_scale(device.carrier, owner, workshop)
    demand = _times(_later(series, owner.shift_minutes, workshop.span.step_minutes), scale)
    if isinstance(device, FixedLoadSpec):
        return FixedLoad(name=device.name, carrier=device.carrier, demand=demand)
    return FlexibleLoad(
        name=device.name,
        carrier=device.carrier,
        demand=demand,
        min_kw=device.min_kw,
        max_kw=device.max_kw,
        discomfort_per_kw2h=device.discomfort_per_kw2h,
    )


def _pv(device: PvSpec, workshop: Workshop) -> Series | None:
    series = workshop.series.profiles.get(device.profile)
    return None if series is None else _times(series, device.peak_kw * workshop.scale.pv)


def _collector(device: SolarCollectorSpec, workshop: Workshop) -> Series | None:
    if device.profile is not None:
        series = workshop.series.profiles.get(device.profile)
        return None if series is None else _times(series, device.area_m2)
    sunshine = workshop.series.horizontal_kw_per_m2
    if sunshine is None or device.efficiency is None:
        return None
    return _times(Series(sunshine, sunshine), device.area_m2 * device.efficiency)


def _times(series: Series, factor: float) -> Series:
    return Series(series.forecast * factor, series.realised * factor)


def _later(series: Series, minutes: int, step_minutes: int) -> Series:
    if minutes == 0:
        return series
    return Series(shifted(series.forecast, minutes, step_minutes), shifted(series.realised, minutes, step_minutes))


def _power_faults(device: Device | None, workshop: Workshop, place: str) -> Iterator[Fault]:
    """Powers that profile, size and scales make together, and that no connection carries."""
    if isinstance(device, FixedLoad | FlexibleLoad):
        power_kw = np.maximum(device.demand.forecast, device.demand.realised)
    elif isinstance(device, Pv | SolarCollector):
        power_kw = np.maximum(device.available.forecast, device.available.realised)
    elif isinstance(device, ElasticLoad):
        power_kw = np.array([device.max_kw])
    else:
        return
    if power_kw.max() > MOST_KW:
        when = workshop.span.own_times[int(np.argmax(power_kw))].isoformat()
        problem = f"is the power at {when}, profile times size and scales; at most {MOST_KW:g} kW are plausible"
        yield Fault(place, f"{power_kw.max():g} kW", problem, "Check the units of the profile, and the scales.")


def _energy_faults(load: FlexibleLoad, workshop: Workshop, place: str) -> Sequence[Fault]:
    """Days whose forecast energy the limits of the load exclude: the market would have to leave some of it owed.

    Of a day that begins before the span or ends after it, the intervals inside the span count.
    """
    span = workshop.span
    intervals = np.bincount(span.day)
    cut = intervals < MINUTES_PER_DAY // span.step_minutes
    energy = np.bincount(span.day, weights=load.demand.forecast) * span.dt_h
    hours = intervals * span.dt_h
    judged = ~cut if not workshop.known_end else np.ones_like(cut)
    for key, limit, wrong in (
        ("max_kw", load.max_kw, energy > load.max_kw * hours * (1 + ENERGY_TOLERANCE)),
        ("min_kw", load.min_kw, energy < load.min_kw * hours * (1 - ENERGY_TOLERANCE)),
    ):
        if (wrong & judged).any():
            day = int(np.argmax(wrong & judged))
            part = " that the span has of it" if cut[day] else ""
            problem = f"excludes the forecast of day {day + 1}: {energy[day]:g} kWh in {hours[day]:g} h{part}"
            remedy = f"Change {key}, or the profile of this load{', or time.steps' if cut[day] else ''}."
            return [Fault(f"{place}.{key}", f"{limit:g}", problem, remedy)]
    return []

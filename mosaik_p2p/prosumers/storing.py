"""Blocks of the devices that store energy: battery, heat tank and electric vehicle (Chen and Liu 2025, eqs. 10-13).

    level' = keep level + (efficiency_charge charge - discharge / efficiency_discharge) dt

An electric vehicle is a battery whose content comes with it and goes with it. While it is away its level is zero. When
it departs, the level falls by the departure energy; what it has beyond that goes along (`spare`), what it lacks is a
`shortfall`; both in kW over that interval.

Where the run ends inside a look-ahead, every storage owes its `final` level there too. What it lacks of that is `owed`,
and the level then counts it: later intervals go on as if it were there.
"""

from dataclasses import dataclass

import numpy as np

from mosaik_p2p.prosumers.devices import Battery, Ev, HeatTank
from mosaik_p2p.prosumers.model import OWED, SHORTFALL, ModelBuilder, Variable
from mosaik_p2p.units import ELECTRICITY, HEAT, BoolArray, FloatArray, IntArray

CHARGE, DISCHARGE, LEVEL = "charge", "discharge", "level"


def add_battery(device: Battery, builder: ModelBuilder, *, begin_kwh: float, run_end: int | None = None) -> None:
    """An electric storage that begins the look-ahead at `begin_kwh`; the run ends with its interval `run_end`."""
    _add_store(device, Kind("battery", ELECTRICITY, keep=1.0), builder, begin_kwh, run_end)


def add_heat_tank(device: HeatTank, builder: ModelBuilder, *, begin_kwh: float, run_end: int | None = None) -> None:
    """A heat storage that loses a share of its content every hour."""
    _add_store(device, Kind("heat_tank", HEAT, keep=kept(device.loss_per_h, builder.dt_h)), builder, begin_kwh, run_end)


@dataclass(frozen=True)
class Kind:
    """What sets the storages of both carriers apart: name of the type, carrier, share kept over an interval."""

    name: str
    carrier: str
    keep: float


def _add_store(
    device: Battery | HeatTank, kind: Kind, builder: ModelBuilder, begin_kwh: float, run_end: int | None
) -> None:
    gain = _both_ways(device, kind.name, kind.carrier, builder)
    least = builder.series(device.energy_min_kwh)
    highest_kwh = charged_to_kwh(
        begin_kwh, device.efficiency_charge * device.charge_max_kw * builder.dt_h, kind.keep, builder.horizon
    )
    least[-1] = max(device.energy_min_kwh, min(device.energy_final_kwh, highest_kwh))
    if run_end is not None:
        least[run_end] = max(device.energy_min_kwh, device.energy_final_kwh)
        lacking_kwh = builder.series(0.0)
        lacking_kwh[run_end] = least[run_end] - device.energy_min_kwh
        gain |= _lacking(Variable(device.name, kind.name, OWED), lacking_kwh, builder)
    level = builder.variable(Variable(device.name, kind.name, LEVEL), lower=least, upper=device.energy_max_kwh)
    builder.storage(level, gain=gain, begin_kwh=begin_kwh, keep=kind.keep)


def charged_to_kwh(begin_kwh: float, charged_kwh: float, keep: float, intervals: int) -> float:
    """The level after so many intervals at full power, which charges `charged_kwh` in each; no room is too small."""
    if keep == 1.0:
        return begin_kwh + intervals * charged_kwh
    left = keep**intervals
    return float(left * begin_kwh + charged_kwh * (1.0 - left) / (1.0 - keep))


def _lacking(name: Variable, most_kwh: FloatArray, builder: ModelBuilder) -> dict[int, float]:
    """What a storage may lack in each interval, (T,) kWh, as a gain of its level."""
    return {builder.variable(name, upper=most_kwh / builder.dt_h): -builder.dt_h}


def kept(loss_per_h: float, dt_h: float) -> float:
    """The share of a content that is left after an interval."""
    return float((1.0 - loss_per_h) ** dt_h)


def _both_ways(device: Battery | HeatTank, kind: str, carrier: str, builder: ModelBuilder) -> dict[int, float]:
    charge = builder.variable(
        Variable(device.name, kind, CHARGE),
        upper=device.charge_max_kw,
        price=device.cost_per_kwh,
        adds={carrier: -1.0},
    )
    discharge = builder.variable(
        Variable(device.name, kind, DISCHARGE),
        upper=device.discharge_max_kw,
        price=device.cost_per_kwh,
        adds={carrier: 1.0},
    )
    builder.reach(max(device.charge_max_kw, device.discharge_max_kw, device.energy_max_kwh))
    return {charge: -device.efficiency_charge * builder.dt_h, discharge: builder.dt_h / device.efficiency_discharge}


@dataclass(frozen=True)
class Stay:
    """When a vehicle is plugged in within a look-ahead."""

    intervals_left: IntArray
    """(T,) intervals that follow until it departs; -1 while it is away."""
    was_plugged: bool
    """In the interval before the look-ahead (the first interval's own state where the run begins with it)."""

    def until(self, t: int) -> "Stay":
        """The same up to the end of interval `t`."""
        return Stay(self.intervals_left[: t + 1], self.was_plugged)

    @property
    def plugged(self) -> BoolArray:
        """(T,) whether it is there."""
        return np.asarray(self.intervals_left >= 0)

    @property
    def before(self) -> BoolArray:
        """(T,) whether it was there in the interval before."""
        return np.concatenate([[self.was_plugged], self.plugged[:-1]])

    @property
    def arrives(self) -> BoolArray:
        """(T,) whether it comes with the begin of the interval."""
        return np.asarray(self.plugged & ~self.before)

    @property
    def departs(self) -> BoolArray:
        """(T,) whether it leaves with the begin of the interval."""
        return np.asarray(~self.plugged & self.before)


def add_ev(device: Ev, builder: ModelBuilder, stay: Stay, *, begin_kwh: float, run_end: int | None = None) -> None:
    """A vehicle that begins the look-ahead at `begin_kwh`, 0 where it is away; the run ends with interval `run_end`."""
    dt_h, there, departs = builder.dt_h, stay.plugged.astype(float), stay.departs.astype(float)
    wear, kind = device.cost_per_kwh, "ev"
    gain = {}
    charge = builder.variable(
        Variable(device.name, kind, CHARGE), upper=device.charge_max_kw * there, price=wear, adds={ELECTRICITY: -1.0}
    )
    gain[charge] = -device.efficiency_charge * dt_h
    if device.discharge_max_kw > 0:
        most_kw = device.discharge_max_kw * there
        name = Variable(device.name, kind, DISCHARGE)
        discharge = builder.variable(name, upper=most_kw, price=wear, adds={ELECTRICITY: 1.0})
        gain[discharge] = dt_h / device.efficiency_discharge
    spare_kw = (device.energy_max_kwh - device.energy_departure_kwh) / dt_h * departs
    gain[builder.variable(Variable(device.name, kind, "spare"), upper=spare_kw)] = dt_h
    least = device.energy_min_kwh * there
    if run_end is None or run_end < builder.horizon - 1:
        least[-1] = max(least[-1], _least_at_end(device, stay, begin_kwh=begin_kwh, dt_h=dt_h))
    if run_end is not None:
        owed_kwh = _owed_at_end(device, stay.until(run_end), begin_kwh=begin_kwh, dt_h=dt_h)
        lacking_kwh = builder.series(0.0)
        lacking_kwh[run_end] = max(owed_kwh - least[run_end], 0.0)
        least[run_end] = max(least[run_end], owed_kwh)
        gain |= _lacking(Variable(device.name, kind, OWED), lacking_kwh, builder)
    gain |= _lacking(Variable(device.name, kind, SHORTFALL), device.energy_departure_kwh * departs, builder)
    level = builder.variable(Variable(device.name, kind, LEVEL), lower=least, upper=device.energy_max_kwh * there)
    inflow = device.energy_arrival_kwh * stay.arrives - device.energy_departure_kwh * departs
    builder.storage(level, gain=gain, begin_kwh=begin_kwh, inflow_kwh=inflow)
    builder.reach(max(device.charge_max_kw, device.discharge_max_kw, device.energy_max_kwh / min(dt_h, 1.0)))
    builder.size_kw += float(np.sum(departs)) * _driven_kwh(device) / (builder.horizon * dt_h)


def _driven_kwh(device: Ev) -> float:
    return max(device.energy_departure_kwh - device.energy_arrival_kwh, 0.0) / device.efficiency_charge


def _least_at_end(device: Ev, stay: Stay, *, begin_kwh: float, dt_h: float) -> float:
    """The level that a look-ahead must end with: what is owed then, as far as full power reaches it."""
    owed_kwh = _owed_at_end(device, stay, begin_kwh=begin_kwh, dt_h=dt_h)
    return min(owed_kwh, _highest_kwh(device, stay, begin_kwh=begin_kwh, gain_kwh=_full_kwh(device, dt_h)))


def _owed_at_end(device: Ev, stay: Stay, *, begin_kwh: float, dt_h: float) -> float:
    """What a vehicle is to hold at the end of `stay`: enough to leave in time at full power, and what it came with (as
    far as full power reaches that)."""
    left, full_kwh = int(stay.intervals_left[-1]), _full_kwh(device, dt_h)
    if left < 0:
        return 0.0
    came_with = min(device.energy_arrival_kwh, device.energy_departure_kwh)
    highest_kwh = _highest_kwh(device, stay, begin_kwh=begin_kwh, gain_kwh=full_kwh)
    return max(device.energy_departure_kwh - left * full_kwh, min(came_with, highest_kwh))


def _full_kwh(device: Ev, dt_h: float) -> float:
    """What an interval at full power charges."""
    return device.efficiency_charge * device.charge_max_kw * dt_h


def _highest_kwh(device: Ev, stay: Stay, *, begin_kwh: float, gain_kwh: float) -> float:
    """The level at the end of `stay` at full power all the time that it is there."""
    arrivals = np.flatnonzero(stay.arrives)
    first = int(arrivals[-1]) if arrivals.size else 0
    start_kwh = device.energy_arrival_kwh if arrivals.size else begin_kwh
    return min(device.energy_max_kwh, start_kwh + (len(stay.intervals_left) - first) * gain_kwh)

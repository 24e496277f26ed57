"""Blocks of the devices that store energy: battery, heat tank and electric vehicle (Chen and Liu 2025, eqs. 10-13).

    level' = keep level + (efficiency_charge charge - discharge / efficiency_discharge) dt

An electric vehicle is a battery whose content comes with it and goes with it. While it is away its level is zero. When
it departs, the level falls by the departure energy; what it has beyond that goes along (`spare`), what it lacks is a
`shortfall`; both in kW over that interval.
"""

from dataclasses import dataclass

import numpy as np

from mosaik_p2p.prosumers.devices import Battery, Ev, HeatTank
from mosaik_p2p.prosumers.model import SHORTFALL, ModelBuilder, Variable
from mosaik_p2p.units import ELECTRICITY, HEAT, BoolArray, IntArray

CHARGE, DISCHARGE, LEVEL = "charge", "discharge", "level"


def add_battery(device: Battery, builder: ModelBuilder, *, begin_kwh: float) -> None:
    """An electric storage that begins the look-ahead at `begin_kwh`."""
    gain = _both_ways(device, "battery", ELECTRICITY, builder)
    level = _level(device, "battery", builder)
    builder.storage(level, gain=gain, begin_kwh=begin_kwh)


def add_heat_tank(device: HeatTank, builder: ModelBuilder, *, begin_kwh: float) -> None:
    """A heat storage that loses a share of its content every hour."""
    gain = _both_ways(device, "heat_tank", HEAT, builder)
    level = _level(device, "heat_tank", builder)
    builder.storage(level, gain=gain, begin_kwh=begin_kwh, keep=kept(device.loss_per_h, builder.dt_h))


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


def _level(device: Battery | HeatTank, kind: str, builder: ModelBuilder) -> int:
    least = builder.series(device.energy_min_kwh)
    least[-1] = max(device.energy_min_kwh, device.energy_final_kwh)
    return builder.variable(Variable(device.name, kind, LEVEL), lower=least, upper=device.energy_max_kwh)


@dataclass(frozen=True)
class Stay:
    """When a vehicle is plugged in within a look-ahead."""

    intervals_left: IntArray
    """(T,) intervals that follow until it departs; -1 while it is away."""
    was_plugged: bool
    """In the interval before the look-ahead (the first interval's own state where the run begins with it)."""

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


def add_ev(device: Ev, builder: ModelBuilder, stay: Stay, *, begin_kwh: float) -> None:
    """A vehicle that begins the look-ahead at `begin_kwh`, 0 where it is away."""
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
    lacking_kw = device.energy_departure_kwh / dt_h * departs
    gain[builder.variable(Variable(device.name, kind, SHORTFALL), upper=lacking_kw)] = -dt_h
    least = device.energy_min_kwh * there
    least[-1] = max(least[-1], _least_at_end(device, stay, begin_kwh=begin_kwh, dt_h=dt_h))
    level = builder.variable(Variable(device.name, kind, LEVEL), lower=least, upper=device.energy_max_kwh * there)
    inflow = device.energy_arrival_kwh * stay.arrives - device.energy_departure_kwh * departs
    builder.storage(level, gain=gain, begin_kwh=begin_kwh, inflow_kwh=inflow)
    builder.reach(max(device.charge_max_kw, device.discharge_max_kw, device.energy_max_kwh / min(dt_h, 1.0)))
    builder.size_kw += float(np.sum(departs)) * _driven_kwh(device) / (builder.horizon * dt_h)


def _driven_kwh(device: Ev) -> float:
    return max(device.energy_departure_kwh - device.energy_arrival_kwh, 0.0) / device.efficiency_charge


def _least_at_end(device: Ev, stay: Stay, *, begin_kwh: float, dt_h: float) -> float:
    """The level that a look-ahead must end with, as far as full power reaches it: as it came, and in time for its
    departure."""
    left = int(stay.intervals_left[-1])
    if left < 0:
        return 0.0
    gain_kwh = device.efficiency_charge * device.charge_max_kw * dt_h
    in_time = device.energy_departure_kwh - left * gain_kwh
    wanted = max(in_time, min(device.energy_arrival_kwh, device.energy_departure_kwh))
    return min(wanted, _highest_kwh(device, stay, begin_kwh=begin_kwh, gain_kwh=gain_kwh))


def _highest_kwh(device: Ev, stay: Stay, *, begin_kwh: float, gain_kwh: float) -> float:
    """The level at the end of the look-ahead at full power all the time that it is there."""
    arrivals = np.flatnonzero(stay.arrives)
    first = int(arrivals[-1]) if arrivals.size else 0
    start_kwh = device.energy_arrival_kwh if arrivals.size else begin_kwh
    return min(device.energy_max_kwh, start_kwh + (len(stay.intervals_left) - first) * gain_kwh)

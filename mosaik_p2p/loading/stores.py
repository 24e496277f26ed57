"""Storages on the intervals of the span: when a vehicle is there."""

import pandas as pd

from mosaik_p2p.prosumers.devices import Battery, Ev, HeatTank, Store
from mosaik_p2p.scenario.storages import BatterySpec, EvSpec, HeatTankSpec
from mosaik_p2p.sections import clock
from mosaik_p2p.sections.series import Span
from mosaik_p2p.units import IntArray


def store(device: BatterySpec | HeatTankSpec | EvSpec, span: Span) -> Store:
    """The storage that the scenario describes."""
    if isinstance(device, EvSpec):
        return _vehicle(device, span)
    levels = {
        "energy_min_kwh": device.energy_kwh.min,
        "energy_max_kwh": device.energy_kwh.max,
        "energy_initial_kwh": device.energy_kwh.initial,
        "energy_final_kwh": device.energy_kwh.final_kwh,
    }
    flow = {
        "charge_max_kw": device.power_kw,
        "discharge_max_kw": device.power_kw,
        "efficiency_charge": device.efficiency.charge,
        "efficiency_discharge": device.efficiency.discharge,
        "cost_per_kwh": device.cost_per_kwh,
    }
    if isinstance(device, HeatTankSpec):
        return HeatTank(name=device.name, loss_per_h=device.loss_per_h, **levels, **flow)
    return Battery(name=device.name, power_factor=device.power_factor, **levels, **flow)


def _vehicle(device: EvSpec, span: Span) -> Ev:
    return Ev(
        name=device.name,
        charge_max_kw=device.power_kw,
        discharge_max_kw=device.power_kw if device.v2g else 0.0,
        energy_min_kwh=device.energy_kwh.min,
        energy_max_kwh=device.energy_kwh.max,
        energy_initial_kwh=device.energy_kwh.initial_kwh,
        energy_arrival_kwh=device.energy_kwh.arrival,
        energy_departure_kwh=device.energy_kwh.departure,
        efficiency_charge=device.efficiency.charge,
        efficiency_discharge=device.efficiency.discharge,
        cost_per_kwh=device.cost_per_kwh,
        intervals_left=intervals_left(device, span.own_times, span.step_minutes),
        power_factor=device.power_factor,
    )


def intervals_left(device: EvSpec, own_times: pd.DatetimeIndex, step_minutes: int) -> IntArray:
    """For intervals that begin at these times of the scenario's clock: how many follow until the vehicle departs; -1
    while it is away."""
    first, count = device.whole_intervals(step_minutes)
    arrival, departure = (step_minutes * k for k in (first, first + count))
    stays_s = clock.instants_s(own_times, arrival), clock.instants_s(own_times, departure)
    return clock.intervals_left(stays_s, own_times, step_minutes)

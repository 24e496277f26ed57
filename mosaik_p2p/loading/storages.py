"""Storages whose levels no plan can reach."""

from collections.abc import Iterator

from mosaik_p2p.errors import Fault
from mosaik_p2p.prosumers.storing import charged_to_kwh, kept
from mosaik_p2p.scenario.devices import DeviceSpec
from mosaik_p2p.scenario.read import Reading
from mosaik_p2p.scenario.storages import BatterySpec, EvSpec, HeatTankSpec
from mosaik_p2p.sections.time import Time

LEVEL_TOLERANCE = 1e-9
"""Relative; the level after charging is a product of rounded numbers."""
_TIME = ("time.steps", "time.step_minutes", "time.horizon_steps")


def storage_faults(reading: Reading) -> list[Fault]:
    """Storages that full power over one look-ahead does not charge to `final`, or does not keep at `min`, and vehicles
    that it does not charge to `departure` while they are there.

    The first look-ahead decides: each later one begins on the way of the one before and has as much time.
    """
    time = reading.scenario.time
    if any(reading.lost(place) for place in _TIME):
        return []
    return [
        fault
        for prosumer in reading.scenario.prosumers
        for device in prosumer.devices
        if not reading.lost(f"prosumers.{prosumer.name}.{device.name}")
        for fault in _faults(device, f"prosumers.{prosumer.name}.{device.name}", time)
    ]


def _faults(device: DeviceSpec, place: str, time: Time) -> Iterator[Fault]:
    if isinstance(device, EvSpec):
        yield from _of_vehicle(device, place, time)
    elif isinstance(device, BatterySpec | HeatTankSpec):
        keep = kept(device.loss_per_h, time.dt_h) if isinstance(device, HeatTankSpec) else 1.0
        charged_kwh = device.power_kw * device.efficiency.charge * time.dt_h
        lost_kwh = (1.0 - keep) * device.energy_kwh.min
        if lost_kwh > charged_kwh * (1 + LEVEL_TOLERANCE):
            problem = f"loses {lost_kwh:g} kWh an interval, and full power charges {charged_kwh:g} kWh"
            remedy = "Lower min or loss_per_h, or raise power_kw."
            yield Fault(f"{place}.energy_kwh.min", f"{device.energy_kwh.min:g}", problem, remedy)
            return
        highest_kwh = charged_to_kwh(device.energy_kwh.initial, charged_kwh, keep, time.horizon_steps)
        if device.energy_kwh.final_kwh > highest_kwh * (1 + LEVEL_TOLERANCE):
            yield _unreachable(device, place, highest_kwh, time.horizon_steps * time.dt_h)


def _unreachable(device: BatterySpec | HeatTankSpec, place: str, highest_kwh: float, hours: float) -> Fault:
    loss = f" and a loss of {device.loss_per_h:g} per hour" if isinstance(device, HeatTankSpec) else ""
    problem = (
        f"cannot be reached within a look-ahead: {device.power_kw:g} kW at an efficiency of "
        f"{device.efficiency.charge:g}{loss} charge initial = {device.energy_kwh.initial:g} kWh "
        f"to {highest_kwh:g} kWh in {hours:g} h"
    )
    remedy = "Lower final, raise initial or power_kw, or lengthen time.horizon_steps."
    return Fault(f"{place}.energy_kwh.final", f"{device.energy_kwh.final_kwh:g}", problem, remedy)


def _of_vehicle(device: EvSpec, place: str, time: Time) -> Iterator[Fault]:
    _, intervals = device.whole_intervals(time.step_minutes)
    if not intervals:
        problem = f"leaves no whole interval of {time.step_minutes} min after its arrival at {device.arrival}"
        yield Fault(f"{place}.departure", repr(device.departure), problem, "Lengthen its stay, or shorten the steps.")
        return
    energy, hours = device.energy_kwh, intervals * time.dt_h
    highest_kwh = energy.arrival + device.power_kw * device.efficiency.charge * hours
    if energy.departure > highest_kwh * (1 + LEVEL_TOLERANCE):
        problem = (
            f"cannot be reached: {device.power_kw:g} kW at an efficiency of {device.efficiency.charge:g} charge "
            f"arrival = {energy.arrival:g} kWh to {highest_kwh:g} kWh in the {hours:g} h that it is plugged in"
        )
        remedy = "Lower departure, raise arrival or power_kw, or lengthen its stay."
        yield Fault(f"{place}.energy_kwh.departure", f"{energy.departure:g}", problem, remedy)

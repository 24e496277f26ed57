"""Storages whose final level no plan can reach."""

from mosaik_p2p.errors import Fault
from mosaik_p2p.scenario.devices import BatterySpec
from mosaik_p2p.scenario.read import Reading

LEVEL_TOLERANCE = 1e-9
"""Relative; the level after charging is a product of rounded numbers."""
_TIME = ("time.steps", "time.step_minutes", "time.horizon_steps")


def storage_faults(reading: Reading) -> list[Fault]:
    """Batteries that full power over one look-ahead does not charge to `final`.

    The first look-ahead decides: each later one begins on the way of the one before and has as much time.
    """
    time = reading.scenario.time
    if any(reading.lost(place) for place in _TIME):
        return []
    hours = time.horizon_steps * time.dt_h
    return [
        _unreachable(battery, f"prosumers.{prosumer.name}.{battery.name}", hours)
        for prosumer in reading.scenario.prosumers
        for battery in prosumer.devices
        if isinstance(battery, BatterySpec)
        and not reading.lost(f"prosumers.{prosumer.name}.{battery.name}")
        and battery.energy_kwh.final_kwh > _highest_kwh(battery, hours) * (1 + LEVEL_TOLERANCE)
    ]


def _highest_kwh(battery: BatterySpec, hours: float) -> float:
    return battery.energy_kwh.initial + battery.power_kw * battery.efficiency.charge * hours


def _unreachable(battery: BatterySpec, place: str, hours: float) -> Fault:
    highest_kwh = _highest_kwh(battery, hours)
    problem = (
        f"cannot be reached within a look-ahead: {battery.power_kw:g} kW at an efficiency of "
        f"{battery.efficiency.charge:g} charge initial = {battery.energy_kwh.initial:g} kWh "
        f"to {highest_kwh:g} kWh in {hours:g} h"
    )
    remedy = "Lower final, raise initial or power_kw, or lengthen time.horizon_steps."
    return Fault(f"{place}.energy_kwh.final", f"{battery.energy_kwh.final_kwh:g}", problem, remedy)

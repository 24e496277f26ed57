"""An electric vehicle: a battery whose content comes with it and goes with it.

While it is away its level is zero. When it departs, the level falls by the departure energy; what it has beyond that
goes along (`spare`), what it lacks is a `shortfall`; both in kW over that interval.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from mosaik_p2p.devices.base import STORAGE_KWH, STORAGES, BuildContext, DeviceClass, DeviceSection, power_faults
from mosaik_p2p.devices.stay import Stay
from mosaik_p2p.devices.storage import LEVEL_TOLERANCE, StorageEfficiency, Store, lacking
from mosaik_p2p.errors import Fault
from mosaik_p2p.prosumers.block import Block
from mosaik_p2p.prosumers.device import Device, Family
from mosaik_p2p.prosumers.roles import Role
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections import clock
from mosaik_p2p.sections.base import PlainName, Section, refuse
from mosaik_p2p.sections.prices import Clock, minute_of_day
from mosaik_p2p.sections.profile_references import Use
from mosaik_p2p.sections.ranges import (
    CapacityKwh,
    CostPerKwh,
    EnergyKwh,
    RatingKw,
    SignedPowerFactor,
)
from mosaik_p2p.sections.resample import MINUTES_PER_DAY
from mosaik_p2p.sections.scale import Scale
from mosaik_p2p.sections.time import Time
from mosaik_p2p.units import ELECTRICITY, FloatArray, IntArray


@dataclass(frozen=True)
class Ev(Store):
    """An electric vehicle: a battery that is there only while plugged in.

    It arrives with `energy_arrival_kwh` and takes all it holds away with it; what it then lacks to
    `energy_departure_kwh` is a shortfall at a price above every other (see `market.imbalance`).
    """

    charge_max_kw: float
    discharge_max_kw: float
    """0 where it cannot feed back (no V2G)."""
    energy_min_kwh: float
    energy_max_kwh: float
    energy_initial_kwh: float
    """Level at the begin of the run, where it is plugged in then."""
    energy_arrival_kwh: float
    energy_departure_kwh: float
    efficiency_charge: float
    efficiency_discharge: float
    cost_per_kwh: float
    intervals_left: IntArray
    """(span,) intervals that follow this one until it departs; -1 while it is away."""
    power_factor: float = 1.0
    """Signed, see `prosumers.state.reactive_share`."""

    type: ClassVar[str] = "ev"
    family: ClassVar[Family] = Family.VEHICLE

    @property
    def own_carrier(self) -> str:
        """Electricity."""
        return ELECTRICITY

    @property
    def own_power_factor(self) -> float:
        """Of its inverter."""
        return self.power_factor

    def is_there(self, k: int) -> bool:
        """Whether it is plugged in during interval `k` of the span."""
        return bool(self.intervals_left[k] >= 0)

    def initial_kwh(self, after: int) -> float | None:
        """That with which it began the run, or came where it was away; None while it is away."""
        if not self.is_there(max(after - 1, 0)):
            return None
        return self.energy_initial_kwh if self.is_there(0) else self.energy_arrival_kwh

    def stay_within(self, window: Window) -> Stay:
        """When it is there within a look-ahead."""
        left = self.intervals_left
        before = left[max(window.begin - 1, 0)] >= 0
        return Stay(left[window.begin : window.begin + window.horizon], was_plugged=bool(before))

    def block(self, block: Block, window: Window, state: ProsumerState) -> None:
        """Both ways while it is there, its level (0 while it is away), and what it leaves with."""
        stay, dt_h, begin_kwh = self.stay_within(window), block.dt_h, state.level_kwh.get(self.name, 0.0)
        there, departs = stay.plugged.astype(float), stay.departs.astype(float)
        withdrawal = self._ways(block, there)
        spare_kw = (self.energy_max_kwh - self.energy_departure_kwh) / dt_h * departs
        withdrawal[block.variable(Role.SPARE, upper=spare_kw)] = dt_h
        least, owed = self._least(block, stay, begin_kwh=begin_kwh, run_end=window.run_end)
        withdrawal |= owed
        withdrawal |= lacking(Role.SHORTFALL, self.energy_departure_kwh * departs, block)
        level = block.variable(Role.LEVEL, lower=least, upper=self.energy_max_kwh * there)
        inflow = self.energy_arrival_kwh * stay.arrives - self.energy_departure_kwh * departs
        block.storage(level, withdrawal=withdrawal, begin_kwh=begin_kwh, inflow_kwh=inflow)
        block.reach(max(self.charge_max_kw, self.discharge_max_kw, self.energy_max_kwh / min(dt_h, 1.0)))
        block.mean_kw(float(np.sum(departs)) * _driven_kwh(self) / (block.horizon * dt_h))

    def _ways(self, block: Block, there: FloatArray) -> dict[int, float]:
        """The gain of its level by what it charges and, where it may, feeds back."""
        wear = self.cost_per_kwh
        most_kw = self.charge_max_kw * there
        charge = block.variable(Role.CHARGE, upper=most_kw, price=wear, adds={ELECTRICITY: -1.0})
        withdrawal = {charge: -self.efficiency_charge * block.dt_h}
        if self.discharge_max_kw > 0:
            most_kw = self.discharge_max_kw * there
            discharge = block.variable(Role.DISCHARGE, upper=most_kw, price=wear, adds={ELECTRICITY: 1.0})
            withdrawal[discharge] = block.dt_h / self.efficiency_discharge
        return withdrawal

    def _least(
        self, block: Block, stay: Stay, *, begin_kwh: float, run_end: int | None
    ) -> tuple[FloatArray, dict[int, float]]:
        """Its least levels (T,), and the gain by what it lacks of them at the end of the run."""
        dt_h, least = block.dt_h, self.energy_min_kwh * stay.plugged.astype(float)
        if run_end is None or run_end < block.horizon - 1:
            least[-1] = max(least[-1], _least_at_end(self, stay, begin_kwh=begin_kwh, dt_h=dt_h))
        if run_end is None:
            return least, {}
        owed_kwh = _owed_at_end(self, stay.until(run_end), begin_kwh=begin_kwh, dt_h=dt_h)
        lacking_kwh = block.series(0.0)
        lacking_kwh[run_end] = max(owed_kwh - least[run_end], 0.0)
        least[run_end] = max(least[run_end], owed_kwh)
        return least, lacking(Role.OWED, lacking_kwh, block)


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


class EvEnergy(Section):
    """Levels of a vehicle's battery in kWh: limits, what it comes with and what it wants to leave with."""

    example: ClassVar[str] = "{ min = 0.0, max = 60.0, arrival = 20.0, departure = 50.0 }"
    min: EnergyKwh = 0.0
    """Least level while it is plugged in, kWh."""
    max: CapacityKwh
    """Largest level, kWh."""
    arrival: EnergyKwh
    """Level with which it comes, kWh, the same on every day whatever it left with."""
    departure: EnergyKwh
    """Level that it is to leave with, kWh: a target that may be missed, not a limit. In the clearing each kWh
    that lacks costs more than any energy (half of what load not served costs), so that it is missed only for want of
    time or power; what is missed is reported, and nobody pays for it. What it has beyond the target goes along."""
    initial: EnergyKwh | None = None
    """Level when the run begins, kWh, if it is plugged in then (else without effect); left out: that of its arrival."""

    @model_validator(mode="after")
    def _levels(self) -> Self:
        if self.min >= self.max:
            refuse(f"is not below max = {self.max:g}", remedy="Leave room between min and max.", key="min")
        for key, level in (("arrival", self.arrival), ("departure", self.departure), ("initial", self.initial_kwh)):
            if not self.min <= level <= self.max:
                remedy = "Give a level within the battery."
                refuse(f"is outside of min = {self.min:g} to max = {self.max:g}", remedy=remedy, key=key)
        return self

    @property
    def initial_kwh(self) -> float:
        """Level at the begin of the run, where it is plugged in then."""
        return self.arrival if self.initial is None else self.initial


class EvSpec(DeviceSection):
    """An electric vehicle, plugged in every day from `arrival` to `departure` ("18:00", by the scenario's clock).

    A departure that is not after the arrival is the next day's. It counts as plugged in for the intervals that lie
    within this time whole. `power_kw` limits charging, and feeding back where `v2g` is true.
    """

    device: ClassVar[DeviceClass] = Ev
    example: ClassVar[str] = (
        '{ type = "ev", arrival = "18:00", departure = "07:30", power_kw = 11.0,'
        " energy_kwh = { max = 60.0, arrival = 20.0, departure = 50.0 } }"
    )
    type: Literal["ev"]
    name: PlainName = "ev"
    arrival: Clock
    """Time of day at which it is plugged in, such as "18:00"."""
    departure: Clock
    """Time of day at which it leaves, such as "07:30"."""
    power_kw: RatingKw
    """Largest power of charging, and of feeding back with `v2g`, at the connection, kW."""
    energy_kwh: EvEnergy
    """Limits of its level, what it comes with and what it is to leave with, kWh."""
    efficiency: StorageEfficiency = StorageEfficiency()
    """Shares that survive charging and feeding back."""
    v2g: Annotated[bool, Field(strict=True)] = False
    """Whether it may feed back."""
    cost_per_kwh: CostPerKwh = 0.0
    """Wear: currency per kWh charged and per kWh discharged."""
    power_factor: SignedPowerFactor = 1.0
    """Of its inverter. 1: no reactive power; 0.95: reactive power goes the way of active power; -0.95: the other way,
    drawing reactive power while it feeds in (under-excited)."""

    @model_validator(mode="after")
    def _goes_away(self) -> Self:
        if self.stay_minutes == 0:
            remedy = "Leave time between them; what never leaves is a battery."
            refuse("is the time of its arrival", remedy=remedy, key="departure")
        return self

    @property
    def stay_minutes(self) -> int:
        """Minutes from its arrival to its departure."""
        return (minute_of_day(self.departure) - minute_of_day(self.arrival)) % MINUTES_PER_DAY

    def whole_intervals(self, step_minutes: int) -> tuple[int, int]:
        """The first interval of a day in which it is there whole, and the number of those until it departs."""
        arrival = minute_of_day(self.arrival) % MINUTES_PER_DAY
        first = -(-arrival // step_minutes)
        return first, max((arrival + self.stay_minutes) // step_minutes - first, 0)

    def uses(self, place: str) -> Iterable[Use]:
        """No profile."""
        return ()

    def sizes(self, scale: Scale) -> Mapping[str, float]:
        """One storage of its capacity."""
        return {STORAGES: 1, STORAGE_KWH: self.energy_kwh.max * scale.ev}

    def build(self, context: BuildContext) -> Ev:
        """The vehicle, with the intervals in which it is there."""
        many = context.scale.ev
        return Ev(
            name=self.name,
            charge_max_kw=self.power_kw * many,
            discharge_max_kw=self.power_kw * many if self.v2g else 0.0,
            energy_min_kwh=self.energy_kwh.min * many,
            energy_max_kwh=self.energy_kwh.max * many,
            energy_initial_kwh=self.energy_kwh.initial_kwh * many,
            energy_arrival_kwh=self.energy_kwh.arrival * many,
            energy_departure_kwh=self.energy_kwh.departure * many,
            efficiency_charge=self.efficiency.charge,
            efficiency_discharge=self.efficiency.discharge,
            cost_per_kwh=self.cost_per_kwh,
            intervals_left=intervals_left(self, context.span.own_times, context.span.step_minutes),
            power_factor=self.power_factor,
        )

    def built_faults(self, built: Device | None, context: BuildContext, place: str) -> Iterator[Fault]:
        """A power that scales make and no connection carries."""
        if isinstance(built, Ev):
            yield from power_faults(context.constant(built.charge_max_kw), context.span, place)

    def plan_faults(self, place: str, time: Time) -> Iterator[Fault]:
        """Vehicles that full power does not charge to `departure` while they are there."""
        _, intervals = self.whole_intervals(time.step_minutes)
        if not intervals:
            problem = f"leaves no whole interval of {time.step_minutes} min after its arrival at {self.arrival}"
            remedy = "Lengthen its stay, or shorten the steps."
            yield Fault(f"{place}.departure", repr(self.departure), problem, remedy)
            return
        energy, hours = self.energy_kwh, intervals * time.dt_h
        highest_kwh = energy.arrival + self.power_kw * self.efficiency.charge * hours
        if energy.departure > highest_kwh * (1 + LEVEL_TOLERANCE):
            problem = (
                f"cannot be reached: {self.power_kw:g} kW at an efficiency of {self.efficiency.charge:g} charge "
                f"arrival = {energy.arrival:g} kWh to {highest_kwh:g} kWh in the {hours:g} h that it is plugged in"
            )
            remedy = "Lower departure, raise arrival or power_kw, or lengthen its stay."
            yield Fault(f"{place}.energy_kwh.departure", f"{energy.departure:g}", problem, remedy)


def intervals_left(device: EvSpec, own_times: pd.DatetimeIndex, step_minutes: int) -> IntArray:
    """For intervals that begin at these times of the scenario's clock: how many follow until the vehicle departs; -1
    while it is away."""
    first, count = device.whole_intervals(step_minutes)
    arrival, departure = (step_minutes * k for k in (first, first + count))
    stays_s = clock.instants_s(own_times, arrival), clock.instants_s(own_times, departure)
    return clock.intervals_left(stays_s, own_times, step_minutes)

"""Devices that store energy: battery, heat tank and electric vehicle."""

from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from mosaik_p2p.scenario.tariffs import MINUTES_PER_DAY, Clock, minute_of_day
from mosaik_p2p.sections.base import DeviceSection, PlainName, Section, refuse
from mosaik_p2p.sections.ranges import CapacityKwh, CostPerKwh, Efficiency, EnergyKwh, RatingKw, SignedPowerFactor


def _final(value: Any) -> Any:
    if value != "initial" and (isinstance(value, bool) or not isinstance(value, int | float)):
        refuse("is not a level of the storage", remedy='Give a number in kWh, or "initial".')
    return value


def _kind_of_final(value: Any) -> str:
    return "final:initial" if isinstance(value, str) else "final:level"


FinalLevel: TypeAlias = Annotated[
    Annotated[EnergyKwh, Tag("final:level")] | Annotated[Literal["initial"], Tag("final:initial")],
    Discriminator(_kind_of_final),
    BeforeValidator(_final),
]


class EnergyRange(Section):
    """Levels of a storage in kWh; every look-ahead, and the run, ends at no less than `final`."""

    example: ClassVar[str] = '{ min = 0.0, max = 10.0, initial = 5.0, final = "initial" }'
    min: EnergyKwh = 0.0
    """Least level, kWh."""
    max: CapacityKwh
    """Largest level, kWh."""
    initial: EnergyKwh
    """Level when the run begins, kWh."""
    final: FinalLevel = "initial"
    """Least level at the end of every look-ahead and, with `time.final_at_end`, of the run: kWh, or `initial` for the
    level of that name."""

    @model_validator(mode="after")
    def _levels(self) -> Self:
        if self.min >= self.max:
            refuse(f"is not below max = {self.max:g}", remedy="Leave room between min and max.", key="min")
        for key, level in (("initial", self.initial), ("final", self.final_kwh)):
            if not self.min <= level <= self.max:
                refuse(
                    f"is outside of min = {self.min:g} to max = {self.max:g}",
                    remedy="Give a level within the storage.",
                    key=key,
                )
        return self

    @property
    def final_kwh(self) -> float:
        """Least level at the end of every look-ahead."""
        return self.initial if isinstance(self.final, str) else self.final


class StorageEfficiency(Section):
    """Shares of the energy that survive the way in and the way out; a round trip keeps their product."""

    example: ClassVar[str] = "{ charge = 0.95, discharge = 0.95 }"
    charge: Efficiency = 0.95
    """Share of the energy drawn that gets into the storage."""
    discharge: Efficiency = 0.95
    """Share of the energy taken out of the storage that is delivered."""


class BatterySpec(DeviceSection):
    """An electric storage; `power_kw` limits charging and discharging."""

    example: ClassVar[str] = '{ type = "battery", power_kw = 5.0, energy_kwh = { max = 10.0, initial = 5.0 } }'
    type: Literal["battery"]
    name: PlainName = "battery"
    power_kw: RatingKw
    """Largest power in either direction at the connection, kW."""
    energy_kwh: EnergyRange
    """Levels between which it is kept, kWh."""
    efficiency: StorageEfficiency = StorageEfficiency()
    """Shares that survive charging and discharging."""
    cost_per_kwh: CostPerKwh = 0.0
    """Wear: currency per kWh charged and per kWh discharged."""
    power_factor: SignedPowerFactor = 1.0
    """Of its inverter. 1: no reactive power; 0.95: reactive power goes the way of active power; -0.95: the other way,
    drawing reactive power while it feeds in (under-excited)."""


class HeatTankSpec(DeviceSection):
    """A heat storage; `power_kw` limits charging and discharging, `energy_kwh` is heat above the return temperature."""

    example: ClassVar[str] = '{ type = "heat_tank", power_kw = 10.0, energy_kwh = { max = 25.0, initial = 10.0 } }'
    type: Literal["heat_tank"]
    name: PlainName = "heat_tank"
    power_kw: RatingKw
    """Largest heat in either direction at the connection, kW."""
    energy_kwh: EnergyRange
    """Levels between which it is kept: kWh of heat above the return temperature."""
    efficiency: StorageEfficiency = StorageEfficiency(charge=1.0, discharge=1.0)
    """Shares that survive charging and discharging; a key left out of a table that is given counts 0.95."""
    loss_per_h: Annotated[float, Field(strict=True, ge=0.0, lt=1.0)] = 0.01
    """Share of its present content that it loses to the surroundings in an hour: at 0.01, 10 kWh become 9.9 kWh."""
    cost_per_kwh: CostPerKwh = 0.0
    """Wear: currency per kWh charged and per kWh discharged."""


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

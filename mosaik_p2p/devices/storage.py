"""What battery, heat tank and vehicle have in common: their keys, blocks and faults (Chen and Liu 2025, eqs. 10-13).

    level' = retention level + (efficiency_charge charge - discharge / efficiency_discharge) dt

Where the run ends inside a look-ahead, every storage owes its `final` level there too. What it lacks of that is `owed`,
and the level then counts it: later intervals go on as if it were there.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Discriminator, Tag, model_validator

from mosaik_p2p.devices.base import STORAGE_KWH, STORAGES, DeviceSection
from mosaik_p2p.errors import Fault
from mosaik_p2p.prosumers.block import Block
from mosaik_p2p.prosumers.device import Device, Family, Outcome, Plan, Profile, as_planned
from mosaik_p2p.prosumers.roles import Role
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections.base import Section, refuse
from mosaik_p2p.sections.profile_references import Use
from mosaik_p2p.sections.ranges import CapacityKwh, CostPerKwh, Efficiency, EnergyKwh, RatingKw
from mosaik_p2p.sections.scale import Scale
from mosaik_p2p.sections.time import Time
from mosaik_p2p.units import FloatArray

LEVEL_TOLERANCE = 1e-9
"""Relative; the level after charging is a product of rounded numbers."""


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


class StorageSection(DeviceSection):
    """Keys of a storage that stays where it is."""

    power_kw: RatingKw
    energy_kwh: EnergyRange
    efficiency: StorageEfficiency
    cost_per_kwh: CostPerKwh

    def uses(self, place: str) -> tuple[Use, ...]:
        """No profile."""
        return ()

    def sizes(self, scale: Scale) -> Mapping[str, float]:
        """One storage of its capacity."""
        return {STORAGES: 1, STORAGE_KWH: self.energy_kwh.max}

    @property
    def hourly_loss(self) -> float:
        """Share of the content lost in an hour."""
        return 0.0

    def plan_faults(self, place: str, time: Time) -> Iterator[Fault]:
        """Levels that full power over one look-ahead does not charge to `final`, or does not keep at `min`.

        The first look-ahead decides: each later one begins on the way of the one before and has as much time.
        """
        retention = kept(self.hourly_loss, time.dt_h)
        charged_kwh = self.power_kw * self.efficiency.charge * time.dt_h
        lost_kwh = (1.0 - retention) * self.energy_kwh.min
        if lost_kwh > charged_kwh * (1 + LEVEL_TOLERANCE):
            problem = f"loses {lost_kwh:g} kWh an interval, and full power charges {charged_kwh:g} kWh"
            remedy = "Lower min or loss_per_h, or raise power_kw."
            yield Fault(f"{place}.energy_kwh.min", f"{self.energy_kwh.min:g}", problem, remedy)
            return
        highest_kwh = charged_to_kwh(self.energy_kwh.initial, charged_kwh, retention, time.horizon_steps)
        if self.energy_kwh.final_kwh > highest_kwh * (1 + LEVEL_TOLERANCE):
            yield self._unreachable(place, highest_kwh, time.horizon_steps * time.dt_h)

    def _unreachable(self, place: str, highest_kwh: float, hours: float) -> Fault:
        loss = f" and a loss of {self.hourly_loss:g} per hour" if self.hourly_loss else ""
        problem = (
            f"cannot be reached within a look-ahead: {self.power_kw:g} kW at an efficiency of "
            f"{self.efficiency.charge:g}{loss} charge initial = {self.energy_kwh.initial:g} kWh "
            f"to {highest_kwh:g} kWh in {hours:g} h"
        )
        remedy = "Lower final, raise initial or power_kw, or lengthen time.horizon_steps."
        return Fault(f"{place}.energy_kwh.final", f"{self.energy_kwh.final_kwh:g}", problem, remedy)

    def levels_and_flows(self) -> dict[str, float]:
        """The fields that `Storage` gets from these keys."""
        return {
            "charge_max_kw": self.power_kw,
            "discharge_max_kw": self.power_kw,
            "energy_min_kwh": self.energy_kwh.min,
            "energy_max_kwh": self.energy_kwh.max,
            "energy_initial_kwh": self.energy_kwh.initial,
            "energy_final_kwh": self.energy_kwh.final_kwh,
            "efficiency_charge": self.efficiency.charge,
            "efficiency_discharge": self.efficiency.discharge,
            "cost_per_kwh": self.cost_per_kwh,
        }


@dataclass(frozen=True)
class Store(Device):
    """What has a level, charges and discharges as planned; it goes by no profile."""

    def profiles(self) -> tuple[Profile, ...]:
        """None."""
        return ()

    def follow(self, plan: Plan) -> Outcome:
        """What was cleared."""
        return as_planned(plan)


@dataclass(frozen=True)
class Storage(Store):
    """A storage that stays where it is; the efficiencies apply on the way in and on the way out."""

    charge_max_kw: float
    discharge_max_kw: float
    energy_min_kwh: float
    energy_max_kwh: float
    energy_initial_kwh: float
    energy_final_kwh: float
    """Least level at the end of every look-ahead."""
    efficiency_charge: float
    efficiency_discharge: float

    family: ClassVar[Family] = Family.STORAGE

    @property
    @abstractmethod
    def wear_per_kwh(self) -> float:
        """Currency per kWh charged and per kWh discharged."""

    @property
    @abstractmethod
    def hourly_loss(self) -> float:
        """Share of the content lost in an hour."""

    def initial_kwh(self, after: int) -> float:
        """The same whenever the run is left."""
        return self.energy_initial_kwh

    def block(self, block: Block, window: Window, state: ProsumerState) -> None:
        """Both ways, the level, and what it lacks at the end of the run."""
        retention, begin_kwh = kept(self.hourly_loss, block.dt_h), state.level_kwh[self.name]
        withdrawal = self._both_ways(block)
        least = block.series(self.energy_min_kwh)
        full_kwh = self.efficiency_charge * self.charge_max_kw * block.dt_h
        highest_kwh = charged_to_kwh(begin_kwh, full_kwh, retention, block.horizon)
        least[-1] = max(self.energy_min_kwh, min(self.energy_final_kwh, highest_kwh))
        if window.run_end is not None:
            least[window.run_end] = max(self.energy_min_kwh, self.energy_final_kwh)
            lacking_kwh = block.series(0.0)
            lacking_kwh[window.run_end] = least[window.run_end] - self.energy_min_kwh
            withdrawal |= lacking(Role.OWED, lacking_kwh, block)
        level = block.variable(Role.LEVEL, lower=least, upper=self.energy_max_kwh)
        block.storage(level, withdrawal=withdrawal, begin_kwh=begin_kwh, retention=retention)

    def _both_ways(self, block: Block) -> dict[int, float]:
        carrier, wear = str(self.own_carrier), self.wear_per_kwh
        charge = block.variable(Role.CHARGE, upper=self.charge_max_kw, price=wear, adds={carrier: -1.0})
        discharge = block.variable(Role.DISCHARGE, upper=self.discharge_max_kw, price=wear, adds={carrier: 1.0})
        block.reach(max(self.charge_max_kw, self.discharge_max_kw, self.energy_max_kwh))
        return {charge: -self.efficiency_charge * block.dt_h, discharge: block.dt_h / self.efficiency_discharge}


def charged_to_kwh(begin_kwh: float, charged_kwh: float, retention: float, intervals: int) -> float:
    """The level after so many intervals at full power, which charges `charged_kwh` in each; no room is too small."""
    if retention == 1.0:
        return begin_kwh + intervals * charged_kwh
    left = retention**intervals
    return float(left * begin_kwh + charged_kwh * (1.0 - left) / (1.0 - retention))


def lacking(role: Role, most_kwh: FloatArray, block: Block) -> dict[int, float]:
    """What a storage may lack in each interval, (T,) kWh, as a gain of its level."""
    return {block.variable(role, upper=most_kwh / block.dt_h): -block.dt_h}


def kept(loss_per_h: float, dt_h: float) -> float:
    """The share of a content that is left after an interval."""
    return float((1.0 - loss_per_h) ** dt_h)

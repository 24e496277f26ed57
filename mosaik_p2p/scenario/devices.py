"""Devices of a prosumer, discriminated by `type`."""

from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from mosaik_p2p.scenario.base import (
    Efficiency,
    Name,
    NotNegative,
    PlainName,
    Positive,
    PositiveOrProfile,
    Section,
    refuse,
    refuse_beyond_floats,
)

Carrier: TypeAlias = Literal["electricity", "heat"]


class DeviceSection(Section):
    """What every device may say besides its own keys: which template it builds on."""

    consumed_keys: ClassVar[tuple[str, ...]] = ("template",)


class FixedLoadSpec(DeviceSection):
    """A load that is served as it comes; its profile is in kW."""

    type: Literal["fixed_load"]
    name: PlainName = "fixed_load"
    carrier: Carrier = "electricity"
    profile: Name


class FlexibleLoadSpec(DeviceSection):
    """A load that may be shifted within each day, at a discomfort that grows with the square of the shift."""

    type: Literal["flexible_load"]
    name: PlainName = "flexible_load"
    carrier: Carrier = "electricity"
    profile: Name
    min_kw: NotNegative = 0.0
    max_kw: Positive
    discomfort_per_kw2h: NotNegative = 0.0

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.min_kw >= self.max_kw:
            refuse(
                f"is not below max_kw = {self.max_kw:g}", remedy="Leave room between min_kw and max_kw.", key="min_kw"
            )
        return self


class PvSpec(DeviceSection):
    """A curtailable photovoltaic plant; its profile is in kW per kWp."""

    type: Literal["pv"]
    name: PlainName = "pv"
    profile: Name
    peak_kw: NotNegative
    cost_per_kwh: NotNegative = 0.0


class SolarCollectorSpec(DeviceSection):
    """A curtailable collector: area times a profile in kW per m2, or times efficiency and horizontal irradiance."""

    type: Literal["solar_collector"]
    name: PlainName = "solar_collector"
    area_m2: NotNegative
    profile: Name | None = None
    efficiency: Efficiency | None = None
    cost_per_kwh: NotNegative = 0.0

    @model_validator(mode="after")
    def _one_source_of_heat(self) -> Self:
        if (self.profile is None) == (self.efficiency is None):
            fault = (
                "has neither a profile nor an efficiency" if self.profile is None else "has a profile and an efficiency"
            )
            refuse(fault, remedy="Give a profile in kW per m2, or an efficiency that multiplies the irradiance.")
        return self


def _final(value: Any) -> Any:
    if value != "initial" and (isinstance(value, bool) or not isinstance(value, int | float)):
        refuse("is not a level of the storage", remedy='Give a number in kWh, or "initial".')
    if value != "initial":
        refuse_beyond_floats(value)
    return value


class EnergyRange(Section):
    """Levels of a storage in kWh; every look-ahead ends at no less than `final`."""

    min: NotNegative = 0.0
    max: Positive
    initial: NotNegative
    final: Annotated[Literal["initial"] | float, BeforeValidator(_final)] = "initial"

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
    """Shares of the energy that survive the way in and the way out."""

    charge: Efficiency = 0.95
    discharge: Efficiency = 0.95


class BatterySpec(DeviceSection):
    """An electric storage; `power_kw` limits charging and discharging."""

    type: Literal["battery"]
    name: PlainName = "battery"
    power_kw: Positive
    energy_kwh: EnergyRange
    efficiency: StorageEfficiency = StorageEfficiency()
    cost_per_kwh: NotNegative = 0.0


class HeatPumpSpec(DeviceSection):
    """Heat from electricity; `cop` is a number or the name of a profile."""

    type: Literal["heat_pump"]
    name: PlainName = "heat_pump"
    el_max_kw: Positive
    cop: PositiveOrProfile


DeviceSpec: TypeAlias = Annotated[
    FixedLoadSpec | FlexibleLoadSpec | PvSpec | SolarCollectorSpec | BatterySpec | HeatPumpSpec,
    Field(discriminator="type"),
]
DEVICE_TYPES = ("fixed_load", "flexible_load", "pv", "solar_collector", "battery", "heat_pump")

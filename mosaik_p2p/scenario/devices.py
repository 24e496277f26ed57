"""Devices of a prosumer, discriminated by `type`."""

from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from mosaik_p2p.scenario.storages import BatterySpec, EvSpec, HeatTankSpec
from mosaik_p2p.scenario.tariffs import Price
from mosaik_p2p.sections.base import DeviceSection, Name, PlainName, refuse
from mosaik_p2p.sections.ranges import (
    AreaM2,
    CopOrProfile,
    CostPerKw2h,
    CostPerKwh,
    Efficiency,
    PowerKw,
    PowerToHeat,
    RatingKw,
    SignedPowerFactor,
)

Carrier: TypeAlias = Literal["electricity", "heat"]


class FixedLoadSpec(DeviceSection):
    """A load that is served as it comes; its profile is in kW."""

    example: ClassVar[str] = '{ type = "fixed_load", profile = "house" }'
    type: Literal["fixed_load"]
    name: PlainName = "fixed_load"
    carrier: Carrier = "electricity"
    """What it draws."""
    profile: Name
    """Name of a profile in kW."""


class FlexibleLoadSpec(DeviceSection):
    """A load that may be shifted within each day, at a discomfort that grows with the square of the shift."""

    example: ClassVar[str] = '{ type = "flexible_load", carrier = "heat", profile = "house", max_kw = 20.0 }'
    type: Literal["flexible_load"]
    name: PlainName = "flexible_load"
    carrier: Carrier = "electricity"
    """What it draws."""
    profile: Name
    """Name of a profile in kW: what it would draw by itself."""
    min_kw: PowerKw = 0.0
    """Least draw, kW."""
    max_kw: RatingKw
    """Largest draw, kW."""
    discomfort_per_kw2h: CostPerKw2h = 0.0
    """Currency per kW2h: an hour at 1 kW beside the profile costs this, at 2 kW four times as much."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.min_kw >= self.max_kw:
            refuse(
                f"is not below max_kw = {self.max_kw:g}", remedy="Leave room between min_kw and max_kw.", key="min_kw"
            )
        return self


class ElasticLoadSpec(DeviceSection):
    """A load that takes the more the cheaper energy is, from 0 to `max_kw`.

    Drawing d kW is worth `utility_per_kwh d - utility_slope_per_kw2h d^2 / 2` per hour: it draws until one kWh more is
    worth its price.
    """

    example: ClassVar[str] = (
        '{ type = "elastic_load", max_kw = 10.0, utility_per_kwh = 0.3, utility_slope_per_kw2h = 0.02 }'
    )
    type: Literal["elastic_load"]
    name: PlainName = "elastic_load"
    carrier: Carrier = "electricity"
    """What it draws."""
    max_kw: RatingKw
    """Largest draw, kW."""
    utility_per_kwh: CostPerKwh
    """Currency per kWh: what the first kWh is worth."""
    utility_slope_per_kw2h: CostPerKw2h = 0.0
    """Currency per kW2h: by how much less each further kW is worth."""


class PvSpec(DeviceSection):
    """A curtailable photovoltaic plant; its profile is in kW per kWp."""

    example: ClassVar[str] = '{ type = "pv", profile = "south", peak_kw = 10.0 }'
    type: Literal["pv"]
    name: PlainName = "pv"
    profile: Name
    """Name of a profile in kW per kWp."""
    peak_kw: PowerKw
    """Peak power, kWp."""
    cost_per_kwh: CostPerKwh = 0.0
    """Currency per kWh produced."""
    power_factor: SignedPowerFactor = 1.0
    """Of its inverter. 1: no reactive power; 0.95: reactive power goes the way of active power; -0.95: the other way,
    drawing reactive power while it feeds in (under-excited)."""


class SolarCollectorSpec(DeviceSection):
    """A curtailable collector: area times a profile in kW per m2, or times efficiency and horizontal irradiance."""

    example: ClassVar[str] = '{ type = "solar_collector", profile = "roof", area_m2 = 12.0 }'
    type: Literal["solar_collector"]
    name: PlainName = "solar_collector"
    area_m2: AreaM2
    """Area of the collector, m2."""
    profile: Name | None = None
    """Name of a profile in kW per m2."""
    efficiency: Efficiency | None = None
    """Part of the horizontal irradiance that becomes heat, instead of a profile."""
    cost_per_kwh: CostPerKwh = 0.0
    """Currency per kWh of heat."""

    @model_validator(mode="after")
    def _one_source_of_heat(self) -> Self:
        if (self.profile is None) == (self.efficiency is None):
            fault = (
                "has neither a profile nor an efficiency" if self.profile is None else "has a profile and an efficiency"
            )
            refuse(fault, remedy="Give a profile in kW per m2, or an efficiency that multiplies the irradiance.")
        return self


class HeatPumpSpec(DeviceSection):
    """Heat from electricity; `cop` is a number or the name of a profile."""

    example: ClassVar[str] = '{ type = "heat_pump", el_max_kw = 5.0, cop = 3.0 }'
    type: Literal["heat_pump"]
    name: PlainName = "heat_pump"
    el_max_kw: RatingKw
    """Largest electric power, kW."""
    cop: CopOrProfile
    """Heat per electricity, a number or the name of a profile."""


class ElectricBoilerSpec(DeviceSection):
    """Heat from electricity, at an efficiency."""

    example: ClassVar[str] = '{ type = "electric_boiler", el_max_kw = 6.0 }'
    type: Literal["electric_boiler"]
    name: PlainName = "electric_boiler"
    el_max_kw: RatingKw
    """Largest electric power, kW."""
    efficiency: Efficiency = 0.99
    """Heat per electricity."""


class GasBoilerSpec(DeviceSection):
    """Heat from fuel; the efficiency relates to the heating value that the fuel is billed by."""

    example: ClassVar[str] = '{ type = "gas_boiler", heat_max_kw = 20.0, fuel_price_per_kwh = 0.12 }'
    type: Literal["gas_boiler"]
    name: PlainName = "gas_boiler"
    heat_max_kw: RatingKw
    """Largest heat, kW."""
    efficiency: Efficiency = 0.9
    """Heat per fuel."""
    fuel_price_per_kwh: Price
    """Currency per kWh of fuel."""


class ChpSpec(DeviceSection):
    """Electricity and heat from fuel: `efficiency` is both together per fuel, `power_to_heat` electricity per heat."""

    example: ClassVar[str] = (
        '{ type = "chp", el_max_kw = 10.0, efficiency = 0.9, power_to_heat = 0.5, fuel_price_per_kwh = 0.09 }'
    )
    type: Literal["chp"]
    name: PlainName = "chp"
    el_max_kw: RatingKw
    """Largest electric power, kW."""
    efficiency: Efficiency = 0.9
    """Total: electricity and heat together per fuel."""
    power_to_heat: PowerToHeat = 0.5
    """Fixed ratio of electricity to heat: of 0.9 kWh out of a kWh of fuel, 0.5 makes 0.3 kWh of electricity and
    0.6 kWh of heat."""
    fuel_price_per_kwh: Price
    """Currency per kWh of fuel."""
    power_factor: SignedPowerFactor = 1.0
    """Of its machine. 1: no reactive power; 0.95: reactive power goes the way of active power; -0.95: the other way,
    drawing reactive power while it feeds in (under-excited)."""


class GeneratorSpec(DeviceSection):
    """An electric generator; p kW cost `cost_per_kw2h p^2 / 2 + cost_per_kwh p` per hour (currency)."""

    example: ClassVar[str] = '{ type = "generator", max_kw = 12.0, cost_per_kwh = 0.2 }'
    type: Literal["generator"]
    name: PlainName = "generator"
    min_kw: PowerKw = 0.0
    """Least power, kW, at all times: it cannot be switched off."""
    max_kw: RatingKw
    """Largest power, kW."""
    cost_per_kwh: CostPerKwh
    """Currency per kWh."""
    cost_per_kw2h: CostPerKw2h = 0.0
    """Currency per kW2h: by how much each further kW makes a kWh dearer."""
    power_factor: SignedPowerFactor = 1.0
    """Of its machine. 1: no reactive power; 0.95: reactive power goes the way of active power; -0.95: the other way,
    drawing reactive power while it feeds in (under-excited)."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.min_kw > self.max_kw:
            refuse(f"is above max_kw = {self.max_kw:g}", remedy="Give at most max_kw.", key="min_kw")
        return self


DeviceSpec: TypeAlias = Annotated[
    FixedLoadSpec
    | FlexibleLoadSpec
    | ElasticLoadSpec
    | PvSpec
    | SolarCollectorSpec
    | BatterySpec
    | EvSpec
    | HeatTankSpec
    | HeatPumpSpec
    | ElectricBoilerSpec
    | GasBoilerSpec
    | ChpSpec
    | GeneratorSpec,
    Field(discriminator="type"),
]
DEVICE_TYPES = (
    *("fixed_load", "flexible_load", "elastic_load", "pv", "solar_collector", "battery", "ev", "heat_tank"),
    *("heat_pump", "electric_boiler", "gas_boiler", "chp", "generator"),
)

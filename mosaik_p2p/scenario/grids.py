"""Networks of a scenario, and the limits that their operators set."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from mosaik_p2p.sections.base import Name, Section, refuse
from mosaik_p2p.sections.ranges import (
    BypassFlow,
    GradientPaPerM,
    GroundC,
    LiftBar,
    LoadingPercent,
    PressureBar,
    RatingKw,
    Share,
    SlackVoltagePu,
    TemperatureC,
    VelocityMPerS,
    VoltagePu,
    WaterC,
)

KEPT = "keep"
GENERATION_WORDS = {KEPT: 1.0, "drop": 0.0}
"""What `networks.electricity.generation` may say beside a profile, and the factor that it means."""
BYPASS_KG_PER_S = 0.08
USUAL_SUPPLY_C = 75.0
"""Outlet of plants where neither the scenario nor the network says otherwise, degC."""


class GridSource(Section):
    """A network: a case that ships, or a file of the user."""

    case: Name | None = None
    """Name of a case that ships; `mosaik-p2p list` names them."""
    file: Name | None = None
    """Path of a network of your own, as pandapower or pandapipes writes it (JSON)."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.case is None) == (self.file is None):
            fault = "names neither a case nor a file" if self.case is None else "names a case and a file"
            refuse(fault, remedy="Give `case` (a network that ships) or `file`, one of them.")
        return self


USUAL_VOLTAGE_PU = (0.95, 1.05)
USUAL_LOADING_PERCENT = 100.0
"""Limits where neither the scenario nor the network's file says otherwise."""
_WIDEN = "No voltage can meet both limits: widen the band."


class VoltageBand(Section):
    """Limits of bus voltage in p.u."""

    example: ClassVar[str] = "{ min = 0.95, max = 1.05 }"
    min: VoltagePu | None = None
    """Least voltage, p.u.; left out: the general limit, else the one in the network's file, else 0.95."""
    max: VoltagePu | None = None
    """Largest voltage, p.u.; left out: the general limit, else the one in the network's file, else 1.05."""

    @model_validator(mode="after")
    def _band(self) -> Self:
        if self.min is not None and self.max is not None and self.min >= self.max:
            refuse(f"is not below max = {self.max:g}", remedy=_WIDEN, key="min")
        return self


ELECTRIC_QUANTITIES: dict[str, tuple[str, ...]] = {
    "bus": ("voltage_pu",),
    "line": ("loading_percent", "max_kw"),
    "transformer": ("loading_percent",),
}
"""Table of an element of an electric network to the limits that it can have."""


class ElectricElementSpec(Section):
    """A limit of its own for one element, in place of the general one."""

    table: Literal["bus", "line", "transformer"]
    """Kind of element."""
    name: Name
    """Name of the element."""
    voltage_pu: VoltageBand | None = None
    """Of a bus, p.u."""
    loading_percent: LoadingPercent | None = None
    """Of a line or transformer: largest loading in percent of its rating."""
    max_kw: RatingKw | None = None
    """Of a line: largest active power at either end, in either direction, kW."""

    @model_validator(mode="after")
    def _fitting_quantity(self) -> Self:
        fitting = ELECTRIC_QUANTITIES[self.table]
        stated = [key for key in ("voltage_pu", "loading_percent", "max_kw") if getattr(self, key) is not None]
        if not stated or not set(stated) <= set(fitting):
            wanted = " or ".join(f"`{key}`" for key in fitting)
            refuse(f"is a {self.table}, which has a limit {wanted} and no other", remedy=f"Give {wanted}.")
        return self


class ElectricLimitsSpec(Section):
    """Limits that the electric network is checked against."""

    voltage_pu: VoltageBand = VoltageBand()
    """Of all buses, p.u."""
    line_loading_percent: LoadingPercent | None = None
    """Largest loading of lines, percent of the rated current; left out: what the file says of each, else 100."""
    transformer_loading_percent: LoadingPercent | None = None
    """Largest loading of transformers, percent of the rated current; left out: what the file says of each, else 100."""
    element: tuple[ElectricElementSpec, ...] = ()
    """Limits of single elements."""

    @model_validator(mode="after")
    def _general_band(self) -> Self:
        least, most = self.voltage_pu.min or USUAL_VOLTAGE_PU[0], self.voltage_pu.max or USUAL_VOLTAGE_PU[1]
        if least >= most:
            refuse(f"is not below max = {most:g}", remedy=_WIDEN, key="voltage_pu.min")
        return self


class ElectricitySpec(GridSource):
    """The electric network."""

    slack_voltage_pu: SlackVoltagePu | None = None
    """Voltage where the network above feeds in, p.u.; left out: what the network itself says."""
    background: Name | None = None
    """Profile that multiplies all that the network's own elements draw (loads, single-phase loads, motors, wards,
    storages) and no prosumer replaces; left out: they are dropped."""
    generation: Name | None = None
    """Static generators of the network that no prosumer replaces: `keep` (as they stand), `drop`, or the profile that
    multiplies them; left out: `keep`, with a warning."""
    limits: ElectricLimitsSpec = ElectricLimitsSpec()
    """What the network is checked against."""


HEAT_QUANTITIES: dict[str, tuple[str, ...]] = {
    "pipe": ("velocity_m_per_s", "pressure_gradient_pa_per_m"),
    "prosumer": ("differential_pressure_bar", "t_supply_min_c"),
    "plant": ("plant_heat_max_kw", "pump_head_max_bar"),
}
"""Table of an element of a heat network to the limits that it can have."""


class HeatElementSpec(Section):
    """A limit of its own for one pipe, one prosumer's connection or one plant, in place of the general one."""

    table: Literal["pipe", "prosumer", "plant"]
    """Kind of element."""
    name: Name
    """Name of the pipe, prosumer or plant."""
    velocity_m_per_s: VelocityMPerS | None = None
    """Of a pipe: largest velocity, m/s."""
    pressure_gradient_pa_per_m: GradientPaPerM | None = None
    """Of a pipe: largest friction, Pa/m."""
    differential_pressure_bar: PressureBar | None = None
    """At a prosumer: least difference between supply and return, bar."""
    t_supply_min_c: TemperatureC | None = None
    """At a prosumer: least supply temperature, degC."""
    plant_heat_max_kw: RatingKw | None = None
    """Of a plant: its rating, kW."""
    pump_head_max_bar: LiftBar | None = None
    """Of a plant: largest lift of its pump, bar."""

    @model_validator(mode="after")
    def _fitting_quantity(self) -> Self:
        wanted = HEAT_QUANTITIES[self.table]
        others = [key for table, keys in HEAT_QUANTITIES.items() if table != self.table for key in keys]
        if any(getattr(self, key) is not None for key in others) or all(getattr(self, key) is None for key in wanted):
            names = " and ".join(f"`{key}`" for key in wanted)
            refuse(f"is a {self.table}, which has the limits {names}", remedy=f"Give one or both of {names}.")
        return self


class HeatLimitsSpec(Section):
    """Limits that the heat network is checked against."""

    velocity_m_per_s: VelocityMPerS = 2.0
    """Largest velocity in pipes, m/s."""
    pressure_gradient_pa_per_m: GradientPaPerM = 300.0
    """Largest friction in pipes, Pa/m."""
    differential_pressure_bar: PressureBar = 0.5
    """Least difference of pressure between supply and return where a prosumer draws, bar."""
    t_supply_min_c: TemperatureC = 60.0
    """Least supply temperature where a prosumer draws and water flows, degC."""
    plant_heat_max_kw: RatingKw | None = None
    """Rating of each plant, kW; left out: not checked."""
    pump_head_max_bar: LiftBar | None = None
    """Largest lift of each plant's pump, bar; left out: not checked."""
    element: tuple[HeatElementSpec, ...] = ()
    """Limits of single elements."""


class Bypass(Section):
    """Small steady flows from supply to return that keep the ends of strands warm."""

    example: ClassVar[str] = '{ nodes = ["4", "5"], mdot_kg_per_s = 0.08 }'
    nodes: tuple[Name, ...] = ()
    """Nodes of a case that have one; `strand_ends`: every end of a strand."""
    mdot_kg_per_s: BypassFlow | None = None
    """Mass flow of each, kg/s; left out: 0.08."""

    @property
    def flow_kg_per_s(self) -> float:
        """Mass flow of each bypass."""
        return BYPASS_KG_PER_S if self.mdot_kg_per_s is None else self.mdot_kg_per_s


class HeatSpec(GridSource):
    """The district heating network."""

    t_supply_c: WaterC | None = None
    """Temperature at the outlet of all plants, degC; left out: what the network itself says, in a case 75."""
    plant_t_supply_c: dict[Name, WaterC] = Field(default_factory=dict)
    """By the name of a plant: the temperature at its outlet, degC, where it is not that of all."""
    t_return_c: WaterC = 45.0
    """Temperature at the outlet of whoever draws, degC."""
    t_feed_c: WaterC | None = None
    """Temperature at the outlet of whoever feeds in, degC; left out: as the plant that balances the network."""
    t_ground_c: GroundC = 10.0
    """Temperature of the ground around the pipes, degC."""
    friction: Literal["colebrook", "nikuradse", "swamee-jain"] | None = None
    """Law of the friction in pipes; left out: the one stored in the network, else `colebrook`."""
    bypass: Bypass = Bypass()
    """Where water is kept moving."""
    plant_shares: dict[Name, Share] = Field(default_factory=dict)
    """By the name of a plant: the part of the heat drawn net of what is fed in that it feeds. Of the plants of a
    connected network exactly one has no share: it balances."""
    limits: HeatLimitsSpec = HeatLimitsSpec()
    """What the network is checked against."""

    @model_validator(mode="after")
    def _bypasses_of_a_case(self) -> Self:
        if self.file is not None and self.bypass.mdot_kg_per_s is not None:
            remedy = "Leave it out; bypasses of a file stand in the file, as flow controls from supply to return."
            refuse("is for the bypasses of a case", remedy=remedy, key="bypass.mdot_kg_per_s")
        return self

    @model_validator(mode="after")
    def _temperatures(self) -> Self:
        """Those of a file are seen once it is read."""
        of_all = USUAL_SUPPLY_C if self.t_supply_c is None and self.case is not None else self.t_supply_c
        feeds = {"t_supply_c": of_all, "t_feed_c": self.t_feed_c}
        feeds |= {f"plant_t_supply_c.{name}": value for name, value in self.plant_t_supply_c.items()}
        given = {key: value for key, value in feeds.items() if value is not None}
        for key, value in given.items():
            if value <= self.t_return_c:
                refuse(f"is not above t_return_c = {self.t_return_c:g}", remedy="Heat flows from hot to cold.", key=key)
        if self.t_ground_c >= self.t_return_c:
            refuse(
                f"is not below t_return_c = {self.t_return_c:g}",
                remedy="Give the ground's temperature.",
                key="t_ground_c",
            )
        if of_all is not None and self.limits.t_supply_min_c >= max(given.values()):
            problem, remedy = cold_limit(max(given.values()))
            refuse(problem, remedy=remedy, key="limits.t_supply_min_c")
        return self


def cold_limit(hottest_c: float) -> tuple[str, str]:
    """Problem and remedy of a least supply temperature that nothing fed in reaches."""
    return f"cannot be met: the hottest feed is {hottest_c:g} degC", "Lower the limit, or raise t_supply_c."


class Networks(Section):
    """The networks of a scenario; one that is left out is not modelled, and its carrier is not traded."""

    electricity: ElectricitySpec | None = None
    """The electric network."""
    heat: HeatSpec | None = None
    """The district heating network."""

"""Networks of a scenario, and the limits that their operators set."""

from math import inf
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from mosaik_p2p.limits.heat import T_SUPPLY
from mosaik_p2p.scenario.parts.limits import ElectricLimitsSpec, HeatLimitsSpec
from mosaik_p2p.sections.base import Name, Section, refuse
from mosaik_p2p.sections.ranges import BypassFlow, GroundC, Share, SlackVoltagePu, WaterC

KEPT, DROPPED = "keep", "drop"
GENERATION_WORDS = {KEPT: 1.0, DROPPED: 0.0}
"""What `networks.electricity.generation` may say beside a profile, and the factor that it means."""
SIMBENCH = "simbench:"
"""Begin of a `networks.electricity.file` that is no file but a code of SimBench."""
BYPASS_KG_PER_S = 0.08
USUAL_SUPPLY_C = 75.0
"""Outlet of plants where neither the scenario nor the network says otherwise, degC."""


class GridSource(Section):
    """A network: a case that ships, or a file of the user."""

    case: Name | None = None
    """Name of a case that ships; `mosaik-p2p list` names them."""
    file: Name | None = None
    """Path of a network of your own, as pandapower or pandapipes writes it: JSON, of electricity also Excel (.xlsx); or
    there a code of SimBench, such as "simbench:1-LV-rural1--0-no_sw" (needs the extra `simbench`)."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.case is None) == (self.file is None):
            fault = "names neither a case nor a file" if self.case is None else "names a case and a file"
            refuse(fault, remedy="Give `case` (a network that ships) or `file`, one of them.")
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
    multiplies them; left out: `keep`, with a warning. Those that go take their controllers with them."""
    limits: ElectricLimitsSpec = ElectricLimitsSpec()
    """What the network is checked against."""


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
    """Temperature at the outlet of consumers, degC."""
    t_feed_c: WaterC | None = None
    """Temperature at the outlet of producers, degC; left out: as the plant that balances the network."""
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
        if of_all is not None and least_supply_c(self.limits) >= max(given.values()):
            problem, remedy = cold_limit(max(given.values()))
            refuse(problem, remedy=remedy, key=f"limits.{T_SUPPLY.all_key}")
        return self


def least_supply_c(limits: HeatLimitsSpec) -> float:
    """The least supply temperature that all prosumers are to get, degC; minus infinity where none is set."""
    stated = limits.stated(T_SUPPLY.all_key)
    return -inf if stated is None else stated


def cold_limit(hottest_c: float) -> tuple[str, str]:
    """Problem and remedy of a least supply temperature that nothing fed in reaches."""
    return f"cannot be met: the hottest feed is {hottest_c:g} degC", "Lower the limit, or raise t_supply_c."


class Networks(Section):
    """The networks of a scenario; one that is left out is not modelled, and its carrier is not traded."""

    electricity: ElectricitySpec | None = None
    """The electric network."""
    heat: HeatSpec | None = None
    """The district heating network."""

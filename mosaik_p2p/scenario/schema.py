"""The scenario file: every section and key, with its meaning, unit and default.

A scenario is read by `mosaik_p2p.loading.load`; these classes say what a single table may hold. What needs more
than one table (names that refer to each other, files, networks) is checked by the door.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    SerializeAsAny,
    Tag,
    ValidationInfo,
    model_validator,
)

from mosaik_p2p.devices.registry import DeviceSpec, device_kinds
from mosaik_p2p.market.algorithm_registry import ALGORITHMS
from mosaik_p2p.market.designs.base import Design
from mosaik_p2p.scenario.parts.charges import Charges
from mosaik_p2p.scenario.parts.connection import ConnectionSpec
from mosaik_p2p.scenario.parts.grids import Networks
from mosaik_p2p.scenario.parts.market_design import DesignName, design_of, with_design_tables
from mosaik_p2p.scenario.parts.preferences import Preference
from mosaik_p2p.scenario.parts.profiles import ProfileSpec
from mosaik_p2p.scenario.parts.tariffs import Tariff
from mosaik_p2p.scenario.parts.uncertainty import Uncertainty
from mosaik_p2p.scenario.parts.weather import WeatherSpec
from mosaik_p2p.sections.base import Name, OpenNames, Place, PlainName, ProsumerName, Section, allows_code, refuse
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.sections.ranges import (
    CostPerKwh,
    DailyCost,
    ElementIndex,
    HouseScale,
    Iterations,
    PowerFactor,
    PricePerKwh,
    Seed,
    Share,
)
from mosaik_p2p.sections.registry import KindRefused
from mosaik_p2p.sections.resample import MINUTES_PER_DAY
from mosaik_p2p.sections.scale import Scale
from mosaik_p2p.sections.time import Time

LIFTS_LIMIT = 20
EVERY_LIMIT = 1_000_000
ROUNDS_LIMIT = 50
"""Well below the loops that mosaik allows within one instant."""


def _known_algorithm(name: str, info: ValidationInfo) -> str:
    try:
        ALGORITHMS.find(name, allow_code=allows_code(info))
    except KindRefused as refused:
        refuse(refused.problem, remedy=refused.remedy)
    return name


class Reputation(Section):
    """Mutual reputation of every two prosumers, between 0 (strangers) and 1; see `mosaik_p2p.market.reputation`."""

    benefit_per_kwh: CostPerKwh = 0.0
    """What a kWh traded at full reputation is worth to each end, currency per kWh."""
    growth: Share = 0.1
    """What the first trade adds to the index; a later one adds this times its share of all payments so far."""


class Market(Section):
    """How the market clears, and when a clearing is good enough."""

    design: DesignName = "p2p"
    """Who trades, and how the networks' limits are kept: `mosaik-p2p list` says of each design what it is. One that has
    keys has a table of its own, `[market.NAME]`; one named as package.module:name has `[market.parameters]`."""
    form: Literal["auto", "bilateral", "network", "partners"] = "auto"
    """How the clearing is split between members and network: `bilateral`, `network`, `partners`, or `auto`, which takes
    the fastest that fits. All of them find the same market."""
    algorithm: Annotated[Name, AfterValidator(_known_algorithm), OpenNames(ALGORITHMS.names)] = "admm"
    """What finds the market's point of rest, in every clearing."""
    relative_gap: Annotated[float, Field(strict=True, gt=0.0, lt=1.0)] = 1e-3
    """A clearing is good enough within this of the optimum, as a share of the cost."""
    max_iterations: Iterations = 5000
    """Iterations after which a clearing has not converged."""
    on_not_converged: Literal["stop", "central", "last_feasible"] = "stop"
    """What then follows: `stop` the run, solve the market at one place (`central`), or go on with the best dispatch
    that was found (`last_feasible`). What has status `gap_open` (stores held to one direction) is used anyway."""
    reputation: Reputation = Reputation()
    """What trading with known partners is worth."""
    partners: tuple[tuple[Name, Name], ...] | None = None
    """Pairs that may trade with each other, such as [["A", "B"], ["A", "C"]]; left out: everyone with everyone."""
    partners_file: Name | None = None
    """CSV of more such pairs, with the columns `i` and `j`."""
    preferences: tuple[Preference, ...] = ()
    """What pairs put on trading with each other."""
    preferences_file: Name | None = None
    """CSV of more of these, with the columns `carrier`, `i`, `j`, `a` and `b`."""

    # Besides, a table for each design that has keys.
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, SerializeAsAny[Section] | None] = Field(init=False)

    @model_validator(mode="before")
    @classmethod
    def _with_design_tables(cls, data: Any, info: ValidationInfo) -> Any:
        return with_design_tables(data, cls.known_keys(), info) if isinstance(data, dict) else data

    @property
    def chosen_design(self) -> Design:
        """The design with its keys."""
        return design_of(self.design, self.design_tables)

    @property
    def design_tables(self) -> Mapping[str, Any]:
        """The tables of designs that the scenario has, by name, those of other designs than the chosen one too."""
        return {key: table for key, table in (self.__pydantic_extra__ or {}).items() if table is not None}


class Negotiation(Section):
    """Whether the market answers a violated limit by surcharges, and how often at most: within the same interval or,
    where it clears day-ahead, for a whole block before the first dispatch (what the networks then still find violated
    stays so).

    Off: the networks are checked and the verdict is recorded.
    """

    enabled: Annotated[bool, Field(strict=True)] = False
    """Whether it negotiates."""
    max_rounds: Annotated[int, Field(strict=True, ge=1, le=ROUNDS_LIMIT)] = 10
    """Rounds of surcharges; then operating envelopes follow."""
    limits_ahead: Annotated[bool, Field(strict=True)] = False
    """Whether limits that the plan for the rest of the look-ahead would break are held, too, so that storages and cars
    prepare for them, at several times the computing; only the interval that begins is negotiated else. Of a rolling
    market; a day-ahead market holds them in any case."""
    revenue: Literal["operator", "returned"] = "operator"
    """Who has the surcharges, rebates counted against them: the `operator`, or the prosumers, to whom they are
    `returned` at the end of the run in proportion to what each pays or earns without trade."""


def _at_least_alone(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        refuse("is empty, and the case without trade is always computed", remedy='Use ["alone"], or leave the key out.')
    return value


class FixedCost(Section):
    """What the networks cost the operator whatever flows in them: investment, upkeep."""

    example: ClassVar[str] = "{ electricity = 40.0, heat = 25.0 }"
    electricity: DailyCost = 0.0
    """Of the electric network, currency per day of 24 h."""
    heat: DailyCost = 0.0
    """Of the heat network, currency per day of 24 h."""


class Settlement(Section):
    """What the run is compared with, and what the operator pays for losses and networks."""

    counterfactuals: Annotated[
        tuple[Literal["alone", "without_charges", "without_negotiation"], ...], AfterValidator(_at_least_alone)
    ] = ("alone",)
    """`alone` is always computed; the others are runs of their own, which take their time."""
    loss_price_per_kwh: PricePerKwh | None = None
    """What the operator pays for electric losses and pumping, currency per kWh; left out: they have no price."""
    losses: Literal["caused", "whole"] = "caused"
    """Which losses the operator pays: `caused` by the prosumers (with them, less without them), or those of the
    `whole` network, its other loads included."""
    loss_allocation: Literal["ray", "z_bus", "pro_rata", "marginal", "none"] = "ray"
    """To whom electric losses belong (table `losses`): by their slopes on the way from no prosumers to the dispatch
    (`ray`: adds up to what the prosumers cause), by the currents (`z_bus`: adds up to the whole network's), by size
    (`pro_rata`), or by the slopes at the dispatch (`marginal`: does not add up). `none`: not computed. Needs `nobody`
    among `through_networks`."""
    fixed_cost_per_day: FixedCost = FixedCost()
    """What the operator has to recover beside losses, by network, such as { electricity = 40.0, heat = 25.0 };
    currency per day of 24 h."""
    through_networks: tuple[Literal["alone", "nobody"], ...] = ("alone", "nobody")
    """Days without the market that go through both networks after the run: everyone `alone` (no trade), by which the
    market's effect on the limits is judged, and `nobody` there, by which caused losses are known. Empty: neither."""
    lift_limits: Annotated[int, Field(strict=True, ge=0, le=LIFTS_LIMIT)] = 0
    """How many of the limits that a negotiation paid most for are checked by a run without that limit."""


class ResultsSpec(Section):
    """What is stored of the networks' elements, and what is computed from the results after the run.

    Verdict, summary and totals are those of all intervals, whatever is stored.
    """

    tables: tuple[Name, ...] | None = None
    """The tables of network elements (`buses`, `lines`, `transformers`, `heat_exchanges`, `plants`, `junctions`,
    `pipes`) that are stored; left out: all. Those that are not named keep the intervals of worst values alone. All
    other tables are always stored: summary, report and `--resume` need them."""
    every: Annotated[int, Field(strict=True, ge=1, le=EVERY_LIMIT)] = 1
    """Of these tables every so many intervals one is stored, the first one of the run being so: 24 stores an hour of
    each day. Besides, always the intervals in which a worst value of the network was worse than ever before."""

    quantities: tuple[Name, ...] = ()
    """Result quantities, a table each, computed after the run: by name (`mosaik-p2p list` has them), or as
    package.module:name. docs/tables.md has those that ship, docs/extending.md shows how to write one."""


class JunctionPair(Section):
    """Supply and return junction of a connection, by name or index."""

    example: ClassVar[str] = '{ supply = "S7", return = "R7" }'
    supply: Place
    """Junction on the supply side."""
    return_: Place = Field(alias="return")
    """Junction on the return side."""


def _kind_of_junction(value: Any) -> str:
    return "junction:pair" if isinstance(value, dict | JunctionPair) else "junction:node"


Junction: TypeAlias = Annotated[
    Annotated[JunctionPair, Tag("junction:pair")] | Annotated[Place, Tag("junction:node")],
    Discriminator(_kind_of_junction),
]


class ElementSpec(Section):
    """An element of a network's table, by its index."""

    example: ClassVar[str] = '{ table = "motor", index = 0 }'
    table: Literal["load", "asymmetric_load", "motor", "ward", "xward", "storage", "sgen", "asymmetric_sgen"]
    """Table of the network."""
    index: ElementIndex
    """Index in that table."""


def _kind_of_element(value: Any) -> str:
    return "element:row" if isinstance(value, dict | ElementSpec) else "element:place"


Element: TypeAlias = Annotated[
    Annotated[ElementSpec, Tag("element:row")] | Annotated[Place, Tag("element:place")],
    Discriminator(_kind_of_element),
]


class ProsumerSpec(Section):
    """A member of the market, where it is connected and what it owns."""

    consumed_keys: ClassVar[tuple[str, ...]] = ("template",)

    name: ProsumerName
    """Its name, unlike all others."""
    bus: Place | None = None
    """Bus of the electric network, by name or index; left out: not connected, unless it replaces something there."""
    junction: Junction | None = None
    """Node of the heat network, or its junctions; left out: not connected, unless it replaces a consumer."""
    replaces_load: Element | None = None
    """What draws in the electric network and this prosumer stands for, so that it leaves the background: a load, motor,
    ward, storage or single-phase load by name, a load by index, or `{ table = "motor", index = 0 }`."""
    replaces_generator: Element | None = None
    """A static generator of the electric network that this prosumer stands for: by name, by index, or, where it is one
    of single phases, `{ table = "asymmetric_sgen", index = 0 }`."""
    replaces_consumer: Place | None = None
    """A heat consumer of the heat network's file that this prosumer stands for; it leaves the background."""
    power_factor: PowerFactor = 1.0
    """Of what draws (loads, heat pump, electric boiler): 0.95 draws reactive power whatever the roof feeds in; 1: none.
    PV, battery, vehicle, generator and CHP have a `power_factor` of their own."""
    scale: HouseScale = 1.0
    """Multiplies the profiles of its loads."""
    shift_minutes: Annotated[int, Field(strict=True, ge=-MINUTES_PER_DAY, le=MINUTES_PER_DAY)] = 0
    """Moves the profiles of its loads later (negative: earlier); at the ends of the span the same hour a day
    away stands in."""
    connection: ConnectionSpec | None = None
    """What may go over its connections, such as { electricity = { min_kw = -30, max_kw = 10 } }."""
    tariffs: tuple[Name, ...] = ()
    """Names of its contracts, at most one per carrier."""
    devices: tuple[DeviceSpec, ...] = ()
    """What it owns: a list of tables, each with a `type`."""


class Template(Section):
    """Parameters that devices share, one table per type; with `devices`, a template serves whole prosumers."""

    devices: tuple[dict[str, Any], ...] = ()
    """Of whole prosumers."""
    tariffs: tuple[Name, ...] = ()
    """Of whole prosumers."""
    power_factor: PowerFactor | None = None
    """Of whole prosumers."""
    connection: ConnectionSpec | None = None
    """Of whole prosumers."""

    # Besides, a table for each type of device.
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, dict[str, Any]] = Field(init=False)

    @model_validator(mode="before")
    @classmethod
    def _types_that_there_are(cls, data: Any) -> Any:
        known = (*cls.model_fields, *device_kinds())
        for key in data if isinstance(data, dict) else ():
            if key not in known:
                refuse("is not a known key", remedy=did_you_mean(key, known, what="keys here"), key=key)
        return data


class Scenario(Section):
    """A whole scenario; templates and the table of houses are worked into `prosumers` before they are checked."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    """Version of this file format."""
    name: PlainName
    """Name of the scenario, and of its result folder."""
    title: str = ""
    """Title of the summary and the report."""
    currency: Name = "EUR"
    """Currency of every price, as it is printed."""
    seed: Seed = 1
    """Seed of everything that is drawn at random."""
    time: Time
    """Which intervals."""
    weather: WeatherSpec | None = None
    """Where sun and temperatures come from; left out: no profile may need them."""
    networks: Networks = Networks()
    """What carries the trades."""
    charges: Charges = Charges()
    """What the use of the networks costs."""
    market: Market = Market()
    """How it clears."""
    negotiation: Negotiation = Negotiation()
    """What follows when limits are violated."""
    scale: Scale = Scale()
    """Factors on all prosumers."""
    uncertainty: Uncertainty | None = None
    """What is drawn from the seed; left out: nothing but what the rows of `prosumers_file` leave to it."""
    profiles: dict[str, ProfileSpec] = Field(default_factory=dict)
    """Series by name. Where a profile is asked for, `loads.csv:H1` names a column of a file without a table here."""
    profiles_file: Name | None = None
    """CSV or Parquet file of more of them: every column beside `time` is a profile of that name."""
    tariffs: dict[str, Tariff] = Field(default_factory=dict)
    """Contracts by name."""
    templates: dict[str, Template] = Field(default_factory=dict)
    """Parameters that several devices or prosumers share, by name."""
    prosumers: tuple[ProsumerSpec, ...] = ()
    """The members of the market."""
    prosumers_file: Name | None = None
    """CSV of more prosumers, a row each, with the columns `name`, `bus`, `junction_supply`, `junction_return`,
    `replaces_load`, `replaces_generator`, `replaces_consumer`, `template`, `scale`, `shift_minutes` (only `name` is
    needed; `mosaik-p2p keys prosumers_file` says what they mean). The last two may say `random`: then they are drawn
    from the seed, scales with mean 1 and shifts within an hour."""
    settlement: Settlement = Settlement()
    """What the run is compared with."""
    results: ResultsSpec = ResultsSpec()
    """What is computed from the results."""

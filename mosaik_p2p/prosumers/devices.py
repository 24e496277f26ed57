"""What a prosumer owns, ready for use: every profile is an array over the whole span, every place an index.

The span of a run is its intervals and those that its look-aheads cover after it. Power is in kW, prices in the
scenario's currency per kWh.
Sources of the device models: Chen and Liu 2025, section 2 (the README names the paper).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from mosaik_p2p.units import FloatArray, IntArray


@dataclass(frozen=True)
class Series:
    """A quantity as it is expected and as it turns out, each of shape (span,)."""

    forecast: FloatArray
    realised: FloatArray


@dataclass(frozen=True)
class FixedLoad:
    """A load that must be served as it comes; `demand` in kW."""

    name: str
    carrier: str
    demand: Series


@dataclass(frozen=True)
class FlexibleLoad:
    """A load that may be shifted within each day at a discomfort `discomfort_per_kw2h (d - d_forecast)^2 dt`."""

    name: str
    carrier: str
    demand: Series
    min_kw: float
    max_kw: float
    discomfort_per_kw2h: float


@dataclass(frozen=True)
class ElasticLoad:
    """A load that takes the more the cheaper energy is: utility `(b d - a/2 d^2) dt` of drawing d kW.

    `b` is `utility_per_kwh`, `a` is `utility_slope_per_kw2h`.
    """

    name: str
    carrier: str
    max_kw: float
    utility_per_kwh: float
    utility_slope_per_kw2h: float


@dataclass(frozen=True)
class Pv:
    """A curtailable photovoltaic plant; `available` in kW."""

    name: str
    available: Series
    cost_per_kwh: float
    power_factor: float = 1.0
    """Signed, see `prosumers.state.reactive_share`."""


@dataclass(frozen=True)
class SolarCollector:
    """A curtailable solar thermal collector; `available` in kW of heat."""

    name: str
    available: Series
    cost_per_kwh: float


@dataclass(frozen=True)
class Battery:
    """An electric storage; the efficiencies apply on the way in and on the way out."""

    name: str
    charge_max_kw: float
    discharge_max_kw: float
    energy_min_kwh: float
    energy_max_kwh: float
    energy_initial_kwh: float
    energy_final_kwh: float
    """Least level at the end of every look-ahead."""
    efficiency_charge: float
    efficiency_discharge: float
    cost_per_kwh: float
    power_factor: float = 1.0
    """Signed, see `prosumers.state.reactive_share`."""


@dataclass(frozen=True)
class HeatTank:
    """A heat storage that loses a share of its content in every hour."""

    name: str
    charge_max_kw: float
    discharge_max_kw: float
    energy_min_kwh: float
    energy_max_kwh: float
    energy_initial_kwh: float
    energy_final_kwh: float
    """Least level at the end of every look-ahead."""
    efficiency_charge: float
    efficiency_discharge: float
    loss_per_h: float
    """Share of the content lost in an hour, in [0, 1)."""
    cost_per_kwh: float


@dataclass(frozen=True)
class Ev:
    """An electric vehicle: a battery that is there only while plugged in.

    It arrives with `energy_arrival_kwh` and takes all it holds away with it; what it then lacks to
    `energy_departure_kwh` is a shortfall at a price above every other (see `market.recourse`).
    """

    name: str
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

    def is_there(self, k: int) -> bool:
        """Whether it is plugged in during interval `k` of the span."""
        return bool(self.intervals_left[k] >= 0)


@dataclass(frozen=True)
class HeatPump:
    """Turns electricity into heat: `heat = cop * el`; `cop` of shape (span,)."""

    name: str
    el_max_kw: float
    cop: FloatArray


@dataclass(frozen=True)
class ElectricBoiler:
    """Turns electricity into heat: `heat = efficiency * el`."""

    name: str
    el_max_kw: float
    efficiency: float


@dataclass(frozen=True)
class GasBoiler:
    """Turns fuel into heat: `heat = efficiency * fuel`; the price of shape (span,) is per kWh of fuel."""

    name: str
    heat_max_kw: float
    efficiency: float
    fuel_price_per_kwh: FloatArray


@dataclass(frozen=True)
class Chp:
    """Turns fuel into electricity and heat: `el = power_to_heat * heat`, `el + heat = efficiency * fuel`."""

    name: str
    el_max_kw: float
    efficiency: float
    power_to_heat: float
    fuel_price_per_kwh: FloatArray
    power_factor: float = 1.0
    """Signed, see `prosumers.state.reactive_share`."""

    @property
    def efficiency_el(self) -> float:
        """Electricity per fuel."""
        return self.efficiency * self.power_to_heat / (1.0 + self.power_to_heat)

    @property
    def efficiency_heat(self) -> float:
        """Heat per fuel."""
        return self.efficiency / (1.0 + self.power_to_heat)


@dataclass(frozen=True)
class Generator:
    """An electric generator that costs `(a/2 p^2 + b p) dt`; `a` is `cost_per_kw2h`, `b` is `cost_per_kwh`."""

    name: str
    min_kw: float
    max_kw: float
    cost_per_kwh: float
    cost_per_kw2h: float
    power_factor: float = 1.0
    """Signed, see `prosumers.state.reactive_share`."""


@dataclass(frozen=True)
class Contract:
    """What the utility (electricity) or the heat supplier (heat) offers; prices of shape (span,)."""

    name: str
    carrier: str
    import_price_per_kwh: FloatArray
    export_price_per_kwh: FloatArray | None
    """None: nothing can be exported."""
    import_max_kw: float
    export_max_kw: float


Machine: TypeAlias = Pv | Battery | Ev | Generator | Chp
"""What has a power factor of its own; what only draws goes by its owner's."""
Store: TypeAlias = Battery | HeatTank | Ev
"""What has a level."""
Device: TypeAlias = (
    FixedLoad
    | FlexibleLoad
    | ElasticLoad
    | Pv
    | SolarCollector
    | Store
    | HeatPump
    | ElectricBoiler
    | GasBoiler
    | Chp
    | Generator
)


@dataclass(frozen=True)
class Prosumer:
    """A member of the market and its places in the networks."""

    name: str
    bus: int | None
    """Index of its bus in the pandapower net, None where it has no electric connection."""
    junctions: tuple[int, int] | None
    """Indices of its supply and return junction in the pandapipes net, None where it has no heat connection."""
    power_factor: float
    """Of what draws electricity."""
    devices: tuple[Device, ...]
    contracts: tuple[Contract, ...]
    connection_kw: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    """By carrier: what it may feed into the network at the least (negative: draw at the most) and at the most."""

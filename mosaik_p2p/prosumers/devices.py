"""What a prosumer owns, ready for use: every profile is an array over the whole span, every place an index.

The span of a run is `steps + horizon_steps - 1` intervals. Power is in kW, prices in the scenario's currency per kWh.
Sources of the device models: Chen and Liu 2025 (doi of the paper in the README), section 2 of their paper.
"""

from dataclasses import dataclass
from typing import TypeAlias

from mosaik_p2p.units import FloatArray


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
class Pv:
    """A curtailable photovoltaic plant; `available` in kW."""

    name: str
    available: Series
    cost_per_kwh: float


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


@dataclass(frozen=True)
class HeatPump:
    """Turns electricity into heat: `heat = cop * el`; `cop` of shape (span,)."""

    name: str
    el_max_kw: float
    cop: FloatArray


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


Device: TypeAlias = FixedLoad | FlexibleLoad | Pv | SolarCollector | Battery | HeatPump


@dataclass(frozen=True)
class Prosumer:
    """A member of the market and its places in the networks."""

    name: str
    bus: int | None
    """Index of its bus in the pandapower net, None where it has no electric connection."""
    junctions: tuple[int, int] | None
    """Indices of its supply and return junction in the pandapipes net, None where it has no heat connection."""
    power_factor: float
    devices: tuple[Device, ...]
    contracts: tuple[Contract, ...]

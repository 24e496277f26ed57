"""The prosumers of a draft: loads of the electric network, consumers of the heat network, and what they own.

Sizes grow with what the load or consumer is rated at, so that a house gets a roof and a village of one load many. They
are usual values of German houses and nobody's own; the scenario that is written says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import hypot
from typing import Any

from mosaik_p2p.drafts.wishes import CAR, COLLECTOR, HEAT_PUMP, PV, STORAGE, Wishes
from mosaik_p2p.networks.electric.network import ElectricNetwork, unsupplied_buses
from mosaik_p2p.networks.heat.choice import HeatNetwork
from mosaik_p2p.scenario.parts.houses import drawn
from mosaik_p2p.sections.ranges import LEAST_POWER_FACTOR

KW_PER_MW = 1000.0
FULL_LOAD_HOURS, HEAT_HOURS = 1900.0, 1800.0
"""Energy of a year in hours at what a load, or a consumer of heat, is rated at."""
HEAT_KWH_PER_KW = 6000.0
"""Heat of a year where no heat network says it, kWh per kW of electric load: 12 000 kWh of a house rated at 2 kW."""
PV_KWP_PER_KW, STORAGE_KWH_PER_KW, STORAGE_HOURS, HEAT_PUMP_EL_PER_KW = 2.0, 2.0, 2.0, 2.0
"""By kW of electric load: peak power, capacity (filled in so many hours), electric power of a heat pump."""
PUMP_SHARE, COLLECTOR_M2_PER_KW = 0.25, 1.5
"""By kW of a consumer of the heat network: electric power of a heat pump, area of a collector."""
KW_PER_CAR, CAR_KW, CAR_KWH = 4.0, 11.0, 60.0
"""Load that one car comes with, its charging power and capacity."""
SINGLE_HOUSE_KW = 15.0
"""Loads above stand for many houses, whose curve is smoother."""
HOUSE_KW = 2.0
IMPORT_RESERVE = 3.0
"""Largest import by the power of all that a prosumer owns, of which no clearing needs as much."""


@dataclass(frozen=True, kw_only=True)
class House:
    """A prosumer of the draft; what it does not own is None."""

    name: str
    element: int | None = None
    """Index of the load that it stands for."""
    bus: str | None = None
    load_name: str = ""
    load_kw: float = 0.0
    power_factor: float = 1.0
    shift_minutes: int = 0
    consumer: int | None = None
    """Index of the consumer of heat that it stands for."""
    consumer_name: str = ""
    heat_kw: float = 0.0
    pv_kwp: float | None = None
    storage_kwh: float | None = None
    storage_kw: float | None = None
    heat_pump_kw: float | None = None
    cars: int | None = None
    collector_m2: float | None = None

    @property
    def annual_kwh(self) -> float:
        """Electricity of a year."""
        return rounded(FULL_LOAD_HOURS * self.load_kw)

    @property
    def annual_heat_kwh(self) -> float | None:
        """Heat of a year, where it needs any: from the heat network, or from a heat pump of its own."""
        if self.consumer is not None:
            return rounded(HEAT_HOURS * self.heat_kw)
        return None if self.heat_pump_kw is None else rounded(HEAT_KWH_PER_KW * self.load_kw)

    @property
    def houses(self) -> int:
        """How many houses the electric load stands for."""
        return max(1, round(self.load_kw / HOUSE_KW)) if self.load_kw > SINGLE_HOUSE_KW else 1

    @property
    def car_kw(self) -> float:
        """Charging power of all its cars."""
        return CAR_KW * (self.cars or 0)

    @property
    def car_kwh(self) -> float:
        """Capacity of all its cars."""
        return CAR_KWH * (self.cars or 0)

    @property
    def connection_kw(self) -> float:
        """What it may draw at most."""
        owned = (
            self.load_kw + (self.storage_kw or 0.0) + (self.heat_pump_kw or 0.0) + self.car_kw + (self.pv_kwp or 0.0)
        )
        return IMPORT_RESERVE * owned

    @property
    def owns(self) -> tuple[str, ...]:
        """The kinds of what it owns."""
        kinds: Mapping[str, Any] = {
            PV: self.pv_kwp,
            STORAGE: self.storage_kwh,
            HEAT_PUMP: self.heat_pump_kw,
            CAR: self.cars,
            COLLECTOR: self.collector_m2,
        }
        return tuple(kind for kind, size in kinds.items() if size is not None)


def houses_of(wishes: Wishes, electric: ElectricNetwork | None, heat: HeatNetwork | None) -> tuple[House, ...]:
    """The prosumers, at loads and consumers drawn from the seed; those of two networks are paired in their order."""
    loads = [] if electric is None else _loads(electric)
    consumers = [] if heat is None else _consumers(heat)
    kept = [loads[position] for position in wishes.chosen(len(loads))]
    warm = [consumers[position] for position in wishes.chosen(len(consumers))]
    count = max(len(kept), len(warm))
    width = len(str(count))
    rows = [
        {**_at(kept, position), **_at(warm, position), "name": f"P{position + 1:0{width}}"} for position in range(count)
    ]
    owners = {what: wishes.owners(what, count) for what in (PV, STORAGE, HEAT_PUMP, CAR, COLLECTOR)}
    return tuple(
        House(**row, **_owned(row, {what for what, who in owners.items() if position in who}), **_shift(row, wishes))
        for position, row in enumerate(rows)
    )


def replaced_loads(houses: Iterable[House]) -> frozenset[int]:
    """Indices of the loads that prosumers stand for."""
    return frozenset(house.element for house in houses if house.element is not None)


def rounded(value: float) -> float:
    """To three digits: more would claim to be known."""
    return float(f"{value:.3g}")


def _at(rows: list[dict[str, Any]], position: int) -> dict[str, Any]:
    return rows[position] if position < len(rows) else {}


def _shift(row: Mapping[str, Any], wishes: Wishes) -> dict[str, Any]:
    return {"shift_minutes": drawn(seed=wishes.seed, name=row["name"], step_minutes=60).shift_minutes}


def _owned(row: Mapping[str, Any], kinds: set[str]) -> dict[str, Any]:
    """The sizes of what it owns; a device needs the network that it draws from or feeds."""
    kw, heat_kw = row.get("load_kw", 0.0), row.get("heat_kw", 0.0)
    found: dict[str, Any] = {}
    if kw and PV in kinds:
        found["pv_kwp"] = rounded(PV_KWP_PER_KW * kw)
    if kw and STORAGE in kinds:
        kwh = rounded(STORAGE_KWH_PER_KW * kw)
        found |= {"storage_kwh": kwh, "storage_kw": rounded(kwh / STORAGE_HOURS)}
    if kw and CAR in kinds:
        found["cars"] = max(1, round(kw / KW_PER_CAR))
    if kw and HEAT_PUMP in kinds:
        found["heat_pump_kw"] = rounded(PUMP_SHARE * heat_kw if heat_kw else HEAT_PUMP_EL_PER_KW * kw)
    if heat_kw and COLLECTOR in kinds:
        found["collector_m2"] = rounded(COLLECTOR_M2_PER_KW * heat_kw)
    return found


def _loads(network: ElectricNetwork) -> list[dict[str, Any]]:
    """The loads that a prosumer may stand for: they draw, and are connected."""
    net, apart = network.net, unsupplied_buses(network)
    found = []
    for row in net.load.itertuples():
        kw = float(row.p_mw) * float(row.scaling) * KW_PER_MW
        bus = int(row.bus)
        if not (row.in_service and kw > 0.0 and net.bus.at[bus, "in_service"]) or bus in apart:
            continue
        found.append(
            {
                "element": int(row.Index),
                "bus": str(net.bus.at[bus, "name"]),
                "load_name": str(row.name),
                "load_kw": rounded(kw),
                "power_factor": _power_factor(float(row.p_mw), float(row.q_mvar)),
            }
        )
    return found


def _power_factor(p_mw: float, q_mvar: float) -> float:
    """Of a load that draws reactive power; one that feeds some in has 1, as no prosumer's load does."""
    if q_mvar <= 0.0:
        return 1.0
    return max(LEAST_POWER_FACTOR, float(round(p_mw / hypot(p_mw, q_mvar), 3)))


def _consumers(network: HeatNetwork) -> list[dict[str, Any]]:
    return [
        {"consumer": consumer.element, "consumer_name": consumer.name, "heat_kw": rounded(consumer.heat_kw)}
        for consumer in network.file_consumers
        if consumer.heat_kw > 0.0
    ]

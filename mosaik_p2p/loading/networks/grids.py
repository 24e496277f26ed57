"""Networks of a scenario with the limits that they are checked against."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.limits.heat import T_SUPPLY
from mosaik_p2p.limits.registry import registration_faults
from mosaik_p2p.limits.stated import ElementLimit, NetworkLimits
from mosaik_p2p.loading.networks.file_limits import band_faults, with_file_limits
from mosaik_p2p.loading.networks.limit_faults import limit_faults
from mosaik_p2p.networks.electric.network import (
    ELECTRIC_CASES,
    ElectricNetwork,
    electric_case,
    electric_file,
    electric_simbench,
)
from mosaik_p2p.networks.electric.stored_limits import TABLES, stored_ratings
from mosaik_p2p.networks.heat.choice import HEAT_CASES, HeatNetwork, HeatSettings, heat_case, heat_file
from mosaik_p2p.scenario.parts.grids import SIMBENCH, ElectricitySpec, HeatSpec, cold_limit, least_supply_c
from mosaik_p2p.scenario.parts.limits import ElementLimits, NetworkLimitsSpec
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.units import ELECTRICITY, HEAT

ELECTRICITY_PLACE = "networks.electricity"
HEAT_PLACE = "networks.heat"


@dataclass(frozen=True, eq=False)
class Grids:
    """The networks that could be had, with their limits."""

    electric: ElectricNetwork | None
    heat: HeatNetwork | None
    electricity: ElectricitySpec | None
    """What the scenario says of the electric network, with the limits of its file worked in."""
    electric_limits: NetworkLimits | None
    heat_limits: NetworkLimits | None
    faults: tuple[Fault, ...]


def grids_of(scenario: Scenario, folder: Path) -> Grids:
    """The networks of a scenario; files are relative to `folder`."""
    spec = scenario.networks
    electric, electric_faults = (None, []) if spec.electricity is None else _electric(spec.electricity, folder)
    heat, heat_faults = (None, []) if spec.heat is None else _heat(spec.heat, folder)
    faults = [*electric_faults, *heat_faults]
    for place, network in ((ELECTRICITY_PLACE, spec.electricity), (HEAT_PLACE, spec.heat)):
        faults.extend(() if network is None else _doubles(place, network.limits.element))
    if electric is not None and spec.electricity is not None:
        faults.extend(_unknown_electric_elements(spec.electricity, electric))
    if heat is not None and spec.heat is not None:
        faults.extend(_unknown_heat_elements(spec.heat, heat, scenario))
        faults.extend(_cold_feeds(spec.heat, heat))
    electricity = None if spec.electricity is None else with_file_limits(spec.electricity, electric)
    if electricity is not None:
        faults.extend(band_faults(ELECTRICITY_PLACE, electricity))
    electric_limits = None if electricity is None else _with_ratings(_limits(electricity.limits), electric)
    heat_limits = None if spec.heat is None else _limits(spec.heat.limits)
    faults.extend(registration_faults())
    keeps_limits = scenario.negotiation.enabled or scenario.market.chosen_design.asks_networks
    for name, limits in ((ELECTRICITY, electric_limits), (HEAT, heat_limits)):
        faults.extend(limit_faults(limits, name, keeps_limits=keeps_limits))
    return Grids(
        electric=electric,
        heat=heat,
        electricity=electricity,
        electric_limits=electric_limits,
        heat_limits=heat_limits,
        faults=tuple(faults),
    )


def _electric(spec: ElectricitySpec, folder: Path) -> tuple[ElectricNetwork | None, list[Fault]]:
    if spec.case is not None and spec.case not in ELECTRIC_CASES:
        return None, [_unknown_case(ELECTRICITY_PLACE, spec.case, ELECTRIC_CASES)]
    try:
        return (_of_file(str(spec.file), folder) if spec.case is None else electric_case(spec.case)), []
    except BadInput as error:
        return None, _placed(error, ELECTRICITY_PLACE)


def _of_file(file: str, folder: Path) -> ElectricNetwork:
    if file.startswith(SIMBENCH):
        return electric_simbench(file.removeprefix(SIMBENCH))
    return electric_file(folder / file)


def _heat(spec: HeatSpec, folder: Path) -> tuple[HeatNetwork | None, list[Fault]]:
    if spec.case is not None and spec.case not in HEAT_CASES:
        return None, [_unknown_case(HEAT_PLACE, spec.case, HEAT_CASES)]
    settings = HeatSettings(
        t_supply_c=spec.t_supply_c,
        t_return_c=spec.t_return_c,
        plant_t_supply_c=spec.plant_t_supply_c,
        t_feed_c=spec.t_feed_c,
        t_ground_c=spec.t_ground_c,
        friction=spec.friction,
        bypass_nodes=spec.bypass.nodes,
        bypass_mdot_kg_per_s=spec.bypass.flow_kg_per_s,
        plant_shares=spec.plant_shares,
    )
    try:
        return (
            heat_file(folder / str(spec.file), settings) if spec.case is None else heat_case(spec.case, settings)
        ), []
    except BadInput as error:
        return None, _placed(error, HEAT_PLACE)


def _unknown_case(place: str, case: str, cases: dict[str, str]) -> Fault:
    return Fault(f"{place}.case", repr(case), "no such case ships", did_you_mean(case, cases, what="cases"))


def _placed(error: BadInput, place: str) -> list[Fault]:
    """Faults of a network with the place of its table: a network does not know where the scenario names it."""
    return [replace(fault, place=_place_of(fault.place, place)) for fault in error.faults]


def _place_of(inner: str, table: str) -> str:
    if inner.startswith("networks."):
        return inner
    return f"{table}.file" if inner == "file" else f"{table}.file ({inner})"


def _limits(spec: NetworkLimitsSpec) -> NetworkLimits:
    stated = {of.key: spec.stated(of.all_key) for of in spec.quantities()}
    return NetworkLimits(
        {key: value for key, value in stated.items() if value is not None},
        tuple(ElementLimit(of.key, own.name, value) for own in spec.element for of, value in own.limits()),
    )


def _with_ratings(limits: NetworkLimits, network: ElectricNetwork | None) -> NetworkLimits:
    """With those that the network's file gives single elements, but where the scenario states its own."""
    if network is None:
        return limits
    stated = {(limit.key, limit.name) for limit in limits.elements}
    rated = (limit for limit in stored_ratings(network.net) if (limit.key, limit.name) not in stated)
    return replace(limits, elements=(*limits.elements, *rated))


def _doubles(place: str, elements: Sequence[ElementLimits]) -> Iterator[Fault]:
    """Limits of an element for a quantity that has one already: only one of them could hold."""
    first: dict[tuple[str, str, str], int] = {}
    for position, element in enumerate(elements):
        for key in element.own_keys():
            if getattr(element, key) is None:
                continue
            before = first.setdefault((element.table, element.name, key), position)
            if before != position:
                problem = f"is a duplicate: element[{before}] limits this quantity of the same {element.table}"
                at = f"{place}.limits.element[{position}].{key}"
                yield Fault(at, f"{element.table} {element.name!r}", problem, "Keep one of the two.")


def _unknown_electric_elements(spec: ElectricitySpec, network: ElectricNetwork) -> Iterator[Fault]:
    for position, element in enumerate(spec.limits.element):
        known = list(network.net[TABLES[element.table]]["name"])
        yield from _unknown_element(f"{ELECTRICITY_PLACE}.limits.element[{position}]", element, known)


def _unknown_heat_elements(spec: HeatSpec, network: HeatNetwork, scenario: Scenario) -> Iterator[Fault]:
    known = {
        "pipe": list(network.net.pipe["name"]),
        "prosumer": [prosumer.name for prosumer in scenario.prosumers],
        "plant": [plant.name for plant in network.plants],
        "junction": list(network.net.junction["name"]),
    }
    for position, element in enumerate(spec.limits.element):
        yield from _unknown_element(f"{HEAT_PLACE}.limits.element[{position}]", element, known[element.table])


def _cold_feeds(spec: HeatSpec, network: HeatNetwork) -> Iterator[Fault]:
    """A least supply temperature that no plant of the network reaches, nor anybody who feeds in."""
    hottest_c = max([spec.t_feed_c or 0.0, *(plant.t_supply_c for plant in network.plants)])
    least_c = least_supply_c(spec.limits)
    if least_c >= hottest_c:
        problem, remedy = cold_limit(hottest_c)
        yield Fault(f"{HEAT_PLACE}.limits.{T_SUPPLY.all_key}", f"{least_c:g}", problem, remedy)


def _unknown_element(place: str, element: ElementLimits, known: list[str]) -> Iterator[Fault]:
    if element.name not in known:
        problem = f"the network has no {element.table} of this name"
        yield Fault(f"{place}.name", repr(element.name), problem, did_you_mean(element.name, known))

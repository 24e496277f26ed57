"""Plants: which of them balance, and which feed a share."""

from collections.abc import Sequence
from dataclasses import replace

import networkx as nx
from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.errors import Fault
from mosaik_p2p.networks.heat.graph import junction_graph
from mosaik_p2p.networks.heat.network import HeatSettings, Plant

SHARES_KEY = "networks.heat.plant_shares"
SUPPLY_KEY = "networks.heat.t_supply_c"
TEMPERATURES_KEY = "networks.heat.plant_t_supply_c"
LEAST_SUPPLY_C, MOST_SUPPLY_C = 0.0, 130.0
"""Water in a district heating network, as the scenario has it."""
SUM_TOLERANCE = 1e-9
"""By which shares typed in decimals may exceed the whole."""


def with_shares(
    plants: tuple[Plant, ...], net: pandapipesNet, settings: HeatSettings
) -> tuple[tuple[Plant, ...], list[Fault]]:
    """The plants with the shares that the settings give them, and what is wrong with that.

    In every connected network exactly one plant has to be left that balances, and no more than all heat can be shared.
    """
    names = [plant.name for plant in plants if plant.element is None]
    faults = [
        Fault(SHARES_KEY, repr(name), "no plant has this name", f"Plants of this network: {', '.join(names)}")
        for name in settings.plant_shares
        if names.count(name) != 1
    ]
    shared = tuple(
        replace(plant, share=float(settings.plant_shares[plant.name]))
        if plant.element is None and plant.name in settings.plant_shares
        else plant
        for plant in plants
    )
    for part in _parts(shared, net):
        faults += _part_faults(part)
    return shared, faults


def with_temperatures(plants: tuple[Plant, ...], settings: HeatSettings) -> tuple[tuple[Plant, ...], list[Fault]]:
    """The plants with the outlet temperatures of the settings where these name one, and what is wrong with them."""
    names = [plant.name for plant in plants if plant.element is None]
    faults = [
        Fault(TEMPERATURES_KEY, repr(name), "no plant has this name", f"Plants of this network: {', '.join(names)}")
        for name in settings.plant_t_supply_c
        if names.count(name) != 1
    ]
    own = {**dict.fromkeys(names, settings.t_supply_c), **settings.plant_t_supply_c}
    wanted = [None if plant.element is not None else own[plant.name] for plant in plants]
    told = tuple(
        plant if t_supply_c is None else replace(plant, t_supply_c=float(t_supply_c))
        for plant, t_supply_c in zip(plants, wanted, strict=True)
    )
    return told, faults


def temperature_faults(plant: Plant, settings: HeatSettings) -> list[Fault]:
    """What is wrong with the outlet temperature of a plant that a file brought along."""
    key, value = f"{SUPPLY_KEY} (plant {plant.name!r})", f"{plant.t_supply_c:g} degC"
    if not LEAST_SUPPLY_C <= plant.t_supply_c <= MOST_SUPPLY_C:
        problem = f"its supply temperature is not between {LEAST_SUPPLY_C:g} and {MOST_SUPPLY_C:g} degC"
        return [Fault(key, value, problem, "Give t_flow_k in kelvin, or the temperature in the scenario")]
    if plant.t_supply_c <= settings.t_return_c:
        problem = f"is not above t_return_c = {settings.t_return_c:g}"
        return [Fault(key, value, problem, "Heat flows from hot to cold")]
    return []


def _parts(plants: Sequence[Plant], net: pandapipesNet) -> list[list[Plant]]:
    """The plants of each connected network that has any."""
    graph = junction_graph(net)
    graph.add_edges_from((plant.supply, plant.return_) for plant in plants)
    parts = [[plant for plant in plants if plant.supply in part] for part in nx.connected_components(graph)]
    return [part for part in parts if part]


def _part_faults(plants: list[Plant]) -> list[Fault]:
    names = ", ".join(plant.name for plant in plants)
    balancing = [plant.name for plant in plants if plant.balances]
    total = sum(plant.share for plant in plants if plant.share is not None)
    faults = []
    if len(balancing) > 1:
        remedy = "Give all of them but one a share, or make them pumps of constant mass flow"
        faults.append(Fault(SHARES_KEY, ", ".join(balancing), "several plants would balance one network", remedy))
    if not balancing:
        remedy = "Leave one plant without a share"
        faults.append(Fault(SHARES_KEY, names, "no plant is left that balances the network", remedy))
    if min((plant.share for plant in plants if plant.share is not None), default=0.0) < 0.0:
        faults.append(Fault(SHARES_KEY, names, "a share is negative", "Give shares between 0 and 1"))
    if total > 1.0 + SUM_TOLERANCE:
        problem = f"the shares of one network add up to {total:g}"
        faults.append(Fault(SHARES_KEY, names, problem, "Leave something for the plant that balances"))
    return faults

"""Where prosumers stand in the networks."""

from collections import Counter
from dataclasses import dataclass, field

import networkx as nx

from mosaik_p2p.errors import Fault
from mosaik_p2p.loading.networks.grids import HEAT_PLACE, Grids
from mosaik_p2p.loading.networks.own_elements import bus_key, bus_of, replaced
from mosaik_p2p.networks.electric.counted import Element
from mosaik_p2p.networks.electric.network import ElectricNetwork, bus_index, unsupplied_buses
from mosaik_p2p.networks.heat.choice import HeatNetwork, junction_index, junction_sides
from mosaik_p2p.networks.heat.consumers import FileConsumer
from mosaik_p2p.networks.heat.graph import RETURN, SUPPLY, junction_graph
from mosaik_p2p.scenario.schema import JunctionPair, ProsumerSpec, Scenario
from mosaik_p2p.sections.names import did_you_mean, listed, without_quotes

_WRITE_PAIR = "Write junction = { supply = ..., return = ... } with names or indices of junctions."


@dataclass(frozen=True)
class Places:
    """Indices in the nets, None where a prosumer is not connected or its place is faulty."""

    bus: int | None = None
    junctions: tuple[int, int] | None = None
    load: Element | None = None
    """What draws in the electric network and the prosumer stands for."""
    generator: Element | None = None
    """The static generator that it stands for."""
    consumer: int | None = None
    """The heat consumer of a file that it stands for."""
    faults: tuple[Fault, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class _Map:
    """The networks with what is looked up for every prosumer."""

    electric: ElectricNetwork | None
    heat: HeatNetwork | None
    unsupplied: frozenset[int]
    sides: dict[int, str]


def places_of(scenario: Scenario, grids: Grids) -> tuple[Places, ...]:
    """The places of each prosumer, in the scenario's order."""
    electric, heat = grids.electric, grids.heat
    here = _Map(
        electric=electric,
        heat=heat,
        unsupplied=frozenset() if electric is None else frozenset(unsupplied_buses(electric)),
        sides={} if heat is None else junction_sides(heat.net, heat.plants),
    )
    return tuple(_places(prosumer, here) for prosumer in scenario.prosumers)


def shared_load_faults(scenario: Scenario, places: tuple[Places, ...]) -> list[Fault]:
    """Loads, generators and heat consumers that more than one prosumer claims to stand for."""
    return [fault for what in ("load", "generator", "consumer") for fault in _shared(scenario, places, what)]


def _shared(scenario: Scenario, places: tuple[Places, ...], what: str) -> list[Fault]:
    elements = [getattr(place, what) for place in places]
    count = Counter(element for element in elements if element is not None)
    return [
        Fault(
            f"prosumers.{prosumer.name}.replaces_{what}",
            repr(getattr(prosumer, f"replaces_{what}")),
            f"{count[element]} prosumers replace this {what}",
            f"Each {what} can be replaced once.",
        )
        for prosumer, element in zip(scenario.prosumers, elements, strict=True)
        if element is not None and count[element] > 1
    ]


def parted_heat_faults(scenario: Scenario, places: tuple[Places, ...], heat: HeatNetwork | None) -> list[Fault]:
    """Prosumers that no pipe leads between: all who trade a carrier stand on one network."""
    if heat is None:
        return []
    part_of = _connected_parts(heat)
    faults: list[Fault] = []
    members: dict[int, list[str]] = {}
    for prosumer, place in zip(scenario.prosumers, places, strict=True):
        if place.junctions is None:
            continue
        supply, return_ = (part_of[junction] for junction in place.junctions)
        if supply == return_:
            members.setdefault(supply, []).append(prosumer.name)
        else:
            at, problem = f"prosumers.{prosumer.name}.junction", "no pipe leads from its supply to its return junction"
            faults.append(Fault(at, repr(place.junctions), problem, "Name two junctions of one network."))
    if len(members) > 1:
        problem = f"they stand on {len(members)} heat networks that are not connected, and heat is traded on one"
        remedy = "Connect the networks, or give each a scenario of its own."
        apart = " | ".join(listed(names) for names in members.values())
        faults.append(Fault(f"{HEAT_PLACE}.file", f"prosumers {apart}", problem, remedy))
    return faults


def _connected_parts(heat: HeatNetwork) -> dict[int, int]:
    """Junction in service to the number of the part of the network that it belongs to."""
    graph = junction_graph(heat.net)
    graph.add_edges_from((plant.supply, plant.return_) for plant in heat.plants)
    return {int(junction): number for number, part in enumerate(nx.connected_components(graph)) for junction in part}


def _places(prosumer: ProsumerSpec, here: _Map) -> Places:
    faults: list[Fault] = []
    at = f"prosumers.{prosumer.name}"
    bus = load = generator = junctions = consumer = None
    if here.electric is not None:
        load = replaced(prosumer, "replaces_load", here.electric, faults)
        generator = replaced(prosumer, "replaces_generator", here.electric, faults)
        bus = _bus(prosumer, here.electric, at, faults)
        stands_for = load or generator
        if prosumer.bus is None and stands_for is not None:
            bus = bus_of(stands_for, here.electric)
        if bus is not None:
            faults.extend(_supply_fault(bus, prosumer, here, at))
    if here.heat is not None:
        consumer = _consumer(prosumer, here.heat, at, faults)
        if prosumer.junction is not None:
            junctions = _junctions(prosumer.junction, here.heat, here.sides, f"{at}.junction", faults)
        elif consumer is not None:
            junctions = _of_consumer(consumer, here, f"{at}.replaces_consumer", faults)
    element = None if consumer is None else consumer.element
    return Places(bus, junctions, load, generator, element, tuple(faults))


def _consumer(prosumer: ProsumerSpec, network: HeatNetwork, at: str, faults: list[Fault]) -> FileConsumer | None:
    wanted = prosumer.replaces_consumer
    if wanted is None:
        return None
    by = {(c.name if isinstance(wanted, str) else c.element): c for c in network.file_consumers}
    if wanted not in by:
        indices = [consumer.element for consumer in network.file_consumers]
        remedy = without_quotes(wanted, indices) or did_you_mean(wanted, by, what="heat consumers")
        problem = f"network {network.name!r} has no such heat consumer in service"
        faults.append(Fault(f"{at}.replaces_consumer", repr(wanted), problem, remedy))
    return by.get(wanted)


def _of_consumer(consumer: FileConsumer, here: _Map, at: str, faults: list[Fault]) -> tuple[int, int] | None:
    """The junctions of a consumer, where they lead from supply to return."""
    ends = consumer.supply, consumer.return_
    if tuple(here.sides.get(end) for end in ends) == (SUPPLY, RETURN):
        return ends
    problem = "this consumer does not lead from the supply to the return side"
    faults.append(Fault(at, repr(consumer.name), problem, "Give the prosumer a junction."))
    return None


def _bus(prosumer: ProsumerSpec, network: ElectricNetwork, at: str, faults: list[Fault]) -> int | None:
    if prosumer.bus is None:
        return None
    index = bus_index(network, prosumer.bus)
    if index is None:
        known = network.net.bus["name"] if isinstance(prosumer.bus, str) else network.net.bus.index
        remedy = without_quotes(prosumer.bus, network.net.bus.index) or did_you_mean(prosumer.bus, known, what="buses")
        faults.append(Fault(f"{at}.bus", repr(prosumer.bus), f"network {network.name!r} has no such bus", remedy))
    return index


def _supply_fault(bus: int, prosumer: ProsumerSpec, here: _Map, at: str) -> list[Fault]:
    assert here.electric is not None
    in_service = bool(here.electric.net.bus.at[bus, "in_service"])
    if in_service and bus not in here.unsupplied:
        return []
    problem = "this bus has no connection to a slack" if in_service else "this bus is out of service"
    remedy = "Name another bus, or connect this one to an ext_grid: close a switch, add a line."
    key = bus_key(prosumer)
    assert key is not None
    return [Fault(f"{at}.{key}", repr(getattr(prosumer, key)), problem, remedy)]


def _junctions(
    junction: JunctionPair | str | int, network: HeatNetwork, sides: dict[int, str], at: str, faults: list[Fault]
) -> tuple[int, int] | None:
    if isinstance(junction, JunctionPair):
        supply = _junction(junction.supply, SUPPLY, network, sides, at, faults)
        return_ = _junction(junction.return_, RETURN, network, sides, at, faults)
        return None if supply is None or return_ is None else (supply, return_)
    node = network.nodes.get(str(junction)) if isinstance(junction, str) else None
    if node is None:
        remedy = did_you_mean(junction, network.nodes, what="nodes") if network.nodes else _WRITE_PAIR
        faults.append(Fault(at, repr(junction), f"network {network.name!r} has no such node", remedy))
    return node


def _junction(
    wanted: str | int, side: str, network: HeatNetwork, sides: dict[int, str], at: str, faults: list[Fault]
) -> int | None:
    index = junction_index(network.net, wanted)
    at = f"{at}.{side}"
    if index is None:
        known = network.net.junction["name"] if isinstance(wanted, str) else network.net.junction.index
        remedy = without_quotes(wanted, network.net.junction.index) or did_you_mean(wanted, known, what="junctions")
        faults.append(Fault(at, repr(wanted), f"network {network.name!r} has no such junction", remedy))
        return None
    if sides.get(index) != side:
        problem = (
            "no plant reaches this junction" if index not in sides else f"this junction is on the {sides[index]} side"
        )
        faults.append(Fault(at, repr(wanted), problem, f"Name a junction that a plant reaches on the {side} side."))
        return None
    return index

"""Which zone each place of a network is in: by names that a user gives, or by a rule."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from mosaik_p2p.charges.base import NetworkView
from mosaik_p2p.charges.graph import parts
from mosaik_p2p.charges.zones import Between
from mosaik_p2p.errors import Fault
from mosaik_p2p.sections.names import did_you_mean, listed, without_quotes
from mosaik_p2p.units import HEAT, IntArray


class ZoningRefused(Exception):
    """Zones that do not fit the network; places of the faults are keys of the mechanism's table."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(fault.problem for fault in self.faults))


def zones_named(view: NetworkView, zones: Mapping[str, tuple[int | str, ...]], within: Between) -> IntArray:
    """(nodes,) number of the zone of each node, out of a table of places by zone.

    Raises ZoningRefused for places that the network does not have, that are in two zones, or that lie `within` and are
    in none.
    """
    faults: list[Fault] = []
    zones_of: dict[int, dict[str, int | str]] = defaultdict(dict)
    for zone, places in zones.items():
        for place in places:
            node = view.node(place)
            if node is None:
                faults.append(Fault(f"zones.{zone}", repr(place), "is no place of the network", _remedy(view, place)))
            else:
                zones_of[node][zone] = place
    for named in zones_of.values():
        if len(named) > 1:
            both = listed(dict.fromkeys(repr(place) for place in named.values()))
            problem = f"is one place, and in the zones {listed(named)}"
            faults.append(Fault("zones", both, problem, "Leave it in one of them."))
    labels = {node: next(iter(named)) for node, named in zones_of.items()}
    return _numbered(view, labels, within, faults, ("zones", "Name them in a zone."))


def zones_by(view: NetworkView, rule: str, within: Between) -> IntArray:
    """(nodes,) number of the zone of each node by a rule: `bus_zone`, `voltage_level` or `feeder`.

    Raises ZoningRefused for a heat network, and where the network's file leaves zones out that lie `within`.
    """
    if view.carrier == HEAT:
        problem = "is a rule for electric networks"
        raise ZoningRefused([Fault("by", repr(rule), problem, "Name the junctions of each zone in `zones`.")])
    if rule == "bus_zone":
        return _of_file(view, within)
    graph = view.graph
    if rule == "feeder":
        at_slack = (graph.from_node == graph.slack) | (graph.to_node == graph.slack)
        return parts(graph, ~at_slack)
    levels = np.zeros(len(graph.length), dtype=np.bool_) if graph.is_transformer is None else graph.is_transformer
    return parts(graph, ~levels)


def _of_file(view: NetworkView, within: Between) -> IntArray:
    zones_of: dict[int, dict[str, str]] = defaultdict(dict)
    stated = view.zones
    for index, node in view.graph.node_of.items():
        if index in stated:
            zones_of[node][stated[index]] = view.names[index]
    faults = [
        Fault("by", "'bus_zone'", _two_zones(named), "Give the buses that closed switches join the same zone.")
        for named in zones_of.values()
        if len(named) > 1
    ]
    labels = {node: next(iter(named)) for node, named in zones_of.items()}
    remedy = "Fill the column `zone` of the network's buses, or name them in `zones`."
    return _numbered(view, labels, within, faults, ("by", remedy))


def _two_zones(named: Mapping[str, str]) -> str:
    return f"the buses {listed(named.values())} are one place, and in the zones {listed(named)} of the file"


def _numbered(
    view: NetworkView, labels: Mapping[int, str], within: Between, faults: list[Fault], missing: tuple[str, str]
) -> IntArray:
    """(nodes,) numbers of the labels, one more for nodes beyond all ways. Raises ZoningRefused where there are faults,
    or a node within has no label; `missing` says at which key, and the remedy."""
    known = {label: number for number, label in enumerate(dict.fromkeys(labels.values()))}
    number = np.full(len(view.graph.node_names), len(known), dtype=np.int64)
    for node, label in labels.items():
        number[node] = known[label]
    unknown = [view.graph.node_names[node] for node in np.flatnonzero(within.nodes).tolist() if node not in labels]
    if unknown:
        key, remedy = missing
        faults = [*faults, Fault(key, listed(unknown), "lie between prosumers, and are in no zone", remedy)]
    if faults:
        raise ZoningRefused(faults)
    return number


def _remedy(view: NetworkView, place: int | str) -> str:
    return without_quotes(place, view.names) or did_you_mean(place, view.names.values())

"""The feeders of an electric network, and who stands on which.

A busbar is the low-voltage bus of a transformer, or the bus of an external grid. Without its busbars a network falls
into pieces, and each is a feeder, called by its first branches: those that lead from a busbar into it. So everyone
stands on one feeder, that of the nearest transformer above; a ring between two branches of a busbar is one feeder. Who
stands at a busbar itself is on a feeder without branches.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import networkx as nx
from pandapower import pandapowerNet

from mosaik_p2p.networks.electric.graph import bus_graph, merged_places, slacks

LINE, SWITCH, TRANSFORMER = "line", "switch", "trafo"
NAMED_BY = 2
"""First branches that a feeder is called by at most; others are counted."""


@dataclass(frozen=True)
class Feeder:
    """A piece of a network below its busbars."""

    name: str
    """By its first branches; of a busbar, by its bus."""
    busbars: tuple[str, ...]
    """The buses that it is fed from, by name."""
    buses: frozenset[int]


def feeders_of(net: pandapowerNet) -> tuple[Feeder, ...]:
    """In the order of their lowest buses, and the busbars after them; what no busbar feeds is no feeder."""
    graph = bus_graph(net)
    place = merged_places(graph, net)
    lower = [
        int(net.trafo["lv_bus"].at[index]) for _, _, (kind, index) in graph.edges(keys=True) if kind == TRANSFORMER
    ]
    busbars = {place[bus] for bus in (*lower, *slacks(graph, net))}
    between = nx.MultiGraph()
    between.add_nodes_from(place.values())
    between.add_edges_from((place[start], place[end], key) for start, end, key in graph.edges(keys=True))
    buses = _by_place(place)
    pieces = nx.connected_components(between.subgraph(set(between) - busbars))
    found = [_feeder(net, between, sorted(piece), busbars, buses) for piece in pieces]
    own = [Feeder(f"at {_named(net, 'bus', bar)}", (_named(net, "bus", bar),), buses[bar]) for bar in sorted(busbars)]
    return (*sorted((feeder for feeder in found if feeder), key=lambda feeder: min(feeder.buses)), *own)


def _by_place(place: Mapping[int, int]) -> dict[int, frozenset[int]]:
    return {spot: frozenset(bus for bus in place if place[bus] == spot) for spot in set(place.values())}


def _feeder(
    net: pandapowerNet,
    between: nx.MultiGraph,
    piece: Iterable[int],
    busbars: set[int],
    buses: Mapping[int, frozenset[int]],
) -> Feeder | None:
    """The feeder of these places, called by what leads from a busbar to them; None where nothing does."""
    ways = [(bar, key) for _, bar, key in between.edges(piece, keys=True) if bar in busbars]
    # What leads down to the next voltage is no way in, but where there is no other: it may be fed from below.
    ways = [(bar, key) for bar, key in ways if key[0] != TRANSFORMER] or ways
    if not ways:
        return None
    names = [_named(net, *key) for _, key in sorted(ways, key=lambda way: way[1])]
    more = len(names) - NAMED_BY
    called = ", ".join(names[:NAMED_BY]) + (f" and {more} more" if more > 0 else "")
    bars = tuple(_named(net, "bus", bar) for bar in sorted({bar for bar, _ in ways}))
    return Feeder(called, bars, frozenset(bus for spot in piece for bus in buses[spot]))


def _named(net: pandapowerNet, table: str, index: int) -> str:
    """Names of lines, transformers and buses are their own; others may have none, or one together."""
    if table in ("bus", LINE):
        return str(net[table]["name"].at[index])
    return f"{table} {net[table]['name'].at[index] if table == TRANSFORMER else index}"

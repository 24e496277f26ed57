"""How a heat network hangs together: which junction is on which side, and the paths along which heat is charged."""

from collections.abc import Iterator

import networkx as nx
import numpy as np
from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.networks.heat.network import HeatNetwork, Plant

SUPPLY = "supply"
RETURN = "return"

ACROSS_KM = 1e6
"""Weight of whatever leads from supply to return, so that a side never reaches through it into the other."""
ALONG = ("pump", "press_control", "compressor")
"""Branches other than pipes and valves that lead along one side."""
ACROSS = ("heat_consumer", "heat_exchanger", "flow_control")
GIVEN = ("heat_consumer", "flow_control")
"""Branches whose mass flow is given, whatever the pressures are."""


def junction_graph(net: pandapipesNet) -> nx.MultiGraph:
    """Junctions in service, joined by whatever is in service; edges have `length_km` (0 for a valve)."""
    graph = nx.MultiGraph()
    graph.add_nodes_from(int(j) for j in net.junction.index[net.junction.in_service.astype(bool)])
    for _, from_junction, to_junction, length_km in _branches(net):
        if from_junction in graph and to_junction in graph:
            graph.add_edge(from_junction, to_junction, length_km=length_km)
    return graph


def junction_sides(net: pandapipesNet, plants: tuple[Plant, ...]) -> dict[int, str]:
    """Junction index to `SUPPLY` or `RETURN`, for every junction that a plant reaches; supply first, by index."""
    graph = junction_graph(net)
    sides = {plant.supply: SUPPLY for plant in plants} | {plant.return_: RETURN for plant in plants}
    centres = {centre for centre in sides if centre in graph}
    if not centres:
        return {}
    cells = nx.voronoi_cells(graph, centres, weight="length_km")
    side_of = {junction: sides[centre] for centre in centres for junction in cells[centre]}
    return dict(sorted(side_of.items(), key=lambda item: (item[1] != SUPPLY, item[0])))


def flows_follow_from_balance(net: pandapipesNet, plants: tuple[Plant, ...]) -> bool:
    """Whether all flows follow from what is drawn and fed in, pressures aside: on trees, with plants at their roots.

    Supply and return are two trees; whatever leads from one to the other with a flow that is not given closes a loop.
    """
    graph = nx.MultiGraph(
        (start, end)
        for table, start, end, _ in _branches(net)
        if table not in GIVEN or (table == "flow_control" and not net.flow_control["control_active"].all())
    )
    graph.add_edges_from(("plants", end) for plant in plants if plant.balances for end in (plant.supply, plant.return_))
    return bool(graph.number_of_edges() == graph.number_of_nodes() - nx.number_connected_components(graph))


def unconnected_junctions(network: HeatNetwork) -> set[int]:
    """Junctions that no plant reaches, those out of service included: nothing can be placed there."""
    return {int(j) for j in network.net.junction.index} - set(junction_sides(network.net, network.plants))


def junction_index(net: pandapipesNet, name_or_index: str | int) -> int | None:
    """The junction of this name (string) or this index (integer), as for buses; None where there is none."""
    if isinstance(name_or_index, str):
        found = net.junction.index[net.junction["name"] == name_or_index]
        return int(found[0]) if len(found) else None
    return int(name_or_index) if name_or_index in net.junction.index else None


def strand_ends(net: pandapipesNet, plants: tuple[Plant, ...]) -> list[int]:
    """Supply junctions with one neighbour only, the balancing plants excepted: where water may stand still."""
    sides = junction_sides(net, plants)
    graph = junction_graph(net).subgraph(j for j, side in sides.items() if side == SUPPLY)
    at_plants = {plant.supply for plant in plants if plant.balances}
    return sorted(j for j in graph if graph.degree(j) == 1 and j not in at_plants)


def heat_graph(network: HeatNetwork) -> PathGraph:
    """The supply side as a graph with pipe lengths in km; `node_of` knows supply junctions only."""
    sides = junction_sides(network.net, network.plants)
    supply = [int(j) for j in network.net.junction.index if sides.get(int(j)) == SUPPLY]
    node_of = {junction: node for node, junction in enumerate(supply)}
    edges = [(node_of[a], node_of[b], km) for _, a, b, km in _branches(network.net) if a in node_of and b in node_of]
    return PathGraph(
        node_names=tuple(str(network.net.junction.at[junction, "name"]) for junction in supply),
        from_node=np.array([a for a, _, _ in edges], dtype=np.int64),
        to_node=np.array([b for _, b, _ in edges], dtype=np.int64),
        length=np.array([km for _, _, km in edges], dtype=np.float64),
        node_of=node_of,
    )


def _branches(net: pandapipesNet) -> Iterator[tuple[str, int, int, float]]:
    """(table, from, to, km) of all branches in service but circulation pumps, which are plants and prosumers."""
    pipes = net.pipe[net.pipe.in_service.astype(bool) & ~net.pipe.index.isin(shut_pipes(net))]
    for a, b, km in zip(pipes.from_junction, pipes.to_junction, pipes.length_km, strict=True):
        yield "pipe", int(a), int(b), float(km)
    if "valve" in net:
        valves = net.valve[net.valve.opened.astype(bool) & (net.valve.et == "ju")]
        for a, b in zip(valves.junction, valves.element, strict=True):
            yield "valve", int(a), int(b), 0.0
    for tables, km in ((ALONG, 0.0), (ACROSS, ACROSS_KM)):
        for name in tables:
            if name not in net or net[name].empty:
                continue
            branches = net[name][net[name].in_service.astype(bool)]
            for a, b in zip(branches.from_junction, branches.to_junction, strict=True):
                yield name, int(a), int(b), km


def shut_pipes(net: pandapipesNet) -> set[int]:
    """Indices of the pipes with a closed valve at one of their ends."""
    if "valve" not in net:
        return set()
    return {int(pipe) for pipe in net.valve.loc[(net.valve.et == "pi") & ~net.valve.opened.astype(bool), "element"]}

"""A fast screen for radial heat networks: what a dispatch does to temperatures and velocities, without a pipe flow.

The closed form of `heat_tree` takes some ten microseconds where `HeatFlow` takes some ten milliseconds. It knows one
heat capacity for all water, no pressures, and no loops; see docs/heat.md for its error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import networkx as nx
import numpy as np

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.networks.heat.flow import HeatConnection
from mosaik_p2p.networks.heat.graph import RETURN, SUPPLY, junction_sides
from mosaik_p2p.networks.heat.hydraulics.branches import loss_kw_per_k
from mosaik_p2p.networks.heat.hydraulics.water import TABLE_C, cp_kj_per_kg_k, density_kg_per_m3
from mosaik_p2p.networks.heat.network import HeatNetwork
from mosaik_p2p.networks.heat.radial.flow import find_flows, temperatures
from mosaik_p2p.units import KELVIN_AT_ZERO_C, MM_PER_M, FloatArray, IntArray, kelvin

Bypass: TypeAlias = tuple[tuple[int, int], float]
"""Its (supply, return) junctions, and its mass flow in kg/s."""

PLACE = "networks.heat"
LEAST_KW = 0.05
"""Less heat counts as nothing, as in `HeatFlow`."""
TOLERANCE_KW = 1e-6
USUAL_LOSS = 0.07
"""Share of the spread that is usually lost on the way: for the first guess only."""
ATTEMPTS = ((1.0, 4.0), (3.0, 1.5), (10.0, 1.5), (0.5, 1.2))
"""Factor on the first guess, and by how much a flow may change at a time: usually, and where that has failed."""
STEPS = 30
VALVE = -1
UNKNOWN = ("heat_consumer", "heat_exchanger", "circ_pump_mass", "pump", "press_control", "compressor")
"""Elements of a user's file that the closed form does not know; flow controls are bypasses."""


@dataclass(frozen=True)
class ScreenedHour:
    """What a dispatch does. Arrays are NaN where water stands, and throughout where nothing was found."""

    solved: bool
    """False: someone's heat cannot be delivered, or the way to it was not found; ask `HeatFlow`."""
    mdot_kg_per_s: FloatArray
    """(connections,) + draws, - feeds in."""
    t_supply_c: FloatArray
    """(connections,) of the water on the supply side."""
    t_return_c: FloatArray
    t_junction_c: FloatArray
    """(junctions,) in the order of `net.junction`."""
    velocity_m_per_s: FloatArray
    """(pipes,) in the order of `net.pipe`, magnitude; 0 where water stands."""
    plant_kw: float
    """Of the plant that balances; negative where it takes surplus."""


class HeatScreen:
    """The closed form for one radial network with prosumers at the given places."""

    def __init__(self, network: HeatNetwork, connections: Sequence[HeatConnection]) -> None:
        """Raises BadInput for a network with loops, several connected networks or a file's consumers."""
        _refuse_what_is_not_radial(network)
        plant, settings = network.balancing[0], network.settings
        order, parent, pipe = _trees(network)
        node_of = {junction: node for node, junction in enumerate(order)}
        self._count = len(connections)
        exchangers = [(c.supply, c.return_) for c in connections] + [(p.supply, p.return_) for p in network.feeding]
        self._shares = np.array([p.share for p in network.feeding], dtype=np.float64)
        t_feed_c = plant.t_supply_c if settings.t_feed_c is None else settings.t_feed_c
        hot = np.r_[np.full(self._count, t_feed_c), [feeding.t_supply_c for feeding in network.feeding]]
        self._places = (
            np.array([node_of[supply] for supply, _ in exchangers], dtype=np.int64),
            np.array([node_of[return_] for _, return_ in exchangers], dtype=np.int64),
            hot,
            np.full(len(exchangers), settings.t_return_c),
        )
        loss = np.where(pipe >= 0, loss_kw_per_k(network.net.pipe)[pipe], 0.0)
        ground_k = network.net.pipe["text_k"].astype(float).fillna(kelvin(settings.t_ground_c)).to_numpy()
        self._tree = (parent, loss, ground_k[pipe] - KELVIN_AT_ZERO_C, node_of[plant.return_])
        own, steady = _bypasses(network)
        self._bypass = tuple(
            np.array([node_of[ends[side]] for ends, _ in (*own, *steady)], dtype=np.int64) for side in (0, 1)
        )
        self._bypass_mdot = np.array([mdot for _, mdot in (*own, *steady)], dtype=np.float64)
        self._closable = np.arange(len(self._bypass_mdot)) < len(own)
        self._plant = (plant.t_supply_c, settings.t_return_c, _usual_cp(network))
        self._pipe_nodes = np.flatnonzero(pipe >= 0), pipe[pipe >= 0]
        self._area_m2 = np.pi / 4.0 * (network.net.pipe["inner_diameter_mm"].to_numpy(dtype=float) / MM_PER_M) ** 2
        self._junctions = network.net.junction.index.get_indexer(order)
        self._density = density_kg_per_m3(TABLE_C)
        self._sizes = len(network.net.junction), len(network.net.pipe)

    def solve(self, draw_kw: FloatArray, *, start_kg_per_s: FloatArray | None = None) -> ScreenedHour:
        """`draw_kw`: (connections,) heat in kW, + draws, - feeds in; `start_kg_per_s`: mass flows to start from.

        Where water hardly moves in a long pipe, more than one set of mass flows may exchange the same heat. Then this
        and `HeatFlow` may find different ones, unless one starts from the other's.
        """
        draw_kw = np.where(np.abs(draw_kw) < LEAST_KW, 0.0, np.asarray(draw_kw, dtype=np.float64))
        fed = self._shares * max(float(draw_kw.sum()), 0.0)
        wanted = np.concatenate([draw_kw, np.where(fed < LEAST_KW, 0.0, -fed)])
        bypass = self._open_bypasses(wanted)
        hottest = max(self._plant[0], *self._places[2].tolist())
        spread = np.where(wanted < 0.0, self._places[2], hottest) - self._places[3]
        guess = wanted / (self._plant[2] * np.maximum(spread, 1.0) * (1.0 - USUAL_LOSS))
        starts = [(factor * guess, largest_step) for factor, largest_step in ATTEMPTS]
        if start_kg_per_s is not None:
            given = np.concatenate([start_kg_per_s, guess[self._count :]])
            starts.insert(0, (np.where(np.sign(given) == np.sign(wanted), given, guess), ATTEMPTS[0][1]))
        for mdot, largest_step in starts:
            solved, t_node, flow = find_flows(
                wanted, mdot, self._tree, self._places, bypass, self._plant, TOLERANCE_KW, largest_step, STEPS
            )
            if solved:
                break
        return self._result(bool(solved), mdot, t_node, flow)

    def at_flows(self, mdot_kg_per_s: FloatArray) -> ScreenedHour:
        """The hour with these mass flows (connections,), + draws, - feeds in; plants with a share feed nothing."""
        mdot = np.concatenate([np.asarray(mdot_kg_per_s, dtype=np.float64), np.zeros(len(self._shares))])
        t_node, flow = temperatures(mdot, self._tree, self._places, self._open_bypasses(mdot), self._plant)
        return self._result(True, mdot, t_node, flow)

    def _open_bypasses(self, draws: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
        """Without those of a case where someone feeds in."""
        closed = self._closable & np.isin(self._bypass[0], self._places[0][draws < 0.0])
        return self._bypass[0], self._bypass[1], np.where(closed, 0.0, self._bypass_mdot)

    def _result(self, solved: bool, mdot: FloatArray, t_node: FloatArray, flow: FloatArray) -> ScreenedHour:
        own = slice(self._count)
        if not solved:
            t_node, flow, mdot = t_node + np.nan, flow + np.nan, mdot + np.nan
        supply, return_, t_feed, t_draw = self._places
        t_junction, velocity = np.full(self._sizes[0], np.nan), np.zeros(self._sizes[1])
        t_junction[self._junctions] = t_node
        nodes, pipes = self._pipe_nodes
        parents = self._tree[0][nodes]
        t_pipe = np.nan_to_num((t_node[nodes] + t_node[parents]) / 2.0, nan=self._plant[0])
        velocity[pipes] = np.abs(flow[nodes]) / np.interp(t_pipe, TABLE_C, self._density) / self._area_m2[pipes]
        root = self._tree[3]
        t_hot, t_cold = (self._plant[0], t_node[root]) if flow[0] > 0.0 else (t_node[0], self._plant[1])
        return ScreenedHour(
            solved=solved,
            mdot_kg_per_s=mdot[own] + 0.0,
            t_supply_c=np.where(mdot < 0.0, t_feed, t_node[supply])[own],
            t_return_c=np.where(mdot > 0.0, t_draw, t_node[return_])[own],
            t_junction_c=t_junction,
            velocity_m_per_s=velocity,
            plant_kw=float(flow[0] * self._plant[2] * (t_hot - t_cold)) if flow[0] != 0.0 else 0.0,
        )


def _refuse_what_is_not_radial(network: HeatNetwork) -> None:
    net = network.net
    found = [table for table in UNKNOWN if table in net and net[table]["in_service"].any()]
    if "valve" in net and (net.valve["et"] != "ju").any():
        found.append("valve at the end of a pipe")
    value = ", ".join(found) or f"network {network.name!r}"
    if found or network.consumers:
        problem = "the closed form knows pipes, prosumers, bypasses and plants only"
    elif len(network.balancing) != 1:
        problem = f"the closed form is for one connected network, and {len(network.balancing)} are there"
    elif not all(nx.is_tree(side) for side in _sides(network).values()):
        problem = "the closed form is for trees, and this network has a loop, or pipes that reach one side only"
    else:
        return
    raise BadInput([Fault(PLACE, value, problem, "Solve it with HeatFlow")])


def _sides(network: HeatNetwork) -> dict[str, nx.MultiGraph]:
    """Junctions, pipes and open valves of each side; an edge's `pipe` is its row, `VALVE` for a valve."""
    net, sides = network.net, junction_sides(network.net, network.plants)
    pipes = net.pipe.assign(row=range(len(net.pipe)))
    pipes = pipes[pipes["in_service"].astype(bool)]
    edges = list(zip(pipes["from_junction"], pipes["to_junction"], pipes["row"], strict=True))
    if "valve" in net:
        valves = net.valve[net.valve["opened"].astype(bool)]
        edges += [(start, end, VALVE) for start, end in zip(valves["junction"], valves["element"], strict=True)]
    graphs = {side: nx.MultiGraph() for side in (SUPPLY, RETURN)}
    for junction, side in sides.items():
        graphs[side].add_node(junction)
    for start, end, row in edges:
        if start in sides:
            graphs[sides[start]].add_edge(int(start), int(end), pipe=int(row))
    return graphs


def _trees(network: HeatNetwork) -> tuple[list[int], IntArray, IntArray]:
    """Junctions with a parent before its children, supply side first; positions of their parents; rows of the pipes."""
    plant, order, parent, pipe = network.balancing[0], [], [], []
    for side, root in ((SUPPLY, plant.supply), (RETURN, plant.return_)):
        graph = _sides(network)[side]
        order.append(root)
        parent.append(-1)
        pipe.append(VALVE)
        for above, junction in nx.bfs_edges(graph, root):
            parent.append(order.index(above))
            pipe.append(next(iter(graph[above][junction].values()))["pipe"])
            order.append(junction)
    return order, np.array(parent, dtype=np.int64), np.array(pipe, dtype=np.int64)


def _bypasses(network: HeatNetwork) -> tuple[list[Bypass], list[Bypass]]:
    """Those of a case, which close where someone feeds in, and those of a file, which do not."""
    own = [(ends, network.settings.bypass_mdot_kg_per_s) for ends in network.bypasses]
    net = network.net
    if "flow_control" not in net or net.flow_control.empty:
        return own, []
    controls = net.flow_control[net.flow_control["in_service"].astype(bool)]
    ends = zip(controls["from_junction"].tolist(), controls["to_junction"].tolist(), strict=True)
    return own, list(zip(ends, controls["controlled_mdot_kg_per_s"].astype(float).tolist(), strict=True))


def _usual_cp(network: HeatNetwork) -> float:
    """Heat capacity half way between supply and return in kJ/(kg K)."""
    t_supply_c, t_return_c = network.balancing[0].t_supply_c, network.settings.t_return_c
    return float(cp_kj_per_kg_k(np.array((t_supply_c + t_return_c) / 2.0)))

"""A heat network with its plant, its prosumers and its bypasses as pandapipes elements, one mass flow per prosumer.

Two facts about pandapipes shape this file. An element whose heat *and* mass flow are fixed converges, without a
warning, to temperatures below the ground's as soon as the heat sold equals the heat bought, because then nothing is
left that covers the losses. So a prosumer is two circulation pumps of fixed mass flow and fixed outlet temperature,
one in each direction, at most one of them in service; its heat is a result. And a pump that is pushed against its
direction is an error there; so the plant too is two pumps, the second with a negative lift, which takes the surplus.
"""

import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import networkx as nx
import numpy as np
import numpy.typing as npt
import pandapipes as pp
import pandas as pd
from pandapipes.pandapipes_net import pandapipesNet
from pandapipes.pf.pipeflow_setup import PipeflowNotConverged

from mosaik_p2p.errors import NOT_DETERMINED
from mosaik_p2p.networks.heat.consumers import Consumer
from mosaik_p2p.networks.heat.graph import (
    RETURN,
    SUPPLY,
    flows_follow_from_balance,
    junction_graph,
    junction_sides,
)
from mosaik_p2p.networks.heat.hydraulics.beginning import Beginning
from mosaik_p2p.networks.heat.hydraulics.branches import branches_of, solved
from mosaik_p2p.networks.heat.hydraulics.flow_sensitivity import SolvedFlow, flow_sensitivity, temperature_sensitivity
from mosaik_p2p.networks.heat.hydraulics.kept import Guard, PipeFlows
from mosaik_p2p.networks.heat.hydraulics.pipeflow import options, pipe_flow, settle_pressures
from mosaik_p2p.networks.heat.network import HeatNetwork, Plant
from mosaik_p2p.networks.heat.without_solution import meaning
from mosaik_p2p.networks.many_alike import add_alike
from mosaik_p2p.units import KELVIN_AT_ZERO_C, FloatArray, IntArray, kelvin


@dataclass(frozen=True, kw_only=True)
class HeatConnection:
    """Where a prosumer stands between supply and return (junction indices)."""

    prosumer: str
    supply: int
    return_: int


class HeatElements:
    """The net that is solved. It owns a copy of the network's net and is the only one to write to it."""

    def __init__(self, network: HeatNetwork, connections: Sequence[HeatConnection], guard: Guard | None = None) -> None:
        self.network = network
        self.connections = tuple(connections)
        """The prosumers. In arrays of shape (exchangers,) plants that feed a share and a file's consumers follow."""
        others: list[Plant | Consumer] = [*network.feeding, *network.consumers]
        self.names = [c.prosumer for c in connections] + [other.name for other in others]
        self.net = deepcopy(network.net)
        exchangers: list[HeatConnection | Plant | Consumer] = [*connections, *others]
        self.supply = np.array([e.supply for e in exchangers], dtype=np.int64)
        self.return_ = np.array([e.return_ for e in exchangers], dtype=np.int64)
        self.bypass_supply = np.array([supply for supply, _ in network.bypasses], dtype=np.int64)
        self._row_of = _places(self.net.junction.index.to_numpy(dtype=np.int64))
        self.sides = junction_sides(network.net, network.plants)
        self.plant_of, self._bypass_plant_of = self._balancing_plants()
        """(exchangers,) position in `network.balancing` of the plant that balances where it stands."""
        self.t_plant_c = np.array([plant.t_supply_c for plant in network.balancing], dtype=np.float64)
        """(balancing plants,) their outlet temperatures."""
        self.t_feed_c, self.t_draw_c = self._outlets_c()
        """(exchangers,) outlet temperatures of who feeds in and of who draws."""
        self.hottest_c = max(*self.t_feed_c.tolist(), *(plant.t_supply_c for plant in network.plants), 0.0)
        """Of all water that anybody feeds in."""
        self.net["user_pf_options"] = options(network.friction, network.settings.t_ground_c)
        self.background_moves = _moves(self.net)
        """Whether elements of a file draw heat or feed it in, whatever the prosumers do."""
        self._looped = not flows_follow_from_balance(self.net, network.plants)
        self._start_warm()
        self._add_plants()
        self._add_prosumers()
        self.bypasses = self._add_bypasses()
        self._bypass_rows = slice(len(self.net.flow_control) - len(self.bypasses), None) if self.bypasses else slice(0)
        self.branches = branches_of(self.net, exchangers=len(self.supply), t_ground_c=network.settings.t_ground_c)
        self._background_mdot = np.zeros(len(network.balancing))
        self._pipe_flows = PipeFlows(self.net, guard or Guard())
        self.complaint = NOT_DETERMINED
        """Of the last pipe flow without a solution."""

    def solve(self, mdot_kg_per_s: FloatArray, beginning: Beginning | None = None) -> bool:
        """Runs one pipe flow with these mass flows (+ draws, - feeds in); False if it has no solution.

        `beginning`: flows and temperatures that are near, for the solver to start from.
        Flows and temperatures belong together; the pressures are near until `settle` is called.
        """
        balance = self._write_prosumers(mdot_kg_per_s) + self._background_mdot
        gives = balance >= 0.0
        for _ in range(1 + len(self.network.balancing)):
            self._write_plants(gives)
            try:
                pipe_flow(self.net, self._pipe_flows, beginning)
                if self._looped and not self._pipe_flows.pressures_fit:
                    settle_pressures(self.net)
            except PipeflowNotConverged as error:
                return self._fails(error)
            except UserWarning as error:
                # The library raises its complaint about a pump that runs backwards as a bare UserWarning, with the
                # pumps' numbers. It happens only where the elements of a user's file move water that is not ours.
                backwards, self.complaint = _backward_pumps(error), meaning(error)
                if not backwards:
                    return False
                gives = gives ^ np.isin(self.plant_rows, backwards).any(axis=1)
                continue
            self._background_mdot += np.round(self.plant_mdot() - balance, 9)
            return True
        return False

    def forget(self) -> None:
        """Solve next as if nothing had been solved before."""
        self._background_mdot = np.zeros(len(self.network.balancing))

    def settle(self) -> bool:
        """Brings the pressures to the temperatures of the last solution; False if that has none.

        Where flows follow from the balance of mass alone, this is left to the end: only pressures move. Around loops
        the flows move too, and `solve` has done it already. Where the pipe flow began with the temperatures that it
        found, pressures belong to them as they are.
        """
        if self._looped or self._pipe_flows.pressures_fit:
            return True
        try:
            settle_pressures(self.net)
        except (PipeflowNotConverged, UserWarning) as error:
            return self._fails(error)
        return True

    def _fails(self, error: Exception) -> bool:
        self.complaint = meaning(error)
        return False

    def plant_mdot(self) -> FloatArray:
        """(balancing plants,) mass flow in kg/s into the supply side; negative where a plant takes surplus."""
        flow = self.net.res_circ_pump_pressure.mdot_from_kg_per_s.to_numpy()[self.plant_rows]
        return np.asarray(np.nan_to_num(flow[:, 0]) - np.nan_to_num(flow[:, 1]), dtype=np.float64)

    def junction_t_c(self, junctions: IntArray) -> FloatArray:
        """Temperatures of these junctions in degC; the ground's where water stands."""
        t_k = self.net.res_junction["t_k"].to_numpy(dtype=np.float64)[self.rows_of(junctions)]
        return np.asarray(t_k - KELVIN_AT_ZERO_C, dtype=np.float64)

    def rows_of(self, junctions: IntArray) -> IntArray:
        """Rows of these junctions in the tables of junctions and of their results."""
        return self._row_of[junctions]

    def solved_flow(self) -> SolvedFlow:
        """The branches with the last solution."""
        return solved(self.net, self.branches)

    def plant_branches(self) -> IntArray:
        """(plants, 2) positions among the branches of the pumps that give and take."""
        return np.asarray(np.flatnonzero(self.branches.plant)[self.plant_rows], dtype=np.int64)

    def inlet_sensitivity(self, mdot_kg_per_s: FloatArray) -> FloatArray:
        """(exchangers, exchangers) change of the temperature of the water that enters prosumer i in K per kg/s that
        prosumer j draws more, around the last solution."""
        flow = self.solved_flow()
        change = temperature_sensitivity(flow, flow_sensitivity(flow))
        inlet = np.where(mdot_kg_per_s < 0.0, self.return_, self.supply)
        return np.asarray(change[self.net.junction.index.get_indexer(inlet)], dtype=np.float64)

    def _write_prosumers(self, mdot_kg_per_s: FloatArray) -> FloatArray:
        """Sets pumps and bypasses; returns what the prosumers and bypasses take from each plant."""
        pumps = self.net.circ_pump_mass
        own = slice(len(pumps) - 2 * len(self.supply), None)
        _write(pumps, "mdot_flow_kg_per_s", own, np.r_[np.maximum(mdot_kg_per_s, 0.0), np.maximum(-mdot_kg_per_s, 0.0)])
        _write(pumps, "in_service", own, np.r_[mdot_kg_per_s > 0.0, mdot_kg_per_s < 0.0])
        balance = np.bincount(self.plant_of, weights=mdot_kg_per_s, minlength=len(self.network.balancing))
        if len(self.bypasses):
            # A bypass next to someone who feeds in would only send the fed water in a circle.
            open_ = ~np.isin(self.bypass_supply, self.supply[mdot_kg_per_s < 0.0])
            _write(self.net.flow_control, "in_service", self._bypass_rows, open_)
            flow = open_ * self.network.settings.bypass_mdot_kg_per_s
            balance = balance + np.bincount(self._bypass_plant_of, weights=flow, minlength=len(balance))
        return np.asarray(balance, dtype=np.float64)

    def _write_plants(self, gives: npt.NDArray[np.bool_]) -> None:
        _write(self.net.circ_pump_pressure, "in_service", self.plant_rows, np.column_stack([gives, ~gives]))

    def _outlets_c(self) -> tuple[FloatArray, FloatArray]:
        """(exchangers,) temperatures of the water that leaves producers, and consumers."""
        network, prosumers = self.network, len(self.connections)
        rest = slice(prosumers, prosumers + len(network.feeding))
        given = network.settings.t_feed_c
        t_feed = self.t_plant_c[self.plant_of] if given is None else np.full(len(self.supply), given)
        t_feed[rest] = [plant.t_supply_c for plant in network.feeding]
        t_draw = np.full(len(self.supply), network.settings.t_return_c, dtype=np.float64)
        t_draw[rest.stop :] = [consumer.t_return_c for consumer in network.consumers]
        return t_feed, t_draw

    def _start_warm(self) -> None:
        """The solver's start, which no result depends on: near what is to be expected on either side."""
        settings = self.network.settings
        start_c = {SUPPLY: self.hottest_c, RETURN: settings.t_return_c}
        self.net.junction["tfluid_k"] = [
            kelvin(start_c[self.sides.get(int(junction), RETURN)]) for junction in self.net.junction.index
        ]

    def _add_plants(self) -> None:
        """Two pumps per balancing plant, one gives and one takes; `plant_rows` (plants, 2) are their rows."""
        count = len(self.network.balancing)
        first = len(self.net.circ_pump_pressure) if "circ_pump_pressure" in self.net else 0
        self.plant_rows = first + np.arange(2 * count).reshape(count, 2)
        if not count:
            return
        pumps = [pump for plant in self.network.balancing for pump in self._pumps_of(plant)]
        return_, supply, p_bar, lift_bar, t_k, names = (list(column) for column in zip(*pumps, strict=True))
        add_alike(
            self.net,
            "circ_pump_pressure",
            lambda: pp.create_circ_pump_const_pressure(self.net, *pumps[0][:5], type="pt", name=names[0]),
            {
                "return_junction": return_,
                "flow_junction": supply,
                "p_flow_bar": p_bar,
                "plift_bar": lift_bar,
                "t_flow_k": t_k,
                "name": names,
            },
        )

    def _pumps_of(self, plant: Plant) -> tuple[tuple[int, int, float, float, float, str], ...]:
        p_return_bar = plant.p_supply_bar - plant.lift_bar
        gives, takes = kelvin(plant.t_supply_c), kelvin(self.network.settings.t_return_c)
        return (
            (plant.return_, plant.supply, plant.p_supply_bar, plant.lift_bar, gives, f"{plant.name} gives"),
            (plant.supply, plant.return_, p_return_bar, -plant.lift_bar, takes, f"{plant.name} takes"),
        )

    def _add_prosumers(self) -> None:
        """Two pumps per exchanger, without pressure of their own: first all that draw, then all that feed in."""
        if not self.names:
            return
        supply, return_ = self.supply.tolist(), self.return_.tolist()
        outlets_k = (np.concatenate([self.t_draw_c, self.t_feed_c]) + KELVIN_AT_ZERO_C).tolist()
        names = [*(f"{name} draws" for name in self.names), *(f"{name} feeds" for name in self.names)]
        add_alike(
            self.net,
            "circ_pump_mass",
            lambda: pp.create_circ_pump_const_mass_flow(
                self.net, supply[0], return_[0], None, 0.0, outlets_k[0], type="t", name=names[0], in_service=False
            ),
            {
                "return_junction": [*supply, *return_],
                "flow_junction": [*return_, *supply],
                "t_flow_k": outlets_k,
                "name": names,
            },
        )

    def _add_bypasses(self) -> list[int]:
        mdot = self.network.settings.bypass_mdot_kg_per_s
        if mdot == 0.0 or not self.network.bypasses:
            return []
        supply, return_ = zip(*self.network.bypasses, strict=True)
        names = [f"bypass {number}" for number in range(len(supply))]
        return [int(index) for index in pp.create_flow_controls(self.net, supply, return_, mdot, name=names)]

    def _balancing_plants(self) -> tuple[IntArray, IntArray]:
        """For every exchanger and every bypass, the position of the plant that balances where it stands."""
        graph = junction_graph(self.network.net)
        graph.add_edges_from((plant.supply, plant.return_) for plant in self.network.plants)
        plant_of = {
            junction: position
            for position, plant in enumerate(self.network.balancing)
            for junction in nx.node_connected_component(graph, plant.supply)
        }
        return (
            np.array([plant_of[int(junction)] for junction in self.supply], dtype=np.int64),
            np.array([plant_of[int(junction)] for junction in self.bypass_supply], dtype=np.int64),
        )


def _write(table: pd.DataFrame, column: str, rows: slice | IntArray, values: npt.NDArray[np.generic]) -> None:
    """Into rows of a column, in place: pandas takes long to put a column into a table, or to find single rows."""
    there = table[column].to_numpy()
    if there.dtype != values.dtype or not there.flags.writeable:
        there = there.astype(values.dtype)
        table[column] = there
        there = table[column].to_numpy()
    there[rows] = values


def _places(labels: IntArray) -> IntArray:
    """By label its place among them; labels of tables are small numbers (see the rules for files)."""
    places = np.full(int(labels.max(initial=-1)) + 1, -1, dtype=np.int64)
    places[labels] = np.arange(len(labels))
    return places


def _moves(net: pandapipesNet) -> bool:
    """Whether a consumer, an exchanger or a steady pump of the file is at work."""
    given = {"heat_consumer": "qext_w", "heat_exchanger": "qext_w", "circ_pump_mass": "mdot_flow_kg_per_s"}
    return any(
        bool((net[table]["in_service"].astype(bool) & (net[table][column].fillna(0.0) != 0.0)).any())
        for table, column in given.items()
        if table in net
    )


def _backward_pumps(error: UserWarning) -> list[int]:
    """Rows of the plant pumps that the library found running backwards; none if it complains of something else."""
    found = re.search(r"direction change in circulation pump \[([\d, ]+)\]", str(error))
    return [int(row) for row in found.group(1).split(",")] if found else []

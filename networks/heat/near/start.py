"""The mass flows from which the heat flow's loop starts, found without a pipe flow.

The same equations as pandapipes solves, on what we know of the net; Newton's method with the safeguards of the loop
(bounds, largest steps, least slopes, several starts): where somebody feeds in beside a bypass, more than one set of
flows exchanges the same heat, and without them another is found. What starts here is judged by the pipe flow, which
goes on from there if it is not content. Nothing comes from the interval before, so that results do not depend on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mosaik_p2p.networks.heat.elements import HeatElements
from mosaik_p2p.networks.heat.hydraulics.beginning import Along, Beginning, Ways
from mosaik_p2p.networks.heat.hydraulics.friction import DEFAULT_FRICTION
from mosaik_p2p.networks.heat.hydraulics.water import TABLE_K, cp_kj_per_kg_k, enthalpy_kj_per_kg
from mosaik_p2p.networks.heat.near.branches import (
    Branches,
    Friction,
    exchangers,
    given_flows,
    is_known,
    pipes_and_valves,
    plants_that_balance,
    rows_along,
)
from mosaik_p2p.networks.heat.near.loops import Loops
from mosaik_p2p.networks.heat.near.paths import NONE, Trees, around_loops, flows_per_taken, trees
from mosaik_p2p.networks.heat.near.steps import newton_step
from mosaik_p2p.networks.heat.near.temperatures import LEAST_FLOW_KG_PER_S, temperatures
from mosaik_p2p.units import KELVIN_AT_ZERO_C, FloatArray, IntArray

TOLERANCE_KW = 1e-6
STEPS = 40
"""Per start; four to six are usual."""
STILL_WATER_C = 55.0
"""Before any temperature is known; it moves flows around loops only."""
PLANTS = "circ_pump_pressure"
MOST_ENTRIES = 30_000_000
"""Of the matrix from flows that are taken to flows in the branches (240 MB); larger networks start as before."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Arrays of shape (exchangers,), magnitudes."""

    least: FloatArray
    """In kg/s."""
    most: FloatArray
    least_slope: FloatArray
    """In kJ/kg."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """Flows that exchange the heat, and what they leave in the net."""

    mdot_kg_per_s: FloatArray
    """(exchangers,) magnitudes."""
    beginning: Beginning


@dataclass(frozen=True, kw_only=True)
class NearStart:
    """One network with its exchangers."""

    branches: Branches
    """Pipes and valves, given flows, plants that balance, and exchangers."""
    places: dict[str, IntArray]
    """For every row of the tables of pipes and valves its place among the branches, `NONE` where nothing can flow."""
    count: int
    """Of the exchangers, the last ones of the branches."""
    nodes: int
    response: FloatArray
    """(branches, exchangers) flow per kg/s that an exchanger draws more."""
    response_to_given: FloatArray
    """(branches, given flows)"""
    given_kg_per_s: FloatArray
    bypass_supply: IntArray
    """(bypasses,) node of each; they come before the other given flows."""
    loops: Loops | None
    ways: Ways
    plant_rows: IntArray
    """(plants that balance, 2) rows of their pumps, one gives and one takes."""
    pumps: int
    """Rows in the table of those."""
    still_c: float
    """Of water that stands."""

    def find(self, served_kw: FloatArray, starts: Iterable[tuple[FloatArray, float]], bounds: Bounds) -> Found | None:
        """Mass flows that exchange `served_kw` (exchangers,) (+ drawn); None where none are found.

        `starts`: flows to start from, with the factor by which they may change at a time. Who cannot have his heat has
        the most flow there may be.
        """
        base = self.response_to_given @ self._open(served_kw)
        for start, largest_step in starts:
            try:
                found = self._newton(served_kw, np.clip(start, bounds.least, bounds.most), largest_step, bounds, base)
            except np.linalg.LinAlgError:
                continue
            if found is not None:
                return found
        return None

    def _open(self, served_kw: FloatArray) -> FloatArray:
        """The given flows, without the bypasses beside which somebody feeds in."""
        feeds = self.branches.start[-self.count :][served_kw < 0.0] if self.count else self.branches.start[:0]
        given = self.given_kg_per_s.copy()
        given[: len(self.bypass_supply)][np.isin(self.bypass_supply, feeds)] = 0.0
        return given

    def _newton(
        self, served_kw: FloatArray, mdot: FloatArray, largest_step: float, bounds: Bounds, base: FloatArray
    ) -> Found | None:
        """Newton's method on the mass flows, each of them changed by at most the factor `largest_step` at a time."""
        sign, wanted = np.sign(served_kw), np.abs(served_kw)
        t_ends_c = np.full((2, len(base)), STILL_WATER_C)
        running = np.zeros(0 if self.loops is None else len(self.loops.around))
        for _ in range(STEPS):
            flow, response = base + self.response @ (sign * mdot), self.response
            if self.loops is not None:
                balanced = self.loops.balance(flow, response, t_ends_c, running)
                if balanced is None:
                    return None
                flow, response, running = balanced
            sound, t_node_c, warmed = temperatures(flow, response, t_ends_c, self._rows(), _CP, self.nodes)
            spread, slope = self._heat_per_flow(sign, mdot, t_node_c, warmed)
            missing = wanted - mdot * spread
            active = mdot > 0.0
            if not sound or not np.isfinite(missing[active]).all():
                return None
            unmet = active & (np.abs(missing) > TOLERANCE_KW)
            capped = unmet & (mdot >= bounds.most) & (missing > 0.0)
            if not (unmet & ~capped).any():
                return Found(mdot_kg_per_s=mdot, beginning=self._beginning(flow, t_node_c, t_ends_c[1]))
            flat = np.flatnonzero(np.diag(slope) < bounds.least_slope)
            slope[flat] = 0.0
            slope[flat, flat] = bounds.least_slope[flat]
            moving = np.flatnonzero(active & ~capped)
            step = newton_step(_among(slope, moving), (sign * missing)[moving])
            moved, before = mdot.copy(), mdot[moving]
            moved[moving] = np.clip(before + sign[moving] * step, before / largest_step, before * largest_step)
            mdot = np.clip(moved, bounds.least, bounds.most)
        return None

    def _beginning(self, flow: FloatArray, t_node_c: FloatArray, t_out_c: FloatArray) -> Beginning:
        t_out_c = np.where(np.abs(flow) > LEAST_FLOW_KG_PER_S, t_out_c, self.still_c)
        along = {
            table: Along(mdot_kg_per_s=_at(flow, rows), t_out_c=_at(t_out_c, rows))
            for table, rows in self.places.items()
        }
        along[PLANTS] = self._along_plants(flow)
        t_junction_c = np.where(np.isnan(t_node_c), self.still_c, t_node_c)
        return Beginning(t_junction_c=t_junction_c, along=along, ways=self.ways)

    def _along_plants(self, flow: FloatArray) -> Along:
        last = len(self.branches) - self.count
        given, unknown = flow[last - len(self.plant_rows) : last], np.full(self.pumps, np.nan)
        mdot = unknown.copy()
        mdot[self.plant_rows] = np.column_stack([np.maximum(given, 0.0), np.maximum(-given, 0.0)])
        return Along(mdot_kg_per_s=mdot, t_out_c=unknown)

    def _rows(self) -> tuple[npt.NDArray[np.generic], ...]:
        """As the compiled sweep takes them."""
        rows = self.branches
        return rows.start, rows.end, rows.loss_kw_per_k, rows.t_ground_c, rows.t_forward_c, rows.t_backward_c

    def _heat_per_flow(
        self, sign: FloatArray, mdot: FloatArray, t_node_c: FloatArray, warmed: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """(exchangers,) heat per flow in kJ/kg; (exchangers, exchangers) change of heat per change of flow."""
        own = slice(len(self.branches) - self.count, None)
        supply, return_ = self.branches.start[own], self.branches.end[own]
        hot = np.where(sign > 0.0, t_node_c[supply], self.branches.t_backward_c[own])
        cold = np.where(sign < 0.0, t_node_c[return_], self.branches.t_forward_c[own])
        inlet, t_inlet = np.where(sign < 0.0, return_, supply), np.where(sign < 0.0, cold, hot)
        spread = enthalpy_kj_per_kg(hot) - enthalpy_kj_per_kg(cold)
        slope = (mdot * np.interp(t_inlet, _CP_AT_C, _CP))[:, None] * warmed[inlet]
        slope[np.diag_indices_from(slope)] += spread
        return spread, slope


def near_start(elements: HeatElements) -> NearStart | None:
    """None where something is in service that it does not know, or where pressures decide which way water goes other
    than around loops of pipes with the usual friction."""
    if not is_known(elements):
        return None
    along, friction = pipes_and_valves(elements)
    given, given_mdot, own = given_flows(elements)
    plants, exchanging = plants_that_balance(elements), exchangers(elements)
    between, nodes = exchanging.together(given), len(elements.net.junction)
    found = trees(along, np.r_[plants.end, plants.start], nodes)
    if found is None or nodes * len(between) > MOST_ENTRIES:
        return None
    if found.chords and elements.network.friction != DEFAULT_FRICTION:
        return None
    if (found.root[np.r_[between.start, between.end]] == NONE).any():
        return None
    flow, out_of = flows_per_taken(along, found, _taken(between, nodes))
    if (out_of[plants.end] != -out_of[plants.start]).any():
        return None
    reached = np.flatnonzero(found.root[along.start] != NONE)
    count, every = len(exchanging), along.at(reached).together(given).together(plants).together(exchanging)
    own_flow = np.eye(len(between))
    response = np.concatenate([flow[reached], own_flow[count:], out_of[plants.end], own_flow[:count]])
    return NearStart(
        branches=every,
        places=_places(elements, reached),
        count=count,
        nodes=nodes,
        response=np.ascontiguousarray(response[:, :count]),
        response_to_given=np.ascontiguousarray(response[:, count:]),
        given_kg_per_s=given_mdot,
        bypass_supply=given.start[own],
        loops=_loops(along, friction, found, reached) if found.chords else None,
        ways=_ways(elements, along, found),
        plant_rows=elements.plant_rows,
        pumps=len(elements.net[PLANTS]) if PLANTS in elements.net else 0,
        still_c=elements.network.settings.t_ground_c,
    )


def _ways(elements: HeatElements, along: Branches, found: Trees) -> Ways:
    """From both junctions of the plants that balance, where pressures are set."""
    plants, child = plants_that_balance(elements), np.array([n for n in found.order if found.parent[n] != NONE], int)
    branch, rows, before = found.branch[child], {}, 0
    for table, own in rows_along(elements.net).items():
        places = np.flatnonzero((branch >= before) & (branch < before + len(own)))
        rows[table], before = (places, own[branch[places] - before]), before + len(own)
    supply_bar = np.array([plant.p_supply_bar for plant in elements.network.balancing], dtype=np.float64)
    lift_bar = np.array([plant.lift_bar for plant in elements.network.balancing], dtype=np.float64)
    return Ways(
        known=np.r_[plants.end, plants.start],
        known_bar=np.r_[supply_bar, supply_bar - lift_bar],
        child=child,
        parent=found.parent[child],
        forward=along.end[branch] == child,
        rows=rows,
    )


def _places(elements: HeatElements, reached: IntArray) -> dict[str, IntArray]:
    """Of every row of the tables of pipes and valves among the branches that are reached."""
    place_of = {int(row): place for place, row in enumerate(reached)}
    found, before = {}, 0
    for table, rows in rows_along(elements.net).items():
        places = np.full(len(elements.net[table]), NONE)
        places[rows] = [place_of.get(before + number, NONE) for number in range(len(rows))]
        found[table], before = places, before + len(rows)
    return found


def _among(slope: FloatArray, moving: IntArray) -> FloatArray:
    """The slopes of those that move; no copy where all do."""
    return slope if len(moving) == len(slope) else slope[np.ix_(moving, moving)]


def _at(values: FloatArray, places: IntArray) -> FloatArray:
    """NaN for `NONE`."""
    return np.where(places == NONE, np.nan, values[places])


def _taken(between: Branches, nodes: int) -> FloatArray:
    """(nodes, branches) what a flow of 1 kg/s takes at each node."""
    taken, each = np.zeros((nodes, len(between))), np.arange(len(between))
    np.add.at(taken, (between.start, each), 1.0)
    np.add.at(taken, (between.end, each), -1.0)
    return taken


def _loops(along: Branches, friction: Friction, found: Trees, reached: IntArray) -> Loops:
    around = around_loops(along, found)[:, reached]
    looped = np.flatnonzero((around != 0.0).any(axis=0))
    return Loops(np.ascontiguousarray(around[:, looped]), looped, friction.at(reached[looped]))


_CP_AT_C = TABLE_K - KELVIN_AT_ZERO_C
_CP = cp_kj_per_kg_k(_CP_AT_C)

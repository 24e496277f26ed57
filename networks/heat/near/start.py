"""The mass flows from which the heat flow's loop starts, found without a pipe flow.

The same equations as pandapipes solves, on what we know of the net; Newton's method with the safeguards of the loop
(bounds, largest steps, least slopes, several starts): where somebody feeds in beside a bypass, more than one set of
flows exchanges the same heat, and without them another is found. What starts here is judged by the pipe flow, which
goes on from there if it is not content. Nothing comes from the interval before, so that results do not depend on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from pandapipes.properties.fluids import call_lib

from mosaik_p2p.networks.heat.elements import HeatElements
from mosaik_p2p.networks.heat.hydraulics.friction import DEFAULT_FRICTION
from mosaik_p2p.networks.heat.hydraulics.water import (
    TABLE_C,
    cp_kj_per_kg_k,
    density_kg_per_m3,
    enthalpy_kj_per_kg,
)
from mosaik_p2p.networks.heat.near.branches import (
    exchangers,
    given_flows,
    is_known,
    pipes_and_valves,
    plants_that_balance,
)
from mosaik_p2p.networks.heat.near.paths import NONE, around_loops, flows_per_taken, trees
from mosaik_p2p.networks.heat.near.state import find_flows
from mosaik_p2p.units import FloatArray, IntArray, kelvin

TOLERANCE_KW = 1e-6
STEPS = 40
_Loops = tuple[FloatArray, FloatArray, IntArray, tuple[FloatArray, ...]]


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Arrays of shape (exchangers,), magnitudes."""

    least: FloatArray
    """In kg/s."""
    most: FloatArray
    least_slope: FloatArray
    """In kJ/kg."""


@dataclass(frozen=True)
class NearStart:
    """One network with its exchangers."""

    rows: tuple[npt.NDArray[np.generic], ...]
    exchangers: tuple[int, int]
    """The first one's row among the branches, and the number of nodes."""
    response: FloatArray
    """(branches, exchangers) flow per kg/s that an exchanger draws more."""
    response_to_given: FloatArray
    """(branches, given flows)"""
    given_kg_per_s: FloatArray
    bypass_supply: IntArray
    """(bypasses,) node of each; they come before the other given flows."""
    loops: _Loops
    water: tuple[FloatArray, ...]

    def find(
        self, served_kw: FloatArray, starts: Iterable[tuple[FloatArray, float]], bounds: Bounds
    ) -> FloatArray | None:
        """(exchangers,) mass flows, magnitudes, that exchange `served_kw` (+ drawn); None where none are found.

        `starts`: flows to start from, with the factor by which they may change at a time. Who cannot have his heat has
        the most flow there may be.
        """
        base = self.response_to_given @ self._open(served_kw)
        for start, largest_step in starts:
            try:
                found, mdot, _ = find_flows(
                    served_kw, start, self.exchangers, self.rows, self.response, base, self.loops, self.water,
                    (bounds.least, bounds.most, bounds.least_slope), largest_step, (TOLERANCE_KW, STEPS),
                )  # fmt: skip
            except np.linalg.LinAlgError:
                continue
            if found:
                return np.asarray(mdot, dtype=np.float64)
        return None

    def _open(self, served_kw: FloatArray) -> FloatArray:
        """The given flows, without the bypasses beside which somebody feeds in."""
        supply = self.rows[0][self.exchangers[0] :][served_kw < 0.0]
        closed = np.isin(self.bypass_supply, supply)
        given = self.given_kg_per_s.copy()
        given[: len(closed)][closed] = 0.0
        return given


def near_start(elements: HeatElements) -> NearStart | None:
    """None where something is in service that it does not know, or where pressures decide which way water goes other
    than around loops of pipes with the usual friction."""
    if not is_known(elements):
        return None
    along, friction = pipes_and_valves(elements)
    given, given_mdot, own = given_flows(elements)
    plants, exchanging = plants_that_balance(elements), exchangers(elements)
    nodes, count, balancing = len(elements.net.junction), len(exchanging), len(plants)
    found = trees(along, np.r_[plants.end, plants.start], nodes)
    if found is None or (found.chords and elements.network.friction != DEFAULT_FRICTION):
        return None
    between = exchanging.together(given)
    if (found.root[np.r_[between.start, between.end]] == NONE).any():
        return None
    taken = np.zeros((nodes, len(between)))
    np.add.at(taken, (between.start, np.arange(len(between))), 1.0)
    np.add.at(taken, (between.end, np.arange(len(between))), -1.0)
    flow, out_of = flows_per_taken(along, found, taken)
    if (out_of[plants.end] != -out_of[plants.start]).any():
        return None
    reached = (found.root[along.start] != NONE) & (found.root[along.end] != NONE)
    around = around_loops(along, found)[:, reached]
    looped = np.flatnonzero((around != 0.0).any(axis=0))
    every = along.at(reached).together(given).together(plants).together(exchanging)
    response = np.zeros((len(every), len(between)))
    first = len(every) - count
    response[: reached.sum()] = flow[reached]
    response[first - balancing : first] = out_of[plants.end]
    response[first - balancing - len(given) : first - balancing, count:] = np.eye(len(given))
    response[first:, :count] = np.eye(count)
    pipes = replace(friction).as_arrays(np.flatnonzero(reached)[looped])
    return NearStart(
        rows=(every.start, every.end, every.loss_kw_per_k, every.t_ground_c, every.t_forward_c, every.t_backward_c),
        exchangers=(first, nodes),
        response=np.ascontiguousarray(response[:, :count]),
        response_to_given=np.ascontiguousarray(response[:, count:]),
        given_kg_per_s=given_mdot,
        bypass_supply=given.start[own],
        loops=(
            np.ascontiguousarray(around[:, looped]),
            np.ascontiguousarray(around[:, looped].T),
            looped.astype(np.int64),
            pipes,
        ),
        water=_water_tables(),
    )


def _water_tables() -> tuple[FloatArray, ...]:
    viscosity = np.asarray(call_lib("water").get_viscosity(kelvin(0.0) + TABLE_C), dtype=np.float64)
    return cp_kj_per_kg_k(TABLE_C), enthalpy_kj_per_kg(TABLE_C), density_kg_per_m3(TABLE_C), viscosity

"""How the checked quantities of a heat network answer to heat that prosumers feed in, around a solved flow.

From paths and flow direction: more heat is more water through the prosumer, that water comes along the paths from the
plant (around loops it divides), and velocities, pressures and temperatures follow. All prosumers keep their heat: if
someone's water gets colder because of another one, his own mass flow rises. The linearisation ends where a flow turns
round, a bypass opens or closes, or a plant changes from giving to taking.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.limits.response import SLACK, Response
from mosaik_p2p.limits.rows import responses
from mosaik_p2p.networks.heat.elements import HeatElements
from mosaik_p2p.networks.heat.hydraulics.flow_sensitivity import (
    MIN_FLOW_KG_PER_S,
    SolvedFlow,
    flow_sensitivity,
    temperature_sensitivity,
)
from mosaik_p2p.networks.heat.hydraulics.friction import friction_slope
from mosaik_p2p.networks.heat.hydraulics.linear import solved_or_nearest
from mosaik_p2p.networks.heat.hydraulics.water import heat_kw, mean_cp_kj_per_kg_k
from mosaik_p2p.networks.heat.network import Plant
from mosaik_p2p.units import HEAT, KELVIN_AT_ZERO_C, M_PER_KM, PA_PER_BAR, BoolArray, FloatArray, IntArray

LEAST_SPREAD_SHARE = 0.5
"""A prosumer at rest, next to whom the water may stand cold, is taken to exchange heat over at least this share of the
spread between supply and return."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What the prosumers, and after them whoever else exchanges heat, exchange in the solved flow, or would begin to;
    arrays of shape (exchangers,).

    Mass flows: + draws, - feeds in. Temperatures of the water on either side of the prosumer.
    """

    mdot_kg_per_s: FloatArray
    t_supply_c: FloatArray
    t_return_c: FloatArray


@dataclass(frozen=True, kw_only=True)
class _Change:
    """Per kW that an exchanger feeds in more, (branches or nodes, exchangers): kg/s, bar and K.

    Where a prosumer feeds in more, the plants that feed a share of what is drawn give so much less.
    """

    mdot: FloatArray
    pressure: FloatArray
    temperature: FloatArray


def heat_response(elements: HeatElements, exchange: Exchange, columns: Sequence[int]) -> dict[str, Response]:
    """By limited quantity, and for the plants together: the change per kW that each of `columns` feeds in more.

    `columns` are positions among the connections.
    """
    flow = FlowSensitivities(elements, exchange, columns)
    return {**responses(limited_quantities(HEAT), flow), SLACK: flow.slack_kw()}


class FlowSensitivities:
    """See `HeatSensitivities`. The head of a plant that balances is held, and that of one at rest is nothing: nobody
    moves them."""

    def __init__(self, elements: HeatElements, exchange: Exchange, columns: Sequence[int]) -> None:
        """As of `heat_response`."""
        self._elements, self._exchange = elements, exchange
        self._columns = np.asarray(columns, dtype=np.int64)
        self._change = _change(elements, elements.solved_flow(), exchange)
        network = elements.network
        self._plants = (*network.balancing, *network.feeding, *network.steady)
        self._plant_names = [plant.name for plant in self._plants]
        self._prosumers = [connection.prosumer for connection in elements.connections]
        nodes = elements.net.junction.index
        self._supply, self._return = (
            nodes.get_indexer(junctions[: len(self._prosumers)]) for junctions in (elements.supply, elements.return_)
        )

    def velocity_m_per_s(self) -> Response:
        """See HeatSensitivities."""
        mdot, more = self._pipe_flows()
        result = self._elements.net.res_pipe[self._inside()]
        moving = np.abs(mdot) > MIN_FLOW_KG_PER_S
        velocity = np.abs(np.nan_to_num(result["v_mean_m_per_s"].to_numpy(dtype=np.float64)))
        per_mdot = np.divide(velocity, np.abs(mdot), out=np.zeros(len(mdot)), where=moving)
        return self._of_pipes(per_mdot[:, None] * more)

    def pressure_gradient_pa_per_m(self) -> Response:
        """See HeatSensitivities."""
        mdot, more = self._pipe_flows()
        length_m = self._elements.net.pipe[self._inside()]["length_km"].to_numpy(dtype=np.float64) * M_PER_KM
        slope_pa = friction_slope(self._elements.net)[self._inside()] * PA_PER_BAR
        steeper = np.divide(slope_pa, length_m, out=np.zeros(len(mdot)), where=length_m > 0.0)
        return self._of_pipes(steeper[:, None] * more)

    def pressure_bar(self) -> Response:
        """See HeatSensitivities."""
        junctions = self._elements.net.junction
        sides = junctions.index.get_indexer(pd.Index(list(self._elements.sides)))
        return self._response(junctions["name"].iloc[sides].tolist(), self._change.pressure[sides])

    def differential_pressure_bar(self) -> Response:
        """See HeatSensitivities."""
        pressure = self._change.pressure
        return self._response(self._prosumers, pressure[self._supply] - pressure[self._return])

    def t_supply_c(self) -> Response:
        """See HeatSensitivities."""
        return self._response(self._prosumers, self._change.temperature[self._supply])

    def plant_heat_kw(self) -> Response:
        """See HeatSensitivities."""
        return self._response(self._plant_names, self._heat())

    def pump_head_bar(self) -> Response:
        """See HeatSensitivities."""
        head = _head(self._elements, self._exchange, self._plants, self._change)
        return self._response(self._plant_names, head)

    def slack_kw(self) -> Response:
        """Of what all plants give."""
        return self._response([SLACK], self._heat().sum(axis=0, keepdims=True))

    def _heat(self) -> FloatArray:
        """(plants, exchangers) kW that each gives more."""
        elements, change = self._elements, self._change
        parts = (_plant_heat(elements, change), _fed_heat(elements, self._exchange), _steady_heat(elements, change))
        return np.concatenate(parts)

    def _inside(self) -> BoolArray:
        return np.asarray(self._elements.net.pipe["in_service"], dtype=np.bool_)

    def _pipe_flows(self) -> tuple[FloatArray, FloatArray]:
        """(pipes in service,) kg/s, and (pipes, exchangers) by how much its size grows: in either direction where
        nothing flows, which is no slope."""
        inside = self._inside()
        result = self._elements.net.res_pipe[inside]
        mdot = np.nan_to_num(result["mdot_from_kg_per_s"].to_numpy(dtype=np.float64))
        sign = np.where(np.abs(mdot) > MIN_FLOW_KG_PER_S, np.sign(mdot), 0.0)
        return mdot, sign[:, None] * self._change.mdot[: len(inside)][inside]

    def _of_pipes(self, per_kw: FloatArray) -> Response:
        return self._response(self._elements.net.pipe["name"][self._inside()].tolist(), per_kw)

    def _response(self, names: Sequence[str], per_kw: FloatArray) -> Response:
        still = np.zeros((len(names), len(self._columns)))
        return Response(elements=names, per_kw=per_kw[:, self._columns], per_kvar=still)


def _head(elements: HeatElements, exchange: Exchange, plants: Sequence[Plant], change: _Change) -> FloatArray:
    nodes, network, prosumers = elements.net.junction.index, elements.network, len(elements.connections)
    supply = nodes.get_indexer([plant.supply for plant in plants])
    return_ = nodes.get_indexer([plant.return_ for plant in plants])
    feeds = exchange.mdot_kg_per_s[prosumers : prosumers + len(network.feeding)] < 0.0
    lifts = np.concatenate(
        [np.zeros(len(network.balancing), dtype=bool), feeds, np.ones(len(network.steady), dtype=bool)]
    )
    result: FloatArray = np.where(lifts[:, None], change.pressure[supply] - change.pressure[return_], 0.0)
    return result


def _change(elements: HeatElements, flow: SolvedFlow, exchange: Exchange) -> _Change:
    moved = flow_sensitivity(flow)
    warmed = temperature_sensitivity(flow, moved)
    fed = -_mdot_per_kw(elements, exchange, warmed) @ (
        np.eye(len(exchange.mdot_kg_per_s)) + _shared(elements, exchange)
    )
    return _Change(mdot=moved.mdot @ fed, pressure=moved.pressure @ fed, temperature=warmed @ fed)


def _shared(elements: HeatElements, exchange: Exchange) -> FloatArray:
    """(exchangers, exchangers) kW that a plant with a share feeds more, per kW that a prosumer feeds in more."""
    prosumers, feeding = len(elements.connections), elements.network.feeding
    result = np.zeros((len(exchange.mdot_kg_per_s),) * 2)
    for row, plant in enumerate(feeding, start=prosumers):
        # At rest it waits for a net draw, and one kW more or less changes nothing.
        if exchange.mdot_kg_per_s[row] < 0.0 and plant.share is not None:
            beside = elements.plant_of[:prosumers] == elements.plant_of[row]
            result[row, :prosumers] = -plant.share * beside
    return result


def _fed_heat(elements: HeatElements, exchange: Exchange) -> FloatArray:
    """(feeding plants, exchangers) kW that each plant with a share gives more."""
    first = len(elements.connections)
    return _shared(elements, exchange)[first : first + len(elements.network.feeding)]


def _steady_heat(elements: HeatElements, change: _Change) -> FloatArray:
    """(steady pumps, exchangers) kW that each gives more: its water stays, and may come back warmer."""
    index = [plant.element for plant in elements.network.steady]
    pumps, results = elements.net.circ_pump_mass.loc[index], elements.net.res_circ_pump_mass.loc[index]
    return_ = np.array([plant.return_ for plant in elements.network.steady], dtype=np.int64)
    t_supply = pumps["t_flow_k"].to_numpy(dtype=np.float64) - KELVIN_AT_ZERO_C
    mdot = np.nan_to_num(results["mdot_from_kg_per_s"].to_numpy(dtype=np.float64))
    heat_per_k = -mdot * mean_cp_kj_per_kg_k(t_supply, elements.junction_t_c(return_))
    return np.asarray(heat_per_k[:, None] * change.temperature[_positions(elements, return_)], dtype=np.float64)


def _mdot_per_kw(elements: HeatElements, exchange: Exchange, warmed: FloatArray) -> FloatArray:
    """(exchangers, exchangers) kg/s that prosumer i draws more when j draws 1 kW more and all others keep their heat.

    The inverse of how heat answers to mass flows, as in the iteration that found the flow.
    """
    mdot = exchange.mdot_kg_per_s
    inlet = np.where(mdot < 0.0, elements.return_, elements.supply)
    at_inlet = warmed[elements.net.junction.index.get_indexer(inlet)]
    cp = mean_cp_kj_per_kg_k(exchange.t_supply_c, exchange.t_return_c)
    heat_per_mdot = (np.abs(mdot) * cp)[:, None] * at_inlet
    heat_per_mdot[np.diag_indices_from(heat_per_mdot)] += _spread_kj_per_kg(elements, exchange)
    return solved_or_nearest(heat_per_mdot, np.eye(len(mdot)))


def _spread_kj_per_kg(elements: HeatElements, exchange: Exchange) -> FloatArray:
    count = len(exchange.mdot_kg_per_s)
    spread = heat_kw(np.ones(count), exchange.t_supply_c, exchange.t_return_c)
    usual = heat_kw(np.ones(count), elements.t_plant_c[elements.plant_of], elements.t_draw_c)
    at_rest = exchange.mdot_kg_per_s == 0.0
    return np.where(at_rest, np.maximum(spread, LEAST_SPREAD_SHARE * usual), spread)


def _plant_heat(elements: HeatElements, change: _Change) -> FloatArray:
    """(balancing plants, exchangers) kW that each gives more: with more water, and for water that comes back colder."""
    plants, settings = elements.network.balancing, elements.network.settings
    gives, takes = elements.plant_branches().T
    mdot = elements.plant_mdot()
    more = change.mdot[gives] - change.mdot[takes]
    supply, return_ = (
        np.array([getattr(plant, side) for plant in plants], dtype=np.int64) for side in ("supply", "return_")
    )
    t_supply = np.where(mdot > 0.0, elements.t_plant_c, elements.junction_t_c(supply))
    t_return = np.where(mdot < 0.0, settings.t_return_c, elements.junction_t_c(return_))
    inlet = np.where(mdot < 0.0, supply, return_)
    warmer = change.temperature[_positions(elements, inlet)]
    spread = heat_kw(np.ones(len(plants)), t_supply, t_return)
    # Giving: water that returns warmer needs less heat. Taking: water that arrives warmer leaves more (mdot < 0).
    heat_per_k = -np.abs(mdot) * mean_cp_kj_per_kg_k(t_supply, t_return)
    return np.asarray(spread[:, None] * more + heat_per_k[:, None] * warmer, dtype=np.float64)


def _positions(elements: HeatElements, junctions: IntArray) -> IntArray:
    return np.asarray(elements.net.junction.index.get_indexer(junctions), dtype=np.int64)

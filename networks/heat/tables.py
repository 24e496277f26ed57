"""The result tables of one solved heat flow, in our units and with None where there is no number."""

import math
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from mosaik_p2p.errors import Status
from mosaik_p2p.networks.heat.elements import HeatElements
from mosaik_p2p.networks.heat.hydraulics.flow_sensitivity import MIN_FLOW_KG_PER_S
from mosaik_p2p.networks.heat.hydraulics.water import density_kg_per_m3, heat_kw, mean_cp_kj_per_kg_k
from mosaik_p2p.networks.heat.plant_rows import fed_rows, steady_rows
from mosaik_p2p.units import KELVIN_AT_ZERO_C, M_PER_KM, PA_PER_BAR, W_PER_KW, FloatArray, Table

HEAT_TABLES: dict[str, tuple[str, ...]] = {
    "heat_exchanges": (
        "prosumer",
        "mode",
        "cleared_kw",
        "delivered_kw",
        "mdot_kg_per_s",
        "t_supply_c",
        "t_return_c",
        "dp_bar",
        "status",
    ),
    "plants": ("plant", "heat_kw", "mdot_kg_per_s", "t_supply_c", "t_return_c", "head_bar", "pump_kw"),
    "junctions": ("junction", "side", "p_bar", "t_c", "flowing"),
    "pipes": (
        "pipe",
        "mdot_kg_per_s",
        "velocity_m_per_s",
        "dp_pa_per_m",
        "t_in_c",
        "t_out_c",
        "loss_kw",
    ),
}

DRAW, FEED, IDLE = "draw", "feed", "idle"

OUTLET_PASSES = 3
"""The mean heat capacity of a pipe depends, slightly, on the outlet temperature that is sought."""
BRANCHES = (
    "pipe",
    "valve",
    "pump",
    "press_control",
    "compressor",
    "heat_consumer",
    "heat_exchanger",
    "flow_control",
    "circ_pump_mass",
    "circ_pump_pressure",
)
ENDS = {
    "valve": ("junction", "element"),
    "circ_pump_mass": ("return_junction", "flow_junction"),
    "circ_pump_pressure": ("return_junction", "flow_junction"),
}
"""Columns that name the ends of a branch, where they are not `PIPE_ENDS`."""
PIPE_ENDS = ("from_junction", "to_junction")
PIPE_RESULTS = ("mdot_from_kg_per_s", "dp_friction_loss_bar", "v_mean_m_per_s")


@dataclass(frozen=True, kw_only=True)
class Exchanged:
    """What prosumers and plants with a share exchange; arrays of shape (exchangers,), + draws, - feeds in."""

    cleared_kw: FloatArray
    """(prosumers,)"""
    mdot_kg_per_s: FloatArray
    t_supply_c: FloatArray
    """Of the water on the supply side: what enters someone who draws, what leaves someone who feeds in."""
    t_return_c: FloatArray
    undeliverable: npt.NDArray[np.bool_]


class HeatTables(TypedDict):
    """One table per kind of element, with the columns of `HEAT_TABLES`."""

    heat_exchanges: Table
    plants: Table
    junctions: Table
    pipes: Table


def heat_tables(elements: HeatElements, exchanged: Exchanged) -> HeatTables:
    """The tables of the flow that `elements` has just solved."""
    flowing = _flowing_junctions(elements)
    return HeatTables(
        heat_exchanges=_exchanges(elements, exchanged, flowing),
        plants=_with_the_others(elements, exchanged, _plants(elements)),
        junctions=_junctions(elements, flowing),
        pipes=_pipes(elements),
    )


def _exchanges(elements: HeatElements, exchanged: Exchanged, flowing: set[int]) -> Table:
    prosumers = slice(len(elements.connections))
    mdot, undeliverable = exchanged.mdot_kg_per_s[prosumers], exchanged.undeliverable[prosumers]
    t_supply, t_return = exchanged.t_supply_c[prosumers], exchanged.t_return_c[prosumers]
    supply, return_ = elements.supply[prosumers], elements.return_[prosumers]
    pressure = elements.net.res_junction["p_bar"].to_numpy(dtype=np.float64)
    dp_bar = pressure[elements.rows_of(supply)] - pressure[elements.rows_of(return_)]
    delivered = heat_kw(mdot, t_supply, t_return)
    status = np.where(mdot == 0.0, Status.IDLE.value, Status.OK.value)
    status = np.where(undeliverable, Status.NOT_DELIVERABLE.value, status)
    wet = [junction in flowing for junction in supply], [junction in flowing for junction in return_]
    return {
        "prosumer": [connection.prosumer for connection in elements.connections],
        "mode": [_mode(value) for value in np.where(undeliverable, exchanged.cleared_kw, mdot)],
        "cleared_kw": exchanged.cleared_kw.tolist(),
        "delivered_kw": (delivered + 0.0).tolist(),
        "mdot_kg_per_s": (mdot + 0.0).tolist(),
        "t_supply_c": _numbers(np.where(wet[0], t_supply, np.nan)),
        "t_return_c": _numbers(np.where(wet[1], t_return, np.nan)),
        "dp_bar": _numbers(dp_bar),
        "status": status.tolist(),
    }


def _mode(flow: float) -> str:
    if flow == 0.0:
        return IDLE
    return DRAW if flow > 0.0 else FEED


def _plants(elements: HeatElements) -> Table:
    """Those that balance. The outlet has the set temperature, the inlet that of the junction. Taking surplus needs no
    pump."""
    plants, settings = elements.network.balancing, elements.network.settings
    mdot = np.where(np.abs(elements.plant_mdot()) < MIN_FLOW_KG_PER_S, 0.0, elements.plant_mdot())
    at_supply = elements.junction_t_c(np.array([plant.supply for plant in plants]))
    at_return = elements.junction_t_c(np.array([plant.return_ for plant in plants]))
    t_supply = np.where(mdot > 0.0, elements.t_plant_c, at_supply)
    t_return = np.where(mdot < 0.0, settings.t_return_c, at_return)
    lift_bar = np.array([plant.lift_bar for plant in plants])
    pump_kw = np.maximum(mdot, 0.0) * lift_bar * PA_PER_BAR / density_kg_per_m3(t_return) / W_PER_KW
    return {
        "plant": [plant.name for plant in plants],
        "heat_kw": (heat_kw(mdot, t_supply, t_return) + 0.0).tolist(),
        "mdot_kg_per_s": mdot.tolist(),
        "t_supply_c": _numbers(np.where(mdot == 0.0, np.nan, t_supply)),
        "t_return_c": _numbers(np.where(mdot == 0.0, np.nan, t_return)),
        "head_bar": np.where(mdot > 0.0, lift_bar, 0.0).tolist(),
        "pump_kw": pump_kw.tolist(),
    }


def _with_the_others(elements: HeatElements, exchanged: Exchanged, balancing: Table) -> Table:
    """After the plants that balance: those that feed a share, and a file's steady pumps."""
    if not (elements.network.feeding or elements.network.steady):
        return balancing
    prosumers = len(elements.connections)
    rest = slice(prosumers, prosumers + len(elements.network.feeding))
    fed = (
        fed_rows(elements, elements.network.feeding, -exchanged.mdot_kg_per_s[rest], exchanged.t_supply_c[rest]),
        steady_rows(elements),
    )
    return {
        column: [*values, *(value for table in fed for value in table[column])] for column, values in balancing.items()
    }


def _junctions(elements: HeatElements, flowing: set[int]) -> Table:
    sides, net = elements.sides, elements.net
    rows = elements.rows_of(np.array(list(sides), dtype=np.int64))
    p_bar, t_k = (net.res_junction[column].to_numpy(dtype=np.float64)[rows] for column in ("p_bar", "t_k"))
    moving = [junction in flowing for junction in sides]
    return {
        "junction": net.junction["name"].to_numpy()[rows].tolist(),
        "side": list(sides.values()),
        "p_bar": _numbers(p_bar),
        "t_c": _numbers(np.where(moving, t_k - KELVIN_AT_ZERO_C, np.nan)),
        "flowing": moving,
    }


def _pipes(elements: HeatElements) -> Table:
    """Outlet temperatures follow from the inlet node: the library names that of the node in which the water mixes."""
    inside = elements.net.pipe["in_service"].to_numpy(dtype=bool)
    # Column by column: pandas takes long to choose rows of whole tables.
    pipe = {name: elements.net.pipe[name].to_numpy()[inside] for name in (*PIPE_ENDS, "length_km", "name")}
    result = {name: elements.net.res_pipe[name].to_numpy(dtype=np.float64)[inside] for name in PIPE_RESULTS}
    mdot = np.nan_to_num(result["mdot_from_kg_per_s"])
    mdot = np.where(np.abs(mdot) < MIN_FLOW_KG_PER_S, 0.0, mdot)
    moving = mdot != 0.0
    inlet = np.where(mdot >= 0.0, pipe["from_junction"], pipe["to_junction"])
    t_in = np.where(moving, elements.junction_t_c(inlet), elements.network.settings.t_ground_c)
    of_pipes = np.flatnonzero(inside)
    branches = elements.branches
    t_out = _outlet_c(branches.loss_kw_per_k[of_pipes], np.abs(mdot), t_in, branches.t_ground_c[of_pipes])
    length_m = pipe["length_km"].astype(np.float64) * M_PER_KM
    friction_pa = np.abs(result["dp_friction_loss_bar"]) * PA_PER_BAR
    gradient = np.divide(friction_pa, length_m, out=np.full(len(length_m), np.nan), where=length_m > 0.0)
    return {
        "pipe": pipe["name"].tolist(),
        "mdot_kg_per_s": mdot.tolist(),
        "velocity_m_per_s": np.where(moving, np.abs(result["v_mean_m_per_s"]), 0.0).tolist(),
        "dp_pa_per_m": _numbers(np.where(moving | (length_m == 0.0), gradient, 0.0)),
        "t_in_c": _numbers(np.where(moving, t_in, np.nan)),
        "t_out_c": _numbers(np.where(moving, t_out, np.nan)),
        "loss_kw": heat_kw(np.abs(mdot), t_in, t_out).tolist(),
    }


def _outlet_c(
    kw_per_k: FloatArray, mdot_kg_per_s: FloatArray, t_in_c: FloatArray, t_ground_c: FloatArray
) -> FloatArray:
    """Outlet temperature in degC: the difference to the ground decays with (conductance / heat capacity flow)."""
    t_out = t_in_c
    for _ in range(OUTLET_PASSES):
        capacity_kw_per_k = mdot_kg_per_s * mean_cp_kj_per_kg_k(t_in_c, t_out)
        decay = np.divide(kw_per_k, capacity_kw_per_k, out=np.full(len(t_in_c), np.inf), where=mdot_kg_per_s > 0.0)
        t_out = t_ground_c + (t_in_c - t_ground_c) * np.exp(-decay)
    return t_out


def _flowing_junctions(elements: HeatElements) -> set[int]:
    """Junctions at an end of a branch in which water moves."""
    net = elements.net
    flowing: set[int] = set()
    for table in BRANCHES:
        if table not in net or net[table].empty:
            continue
        mdot = net["res_" + table]["mdot_from_kg_per_s"].to_numpy(dtype=np.float64)
        moving = np.abs(np.nan_to_num(mdot)) >= MIN_FLOW_KG_PER_S
        for column in ENDS.get(table, PIPE_ENDS):
            flowing.update(net[table][column].to_numpy(dtype=np.int64)[moving].tolist())
    return flowing


def _numbers(values: FloatArray) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]

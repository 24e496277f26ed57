"""The branches of a heat net as arrays: what stays the same is read once, what a solution changes is put in later."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandapipes.pandapipes_net import pandapipesNet

from mosaik_p2p.networks.heat.hydraulics.flow_sensitivity import SolvedFlow
from mosaik_p2p.networks.heat.hydraulics.friction import friction_slope
from mosaik_p2p.units import KELVIN_AT_ZERO_C, M_PER_KM, MM_PER_M, W_PER_KW, FloatArray, IntArray, kelvin

TABLES = (
    *("pipe", "valve", "press_control", "pump", "compressor", "flow_control"),
    *("circ_pump_mass", "circ_pump_pressure"),
)
"""Pipes first. Other elements, which only a user's file can have, are left out: see `heat_sensitivity`."""
PUMPS = ("circ_pump_mass", "circ_pump_pressure")
ENDS = {
    "pipe": ("from_junction", "to_junction"),
    "valve": ("junction", "element"),
    "press_control": ("from_junction", "to_junction"),
    "pump": ("from_junction", "to_junction"),
    "compressor": ("from_junction", "to_junction"),
    "flow_control": ("from_junction", "to_junction"),
    "circ_pump_mass": ("return_junction", "flow_junction"),
    "circ_pump_pressure": ("return_junction", "flow_junction"),
}
FRICTIONLESS = 1e12
"""Conductance of an open valve, or of a pump in service; tamed where it is used."""
STATES = {"valve": "opened", "pump": "in_service", "compressor": "in_service"}
"""Columns that say whether a branch without friction is open."""


def branches_of(net: pandapipesNet, *, exchangers: int, t_ground_c: float) -> SolvedFlow:
    """All branches at rest.

    The last `2 * exchangers` rows of `circ_pump_mass` are the exchangers' pumps: first those that draw, then
    those that feed in.
    """
    tables = [name for name in TABLES if name in net]
    sizes = {name: len(net[name]) for name in tables}
    count = sum(sizes.values())
    of_table = np.repeat(tables, list(sizes.values()))
    start, end = (np.concatenate([_positions(net, name, side) for name in tables]) for side in (0, 1))
    loss, t_ground = np.zeros(count), np.full(count, t_ground_c)
    loss[: sizes["pipe"]] = loss_kw_per_k(net.pipe)
    t_ground[: sizes["pipe"]] = net.pipe["text_k"].astype(float).fillna(kelvin(t_ground_c)) - KELVIN_AT_ZERO_C
    conductance, holds = _without_friction(net, of_table)
    pumps = np.isin(of_table, PUMPS)
    t_set = np.zeros(count)
    set_k = np.concatenate([net[name]["t_flow_k"].to_numpy(dtype=np.float64) for name in tables if name in PUMPS])
    t_set[pumps] = set_k - KELVIN_AT_ZERO_C
    return SolvedFlow(
        start=start,
        end=end,
        mdot_kg_per_s=np.zeros(count),
        conductance=conductance,
        own=_own_flows(of_table, exchangers),
        holds=holds,
        plant=of_table == "circ_pump_pressure",
        loss_kw_per_k=loss,
        t_ground_c=t_ground,
        passes=~pumps,
        t_set_c=t_set,
        t_node_c=np.zeros(len(net.junction)),
    )


def solved(net: pandapipesNet, branches: SolvedFlow) -> SolvedFlow:
    """`branches` with the flows and temperatures of the net's last solution; conductances in kg/s per bar.

    Of a prosumer at rest the pump that draws counts as the one that would begin to.
    """
    tables = [name for name in TABLES if name in net]
    results = [net["res_" + name]["mdot_from_kg_per_s"].to_numpy(dtype=np.float64) for name in tables]
    mdot = np.nan_to_num(np.concatenate(results))
    pipes = len(net.pipe)
    conductance = branches.conductance.copy()
    conductance[:pipes] = np.where(net.pipe["in_service"].astype(bool), 1.0 / friction_slope(net), 0.0)
    active = (mdot[:, None] != 0.0) & (branches.own != 0.0)
    begins = (branches.own > 0.0) & ~active.any(axis=0)
    own = np.where(active | begins, branches.own, 0.0)
    t_node = np.nan_to_num(net.res_junction["t_k"].to_numpy(dtype=np.float64) - KELVIN_AT_ZERO_C)
    return replace(branches, mdot_kg_per_s=mdot, conductance=conductance, own=own, t_node_c=t_node)


def _without_friction(net: pandapipesNet, of_table: npt.NDArray[np.str_]) -> tuple[FloatArray, IntArray]:
    """(branches,) conductance of what is open and has no friction, else 0, and the node that each holds, else -1."""
    conductance, holds = np.zeros(len(of_table)), np.full(len(of_table), -1)
    for table, state in STATES.items():
        if table in net:
            conductance[of_table == table] = np.where(net[table][state].astype(bool), FRICTIONLESS, 0.0)
    if "press_control" in net:
        at = of_table == "press_control"
        conductance[at], holds[at] = _pressure_controls(net)
    return conductance, holds


def _own_flows(of_table: npt.NDArray[np.str_], exchangers: int) -> FloatArray:
    """(branches, exchangers) 1 for the pump with which one draws, -1 for the one with which it feeds in."""
    own, each = np.zeros((len(of_table), exchangers)), np.arange(exchangers)
    pumps = np.flatnonzero(of_table == "circ_pump_mass")
    first = len(pumps) - 2 * exchangers
    own[pumps[first : first + exchangers], each] = 1.0
    own[pumps[first + exchangers :], each] = -1.0
    return own


def _pressure_controls(net: pandapipesNet) -> tuple[FloatArray, IntArray]:
    """Conductance of those that are not active, and the row of the junction whose pressure the others hold, or -1."""
    controls = net.press_control
    at_work, active = controls["in_service"].astype(bool), controls["control_active"].astype(bool)
    held = net.junction.index.get_indexer(controls["controlled_junction"])
    return np.where(at_work & ~active, FRICTIONLESS, 0.0), np.where(at_work & active, held, -1)


def _positions(net: pandapipesNet, table: str, side: int) -> IntArray:
    """Rows in the junction table of one end of every branch."""
    elements: pd.DataFrame = net[table]
    junctions = elements[ENDS[table][side]]
    if table == "valve":
        # A valve at a pipe's end names the pipe; it does not lead from junction to junction.
        junctions = junctions.where(elements["et"] == "ju", elements["junction"])
    return np.asarray(net.junction.index.get_indexer(junctions), dtype=np.int64)


def loss_kw_per_k(pipe: pd.DataFrame) -> FloatArray:
    """(pipes,) heat that a pipe loses per kelvin above its ground, in kW/K."""
    outer_m = pipe["outer_diameter_mm"].astype(float).fillna(pipe["inner_diameter_mm"]) / MM_PER_M
    length_m = pipe["length_km"] * M_PER_KM
    return np.asarray(pipe["u_w_per_m2k"] * np.pi * outer_m * length_m / W_PER_KW, dtype=np.float64)

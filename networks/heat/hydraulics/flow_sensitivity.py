"""How mass flows, pressures and temperatures answer to a change of the prosumers' mass flows, around a solved flow.

All of it is linear. Hydraulics: a change of a prosumer's flow spreads over the pipes as a current over conductances
(in a tree along the only path, whatever the conductances). Temperature: what flows into a node mixes there; a pipe
passes on a change at its inlet by its decay, and with more flow it cools less. A pressure control takes what flow it
must to hold its pressure; the lift of a pump or compressor counts as constant. Other elements of a user's file count as
unmoved: this steers an iteration and the negotiation, it is not a result.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import bmat, csr_matrix, diags, identity
from scipy.sparse.linalg import splu

from mosaik_p2p.units import FloatArray, IntArray

CP_KJ_PER_KG_K = 4.187
MIN_FLOW_KG_PER_S = 1e-6
"""Less is rounding: the tolerance of pandapipes for mass flows is ten times this."""
CONDUCTANCE_RANGE = 1e3
"""Conductances are kept within this factor of their median: stagnant pipes and valves would spoil the solution."""
REGULARISATION = 1e-9
"""Keeps parts of a network that no plant holds from making the pressures singular."""


@dataclass(frozen=True, kw_only=True)
class SolvedFlow:
    """Nodes (counted from 0) and branches of a solved flow. Arrays of shape (branches,) unless said otherwise."""

    start: IntArray
    end: IntArray
    mdot_kg_per_s: FloatArray
    """From `start` to `end`; negative against it."""
    conductance: FloatArray
    """Change of mass flow per change of pressure difference; 0 for a pump or a bypass, whose flow is given."""
    own: FloatArray
    """(branches, prosumers) what a prosumer's pump does when it draws more: 1 if it draws, -1 if it feeds in."""
    holds: IntArray
    """The node whose pressure a branch holds by its flow, -1 for most."""
    plant: npt.NDArray[np.bool_]
    """Pumps of plants, which take up what is left."""
    loss_kw_per_k: FloatArray
    t_ground_c: FloatArray
    passes: npt.NDArray[np.bool_]
    """Whether the outlet follows the inlet (pipes, valves, bypasses) or is set (pumps)."""
    t_set_c: FloatArray
    """Outlet temperature where it is set."""
    t_node_c: FloatArray
    """(nodes,)"""


@dataclass(frozen=True, kw_only=True)
class FlowChange:
    """What follows when a prosumer draws 1 kg/s more. Pressures in bar if the conductances are per bar."""

    mdot: FloatArray
    """(branches, prosumers)"""
    pressure: FloatArray
    """(nodes, prosumers)"""


def temperature_sensitivity(flow: SolvedFlow, change: FlowChange) -> FloatArray:
    """(nodes, prosumers) change of the water temperature in K per kg/s that a prosumer draws more."""
    nodes, branches = len(flow.t_node_c), len(flow.start)
    forward = flow.mdot_kg_per_s >= 0.0
    inlet, outlet = np.where(forward, flow.start, flow.end), np.where(forward, flow.end, flow.start)
    moving = np.abs(flow.mdot_kg_per_s) > MIN_FLOW_KG_PER_S
    mdot = np.where(moving, np.abs(flow.mdot_kg_per_s), 0.0)
    exponent = np.divide(flow.loss_kw_per_k, CP_KJ_PER_KG_K * mdot, out=np.zeros(branches), where=moving)
    decay = np.where(flow.passes, np.exp(-exponent), 0.0)
    above_ground = (flow.t_node_c[inlet] - flow.t_ground_c) * decay
    t_out = np.where(flow.passes, flow.t_ground_c + above_ground, flow.t_set_c)
    into = csr_matrix((np.ones(branches), (outlet, np.arange(branches))), shape=(nodes, branches))
    from_ = csr_matrix((np.ones(branches), (np.arange(branches), inlet)), shape=(branches, nodes))
    inflow = into @ mdot
    # A pump at rest that would begin to draw brings water of its set temperature to a node where water flows.
    begins = ~moving & flow.own.any(axis=1) & (inflow[outlet] > 0.0)
    # d(mdot t_out)/d(mdot) for a given inlet, less what the node has already
    gain = np.where(moving | begins, t_out + above_ground * exponent - flow.t_node_c[outlet], 0.0)
    gain *= np.where(forward, 1.0, -1.0)
    mixing = diags(np.where(inflow > 0.0, inflow, 1.0)) - into @ diags(mdot * decay) @ from_
    warmed: FloatArray = splu(mixing.tocsc()).solve(np.asarray(into @ (gain[:, None] * change.mdot)))
    return warmed


def flow_sensitivity(flow: SolvedFlow) -> FlowChange:
    """Change of the mass flows and pressures per kg/s that a prosumer draws more."""
    nodes, branches = len(flow.t_node_c), len(flow.start)
    rows = np.r_[flow.start, flow.end]
    columns = np.tile(np.arange(branches), 2)
    incidence = csr_matrix((np.repeat([-1.0, 1.0], branches), (rows, columns)), shape=(nodes, branches))
    conductance = _tamed(flow.conductance)
    laplacian = incidence @ diags(conductance) @ incidence.T + REGULARISATION * identity(nodes)
    # At the plants pressure is held: no other change of flow raises it.
    held = np.zeros(nodes)
    held[np.r_[flow.start[flow.plant], flow.end[flow.plant]]] = conductance.max(initial=1.0) / REGULARISATION
    controls = np.flatnonzero(flow.holds >= 0)
    # The unknowns: all pressures, and the flow of every branch that holds a pressure.
    system = laplacian + diags(held)
    if len(controls):
        holding = identity(nodes, format="csr")[flow.holds[controls]]
        system = bmat([[system, -incidence[:, controls]], [holding, None]])
    taken = np.asarray(incidence @ flow.own)
    solution = splu(system.tocsc()).solve(np.vstack([taken, np.zeros((len(controls), taken.shape[1]))]))
    pressure = solution[:nodes]
    change = flow.own - conductance[:, None] * (incidence.T @ pressure)
    change[controls] = solution[nodes:]
    missing = -(incidence @ change)
    active = flow.plant & (np.abs(flow.mdot_kg_per_s) > MIN_FLOW_KG_PER_S)
    change[active] = missing[flow.end[active]]
    return FlowChange(mdot=np.asarray(change, dtype=np.float64), pressure=np.asarray(pressure, dtype=np.float64))


def _tamed(conductance: FloatArray) -> FloatArray:
    given = conductance > 0.0
    if not given.any():
        return conductance
    middle = float(np.median(conductance[given]))
    return np.where(given, np.clip(conductance, middle / CONDUCTANCE_RANGE, middle * CONDUCTANCE_RANGE), 0.0)

"""A radial heat network solved by hand, as an independent oracle for the pipe flow.

Mass balance up the tree, exponential cooling along each pipe, mixing at each node, and a general root finder for the
mass flows. No part of it uses pandapipes or the package's own network code; water has one heat capacity.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import root

FloatArray = npt.NDArray[np.float64]

CP_KJ_PER_KG_K = 4.185
W_PER_KW = 1000.0


@dataclass(frozen=True)
class RadialNetwork:
    """A tree with its plant at node 0. Pipes lead from `parent` to `child`, supply and return alike."""

    parent: tuple[int, ...]
    child: tuple[int, ...]
    loss_w_per_k: tuple[float, ...]
    """Of one pipe."""
    t_plant_c: float
    t_return_c: float
    t_feed_c: float
    t_ground_c: float


@dataclass(frozen=True)
class RadialSolution:
    """(nodes,) temperatures in degC, NaN where nothing flows; the prosumers' mass flows, + draws; the plant's heat."""

    t_supply_c: FloatArray
    t_return_c: FloatArray
    mdot_kg_per_s: FloatArray
    plant_kw: float


def solve(network: RadialNetwork, draw_kw: FloatArray, bypass_kg_per_s: FloatArray) -> RadialSolution:
    """`draw_kw` (nodes,): + draws, - feeds in. `bypass_kg_per_s` (nodes,): fixed flow from supply to return."""
    active = np.flatnonzero(draw_kw)
    guess = draw_kw[active] / (CP_KJ_PER_KG_K * (network.t_plant_c - network.t_return_c) * 0.9)

    def missing(mdot: FloatArray) -> FloatArray:
        drawn = np.zeros(len(draw_kw))
        drawn[active] = mdot
        return _heat(network, drawn, *_temperatures(network, drawn, bypass_kg_per_s))[active] - draw_kw[active]

    mdot = np.zeros(len(draw_kw))
    if len(active):
        found = root(missing, guess, tol=1e-9)
        if np.abs(missing(found.x)).max() > 1e-4:
            raise ArithmeticError(found.message)
        mdot[active] = found.x
    supply, return_ = _temperatures(network, mdot, bypass_kg_per_s)
    plant = mdot.sum() + bypass_kg_per_s.sum()
    hot, cold = (network.t_plant_c, return_[0]) if plant > 0.0 else (supply[0], network.t_return_c)
    return RadialSolution(supply, return_, mdot, float(plant * CP_KJ_PER_KG_K * (hot - cold)) if plant else 0.0)


def _heat(network: RadialNetwork, mdot: FloatArray, supply: FloatArray, return_: FloatArray) -> FloatArray:
    drawing = mdot * CP_KJ_PER_KG_K * (supply - network.t_return_c)
    feeding = mdot * CP_KJ_PER_KG_K * (network.t_feed_c - return_)
    return np.where(mdot > 0.0, drawing, np.where(mdot < 0.0, feeding, 0.0))


def _temperatures(network: RadialNetwork, mdot: FloatArray, bypass: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Supply first: what the bypasses let through to the return side has its temperature."""
    plant = mdot.sum() + bypass.sum()
    fed, drawn = np.maximum(-mdot, 0.0), np.maximum(mdot, 0.0)
    inflow, heat = fed.copy(), fed * network.t_feed_c
    inflow[0] += max(plant, 0.0)
    heat[0] += max(plant, 0.0) * network.t_plant_c
    supply = _mixed(network, _flows(network, mdot + bypass), inflow, heat)
    through = np.where(bypass > 0.0, np.nan_to_num(supply), 0.0) * bypass
    inflow, heat = drawn + bypass, drawn * network.t_return_c + through
    inflow[0] += max(-plant, 0.0)
    heat[0] += max(-plant, 0.0) * network.t_return_c
    return supply, _mixed(network, -_flows(network, mdot + bypass), inflow, heat)


def _flows(network: RadialNetwork, out: FloatArray) -> FloatArray:
    """Flow of each pipe away from the plant: all that leaves beyond it."""
    beyond = out.copy()
    flow = np.zeros(len(network.parent))
    for pipe in reversed(range(len(network.parent))):
        flow[pipe] = beyond[network.child[pipe]]
        beyond[network.parent[pipe]] += flow[pipe]
    return flow


def _mixed(network: RadialNetwork, flow: FloatArray, inflow: FloatArray, heat: FloatArray) -> FloatArray:
    """Node temperatures, each node after those from which water comes to it."""
    start = np.where(flow >= 0.0, network.parent, network.child)
    end = np.where(flow >= 0.0, network.child, network.parent)
    inflow, heat = inflow.copy(), heat.copy()
    temperature = np.full(len(inflow), np.nan)
    waiting = [int(((end == node) & (flow != 0.0)).sum()) for node in range(len(inflow))]
    ready = [node for node in range(len(inflow)) if waiting[node] == 0]
    while ready:
        node = ready.pop()
        if inflow[node] <= 0.0:
            continue
        temperature[node] = heat[node] / inflow[node]
        for pipe in np.flatnonzero((start == node) & (flow != 0.0)):
            capacity_w_per_k = abs(flow[pipe]) * CP_KJ_PER_KG_K * W_PER_KW
            decay = np.exp(-network.loss_w_per_k[pipe] / capacity_w_per_k)
            arrives = network.t_ground_c + (temperature[node] - network.t_ground_c) * decay
            inflow[end[pipe]] += abs(flow[pipe])
            heat[end[pipe]] += abs(flow[pipe]) * arrives
            waiting[end[pipe]] -= 1
            if waiting[end[pipe]] == 0:
                ready.append(int(end[pipe]))
    return temperature

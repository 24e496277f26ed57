"""Temperatures and mass flows of a radial heat network in closed form (compiled).

Both sides are trees with the plant at their roots, numbered so that a parent comes before its children, first the
supply side, then the return side. The flow from the parent is what the nodes beyond take; along a pipe the difference
to the ground decays exponentially; where flows meet they mix. On a tree two sweeps are enough: towards the root along
the pipes in which water runs that way, then away from it. The arrays:

    tree = (parent, loss_kw_per_k, t_ground_c, first_return)     per node, of the pipe to its parent; -1 at the roots
    places = (supply, return_, t_feed_c, t_draw_c)               per exchanger
    bypass = (supply, return_, mdot_kg_per_s)                    per bypass
    plant = (t_supply_c, t_return_c, cp_kj_per_kg_k)
"""

import numpy as np

from mosaik_p2p.jit.modes import jit_strict

MIN_FLOW_KG_PER_S = 1e-9
NUDGE = 1e-6
"""Relative change of a mass flow from which its effect is measured."""


@jit_strict
def find_flows(wanted_kw, mdot, tree, places, bypass, plant, tolerance_kw, largest_step, steps):  # type: ignore[no-untyped-def]
    """Newton's method on the mass flows `mdot` (exchangers,), + draws, - feeds in, which it changes in place.

    `wanted_kw` has the same signs. Each flow changes by at most the factor `largest_step` at a time. Returns whether
    the heat is met within `tolerance_kw`, the temperatures (nodes,) in degC (NaN where water stands), and the flow from
    the parent to each node (nodes,).
    """
    count = len(mdot)
    moving = np.flatnonzero(mdot)
    t_node, flow = temperatures(mdot, tree, places, bypass, plant)
    missing = wanted_kw - heat(mdot, t_node, places, plant)
    for _ in range(steps):
        if np.abs(missing).max() <= tolerance_kw:
            return True, t_node, flow
        slope = np.zeros((len(moving), len(moving)))
        for k in range(len(moving)):
            changed = mdot.copy()
            step = NUDGE * mdot[moving[k]]
            changed[moving[k]] += step
            there = wanted_kw - heat(changed, temperatures(changed, tree, places, bypass, plant)[0], places, plant)
            for j in range(len(moving)):
                slope[j, k] = (missing[moving[j]] - there[moving[j]]) / step
        if np.abs(np.linalg.det(slope)) == 0.0:
            return False, t_node, flow
        change = np.linalg.solve(slope, missing[moving])
        for k in range(len(moving)):
            old = mdot[moving[k]]
            share = (old + change[k]) / old
            mdot[moving[k]] = old * min(max(share, 1.0 / largest_step), largest_step)
        t_node, flow = temperatures(mdot, tree, places, bypass, plant)
        missing = wanted_kw - heat(mdot, t_node, places, plant)
        if not np.isfinite(missing).all():
            return False, t_node, flow
    return count == 0 or np.abs(missing).max() <= tolerance_kw, t_node, flow


@jit_strict
def heat(mdot, t_node, places, plant):  # type: ignore[no-untyped-def]
    """Heat in kW that the exchangers draw (+) or feed in (-)."""
    supply, return_, t_feed, t_draw = places
    result = np.zeros(len(mdot))
    for i in range(len(mdot)):
        if mdot[i] > 0.0:
            result[i] = mdot[i] * plant[2] * (t_node[supply[i]] - t_draw[i])
        elif mdot[i] < 0.0:
            result[i] = mdot[i] * plant[2] * (t_feed[i] - t_node[return_[i]])
    return result


@jit_strict
def temperatures(mdot, tree, places, bypass, plant):  # type: ignore[no-untyped-def]
    """Node temperatures in degC (NaN where water stands) and the flow from the parent to each node in kg/s."""
    parent, first_return = tree[0], tree[3]
    supply, return_, t_feed, t_draw = places
    by_supply, by_return, by_mdot = bypass
    nodes = len(parent)
    flow, inflow, carried = np.zeros(nodes), np.zeros(nodes), np.zeros(nodes)
    t_node = np.full(nodes, np.nan)
    for i in range(len(mdot)):
        flow[supply[i]] += mdot[i]
        flow[return_[i]] -= mdot[i]
        node, t_out = (return_[i], t_draw[i]) if mdot[i] > 0.0 else (supply[i], t_feed[i])
        inflow[node] += abs(mdot[i])
        carried[node] += abs(mdot[i]) * t_out
    for i in range(len(by_mdot)):
        flow[by_supply[i]] += by_mdot[i]
        flow[by_return[i]] -= by_mdot[i]
    for node in range(nodes - 1, -1, -1):
        if parent[node] >= 0:
            flow[parent[node]] += flow[node]
    given = flow[0]
    root, t_out = (0, plant[0]) if given > 0.0 else (first_return, plant[1])
    inflow[root] += abs(given)
    carried[root] += abs(given) * t_out
    _mix(0, first_return, flow, inflow, carried, t_node, tree, plant)
    for i in range(len(by_mdot)):
        if by_mdot[i] > 0.0:
            inflow[by_return[i]] += by_mdot[i]
            carried[by_return[i]] += by_mdot[i] * t_node[by_supply[i]]
    _mix(first_return, nodes, flow, inflow, carried, t_node, tree, plant)
    return t_node, flow


@jit_strict
def _mix(first, last, flow, inflow, carried, t_node, tree, plant):  # type: ignore[no-untyped-def]
    """The two sweeps over one side."""
    parent = tree[0]
    for node in range(last - 1, first - 1, -1):
        if parent[node] >= 0 and flow[node] < -MIN_FLOW_KG_PER_S and inflow[node] > 0.0:
            t_node[node] = carried[node] / inflow[node]
            _pass_on(node, t_node[node], parent[node], flow, inflow, carried, tree, plant)
    for node in range(first, last):
        if parent[node] >= 0 and flow[node] > MIN_FLOW_KG_PER_S:
            _pass_on(node, t_node[parent[node]], node, flow, inflow, carried, tree, plant)
        if inflow[node] > MIN_FLOW_KG_PER_S:
            t_node[node] = carried[node] / inflow[node]


@jit_strict
def _pass_on(pipe, t_in, to, flow, inflow, carried, tree, plant):  # type: ignore[no-untyped-def]
    """Water through the pipe to the parent of node `pipe`, cooled on its way, to the node `to`."""
    mdot = abs(flow[pipe])
    decay = np.exp(-tree[1][pipe] / (mdot * plant[2]))
    inflow[to] += mdot
    carried[to] += mdot * (tree[2][pipe] + (t_in - tree[2][pipe]) * decay)

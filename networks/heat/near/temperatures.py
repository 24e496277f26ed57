"""Temperatures of a heat network for given mass flows, and how they answer to those, in one sweep (compiled).

Along a pipe the difference to the ground decays; where flows meet they mix, weighted with flow and heat capacity. Heat
capacities are means of both ends, as pandapipes has them, found in a few passes. The arrays:

    rows = (start, end, loss_kw_per_k, t_ground_c, t_forward_c, t_backward_c)      per branch, see `Branches`
    cp      heat capacity in kJ/(kg K), from `LEAST_K` on, one value per kelvin (see `water.TABLE_K`)
"""

import numpy as np

from mosaik_p2p.jit.modes import jit_inner, jit_strict
from mosaik_p2p.networks.heat.hydraulics.water import TABLE_K
from mosaik_p2p.units import KELVIN_AT_ZERO_C

PASSES = 3
"""Heat capacity and temperature depend on each other, slightly."""
LEAST_FLOW_KG_PER_S = 1e-10
LEAST_K = TABLE_K[0]
START, END, LOSS, GROUND, FORWARD, BACKWARD = range(6)


@jit_strict
def temperatures(flow, response, t_ends, rows, cp, nodes):  # type: ignore[no-untyped-def]
    """`flow` (branches,) in kg/s from start to end; `response` (branches, exchangers) its change per kg/s that one
    draws more. Writes what enters and leaves the branches in degC into `t_ends` (2, branches).

    Returns whether the sweep came through (it does not where water runs in a circle); (nodes,) temperatures in degC,
    NaN where water stands; (nodes, exchangers) their change in K per kg/s that one draws more.
    """
    count, exchangers = response.shape
    head, tail, t_set = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count)
    _directed(flow, rows, head, tail, t_set)
    first_in, into = np.zeros(nodes + 1, np.int64), np.empty(count, np.int64)
    first_out, out_of = np.zeros(nodes + 1, np.int64), np.empty(count, np.int64)
    free = np.empty(nodes + 1, np.int64)
    _sort_by(head, first_in, into, free)
    _sort_by(tail, first_out, out_of, free)
    waits, ready = np.zeros(nodes, np.int64), np.empty(nodes, np.int64)
    for row in range(count):
        if head[row] >= 0 and np.isnan(t_set[row]):
            waits[head[row]] += 1
    t_node, warmed = np.full(nodes, np.nan), np.zeros((nodes, exchangers))
    known, done = 0, 0
    for node in range(nodes):
        if waits[node] == 0:
            ready[known] = node
            known += 1
    while done < known:
        node = ready[done]
        done += 1
        begin, end = first_in[node], first_in[node + 1]
        if end > begin:
            _mix(node, begin, end, into, flow, t_set, tail, t_node, t_ends, rows, cp)
            _answer(node, begin, end, into, flow, t_set, tail, t_node, t_ends, rows, cp, response, warmed)
        for place in range(first_out[node], first_out[node + 1]):
            row = out_of[place]
            if np.isnan(t_set[row]):
                waits[head[row]] -= 1
                if waits[head[row]] == 0:
                    ready[known] = head[row]
                    known += 1
    return known == nodes, t_node, warmed


@jit_inner
def _directed(flow, rows, head, tail, t_set):  # type: ignore[no-untyped-def]
    """Where water goes and comes from, -1 where it stands, and the temperature that it is given, NaN for none."""
    for row in range(len(flow)):
        head[row], tail[row], t_set[row] = -1, -1, np.nan
        if flow[row] > LEAST_FLOW_KG_PER_S:
            head[row], tail[row], t_set[row] = rows[END][row], rows[START][row], rows[FORWARD][row]
        elif flow[row] < -LEAST_FLOW_KG_PER_S:
            head[row], tail[row], t_set[row] = rows[START][row], rows[END][row], rows[BACKWARD][row]


@jit_inner
def _sort_by(node_of, first, ordered, free):  # type: ignore[no-untyped-def]
    """Branches in the order of the node that each has, -1 for none, and the first place of each node."""
    for row in range(len(node_of)):
        if node_of[row] >= 0:
            first[node_of[row] + 1] += 1
    for node in range(len(first) - 1):
        first[node + 1] += first[node]
        free[node] = first[node]
    for row in range(len(node_of)):
        if node_of[row] >= 0:
            ordered[free[node_of[row]]] = row
            free[node_of[row]] += 1


@jit_inner
def _mix(node, begin, end, into, flow, t_set, tail, t_node, t_ends, rows, cp):  # type: ignore[no-untyped-def]
    """Temperature of a node from all that arrives there."""
    mass, heat, capacity, hot_capacity = 0.0, 0.0, 0.0, 0.0
    for place in range(begin, end):
        row = into[place]
        mdot, t_out = abs(flow[row]), t_set[row]
        if np.isnan(t_out):
            t_in = t_node[tail[row]]
            t_out = t_in
            if rows[LOSS][row] > 0.0:
                for _ in range(PASSES):
                    decay = _decay(rows[LOSS][row], mdot, t_in, t_out, cp)
                    t_out = rows[GROUND][row] + (t_in - rows[GROUND][row]) * decay
            t_ends[0, row] = t_in
        t_ends[1, row] = t_out
        here = _at(cp, t_out)
        mass += mdot
        heat += mdot * t_out
        capacity += mdot * here
        hot_capacity += mdot * here * t_out
    t = heat / mass
    for _ in range(PASSES):
        there = _at(cp, t)
        t = (hot_capacity + there * heat) / (capacity + there * mass)
    t_node[node] = t


@jit_inner
def _answer(node, begin, end, into, flow, t_set, tail, t_node, t_ends, rows, cp, response, warmed):  # type: ignore[no-untyped-def]
    """How the temperature of a node answers: more of one flow brings its water nearer, and cools it less on its way."""
    mass = 0.0
    for place in range(begin, end):
        mass += abs(flow[into[place]])
    for place in range(begin, end):
        row = into[place]
        mdot, way = abs(flow[row]), 1.0 if flow[row] > 0.0 else -1.0
        gain, kept = t_ends[1, row] - t_node[node], 0.0
        if np.isnan(t_set[row]):
            decay = _decay(rows[LOSS][row], mdot, t_ends[0, row], t_ends[1, row], cp)
            kept = decay * mdot / mass
            if decay > 0.0:
                gain -= (t_ends[0, row] - rows[GROUND][row]) * decay * np.log(decay)
        gain *= way / mass
        for k in range(warmed.shape[1]):
            warmed[node, k] += gain * response[row, k]
        if kept > 0.0:
            for k in range(warmed.shape[1]):
                warmed[node, k] += kept * warmed[tail[row], k]


@jit_inner
def _decay(loss_kw_per_k, mdot, t_in, t_out, cp):  # type: ignore[no-untyped-def]
    """What is left of the difference to the ground at the end of a pipe."""
    return np.exp(-loss_kw_per_k / (mdot * (_at(cp, t_in) + _at(cp, t_out)) / 2.0))


@jit_inner
def _at(table, t_c):  # type: ignore[no-untyped-def]
    """A property of water at a temperature; beyond the table, that of its ends."""
    within = min(max(t_c + KELVIN_AT_ZERO_C - LEAST_K, 0.0), len(table) - 1.001)
    below = int(within)
    return table[below] + (within - below) * (table[below + 1] - table[below])

"""The steady state of a heat network for given mass flows, and the mass flows that exchange given heat (compiled).

One sweep over the nodes in the order of flow gives all temperatures and how they answer to the exchangers' flows. Along
a pipe the difference to the ground decays; where flows meet they mix, weighted with flow and heat capacity; heat
capacities are means of both ends, as in pandapipes. Around loops the pressures lost add up to nothing: Newton's method
on one flow per loop. The arrays, beside those that are said:

    rows = (start, end, loss_kw_per_k, t_ground_c, t_forward_c, t_backward_c)      per branch, see `Branches`
    response, base          (branches, exchangers) flow per kg/s that one draws more; (branches,) flow without them
    loops = (around, along, looped, pipe)   (loops, branches in loops), its transpose, those branches, their friction
    water = (heat capacity, enthalpy, density, viscosity)           from 0 degC on, one value per degree
    bounds = (least, most, least_slope)      (exchangers,) magnitudes in kg/s, and the least slope in kJ/kg
"""

import numpy as np

from mosaik_p2p.jit.modes import jit_strict
from mosaik_p2p.networks.heat.near.water import at, pressure_lost

PASSES = 3
"""Heat capacity and temperature depend on each other, slightly."""
LEAST_FLOW_KG_PER_S = 1e-10
STILL_WATER_C = 55.0
"""Where water stands, and before any temperature is known; it moves flows around loops only."""
LOOP_STEPS, HALVINGS = 40, 6
LOOP_TOLERANCE_KG_PER_S = 1e-9


@jit_strict
def find_flows(wanted_kw, start, exchangers, rows, response, base, loops, water, bounds, largest_step, limits):  # type: ignore[no-untyped-def]
    """Newton's method on the mass flows with the safeguards of the heat flow's own loop.

    `wanted_kw`, `start` (exchangers,): + draws, - feeds in; `exchangers`: the first one's row among the branches, and
    the number of nodes; `limits`: tolerance in kW and number of steps. Returns whether all heat is met but that of who
    has the most flow there may be, the flows, and who that is.
    """
    cp, enthalpy = water[0], water[1]
    least, most, least_slope = bounds
    first, nodes = exchangers
    count = len(wanted_kw)
    sign = np.sign(wanted_kw)
    mdot = np.minimum(np.maximum(start, least), most)
    moved = response.copy()
    t_ends = np.full((2, len(base)), STILL_WATER_C)
    around = np.zeros(len(loops[0]))
    missing, slope = np.zeros(count), np.zeros((count, count))
    capped = np.zeros(count, dtype=np.bool_)
    for _ in range(limits[1]):
        flow = base + response @ (sign * mdot)
        if len(around) and not _balance_loops(flow, around, moved, response, t_ends, loops, water):
            break
        sound, t_node, warmed = _temperatures(flow, moved, t_ends, rows, cp, nodes)
        if not sound:
            break
        unmet = False
        for i in range(count):
            capped[i] = False
            if mdot[i] > 0.0:
                row = first + i
                hot = t_node[rows[0][row]] if sign[i] > 0.0 else rows[5][row]
                cold = rows[4][row] if sign[i] > 0.0 else t_node[rows[1][row]]
                spread = at(enthalpy, hot) - at(enthalpy, cold)
                missing[i] = sign[i] * wanted_kw[i] - mdot[i] * spread
                if not abs(missing[i]) <= limits[0]:
                    capped[i] = mdot[i] >= most[i] and missing[i] > 0.0
                    unmet = unmet or not capped[i]
                inlet, t_inlet = (rows[0][row], hot) if sign[i] > 0.0 else (rows[1][row], cold)
                slope[i] = mdot[i] * at(cp, t_inlet) * warmed[inlet]
                slope[i, i] += spread
                if slope[i, i] < least_slope[i]:
                    slope[i] = 0.0
                    slope[i, i] = least_slope[i]
        if not unmet:
            return True, mdot, capped
        active = np.flatnonzero((mdot > 0.0) & ~capped)
        reduced, wish = np.zeros((len(active), len(active))), np.zeros(len(active))
        for i in range(len(active)):
            wish[i] = sign[active[i]] * missing[active[i]]
            for j in range(len(active)):
                reduced[i, j] = slope[active[i], active[j]]
        change = np.linalg.solve(reduced, wish)
        for i in range(len(active)):
            k = active[i]
            new = mdot[k] + sign[k] * change[i]
            new = min(max(new, mdot[k] / largest_step), mdot[k] * largest_step)
            mdot[k] = min(max(new, least[k]), most[k])
    return False, mdot, capped


@jit_strict
def _temperatures(flow, response, t_ends, rows, cp, nodes):  # type: ignore[no-untyped-def]
    """Whether the sweep came through; (nodes,) temperatures in degC, NaN where water stands; (nodes, exchangers) their
    change in K per kg/s that one draws more. Writes what enters and leaves the branches into `t_ends`."""
    start, end = rows[0], rows[1]
    count, exchangers = response.shape
    head, tail = np.full(count, -1), np.full(count, -1)
    t_set = np.full(count, np.nan)
    for row in range(count):
        if flow[row] > LEAST_FLOW_KG_PER_S:
            head[row], tail[row], t_set[row] = end[row], start[row], rows[4][row]
        elif flow[row] < -LEAST_FLOW_KG_PER_S:
            head[row], tail[row], t_set[row] = start[row], end[row], rows[5][row]
    into, first_in = _sorted_by(head, nodes)
    out_of, first_out = _sorted_by(tail, nodes)
    waits = np.zeros(nodes, dtype=np.int64)
    for row in range(count):
        if head[row] >= 0 and np.isnan(t_set[row]):
            waits[head[row]] += 1
    t_node, warmed = np.full(nodes, np.nan), np.zeros((nodes, exchangers))
    ready, known, done = np.empty(nodes, dtype=np.int64), 0, 0
    for node in range(nodes):
        if waits[node] == 0:
            ready[known] = node
            known += 1
    while done < known:
        node = ready[done]
        done += 1
        arriving = into[first_in[node] : first_in[node + 1]]
        if len(arriving):
            t_node[node] = _mix(node, arriving, flow, t_set, tail, t_node, warmed, response, t_ends, rows, cp)
        for row in out_of[first_out[node] : first_out[node + 1]]:
            if np.isnan(t_set[row]):
                waits[head[row]] -= 1
                if waits[head[row]] == 0:
                    ready[known] = head[row]
                    known += 1
    return known == nodes, t_node, warmed


@jit_strict
def _mix(node, arriving, flow, t_set, tail, t_node, warmed, response, t_ends, rows, cp):  # type: ignore[no-untyped-def]
    """Temperature of a node from all that arrives there; writes how it answers into its row of `warmed`."""
    mass, heat, capacity, hot_capacity = 0.0, 0.0, 0.0, 0.0
    for row in arriving:
        mdot, t_out = abs(flow[row]), t_set[row]
        if np.isnan(t_out):
            t_in = t_node[tail[row]]
            t_out = t_in
            if rows[2][row] > 0.0:
                for _ in range(PASSES):
                    t_out = rows[3][row] + (t_in - rows[3][row]) * _decay(rows[2][row], mdot, t_in, t_out, cp)
            t_ends[0, row], t_ends[1, row] = t_in, t_out
        else:
            t_ends[1, row] = t_out
        c = at(cp, t_out)
        mass += mdot
        heat += mdot * t_out
        capacity += mdot * c
        hot_capacity += mdot * c * t_out
    t = heat / mass
    if len(arriving) > 1:
        for _ in range(PASSES):
            here = at(cp, t)
            t = (hot_capacity + here * heat) / (capacity + here * mass)
    for row in arriving:
        gain = (t_ends[1, row] - t) * np.sign(flow[row])
        kept = 0.0
        if np.isnan(t_set[row]):
            mdot, t_in = abs(flow[row]), t_ends[0, row]
            decay = _decay(rows[2][row], mdot, t_in, t_ends[1, row], cp)
            kept = decay * mdot / mass
            if decay > 0.0:
                gain -= (t_in - rows[3][row]) * decay * np.log(decay) * np.sign(flow[row])
        gain /= mass
        for k in range(warmed.shape[1]):
            warmed[node, k] += gain * response[row, k]
        if kept > 0.0:
            source = tail[row]
            for k in range(warmed.shape[1]):
                warmed[node, k] += kept * warmed[source, k]
    return t


@jit_strict
def _decay(loss_kw_per_k, mdot, t_in, t_out, cp):  # type: ignore[no-untyped-def]
    """What is left of the difference to the ground at the end of a pipe."""
    return np.exp(-loss_kw_per_k / (mdot * (at(cp, t_in) + at(cp, t_out)) / 2.0))


@jit_strict
def _sorted_by(node_of, nodes):  # type: ignore[no-untyped-def]
    """Branches in the order of the node that each has, -1 for none, and the first one of each node."""
    first = np.zeros(nodes + 1, dtype=np.int64)
    for node in node_of:
        if node >= 0:
            first[node + 1] += 1
    for node in range(nodes):
        first[node + 1] += first[node]
    free, ordered = first.copy(), np.empty(first[nodes], dtype=np.int64)
    for row in range(len(node_of)):
        node = node_of[row]
        if node >= 0:
            ordered[free[node]] = row
            free[node] += 1
    return ordered, first


@jit_strict
def _balance_loops(flow, around, moved, response, t_ends, loops, water):  # type: ignore[no-untyped-def]
    """Adds to `flow` what runs around the loops, `around` (loops,), which it finds from where it stands; writes the
    answer of the branches in loops into `moved`. Whether the pressures add up to nothing."""
    ways, along, looped, _ = loops
    alone = flow[looped]
    residual, slope = _left_over(alone + along @ around, t_ends, loops, water)
    found = False
    for _ in range(LOOP_STEPS):
        step = np.linalg.solve((ways * slope) @ along, residual)
        size = np.abs(residual).max()
        for _ in range(HALVINGS):
            residual, slope = _left_over(alone + along @ (around - step), t_ends, loops, water)
            if np.abs(residual).max() <= size:
                break
            step = step / 2.0
        around -= step
        if np.abs(step).max() <= LOOP_TOLERANCE_KG_PER_S:
            found = True
            break
    if found:
        answer = np.linalg.solve((ways * slope) @ along, (ways * slope) @ response[looped])
        flow[looped] = alone + along @ around
        moved[looped] = response[looped] - along @ answer
    return found


@jit_strict
def _left_over(flow, t_ends, loops, water):  # type: ignore[no-untyped-def]
    """(loops,) pressure in bar that is left after a way around; (branches in loops,) slopes in bar per kg/s."""
    ways, _, looped, pipe = loops
    lost, slope = np.empty(len(looped)), np.empty(len(looped))
    for k in range(len(looped)):
        row = looped[k]
        lost[k], slope[k] = pressure_lost(flow[k], t_ends[0, row], t_ends[1, row], pipe, k, water[2], water[3])
    return ways @ lost, slope

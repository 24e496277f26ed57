"""One prosumer's problem by a primal-dual interior-point method that knows its structure (compiled).

    minimise    sum_kt (quadratic x^2 / 2 + linear x) + sum_ct weight_c/2 (s_ct - target_ct)^2
    subject to  sum_k balance_ck x_k - s_c = fixed_c                                 per carrier and interval
                level_j,t - keep_j level_j,t-1 + sum_k gain_k x_k,t = drain_j,t      per storage and interval
                sum of x_k over the intervals of a total = total                     per total
                lower <= x <= upper

Mehrotra's predictor-corrector method (1992), with the equations of `chain`. An iteration costs the same whatever the
number of partners, and grows linearly with the horizon. A weight that is not positive fixes s at its target. `y`
(2 + storages, T) are the multipliers of balances and storages, `v` (totals,) those of the totals; y of a balance is the
prosumer's price. All in the scaled units of `fleet`. Bounds closer than `FIXED_WIDTH` fix a variable.
"""

import numpy as np

from mosaik_p2p.market.chain import UNTOTALLED, factor, jit, solve

FIXED_WIDTH = 1e-9
STEP_BACK = 0.995
"""Part of the way to the boundary that a step may go."""
CENTRE_FROM = 0.1
"""Of the tolerance: the predictor aims no deeper."""


@jit
def rows_of(x, s, structure, out, sums):  # type: ignore[no-untyped-def]
    """A x by rows into `out` (2 + S, T) and `sums` (M,)."""
    balance, storage, gain, level, keep, total_of = structure
    horizon = x.shape[1]
    out[:, :] = 0.0
    sums[:] = 0.0
    for t in range(horizon):
        out[0, t], out[1, t] = -s[0, t], -s[1, t]
    for k in range(x.shape[0]):
        for t in range(horizon):
            out[0, t] += balance[k, 0, t] * x[k, t]
            out[1, t] += balance[k, 1, t] * x[k, t]
        j = storage[k]
        if j >= 0:
            for t in range(horizon):
                out[2 + j, t] += gain[k] * x[k, t]
        if total_of[k, 0] != UNTOTALLED:
            for t in range(horizon):
                if total_of[k, t] >= 0:
                    sums[total_of[k, t]] += x[k, t]
    for j in range(level.size):
        out[2 + j, 0] += x[level[j], 0]
        for t in range(1, horizon):
            out[2 + j, t] += x[level[j], t] - keep[j] * x[level[j], t - 1]


@jit
def columns_of(y, v, structure, out):  # type: ignore[no-untyped-def]
    """A' (y, v) into `out` (K, T)."""
    balance, storage, gain, level, keep, total_of = structure
    horizon = out.shape[1]
    for k in range(out.shape[0]):
        for t in range(horizon):
            out[k, t] = balance[k, 0, t] * y[0, t] + balance[k, 1, t] * y[1, t]
        j = storage[k]
        if j >= 0:
            for t in range(horizon):
                out[k, t] += gain[k] * y[2 + j, t]
        if total_of[k, 0] != UNTOTALLED:
            for t in range(horizon):
                if total_of[k, t] >= 0:
                    out[k, t] += v[total_of[k, t]]
    for j in range(level.size):
        for t in range(horizon - 1):
            out[level[j], t] += y[2 + j, t] - keep[j] * y[2 + j, t + 1]
        out[level[j], horizon - 1] += y[2 + j, horizon - 1]


@jit
def _begin(x, lower, upper, lo, up, zl, zu, mu, warm):  # type: ignore[no-untyped-def]
    """Slacks and multipliers to start from; after an earlier solve its point, pushed off the bounds. Counts these."""
    count = 0
    for k in range(x.shape[0]):
        for t in range(x.shape[1]):
            room = upper[k, t] - lower[k, t]
            if room <= FIXED_WIDTH:
                x[k, t] = lower[k, t]
                zl[k, t] = zu[k, t] = 0.0
                lo[k, t] = up[k, t] = 1.0
                continue
            count += 2
            if warm:
                least = min(0.25 * room, 0.1 * np.sqrt(mu))
                near = min(max(x[k, t] - lower[k, t], least), room - least)
                zl[k, t] = max(zl[k, t], mu / near)
                zu[k, t] = max(zu[k, t], mu / (room - near))
            else:
                near = min(0.5 * room, 1.0)
                zl[k, t], zu[k, t] = mu / near, mu / (room - near)
            x[k, t] = lower[k, t] + near
            lo[k, t], up[k, t] = near, room - near
    return max(count, 1)


@jit
def _residuals(cost, right, structure, point, slacks, left):  # type: ignore[no-untyped-def]
    """Write what is left of every equation; returns mean complementarity times its count, worst primal, worst dual."""
    quadratic, linear, lower, upper = cost
    fixed, drain, total, weight, target = right
    x, s, y, v, zl, zu = point
    lo, up, width, steps, at, invl, invu = slacks
    rows, sums, dual, ds = left
    rows_of(x, s, structure, rows, sums)
    primal = dual_worst = gap = 0.0
    for t in range(x.shape[1]):
        for c in range(2):
            rows[c, t] = fixed[c, t] - rows[c, t]
            primal = max(primal, abs(rows[c, t]))
            ds[c, t] = 0.0
            if weight[c] > 0.0:
                ds[c, t] = -(weight[c] * (s[c, t] - target[c, t]) + y[c, t])
                dual_worst = max(dual_worst, abs(ds[c, t]))
        for j in range(drain.shape[0]):
            rows[2 + j, t] = drain[j, t] - rows[2 + j, t]
            primal = max(primal, abs(rows[2 + j, t]))
    for r in range(total.size):
        sums[r] = total[r] - sums[r]
        primal = max(primal, abs(sums[r]))
    columns_of(y, v, structure, at)
    for k in range(x.shape[0]):
        for t in range(x.shape[1]):
            invl[k, t], invu[k, t] = 1.0 / lo[k, t], 1.0 / up[k, t]
            below, above = zl[k, t], zu[k, t]
            gap += below * lo[k, t] + above * up[k, t]
            if upper[k, t] - lower[k, t] > FIXED_WIDTH:
                slope = quadratic[k, t] * x[k, t] + linear[k, t] - at[k, t]
                dual[k, t] = -slope
                dual_worst = max(dual_worst, abs(slope - below + above))
                width[k, t] = 1.0 / (quadratic[k, t] + below * invl[k, t] + above * invu[k, t] + 1e-12)
            else:
                dual[k, t] = width[k, t] = 0.0
    return gap, primal, dual_worst


@jit
def _direction(structure, frame, ease, slacks, left, step_rows, step_sums, ds2, push_low, push_up, aimed):  # type: ignore[no-untyped-def]
    """The Newton step: dx into `steps`, multipliers into `step_rows`, `step_sums`; `aimed` adds the centring terms."""
    lo, up, width, steps, at, invl, invu = slacks
    rows, sums, dual, ds = left
    inner, cross, chain, link, column, border, schur = frame
    for k in range(width.shape[0]):
        for t in range(width.shape[1]):
            wish = dual[k, t]
            if aimed:
                wish += push_low[k, t] * invl[k, t] - push_up[k, t] * invu[k, t]
            steps[k, t] = width[k, t] * wish
    for c in range(2):
        for t in range(width.shape[1]):
            ds2[c, t] = ease[c] * ds[c, t]
    rows_of(steps, ds2, structure, step_rows, step_sums)
    for r in range(rows.shape[0]):
        for t in range(width.shape[1]):
            step_rows[r, t] = rows[r, t] - step_rows[r, t]
    for r in range(sums.size):
        step_sums[r] = sums[r] - step_sums[r]
    solve(inner, cross, chain, link, column, border, schur, step_rows, step_sums)
    columns_of(step_rows, step_sums, structure, at)
    for k in range(width.shape[0]):
        for t in range(width.shape[1]):
            steps[k, t] += width[k, t] * at[k, t]


@jit
def _aim(point, slacks, push_low, push_up, gap, count, tolerance):  # type: ignore[no-untyped-def]
    """How far the predictor's step would go tells how strongly to centre; writes the corrector's terms."""
    x, s, y, v, zl, zu = point
    lo, up, width, steps, at, invl, invu = slacks
    far_x = far_z = 0.0
    for k in range(x.shape[0]):
        for t in range(x.shape[1]):
            down, upward = steps[k, t] * invl[k, t], steps[k, t] * invu[k, t]
            far_x = max(far_x, -down, upward)
            if width[k, t] > 0.0:
                far_z = max(far_z, 1.0 + down, 1.0 - upward)
    way_x, way_z = 1.0 / max(far_x, 1.0), 1.0 / max(far_z, 1.0)
    after = 0.0
    for k in range(x.shape[0]):
        for t in range(x.shape[1]):
            d = steps[k, t]
            low = -zl[k, t] * (1.0 + d * invl[k, t])
            high = -zu[k, t] * (1.0 - d * invu[k, t])
            after += (zl[k, t] + way_z * low) * (lo[k, t] + way_x * d)
            after += (zu[k, t] + way_z * high) * (up[k, t] - way_x * d)
            push_low[k, t], push_up[k, t] = -d * low, d * high
    ratio = after / gap
    centre = max(ratio * ratio * ratio * gap / count, CENTRE_FROM * tolerance)
    for k in range(x.shape[0]):
        for t in range(x.shape[1]):
            push_low[k, t] += centre
            push_up[k, t] += centre


@jit
def _advance(point, slacks, ease, right, left, step_rows, step_sums, push_low, push_up):  # type: ignore[no-untyped-def]
    """Go along the corrected step, as far as the bounds let."""
    x, s, y, v, zl, zu = point
    lo, up, width, steps, at, invl, invu = slacks
    rows, sums, dual, ds = left
    weight = right[3]
    far_x = far_z = 1e-30
    for k in range(x.shape[0]):
        for t in range(x.shape[1]):
            if width[k, t] <= 0.0:
                push_low[k, t] = push_up[k, t] = 0.0
                continue
            d, below, above = steps[k, t], zl[k, t], zu[k, t]
            push_low[k, t] = -below + (push_low[k, t] - below * d) * invl[k, t]
            push_up[k, t] = -above + (push_up[k, t] + above * d) * invu[k, t]
            far_x = max(far_x, -d * invl[k, t], d * invu[k, t])
            far_z = max(far_z, -push_low[k, t] / below, -push_up[k, t] / above)
    way_x, way_z = min(1.0, STEP_BACK / far_x), min(1.0, STEP_BACK / far_z)
    for k in range(x.shape[0]):
        for t in range(x.shape[1]):
            if width[k, t] > 0.0:
                d = way_x * steps[k, t]
                x[k, t] += d
                lo[k, t] += d
                up[k, t] -= d
                zl[k, t] += way_z * push_low[k, t]
                zu[k, t] += way_z * push_up[k, t]
    for c in range(2):
        if weight[c] > 0.0:
            for t in range(x.shape[1]):
                s[c, t] += way_x * ease[c] * (ds[c, t] - step_rows[c, t])
    for r in range(y.shape[0]):
        for t in range(x.shape[1]):
            y[r, t] += way_z * step_rows[r, t]
    for r in range(v.size):
        v[r] += way_z * step_sums[r]


@jit
def minimise(cost, right, structure, point, warm, mu, tolerance, most, work, frame):  # type: ignore[no-untyped-def]
    """Solve in place from `point`; returns the iterations, negative where they ran out."""
    x, s, y, v, zl, zu = point
    weight, target = right[3], right[4]
    lo, up, width, steps, at, invl, invu, dual, push_low, push_up = work
    slacks = (lo, up, width, steps, at, invl, invu)
    rows, step_rows = np.empty_like(y), np.empty_like(y)
    sums, step_sums = np.empty_like(v), np.empty_like(v)
    ds, ds2, ease = np.empty_like(s), np.empty_like(s), np.zeros(2)
    left = (rows, sums, dual, ds)
    count = _begin(x, cost[2], cost[3], lo, up, zl, zu, mu, warm)
    if not warm:
        y[:, :] = 0.0
        v[:] = 0.0
    for c in range(2):
        if weight[c] > 0.0:
            ease[c] = 1.0 / weight[c]
        if not warm or weight[c] <= 0.0:
            s[c] = target[c]
    spread = np.zeros((2, x.shape[1]))
    spread[0], spread[1] = ease[0], ease[1]
    inner, cross, chain, link, column, border, schur = frame
    for iteration in range(most):
        gap, primal, dual_worst = _residuals(cost, right, structure, point, slacks, left)
        if gap < tolerance * count and primal < 10 * tolerance and dual_worst < 10 * tolerance:
            return iteration
        factor(width, spread, structure, inner, cross, chain, link, column, border, schur)
        _direction(structure, frame, ease, slacks, left, step_rows, step_sums, ds2, push_low, push_up, False)
        _aim(point, slacks, push_low, push_up, gap, count, tolerance)
        _direction(structure, frame, ease, slacks, left, step_rows, step_sums, ds2, push_low, push_up, True)
        _advance(point, slacks, ease, right, left, step_rows, step_sums, push_low, push_up)
    return -most


@jit
def lower_bound(cost, right, structure, y, v, at):  # type: ignore[no-untyped-def]
    """Weak duality: no dispatch costs less than this when net sales earn the prices in y[:2]; any y and v are valid."""
    quadratic, linear, lower, upper = cost
    fixed, drain, total = right[0], right[1], right[2]
    columns_of(y, v, structure, at)
    value = 0.0
    for k in range(at.shape[0]):
        for t in range(at.shape[1]):
            slope, curve = linear[k, t] - at[k, t], quadratic[k, t]
            best = lower[k, t] if slope >= 0.0 else upper[k, t]
            if curve > 0.0:
                best = min(max(-slope / curve, lower[k, t]), upper[k, t])
            value += 0.5 * curve * best * best + slope * best
    for t in range(at.shape[1]):
        value += y[0, t] * fixed[0, t] + y[1, t] * fixed[1, t]
        for j in range(drain.shape[0]):
            value += y[2 + j, t] * drain[j, t]
    for r in range(total.size):
        value += v[r] * total[r]
    return value

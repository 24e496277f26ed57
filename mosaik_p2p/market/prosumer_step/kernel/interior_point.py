"""One prosumer's problem by a primal-dual interior-point method that knows its structure (compiled).

    minimise    sum_kt (quadratic x^2 / 2 + linear x) + sum_ct weight_c/2 (s_ct - target_ct)^2
    subject to  sum_k balance_ck x_k - s_c = fixed_c                                 per carrier and interval
                level_j,t - retention_j level_j,t-1 + sum_k withdrawal_k x_k,t = inflow_j,t      per storage, interval
                sum of x_k over the intervals of a total = total                     per total
                lower <= x <= upper

Mehrotra's predictor-corrector method (1992), with the equations of `kkt_system`. An iteration costs the same whatever
the number of partners, and grows linearly with the horizon. In place of a weight `FIXED` holds s at its target, and
`PRICED` lets s be anything that earns `target` as its price; then the balance drops out. `y` (2 + storages, T) are the
multipliers of balances and storages, `v` (totals,) those of the totals; y of a balance is the prosumer's price. All in
the scaled units of `fleet`. Bounds closer than `FIXED_WIDTH` fix a variable.

The long loops run over (K T,) arrays: slacks `lo`, `up` and multipliers `zl`, `zu` of the bounds, `free` (1, or 0 where
fixed), the gradient `slope` = quadratic x + linear - A'y, `width` = 1/(quadratic + zl/lo + zu/up), the step `dx`.
"""

import numpy as np

from mosaik_p2p.jit.modes import jit_fast, jit_inline, jit_inner, larger
from mosaik_p2p.market.problem import UNLIMITED
from mosaik_p2p.market.prosumer_step.kernel.kkt_system import ELECTRIC, THERMAL, factor, solve

FIXED, PRICED = -1.0, -2.0
FIXED_WIDTH = 1e-9
EPSILON = 0.01
"""Of the tolerance, per unit of its multiplier: what an equation of a storage or a total may be missed by. Where these
leave a dispatch no room (a full battery that cannot move), multipliers would grow without limit and spoil the bound."""
STEP_BACK = 0.995
"""Part of the way to the boundary that a step may go."""
CENTRE_FROM = 0.1
"""Of the tolerance: the predictor aims no deeper."""
ASTRAY = 1e30
"""A gap beyond it, or none at all, says that the numbers are spoilt."""
FLAT = 1e-12
TINY = 1e-300
FIELDS = 12
"""Elementwise scratch arrays that a solve takes."""


@jit_fast
def rows_of(x, s, structure, out, sums):  # type: ignore[no-untyped-def]  # numba infers the types
    """A x by rows into `out` (2 + S, T) and `sums` (M,)."""
    balance, carrier_mask, storage, withdrawal, level, retention, total_row, total_first, total_at = structure
    horizon = x.shape[1]
    for t in range(horizon):
        out[0, t], out[1, t] = -s[0, t], -s[1, t]
    for j in range(level.size):
        out[2 + j, 0] = x[level[j], 0]
        for t in range(1, horizon):
            out[2 + j, t] = x[level[j], t] - retention[j] * x[level[j], t - 1]
    for k in range(x.shape[0]):
        if carrier_mask[k] & ELECTRIC:
            for t in range(horizon):
                out[0, t] += balance[k, 0, t] * x[k, t]
        if carrier_mask[k] & THERMAL:
            for t in range(horizon):
                out[1, t] += balance[k, 1, t] * x[k, t]
        j = storage[k]
        if j >= 0:
            for t in range(horizon):
                out[2 + j, t] += withdrawal[k] * x[k, t]
    for r in range(sums.size):
        sums[r] = 0.0
        for n in range(total_first[r], total_first[r + 1]):
            sums[r] += x[total_row[r], total_at[n]]


@jit_fast
def columns_of(y, v, structure, out):  # type: ignore[no-untyped-def]
    """A' (y, v) into `out` (K, T)."""
    balance, carrier_mask, storage, withdrawal, level, retention, total_row, total_first, total_at = structure
    horizon = out.shape[1]
    for k in range(out.shape[0]):
        if carrier_mask[k] == ELECTRIC:
            for t in range(horizon):
                out[k, t] = balance[k, 0, t] * y[0, t]
        elif carrier_mask[k] == THERMAL:
            for t in range(horizon):
                out[k, t] = balance[k, 1, t] * y[1, t]
        elif carrier_mask[k]:
            for t in range(horizon):
                out[k, t] = balance[k, 0, t] * y[0, t] + balance[k, 1, t] * y[1, t]
        else:
            for t in range(horizon):
                out[k, t] = 0.0
        j = storage[k]
        if j >= 0:
            for t in range(horizon):
                out[k, t] += withdrawal[k] * y[2 + j, t]
    for j in range(level.size):
        for t in range(horizon - 1):
            out[level[j], t] += y[2 + j, t] - retention[j] * y[2 + j, t + 1]
        out[level[j], horizon - 1] += y[2 + j, horizon - 1]
    for r in range(v.size):
        for n in range(total_first[r], total_first[r + 1]):
            out[total_row[r], total_at[n]] += v[r]


@jit_inner
def _begin(x, lower, upper, zl, zu, lo, up, free, mu, warm):  # type: ignore[no-untyped-def]
    """Slacks and multipliers to start from; after an earlier solve its point, pushed off the bounds. Counts these."""
    count = 0.0
    push = 0.1 * np.sqrt(mu)
    for i in range(x.size):
        least = max(lower[i], -UNLIMITED)
        room = min(upper[i], UNLIMITED) - least
        fixed = room <= FIXED_WIDTH
        free[i] = 0.0 if fixed else 1.0
        count += 2.0 * free[i]
        width = 1.0 if fixed else room
        edge = min(0.25 * width, push)
        near = min(max(x[i] - least, edge), width - edge) if warm else min(0.5 * width, 1.0)
        lo[i], up[i] = (1.0, 1.0) if fixed else (near, width - near)
        zl[i] = free[i] * (max(zl[i], mu / near) if warm else mu / near)
        zu[i] = free[i] * (max(zu[i], mu / (width - near)) if warm else mu / (width - near))
        x[i] = lower[i] if fixed else least + near
    return max(count, 1.0)


@jit_fast
def _move(bounds, work, way_x, way_z):  # type: ignore[no-untyped-def]
    """Go along the last step."""
    x, zl, zu = bounds
    lo, up, free, slope, width, below, above, dx, low, high, at, sensed = work
    for i in range(x.size):
        d = way_x * dx[i]
        x[i] += d
        lo[i] += d
        up[i] -= d
    for i in range(x.size):
        zl[i] += way_z * low[i]
        zu[i] += way_z * high[i]
        sensed[i] += way_z * at[i]


@jit_fast
def _measure(cost, bounds, work):  # type: ignore[no-untyped-def]
    """The gradient, and the step that it alone would make; returns complementarity and the worst gradient left."""
    quadratic, linear = cost
    x, zl, zu = bounds
    lo, up, free, slope, width, below, above, dx, low, high, at, sensed = work
    gap = worst = 0.0
    # Loops with few arrays each: with many, the compiler gives up proving that they do not overlap.
    # One division for both of them: divisions take longer than all the rest.
    for i in range(x.size):
        dx[i] = 1.0 / (lo[i] * up[i])
    for i in range(x.size):
        below[i], above[i] = dx[i] * up[i], dx[i] * lo[i]
    for i in range(x.size):
        slope[i] = quadratic[i] * x[i] + linear[i] - sensed[i]
    for i in range(x.size):
        width[i] = free[i] / (quadratic[i] + zl[i] * below[i] + zu[i] * above[i] + FLAT)
    for i in range(x.size):
        gap += zl[i] * lo[i] + zu[i] * up[i]
    for i in range(x.size):
        worst = larger(worst, free[i] * abs(slope[i] - zl[i] + zu[i]))
    for i in range(x.size):
        dx[i] = -width[i] * slope[i]
    return gap, worst


@jit_fast
def _predict(bounds, work):  # type: ignore[no-untyped-def]
    """The step without centring: how far it may go (in x and in z), and what complementarity would change by."""
    x, zl, zu = bounds
    lo, up, free, slope, width, below, above, dx, low, high, at, sensed = work
    far_x = far_z = 1.0
    first = second = 0.0
    for i in range(x.size):
        d = width[i] * (at[i] - slope[i])
        down, upward = d * below[i], d * above[i]
        far_x = larger(far_x, larger(-down, upward))
        far_z = larger(far_z, larger(1.0 + down, 1.0 - upward))
        first += (zl[i] - zu[i]) * d
        second += (zl[i] * down + zu[i] * upward) * d
        dx[i] = d
    return 1.0 / far_x, 1.0 / far_z, first, second


@jit_fast
def _correct(bounds, work, centre):  # type: ignore[no-untyped-def]
    """The corrector's terms: what the multipliers of the bounds aim at, into `low` and `high`, and the step by them."""
    x, zl, zu = bounds
    lo, up, free, slope, width, below, above, dx, low, high, at, sensed = work
    for i in range(x.size):
        down, upward = dx[i] * below[i], dx[i] * above[i]
        low[i] = centre * below[i] + zl[i] * down * (1.0 + down)
        high[i] = centre * above[i] - zu[i] * upward * (1.0 - upward)
        dx[i] = width[i] * (low[i] - high[i] - slope[i])


@jit_fast
def _limit(bounds, work):  # type: ignore[no-untyped-def]
    """The corrected step, and how much too far it is for the bounds on x and on z; z's changes into `low`, `high`."""
    x, zl, zu = bounds
    lo, up, free, slope, width, below, above, dx, low, high, at, sensed = work
    far_x = far_z = STEP_BACK
    for i in range(x.size):
        d = width[i] * (at[i] + low[i] - high[i] - slope[i])
        down, upward = d * below[i], d * above[i]
        a = free[i] * (low[i] - zl[i] - zl[i] * down)
        b = free[i] * (high[i] - zu[i] + zu[i] * upward)
        far_x = larger(far_x, larger(-down, upward))
        far_z = larger(far_z, larger(-a / (zl[i] + TINY), -b / (zu[i] + TINY)))
        dx[i], low[i], high[i] = d, a, b
    return STEP_BACK / far_x, STEP_BACK / far_z


@jit_fast
def _left(right, point, epsilon, rows, sums, wish):  # type: ignore[no-untyped-def]
    """From A x to what is left of every equation, into `rows`, `sums`, and of the sales' gradient, into `wish`."""
    fixed, inflow, total, weight, target = right
    s, y, v = point
    primal = dual = 0.0
    for c in range(2):
        for t in range(fixed.shape[1]):
            rows[c, t] = fixed[c, t] - rows[c, t]
            primal = larger(primal, abs(rows[c, t]))
        if weight[c] > 0.0:
            for t in range(fixed.shape[1]):
                wish[c, t] = -(weight[c] * (s[c, t] - target[c, t]) + y[c, t])
                dual = larger(dual, abs(wish[c, t]))
        else:
            for t in range(fixed.shape[1]):
                wish[c, t] = 0.0
    for j in range(inflow.shape[0]):
        for t in range(inflow.shape[1]):
            rows[2 + j, t] = inflow[j, t] - rows[2 + j, t] - epsilon * y[2 + j, t]
            primal = larger(primal, abs(rows[2 + j, t]))
    for r in range(sums.size):
        sums[r] = total[r] - sums[r] - epsilon * v[r]
        primal = larger(primal, abs(sums[r]))
    return primal, dual


@jit_inner
def _direction(structure, frame, delta, dx, at, wish, sale_step, rows, sums, step_rows, step_sums, passed):  # type: ignore[no-untyped-def]
    """Multipliers' step into `step_rows`, `step_sums` and A' times it into `at`, for the step `dx` without them."""
    for c in range(2):
        for t in range(wish.shape[1]):
            sale_step[c, t] = delta[c] * wish[c, t]
    rows_of(dx, sale_step, structure, step_rows, step_sums)
    for r in range(rows.shape[0]):
        for t in range(rows.shape[1]):
            step_rows[r, t] = rows[r, t] - step_rows[r, t]
    for r in range(sums.size):
        step_sums[r] = sums[r] - step_sums[r]
    solve(frame, step_rows, step_sums, passed)
    columns_of(step_rows, step_sums, structure, at)


@jit_fast
def _follow(point, delta, wish, step_rows, step_sums, way_x, way_z):  # type: ignore[no-untyped-def]
    """Sales and multipliers go along."""
    s, y, v = point
    for c in range(2):
        for t in range(s.shape[1]):
            s[c, t] += way_x * delta[c] * (wish[c, t] - step_rows[c, t])
    for r in range(y.shape[0]):
        for t in range(y.shape[1]):
            y[r, t] += way_z * step_rows[r, t]
    for r in range(v.size):
        v[r] += way_z * step_sums[r]


@jit_inline
def _without_priced(structure, weight, left_over):  # type: ignore[no-untyped-def]
    """Nothing touches the balances of carriers at a price; `left_over` (K,) is where that is said."""
    balance, carrier_mask, storage, withdrawal, level, retention, total_row, total_first, total_at = structure
    dropped = (ELECTRIC if weight[0] == PRICED else 0) | (THERMAL if weight[1] == PRICED else 0)
    if dropped:
        for k in range(carrier_mask.size):
            left_over[k] = carrier_mask[k] & ~dropped
        carrier_mask = left_over
    return balance, carrier_mask, storage, withdrawal, level, retention, total_row, total_first, total_at


@jit_inner
def _placed(s, y, v, fixed, weight, target, delta, warm):  # type: ignore[no-untyped-def]
    """Sales and multipliers to start from, and `delta`: 1/weight, nothing where there is none."""
    if not warm:
        for r in range(y.shape[0]):
            for t in range(y.shape[1]):
                y[r, t] = 0.0
        for r in range(v.size):
            v[r] = 0.0
    for c in range(2):
        delta[c] = 1.0 / weight[c] if weight[c] > 0.0 else 0.0
        for t in range(s.shape[1]):
            if weight[c] == PRICED:
                s[c, t], y[c, t] = -fixed[c, t], target[c, t]
            elif not warm or weight[c] <= 0.0:
                s[c, t] = target[c, t]


@jit_inline
def minimise(cost, right, structure, point, warm, mu, tolerance, most, fields, frame, steps):  # type: ignore[no-untyped-def]
    """Solve in place from `point`; returns the iterations, negative where they ran out or the numbers are spoilt.

    Scratch are `fields` (FIELDS, at least K T), `frame` (see `kkt_system`) and `steps`: twice at least (2 + S, T) and
    (M,), twice (2, T), (2,), and at least (2 + S,) and, of whole numbers, (K,).
    """
    quadratic, linear, lower, upper = cost
    x, s, y, v, zl, zu = point
    weight, target = right[3], right[4]
    size = x.size
    lo, up, free, slope, width, below, above = (
        fields[0, :size], fields[1, :size], fields[2, :size], fields[3, :size], fields[4, :size], fields[5, :size],
        fields[6, :size],
    )  # fmt: skip
    dx, low, high, at, sensed = (
        fields[7, :size], fields[8, :size], fields[9, :size], fields[10, :size], fields[11, :size],
    )  # fmt: skip
    work = (lo, up, free, slope, width, below, above, dx, low, high, at, sensed)
    bounds, sides = (x.reshape(size), zl.reshape(size), zu.reshape(size)), (s, y, v)
    flat_cost = (quadratic.reshape(size), linear.reshape(size))
    square_x, square_at, square_width = dx.reshape(x.shape), at.reshape(x.shape), width.reshape(x.shape)
    rows, step_rows, sums, step_sums = (
        steps[0][: y.shape[0]], steps[1][: y.shape[0]], steps[2][: v.size], steps[3][: v.size],
    )  # fmt: skip
    wish, sale_step, delta, passed = steps[4], steps[5], steps[6], steps[7]
    count = _begin(bounds[0], lower.reshape(size), upper.reshape(size), bounds[1], bounds[2], lo, up, free, mu, warm)
    _placed(s, y, v, right[0], weight, target, delta, warm)
    columns_of(y, v, structure, sensed.reshape(x.shape))
    structure = _without_priced(structure, weight, steps[8])
    for i in range(size):
        dx[i] = low[i] = high[i] = at[i] = 0.0
    way_x, way_z, epsilon = 0.0, 0.0, EPSILON * tolerance
    for iteration in range(most):
        _move(bounds, work, way_x, way_z)
        gap, dual = _measure(flat_cost, bounds, work)
        rows_of(x, s, structure, rows, sums)
        primal, dual_of_sales = _left(right, sides, epsilon, rows, sums, wish)
        if not (gap < ASTRAY):
            return -iteration - 1
        if gap < tolerance * count and primal < 10 * tolerance and max(dual, dual_of_sales) < 10 * tolerance:
            return iteration
        factor(square_width, delta, epsilon, structure, frame, passed)
        _direction(
            structure, frame, delta, square_x, square_at, wish, sale_step, rows, sums, step_rows, step_sums, passed
        )
        far_x, far_z, first, second = _predict(bounds, work)
        after = (1.0 - far_z) * gap + ((1.0 - far_z) * far_x - far_z) * first - far_x * far_z * second
        ratio = max(after, 0.0) / gap
        centre = max(ratio * ratio * ratio * gap / count, CENTRE_FROM * tolerance)
        _correct(bounds, work, centre)
        _direction(
            structure, frame, delta, square_x, square_at, wish, sale_step, rows, sums, step_rows, step_sums, passed
        )
        way_x, way_z = _limit(bounds, work)
        _follow(sides, delta, wish, step_rows, step_sums, way_x, way_z)
    return -most


@jit_inline
def lower_bound(cost, right, structure, y, v, at):  # type: ignore[no-untyped-def]
    """Weak duality: no dispatch costs less than this when net sales earn the prices in y[:2]; any y and v are valid."""
    quadratic, linear, lower, upper = cost
    fixed, inflow, total = right
    columns_of(y, v, structure, at)
    value = 0.0
    for k in range(at.shape[0]):
        for t in range(at.shape[1]):
            slope, curve = linear[k, t] - at[k, t], quadratic[k, t]
            best = lower[k, t] if slope >= 0.0 else upper[k, t]
            if curve > 0.0:
                best = min(max(-slope / curve, lower[k, t]), upper[k, t])
                value += 0.5 * curve * best * best
            value += slope * best
    for t in range(at.shape[1]):
        value += y[0, t] * fixed[0, t] + y[1, t] * fixed[1, t]
        for j in range(inflow.shape[0]):
            value += y[2 + j, t] * inflow[j, t]
    for r in range(total.size):
        value += v[r] * total[r]
    return value

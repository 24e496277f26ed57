"""The compiled loops over prosumers: one's problem is written out, solved in scratch, and what is asked for told."""

import numpy as np

from mosaik_p2p.jit.modes import jit, jit_inline, jit_inner
from mosaik_p2p.market.prosumer_step.kernel.interior_point import FIELDS, FIXED, PRICED, lower_bound, minimise, rows_of
from mosaik_p2p.market.prosumer_step.kernel.kkt_system import frame_in, frame_size
from mosaik_p2p.market.prosumer_step.kernel.problems import (
    COST,
    aligned,
    gathered,
    largest_parts,
    structure_of,
    write_out,
)

MOST_ITERATIONS = 80
POINT = 3
"""Of a point: arrays over variables."""


@jit_inline
def _minimised(i, problems, points, weight, target, warm, mu, tolerance, scratch, frame, steps, sale):  # type: ignore[no-untyped-def]
    """Solve prosumer i in `scratch`, from its point; returns the iterations and where its point now is."""
    first, first_storage, first_total, pool = problems[0], problems[1], problems[2], problems[5]
    fields, given, shares, inflow, fixed, total, point, y, v = scratch
    horizon = pool.shape[1]
    k0, k1, j0, j1 = first[i], first[i + 1], first_storage[i], first_storage[i + 1]
    r0, r1 = first_total[i], first_total[i + 1]
    size = (k1 - k0) * horizon
    write_out(i, problems, given, shares, inflow, fixed, total)
    _taken(i, problems, points, scratch, sale)
    iterations = minimise(
        (given[3, :size].reshape((k1 - k0, horizon)), given[2, :size].reshape((k1 - k0, horizon)),
         given[0, :size].reshape((k1 - k0, horizon)), given[1, :size].reshape((k1 - k0, horizon))),
        (fixed, inflow[: j1 - j0], total[: r1 - r0], weight, target),
        structure_of(i, problems, shares),
        (point[0, :size].reshape((k1 - k0, horizon)), sale, y[: 2 + j1 - j0], v[: r1 - r0],
         point[1, :size].reshape((k1 - k0, horizon)), point[2, :size].reshape((k1 - k0, horizon))),
        warm, mu, tolerance, MOST_ITERATIONS, fields, frame, steps,
    )  # fmt: skip
    if iterations < 0:
        _cleared(point, sale, y, v)
    return iterations


@jit_inner
def _taken(i, problems, points, scratch, sale):  # type: ignore[no-untyped-def]
    """Prosumer i's point into scratch."""
    first, first_storage, first_total = problems[0], problems[1], problems[2]
    px, ps, py, pv, pzl, pzu = points
    point, y, v = scratch[6], scratch[7], scratch[8]
    horizon, k0, r0 = px.shape[1], first[i], first_total[i]
    for kept, n in ((px, 0), (pzl, 1), (pzu, 2)):
        for k in range(first[i + 1] - k0):
            for t in range(horizon):
                point[n, k * horizon + t] = kept[k0 + k, t]
    for c in range(2):
        for t in range(horizon):
            sale[c, t] = ps[i, c, t]
    at = 2 * i + first_storage[i]
    for r in range(2 + first_storage[i + 1] - first_storage[i]):
        for t in range(horizon):
            y[r, t] = py[at + r, t]
    for r in range(first_total[i + 1] - r0):
        v[r] = pv[r0 + r]


@jit_inner
def _cleared(point, sale, y, v):  # type: ignore[no-untyped-def]
    """Nothing is better than what the kernel has spoilt."""
    for n in range(point.shape[0]):
        for at in range(point.shape[1]):
            point[n, at] = 0.0
    for c in range(2):
        for t in range(sale.shape[1]):
            sale[c, t] = 0.0
    for r in range(y.shape[0]):
        for t in range(y.shape[1]):
            y[r, t] = 0.0
    for r in range(v.size):
        v[r] = 0.0


@jit_inner
def _kept(i, problems, points, scratch, sale):  # type: ignore[no-untyped-def]
    """Write the point of prosumer i back."""
    first, first_storage, first_total = problems[0], problems[1], problems[2]
    px, ps, py, pv, pzl, pzu = points
    point, y, v = scratch[6], scratch[7], scratch[8]
    horizon, k0, r0 = px.shape[1], first[i], first_total[i]
    for kept, n in ((px, 0), (pzl, 1), (pzu, 2)):
        for k in range(first[i + 1] - k0):
            for t in range(horizon):
                kept[k0 + k, t] = point[n, k * horizon + t]
    for c in range(2):
        for t in range(horizon):
            ps[i, c, t] = sale[c, t]
    at = 2 * i + first_storage[i]
    for r in range(2 + first_storage[i + 1] - first_storage[i]):
        for t in range(horizon):
            py[at + r, t] = y[r, t]
    for r in range(first_total[i + 1] - r0):
        pv[r0 + r] = v[r]


@jit
def _scratch(begin, end, problems):  # type: ignore[no-untyped-def]
    """What a solve writes to, for the largest of some prosumers."""
    rows, storages, totals = largest_parts(begin, end, problems)
    horizon = problems[5].shape[1]
    size = rows * horizon
    return (
        aligned(FIELDS, size), aligned(COST, size), np.empty(2 * size), np.empty((storages, horizon)),
        np.empty((2, horizon)), np.empty(totals), aligned(POINT, size), np.empty((2 + storages, horizon)),
        np.empty(totals),
    )  # fmt: skip


@jit
def _steps(begin, end, problems):  # type: ignore[no-untyped-def]
    """The same for a solver's steps, see `minimise`; and room for its frame, targets, sales and flows."""
    rows, storages, totals = largest_parts(begin, end, problems)
    horizon = problems[5].shape[1]
    steps = (
        np.empty((2 + storages, horizon)), np.empty((2 + storages, horizon)), np.empty(totals), np.empty(totals),
        np.empty((2, horizon)), np.empty((2, horizon)), np.empty(2), np.empty(2 + storages),
        np.empty(rows, dtype=np.int64),
    )  # fmt: skip
    room = np.empty(frame_size(storages, totals, horizon))
    return steps, (room, np.empty((2, horizon)), np.empty((2, horizon)), np.empty((2, 2, horizon)))


@jit
def solve_range(  # type: ignore[no-untyped-def]
    begin, end, problems, points, weight, target, warm, mu, tolerance, keeps, dt_h, iterations, out
):
    """One loop for all that is ever solved: each would be compiled with the whole method in it.

    All scratch is made here. Threads that count references to the same arrays, for each prosumer anew, wait for each
    other longer than a step takes.
    """
    scratch = _scratch(begin, end, problems)
    steps, own = _steps(begin, end, problems)
    _solved(
        begin, end, problems, points, weight, target, warm, mu, tolerance, keeps, dt_h, iterations, out, scratch,
        steps, own,
    )  # fmt: skip


@jit_inner
def _solved(  # type: ignore[no-untyped-def]
    begin, end, problems, points, weight, target, warm, mu, tolerance, keeps, dt_h, iterations, out, scratch, steps, own
):
    first_storage, first_total, power_kw, highest = problems[1], problems[2], problems[19], problems[20]
    sale, y, v, money, penalised, x_kw, surplus, load, price = out
    room, own_target, own_sale, flows = own
    horizon = target.shape[1]
    for i in range(begin, end):
        j, r = first_storage[i + 1] - first_storage[i], first_total[i + 1] - first_total[i]
        for c in range(2):
            # Who does not trade a carrier is held at nothing, unless all are told what they sell.
            some = weight[i, c] != FIXED or money.size > 0
            gathered(target, i, c, highest if weight[i, c] == PRICED else power_kw[i], some, own_target)
        iterations[i] = _minimised(
            i, problems, points, weight[i], own_target, warm, mu, tolerance, scratch, frame_in(room, j, r, horizon),
            steps, own_sale,
        )  # fmt: skip
        if keeps:
            _kept(i, problems, points, scratch, own_sale)
        if sale.size > 0:
            for c in range(2):
                for t in range(horizon):
                    sale[c, t, i] = own_sale[c, t] * power_kw[i]
        if y.size > 0:
            for n in range(2 + j):
                for t in range(horizon):
                    y[2 * i + first_storage[i] + n, t] = scratch[7][n, t]
            for n in range(r):
                v[first_total[i] + n] = scratch[8][n]
        if money.size > 0:
            _evaluated(i, problems, scratch, penalised, money, flows)
            missed = _missed(i, problems, scratch, own_sale, steps[0][: 2 + j], steps[2][:r], dt_h)
            money[2, i] = missed * power_kw[i]
            if x_kw.size > 0 or surplus.size > 0:
                _told(i, problems, scratch, flows, x_kw, surplus, load, price)


@jit_inner
def _told(i, problems, scratch, flows, x_kw, surplus, load, price):  # type: ignore[no-untyped-def]
    """A completed dispatch, in kW, and its own prices."""
    first, power, highest = problems[0], problems[19][i], problems[20]
    horizon = surplus.shape[1]
    for k in range(first[i + 1] - first[i]):
        for t in range(horizon):
            x_kw[first[i] + k, t] = scratch[6][0, k * horizon + t] * power
    for c in range(2):
        for t in range(horizon):
            surplus[c, t, i] = flows[0, c, t] * power
            load[c, t, i] = flows[1, c, t] * power
            price[c, t, i] = scratch[7][c, t] * highest


@jit_inner
def _evaluated(i, problems, scratch, penalised, money, flows):  # type: ignore[no-untyped-def]
    """The dispatch rounded into its limits, in place; `money` of everything and of penalties, and the `flows` (2, C, T)
    of imbalance and into loads.

    What a storage lacks is a penalty too, but enters no balance.
    """
    first = problems[0]
    given, shares, fixed, x = scratch[1], scratch[2], scratch[4], scratch[6]
    horizon = fixed.shape[1]
    for c in range(2):
        for t in range(horizon):
            flows[0, c, t], flows[1, c, t] = 0.0, fixed[c, t]
    money[0, i] = money[1, i] = 0.0
    for k in range(first[i + 1] - first[i]):
        paid = 0.0
        for t in range(horizon):
            n = k * horizon + t
            at = min(max(x[0, n], given[0, n]), given[1, n])
            x[0, n] = at
            paid += 0.5 * given[3, n] * at * at + given[2, n] * at
            for c in range(2):
                flow = shares[(2 * k + c) * horizon + t] * at
                flows[1, c, t] += max(-flow, 0.0)
                if penalised[first[i] + k]:
                    flows[0, c, t] -= flow
        money[0, i] += paid
        if penalised[first[i] + k]:
            money[1, i] += paid


@jit_inner
def _missed(i, problems, scratch, sale, rows, sums, dt_h):  # type: ignore[no-untyped-def]
    """Energy by which storages and totals are missed, whichever way, all of them together, scaled."""
    first, first_storage, first_total, pool = problems[0], problems[1], problems[2], problems[5]
    horizon, shares, inflow, total = pool.shape[1], scratch[2], scratch[3], scratch[5]
    k0, k1 = first[i], first[i + 1]
    size = (k1 - k0) * horizon
    x = scratch[6][0, :size].reshape((k1 - k0, horizon))
    rows_of(x, sale, structure_of(i, problems, shares), rows, sums)
    missed = 0.0
    for j in range(first_storage[i + 1] - first_storage[i]):
        for t in range(horizon):
            missed += abs(rows[2 + j, t] - inflow[j, t])
    for r in range(first_total[i + 1] - first_total[i]):
        missed += dt_h * abs(sums[r] - total[r])
    return missed


@jit
def bound_range(begin, end, problems, y, v, price, member, ceiling, bounds):  # type: ignore[no-untyped-def]
    """Lower bounds (N,) of the prosumers `begin` to `end`, scaled, by weak duality; see `batch.bound_all`."""
    first, first_storage, first_total, pool = problems[0], problems[1], problems[2], problems[5]
    horizon, highest = pool.shape[1], problems[20]
    fields, given, shares, inflow, fixed, total, _, own_y, _ = _scratch(begin, end, problems)
    asked = np.empty((2, horizon))
    for i in range(begin, end):
        k0, k1, j0, j1 = first[i], first[i + 1], first_storage[i], first_storage[i + 1]
        r0, r1 = first_total[i], first_total[i + 1]
        size = (k1 - k0) * horizon
        write_out(i, problems, given, shares, inflow, fixed, total)
        own = own_y[: 2 + j1 - j0]
        own[:, :] = y[2 * i + j0 : 2 * (i + 1) + j1]
        for c in range(2):
            gathered(price, i, c, highest, member[i, c], asked)
            for t in range(horizon):
                at = asked[c, t] if member[i, c] else own[c, t]
                most = ceiling[c, t % ceiling.shape[1], i] / highest
                own[c, t] = min(max(at, -most), most)
        bounds[i] = lower_bound(
            (given[3, :size].reshape((k1 - k0, horizon)), given[2, :size].reshape((k1 - k0, horizon)),
             given[0, :size].reshape((k1 - k0, horizon)), given[1, :size].reshape((k1 - k0, horizon))),
            (fixed, inflow[: j1 - j0], total[: r1 - r0]),
            structure_of(i, problems, shares),
            own, v[r0:r1], fields[0, :size].reshape((k1 - k0, horizon)),
        )  # fmt: skip

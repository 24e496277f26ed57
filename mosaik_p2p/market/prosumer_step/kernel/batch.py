"""All prosumers' problems solved side by side. Threads share the prosumers; each result depends on its own prosumer
only, so that their number changes nothing. Arrays over prosumers have shape (C, T, N), as everywhere in the market."""

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from mosaik_p2p.jit.modes import jit
from mosaik_p2p.jit.threads import shared
from mosaik_p2p.market.prosumer_step.kernel.interior_point import FIELDS, FIXED, PRICED, lower_bound, minimise, rows_of
from mosaik_p2p.market.prosumer_step.kernel.kkt_system import frame_of
from mosaik_p2p.market.prosumer_step.kernel.problems import (
    COST,
    Points,
    Problems,
    aligned,
    fresh_points,
    gathered,
    largest_parts,
    pack,
    write_out,
)
from mosaik_p2p.units import BoolArray, FloatArray, IntArray

__all__ = ["Points", "Problems", "bound_all", "complete_all", "fresh_points", "pack", "priced_all", "solve_all"]

WARM_MU = 3e-5
"""Complementarity to which a warm start is pushed off its bounds."""
COLD_MU = 1e-1
MOST_ITERATIONS = 80
FEW = 32
"""Fewer prosumers than this are solved before a thread would have begun."""
POINT = 3
"""Of a point: arrays over variables."""


@dataclass(frozen=True)
class Completed:
    """What came out of a completion, in kW and kWh: `money` (3, N) of everything, of what is penalised, both scaled,
    and the energy by which storages and totals are missed; the others may be empty where they were not asked for."""

    iterations: IntArray
    money: FloatArray
    x: FloatArray
    """(R, T)."""
    surplus_kw: FloatArray
    """(C, T, N), like the following."""
    load_kw: FloatArray
    price_per_kwh: FloatArray


def solve_all(
    problems: Problems,
    points: Points,
    weight: FloatArray,
    target_kw: FloatArray,
    sale_kw: FloatArray,
    *,
    tolerance: float,
    mu: float = WARM_MU,
) -> IntArray:
    """Solve everyone for `target_kw` (C, T, N) at `weight` (N, C), scaled, with net sales into `sale_kw` (C, T, N);
    iterations (N,), negative where there is no solution: there the point is set back to nothing.

    A weight `PRICED` takes `target_kw` for prices per kWh. Where the points are warm they are pushed off their bounds to
    complementarity `mu`.
    """
    iterations = np.zeros(len(problems.power_kw), dtype=np.int64)
    start = mu if points.warm else COLD_MU

    out = _Out(sale_kw=sale_kw)
    _shared(problems, points, (weight, target_kw, points.warm, start, tolerance), iterations, out, keeps=True)
    points.warm = True
    return iterations


def priced_all(
    problems: Problems, points: Points, kind: FloatArray, price_per_kwh: FloatArray, *, tolerance: float, mu: float
) -> tuple[FloatArray, FloatArray]:
    """The multipliers `y` and `v` (see `Points`) of everyone's optimum at prices (C, T, N), from where the points are,
    which stay as they are; `kind` (N, C) is PRICED, or FIXED at no sales.

    Any multipliers give a valid bound: where there is no solution they are nothing.
    """
    out = _Out(y=np.zeros_like(points.y), v=np.zeros_like(points.v))
    iterations = np.zeros(len(problems.power_kw), dtype=np.int64)
    _shared(problems, points, (kind, price_per_kwh, points.warm, mu, tolerance), iterations, out, keeps=False)
    return out.y, out.v


def complete_all(
    problems: Problems,
    points: Points,
    sale_kw: FloatArray,
    penalised: BoolArray,
    *,
    tolerance: float,
    mu: float,
    cost_only: bool,
) -> Completed:
    """Everyone's cheapest dispatch for net sales (C, T, N), rounded into its limits; `penalised` (R,) says which rows
    are penalties. Begins from the points and leaves them, unless nothing was solved before: then they are set."""
    count, rows = len(problems.power_kw), len(problems.table.owner)
    horizon, shape = sale_kw.shape[1], sale_kw.shape
    iterations, out = np.zeros(count, dtype=np.int64), _Out(money=np.zeros((3, count)), penalised=penalised)
    if not cost_only:
        out = replace(
            out, x_kw=np.empty((rows, horizon)), surplus_kw=np.empty(shape), load_kw=np.empty(shape), price=np.empty(shape)
        )
    start, warm = (mu if points.warm else COLD_MU), points.warm
    fixed = np.full((count, 2), FIXED)
    _shared(problems, points, (fixed, sale_kw, warm, start, tolerance), iterations, out, keeps=not warm)
    points.warm = True
    return Completed(iterations, out.money, out.x_kw, out.surplus_kw, out.load_kw, out.price)


def _empty(*shape: int) -> Any:
    return field(default_factory=lambda: np.empty(shape))


@dataclass(frozen=True)
class _Out:
    """Where the compiled loop leaves what is asked of it: what is empty is not."""

    sale_kw: FloatArray = _empty(0, 0, 0)
    y: FloatArray = _empty(0, 0)
    v: FloatArray = _empty(0)
    money: FloatArray = _empty(0, 0)
    penalised: BoolArray = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    x_kw: FloatArray = _empty(0, 0)
    surplus_kw: FloatArray = _empty(0, 0, 0)
    load_kw: FloatArray = _empty(0, 0, 0)
    price: FloatArray = _empty(0, 0, 0)

    @property
    def arrays(self) -> tuple[Any, ...]:
        """In the order in which the compiled loop takes them."""
        return tuple(getattr(self, entry.name) for entry in fields(self))


def _shared(
    problems: Problems,
    points: Points,
    asked: tuple[FloatArray, FloatArray, bool, float, float],
    iterations: IntArray,
    out: _Out,
    *,
    keeps: bool,
) -> None:
    """Solve everyone as `asked` (weights, targets, whether warm, first complementarity, tolerance); `keeps`: the points
    are where the solvers end."""

    def part(begin: int, end: int) -> None:
        _solve_range(
            begin, end, problems.arrays, points.arrays, *asked, keeps, problems.table.dt_h, iterations, out.arrays
        )  # fmt: skip

    shared(part, len(iterations), few=FEW)


def bound_all(
    problems: Problems, y: FloatArray, v: FloatArray, price_per_kwh: FloatArray, ceiling_per_kwh: FloatArray
) -> FloatArray:
    """(N,) bounds at prices (C, T, N); where not a member, one's own multipliers count.

    Prices of either kind are taken within the `ceiling_per_kwh` (C, T, N), or (C, 1, N) where all intervals are alike,
    at which an imbalance can be had without limit.
    """
    bounds = np.zeros(len(problems.power_kw))
    member = problems.table.member

    def part(begin: int, end: int) -> None:
        _bound_range(begin, end, problems.arrays, y, v, price_per_kwh, member, ceiling_per_kwh, bounds)

    shared(part, len(bounds), few=FEW)
    return bounds


@jit
def _minimised(i, problems, points, weight, target, warm, mu, tolerance, scratch, frame, sale):  # type: ignore[no-untyped-def]
    """Solve prosumer i in `scratch`, from its point; returns the iterations and where its point now is."""
    (first, first_storage, first_total, value, series, pool, carrier_mask, storage, withdrawal,
     level, retention, inflow_value, inflow_series, total_row, total_first, total_at, total_kw, fixed_value, fixed_series,
     power_kw, price) = problems  # fmt: skip
    px, ps, py, pv, pzl, pzu = points
    fields, given, shares, inflow, fixed, total, point, y, v = scratch
    horizon = pool.shape[1]
    k0, k1, j0, j1 = first[i], first[i + 1], first_storage[i], first_storage[i + 1]
    r0, r1 = first_total[i], first_total[i + 1]
    size = (k1 - k0) * horizon
    write_out(i, problems, given, shares, inflow, fixed, total)
    x = point[0, :size].reshape((k1 - k0, horizon))
    zl = point[1, :size].reshape((k1 - k0, horizon))
    zu = point[2, :size].reshape((k1 - k0, horizon))
    own_y, own_v = y[: 2 + j1 - j0], v[: r1 - r0]
    for k in range(k1 - k0):
        for t in range(horizon):
            x[k, t], zl[k, t], zu[k, t] = px[k0 + k, t], pzl[k0 + k, t], pzu[k0 + k, t]
    for c in range(2):
        for t in range(horizon):
            sale[c, t] = ps[i, c, t]
    for r in range(2 + j1 - j0):
        for t in range(horizon):
            own_y[r, t] = py[2 * i + j0 + r, t]
    for r in range(r1 - r0):
        own_v[r] = pv[r0 + r]
    lower = given[0, :size].reshape((k1 - k0, horizon))
    upper = given[1, :size].reshape((k1 - k0, horizon))
    linear = given[2, :size].reshape((k1 - k0, horizon))
    quadratic = given[3, :size].reshape((k1 - k0, horizon))
    balance = shares[: 2 * size].reshape((k1 - k0, 2, horizon))
    iterations = minimise(
        (quadratic, linear, lower, upper),
        (fixed, inflow[: j1 - j0], total[: r1 - r0], weight, target),
        (balance, carrier_mask[k0:k1], storage[k0:k1], withdrawal[k0:k1], level[j0:j1], retention[j0:j1],
         total_row[r0:r1], total_first[r0 : r1 + 1], total_at),
        (x, sale, own_y, own_v, zl, zu),
        warm, mu, tolerance, MOST_ITERATIONS, fields, frame,
    )  # fmt: skip
    if iterations < 0:
        # Nothing is better than what the kernel has spoilt.
        point[:, :size] = 0.0
        sale[:, :] = 0.0
        own_y[:, :] = 0.0
        own_v[:] = 0.0
    return iterations


@jit
def _kept(i, problems, points, scratch, sale):  # type: ignore[no-untyped-def]
    """Write the point of prosumer i back."""
    first, first_storage, first_total = problems[0], problems[1], problems[2]
    px, ps, py, pv, pzl, pzu = points
    point, y, v = scratch[6], scratch[7], scratch[8]
    k0, k1, j0, j1 = first[i], first[i + 1], first_storage[i], first_storage[i + 1]
    horizon = px.shape[1]
    for k in range(k1 - k0):
        for t in range(horizon):
            at = k * horizon + t
            px[k0 + k, t], pzl[k0 + k, t], pzu[k0 + k, t] = point[0, at], point[1, at], point[2, at]
    for c in range(2):
        for t in range(horizon):
            ps[i, c, t] = sale[c, t]
    for r in range(2 + j1 - j0):
        for t in range(horizon):
            py[2 * i + j0 + r, t] = y[r, t]
    for r in range(first_total[i + 1] - first_total[i]):
        pv[first_total[i] + r] = v[r]


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
def _solve_range(  # type: ignore[no-untyped-def]
    begin, end, problems, points, weight, target, warm, mu, tolerance, keeps, dt_h, iterations, out
):
    """One loop for all that is ever solved: each would be compiled with the whole method in it."""
    first, first_storage, first_total, power_kw, highest = problems[0], problems[1], problems[2], problems[19], problems[20]
    sale, y, v, money, penalised, x_kw, surplus, load, price = out
    horizon = target.shape[1]
    scratch, own_target, own_sale = _scratch(begin, end, problems), np.empty((2, horizon)), np.empty((2, horizon))
    rows, sums = np.empty_like(scratch[7]), np.empty_like(scratch[8])
    frame, storages, totals = frame_of(0, 0, horizon), 0, 0
    for i in range(begin, end):
        j, r = first_storage[i + 1] - first_storage[i], first_total[i + 1] - first_total[i]
        if j != storages or r != totals:
            storages, totals = j, r
            frame = frame_of(storages, totals, horizon)
        for c in range(2):
            # Who does not trade a carrier is held at nothing, unless all are told what they sell.
            some = weight[i, c] != FIXED or money.size > 0
            gathered(target, i, c, highest if weight[i, c] == PRICED else power_kw[i], some, own_target)
        iterations[i] = _minimised(
            i, problems, points, weight[i], own_target, warm, mu, tolerance, scratch, frame, own_sale
        )
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
            flows = _evaluated(i, problems, scratch, penalised, money)
            money[2, i] = _missed(i, problems, scratch, own_sale, rows[: 2 + j], sums[:r], dt_h) * power_kw[i]
            if x_kw.size > 0 or surplus.size > 0:
                _told(i, problems, scratch, flows, x_kw, surplus, load, price)


@jit
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


@jit
def _evaluated(i, problems, scratch, penalised, money):  # type: ignore[no-untyped-def]
    """The dispatch rounded into its limits, in place; `money` of everything and of penalties, and the flows (2, C, T) of
    imbalance and into loads.

    What a storage lacks is a penalty too, but enters no balance.
    """
    first = problems[0]
    given, shares, fixed, x = scratch[1], scratch[2], scratch[4], scratch[6]
    horizon, flows = fixed.shape[1], np.zeros((2, 2, fixed.shape[1]))
    flows[1] = fixed
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
    return flows


@jit
def _missed(i, problems, scratch, sale, rows, sums, dt_h):  # type: ignore[no-untyped-def]
    """Energy by which storages and totals are missed, whichever way, all of them together, scaled."""
    (first, first_storage, first_total, value, series, pool, carrier_mask, storage, withdrawal,
     level, retention, inflow_value, inflow_series, total_row, total_first, total_at, total_kw, fixed_value, fixed_series,
     power_kw, price) = problems  # fmt: skip
    horizon, shares, inflow, total = pool.shape[1], scratch[2], scratch[3], scratch[5]
    k0, k1, j0, j1 = first[i], first[i + 1], first_storage[i], first_storage[i + 1]
    r0, r1 = first_total[i], first_total[i + 1]
    size = (k1 - k0) * horizon
    structure = (
        shares[: 2 * size].reshape((k1 - k0, 2, horizon)), carrier_mask[k0:k1], storage[k0:k1], withdrawal[k0:k1],
        level[j0:j1], retention[j0:j1], total_row[r0:r1], total_first[r0 : r1 + 1], total_at,
    )  # fmt: skip
    rows_of(scratch[6][0, :size].reshape((k1 - k0, horizon)), sale, structure, rows, sums)
    missed = 0.0
    for j in range(j1 - j0):
        for t in range(horizon):
            missed += abs(rows[2 + j, t] - inflow[j, t])
    for r in range(r1 - r0):
        missed += dt_h * abs(sums[r] - total[r])
    return missed


@jit
def _bound_range(begin, end, problems, y, v, price, member, ceiling, bounds):  # type: ignore[no-untyped-def]
    (first, first_storage, first_total, value, series, pool, carrier_mask, storage, withdrawal,
     level, retention, inflow_value, inflow_series, total_row, total_first, total_at, total_kw, fixed_value, fixed_series,
     power_kw, highest) = problems  # fmt: skip
    horizon = pool.shape[1]
    fields, given, shares, inflow, fixed, total, point, own_y, own_v = _scratch(begin, end, problems)
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
            (shares[: 2 * size].reshape((k1 - k0, 2, horizon)), carrier_mask[k0:k1], storage[k0:k1], withdrawal[k0:k1],
             level[j0:j1], retention[j0:j1], total_row[r0:r1], total_first[r0 : r1 + 1], total_at),
            own, v[r0:r1], fields[0, :size].reshape((k1 - k0, horizon)),
        )  # fmt: skip

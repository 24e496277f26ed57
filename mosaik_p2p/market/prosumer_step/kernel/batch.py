"""All prosumers' problems in flat arrays, solved side by side.

Rows of prosumer i stand at `first[i] : first[i + 1]` of arrays over variables, likewise over storages and totals; so
a prosumer may own any number of devices and nothing is padded. Threads share the prosumers; each result depends on its
own prosumer only, so that their number changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np

from mosaik_p2p.jit.modes import jit
from mosaik_p2p.jit.threads import shared
from mosaik_p2p.market.prosumer_step.kernel.interior_point import FIELDS, lower_bound, minimise
from mosaik_p2p.market.prosumer_step.kernel.kkt_system import frame_of
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.units import FloatArray, IntArray

WARM_MU = 3e-5
"""Complementarity to which a warm start is pushed off its bounds."""
COLD_MU = 1e-1
MOST_ITERATIONS = 80
LINE = 8
"""Numbers in a line of the cache."""
FEW = 32
"""Fewer prosumers than this are solved before a thread would have begun."""


@dataclass(frozen=True)
class Problems:
    """The flat arrays, scaled: powers by each prosumer's size, prices by one price for all."""

    first: IntArray
    """(N + 1,) of variables; `first_storage` and `first_total` of storages and totals."""
    first_storage: IntArray
    first_total: IntArray
    quadratic: FloatArray
    linear: FloatArray
    lower: FloatArray
    upper: FloatArray
    balance: FloatArray
    """(variables, 2, T)."""
    carrier_mask: IntArray
    """(variables,) which balances each enters, see `kkt_system`."""
    storage: IntArray
    """(variables,) the owner's storage that each fills or empties, -1 without; `withdrawal` by how much."""
    withdrawal: FloatArray
    level: IntArray
    """(storages,) the owner's variable; `retention` and `inflow` (storages, T) as in the model."""
    retention: FloatArray
    inflow: FloatArray
    total_row: IntArray
    """(totals,) the owner's variable, whose sum over the intervals `total_at[total_first[r] : total_first[r + 1]]` is
    `total`."""
    total_first: IntArray
    total_at: IntArray
    total: FloatArray
    fixed: FloatArray
    """(N, 2, T)."""

    @cached_property
    def arrays(self) -> tuple[FloatArray | IntArray, ...]:
        """In the order in which the compiled loops take them."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


@dataclass
class Points:
    """Where each prosumer's solver stands; overwritten by every solve."""

    x: FloatArray
    s: FloatArray
    y: FloatArray
    v: FloatArray
    zl: FloatArray
    zu: FloatArray
    warm: bool = False

    @property
    def arrays(self) -> tuple[FloatArray, ...]:
        """In the order in which the compiled loops take them."""
        return self.x, self.s, self.y, self.v, self.zl, self.zu

    def copy(self) -> "Points":
        """The same, to go on from elsewhere."""
        x, s, y, v, zl, zu = (array.copy() for array in self.arrays)
        return Points(x, s, y, v, zl, zu, self.warm)

    def multipliers(self) -> "Points":
        """Those of the equations alone, which is all that a bound takes: a fifth of the room."""
        nothing = np.empty((0, self.x.shape[1]))
        return Points(nothing, np.empty((0, *self.s.shape[1:])), self.y, self.v, nothing, nothing, self.warm)


def pack(models: Sequence[ProsumerModel], power_kw: FloatArray, price_per_kwh: float) -> Problems:
    """Flat, scaled arrays of the models; see `fleet` for the scales.

    Raises ValueError where two totals of one variable share an interval, and for connections, which it does not know.
    """
    if any(model.connections for model in models):
        raise ValueError("the compiled kernel knows no limits of connections")
    horizon = models[0].horizon
    first = firsts(len(model.variables) for model in models)
    first_storage = firsts(len(model.storages) for model in models)
    first_total = firsts(len(model.totals) for model in models)
    scale = np.repeat(power_kw, np.diff(first))[:, None]
    storages = [storage for model in models for storage in model.storages]
    totals = [total for model in models for total in model.totals]
    balance = _side_by_side([model.balance.transpose(1, 0, 2) for model in models])
    storage, withdrawal = _filling(models, first)
    inflow = np.array([s.inflow_kwh for s in storages]).reshape(len(storages), horizon)
    problems = Problems(
        first=first,
        first_storage=first_storage,
        first_total=first_total,
        quadratic=_side_by_side([model.quadratic for model in models]) * (scale / price_per_kwh),
        linear=_side_by_side([model.linear for model in models]) / price_per_kwh,
        lower=_side_by_side([model.lower for model in models]) / scale,
        upper=_side_by_side([model.upper for model in models]) / scale,
        balance=balance,
        carrier_mask=(balance != 0.0).any(axis=2) @ np.array([1, 2]),
        storage=storage,
        withdrawal=withdrawal,
        level=np.array([s.level for s in storages], dtype=np.int64),
        retention=np.array([s.retention for s in storages], dtype=float),
        inflow=inflow / np.repeat(power_kw, np.diff(first_storage))[:, None],
        total_row=np.array([total.k for total in totals], dtype=np.int64),
        total_first=firsts(len(total.intervals) for total in totals),
        total_at=np.fromiter(chain.from_iterable(total.intervals for total in totals), dtype=np.int64),
        total=np.array([total.power_kw for total in totals], dtype=float) / np.repeat(power_kw, np.diff(first_total)),
        fixed=np.array([model.fixed for model in models]) / power_kw[:, None, None],
    )
    _refuse_overlaps(problems)
    return problems


def _side_by_side(arrays: Sequence[FloatArray]) -> FloatArray:
    """In one layout whatever theirs: each layout would be compiled for itself, and round a little differently."""
    return np.ascontiguousarray(np.concatenate(arrays))


def firsts(counts: Iterable[int]) -> IntArray:
    """Where each one's part of a flat array begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(np.fromiter(counts, dtype=np.int64))])


def _filling(models: Sequence[ProsumerModel], first: IntArray) -> tuple[IntArray, FloatArray]:
    """Per variable: the owner's storage that it fills or empties (-1: none), and by how much."""
    storage, withdrawal = np.full(first[-1], -1, dtype=np.int64), np.zeros(first[-1])
    entries = [
        (begin + k, j, value)
        for begin, model in zip(first.tolist(), models, strict=False)
        for j, one in enumerate(model.storages)
        for k, value in one.withdrawal
    ]
    if entries:
        row, owner, value = zip(*entries, strict=True)
        storage[list(row)], withdrawal[list(row)] = owner, value
    return storage, withdrawal


def _refuse_overlaps(problems: Problems) -> None:
    horizon = problems.lower.shape[1]
    owner = np.repeat(problems.first[:-1], np.diff(problems.first_total)) + problems.total_row
    cell = np.repeat(owner, np.diff(problems.total_first)) * horizon + problems.total_at
    seen = np.zeros(problems.lower.size, dtype=bool)
    seen[cell] = True
    if np.count_nonzero(seen) < len(cell):
        raise ValueError("two totals of one variable share an interval")


def fresh_points(problems: Problems) -> Points:
    """Points before the first solve."""
    count, horizon = len(problems.first) - 1, problems.lower.shape[1]
    shape = problems.lower.shape
    return Points(
        x=np.zeros(shape),
        s=np.zeros((count, 2, horizon)),
        y=np.zeros((2 * count + len(problems.level), horizon)),
        v=np.zeros(len(problems.total)),
        zl=np.zeros(shape),
        zu=np.zeros(shape),
    )


def forget(problems: Problems, points: Points, i: int) -> None:
    """Set a point that the kernel has spoilt back to nothing."""
    storages = slice(problems.first_storage[i], problems.first_storage[i + 1])
    rows = slice(problems.first[i], problems.first[i + 1])
    points.x[rows] = points.zl[rows] = points.zu[rows] = 0.0
    points.s[i] = 0.0
    points.y[2 * i + storages.start : 2 * (i + 1) + storages.stop] = 0.0
    points.v[problems.first_total[i] : problems.first_total[i + 1]] = 0.0


def solve_all(
    problems: Problems, points: Points, weight: FloatArray, target: FloatArray, *, tolerance: float, mu: float = WARM_MU
) -> IntArray:
    """Solve everyone for `target` (N, 2, T) at `weight` (N, 2); iterations (N,), negative where there is no solution.

    Where the points are warm they are pushed off their bounds to complementarity `mu`.
    """
    count = len(problems.first) - 1
    iterations = np.zeros(count, dtype=np.int64)
    start = mu if points.warm else COLD_MU

    def part(begin: int, end: int) -> None:
        _solve_range(
            begin, end, problems.arrays, points.arrays, weight, target, points.warm, start, tolerance, iterations
        )  # fmt: skip

    shared(part, count, few=FEW)
    points.warm = True
    return iterations


def bound_all(
    problems: Problems, points: Points, price: FloatArray, member: IntArray, ceiling: FloatArray
) -> FloatArray:
    """(N,) bounds at scaled prices (N, 2, T); where not `member` (N, 2), the points' own multipliers count.

    Prices of either kind are taken within the `ceiling` (N, 2, T), at which an imbalance can be had without limit.
    """
    bounds = np.zeros(len(problems.first) - 1)

    def part(begin: int, end: int) -> None:
        _bound_range(begin, end, problems.arrays, points.y, points.v, price, member, ceiling, bounds)

    shared(part, len(bounds), few=FEW)
    return bounds


@jit
def _aligned(rows, columns):  # type: ignore[no-untyped-def]
    """Empty scratch of at least `columns` columns, each row beginning with a line of the processor's cache.

    Loops over rows that begin anywhere take up to twice as long. An odd number of lines keeps rows from evicting each
    other.
    """
    lines = (columns + LINE - 1) // LINE | 1
    flat = np.empty((rows * lines + 1) * LINE)
    begin = -(flat.ctypes.data // 8) % LINE
    return flat[begin : begin + rows * lines * LINE].reshape((rows, lines * LINE))


@jit
def _solve_range(begin, end, problems, points, weight, target, warm, mu, tolerance, iterations):  # type: ignore[no-untyped-def]
    (first, first_storage, first_total, quadratic, linear, lower, upper, balance, carrier_mask, storage, withdrawal,
     level, retention, inflow, total_row, total_first, total_at, total, fixed) = problems  # fmt: skip
    x, s, y, v, zl, zu = points
    horizon = lower.shape[1]
    most = 0
    for i in range(begin, end):
        most = max(most, first[i + 1] - first[i])
    fields = _aligned(FIELDS, most * horizon)
    frame, storages, totals = frame_of(0, 0, horizon), 0, 0
    for i in range(begin, end):
        k0, k1, j0, j1 = first[i], first[i + 1], first_storage[i], first_storage[i + 1]
        r0, r1 = first_total[i], first_total[i + 1]
        if j1 - j0 != storages or r1 - r0 != totals:
            storages, totals = j1 - j0, r1 - r0
            frame = frame_of(storages, totals, horizon)
        iterations[i] = minimise(
            (quadratic[k0:k1], linear[k0:k1], lower[k0:k1], upper[k0:k1]),
            (fixed[i], inflow[j0:j1], total[r0:r1], weight[i], target[i]),
            (balance[k0:k1], carrier_mask[k0:k1], storage[k0:k1], withdrawal[k0:k1], level[j0:j1], retention[j0:j1],
             total_row[r0:r1], total_first[r0 : r1 + 1], total_at),
            (x[k0:k1], s[i], y[2 * i + j0 : 2 * (i + 1) + j1], v[r0:r1], zl[k0:k1], zu[k0:k1]),
            warm, mu, tolerance, MOST_ITERATIONS, fields, frame,
        )  # fmt: skip


@jit
def _bound_range(begin, end, problems, y, v, price, member, ceiling, bounds):  # type: ignore[no-untyped-def]
    (first, first_storage, first_total, quadratic, linear, lower, upper, balance, carrier_mask, storage, withdrawal,
     level, retention, inflow, total_row, total_first, total_at, total, fixed) = problems  # fmt: skip
    for i in range(begin, end):
        k0, k1, j0, j1 = first[i], first[i + 1], first_storage[i], first_storage[i + 1]
        r0, r1 = first_total[i], first_total[i + 1]
        own = y[2 * i + j0 : 2 * (i + 1) + j1].copy()
        for c in range(2):
            for t in range(own.shape[1]):
                asked = price[i, c, t] if member[i, c] else own[c, t]
                own[c, t] = min(max(asked, -ceiling[i, c, t]), ceiling[i, c, t])
        bounds[i] = lower_bound(
            (quadratic[k0:k1], linear[k0:k1], lower[k0:k1], upper[k0:k1]),
            (fixed[i], inflow[j0:j1], total[r0:r1]),
            (balance[k0:k1], carrier_mask[k0:k1], storage[k0:k1], withdrawal[k0:k1], level[j0:j1], retention[j0:j1],
             total_row[r0:r1], total_first[r0 : r1 + 1], total_at),
            own, v[r0:r1], np.empty_like(lower[k0:k1]),
        )  # fmt: skip

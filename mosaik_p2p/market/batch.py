"""All prosumers' problems in flat arrays, solved side by side.

Rows of prosumer i stand at `first[i] : first[i + 1]` of arrays over variables, likewise over storages and totals; so
a prosumer may own any number of devices and nothing is padded. Threads share the prosumers; each result depends on its
own prosumer only, so that their number changes nothing.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mosaik_p2p.market.chain import UNTOTALLED, jit
from mosaik_p2p.market.interior import lower_bound, minimise
from mosaik_p2p.market.problem import UNLIMITED
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.units import FloatArray, IntArray

STEP_MU = 1e-4
"""Complementarity to which a warm start is pushed off its bounds."""
COLD_MU = 1e-1
MOST_ITERATIONS = 80
WORKERS = os.cpu_count() or 1
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
    limit: FloatArray
    """The true upper bounds, where `upper` stops at UNLIMITED; a lower bound on the cost must know them."""
    balance: FloatArray
    storage: IntArray
    gain: FloatArray
    total_of: IntArray
    level: IntArray
    keep: FloatArray
    drain: FloatArray
    total: FloatArray
    fixed: FloatArray

    @property
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


def pack(models: Sequence[ProsumerModel], power_kw: FloatArray, price_per_kwh: float) -> Problems:
    """Flat, scaled arrays of the models; see `fleet` for the scales."""
    horizon = models[0].horizon
    per = [power for power, model in zip(power_kw, models, strict=True) for _ in model.variables]
    scale = np.array(per)[:, None]
    storages = [(power, s) for power, model in zip(power_kw, models, strict=True) for s in model.storages]
    totals = [total.power_kw / power for power, model in zip(power_kw, models, strict=True) for total in model.totals]
    return Problems(
        first=_firsts([len(model.variables) for model in models]),
        first_storage=_firsts([len(model.storages) for model in models]),
        first_total=_firsts([len(model.totals) for model in models]),
        quadratic=_stacked(models, "quadratic") * scale / price_per_kwh,
        linear=_stacked(models, "linear") / price_per_kwh,
        lower=_stacked(models, "lower") / scale,
        upper=np.minimum(_stacked(models, "upper") / scale, UNLIMITED),
        limit=_stacked(models, "upper") / scale,
        balance=np.ascontiguousarray(np.concatenate([np.swapaxes(model.balance, 0, 1) for model in models])),
        storage=np.concatenate([_storage_of(model) for model in models]),
        gain=np.concatenate([_gain_of(model) for model in models]),
        total_of=np.concatenate([_total_of(model) for model in models]),
        level=np.array([s.level for _, s in storages], dtype=np.int64),
        keep=np.array([s.keep for _, s in storages], dtype=float),
        drain=np.array([s.drain / power for power, s in storages]).reshape(len(storages), horizon),
        total=np.array(totals, dtype=float),
        fixed=np.stack([model.fixed / power for power, model in zip(power_kw, models, strict=True)]),
    )


def _stacked(models: Sequence[ProsumerModel], name: str) -> FloatArray:
    return np.concatenate([getattr(model, name) for model in models])


def _firsts(counts: list[int]) -> IntArray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def _storage_of(model: ProsumerModel) -> IntArray:
    result = np.full(len(model.variables), -1, dtype=np.int64)
    for j, storage in enumerate(model.storages):
        for k, _ in storage.gain:
            result[k] = j
    return result


def _gain_of(model: ProsumerModel) -> FloatArray:
    result = np.zeros(len(model.variables))
    for storage in model.storages:
        for k, gain in storage.gain:
            result[k] = gain
    return result


def _total_of(model: ProsumerModel) -> IntArray:
    result = np.full(model.lower.shape, UNTOTALLED, dtype=np.int64)
    for r, total in enumerate(model.totals):
        result[total.k, result[total.k] == UNTOTALLED] = -1
        result[total.k, list(total.intervals)] = r
    return result


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


def solve_all(
    problems: Problems, points: Points, weight: FloatArray, target: FloatArray, *, tolerance: float
) -> IntArray:
    """Solve everyone for `target` (N, 2, T) at `weight` (N, 2); iterations (N,), negative where they ran out."""
    count = len(problems.first) - 1
    iterations = np.zeros(count, dtype=np.int64)

    def part(begin: int, end: int) -> None:
        mu = STEP_MU if points.warm else COLD_MU
        _solve_range(
            begin, end, problems.arrays, points.arrays, weight, target, points.warm, mu, tolerance, iterations
        )  # fmt: skip

    _shared(part, count)
    points.warm = True
    return iterations


def bound_all(problems: Problems, points: Points, price: FloatArray, member: IntArray) -> FloatArray:
    """(N,) bounds at scaled prices (N, 2, T); where not `member` (N, 2), the points' own multipliers count."""
    bounds = np.zeros(len(problems.first) - 1)
    _bound_range(problems.arrays, points.y, points.v, price, member, bounds)
    return bounds


def _shared(part: Callable[[int, int], None], count: int) -> None:
    """Run `part` over everyone, in threads where it pays: the compiled loops do not hold the interpreter's lock."""
    if count < FEW or WORKERS == 1:
        part(0, count)
        return
    edges = [count * n // WORKERS for n in range(WORKERS + 1)]
    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(part, a, b) for a, b in pairwise(edges)]:
            done.result()


@jit
def _solve_range(begin, end, problems, points, weight, target, warm, mu, tolerance, iterations):  # type: ignore[no-untyped-def]
    (first, first_storage, first_total, quadratic, linear, lower, upper, limit, balance, storage, gain, total_of,
     level, keep, drain, total, fixed) = problems  # fmt: skip
    x, s, y, v, zl, zu = points
    horizon = lower.shape[1]
    for i in range(begin, end):
        k0, k1, j0, j1 = first[i], first[i + 1], first_storage[i], first_storage[i + 1]
        r0, r1 = first_total[i], first_total[i + 1]
        variables, storages, totals = k1 - k0, j1 - j0, r1 - r0
        work = np.empty((10, variables, horizon))
        frame = (
            np.empty((3, horizon)),
            np.empty((storages, 2, horizon)),
            np.empty((horizon, storages, storages)),
            np.empty((storages, horizon)),
            np.empty((totals, 2, horizon)),
            np.empty((totals, storages, horizon)),
            np.empty((totals, totals)),
        )
        iterations[i] = minimise(
            (quadratic[k0:k1], linear[k0:k1], lower[k0:k1], upper[k0:k1]),
            (fixed[i], drain[j0:j1], total[r0:r1], weight[i], target[i]),
            (balance[k0:k1], storage[k0:k1], gain[k0:k1], level[j0:j1], keep[j0:j1], total_of[k0:k1]),
            (x[k0:k1], s[i], y[2 * i + j0 : 2 * (i + 1) + j1], v[r0:r1], zl[k0:k1], zu[k0:k1]),
            warm, mu, tolerance, MOST_ITERATIONS,
            (work[0], work[1], work[2], work[3], work[4], work[5], work[6], work[7], work[8], work[9]),
            frame,
        )  # fmt: skip


@jit
def _bound_range(problems, y, v, price, member, bounds):  # type: ignore[no-untyped-def]
    (first, first_storage, first_total, quadratic, linear, lower, upper, limit, balance, storage, gain, total_of,
     level, keep, drain, total, fixed) = problems  # fmt: skip
    nothing = np.zeros(2)
    for i in range(bounds.size):
        k0, k1, j0, j1 = first[i], first[i + 1], first_storage[i], first_storage[i + 1]
        r0, r1 = first_total[i], first_total[i + 1]
        own = y[2 * i + j0 : 2 * (i + 1) + j1].copy()
        for c in range(2):
            if member[i, c]:
                own[c] = price[i, c]
        bounds[i] = lower_bound(
            (quadratic[k0:k1], linear[k0:k1], lower[k0:k1], limit[k0:k1]),
            (fixed[i], drain[j0:j1], total[r0:r1], nothing, price[i]),
            (balance[k0:k1], storage[k0:k1], gain[k0:k1], level[j0:j1], keep[j0:j1], total_of[k0:k1]),
            own, v[r0:r1], np.empty_like(lower[k0:k1]),
        )  # fmt: skip

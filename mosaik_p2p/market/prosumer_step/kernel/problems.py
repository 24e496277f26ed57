"""Everyone's problem as the kernel reads it: a table's compact rows, in each one's own scale, and a solver's points.

The rows of one prosumer are written out in full, and scaled, only while it is solved: the whole takes a tenth of the
room, and the writing a twentieth of the time of a solve.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mosaik_p2p.jit.modes import jit, jit_inline, jit_strict_inner
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.table import LINEAR, LOWER, QUADRATIC, SHARE, UPPER, ModelTable
from mosaik_p2p.prosumers.tabulating import table_of
from mosaik_p2p.units import CARRIERS, FloatArray, IntArray

LINE = 8
"""Numbers in a line of the cache."""
COST = 4
"""Quantities of a row beside its shares in the balances."""


@dataclass(frozen=True)
class Problems:
    """The problems of a table, scaled: powers by each prosumer's size (N,), prices by one price for all."""

    table: ModelTable
    power_kw: FloatArray
    price_per_kwh: float

    @cached_property
    def carrier_mask(self) -> IntArray:
        """(R,) which balances each row enters, see `kkt_system`."""
        shares = np.stack([self.table.is_some(SHARE + c) for c in range(len(CARRIERS))], axis=1)
        result: IntArray = shares @ np.array([1, 2])
        return result

    @cached_property
    def arrays(self) -> tuple[Any, ...]:
        """In the order in which the compiled loops take them."""
        t = self.table
        return (
            t.first, t.first_storage, t.first_total, t.value, t.series, t.pool, self.carrier_mask, t.storage,
            t.withdrawal, t.level, t.retention, t.inflow_value, t.inflow_series, t.total_row, t.total_first, t.total_at,
            t.total_kw, t.fixed_value, t.fixed_series, self.power_kw, self.price_per_kwh,
        )  # fmt: skip

    # Written out, for those that are not compiled:

    @property
    def lower(self) -> FloatArray:
        """(R, T), like `upper`, `linear` and `quadratic`."""
        return self._written(LOWER) / self._power

    @property
    def upper(self) -> FloatArray:
        """(R, T)."""
        return self._written(UPPER) / self._power

    @property
    def linear(self) -> FloatArray:
        """(R, T)."""
        return self._written(LINEAR) / self.price_per_kwh

    @property
    def quadratic(self) -> FloatArray:
        """(R, T)."""
        return self._written(QUADRATIC) * (self._power / self.price_per_kwh)

    @property
    def balance(self) -> FloatArray:
        """(R, C, T)."""
        return np.stack([self._written(SHARE + c) for c in range(len(CARRIERS))], axis=1)

    @property
    def inflow(self) -> FloatArray:
        """(S, T)."""
        table = self.table
        owner = np.repeat(np.arange(len(table)), np.diff(table.first_storage))
        return table.expanded(table.inflow_value, table.inflow_series) / self.power_kw[owner, None]

    @property
    def total(self) -> FloatArray:
        """(M,)."""
        result: FloatArray = self.table.total_kw / np.repeat(self.power_kw, np.diff(self.table.first_total))
        return result

    @property
    def fixed(self) -> FloatArray:
        """(N, C, T)."""
        table = self.table
        flat = table.expanded(table.fixed_value.ravel(), table.fixed_series.ravel())
        return flat.reshape(len(table), len(CARRIERS), -1) / self.power_kw[:, None, None]

    @property
    def _power(self) -> FloatArray:
        return self.power_kw[self.table.owner][:, None]

    def _written(self, quantity: int) -> FloatArray:
        return self.table.rows(quantity, np.arange(len(self.table.owner)))


def pack(models: Iterable[ProsumerModel], power_kw: FloatArray, price_per_kwh: float) -> Problems:
    """The models' problems; see `fleet` for the scales.

    Raises ValueError where two totals of one variable share an interval, and for connections, which it does not know.
    """
    table = table_of(models)
    if table.connections:
        raise ValueError("the compiled kernel knows no limits of connections")
    _refuse_overlaps(table)
    return Problems(table, power_kw, price_per_kwh)


def _refuse_overlaps(table: ModelTable) -> None:
    row = np.repeat(table.first[:-1], np.diff(table.first_total)) + table.total_row
    several = np.flatnonzero(np.bincount(row) > 1)
    length = np.diff(table.total_first)
    of_several = np.repeat(np.isin(row, several), length)
    cells = np.repeat(row, length)[of_several] * table.horizon + table.total_at[of_several]
    if len(np.unique(cells)) < len(cells):
        raise ValueError("two totals of one variable share an interval")


@dataclass
class Points:
    """Where each prosumer's solver stands; overwritten by every solve. `x`, `zl`, `zu` (R, T), `s` (N, 2, T); the
    multipliers `y` (2 N + S, T) of balances and storages and `v` (M,) of totals, as in `interior_point`.

    What belongs to rows is only where the next solve begins, and it is pushed off its bounds by far more than single
    precision rounds; the multipliers prove the bound.
    """

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


def fresh_points(problems: Problems) -> Points:
    """Points before the first solve."""
    table = problems.table
    count, horizon = len(table), table.horizon
    shape = len(table.owner), horizon
    return Points(
        x=np.zeros(shape, dtype=np.float32),
        s=np.zeros((count, 2, horizon)),
        y=np.zeros((2 * count + len(table.level), horizon)),
        v=np.zeros(len(table.total_kw)),
        zl=np.zeros(shape, dtype=np.float32),
        zu=np.zeros(shape, dtype=np.float32),
    )


@jit
def aligned(rows, columns):  # type: ignore[no-untyped-def]  # numba infers the types
    """Empty scratch of at least `columns` columns, each row beginning with a line of the processor's cache.

    Loops over rows that begin anywhere take up to twice as long. An odd number of lines keeps rows from evicting each
    other.
    """
    lines = (columns + LINE - 1) // LINE | 1
    flat = np.empty((rows * lines + 1) * LINE)
    begin = -(flat.ctypes.data // 8) % LINE
    return flat[begin : begin + rows * lines * LINE].reshape((rows, lines * LINE))


@jit_strict_inner
def write_out(i, problems, given, shares, inflow, fixed, total):  # type: ignore[no-untyped-def]
    """Prosumer i's problem, scaled: `given` (COST, at least K T) in the order lower, upper, linear, quadratic, `shares`
    (at least 2 K T) as (K, 2, T), `inflow` (S, T), `fixed` (2, T), `total` (M,)."""
    first, first_storage, first_total, value, series, pool = problems[:6]
    inflow_value, inflow_series, total_kw, fixed_value, fixed_series = (
        problems[11], problems[12], problems[16], problems[17], problems[18],
    )  # fmt: skip
    power_kw, price = problems[19], problems[20]
    horizon, power, k0 = pool.shape[1], power_kw[i], first[i]
    for q in range(COST):
        for k in range(first[i + 1] - k0):
            at = series[q, k0 + k]
            if at < 0:
                own = value[q, k0 + k]
                own = own / power if q < 2 else (own / price if q == 2 else own * (power / price))
                for t in range(horizon):
                    given[q, k * horizon + t] = own
            elif q < 2:
                for t in range(horizon):
                    given[q, k * horizon + t] = pool[at, t] / power
            elif q == 2:
                for t in range(horizon):
                    given[q, k * horizon + t] = pool[at, t] / price
            else:
                for t in range(horizon):
                    given[q, k * horizon + t] = pool[at, t] * (power / price)
    for k in range(first[i + 1] - k0):
        for c in range(2):
            at, begin = series[COST + c, k0 + k], (2 * k + c) * horizon
            own = value[COST + c, k0 + k]
            for t in range(horizon):
                shares[begin + t] = own if at < 0 else pool[at, t]
    for j in range(first_storage[i + 1] - first_storage[i]):
        at, own = inflow_series[first_storage[i] + j], inflow_value[first_storage[i] + j]
        for t in range(horizon):
            inflow[j, t] = (own if at < 0 else pool[at, t]) / power
    for c in range(2):
        at, own = fixed_series[i, c], fixed_value[i, c]
        for t in range(horizon):
            fixed[c, t] = (own if at < 0 else pool[at, t]) / power
    for r in range(first_total[i + 1] - first_total[i]):
        total[r] = total_kw[first_total[i] + r] / power


@jit_inline
def structure_of(i, problems, shares):  # type: ignore[no-untyped-def]
    """Prosumer i's structure as `interior_point` takes it, with its `shares` as `write_out` leaves them."""
    first, first_storage, first_total = problems[0], problems[1], problems[2]
    k0, k1, j0, j1 = first[i], first[i + 1], first_storage[i], first_storage[i + 1]
    r0, r1, horizon = first_total[i], first_total[i + 1], problems[5].shape[1]
    carrier_mask, storage, withdrawal, level, retention = (
        problems[6], problems[7], problems[8], problems[9], problems[10],
    )  # fmt: skip
    total_row, total_first, total_at = problems[13], problems[14], problems[15]
    return (
        shares[: 2 * (k1 - k0) * horizon].reshape((k1 - k0, 2, horizon)), carrier_mask[k0:k1], storage[k0:k1],
        withdrawal[k0:k1], level[j0:j1], retention[j0:j1], total_row[r0:r1], total_first[r0 : r1 + 1], total_at,
    )  # fmt: skip


@jit_strict_inner
def gathered(values, i, c, by, some, out):  # type: ignore[no-untyped-def]
    """Prosumer i's part of `values` (C, T, N) of a carrier, scaled, into `out` (C, T); nothing where not `some`."""
    for t in range(out.shape[1]):
        out[c, t] = values[c, t, i] / by if some else 0.0


@jit
def largest_parts(begin, end, problems):  # type: ignore[no-untyped-def]
    """The most rows, storages and totals that any of the prosumers begin..end has."""
    first, first_storage, first_total = problems[0], problems[1], problems[2]
    rows = storages = totals = 0
    for i in range(begin, end):
        rows = max(rows, first[i + 1] - first[i])
        storages = max(storages, first_storage[i + 1] - first_storage[i])
        totals = max(totals, first_total[i + 1] - first_total[i])
    return rows, storages, totals

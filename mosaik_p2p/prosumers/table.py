"""The problems of many prosumers side by side, in the room that their numbers need.

Most numbers of a problem are the same in all intervals, and many series are one tariff. So a row of `x` is told by
one number for each of its quantities, and by the position of a series in a common pool only where intervals differ.
Nothing is padded: rows of prosumer i stand at `first[i] : first[i + 1]`, likewise its storages and totals. A table is a
sequence of the models that it holds, each made when it is asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import overload

import numpy as np

from mosaik_p2p.prosumers.model import Connection, ProsumerModel, Storage, Total, held_once
from mosaik_p2p.prosumers.roles import Variable
from mosaik_p2p.units import CARRIERS, BoolArray, FloatArray, IntArray

LOWER, UPPER, LINEAR, QUADRATIC, SHARE = range(5)
"""Quantities of a row; `SHARE + c` is what 1 kW adds to the balance of carrier c."""
QUANTITIES = SHARE + len(CARRIERS)
CONSTANT = -1
"""In place of a series' position: the same in all intervals."""
KEPT = 1000
"""Tables of at most so many prosumers keep the models that were asked for."""


@dataclass(frozen=True, eq=False)
class ModelTable(Sequence[ProsumerModel]):
    """N prosumers, R rows, S storages, M totals, a pool of P series (P, T). Units as in `model`."""

    names: Sequence[str]
    dt_h: float
    kinds: tuple[Variable, ...]
    """What rows stand for, each once."""
    first: IntArray
    """(N + 1,) of rows; `first_storage` and `first_total` of storages and totals."""
    kind: IntArray
    """(R,) position in `kinds`."""
    value: FloatArray
    """(QUANTITIES, R)."""
    series: IntArray
    """(QUANTITIES, R) positions in the pool, or CONSTANT."""
    pool: FloatArray
    storage: IntArray
    """(R,) the owner's storage that a row fills or empties, -1 without; `withdrawal` by how much."""
    withdrawal: FloatArray
    first_storage: IntArray
    level: IntArray
    """(S,) the owner's row; `retention` and inflow as in the model, the latter like the rows' quantities."""
    retention: FloatArray
    inflow_value: FloatArray
    inflow_series: IntArray
    first_total: IntArray
    total_row: IntArray
    """(M,) the owner's row, whose sum over the intervals `total_at[total_first[r] : total_first[r + 1]]` is
    `total_kw`."""
    total_first: IntArray
    total_at: IntArray
    total_kw: FloatArray
    fixed_value: FloatArray
    """(N, C); with `fixed_series` the fixed loads."""
    fixed_series: IntArray
    constant: FloatArray
    member: BoolArray
    """(N, C)."""
    size_kw: FloatArray
    connections: Mapping[int, tuple[Connection, ...]]
    """By prosumer, of those that have some."""
    first_missed: IntArray
    """(N + 1,) of what limits leave unserved: of the device `missed_names[missed_name]`."""
    missed_names: tuple[str, ...]
    missed_name: IntArray
    missed_value: FloatArray
    missed_series: IntArray
    made: dict[int, ProsumerModel] = field(default_factory=dict, repr=False)
    """Models that are kept; a table that is changed starts with none."""

    # -- a sequence of models ---------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """Number of prosumers."""
        return len(self.first) - 1

    @overload
    def __getitem__(self, i: int) -> ProsumerModel: ...
    @overload
    def __getitem__(self, i: slice) -> list[ProsumerModel]: ...
    def __getitem__(self, i: int | slice) -> ProsumerModel | list[ProsumerModel]:
        """One prosumer's model, or those of several."""
        if isinstance(i, slice):
            return [self[n] for n in range(*i.indices(len(self)))]
        at = range(len(self))[i]
        model = self.made.get(at)
        if model is None:
            model = self._model(at)
            if len(self) <= KEPT:
                self.made[at] = model
        return model

    def __iter__(self) -> Iterator[ProsumerModel]:
        """In order."""
        return (self[i] for i in range(len(self)))

    def _model(self, i: int) -> ProsumerModel:
        rows = slice(int(self.first[i]), int(self.first[i + 1]))
        whole = [self.expanded(self.value[q, rows], self.series[q, rows]) for q in range(QUANTITIES)]
        return ProsumerModel(
            name=self.names[i],
            dt_h=self.dt_h,
            variables=tuple(self.kinds[k] for k in self.kind[rows].tolist()),
            lower=held_once(whole[LOWER]),
            upper=whole[UPPER],
            linear=whole[LINEAR],
            quadratic=held_once(whole[QUADRATIC]),
            balance=held_once(np.stack(whole[SHARE:])),
            fixed=self.expanded(self.fixed_value[i], self.fixed_series[i]),
            storages=self._storages(i, rows),
            totals=self._totals(i),
            constant=float(self.constant[i]),
            member=tuple(self.member[i].tolist()),
            size_kw=float(self.size_kw[i]),
            connections=self.connections.get(i, ()),
            missed_kwh=self._missed(i),
        )

    def _storages(self, i: int, rows: slice) -> tuple[Storage, ...]:
        own = slice(int(self.first_storage[i]), int(self.first_storage[i + 1]))
        inflow = self.expanded(self.inflow_value[own], self.inflow_series[own])
        filled, withdrawal = self.storage[rows], self.withdrawal[rows]
        return tuple(
            Storage(
                int(self.level[own][j]),
                float(self.retention[own][j]),
                tuple((k, float(withdrawal[k])) for k in np.flatnonzero(filled == j).tolist()),
                inflow[j],
            )
            for j in range(own.stop - own.start)
        )

    def _totals(self, i: int) -> tuple[Total, ...]:
        own = range(int(self.first_total[i]), int(self.first_total[i + 1]))
        return tuple(
            Total(
                int(self.total_row[r]),
                tuple(self.total_at[self.total_first[r] : self.total_first[r + 1]].tolist()),
                float(self.total_kw[r]),
            )
            for r in own
        )

    def _missed(self, i: int) -> dict[str, FloatArray]:
        own = slice(int(self.first_missed[i]), int(self.first_missed[i + 1]))
        names = (self.missed_names[n] for n in self.missed_name[own].tolist())
        return dict(zip(names, self.expanded(self.missed_value[own], self.missed_series[own]), strict=True))

    # -- columns ----------------------------------------------------------------------------------------------------

    @property
    def horizon(self) -> int:
        """Number of intervals T."""
        return int(self.pool.shape[1])

    @cached_property
    def owner(self) -> IntArray:
        """(R,) the prosumer of each row."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.first))

    def which(self, kinds: Sequence[bool]) -> BoolArray:
        """(R,): whether a row is of a kind of which this (by position in `kinds`) is true."""
        result: BoolArray = np.array(kinds, dtype=np.bool_)[self.kind]
        return result

    def at(self, quantity: int, t: int, rows: IntArray | None = None) -> FloatArray:
        """(R,) a quantity in an interval, not to be written to; of these rows alone where some are named."""
        varying, series = self._varying[quantity]
        if rows is not None:
            if not len(varying):
                some: FloatArray = self.value[quantity, rows]
                return some
            return _at(self.value[quantity, rows], self.series[quantity, rows], self.pool, t)
        if not len(varying):
            whole: FloatArray = self.value[quantity]
            return whole
        result: FloatArray = self.value[quantity].copy()
        result[varying] = self.pool[series, t]
        return result

    def varies(self, quantity: int) -> bool:
        """Whether any row's differs from interval to interval."""
        return len(self._varying[quantity][0]) > 0

    @cached_property
    def _varying(self) -> tuple[tuple[IntArray, IntArray], ...]:
        """By quantity the rows that differ from interval to interval, and their series."""
        rows = [np.flatnonzero(series != CONSTANT) for series in self.series]
        return tuple((own, series[own]) for own, series in zip(rows, self.series, strict=True))

    def fixed_at(self, c: int, t: int) -> FloatArray:
        """(N,) the fixed loads of a carrier in an interval."""
        return _at(self.fixed_value[:, c], self.fixed_series[:, c], self.pool, t)

    @property
    def mean_fixed(self) -> FloatArray:
        """(N, C) the means of the fixed loads."""
        result: FloatArray = self.fixed_value.copy()
        varying = self.fixed_series != CONSTANT
        result[varying] = self.pool[self.fixed_series[varying]].mean(axis=1)
        return result

    def rows(self, quantity: int, rows: IntArray) -> FloatArray:
        """(n, T) a quantity of some rows."""
        return self.expanded(self.value[quantity, rows], self.series[quantity, rows])

    def expanded(self, value: FloatArray, series: IntArray) -> FloatArray:
        """(n, T) out of numbers (n,) and positions (n,)."""
        result = np.empty((len(value), self.horizon))
        result[:] = value[:, None]
        varying = np.flatnonzero(series != CONSTANT)
        result[varying] = self.pool[series[varying]]
        return result

    def extreme(self, quantity: int, *, largest: bool) -> FloatArray:
        """(R,) the largest, or the smallest, value that a quantity has in any interval."""
        result: FloatArray = self.value[quantity].copy()
        varying = np.flatnonzero(self.series[quantity] != CONSTANT)
        ends = self.pool.max(axis=1) if largest else self.pool.min(axis=1)
        result[varying] = ends[self.series[quantity, varying]]
        return result

    def is_some(self, quantity: int) -> BoolArray:
        """(R,): whether a quantity is anything but zero in some interval."""
        result: BoolArray = (self.value[quantity] != 0.0) | (self.series[quantity] != CONSTANT)
        return result

    def any_of(self, rows: BoolArray) -> BoolArray:
        """(N,): whether any of a prosumer's rows is one of these (R,)."""
        result: BoolArray = np.bincount(self.owner[rows], minlength=len(self)) > 0
        return result

    @cached_property
    def touched(self) -> BoolArray:
        """(N, C): whether a carrier touches a prosumer: by devices, loads or trade."""
        by_rows = np.stack([self.any_of(self.is_some(SHARE + c)) for c in range(len(CARRIERS))], axis=1)
        fixed = (self.fixed_value != 0.0) | (self.fixed_series != CONSTANT)
        result: BoolArray = by_rows | fixed | self.member
        return result

    @cached_property
    def storage_of_row(self) -> IntArray:
        """(R,) position among all storages of the one that a row fills or empties, -1 without."""
        return np.where(self.storage >= 0, self.first_storage[self.owner] + self.storage, -1)


def _at(value: FloatArray, series: IntArray, pool: FloatArray, t: int) -> FloatArray:
    result: FloatArray = value.copy()
    varying = np.flatnonzero(series != CONSTANT)
    result[varying] = pool[series[varying], t]
    return result


def firsts(counts: Sequence[int] | IntArray) -> IntArray:
    """Where each one's part of a flat array begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(np.asarray(counts, dtype=np.int64))])


def parts_of(first: IntArray) -> Iterator[tuple[int, int]]:
    """Begin and end of each one's part of a flat array."""
    return pairwise(first.tolist())

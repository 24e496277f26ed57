"""Prosumers' models become a table: some at a time, so that they need not all be there at once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.roles import Variable
from mosaik_p2p.prosumers.table import CONSTANT, KEPT, QUANTITIES, ModelTable, firsts
from mosaik_p2p.units import CARRIERS, FloatArray, IntArray

TOGETHER = 2048
"""Models that are taken at a time."""
PER_ROW = (
    *("kind", "storage", "withdrawal", "level", "retention", "inflow_value", "total_row", "total_at", "total_kw"),
    *("fixed_value", "constant", "member", "size_kw", "missed_name", "missed_value"),
)
"""Arrays of a table that stand one after the other along their first axis."""
BESIDE_SHARES = ("lower", "upper", "linear", "quadratic")
SERIES = ("inflow_series", "fixed_series", "missed_series")
FIRSTS = ("first", "first_storage", "first_total", "first_missed", "total_first")


def table_of(models: Iterable[ProsumerModel]) -> ModelTable:
    """The models side by side; themselves where they are a table already. There must be one at least.

    Raises ValueError where a variable fills two storages, which the table cannot tell.
    """
    if isinstance(models, ModelTable):
        return models
    kinds: dict[Variable, int] = {}
    names: dict[str, int] = {}
    parts = [_part(some, kinds, names) for some in _batches(models)]
    table = replace(joined(parts), kinds=tuple(kinds), missed_names=tuple(names))
    if isinstance(models, Sequence) and len(table) <= KEPT:
        table.made.update(enumerate(models))
    return table


def _batches(models: Iterable[ProsumerModel]) -> Iterator[list[ProsumerModel]]:
    left = iter(models)
    while some := list(islice(left, TOGETHER)):
        yield some


def _part(models: list[ProsumerModel], kinds: dict[Variable, int], names: dict[str, int]) -> ModelTable:
    """A table of some models; `kinds` and `names` of all parts grow in place."""
    horizon, count = models[0].horizon, len(models)
    first = firsts([len(model.variables) for model in models])
    storages = [storage for model in models for storage in model.storages]
    totals = [total for model in models for total in model.totals]
    missed = [entry for model in models for entry in model.missed_kwh.items()]
    stacks = [
        *(np.concatenate([getattr(model, name) for model in models]) for name in BESIDE_SHARES),
        *(np.concatenate([model.balance[c] for model in models]) for c in range(len(CARRIERS))),
        np.concatenate([model.fixed for model in models]),
        _stacked([storage.inflow_kwh for storage in storages], horizon),
        _stacked([energy for _, energy in missed], horizon),
    ]  # fmt: skip
    (values, series), pool = _pooled(stacks)
    storage, withdrawal = _filling(models, first)
    carriers = (count, len(CARRIERS))
    return ModelTable(
        names=[model.name for model in models],
        dt_h=float(models[0].dt_h),
        kinds=(),
        first=first,
        kind=np.array([kinds.setdefault(v, len(kinds)) for model in models for v in model.variables], dtype=np.int32),
        value=np.stack(values[:QUANTITIES]),
        series=np.stack(series[:QUANTITIES]),
        pool=pool,
        storage=storage,
        withdrawal=withdrawal,
        first_storage=firsts([len(model.storages) for model in models]),
        level=np.array([s.level for s in storages], dtype=np.int32),
        retention=np.array([s.retention for s in storages], dtype=float),
        inflow_value=values[QUANTITIES + 1],
        inflow_series=series[QUANTITIES + 1],
        first_total=firsts([len(model.totals) for model in models]),
        total_row=np.array([total.k for total in totals], dtype=np.int32),
        total_first=firsts([len(total.intervals) for total in totals]),
        total_at=np.array([t for total in totals for t in total.intervals], dtype=np.int32),
        total_kw=np.array([total.power_kw for total in totals], dtype=float),
        fixed_value=values[QUANTITIES].reshape(carriers),
        fixed_series=series[QUANTITIES].reshape(carriers),
        constant=np.array([model.constant for model in models], dtype=float),
        member=np.array([model.member for model in models], dtype=np.bool_).reshape(carriers),
        size_kw=np.array([model.size_kw for model in models], dtype=float),
        connections={i: model.connections for i, model in enumerate(models) if model.connections},
        first_missed=firsts([len(model.missed_kwh) for model in models]),
        missed_names=(),
        missed_name=np.array([names.setdefault(name, len(names)) for name, _ in missed], dtype=np.int32),
        missed_value=values[QUANTITIES + 2],
        missed_series=series[QUANTITIES + 2],
    )


def _stacked(rows: list[FloatArray], horizon: int) -> FloatArray:
    return np.array(rows, dtype=float).reshape(len(rows), horizon)


def _pooled(stacks: list[FloatArray]) -> tuple[tuple[list[FloatArray], list[IntArray]], FloatArray]:
    """For each stack of rows (n, T) its numbers (n,) and positions (n,) of series in a pool, and that pool."""
    rows = np.concatenate(stacks)
    varying = np.flatnonzero(~(rows == rows[:, :1]).all(axis=1))
    series = np.full(len(rows), CONSTANT, dtype=np.int32)
    pool, series[varying] = _each_once(np.ascontiguousarray(rows[varying]))
    edges = np.cumsum([len(stack) for stack in stacks])[:-1]
    return ([part.copy() for part in np.split(rows[:, 0], edges)], np.split(series, edges)), pool


def _each_once(rows: FloatArray) -> tuple[FloatArray, IntArray]:
    """The rows (n, T) that differ, and (n,) which of them each is."""
    if len(rows) < 2:
        return rows, np.zeros(len(rows), dtype=np.int64)
    as_one = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    _, at, which = np.unique(as_one, return_index=True, return_inverse=True)
    return rows[at], which


def _filling(models: Sequence[ProsumerModel], first: IntArray) -> tuple[IntArray, FloatArray]:
    """Per row: the owner's storage that it fills or empties (-1: none), and by how much."""
    storage, withdrawal = np.full(first[-1], -1, dtype=np.int32), np.zeros(first[-1])
    entries = [
        (begin + k, j, value)
        for begin, model in zip(first.tolist(), models, strict=False)
        for j, one in enumerate(model.storages)
        for k, value in one.withdrawal
    ]
    if entries:
        row, owner, value = zip(*entries, strict=True)
        if len(set(row)) < len(row):
            raise ValueError("a variable fills two storages: state it as two variables")
        storage[list(row)], withdrawal[list(row)] = owner, value
    return storage, withdrawal


def joined(parts: Sequence[ModelTable]) -> ModelTable:
    """Tables of the same kinds and names one after the other, as one."""
    if len(parts) == 1:
        return parts[0]
    begins = firsts([len(part) for part in parts]).tolist()
    connected = [(n + i, own) for n, part in zip(begins, parts, strict=False) for i, own in part.connections.items()]
    pools = firsts([len(part.pool) for part in parts]).tolist()
    arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in PER_ROW}
    arrays |= {name: _moved([getattr(part, name) for part in parts], pools, axis=0) for name in SERIES}
    arrays |= {name: _chained([getattr(part, name) for part in parts]) for name in FIRSTS}
    return replace(
        parts[0],
        names=[name for part in parts for name in part.names],
        value=np.concatenate([part.value for part in parts], axis=1),
        series=_moved([part.series for part in parts], pools, axis=1),
        pool=np.concatenate([part.pool for part in parts]),
        connections=dict(connected),
        made={},
        **arrays,
    )


def _moved(series: list[IntArray], by: list[int], *, axis: int) -> IntArray:
    """Positions in the parts' pools as positions in all of them together."""
    moved = [np.where(one == CONSTANT, one, one + n).astype(np.int32) for one, n in zip(series, by, strict=False)]
    return np.concatenate(moved, axis=axis)


def _chained(firsts_: list[IntArray]) -> IntArray:
    ends = np.cumsum([0, *(int(one[-1]) for one in firsts_)])
    return np.concatenate([[0], *(one[1:] + end for one, end in zip(firsts_, ends, strict=False))])


def with_rows(table: ModelTable, quantity: int, rows: IntArray, values: FloatArray) -> ModelTable:
    """The table with other numbers (n, T) for a quantity of some rows."""
    ((value,), (own,)), pool = _pooled([values])
    new_value, new_series = table.value.copy(), table.series.copy()
    new_value[quantity, rows] = value
    new_series[quantity, rows] = np.where(own == CONSTANT, CONSTANT, own + len(table.pool))
    whole = np.concatenate([table.pool, pool]) if len(pool) else table.pool
    return replace(table, value=new_value, series=new_series, pool=whole, made={})

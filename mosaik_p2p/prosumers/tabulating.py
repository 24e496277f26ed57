"""Prosumers' models become a table: some at a time, so that they need not all be there at once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, TypeAlias, TypeVar

import numpy as np

from mosaik_p2p.prosumers.model import ModelBuilder, ProsumerModel, Storage
from mosaik_p2p.prosumers.roles import Variable
from mosaik_p2p.prosumers.table import (
    CONSTANT,
    KEPT,
    LINEAR,
    LOWER,
    QUADRATIC,
    QUANTITIES,
    SHARE,
    UPPER,
    ModelTable,
    firsts,
)
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


def table_of_stated(stated: Iterable[ModelBuilder], *, member: Sequence[tuple[bool, ...]]) -> ModelTable:
    """The same of what devices have stated, without a model of each in between; who is a `member`, by carrier.

    Most of what is stated are single numbers, which a model would write out for every interval, and its table would
    then find to be all alike.
    """
    kinds: dict[Variable, int] = {}
    names: dict[str, int] = {}
    parts = [_side_by_side(some, *_stated_series(some), kinds, names) for some in _batches(stated)]
    table = joined(parts)
    return replace(
        table,
        kinds=tuple(kinds),
        missed_names=tuple(names),
        member=np.array(member, dtype=np.bool_).reshape(len(table), len(CARRIERS)),
    )


Source = TypeVar("Source", ProsumerModel, ModelBuilder)
"""What a table is made of."""
Series: TypeAlias = tuple[list[FloatArray], list[IntArray]]
"""Numbers (n,) of each of a table's quantities, then of its fixed loads, inflows and unserved energies; and positions
(n,) of series, or CONSTANT."""


def _batches(sources: Iterable[Source]) -> Iterator[list[Source]]:
    left = iter(sources)
    while some := list(islice(left, TOGETHER)):
        yield some


def _part(models: list[ProsumerModel], kinds: dict[Variable, int], names: dict[str, int]) -> ModelTable:
    """A table of some models; `kinds` and `names` of all parts grow in place."""
    horizon = models[0].horizon
    storages = [storage for model in models for storage in model.storages]
    missed = [energy for model in models for energy in model.missed_kwh.values()]
    stacks = [
        *(np.concatenate([getattr(model, name) for model in models]) for name in BESIDE_SHARES),
        *(np.concatenate([model.balance[c] for model in models]) for c in range(len(CARRIERS))),
        np.concatenate([model.fixed for model in models]),
        _stacked([storage.inflow_kwh for storage in storages], horizon),
        _stacked(missed, horizon),
    ]  # fmt: skip
    table = _side_by_side(models, *_pooled(stacks), kinds, names)
    member = np.array([model.member for model in models], dtype=np.bool_)
    return replace(table, member=member.reshape(len(models), len(CARRIERS)))


def _side_by_side(
    sources: Sequence[ProsumerModel | ModelBuilder],
    numbers: Series,
    pool: FloatArray,
    kinds: dict[Variable, int],
    names: dict[str, int],
) -> ModelTable:
    """A table of some prosumers, whose numbers are these; nobody is a member yet."""
    values, series = numbers
    first = firsts([len(own.variables) for own in sources])
    storages = [storage for own in sources for storage in own.storages]
    totals = [total for own in sources for total in own.totals]
    missed = [name for own in sources for name in own.missed_kwh]
    storage, withdrawal = _filling([own.storages for own in sources], first)
    carriers = (len(sources), len(CARRIERS))
    return ModelTable(
        names=[own.name for own in sources],
        dt_h=float(sources[0].dt_h),
        kinds=(),
        first=first,
        kind=np.array([kinds.setdefault(v, len(kinds)) for own in sources for v in own.variables], dtype=np.int32),
        value=np.stack(values[:QUANTITIES]),
        series=np.stack(series[:QUANTITIES]),
        pool=pool,
        storage=storage,
        withdrawal=withdrawal,
        first_storage=firsts([len(own.storages) for own in sources]),
        level=np.array([s.level for s in storages], dtype=np.int32),
        retention=np.array([s.retention for s in storages], dtype=float),
        inflow_value=values[QUANTITIES + 1],
        inflow_series=series[QUANTITIES + 1],
        first_total=firsts([len(own.totals) for own in sources]),
        total_row=np.array([total.k for total in totals], dtype=np.int32),
        total_first=firsts([len(total.intervals) for total in totals]),
        total_at=np.array([t for total in totals for t in total.intervals], dtype=np.int32),
        total_kw=np.array([total.power_kw for total in totals], dtype=float),
        fixed_value=values[QUANTITIES].reshape(carriers),
        fixed_series=series[QUANTITIES].reshape(carriers),
        constant=np.array([own.constant for own in sources], dtype=float),
        member=np.zeros(carriers, dtype=np.bool_),
        size_kw=np.array([own.scale_kw for own in sources], dtype=float),
        connections={i: tuple(own.connections) for i, own in enumerate(sources) if own.connections},
        first_missed=firsts([len(own.missed_kwh) for own in sources]),
        missed_names=(),
        missed_name=np.array([names.setdefault(name, len(names)) for name in missed], dtype=np.int32),
        missed_value=values[QUANTITIES + 2],
        missed_series=series[QUANTITIES + 2],
    )


def _stated_series(stated: Sequence[ModelBuilder]) -> tuple[Series, FloatArray]:
    """Numbers and series of a table of what was stated, and the pool of the series."""
    shares = [share for own in stated for share in own.shares]
    columns: list[list[float | FloatArray]] = [[] for _ in range(QUANTITIES + 3)]
    bounds = [pair for own in stated for pair in own.bounds]
    costs = [pair for own in stated for pair in own.costs]
    columns[LOWER], columns[UPPER] = [pair[0] for pair in bounds], [pair[1] for pair in bounds]
    columns[LINEAR], columns[QUADRATIC] = [pair[0] for pair in costs], [pair[1] for pair in costs]
    for c, carrier in enumerate(CARRIERS):
        columns[SHARE + c] = [share.get(carrier, 0.0) for share in shares]
    columns[QUANTITIES] = [own.fixed[carrier] for own in stated for carrier in CARRIERS]
    columns[QUANTITIES + 1] = [storage.inflow_kwh for own in stated for storage in own.storages]
    columns[QUANTITIES + 2] = [energy for own in stated for energy in own.missed_kwh.values()]
    return _with_one_pool(columns, stated[0].horizon)


def _with_one_pool(columns: Sequence[list[float | FloatArray]], horizon: int) -> tuple[Series, FloatArray]:
    """The same as `_pooled` of these written out: each is a number for all intervals, or (T,)."""
    at = [[n for n, one in enumerate(column) if isinstance(one, np.ndarray) and one.ndim] for column in columns]
    rows = _stacked([_whole(column[n], horizon) for column, own in zip(columns, at, strict=True) for n in own], horizon)
    ((first,), (position,)), pool = _pooled([rows])
    values: list[FloatArray] = []
    series: list[IntArray] = []
    begin = 0
    for column, own in zip(columns, at, strict=True):
        part = slice(begin, begin + len(own))
        value, of_pool = _numbers(column, own), np.full(len(column), CONSTANT, dtype="int32")
        value[own], of_pool[own] = first[part], position[part]
        values.append(value)
        series.append(of_pool)
        begin = part.stop
    return (values, series), pool


def _numbers(column: list[float | FloatArray], but: list[int]) -> FloatArray:
    """The numbers of a column, and nothing in these places."""
    numbers = list(column)
    for n in but:
        numbers[n] = 0.0
    return np.array(numbers, dtype=float)


def _whole(one: float | FloatArray, horizon: int) -> FloatArray:
    series = np.asarray(one)
    return series if series.shape == (horizon,) else np.broadcast_to(series, (horizon,))


def _stacked(rows: list[FloatArray], horizon: int) -> FloatArray:
    return np.array(rows, dtype=float).reshape(len(rows), horizon)


def _pooled(stacks: list[FloatArray]) -> tuple[Series, FloatArray]:
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


def _filling(storages: Sequence[Sequence[Storage]], first: IntArray) -> tuple[IntArray, FloatArray]:
    """Per row: the owner's storage that it fills or empties (-1: none), and by how much."""
    storage, withdrawal = np.full(first[-1], -1, dtype=np.int32), np.zeros(first[-1])
    entries = [
        (begin + k, j, value)
        for begin, own in zip(first.tolist(), storages, strict=False)
        for j, one in enumerate(own)
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

"""What is no number in a prosumer's problem: told by name before any solver sees it.

A scenario's files are checked when they are read; this is for problems that are made in Python.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from mosaik_p2p.errors import Fault
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.table import CONSTANT, LOWER, UPPER, ModelTable
from mosaik_p2p.prosumers.tabulating import table_of
from mosaik_p2p.units import CARRIERS, BoolArray, FloatArray, IntArray

FINITE = {"linear": "price", "quadratic": "rise of the price", "balance": "share in a balance"}
"""Arrays (..., K, T) of a model by what they say about a variable."""
LIMITS = {"lower": "least value", "upper": "largest value"}
"""The same, where infinity means that there is no limit."""
REMEDY = "Give finite numbers; only limits may be infinite."


def finite_check(models: Sequence[ProsumerModel]) -> tuple[Fault, ...]:
    """One fault for each quantity of a prosumer that holds NaN, or infinity where that cannot be."""
    if _is_fine(table_of(models)):
        return ()
    return tuple(fault for model in models for fault in _faults(model))


def _is_fine(table: ModelTable) -> bool:
    """All at once, since nearly always all is fine."""
    if _is_finite(table):
        return True
    finite = np.asarray(np.isfinite(table.pool).all(axis=1), dtype=np.bool_)
    known = np.asarray(~np.isnan(table.pool).any(axis=1), dtype=np.bool_)
    quantities = [q for q in range(len(table.value)) if q not in (LOWER, UPPER)]
    rest = (table.constant, table.retention, table.withdrawal, table.total_kw, np.array([table.dt_h]))
    return (
        all(_all(finite, np.isfinite(table.value[q]), table.series[q]) for q in quantities)
        and all(_all(known, ~np.isnan(table.value[q]), table.series[q]) for q in (LOWER, UPPER))
        and _all(finite, np.isfinite(table.fixed_value), table.fixed_series)
        and _all(finite, np.isfinite(table.inflow_value), table.inflow_series)
        and all(bool(np.isfinite(numbers).all()) for numbers in rest)
    )


def _is_finite(table: ModelTable) -> bool:
    """Whether all is, but for limits, which may be infinite; what stands in place of a series counts as well."""
    but_limits = [q for q in range(len(table.value)) if q not in (LOWER, UPPER)]
    numbers = (
        *(table.pool, table.value[but_limits], table.fixed_value, table.inflow_value, table.constant, table.retention),
        *(table.withdrawal, table.total_kw, table.dt_h),
    )
    limits = table.value[[LOWER, UPPER]]
    return all(bool(np.isfinite(one).all()) for one in numbers) and not bool(np.isnan(limits).any())


def _all(of_pool: BoolArray, of_values: BoolArray, series: IntArray) -> bool:
    """Whether all are, by the series in the pool and by the numbers of the other rows."""
    return bool(of_values[series == CONSTANT].all() and of_pool[series[series != CONSTANT]].all())


def _faults(model: ProsumerModel) -> Iterator[Fault]:
    for name, what in {**FINITE, **LIMITS}.items():
        values = getattr(model, name)
        wrong = np.isnan(values) if name in LIMITS else ~np.isfinite(values)
        for k, variable in enumerate(model.variables):
            if wrong[..., k, :].any():
                at = f"{variable.role} of {variable.device!r}: {what}"
                yield _fault(model, at, values[..., k, :][wrong[..., k, :]])
    for carrier, load in zip(CARRIERS, model.fixed, strict=True):
        if not np.isfinite(load).all():
            yield _fault(model, f"fixed load of {carrier}", load[~np.isfinite(load)])
    for storage in model.storages:
        numbers = np.array([storage.retention, *(kwh for _, kwh in storage.withdrawal), *storage.inflow_kwh])
        if not np.isfinite(numbers).all():
            yield _fault(model, f"storage {model.variables[storage.level].device!r}", numbers[~np.isfinite(numbers)])
    for total in model.totals:
        if not np.isfinite(total.power_kw):
            yield _fault(model, f"energy owed to {model.variables[total.k].device!r}", np.array([total.power_kw]))
    for value, what in ((model.constant, "constant cost"), (model.dt_h, "length of an interval")):
        if not np.isfinite(value):
            yield _fault(model, what, np.array([value]))


def _fault(model: ProsumerModel, what: str, wrong: FloatArray) -> Fault:
    count = "" if len(wrong) == 1 else f" ({len(wrong)} values)"
    return Fault(f"Prosumer {model.name!r}, {what}", f"{wrong[0]:g}", f"is no finite number{count}", REMEDY)

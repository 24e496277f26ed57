"""No storage charges and discharges in the same interval, and no meter counts both ways.

A meter that did would earn where its contract pays as much for what goes out as it takes for what comes in: there its
two directions are a pair like a storage's charge and discharge, and all below holds for both kinds.

Of storages: the market's programme does not forbid it, since that would make it a mixed-integer one. It does not pay
while a prosumer's own net price exceeds `-cost (1 + eta_ch eta_dis)/(1 - eta_ch eta_dis)`; below that (negative prices)
the direction of each interval is fixed by the sign of the net power, and the dispatch is computed again: first each
prosumer's own for its agreed trades (and see `directions`) and, where that costs too much, the whole market (see
`one_way`).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mosaik_p2p.market.problem import AnyProblem, MarketProblem
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.roles import CONTRACT, Role
from mosaik_p2p.prosumers.table import LINEAR, ModelTable
from mosaik_p2p.units import BoolArray, FloatArray, IntArray

OVERLAP = 1e-5
"""Of a prosumer's size: below it, both ways at once is the solver's rounding."""
TOGETHER = 50_000
"""Meters that are looked at at a time."""


def exclusive(model: ProsumerModel, x: FloatArray, *, power_kw: float) -> ProsumerModel | None:
    """The model with the direction fixed wherever dispatch `x` (K, T) goes both ways; None where it never does."""
    upper = model.upper.copy()
    found = False
    for charge, discharge in one_way_rows(model):
        both = np.minimum(x[charge], x[discharge]) > OVERLAP * power_kw
        gains = x[charge] >= x[discharge]
        upper[discharge, both & gains] = 0.0
        upper[charge, both & ~gains] = 0.0
        found = found or bool(both.any())
    return replace(model, upper=upper) if found else None


def directed_as(problem: AnyProblem, dispatch: Sequence[Completion], power_kw: FloatArray) -> AnyProblem:
    """The market with every store and meter held to the direction that it goes in `dispatch`; sizes `power_kw` (N,)."""
    models = list(problem.models)
    for i, (model, done, size) in enumerate(zip(problem.models, dispatch, power_kw, strict=True)):
        upper = model.upper.copy()
        for pair in one_way_rows(model):
            for way, other in (pair, pair[::-1]):
                going = (done.x[way] > OVERLAP * float(size)) & (done.x[way] > done.x[other]) & (model.upper[way] > 0.0)
                upper[other, going] = 0.0
        models[i] = model if np.array_equal(upper, model.upper) else replace(model, upper=upper)
    return replace(problem, models=tuple(models))


def same_limits(one: MarketProblem, other: MarketProblem) -> bool:
    """Whether the same directions are open in both."""
    pairs = zip(one.models, other.models, strict=True)
    return all(a.upper is b.upper or np.array_equal(a.upper, b.upper) for a, b in pairs)


def storage_rows(model: ProsumerModel) -> list[tuple[int, int]]:
    """The rows of `x` in which each storage charges and discharges."""
    charges = {v.device: k for k, v in enumerate(model.variables) if v.role == Role.CHARGE}
    return [(charges[v.device], k) for k, v in enumerate(model.variables) if v.role == Role.DISCHARGE]


def meter_rows(model: ProsumerModel) -> list[tuple[int, int]]:
    """The rows of `x` in which each contract imports and exports, if it ever pays as much as it takes."""
    imports = {v.device: k for k, v in enumerate(model.variables) if v.type == CONTRACT and v.role == Role.IMPORT}
    exports = {v.device: k for k, v in enumerate(model.variables) if v.type == CONTRACT and v.role == Role.EXPORT}
    pairs = [(imports[device], k) for device, k in exports.items() if device in imports]
    return [(a, b) for a, b in pairs if (-model.linear[b] >= model.linear[a]).any()]


def one_way_rows(model: ProsumerModel) -> list[tuple[int, int]]:
    """The rows of `x` of everything that goes one way at a time: storages, and meters that would earn by both."""
    return [*storage_rows(model), *meter_rows(model)]


def one_way_rows_of(table: ModelTable) -> tuple[IntArray, IntArray, IntArray]:
    """The same of all prosumers: owners (n,), and both rows (n,) of the table."""
    charge, discharge = _same_device(table, Role.CHARGE, Role.DISCHARGE)
    bought, sold = meter_rows_of(table)
    one, other = np.concatenate([charge, bought]), np.concatenate([discharge, sold])
    return table.owner[one], one, other


def meter_rows_of(table: ModelTable, t: int | None = None) -> tuple[IntArray, IntArray]:
    """Rows of the table in which contracts import and export that pay as much as they take: ever, or in interval t."""
    bought, sold = _same_device(table, Role.IMPORT, Role.EXPORT)
    if t is not None:
        now: BoolArray = -table.at(LINEAR, t, sold) >= table.at(LINEAR, t, bought)
        return bought[now], sold[now]
    earns = np.zeros(len(bought), dtype=np.bool_)
    for begin in range(0, len(bought), TOGETHER):
        some = slice(begin, begin + TOGETHER)
        earns[some] = (-table.rows(LINEAR, sold[some]) >= table.rows(LINEAR, bought[some])).any(axis=1)
    return bought[earns], sold[earns]


def _same_device(table: ModelTable, role: Role, other: Role) -> tuple[IntArray, IntArray]:
    """Rows of the table that are the one and the other side of one prosumer's device."""
    numbers = {device: n for n, device in enumerate({kind.device for kind in table.kinds})}
    device = np.array([numbers[kind.device] for kind in table.kinds], dtype=np.int64)
    mine, others = (np.flatnonzero(table.which([kind.role == one for kind in table.kinds])) for one in (role, other))
    key, wanted = (table.owner[rows] * np.int64(len(numbers)) + device[table.kind[rows]] for rows in (mine, others))
    if not len(mine):
        return mine, mine
    order = np.argsort(key, kind="stable")
    at = np.maximum(np.searchsorted(key[order], wanted, side="right") - 1, 0)
    paired = key[order[at]] == wanted
    return mine[order[at]][paired], others[paired]


def with_meters_held(model: ProsumerModel, x: FloatArray, t: int) -> ProsumerModel:
    """The model with every meter that would earn by both in interval `t` held to the direction that prevails there in
    dispatch `x` (K, T)."""
    rows = meter_rows(model)
    if not rows:
        return model
    upper = model.upper.copy()
    for imported, exported in rows:
        if -model.linear[exported, t] < model.linear[imported, t]:
            continue
        upper[exported if x[imported, t] >= x[exported, t] else imported, t] = 0.0
    return replace(model, upper=upper)

"""What contracts take and give, for all prosumers at once: by the rows of their table, in one interval."""

from dataclasses import replace

import numpy as np

from mosaik_p2p.market.problem import is_penalty
from mosaik_p2p.market.prosumer_step.completions import Completions, Dispatches, side_by_side
from mosaik_p2p.market.prosumer_step.storage_direction import meter_rows_of
from mosaik_p2p.prosumers.roles import CONTRACT, IMBALANCE, Role
from mosaik_p2p.prosumers.table import LINEAR, LOWER, QUADRATIC, SHARE, UPPER, ModelTable
from mosaik_p2p.units import CARRIERS, BoolArray, FloatArray, IntArray

TOGETHER = 50_000
"""Rows that are written out at a time."""


def injected_kw(table: ModelTable, x: FloatArray, c: int, t: int) -> FloatArray:
    """(N,) net power of the devices at dispatch `x` (R,), less what a connection lets neither in nor out."""
    share = np.where(_behind_meter(table), table.at(SHARE + c, t), 0.0)
    result: FloatArray = np.bincount(table.owner, share * x, len(table)) - table.fixed_at(c, t)
    return result


def offers(table: ModelTable) -> tuple[FloatArray, FloatArray]:
    """Lowest import and highest export price of each prosumer, (C, T, N); infinite where there is none."""
    shape = len(CARRIERS), len(table), table.horizon
    ceiling, floor = np.full(shape, np.inf), np.full(shape, -np.inf)
    of_contracts = np.flatnonzero(table.which([kind.type == CONTRACT for kind in table.kinds]))
    is_import = table.which([kind.role == Role.IMPORT for kind in table.kinds])
    for begin in range(0, len(of_contracts), TOGETHER):
        rows = of_contracts[begin : begin + TOGETHER]
        carrier = np.stack([table.is_some(SHARE + c)[rows] for c in range(len(CARRIERS))]).argmax(axis=0)
        owner, price = table.owner[rows], table.rows(LINEAR, rows)
        closed = (table.rows(UPPER, rows) <= 0.0) | ~table.member[owner, carrier][:, None]
        price[closed] = np.inf
        bought, sold = np.flatnonzero(is_import[rows]), np.flatnonzero(~is_import[rows])
        np.minimum.at(ceiling, (carrier[bought], owner[bought]), price[bought])
        np.maximum.at(floor, (carrier[sold], owner[sold]), -price[sold])
    return np.ascontiguousarray(ceiling.transpose(0, 2, 1)), np.ascontiguousarray(floor.transpose(0, 2, 1))


def outside_rows(table: ModelTable, c: int, t: int) -> IntArray:
    """Rows of contracts and imbalances that enter the balance of a carrier."""
    return np.flatnonzero(~_behind_meter(table) & (table.at(SHARE + c, t) != 0.0))


def shut_rows(table: ModelTable, x: FloatArray, t: int) -> IntArray:
    """Rows of the ways that meters do not go at dispatch `x` (R,): of those that would earn by counting both."""
    bought, sold = meter_rows_of(table, t)
    return np.where(x[bought] >= x[sold], sold, bought)


def with_contracts_for(
    table: ModelTable, done: Completions, sale_kw: FloatArray, who: BoolArray, intervals: int
) -> Completions:
    """The dispatches in which contracts, and what cannot be balanced, make net sales `sale_kw` (C, T, N) of the
    prosumers `who` (N,) out of what their devices inject, in the first `intervals`."""
    x = _written_out(side_by_side(done.x))
    cost, penalty, imbalance = done.cost.copy(), done.penalty.copy(), done.imbalance_kw.copy()
    penalised = table.which([is_penalty(kind) for kind in table.kinds])
    for t in range(intervals):
        before = x.rows[:, t].copy()
        after = _served(table, before, sale_kw[:, t], who, t)
        x.rows[:, t] = after
        moved = np.flatnonzero(after != before)
        more = _paid(table, after, moved, t) - _paid(table, before, moved, t)
        cost += np.bincount(table.owner[moved], more, len(table))
        penalty += np.bincount(table.owner[moved], np.where(penalised[moved], more, 0.0), len(table))
        imbalance[:, t, who] = _imbalance_kw(table, after, t)[:, who]
    return replace(done, x=x, cost=cost, penalty=penalty, imbalance_kw=imbalance)


def _written_out(x: Dispatches) -> Dispatches:
    """A copy that may be written to, with what was replaced in its place."""
    rows = x.rows.copy()
    for i, own in x.replaced.items():
        rows[x.first[i] : x.first[i + 1]] = own
    return Dispatches(rows, x.first, {})


def _served(table: ModelTable, x: FloatArray, sale_kw: FloatArray, who: BoolArray, t: int) -> FloatArray:
    """(R,) the dispatch with contracts that serve net sales (C, N); imbalances take what these leave."""
    result = x.copy()
    for c in range(len(CARRIERS)):
        rows = outside_rows(table, c, t)
        rows = rows[(who & table.member[:, c])[table.owner[rows]]]
        missing = sale_kw[c] - injected_kw(table, x, c, t)
        share, upper, owner = table.at(SHARE + c, t)[rows], table.at(UPPER, t)[rows], table.owner[rows]
        # The first of everyone, then the second, and so on.
        nth = np.arange(len(rows)) - np.searchsorted(owner, owner, side="left")
        for n in range(int(nth.max(initial=-1)) + 1):
            now = np.flatnonzero(nth == n)
            power = np.minimum(np.maximum(share[now] * missing[owner[now]], 0.0), upper[now])
            result[rows[now]] = power
            missing[owner[now]] -= share[now] * power
    held = np.flatnonzero(result != x)
    result[held] = np.clip(result[held], table.at(LOWER, t)[held], table.at(UPPER, t)[held])
    return result


def _paid(table: ModelTable, x: FloatArray, rows: IntArray, t: int) -> FloatArray:
    own = x[rows]
    result: FloatArray = table.dt_h * own * (0.5 * table.at(QUADRATIC, t, rows) * own + table.at(LINEAR, t, rows))
    return result


def _imbalance_kw(table: ModelTable, x: FloatArray, t: int) -> FloatArray:
    """(C, N)."""
    rows = np.flatnonzero(table.which([kind.type == IMBALANCE for kind in table.kinds]))
    flows = (table.at(SHARE + c, t, rows) * x[rows] for c in range(len(CARRIERS)))
    return np.stack([-np.bincount(table.owner[rows], flow, len(table)) for flow in flows])


def _behind_meter(table: ModelTable) -> BoolArray:
    return table.which([kind.is_behind_meter for kind in table.kinds])

"""Limits that bind nothing, brought within sight: what nobody can use sets the scale of nothing.

People write 1e8 kW, or infinity, where they mean "no limit". Such numbers would enter sizes, tolerances and the
scarcity price. Three facts about every optimum bring them nearer without changing it:

- Where power comes from a source that costs b per kWh at the least and goes to a use that is worth less than b, less of
  both is cheaper. So a source feeds no more than the uses worth its price, and a use takes no more than the sources
  below its worth. Loads, stores and conversions count as uses worth anything, and as sources at any price.
- A conversion that makes more of one carrier than there are uses, or takes more than there are sources, meets the
  scarcity price there. That pays only where the other carrier is as dear: where only loads and stores are still served.
- A store that goes one way at a time charges no more than it has room for, discharges no more than it holds, and holds
  no more than it began with and can have been charged.

Beyond what is so found lies only an imbalance at the scarcity price, which no source or use pays for. Where networks'
limits are to be kept the first fact fails, since an injection may relieve one: there any source may feed any use.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np

from mosaik_p2p.market.problem import SCARCITY, AnyProblem
from mosaik_p2p.prosumers.model import SIZE_OF_REACH
from mosaik_p2p.prosumers.roles import CONTRACT, IMBALANCE, WAYS, Role
from mosaik_p2p.prosumers.table import LINEAR, LOWER, QUADRATIC, SHARE, UPPER, ModelTable
from mosaik_p2p.prosumers.tabulating import with_rows
from mosaik_p2p.units import CARRIERS, BoolArray, FloatArray, IntArray

FAR = 10.0
"""A limit this many times beyond what can be used is brought nearer; nearer ones are left as they were given."""
ABSURD = 100.0
"""In sizes of the smallest prosumer: where no limit is beyond, and none beyond `UNLIKE`, none is looked at."""
UNLIKE = 1e4
"""The same, in units of the smallest limit or load."""
SPARE = 2.0
"""What it is brought to, in units of what can be used: an optimum never gets there, so that no price feels it."""
ROUNDS = 3
"""What one limit is brought to may be what another one can use."""
TOGETHER = 50_000
"""Stores that are looked at at a time."""


def within_means(problem: AnyProblem) -> AnyProblem:
    """The market with limits that no optimum reaches brought nearer; itself where there are none."""
    return _tightened(problem, by_price=True)


def within_balance(problem: AnyProblem) -> AnyProblem:
    """The same for a market that has to keep networks' limits."""
    return _tightened(problem, by_price=False)


def _tightened(problem: AnyProblem, *, by_price: bool) -> AnyProblem:
    table = problem.table
    if not _any_absurd(table):
        return problem
    rows, changed = _Rows(table, by_price=by_price), np.zeros(len(table), dtype=np.bool_)
    for _ in range(ROUNDS):
        nearer = rows.nearer(_near_stores(table))
        if nearer is table:
            break
        changed |= nearer.any_of((nearer.value[UPPER] != table.value[UPPER]) | _other_series(nearer, table))
        table = nearer
    if table is problem.table:
        return problem
    return replace(problem, models=_resized(table, changed))


def _other_series(one: ModelTable, other: ModelTable) -> BoolArray:
    result: BoolArray = one.series[UPPER] != other.series[UPPER]
    return result


def _any_absurd(table: ModelTable) -> bool:
    """Whether any limit is worth a closer look: nearly always none is."""
    limits = np.maximum(table.extreme(UPPER, largest=True)[_own(table)], 0.0)
    numbers = np.concatenate([limits, table.mean_fixed.ravel()])
    sizes = table.size_kw[table.size_kw > 0.0]
    smallest, least_size = numbers.min(initial=np.inf, where=numbers > 0.0), sizes.min(initial=np.inf)
    return bool(numbers.max(initial=0.0) > min(ABSURD * least_size, UNLIKE * smallest))


def _own(table: ModelTable) -> BoolArray:
    """(R,): rows that are no imbalances, which have no limit."""
    return table.which([kind.type != IMBALANCE for kind in table.kinds])


def _resized(table: ModelTable, changed: BoolArray) -> ModelTable:
    """The prosumers that have `changed` (N,): their size is no more than what can flow at their devices."""
    device = table.which([kind.type not in (CONTRACT, IMBALANCE) for kind in table.kinds])
    rows = np.flatnonzero(device & changed[table.owner])
    owner, count, horizon = table.owner[rows], len(table), table.horizon
    through, reach = np.zeros(count), np.zeros(count)
    for t in range(horizon):
        upper = table.at(UPPER, t, rows)
        upper = np.where(np.isfinite(upper), upper, 0.0)
        np.maximum.at(reach, owner, upper)
        for c in range(len(CARRIERS)):
            flow = np.abs(table.at(SHARE + c, t, rows)) * upper
            through += (np.abs(table.fixed_at(c, t)) + 0.5 * np.bincount(owner, flow, count)) / horizon
    size = np.minimum(table.size_kw, np.maximum(through, SIZE_OF_REACH * reach))
    return replace(table, size_kw=np.where(changed, size, table.size_kw), made={})


# -- sources and uses ---------------------------------------------------------------------------------------------


class _Rows:
    """Everyone's variables side by side, interval by interval, and who balances each carrier together."""

    def __init__(self, table: ModelTable, *, by_price: bool) -> None:
        self._table = table
        # Members of a carrier balance it together, the others each for themselves.
        self._pool = np.where(table.member.T, 0, 1 + np.arange(len(table)))
        self._group = self._pool[:, table.owner]
        own = _own(table)
        self._ignored = ~own
        touched = np.stack([own & table.is_some(SHARE + c) for c in range(len(CARRIERS))])
        self._touched, several = touched, touched.sum(axis=0) > 1
        self._may_turn = several & by_price
        self._coupled = _coupled(table)
        self._firm = self._coupled | several | (not by_price)
        positive = table.extreme(LOWER, largest=False) >= 0.0
        self._open = touched.any(axis=0) & ~self._coupled & positive
        # Shares that are the same in all intervals are looked up once.
        shares = [np.where(self._ignored, 0.0, table.at(SHARE + c, 0)) for c in range(len(CARRIERS))]
        self._shares = [None if table.varies(SHARE + c) else share for c, share in enumerate(shares)]

    @cached_property
    def _turns(self) -> BoolArray:
        """(R,): conversions that no ordinary price of one carrier pays for scarcity of the other."""
        turns: BoolArray = self._may_turn.copy()
        if turns.any():
            turns[turns] = self._bears_no_scarcity(np.flatnonzero(turns))
        return turns

    def _share(self, c: int, t: int) -> FloatArray:
        known = self._shares[c]
        return np.where(self._ignored, 0.0, self._table.at(SHARE + c, t)) if known is None else known

    def _slope(self, t: int) -> FloatArray:
        """(R,) marginal cost at the least value."""
        table = self._table
        result: FloatArray = table.at(LINEAR, t) + table.at(QUADRATIC, t) * table.at(LOWER, t)
        return result

    def nearer(self, table: ModelTable) -> ModelTable:
        """The table, with limits brought nearer that are far beyond all use; itself where there is no such one."""
        # One number for all intervals: where a moment has no use, its price must not feel that either.
        most = self._usable(table)
        if most is None:
            return table
        most = np.where(most > 0.0, most, most.max(initial=0.0))
        far = self._open & (table.extreme(UPPER, largest=True) > FAR * most) & (most > 0.0)
        rows = np.flatnonzero(far)
        if not len(rows):
            return table
        given, used = table.rows(UPPER, rows), most[rows][:, None]
        new = np.where(given > FAR * used, np.maximum(table.rows(LOWER, rows), SPARE * used), given)
        return with_rows(table, UPPER, rows, new)

    def _bears_no_scarcity(self, rows: IntArray) -> BoolArray:
        """(n,): the same of some conversions."""
        priced = ~self._firm & self._touched.any(axis=0)
        steepest = highest = 0.0
        for t in range(self._table.horizon):
            slope = np.abs(self._slope(t))
            size = sum(np.abs(self._share(c, t)) for c in range(len(CARRIERS)))
            steepest = max(steepest, float(slope.max(initial=0.0)))
            per_kwh = np.divide(slope, size, out=np.zeros_like(slope), where=size > 0.0)
            highest = max(highest, float(per_kwh[priced].max(initial=0.0)))
        scarce, result = SCARCITY * steepest, np.ones(len(rows), dtype=np.bool_)
        for t in range(self._table.horizon):
            sizes = np.stack([np.abs(self._share(c, t)[rows]) for c in range(len(CARRIERS))])
            result &= sizes.min(axis=0) * scarce > sizes.max(axis=0) * highest + np.abs(self._slope(t)[rows])
        return result

    def _usable(self, table: ModelTable) -> FloatArray | None:
        """(R,): the largest value of each variable that is of any use in some interval; None where no limit is far
        beyond it."""
        nobody = [np.zeros(0, dtype=np.int64) for _ in CARRIERS]
        # Whether a conversion bears scarcity takes long to tell, and is asked where it matters: if it did not, less
        # would be of use.
        if self._most(table, nobody, self._may_turn) is None:
            return None
        found = self._most(table, nobody, self._turns)
        if found is None or not any(len(groups) for groups in found[1]):
            return None if found is None else found[0]
        found = self._most(table, found[1], self._turns)
        return None if found is None else found[0]

    def _most(
        self, table: ModelTable, waiting: list[IntArray], turns: BoolArray
    ) -> tuple[FloatArray, list[IntArray]] | None:
        """The same where those groups wait for uses, or sources, that have a price of their own; and, by carrier, the
        groups with a limit that is far beyond their firm ones in some interval. `turns` (R,) is `_turns`, or more."""
        most, waits = np.zeros(len(self._open)), np.zeros(self._touched.shape, dtype=np.bool_)
        limit = np.where(self._open, table.extreme(UPPER, largest=True), 0.0)
        for t in range(table.horizon):
            # Later intervals, and waiting groups, only add uses: what is near stays near.
            if (limit <= FAR * most).all():
                return None
            upper = table.at(UPPER, t)
            some, least, desperate = np.zeros_like(upper), np.full_like(upper, np.inf), np.zeros_like(upper)
            for c, touched in enumerate(self._touched):
                flow, other = self._firm_side(c, t, upper)
                waits[c] |= flow > FAR * other
                anything, at_any_price = self._other_side(c, t, upper, flow, other, waiting[c])
                np.maximum(some, anything, out=some, where=touched)
                np.minimum(least, anything, out=least, where=touched)
                np.maximum(desperate, at_any_price, out=desperate, where=touched)
            np.maximum(most, np.where(turns, np.maximum(least, desperate), some), out=most)
        waits &= self._open & ~self._firm
        return most, [np.unique(group[own]) for group, own in zip(self._group, waits, strict=True)]

    def _firm_side(self, c: int, t: int, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(R,) twice: what flows at each variable's limit, and what its carrier has of uses, or sources, for it that
        have no price of their own."""
        share = self._share(c, t)
        size = np.abs(share)
        flow = np.multiply(size, upper, out=np.zeros_like(upper), where=size > 0.0)
        # What is worth anything serves every source; what has a price serves those of no price of their own, too.
        # So does the least that anything is held to, whatever its price.
        sure = np.where(self._firm, flow, size * np.maximum(self._table.at(LOWER, t), 0.0))
        return flow, np.where(self._firm, self._facing(c, t, share, flow), self._facing(c, t, share, sure))

    def _other_side(
        self, c: int, t: int, upper: FloatArray, flow: FloatArray, other: FloatArray, waiting: IntArray
    ) -> tuple[FloatArray, FloatArray]:
        """(R,) twice: the value of each variable up to which its carrier has a use, or a source; and up to which it has
        one at the scarcity price: loads, stores and what is forced. `flow` and `other` are of `_firm_side`."""
        share = self._share(c, t)
        size = np.abs(share)
        if len(waiting):
            priced = ~self._firm & self._touched[c]
            for one in waiting:
                self._add_by_price(t, np.flatnonzero((self._group[c] == one) & priced), share, upper, other)
        forced = np.where(self._coupled, flow, size * self._table.at(LOWER, t))
        scarce = self._facing(c, t, share, forced)
        return (
            np.divide(other, size, out=np.zeros_like(upper), where=size > 0.0),
            np.divide(scarce, size, out=np.zeros_like(upper), where=size > 0.0),
        )

    def _facing(self, c: int, t: int, share: FloatArray, flow: FloatArray) -> FloatArray:
        """(R,) for each source the uses in its group, loads included, for each use the sources."""
        fixed = self._table.fixed_at(c, t)
        uses = self._sums(c, np.where(share < 0.0, flow, 0.0), fixed)
        sources = self._sums(c, np.where(share > 0.0, flow, 0.0), -fixed)
        facing: FloatArray = np.where(share > 0.0, uses[self._group[c]], sources[self._group[c]])
        return facing

    def _sums(self, c: int, flow: FloatArray, fixed: FloatArray) -> FloatArray:
        """By group: the flows and the loads."""
        total: FloatArray = np.bincount(self._group[c], flow, len(fixed) + 1).astype(float)
        if fixed.any():
            np.add.at(total, self._pool[c], np.maximum(fixed, 0.0))
        return total

    def _add_by_price(self, t: int, inside: IntArray, share: FloatArray, upper: FloatArray, other: FloatArray) -> None:
        """Add, in place, the uses worth each source's price, and the sources below each use's worth."""
        source, use = inside[share[inside] > 0.0], inside[share[inside] < 0.0]
        price = self._slope(t) / np.where(share != 0.0, share, 1.0)
        flow = np.abs(share)
        other[source] += _beyond(-price[use], flow[use] * upper[use], -price[source])
        other[use] += _beyond(price[source], flow[source] * upper[source], price[use])


def _beyond(price: FloatArray, flow: FloatArray, asked: FloatArray) -> FloatArray:
    """The sum of flows whose price is at most each price asked for."""
    order = np.argsort(price, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(flow[order])])
    result: FloatArray = sums[np.searchsorted(price[order], asked, side="right")]
    return result


def _coupled(table: ModelTable) -> BoolArray:
    """(R,): variables that intervals share a sum of."""
    result = table.storage >= 0
    result[np.repeat(table.first[:-1], np.diff(table.first_storage)) + table.level] = True
    result[np.repeat(table.first[:-1], np.diff(table.first_total)) + table.total_row] = True
    return result


# -- stores -------------------------------------------------------------------------------------------------------


def _near_stores(table: ModelTable) -> ModelTable:
    """The table with limits of stores brought nearer; itself where none is far."""
    found = [(rows, new) for begin in range(0, len(table.level), TOGETHER) for rows, new in _near(table, begin)]
    if not found:
        return table
    rows, limits = (np.concatenate(part) for part in zip(*found, strict=True))
    return with_rows(table, UPPER, rows, limits)


def _near(table: ModelTable, begin: int) -> Iterator[tuple[IntArray, FloatArray]]:
    """Rows (n,) of some stores that are far beyond what these can use, and nearer limits (n, T)."""
    for rows, reach in _reach_of(table, begin, min(begin + TOGETHER, len(table.level))):
        most, given = reach.max(axis=1, initial=0.0)[:, None], table.rows(UPPER, rows)
        far = (given > FAR * most) & (most > 0.0)
        some = far.any(axis=1)
        if some.any():
            new = np.where(far, np.maximum(table.rows(LOWER, rows), SPARE * most), given)
            yield rows[some], new[some]


def _reach_of(table: ModelTable, begin: int, end: int) -> Iterator[tuple[IntArray, FloatArray]]:
    """Rows (n,) and (n, T): the most that stores can hold, can be charged with and discharged by, going one way."""
    storage = table.storage_of_row
    rows = np.flatnonzero((storage >= begin) & (storage < end))
    own, withdrawal, limit = storage[rows] - begin, table.withdrawal[rows], table.rows(UPPER, rows)
    fills, beside = np.zeros((2, end - begin, table.horizon))
    fill = withdrawal < 0.0
    np.add.at(fills, own[fill], -withdrawal[fill, None] * limit[fill])
    way = table.which([kind.role in WAYS for kind in table.kinds])[rows]
    # What fills or empties it beside its charge and discharge makes room for more of either.
    np.add.at(beside, own[~way], np.abs(withdrawal[~way, None]) * limit[~way])
    inflow = table.expanded(table.inflow_value[begin:end], table.inflow_series[begin:end])
    level = (np.repeat(table.first[:-1], np.diff(table.first_storage)) + table.level)[begin:end]
    most = np.cumsum(fills + np.maximum(inflow, 0.0), axis=1)
    yield level, most
    highest, lowest = np.minimum(table.rows(UPPER, level), most), table.rows(LOWER, level)
    retention = table.retention[begin:end, None]
    before_high, before_low = (retention * _an_interval_later(held) + inflow for held in (highest, lowest))
    charges = table.which([kind.role == Role.CHARGE for kind in table.kinds])[rows]
    room = np.where(charges[:, None], (highest - before_low)[own], (before_high - lowest)[own])
    yield rows[way], (np.maximum(room + beside[own], 0.0) / np.abs(withdrawal)[:, None])[way]


def _an_interval_later(held: FloatArray) -> FloatArray:
    return np.concatenate([np.zeros((len(held), 1)), held[:, :-1]], axis=1)

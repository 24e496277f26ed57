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

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mosaik_p2p.market.problem import SCARCITY, AnyProblem, MarketProblem
from mosaik_p2p.prosumers.model import SIZE_OF_REACH, ProsumerModel, Storage
from mosaik_p2p.prosumers.roles import CONTRACT, IMBALANCE, WAYS, Role
from mosaik_p2p.units import BoolArray, FloatArray, IntArray

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
Uppers = Sequence[FloatArray]
"""By prosumer, (K, T): the largest values that are still to be considered."""


def within_means(problem: AnyProblem) -> AnyProblem:
    """The market with limits that no optimum reaches brought nearer; itself where there are none."""
    return _tightened(problem, by_price=True)


def within_balance(problem: AnyProblem) -> AnyProblem:
    """The same for a market that has to keep networks' limits."""
    return _tightened(problem, by_price=False)


def _tightened(problem: AnyProblem, *, by_price: bool) -> AnyProblem:
    if not _any_absurd(problem.models):
        return problem
    rows = _Rows(problem, by_price=by_price)
    given: Uppers = [model.upper for model in problem.models]
    upper = given
    for _ in range(ROUNDS):
        nearer = rows.nearer(_near_stores(problem.models, upper))
        if all(new is old for new, old in zip(nearer, upper, strict=True)):
            break
        upper = nearer
    if upper is given:
        return problem
    pairs = zip(problem.models, upper, strict=True)
    return replace(problem, models=tuple(m if new is m.upper else _resized(m, new) for m, new in pairs))


def _any_absurd(models: Sequence[ProsumerModel]) -> bool:
    """Whether any limit is worth a closer look: nearly always none is."""
    numbers = [_magnitudes(model) for model in models]
    largest = max((float(own.max(initial=0.0)) for own in numbers), default=0.0)
    smallest = min((float(own.min(initial=np.inf, where=own > 0.0)) for own in numbers), default=np.inf)
    least_size = min((model.size_kw for model in models if model.size_kw > 0.0), default=np.inf)
    return largest > min(ABSURD * least_size, UNLIKE * smallest)


def _magnitudes(model: ProsumerModel) -> FloatArray:
    """The largest limit of every variable, and the mean loads; imbalances, which have no limit, stand last."""
    own = len(model.variables)
    while own and model.variables[own - 1].type == IMBALANCE:
        own -= 1
    return np.concatenate([model.upper[:own].max(axis=1, initial=0.0), model.fixed.mean(axis=1)])


def _resized(model: ProsumerModel, upper: FloatArray) -> ProsumerModel:
    """The model with nearer limits; its size is no more than what can then flow at its devices."""
    devices = [k for k, variable in enumerate(model.variables) if variable.type not in (CONTRACT, IMBALANCE)]
    flows = np.abs(model.balance[:, devices]) * np.where(np.isfinite(upper[devices]), upper[devices], 0.0)
    through = float(np.abs(model.fixed).sum(axis=0).mean() + 0.5 * flows.sum(axis=(0, 1)).mean())
    reach = float(np.where(np.isfinite(upper[devices]), upper[devices], 0.0).max(initial=0.0))
    size = min(model.size_kw, max(through, SIZE_OF_REACH * reach))
    return replace(model, upper=upper, size_kw=size)


# -- sources and uses ---------------------------------------------------------------------------------------------


class _Rows:
    """Everyone's variables side by side, (K, T) each, and who balances each carrier together."""

    def __init__(self, problem: MarketProblem, *, by_price: bool) -> None:
        models, member = problem.models, problem.member
        self._edges = np.cumsum([len(model.variables) for model in models])[:-1]
        owner = np.repeat(np.arange(len(models)), [len(model.variables) for model in models])
        self._share = np.concatenate([model.balance.transpose(1, 0, 2) for model in models])
        self._lower = np.concatenate([model.lower for model in models])
        self._slope = np.concatenate([model.linear + model.quadratic * model.lower for model in models])
        # Members of a carrier balance it together, the others each for themselves.
        self._pool = np.where(member, 0, 1 + np.arange(len(models)))
        self._group = self._pool[:, owner]
        self._fixed = np.stack([model.fixed for model in models], axis=-1)
        ignored = np.array([v.type == IMBALANCE for model in models for v in model.variables], dtype=bool)
        self._share = np.where(ignored[:, None, None], 0.0, self._share)
        self._touched = (self._share != 0.0).any(axis=2)
        several = self._touched.sum(axis=1) > 1
        self._coupled = np.concatenate([_coupled(model) for model in models])
        self._firm = self._coupled | several | (not by_price)
        self._open = self._touched.any(axis=1) & ~self._coupled & (self._lower >= 0.0).all(axis=1)
        self._turns = several & self._bears_no_scarcity() & by_price

    def nearer(self, upper: Uppers) -> Uppers:
        """The limits, those brought nearer that are far beyond all use; arrays without such a one as they were."""
        flat = np.concatenate(upper)
        usable = self._usable(flat)
        # One number for all intervals: where a moment has no use, its price must not feel that either.
        most = usable.max(axis=1, keepdims=True)
        most = np.where(most > 0.0, most, most.max(initial=0.0))
        far = self._open[:, None] & (flat > FAR * most) & (most > 0.0)
        if not far.any():
            return upper
        new = np.split(np.where(far, np.maximum(self._lower, SPARE * most), flat), self._edges)
        changed = np.split(far.any(axis=1), self._edges)
        return [n if c.any() else old for n, c, old in zip(new, changed, upper, strict=True)]

    def _bears_no_scarcity(self) -> BoolArray:
        """(K,): conversions that no ordinary price of one carrier pays for scarcity of the other."""
        size, slope = np.abs(self._share), np.abs(self._slope)
        scarce = SCARCITY * float(slope.max(initial=0.0))
        priced = ~self._firm & self._touched.any(axis=1)
        per_kwh = np.divide(slope, size.sum(axis=1), out=np.zeros_like(slope), where=size.any(axis=1))
        highest = float(per_kwh[priced].max(initial=0.0))
        result: BoolArray = (size.min(axis=1) * scarce > size.max(axis=1) * highest + slope).all(axis=1)
        return result

    def _usable(self, upper: FloatArray) -> FloatArray:
        """(K, T): the largest value of each variable that is of any use."""
        anything, at_any_price = zip(*(self._other_side(c, upper) for c in range(self._share.shape[1])), strict=True)
        touched = self._touched.T[:, :, None]
        some = np.where(touched, anything, 0.0).max(axis=0)
        least = np.where(touched, anything, np.inf).min(axis=0)
        desperate = np.where(touched, at_any_price, 0.0).max(axis=0)
        bounded: FloatArray = np.where(self._turns[:, None], np.maximum(least, desperate), some)
        return bounded

    def _other_side(self, c: int, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(K, T) twice: the value of each variable up to which its carrier has a use, or a source; and up to which it
        has one at the scarcity price: loads, stores and what is forced."""
        share = self._share[:, c]
        size = np.abs(share)
        flow = np.multiply(size, upper, out=np.zeros_like(upper), where=size > 0.0)
        made, taken = np.where(share > 0.0, flow, 0.0), np.where(share < 0.0, flow, 0.0)
        fixed = self._fixed[c]
        # What is worth anything serves every source; what has a price serves those of no price of their own, too.
        # So does the least that anything is held to, whatever its price.
        sure = np.where(self._firm[:, None], flow, size * np.maximum(self._lower, 0.0))
        fed, drawn = np.where(share > 0.0, sure, 0.0), np.where(share < 0.0, sure, 0.0)
        firm = np.where(share > 0.0, self._sums(c, drawn, fixed), self._sums(c, fed, -fixed))
        whole = np.where(share > 0.0, self._sums(c, taken, fixed), self._sums(c, made, -fixed))
        other = np.where(self._firm[:, None], whole, firm)
        waiting = self._open & ~self._firm & (flow > FAR * other).any(axis=1)
        for group in np.unique(self._group[c][waiting]):
            inside = np.flatnonzero((self._group[c] == group) & ~self._firm & size.any(axis=1))
            self._add_by_price(c, inside, upper, other)
        forced = size * self._lower * ~self._coupled[:, None] + np.where(self._coupled[:, None], flow, 0.0)
        taken, made = np.where(share < 0.0, forced, 0.0), np.where(share > 0.0, forced, 0.0)
        scarce = np.where(share > 0.0, self._sums(c, taken, fixed), self._sums(c, made, -fixed))
        nothing = np.zeros_like(upper)
        return (
            np.divide(other, size, out=nothing.copy(), where=size > 0.0),
            np.divide(scarce, size, out=nothing.copy(), where=size > 0.0),
        )

    def _sums(self, c: int, flow: FloatArray, fixed: FloatArray) -> FloatArray:
        """(K, T): the flows and the loads, summed over each variable's group."""
        total = np.zeros((len(self._pool[c]) + 1, flow.shape[1]))
        np.add.at(total, self._group[c], flow)
        np.add.at(total, self._pool[c], np.maximum(fixed, 0.0).T)
        result: FloatArray = total[self._group[c]]
        return result

    def _add_by_price(self, c: int, inside: IntArray, upper: FloatArray, other: FloatArray) -> None:
        """Add, in place, the uses worth each source's price, and the sources below each use's worth."""
        for t in range(upper.shape[1]):
            share = self._share[inside, c, t]
            source, use = inside[share > 0.0], inside[share < 0.0]
            price = self._slope[:, t] / np.where(self._share[:, c, t] != 0.0, self._share[:, c, t], 1.0)
            flow = np.abs(self._share[:, c, t])
            other[source, t] += _beyond(-price[use], flow[use] * upper[use, t], -price[source])
            other[use, t] += _beyond(price[source], flow[source] * upper[source, t], price[use])


def _beyond(price: FloatArray, flow: FloatArray, asked: FloatArray) -> FloatArray:
    """The sum of flows whose price is at most each price asked for."""
    order = np.argsort(price, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(flow[order])])
    result: FloatArray = sums[np.searchsorted(price[order], asked, side="right")]
    return result


def _coupled(model: ProsumerModel) -> BoolArray:
    """(K,): variables that intervals share a sum of."""
    result = np.zeros(len(model.variables), dtype=bool)
    for storage in model.storages:
        result[[storage.level, *(k for k, _ in storage.withdrawal)]] = True
    result[[total.k for total in model.totals]] = True
    return result


# -- stores -------------------------------------------------------------------------------------------------------


def _near_stores(models: Sequence[ProsumerModel], upper: Uppers) -> Uppers:
    return [_near_own_stores(model, own) if model.storages else own for model, own in zip(models, upper, strict=True)]


def _near_own_stores(model: ProsumerModel, upper: FloatArray) -> FloatArray:
    """The limits, with those of stores brought nearer; the array itself where none is far."""
    new = upper
    for storage in model.storages:
        for k, reach in _reach_of(model, storage, new).items():
            most = float(reach.max(initial=0.0))
            far = (new[k] > FAR * most) & (most > 0.0)
            if far.any():
                new = new.copy() if new is upper else new
                new[k] = np.where(far, np.maximum(model.lower[k], SPARE * most), new[k])
    return new


def _reach_of(model: ProsumerModel, storage: Storage, upper: FloatArray) -> dict[int, FloatArray]:
    """(T,) by variable: the most that a store can hold, can be charged with and discharged by, going one way."""
    fills = sum(
        (-withdrawal * upper[k] for k, withdrawal in storage.withdrawal if withdrawal < 0.0),
        start=np.zeros(model.horizon),
    )
    reach = {storage.level: np.cumsum(fills + np.maximum(storage.inflow_kwh, 0.0))}
    highest, lowest = np.minimum(upper[storage.level], reach[storage.level]), model.lower[storage.level]
    before_high = storage.retention * np.concatenate([[0.0], highest[:-1]]) + storage.inflow_kwh
    before_low = storage.retention * np.concatenate([[0.0], lowest[:-1]]) + storage.inflow_kwh
    for k, withdrawal in storage.withdrawal:
        role = model.variables[k].role
        if role not in WAYS:
            continue
        # What fills or empties it beside its charge and discharge makes room for more of either.
        beside = sum(
            (abs(g) * upper[j] for j, g in storage.withdrawal if model.variables[j].role not in WAYS),
            start=np.zeros(model.horizon),
        )
        room = highest - before_low if role == Role.CHARGE else before_high - lowest
        reach[k] = np.maximum(room + beside, 0.0) / abs(withdrawal)
    return reach

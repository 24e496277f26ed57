"""Everyone's dispatch evaluated at once: cost, imbalance, gross load."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np

from mosaik_p2p.market.prosumer_step.kernel.batch import Completed, Problems
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.table import firsts
from mosaik_p2p.units import FloatArray, IntArray


@dataclass(frozen=True)
class Dispatches(Sequence[FloatArray]):
    """Everyone's dispatch (K, T), kW, one after the other in `rows` (R, T); some may be `replaced`."""

    rows: FloatArray
    first: IntArray
    replaced: Mapping[int, FloatArray]

    def __len__(self) -> int:
        """Number of prosumers."""
        return len(self.first) - 1

    @overload
    def __getitem__(self, i: int) -> FloatArray: ...
    @overload
    def __getitem__(self, i: slice) -> list[FloatArray]: ...
    def __getitem__(self, i: int | slice) -> FloatArray | list[FloatArray]:
        """One prosumer's, or those of several."""
        if isinstance(i, slice):
            return [self[n] for n in range(*i.indices(len(self)))]
        at = range(len(self))[i]
        own = self.replaced.get(at)
        return self.rows[self.first[at] : self.first[at + 1]] if own is None else own

    def of_rows(self, rows: IntArray) -> FloatArray:
        """(n, T) what stands in some rows."""
        result: FloatArray = self.rows[rows]
        for i, own in self.replaced.items():
            mine = np.flatnonzero((rows >= self.first[i]) & (rows < self.first[i + 1]))
            result[mine] = own[rows[mine] - self.first[i]]
        return result

    def at(self, t: int) -> FloatArray:
        """(R,) everyone's in an interval."""
        result: FloatArray = self.rows[:, t].copy()
        for i, own in self.replaced.items():
            result[self.first[i] : self.first[i + 1]] = own[:, t]
        return result


def side_by_side(x: Sequence[FloatArray]) -> Dispatches:
    """Single dispatches one after the other; themselves where they are that already."""
    if isinstance(x, Dispatches):
        return x
    return Dispatches(np.concatenate(x), firsts([len(own) for own in x]), {})


@dataclass(frozen=True)
class Completions(Sequence[Completion]):
    """Everyone's completion: `cost` and `penalty` (N,), the others (C, T, N); an item is one prosumer's."""

    x: Sequence[FloatArray]
    cost: FloatArray
    penalty: FloatArray
    imbalance_kw: FloatArray
    load_kw: FloatArray
    """What flows to devices that take it, fixed load included."""
    price_per_kwh: FloatArray
    missed_kwh: FloatArray
    """(N,) by which storages and totals are missed, see `ProsumerModel.missed_by`; NaN where nobody has looked."""

    def __len__(self) -> int:
        """Number of prosumers."""
        return len(self.x)

    @overload
    def __getitem__(self, i: int) -> Completion: ...
    @overload
    def __getitem__(self, i: slice) -> list[Completion]: ...
    def __getitem__(self, i: int | slice) -> Completion | list[Completion]:
        """One prosumer's, or those of several."""
        if isinstance(i, slice):
            return [self[n] for n in range(*i.indices(len(self)))]
        return Completion(
            x=self.x[i],
            imbalance_kw=self.imbalance_kw[:, :, i],
            price_per_kwh=self.price_per_kwh[:, :, i],
            cost=float(self.cost[i]),
            penalty=float(self.penalty[i]),
        )

    def __iter__(self) -> Iterator[Completion]:
        """In order."""
        return (self[i] for i in range(len(self)))


def collected(models: Sequence[ProsumerModel], done: Sequence[Completion]) -> Completions:
    """Single completions side by side."""
    load = [
        np.maximum(-model.balance * one.x, 0.0).sum(axis=1) + model.fixed
        for model, one in zip(models, done, strict=True)
    ]
    return Completions(
        x=[one.x for one in done],
        cost=np.array([one.cost for one in done]),
        penalty=np.array([one.penalty for one in done]),
        imbalance_kw=np.stack([one.imbalance_kw for one in done], axis=-1),
        load_kw=np.stack(load, axis=-1),
        price_per_kwh=np.stack([one.price_per_kwh for one in done], axis=-1),
        missed_kwh=np.full(len(done), np.nan),
    )


def with_replaced(all_done: Completions, replaced: dict[int, Completion]) -> Completions:
    """Some prosumers' completions exchanged for others; loads stay as they were."""
    if not replaced:
        return all_done
    x = side_by_side(all_done.x)
    x = replace(x, replaced={**x.replaced, **{i: one.x for i, one in replaced.items()}})
    cost, penalty, missed = all_done.cost.copy(), all_done.penalty.copy(), all_done.missed_kwh.copy()
    imbalance, price = all_done.imbalance_kw.copy(), all_done.price_per_kwh.copy()
    for i, one in replaced.items():
        cost[i], penalty[i], missed[i] = one.cost, one.penalty, np.nan
        imbalance[:, :, i], price[:, :, i] = one.imbalance_kw, one.price_per_kwh
    return Completions(x, cost, penalty, imbalance, all_done.load_kw, price, missed)


def joined(count: int, parts: Sequence[tuple[IntArray, Completions]]) -> Completions:
    """Completions of `count` prosumers out of those of disjoint groups, each with its positions."""
    order = np.argsort(np.concatenate([who for who, _ in parts]))
    assert len(order) == count
    x = [one for _, done in parts for one in done.x]

    def beside(name: str) -> FloatArray:
        return np.concatenate([getattr(done, name) for _, done in parts], axis=-1)[..., order]

    names = ("cost", "penalty", "imbalance_kw", "load_kw", "price_per_kwh", "missed_kwh")
    return Completions([x[n] for n in order], **{name: beside(name) for name in names})


@dataclass(frozen=True)
class Scales:
    """What turns scaled numbers into kW and money: (N,) each; `constant` is money that no dispatch changes."""

    power_kw: FloatArray
    money: FloatArray
    constant: FloatArray
    price_per_kwh: float


def told(problems: Problems, done: Completed, scales: Scales) -> Completions:
    """What the kernel has completed, in money."""
    return Completions(
        x=Dispatches(done.x, problems.table.first, {}),
        cost=done.money[0] * scales.money + scales.constant,
        penalty=done.money[1] * scales.money,
        imbalance_kw=done.surplus_kw,
        load_kw=done.load_kw,
        price_per_kwh=done.price_per_kwh,
        missed_kwh=done.money[2],
    )

"""Everyone's dispatch evaluated at once: cost, imbalance, gross load."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import overload

import numpy as np

from mosaik_p2p.jit.modes import jit
from mosaik_p2p.jit.threads import shared
from mosaik_p2p.market.prosumer_step.kernel.batch import FEW, Points, Problems
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.units import BoolArray, FloatArray, IntArray


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
    )


def with_replaced(all_done: Completions, replaced: dict[int, Completion]) -> Completions:
    """Some prosumers' completions exchanged for others; loads stay as they were."""
    if not replaced:
        return all_done
    x = list(all_done.x)
    cost, penalty = all_done.cost.copy(), all_done.penalty.copy()
    imbalance, price = all_done.imbalance_kw.copy(), all_done.price_per_kwh.copy()
    for i, one in replaced.items():
        x[i], cost[i], penalty[i] = one.x, one.cost, one.penalty
        imbalance[:, :, i], price[:, :, i] = one.imbalance_kw, one.price_per_kwh
    return Completions(x, cost, penalty, imbalance, all_done.load_kw, price)


def joined(count: int, parts: Sequence[tuple[IntArray, Completions]]) -> Completions:
    """Completions of `count` prosumers out of those of disjoint groups, each with its positions."""
    order = np.argsort(np.concatenate([who for who, _ in parts]))
    assert len(order) == count
    x = [one for _, done in parts for one in done.x]

    def side_by_side(name: str) -> FloatArray:
        return np.concatenate([getattr(done, name) for _, done in parts], axis=-1)[..., order]

    names = ("cost", "penalty", "imbalance_kw", "load_kw", "price_per_kwh")
    return Completions([x[n] for n in order], **{name: side_by_side(name) for name in names})


@dataclass(frozen=True)
class Scales:
    """What turns scaled numbers into kW and money: (N,) each; `constant` is money that no dispatch changes."""

    power_kw: FloatArray
    money: FloatArray
    constant: FloatArray
    price_per_kwh: float


def evaluate(problems: Problems, points: Points, penalised: BoolArray, scales: Scales) -> Completions:
    """Evaluate the dispatch at `points`, rounded into its limits; `penalised` (rows,) says which rows are penalties.

    The dispatch takes the place of `points.x`: there is no room for both in a market of many prosumers.
    """
    count, horizon = len(scales.power_kw), problems.lower.shape[1]
    money = np.empty((2, count))
    flows = np.empty((2, count, 2, horizon))
    x = points.x

    def part(begin: int, end: int) -> None:
        _evaluate(begin, end, problems.arrays, points.x, penalised, scales.power_kw, x, money, flows)

    shared(part, count, few=FEW)
    balances = (2 * np.arange(count) + problems.first_storage[:-1])[:, None] + np.arange(2)
    surplus, load = (flows * scales.power_kw[:, None, None]).transpose(0, 2, 3, 1)
    edges = problems.first.tolist()
    return Completions(
        x=[x[begin:end] for begin, end in pairwise(edges)],
        cost=money[0] * scales.money + scales.constant,
        penalty=money[1] * scales.money,
        imbalance_kw=surplus,
        load_kw=load,
        price_per_kwh=points.y[balances].transpose(1, 2, 0) * scales.price_per_kwh,
    )


@jit
def _evaluate(begin, end, problems, point, penalised, power_kw, x, money, flows):  # type: ignore[no-untyped-def]
    """`x` in kW, `money` (2, N) of everything and of penalties, `flows` (2, N, C, T) of imbalance and into loads.

    What a storage lacks is a penalty too, but enters no balance.
    """
    (first, first_storage, first_total, quadratic, linear, lower, upper, balance, carrier_mask, storage, withdrawal,
     level, retention, inflow, total_row, total_first, total_at, total, fixed) = problems  # fmt: skip
    for i in range(begin, end):
        money[0, i] = money[1, i] = 0.0
        for c in range(2):
            for t in range(x.shape[1]):
                flows[0, i, c, t], flows[1, i, c, t] = 0.0, fixed[i, c, t]
        for k in range(first[i], first[i + 1]):
            paid = 0.0
            for t in range(x.shape[1]):
                at = min(max(point[k, t], lower[k, t]), upper[k, t])
                x[k, t] = at * power_kw[i]
                paid += 0.5 * quadratic[k, t] * at * at + linear[k, t] * at
                for c in range(2):
                    flow = balance[k, c, t] * at
                    flows[1, i, c, t] += max(-flow, 0.0)
                    if penalised[k]:
                        flows[0, i, c, t] -= flow
            money[0, i] += paid
            if penalised[k]:
                money[1, i] += paid

"""All prosumers of one clearing: the sum over them of what `subproblem` does for one."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mosaik_p2p.market.exclusive import exclusive
from mosaik_p2p.market.problem import MarketProblem, highest_price, power_scale
from mosaik_p2p.market.subproblem import Completion, Subproblem
from mosaik_p2p.units import FloatArray


@dataclass(frozen=True)
class Alone:
    """What everyone would do without peers: cost (N,) money without imbalance, own prices and gross load (C, T, N)."""

    cost: FloatArray
    price_per_kwh: FloatArray
    load_kw: FloatArray


class Fleet:
    """The prosumers' side of the market."""

    def __init__(self, problem: MarketProblem) -> None:
        self.problem = problem
        self.price_scale = highest_price(problem)
        self.power_kw = power_scale(problem)
        self._members = [
            Subproblem(model, power_kw=float(size), price_per_kwh=self.price_scale)
            for model, size in zip(problem.models, self.power_kw, strict=True)
        ]

    def weigh(self, weight: FloatArray) -> None:
        """Set the penalties, (C, N) money per kW^2."""
        for i, member in enumerate(self._members):
            member.weigh(weight[:, i])

    def respond(self, target_kw: FloatArray) -> FloatArray:
        """Net sales (C, T, N) that answer the targets (C, T, N)."""
        return np.stack([member.respond(target_kw[:, :, i]) for i, member in enumerate(self._members)], axis=-1)

    def complete(self, sale_kw: FloatArray) -> list[Completion]:
        """Everyone's dispatch for agreed net sales (C, T, N)."""
        return [member.complete(sale_kw[:, :, i]) for i, member in enumerate(self._members)]

    def dispatch(self, sale_kw: FloatArray) -> tuple[list[Completion], bool]:
        """Like `complete`, but no storage charges and discharges at once; says whether that had to be repaired."""
        done = self.complete(sale_kw)
        repaired = False
        for i, member in enumerate(self._members):
            for _ in range(member.model.horizon):
                narrowed = exclusive(member.model, done[i].x, power_kw=float(self.power_kw[i]))
                if narrowed is None:
                    break
                repaired = True
                member = Subproblem(narrowed, power_kw=float(self.power_kw[i]), price_per_kwh=self.price_scale)
                done[i] = member.complete(sale_kw[:, :, i])
        return done, repaired

    def bound(self, price_per_kwh: FloatArray, *, tighten: bool = False) -> float:
        """Lower bound on the market's cost from closed node prices (C, T, N); `tighten` spends one more solve each."""
        if tighten:
            for i, member in enumerate(self._members):
                member.tighten(price_per_kwh[:, :, i])
        return sum(member.bound(price_per_kwh[:, :, i]) for i, member in enumerate(self._members))

    @cached_property
    def alone(self) -> Alone:
        """Everyone for itself, utility contracts only."""
        completions = self.complete(np.zeros(self.problem.shape))
        load = [
            np.maximum(-model.balance * done.x, 0.0).sum(axis=1) + model.fixed
            for model, done in zip(self.problem.models, completions, strict=True)
        ]
        return Alone(
            cost=np.array([done.cost - done.penalty for done in completions]),
            price_per_kwh=np.stack([done.price_per_kwh for done in completions], axis=-1),
            load_kw=np.stack(load, axis=-1),
        )

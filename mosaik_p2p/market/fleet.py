"""All prosumers of one clearing, in their own scales: powers by each one's size, prices by the largest offer."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mosaik_p2p.market.engines import Compiled, Engine
from mosaik_p2p.market.exclusive import exclusive
from mosaik_p2p.market.problem import MarketProblem, highest_price, power_scale
from mosaik_p2p.market.stock import Completions, with_replaced
from mosaik_p2p.market.subproblem import Subproblem
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
        self._engine: Engine = Compiled(problem.models, self.power_kw, self.price_scale)

    def weigh(self, weight: FloatArray) -> None:
        """Set the penalties, (C, N) money per kW^2."""
        self._engine.weigh(weight)

    def respond(self, target_kw: FloatArray) -> FloatArray:
        """Net sales (C, T, N) that answer the targets (C, T, N)."""
        return self._engine.respond(target_kw)

    def complete(self, sale_kw: FloatArray) -> Completions:
        """Everyone's dispatch for agreed net sales (C, T, N)."""
        return self._engine.complete(sale_kw)

    def dispatch(self, sale_kw: FloatArray) -> tuple[Completions, bool]:
        """Like `complete`, but no storage charges and discharges at once; says whether that had to be repaired."""
        done = self.complete(sale_kw)
        repaired = {}
        for i in self._both_ways(done):
            model, power_kw = self.problem.models[i], float(self.power_kw[i])
            now = done[i]
            for _ in range(model.horizon):
                narrowed = exclusive(model, now.x, power_kw=power_kw)
                if narrowed is None:
                    break
                model = narrowed
                now = Subproblem(model, power_kw=power_kw, price_per_kwh=self.price_scale).complete(sale_kw[:, :, i])
                repaired[i] = now
        return with_replaced(done, repaired), bool(repaired)

    def _both_ways(self, done: Completions) -> list[int]:
        """Prosumers with a storage that charges and discharges at once."""
        return [
            i
            for i, model in enumerate(self.problem.models)
            if model.storages and exclusive(model, done.x[i], power_kw=float(self.power_kw[i])) is not None
        ]

    def bound(self, price_per_kwh: FloatArray, *, tighten: bool = False) -> float:
        """Lower bound on the market's cost from closed node prices (C, T, N); `tighten` spends one more solve each."""
        if tighten:
            self._engine.tighten(price_per_kwh)
        return self._engine.bound(price_per_kwh)

    @cached_property
    def alone(self) -> Alone:
        """Everyone for itself, utility contracts only."""
        done = self.complete(np.zeros(self.problem.shape))
        return Alone(done.cost - done.penalty, done.price_per_kwh, done.load_kw)

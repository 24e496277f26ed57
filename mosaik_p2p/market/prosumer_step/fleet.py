"""All prosumers of one clearing, in their own scales: powers by each one's size, prices by the largest offer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mosaik_p2p.market.problem import PreparedProblem, highest_price, power_scale
from mosaik_p2p.market.prosumer_step.backends import Engine, engine_for
from mosaik_p2p.market.prosumer_step.completions import Completions, side_by_side, with_replaced
from mosaik_p2p.market.prosumer_step.contracts import offers
from mosaik_p2p.market.prosumer_step.direction_search import Memory, Scale, at_prices, directed, for_sales
from mosaik_p2p.market.prosumer_step.storage_direction import OVERLAP, exclusive, one_way_rows_of
from mosaik_p2p.market.prosumer_step.subproblem import Completion, Subproblem
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.table import KEPT
from mosaik_p2p.units import FloatArray, IntArray

WITHIN = 1e-5
"""Of a prosumer's size at the largest offer for an interval: what a search for directions leaves unsettled."""
TOGETHER = 20_000
"""Storages and meters that are looked at at a time."""


@dataclass(frozen=True)
class Alone:
    """What everyone would do without peers: cost (N,) money without imbalance, own prices and gross load (C, T, N)."""

    cost: FloatArray
    price_per_kwh: FloatArray
    load_kw: FloatArray


class Fleet:
    """The prosumers' side of the market."""

    def __init__(self, problem: PreparedProblem, *, alone: Alone | None = None) -> None:
        """`alone` where that is known from others than these problems.

        Raises TypeError where imbalances are not priced, or places' charges are not among the prosumers' costs.
        """
        if not isinstance(problem, PreparedProblem) or problem.place is not None:
            raise TypeError(
                "a market is cleared with imbalances priced and charges placed: see market.imbalance.solvable"
            )
        self.problem = problem
        self._alone = alone
        self.price_scale = highest_price(problem)
        self.power_kw = power_scale(problem)
        self._engine: Engine = engine_for(problem.table, self.power_kw, self.price_scale)

    def set_accuracy(self, relative_gap: float) -> None:
        """Steps need be no more exact than a clearing with this gap asks for."""
        self._engine.set_accuracy(relative_gap)

    def set_penalty(self, weight: FloatArray) -> None:
        """Set the penalties, (C, N) money per kW^2."""
        self._engine.set_penalty(weight)

    def proximal_step(self, target_kw: FloatArray) -> FloatArray:
        """Net sales (C, T, N) that answer the targets (C, T, N)."""
        return self._engine.proximal_step(target_kw)

    def dispatch_for_sales(self, sale_kw: FloatArray) -> Completions:
        """Everyone's dispatch for agreed net sales (C, T, N)."""
        return self._engine.dispatch_for_sales(sale_kw)

    def cost_for_sales(self, sale_kw: FloatArray) -> FloatArray:
        """(N,) what everyone's dispatch for agreed net sales (C, T, N) costs, money."""
        return self._engine.cost_for_sales(sale_kw)

    def one_way_dispatch(self, sale_kw: FloatArray) -> tuple[Completions, bool]:
        """Like `dispatch_for_sales`, but no storage charges and discharges at once.

        Says whether that had to be repaired.
        """
        done = self.dispatch_for_sales(sale_kw)
        repaired = {i: self._repaired(i, done[i], sale_kw[:, :, i]) for i in self._both_ways(done)}
        return with_replaced(done, repaired), bool(repaired)

    def _repaired(self, i: int, relaxed: Completion, sale_kw: FloatArray) -> Completion:
        """One prosumer's one-way dispatch: the cheaper of directions as they prevail, and as a search finds them."""
        model, power_kw = self.problem.models[i], float(self.power_kw[i])
        now, narrowed = relaxed, exclusive(model, relaxed.x, power_kw=power_kw)
        for _ in range(model.horizon):
            if narrowed is None:
                break
            now = self._completed(narrowed, power_kw, sale_kw)
            narrowed = exclusive(narrowed, now.x, power_kw=power_kw)
        within = WITHIN * power_kw * self.price_scale * model.dt_h
        if now.cost - relaxed.cost <= within:
            return now
        found = for_sales(model, sale_kw, Scale(power_kw, self.price_scale), within=within)
        searched = now if found is None else self._completed(replace(model, upper=found.upper), power_kw, sale_kw)
        return min(now, searched, key=lambda one: one.cost)

    def _completed(self, model: ProsumerModel, power_kw: float, sale_kw: FloatArray) -> Completion:
        return Subproblem(model, power_kw=power_kw, price_per_kwh=self.price_scale).dispatch_for_sales(sale_kw)

    def _both_ways(self, done: Completions) -> list[int]:
        """Prosumers with a storage, or a meter, that goes both ways at once."""
        owner, one, other = self._stores
        x, limits, both = side_by_side(done.x), OVERLAP * self.power_kw[owner], np.zeros(len(owner), dtype=np.bool_)
        for begin in range(0, len(owner), TOGETHER):
            some = slice(begin, begin + TOGETHER)
            power = np.minimum(x.of_rows(one[some]), x.of_rows(other[some]))
            both[some] = power.max(axis=1) > limits[some]
        found: list[int] = np.unique(owner[both]).tolist()
        return found

    @cached_property
    def _stores(self) -> tuple[IntArray, IntArray, IntArray]:
        """Prosumer, and rows of the table of charge and discharge, of everything that can do both."""
        return one_way_rows_of(self.problem.table)

    def one_way_at(
        self, price_per_kwh: FloatArray, memories: Sequence[Memory], *, within: float
    ) -> tuple[float, PreparedProblem]:
        """What going one way adds to the bound at prices (C, T, N), money; and the market with directions as they are
        best at these prices. `memories` are everyone's of this clearing, within whatever limits."""
        gain, models = 0.0, list(self.problem.models)
        for i in np.unique(self._stores[0]).tolist():
            scale = Scale(float(self.power_kw[i]), self.price_scale)
            found = at_prices(models[i], price_per_kwh[:, :, i], scale, memories[i], within=within)
            gain += sum(max(one.lower - one.relaxed, 0.0) for one in found if np.isfinite(one.relaxed))
            models[i] = directed(models[i], found) if found else models[i]
        return gain, replace(self.problem, models=tuple(models))

    def bound(self, price_per_kwh: FloatArray, *, improve: bool = False) -> float:
        """Lower bound on the market's cost from closed node prices (C, T, N); `improve` spends one more solve each."""
        return float(self.bounds(price_per_kwh, improve=improve).sum())

    def bounds(self, price_per_kwh: FloatArray, *, improve: bool = False) -> FloatArray:
        """(N,) money: what each one's cost less sales at prices (C, T, N) cannot undercut; see `bound`."""
        if improve:
            self._engine.improve_bound(price_per_kwh)
        return self._engine.bounds(price_per_kwh)

    @property
    def offers(self) -> tuple[FloatArray, FloatArray]:
        """Lowest import and highest export price of each prosumer, (C, T, N); infinite where there is none.

        Those of a large market are found anew: they would take as much room as the prices themselves.
        """
        if len(self.problem.table) > KEPT:
            return offers(self.problem.table)
        return self._offers

    @cached_property
    def _offers(self) -> tuple[FloatArray, FloatArray]:
        return offers(self.problem.table)

    @property
    def alone(self) -> Alone:
        """Everyone for itself, utility contracts only."""
        if self._alone is None:
            done, _ = self.one_way_dispatch(np.zeros(self.problem.shape))
            self._alone = Alone(done.cost - done.penalty, done.price_per_kwh, done.load_kw)
        return self._alone

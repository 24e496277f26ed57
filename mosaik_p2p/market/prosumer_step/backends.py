"""Two ways to solve everyone's problem, with one interface: the compiled kernel side by side, and PIQP one by one.

Markets of every size use the kernel: it is several times faster, and what a market comes to must not depend on whether
something happens to be compiled already. PIQP stands in for any single prosumer that the kernel cannot finish, and
tests hold the two against each other. Prosumers with a connection whose limits can bind are PIQP's alone: the kernel
has no place for such a row.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import numpy as np

from mosaik_p2p.market.iteration.scales import MANY
from mosaik_p2p.market.problem import imbalance_prices, is_penalty
from mosaik_p2p.market.prosumer_step.completions import Completions, Scales, collected, joined, told, with_replaced
from mosaik_p2p.market.prosumer_step.kernel.batch import (
    WARM_MU,
    Completed,
    bound_all,
    complete_all,
    fresh_points,
    pack,
    priced_all,
    solve_all,
)
from mosaik_p2p.market.prosumer_step.kernel.interior_point import FIXED, PRICED
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.market.prosumer_step.subproblem import FINAL_TOLERANCE, STEP_TOLERANCE, Completion, Subproblem
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.tabulating import table_of
from mosaik_p2p.units import FloatArray, IntArray

STEP_OF_GAP, LEAST_EXACT = 1e-3, 1e-6
"""A step's tolerance in units of the gap that a clearing asks for, and at the most: a step that is less exact takes an
iteration of its solver less, and the clearing of many prosumers none more. Fewer need one more now and then."""
COMPLETION_MU = 1e-3
"""Complementarity from which a completion starts: net sales move farther to it than from one step to the next."""
FIRST_MU = 1e-2
"""The same for the first step after a completion."""


class Engine(Protocol):
    """See `subproblem` for what the steps mean; arrays over prosumers have shape (C, T, N)."""

    def set_accuracy(self, relative_gap: float) -> None:
        """Steps need be no more exact than a clearing with this gap asks for."""

    def set_penalty(self, weight: FloatArray) -> None:
        """Set the penalties, (C, N) money per kW^2."""

    def proximal_step(self, target_kw: FloatArray) -> FloatArray:
        """Net sales that answer the targets; keeps the multipliers for `bounds`."""

    def dispatch_for_sales(self, sale_kw: FloatArray) -> Completions:
        """Everyone's dispatch for agreed net sales."""

    def cost_for_sales(self, sale_kw: FloatArray) -> FloatArray:
        """(N,) what these dispatches cost, money: no more is kept of them."""

    def bounds(self, price_per_kwh: FloatArray) -> FloatArray:
        """(N,) lower bounds on everyone's cost less sales at these prices, with the multipliers at hand."""

    def improve_bound(self, price_per_kwh: FloatArray) -> None:
        """Find the multipliers with which `bounds` are as high as they can be at these prices."""


class OneByOne:
    """PIQP for one prosumer after the other; the kernel for any single one that it cannot finish."""

    def set_accuracy(self, relative_gap: float) -> None:
        """See Engine; PIQP's steps are as exact for any gap."""

    def __init__(self, models: Sequence[ProsumerModel], power_kw: FloatArray, price_per_kwh: float) -> None:
        self._models, self._power, self._price = models, power_kw, price_per_kwh
        self._members = [
            Subproblem(model, power_kw=float(size), price_per_kwh=price_per_kwh)
            for model, size in zip(models, power_kw, strict=True)
        ]

    def set_penalty(self, weight: FloatArray) -> None:
        """See Engine."""
        self._weights = weight
        for i, member in enumerate(self._members):
            member.set_penalty(weight[:, i])

    def proximal_step(self, target_kw: FloatArray) -> FloatArray:
        """See Engine."""
        return np.stack([self._respond(i, target_kw[:, :, i]) for i in range(len(self._members))], axis=-1)

    def _respond(self, i: int, target_kw: FloatArray) -> FloatArray:
        try:
            return self._members[i].proximal_step(target_kw)
        except NotSolved:
            other = self._fallback(i)
            other.set_penalty(self._weights[:, i : i + 1])
            sale: FloatArray = other.proximal_step(target_kw[:, :, None])[:, :, 0]
            return sale

    def dispatch_for_sales(self, sale_kw: FloatArray) -> Completions:
        """See Engine."""
        return collected(self._models, [self._complete(i, sale_kw[:, :, i]) for i in range(len(self._members))])

    def cost_for_sales(self, sale_kw: FloatArray) -> FloatArray:
        """See Engine."""
        return self.dispatch_for_sales(sale_kw).cost

    def _complete(self, i: int, sale_kw: FloatArray) -> Completion:
        try:
            return self._members[i].dispatch_for_sales(sale_kw)
        except NotSolved:
            return self._fallback(i).dispatch_for_sales(sale_kw[:, :, None])[0]

    def _fallback(self, i: int) -> "Compiled":
        """Raises NotSolved where the kernel does not know the problem."""
        if self._models[i].connections:
            raise NotSolved(f"PIQP finds no solution for prosumer {self._models[i].name!r} and its connection")
        return Compiled(self._models[i : i + 1], self._power[i : i + 1], self._price)

    def bounds(self, price_per_kwh: FloatArray) -> FloatArray:
        """See Engine."""
        return np.array([member.bound(price_per_kwh[:, :, i]) for i, member in enumerate(self._members)])

    def improve_bound(self, price_per_kwh: FloatArray) -> None:
        """See Engine."""
        for i, member in enumerate(self._members):
            # Where there is no finite optimum, the multipliers at hand still give a valid bound.
            with suppress(NotSolved):
                member.improve_bound(price_per_kwh[:, :, i])


class Mixed:
    """The kernel for most prosumers, PIQP for those whose connection has limits."""

    def __init__(self, models: Sequence[ProsumerModel], power_kw: FloatArray, price_per_kwh: float) -> None:
        held = np.zeros(len(models), dtype=bool)
        held[list(table_of(models).connections)] = True
        self._count = len(models)
        self._parts: list[tuple[IntArray, Engine]] = [
            (who, kind([models[i] for i in who.tolist()], power_kw[who], price_per_kwh))
            for kind, who in ((Compiled, np.flatnonzero(~held)), (OneByOne, np.flatnonzero(held)))
            if len(who)
        ]

    def set_accuracy(self, relative_gap: float) -> None:
        """See Engine."""
        for _, engine in self._parts:
            engine.set_accuracy(relative_gap)

    def set_penalty(self, weight: FloatArray) -> None:
        """See Engine."""
        for who, engine in self._parts:
            engine.set_penalty(weight[:, who])

    def proximal_step(self, target_kw: FloatArray) -> FloatArray:
        """See Engine."""
        sale = np.empty_like(target_kw)
        for who, engine in self._parts:
            sale[:, :, who] = engine.proximal_step(target_kw[:, :, who])
        return sale

    def dispatch_for_sales(self, sale_kw: FloatArray) -> Completions:
        """See Engine."""
        return joined(
            self._count, [(who, engine.dispatch_for_sales(sale_kw[:, :, who])) for who, engine in self._parts]
        )

    def cost_for_sales(self, sale_kw: FloatArray) -> FloatArray:
        """See Engine."""
        result = np.empty(self._count)
        for who, engine in self._parts:
            result[who] = engine.cost_for_sales(sale_kw[:, :, who])
        return result

    def bounds(self, price_per_kwh: FloatArray) -> FloatArray:
        """See Engine."""
        result = np.empty(self._count)
        for who, engine in self._parts:
            result[who] = engine.bounds(price_per_kwh[:, :, who])
        return result

    def improve_bound(self, price_per_kwh: FloatArray) -> None:
        """See Engine."""
        for who, engine in self._parts:
            engine.improve_bound(price_per_kwh[:, :, who])


def engine_for(models: Sequence[ProsumerModel], power_kw: FloatArray, price_per_kwh: float) -> Engine:
    """The engine that these problems need."""
    kind = Mixed if table_of(models).connections else Compiled
    return kind(models, power_kw, price_per_kwh)


class Compiled:
    """The kernel of `interior_point` for all prosumers side by side; PIQP for any single one that it cannot finish."""

    def __init__(self, models: Sequence[ProsumerModel], power_kw: FloatArray, price_per_kwh: float) -> None:
        table = table_of(models)
        self._models, self._power, self._price = table, power_kw, price_per_kwh
        self._scales = Scales(power_kw, power_kw * price_per_kwh * table.dt_h, table.constant, price_per_kwh)
        self._problems = pack(table, power_kw, price_per_kwh)
        self._penalised = table.which([is_penalty(kind) for kind in table.kinds])
        self._ceiling = _in_its_room(imbalance_prices(table))
        self._steps = fresh_points(self._problems)
        self._multipliers = (self._steps.y, self._steps.v)
        self._mu, self._tolerance, self._cost_tolerance = WARM_MU, STEP_TOLERANCE, FINAL_TOLERANCE
        # What was answered last is asked for again when it is settled.
        self._completed_last: tuple[FloatArray, Completions] | None = None
        self._improved_last: FloatArray | None = None

    def set_accuracy(self, relative_gap: float) -> None:
        """See Engine."""
        asked = min(max(STEP_OF_GAP * relative_gap, STEP_TOLERANCE), LEAST_EXACT)
        if len(self._models) >= MANY:
            self._tolerance = self._cost_tolerance = asked

    def _fallback(self, i: int) -> Subproblem:
        return Subproblem(self._models[i], power_kw=float(self._power[i]), price_per_kwh=self._price)

    def set_penalty(self, weight: FloatArray) -> None:
        """See Engine."""
        self._weights = weight
        scaled = weight.T * (self._power**2 / self._scales.money)[:, None]
        self._scaled_weight = np.ascontiguousarray(np.where(self._models.member, scaled, FIXED))

    def proximal_step(self, target_kw: FloatArray) -> FloatArray:
        """See Engine."""
        target, sale = np.ascontiguousarray(target_kw), np.empty(target_kw.shape)
        done = solve_all(
            self._problems, self._steps, self._scaled_weight, target, sale, tolerance=self._tolerance, mu=self._mu
        )
        self._multipliers, self._mu, self._improved_last = (self._steps.y, self._steps.v), WARM_MU, None
        # Of dispatches that cost the same, the one nearest to the last step is told, and not one of before.
        self._completed_last = None
        for i in np.flatnonzero(done < 0):
            # Raises NotSolved where PIQP fails too.
            other = self._fallback(int(i))
            other.set_penalty(self._weights[:, i])
            sale[:, :, i] = other.proximal_step(target_kw[:, :, i])
        return sale

    def dispatch_for_sales(self, sale_kw: FloatArray) -> Completions:
        """See Engine."""
        if self._completed_last is not None and np.array_equal(self._completed_last[0], sale_kw):
            return self._completed_last[1]
        done, other = self._completed(sale_kw, cost_only=False)
        found = with_replaced(told(self._problems, done, self._scales), other)
        self._completed_last = (sale_kw.copy(), found) if len(self._models) < MANY else None
        return found

    def cost_for_sales(self, sale_kw: FloatArray) -> FloatArray:
        """See Engine. Of few, whose cost is as exact, all of their dispatches is found."""
        if len(self._models) < MANY:
            return self.dispatch_for_sales(sale_kw).cost
        done, other = self._completed(sale_kw, cost_only=True)
        cost: FloatArray = done.money[0] * self._scales.money + self._scales.constant
        for i, one in other.items():
            cost[i] = one.cost
        return cost

    def _completed(self, sale_kw: FloatArray, *, cost_only: bool) -> tuple[Completed, dict[int, Completion]]:
        """What the kernel has completed, and what PIQP has where that found nothing."""
        first = not self._steps.warm
        done = complete_all(
            self._problems,
            self._steps,
            np.ascontiguousarray(sale_kw),
            self._penalised,
            # A cost that only says when to stop errs upwards, by much less than the gap.
            tolerance=self._cost_tolerance if cost_only else FINAL_TOLERANCE,
            mu=COMPLETION_MU,
            cost_only=cost_only,
        )
        if first:
            # The first step starts from what everyone does alone.
            self._mu = FIRST_MU
        failed = np.flatnonzero(done.iterations < 0).tolist()
        return done, {i: self._fallback(i).dispatch_for_sales(sale_kw[:, :, i]) for i in failed}

    def bounds(self, price_per_kwh: FloatArray) -> FloatArray:
        """See Engine."""
        price = np.ascontiguousarray(price_per_kwh)
        scaled = bound_all(self._problems, *self._multipliers, price, self._ceiling)
        result: FloatArray = scaled * self._scales.money + self._scales.constant
        return result

    def improve_bound(self, price_per_kwh: FloatArray) -> None:
        """Everyone's own optimum at the prices, from where the last step ended."""
        if self._improved_last is not None and np.array_equal(self._improved_last, price_per_kwh):
            return
        self._improved_last = price_per_kwh.copy() if len(self._models) < MANY else None
        kind = np.ascontiguousarray(np.where(self._models.member, PRICED, FIXED))
        price = np.ascontiguousarray(price_per_kwh)
        self._multipliers = priced_all(
            self._problems, self._steps, kind, price, tolerance=self._tolerance, mu=COMPLETION_MU
        )


def _in_its_room(prices: FloatArray) -> FloatArray:
    """(C, T, N), or (C, 1, N) where all intervals are held once."""
    return np.ascontiguousarray(prices[:, :1] if prices.strides[1] == 0 else prices)

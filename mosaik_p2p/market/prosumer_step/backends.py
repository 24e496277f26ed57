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

from mosaik_p2p.market.problem import imbalance_prices, is_penalty
from mosaik_p2p.market.prosumer_step.completions import Completions, Scales, collected, evaluate, joined, with_replaced
from mosaik_p2p.market.prosumer_step.kernel.batch import WARM_MU, bound_all, forget, fresh_points, pack, solve_all
from mosaik_p2p.market.prosumer_step.kernel.interior_point import FIXED, PRICED
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.market.prosumer_step.subproblem import FINAL_TOLERANCE, STEP_TOLERANCE, Completion, Subproblem
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.units import FloatArray, IntArray

COMPLETION_MU = 1e-3
"""Complementarity from which a completion starts: net sales move farther to it than from one step to the next."""
FIRST_MU = 1e-2
"""The same for the first step after a completion."""


class Engine(Protocol):
    """See `subproblem` for what the steps mean; arrays over prosumers have shape (C, T, N)."""

    def set_penalty(self, weight: FloatArray) -> None:
        """Set the penalties, (C, N) money per kW^2."""

    def proximal_step(self, target_kw: FloatArray) -> FloatArray:
        """Net sales that answer the targets; keeps the multipliers for `bounds`."""

    def dispatch_for_sales(self, sale_kw: FloatArray) -> Completions:
        """Everyone's dispatch for agreed net sales."""

    def bounds(self, price_per_kwh: FloatArray) -> FloatArray:
        """(N,) lower bounds on everyone's cost less sales at these prices, with the multipliers at hand."""

    def improve_bound(self, price_per_kwh: FloatArray) -> None:
        """Find the multipliers with which `bounds` are as high as they can be at these prices."""


class OneByOne:
    """PIQP for one prosumer after the other; the kernel for any single one that it cannot finish."""

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
        held = np.array([bool(model.connections) for model in models])
        self._count = len(models)
        self._parts: list[tuple[IntArray, Engine]] = [
            (who, kind([models[i] for i in who.tolist()], power_kw[who], price_per_kwh))
            for kind, who in ((Compiled, np.flatnonzero(~held)), (OneByOne, np.flatnonzero(held)))
            if len(who)
        ]

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
    kind = Mixed if any(model.connections for model in models) else Compiled
    return kind(models, power_kw, price_per_kwh)


class Compiled:
    """The kernel of `interior` for all prosumers side by side; PIQP for any single one that it cannot finish."""

    def __init__(self, models: Sequence[ProsumerModel], power_kw: FloatArray, price_per_kwh: float) -> None:
        self._models, self._power, self._price = models, power_kw, price_per_kwh
        constant = np.array([model.constant for model in models])
        self._scales = Scales(power_kw, power_kw * price_per_kwh * models[0].dt_h, constant, price_per_kwh)
        self._member = np.array([model.member for model in models])
        self._problems = pack(models, power_kw, price_per_kwh)
        self._penalised = np.array([is_penalty(v) for model in models for v in model.variables], dtype=bool)
        self._ceiling = np.ascontiguousarray(imbalance_prices(models).transpose(2, 0, 1) / price_per_kwh)
        self._steps = fresh_points(self._problems)
        self._multipliers = self._steps
        self._mu = WARM_MU

    def _scaled(self, values_kw: FloatArray) -> FloatArray:
        """(C, T, N) in kW to (N, C, T) in everyone's own size."""
        return np.ascontiguousarray((values_kw / self._power).transpose(2, 0, 1))

    def _fallback(self, i: int) -> Subproblem:
        return Subproblem(self._models[i], power_kw=float(self._power[i]), price_per_kwh=self._price)

    def set_penalty(self, weight: FloatArray) -> None:
        """See Engine."""
        self._weights = weight
        scaled = weight.T * (self._power**2 / self._scales.money)[:, None]
        self._scaled_weight = np.where(self._member, scaled, FIXED)

    def proximal_step(self, target_kw: FloatArray) -> FloatArray:
        """See Engine."""
        target = np.where(self._member[:, :, None], self._scaled(target_kw), 0.0)
        done = solve_all(
            self._problems, self._steps, self._scaled_weight, target, tolerance=STEP_TOLERANCE, mu=self._mu
        )
        self._multipliers, self._mu = self._steps, WARM_MU
        sale: FloatArray = self._steps.s.transpose(1, 2, 0) * self._power
        for i in np.flatnonzero(done < 0):
            forget(self._problems, self._steps, int(i))
            # Raises NotSolved where PIQP fails too.
            other = self._fallback(int(i))
            other.set_penalty(self._weights[:, i])
            sale[:, :, i] = other.proximal_step(target_kw[:, :, i])
        return sale

    def dispatch_for_sales(self, sale_kw: FloatArray) -> Completions:
        """See Engine."""
        fixed = np.full(self._member.shape, FIXED)
        points = self._steps.copy()
        sale = self._scaled(sale_kw)
        done = solve_all(self._problems, points, fixed, sale, tolerance=FINAL_TOLERANCE, mu=COMPLETION_MU)
        other = {int(i): self._fallback(int(i)).dispatch_for_sales(sale_kw[:, :, i]) for i in np.flatnonzero(done < 0)}
        for i in other:
            forget(self._problems, points, i)
        if not self._steps.warm:
            # The first step starts from what everyone does alone.
            self._steps = self._multipliers = points.copy()
            self._mu = FIRST_MU
        return with_replaced(evaluate(self._problems, points, self._penalised, self._scales), other)

    def bounds(self, price_per_kwh: FloatArray) -> FloatArray:
        """See Engine."""
        price = np.ascontiguousarray(price_per_kwh.transpose(2, 0, 1) / self._price)
        scaled = bound_all(self._problems, self._multipliers, price, self._member, self._ceiling)
        result: FloatArray = scaled * self._scales.money + self._scales.constant
        return result

    def improve_bound(self, price_per_kwh: FloatArray) -> None:
        """Everyone's own optimum at the prices, from where the last step ended."""
        price = np.ascontiguousarray(price_per_kwh.transpose(2, 0, 1) / self._price)
        asked = np.where(self._member[:, :, None], price, 0.0)
        kind = np.where(self._member, PRICED, FIXED)
        points = self._steps.copy()
        done = solve_all(self._problems, points, kind, asked, tolerance=STEP_TOLERANCE, mu=COMPLETION_MU)
        for i in np.flatnonzero(done < 0):
            # Any multipliers give a valid bound; nothing is better than what the kernel has spoilt.
            forget(self._problems, points, int(i))
        self._multipliers = points.multipliers()

"""Two ways to solve everyone's problem, with one interface: PIQP one by one, and the compiled kernel side by side.

PIQP needs nothing compiled, which is what a first run with a handful of prosumers wants; the kernel costs a quarter of
a minute of compiling once and is several times faster from then on. Tests hold them against each other.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

import numpy as np

from mosaik_p2p.market.batch import Points, Problems, bound_all, fresh_points, pack, solve_all
from mosaik_p2p.market.quadratic import NotSolved
from mosaik_p2p.market.subproblem import FINAL_TOLERANCE, STEP_TOLERANCE, Completion, Subproblem, completion
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.units import FloatArray


class Engine(Protocol):
    """See `subproblem` for what the steps mean; arrays over prosumers have shape (C, T, N)."""

    def weigh(self, weight: FloatArray) -> None:
        """Set the penalties, (C, N) money per kW^2."""

    def respond(self, target_kw: FloatArray) -> FloatArray:
        """Net sales that answer the targets; keeps the multipliers for `bound`."""

    def complete(self, sale_kw: FloatArray) -> list[Completion]:
        """Everyone's dispatch for agreed net sales."""

    def bound(self, price_per_kwh: FloatArray) -> float:
        """Lower bound on the sum of cost less sales at these prices, with the multipliers at hand."""

    def tighten(self, price_per_kwh: FloatArray) -> None:
        """Find the multipliers with which `bound` is as high as it can be at these prices."""


class OneByOne:
    """PIQP for one prosumer after the other; the kernel for any single one that it cannot finish."""

    def __init__(self, models: Sequence[ProsumerModel], power_kw: FloatArray, price_per_kwh: float) -> None:
        self._models, self._power, self._price = models, power_kw, price_per_kwh
        self._members = [
            Subproblem(model, power_kw=float(size), price_per_kwh=price_per_kwh)
            for model, size in zip(models, power_kw, strict=True)
        ]

    def weigh(self, weight: FloatArray) -> None:
        """See Engine."""
        self._weights = weight
        for i, member in enumerate(self._members):
            member.weigh(weight[:, i])

    def respond(self, target_kw: FloatArray) -> FloatArray:
        """See Engine."""
        return np.stack([self._respond(i, target_kw[:, :, i]) for i in range(len(self._members))], axis=-1)

    def _respond(self, i: int, target_kw: FloatArray) -> FloatArray:
        try:
            return self._members[i].respond(target_kw)
        except NotSolved:
            other = self._fallback(i)
            other.weigh(self._weights[:, i : i + 1])
            sale: FloatArray = other.respond(target_kw[:, :, None])[:, :, 0]
            return sale

    def complete(self, sale_kw: FloatArray) -> list[Completion]:
        """See Engine."""
        return [self._complete(i, sale_kw[:, :, i]) for i in range(len(self._members))]

    def _complete(self, i: int, sale_kw: FloatArray) -> Completion:
        try:
            return self._members[i].complete(sale_kw)
        except NotSolved:
            return self._fallback(i).complete(sale_kw[:, :, None])[0]

    def _fallback(self, i: int) -> "Compiled":
        return Compiled(self._models[i : i + 1], self._power[i : i + 1], self._price)

    def bound(self, price_per_kwh: FloatArray) -> float:
        """See Engine."""
        return sum(member.bound(price_per_kwh[:, :, i]) for i, member in enumerate(self._members))

    def tighten(self, price_per_kwh: FloatArray) -> None:
        """See Engine."""
        for i, member in enumerate(self._members):
            # Where there is no finite optimum, the multipliers at hand still give a valid bound.
            with suppress(NotSolved):
                member.tighten(price_per_kwh[:, :, i])


class Compiled:
    """The kernel of `interior` for all prosumers side by side; PIQP for any single one that it cannot finish."""

    def __init__(self, models: Sequence[ProsumerModel], power_kw: FloatArray, price_per_kwh: float) -> None:
        self._models, self._power, self._price = models, power_kw, price_per_kwh
        self._money = power_kw * price_per_kwh * models[0].dt_h
        self._constant = sum(model.constant for model in models)
        self._member = np.array([model.member for model in models])
        self._problems = pack(models, power_kw, price_per_kwh)
        self._steps, self._ends = fresh_points(self._problems), fresh_points(self._problems)
        self._multipliers = self._steps

    def _scaled(self, values_kw: FloatArray) -> FloatArray:
        """(C, T, N) in kW to (N, C, T) in everyone's own size."""
        return np.ascontiguousarray(values_kw.transpose(2, 0, 1) / self._power[:, None, None])

    def _fallback(self, i: int) -> Subproblem:
        return Subproblem(self._models[i], power_kw=float(self._power[i]), price_per_kwh=self._price)

    def weigh(self, weight: FloatArray) -> None:
        """See Engine."""
        self._weights = weight
        scaled = weight.T * (self._power**2 / self._money)[:, None]
        self._scaled_weight = np.where(self._member, scaled, -1.0)

    def respond(self, target_kw: FloatArray) -> FloatArray:
        """See Engine."""
        target = np.where(self._member[:, :, None], self._scaled(target_kw), 0.0)
        done = solve_all(self._problems, self._steps, self._scaled_weight, target, tolerance=STEP_TOLERANCE)
        self._multipliers = self._steps
        sale: FloatArray = (self._steps.s * self._power[:, None, None]).transpose(1, 2, 0)
        for i in np.flatnonzero(done < 0):
            _forget(self._problems, self._steps, int(i))
            # Raises NotSolved where PIQP fails too.
            other = self._fallback(int(i))
            other.weigh(self._weights[:, i])
            sale[:, :, i] = other.respond(target_kw[:, :, i])
        return sale

    def complete(self, sale_kw: FloatArray) -> list[Completion]:
        """See Engine."""
        fixed = np.full(self._member.shape, -1.0)
        self._ends.warm = False
        done = solve_all(self._problems, self._ends, fixed, self._scaled(sale_kw), tolerance=FINAL_TOLERANCE)
        return [
            self._completion(i) if done[i] >= 0 else self._fallback(i).complete(sale_kw[:, :, i])
            for i in range(len(self._models))
        ]

    def _completion(self, i: int) -> Completion:
        rows = slice(self._problems.first[i], self._problems.first[i + 1])
        balances = 2 * i + self._problems.first_storage[i]
        price = self._ends.y[balances : balances + 2] * self._price
        return completion(self._models[i], self._ends.x[rows] * self._power[i], price)

    def bound(self, price_per_kwh: FloatArray) -> float:
        """See Engine."""
        price = np.ascontiguousarray(price_per_kwh.transpose(2, 0, 1) / self._price)
        bounds = bound_all(self._problems, self._multipliers, price, self._member)
        return float(bounds @ self._money + self._constant)

    def tighten(self, price_per_kwh: FloatArray) -> None:
        """Everyone's own optimum at the prices: sales, which earn them, drop out of the balances of traded carriers."""
        price = np.ascontiguousarray(price_per_kwh.transpose(2, 0, 1) / self._price)
        owner = np.repeat(np.arange(len(self._models)), np.diff(self._problems.first))
        traded = self._member[owner][:, :, None]
        earned = np.sum(np.where(traded, self._problems.balance * price[owner], 0.0), axis=1)
        apart = replace(
            self._problems,
            linear=self._problems.linear - earned,
            balance=np.where(traded, 0.0, self._problems.balance),
            fixed=np.where(self._member[:, :, None], 0.0, self._problems.fixed),
        )
        points = fresh_points(apart)
        done = solve_all(apart, points, np.full(self._member.shape, -1.0), points.s.copy(), tolerance=STEP_TOLERANCE)
        for i in np.flatnonzero(done < 0):
            # Any multipliers give a valid bound; nothing is better than what the kernel has spoilt.
            _forget(apart, points, int(i))
        self._multipliers = points


def _forget(problems: Problems, points: Points, i: int) -> None:
    """Set a point that the kernel has spoilt back to nothing."""
    storages = slice(problems.first_storage[i], problems.first_storage[i + 1])
    rows = slice(problems.first[i], problems.first[i + 1])
    points.x[rows] = points.zl[rows] = points.zu[rows] = 0.0
    points.s[i] = 0.0
    points.y[2 * i + storages.start : 2 * (i + 1) + storages.stop] = 0.0
    points.v[problems.first_total[i] : problems.first_total[i + 1]] = 0.0

"""Which way a store goes: one prosumer's own problem without charging and discharging at once, solved to its end.

A branch-and-bound search over the directions of the intervals in which the relaxed problem goes both ways. In every
interval charge and discharge share their limits, ch/most_ch + dis/most_dis <= 1, which is the tightest relaxation that
one interval has (a disjunction of two segments; Balas 1985). Bounds are those of weak duality, whatever the solver's
tolerance; the search ends early at `MOST_NODES`, and then bounds less tightly.

Asked at prices, what shares no balance falls apart: each store with what it depends on is searched for itself.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp

from mosaik_p2p.market.problem import UNLIMITED
from mosaik_p2p.market.prosumer_step.qp_solver import DiagonalProgram, NoPoint, NotSolved
from mosaik_p2p.market.prosumer_step.storage_direction import OVERLAP, meter_rows, one_way_rows
from mosaik_p2p.market.prosumer_step.subproblem import STEP_TOLERANCE, balance_rows
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.units import FloatArray, IntArray

MOST_NODES = 300
"""Nodes that one search may look at; each is solved twice, as it is and with its directions rounded."""


@dataclass(frozen=True)
class Scale:
    """What powers and prices of a programme are measured in."""

    power_kw: float
    price_per_kwh: float


@dataclass(frozen=True)
class Found:
    """What a search came to, money: no one-way dispatch costs less than `lower`, the relaxed one costs `relaxed`.

    `upper` (K, T) are the limits with every store's direction fixed as in the best dispatch found.
    """

    lower: float
    relaxed: float
    upper: FloatArray


Memory: TypeAlias = dict[tuple[object, ...], Found | None]
"""What searches came to, by all that they depend on in one prosumer's model."""


def at_prices(
    model: ProsumerModel, price_per_kwh: FloatArray, scale: Scale, memory: Memory, *, within: float
) -> list[Found]:
    """What each store of `model` can do at best where net sales earn `price_per_kwh` (C, T), to `within` money.

    Only stores that would go both ways are told. `memory` is of this prosumer, within whatever limits: one clearing
    asks for the same again, as prices that keep to the offers are tried twice and most half-markets change others.
    """
    traded = np.array(model.member)
    earned = np.einsum("ckt,ct->kt", model.balance * traded[:, None, None], price_per_kwh)
    priced = replace(model, linear=model.linear - earned)
    own = np.flatnonzero(~traded)

    def searched(part: IntArray) -> Found | None:
        key = (part.tobytes(), model.upper[part].tobytes(), priced.linear[part].tobytes(), scale, within)
        if key not in memory:
            memory[key] = _Search(priced, part, own, model.fixed, scale).run(within)
        return memory[key]

    return [found for part in _parts(model, own) if (found := searched(part)) is not None]


def for_sales(model: ProsumerModel, sale_kw: FloatArray, scale: Scale, *, within: float) -> Found | None:
    """The cheapest one-way dispatch of `model` that sells `sale_kw` (C, T); None where the relaxed one is one."""
    everything = np.arange(len(model.variables))
    touched = model.balance.any(axis=(1, 2)) | model.fixed.any(axis=1) | np.array(model.member)
    return _Search(model, everything, np.flatnonzero(touched), model.fixed + sale_kw, scale).run(within)


def _parts(model: ProsumerModel, carriers: IntArray) -> list[IntArray]:
    """Variables that depend on each other through these carriers or through a store, for every part with a store."""
    label = np.arange(len(model.variables))
    together = [np.flatnonzero(model.balance[c].any(axis=1)) for c in carriers]
    together += [np.array([storage.level, *(k for k, _ in storage.withdrawal)]) for storage in model.storages]
    together += [np.array(pair) for pair in meter_rows(model)]
    together += [np.append(np.flatnonzero(model.balance[one.c].any(axis=1)), one.k) for one in model.connections]
    for group in together:
        label[np.isin(label, label[group])] = label[group].min(initial=len(label))
    stored = np.unique(label[[pair[0] for pair in one_way_rows(model)]])
    return [np.flatnonzero(label == one) for one in stored]


@dataclass(frozen=True)
class _Node:
    """A programme's scaled cost, a bound on it, its point and the limits that it was solved within."""

    value: float
    bound: float
    x: FloatArray
    upper: FloatArray


def _pairs(model: ProsumerModel, variables: IntArray, upper: FloatArray) -> IntArray:
    """(P, 2): columns of charge and discharge, of every store and interval in which both are open."""
    horizon, position = model.horizon, {int(k): n for n, k in enumerate(variables)}
    rows = [(position[a], position[b]) for a, b in one_way_rows(model) if a in position]
    columns = np.array(rows, dtype=np.int64).reshape(-1, 1, 2) * horizon + np.arange(horizon)[:, None]
    flat: IntArray = columns.reshape(-1, 2)
    return flat[(upper[flat] > 0.0).all(axis=1)]


def _own_equations(model: ProsumerModel, variables: IntArray) -> tuple[sp.csr_array, FloatArray]:
    """Storages and totals of these variables alone."""
    matrix, right = model.equations
    columns = (variables[:, None] * model.horizon + np.arange(model.horizon)).ravel()
    own = sp.csr_array(matrix[:, columns])
    kept = np.flatnonzero(np.diff(own.indptr) > 0)
    return sp.csr_array(own[kept]), right[kept]


class _Search:
    """The programme of some of a prosumer's variables, and the search in it; all scaled."""

    def __init__(
        self, model: ProsumerModel, variables: IntArray, carriers: IntArray, fixed_kw: FloatArray, scale: Scale
    ) -> None:
        self._model, self._variables = model, variables
        power, price = scale.power_kw, scale.price_per_kwh
        self._money = power * price * model.dt_h
        upper = np.minimum(model.upper[variables] / power, UNLIMITED).ravel()
        self._pairs = _pairs(model, variables, upper)
        none = np.zeros(len(self._pairs))
        self._quadratic = np.concatenate([model.quadratic[variables].ravel() * power / price, none])
        self._linear = np.concatenate([model.linear[variables].ravel() / price, none])
        self._lower = np.concatenate([model.lower[variables].ravel() / power, none])
        self._upper = np.concatenate([upper, none + 1.0])
        rows, owed = _own_equations(model, variables)
        rows = sp.vstack([balance_rows(model.balance[np.ix_(carriers, variables)]), rows])
        at, ends = np.arange(len(none)), self._pairs.ravel()
        shares = sp.csr_array((1.0 / upper[ends], (np.repeat(at, 2), ends)), shape=(len(none), upper.size))
        above: Any = sp.hstack([rows, sp.csr_array((rows.shape[0], len(none)))])
        below: Any = sp.hstack([shares, sp.eye_array(len(none))])
        self._matrix: Any = sp.csc_array(sp.vstack([above, below]))
        self._alone: Any = sp.csc_array(above)
        self._transposed: Any = self._matrix.T
        self._rhs = np.concatenate([fixed_kw[carriers].ravel() / power, owed / power, none + 1.0])

    def run(self, within: float) -> Found | None:
        """Search until the best dispatch is known to `within` money; None where the relaxed one goes one way."""
        if not len(self._pairs):
            return None
        free = self._attempted(self._upper, sharing=False)
        if free is not None and self._both(free.x).max() <= OVERLAP:
            return None
        relaxed = -np.inf if free is None else free.value
        best, closed = _Node(np.inf, -np.inf, np.zeros(0), self._upper), np.inf
        waiting: list[tuple[float, int, FloatArray]] = [(-np.inf, 0, self._upper)]
        tried: set[bytes] = set()
        for number in range(1, MOST_NODES):
            if not waiting or waiting[0][0] >= best.value - within / self._money:
                break
            above, _, upper = heapq.heappop(waiting)
            try:
                node = self._solved(upper)
            except NoPoint:
                # It needs no bound.
                continue
            except NotSolved:
                # It may have a point, of which only its parent's bound is known.
                closed = min(closed, above)
                continue
            bound = max(node.bound, above)
            both = self._both(node.x)
            rounded = self._rounded(node, tried)
            best = min((best, node if both.max() <= OVERLAP else best, rounded or best), key=lambda one: one.value)
            if both.max() <= OVERLAP:
                closed = min(closed, bound)
                continue
            for side, column in enumerate(self._pairs[int(both.argmax())]):
                narrowed = upper.copy()
                narrowed[column] = 0.0
                heapq.heappush(waiting, (bound, 2 * number + side, narrowed))
        lower = min([closed, best.value, *(entry[0] for entry in waiting)])
        if not np.isfinite(best.value):
            return None
        return Found(lower * self._money, relaxed * self._money, self._whole(self._directed(best)))

    def _both(self, x: FloatArray) -> FloatArray:
        """By pair and interval: what goes both ways."""
        result: FloatArray = x[self._pairs].min(axis=1)
        return result

    def _rounded(self, node: "_Node", tried: set[bytes]) -> "_Node | None":
        """The node with every direction as it prevails; None where there is no point, or these have been tried."""
        upper = self._directed(node)
        if (directions := upper.tobytes()) in tried:
            return None
        tried.add(directions)
        return self._attempted(upper)

    def _directed(self, node: "_Node") -> FloatArray:
        """The node's limits with every direction as it prevails in it."""
        result = node.upper.copy()
        charges = node.x[self._pairs[:, 0]] >= node.x[self._pairs[:, 1]]
        result[np.where(charges, self._pairs[:, 1], self._pairs[:, 0])] = 0.0
        return result

    def _whole(self, upper: FloatArray) -> FloatArray:
        """(K, T) limits in kW: those that the search closed are zero."""
        result = self._model.upper.copy()
        own = upper[: len(self._variables) * self._model.horizon].reshape(len(self._variables), -1)
        given = self._upper[: own.size].reshape(own.shape)
        result[self._variables] = np.where(own < given, 0.0, result[self._variables])
        return result

    def _attempted(self, upper: FloatArray, *, sharing: bool = True) -> "_Node | None":
        try:
            return self._solved(upper, sharing=sharing)
        except NotSolved:
            return None

    def _solved(self, upper: FloatArray, *, sharing: bool = True) -> "_Node":
        """The programme within these limits; raises NotSolved where no point is found."""
        programme = DiagonalProgram(
            quadratic=self._quadratic,
            linear=self._linear,
            matrix=self._matrix if sharing else self._alone,
            rhs=self._rhs if sharing else self._rhs[: self._alone.shape[0]],
            lower=self._lower,
            upper=upper,
            tolerance=STEP_TOLERANCE,
        )
        found = programme.solve()
        value = float((0.5 * self._quadratic * found.x + self._linear) @ found.x)
        bound = self._dual(found.y, upper) if sharing else -np.inf
        return _Node(value, bound, found.x, upper)

    def _dual(self, y: FloatArray, upper: FloatArray) -> float:
        """Weak duality: the value of multipliers `y`, any of which are valid."""
        slope = self._linear - self._transposed @ y
        best = np.where(slope >= 0.0, self._lower, upper)
        curved = self._quadratic > 0.0
        best[curved] = np.clip(-slope[curved] / self._quadratic[curved], self._lower[curved], upper[curved])
        return float(np.sum((0.5 * self._quadratic * best + slope) * best) + y @ self._rhs)


def directed(model: ProsumerModel, found: Sequence[Found]) -> ProsumerModel:
    """The model with directions fixed as found."""
    upper = model.upper.copy()
    for one in found:
        upper = np.minimum(upper, one.upper)
    return replace(model, upper=upper)

"""All prosumers' problems solved side by side. Threads share the prosumers; each result depends on its own prosumer
only, so that their number changes nothing. Arrays over prosumers have shape (C, T, N), as everywhere in the market."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from mosaik_p2p.jit.threads import shared
from mosaik_p2p.market.prosumer_step.kernel.interior_point import FIXED
from mosaik_p2p.market.prosumer_step.kernel.loops import bound_range, solve_range
from mosaik_p2p.market.prosumer_step.kernel.problems import Points, Problems, fresh_points, pack
from mosaik_p2p.units import BoolArray, FloatArray, IntArray

__all__ = ["Points", "Problems", "bound_all", "complete_all", "fresh_points", "pack", "priced_all", "solve_all"]

WARM_MU = 3e-5
"""Complementarity to which a warm start is pushed off its bounds."""
COLD_MU = 100.0
"""The same where nothing was solved before: of the order of the scarcity price (scaled, times a size), by which the
multipliers of all bounds are apart at the solution. From 0.1 on it took twice the iterations."""
FEW = 32
"""Fewer prosumers than this are solved before a thread would have begun."""


@dataclass(frozen=True)
class Completed:
    """What came out of a completion, in kW and kWh: `money` (3, N) of everything, of what is penalised, both scaled,
    and the energy by which storages and totals are missed; the others may be empty where they were not asked for."""

    iterations: IntArray
    money: FloatArray
    x: FloatArray
    """(R, T)."""
    surplus_kw: FloatArray
    """(C, T, N), like the following."""
    load_kw: FloatArray
    price_per_kwh: FloatArray


def solve_all(
    problems: Problems,
    points: Points,
    weight: FloatArray,
    target_kw: FloatArray,
    sale_kw: FloatArray,
    *,
    tolerance: float,
    mu: float = WARM_MU,
) -> IntArray:
    """Solve everyone for `target_kw` (C, T, N) at `weight` (N, C), scaled, with net sales into `sale_kw` (C, T, N);
    iterations (N,), negative where there is no solution: there the point is set back to nothing.

    Where the points are warm they are pushed off their bounds to complementarity `mu`.
    """
    iterations = np.zeros(len(problems.power_kw), dtype=np.int64)
    start = mu if points.warm else COLD_MU

    out = _Out(sale_kw=sale_kw)
    _shared(problems, points, (weight, target_kw, points.warm, start, tolerance), iterations, out, keeps=True)
    points.warm = True
    return iterations


def priced_all(
    problems: Problems, points: Points, kind: FloatArray, price_per_kwh: FloatArray, *, tolerance: float, mu: float
) -> tuple[FloatArray, FloatArray]:
    """The multipliers `y` and `v` (see `Points`) of everyone's optimum at prices (C, T, N), from where the points are,
    which stay as they are; `kind` (N, C) is PRICED, or FIXED at no sales.

    Any multipliers give a valid bound: where there is no solution they are nothing.
    """
    out = _Out(y=np.zeros_like(points.y), v=np.zeros_like(points.v))
    iterations = np.zeros(len(problems.power_kw), dtype=np.int64)
    _shared(problems, points, (kind, price_per_kwh, points.warm, mu, tolerance), iterations, out, keeps=False)
    return out.y, out.v


def complete_all(
    problems: Problems,
    points: Points,
    sale_kw: FloatArray,
    penalised: BoolArray,
    *,
    tolerance: float,
    mu: float,
    cost_only: bool,
) -> Completed:
    """Everyone's cheapest dispatch for net sales (C, T, N), rounded into its limits; `penalised` (R,) says which rows
    are penalties. Begins from the points and leaves them, unless nothing was solved before: then they are set."""
    count, rows = len(problems.power_kw), len(problems.table.owner)
    horizon, shape = sale_kw.shape[1], sale_kw.shape
    iterations, out = np.zeros(count, dtype=np.int64), _Out(money=np.zeros((3, count)), penalised=penalised)
    if not cost_only:
        surplus, load, price = (np.empty(shape) for _ in range(3))
        out = replace(out, x_kw=np.empty((rows, horizon)), surplus_kw=surplus, load_kw=load, price=price)
    start, warm = (mu if points.warm else COLD_MU), points.warm
    fixed = np.full((count, 2), FIXED)
    _shared(problems, points, (fixed, sale_kw, warm, start, tolerance), iterations, out, keeps=not warm)
    points.warm = True
    return Completed(iterations, out.money, out.x_kw, out.surplus_kw, out.load_kw, out.price)


def _empty(*shape: int) -> Callable[[], FloatArray]:
    return lambda: np.empty(shape)


@dataclass(frozen=True)
class _Out:
    """Where the compiled loop leaves what is asked of it: what is empty is not."""

    sale_kw: FloatArray = field(default_factory=_empty(0, 0, 0))
    y: FloatArray = field(default_factory=_empty(0, 0))
    v: FloatArray = field(default_factory=_empty(0))
    money: FloatArray = field(default_factory=_empty(0, 0))
    penalised: BoolArray = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    x_kw: FloatArray = field(default_factory=_empty(0, 0))
    surplus_kw: FloatArray = field(default_factory=_empty(0, 0, 0))
    load_kw: FloatArray = field(default_factory=_empty(0, 0, 0))
    price: FloatArray = field(default_factory=_empty(0, 0, 0))

    @property
    def arrays(self) -> tuple[Any, ...]:
        """In the order in which the compiled loop takes them."""
        return tuple(getattr(self, entry.name) for entry in fields(self))


def _shared(
    problems: Problems,
    points: Points,
    asked: tuple[FloatArray, FloatArray, bool, float, float],
    iterations: IntArray,
    out: _Out,
    *,
    keeps: bool,
) -> None:
    """Solve everyone as `asked` (weights, targets, whether warm, first complementarity, tolerance); `keeps`: the points
    are where the solvers end."""

    def part(begin: int, end: int) -> None:
        solve_range(
            begin, end, problems.arrays, points.arrays, *asked, keeps, problems.table.dt_h, iterations, out.arrays
        )  # fmt: skip

    shared(part, len(iterations), few=FEW)


def bound_all(
    problems: Problems, y: FloatArray, v: FloatArray, price_per_kwh: FloatArray, ceiling_per_kwh: FloatArray
) -> FloatArray:
    """(N,) bounds at prices (C, T, N); where not a member, one's own multipliers count.

    Prices of either kind are taken within the `ceiling_per_kwh` (C, T, N), or (C, 1, N) where all intervals are alike,
    at which an imbalance can be had without limit.
    """
    bounds = np.zeros(len(problems.power_kw))
    member = problems.table.member

    def part(begin: int, end: int) -> None:
        bound_range(begin, end, problems.arrays, y, v, price_per_kwh, member, ceiling_per_kwh, bounds)

    shared(part, len(bounds), few=FEW)
    return bounds

"""A cleared plain market recomputed by another road: Clarabel on a central programme, from the two tables alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import clarabel
import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from fuzz.findings import Finding

Vector = npt.NDArray[np.float64]

TOLERANCE = 1e-6
"""Of the scale of the gap: what two solvers may differ by. The gaps asked for are a hundred times as large."""
NOTHING_KW = 1e-3
"""What costs less than so much power is below the rounding of the solver."""
WORTHLESS = 2e-3
"""Of what flows at the middle offer: a market that costs less is judged by another scale (docs/forms.md)."""
FAR = 10.0
"""In the largest power that flows: limits beyond it are drawn near."""
BALANCE = 1e-6
"""Of the largest power."""


class Unsolved(Exception):
    """Clarabel has no answer; then there is nothing to compare with."""


@dataclass(frozen=True)
class Programme:
    """Minimise sum of a/2 x^2 + b x subject to equations and bounds."""

    a: Vector
    b: Vector
    equations: sp.csc_matrix
    rhs: Vector
    lower: Vector
    upper: Vector

    def minimum(self) -> float:
        """The least cost. Raises Unsolved.

        Limits far beyond what flows leave the solver few digits of it; so it is solved once more with them near by.
        """
        if not len(self.a):
            return 0.0
        x = self._solution()
        near = FAR * float(np.abs(x).max(initial=0.0))
        narrowed = replace(self, lower=np.clip(self.lower, -near, None), upper=np.clip(self.upper, None, near))
        if near and (narrowed.lower <= narrowed.upper).all():
            closer = narrowed._solution()
            # Where a limit that was drawn near binds, it has cut something off.
            if (np.abs(closer) < 0.9 * near).all():
                x = closer
        return float(np.sum(self.a / 2 * x**2 + self.b * x))

    def _solution(self) -> Vector:
        scale = max(float(np.abs(np.concatenate([self.lower, self.upper])).max()), 1e-9)
        eye = sp.identity(len(self.a), format="csc")
        matrix = sp.vstack([self.equations, eye, -eye]).tocsc()
        bounds = np.concatenate([self.rhs, self.upper, -self.lower]) / scale
        money = max(float(np.abs(self.b).max()), float((self.a * scale).max()), 1e-12)
        options = clarabel.DefaultSettings()
        options.verbose = False
        options.tol_gap_abs = options.tol_gap_rel = options.tol_feas = 1e-10
        cones = [clarabel.ZeroConeT(self.equations.shape[0]), clarabel.NonnegativeConeT(2 * len(self.a))]
        hessian = sp.csc_matrix(sp.diags(self.a * scale / money))
        found = clarabel.DefaultSolver(hessian, self.b / money, matrix, bounds, cones, options).solve()
        if str(found.status) not in ("Solved", "AlmostSolved"):
            raise Unsolved(str(found.status))
        return np.clip(np.array(found.x) * scale, self.lower, self.upper)


@dataclass(frozen=True)
class Market:
    """The two tables as arrays; limits are cut to what the rest can take, which moves no optimum."""

    names: list[str]
    owner: npt.NDArray[np.int64]
    lower: Vector
    upper: Vector
    a: Vector
    b: Vector
    pairs: pd.DataFrame

    def alone(self) -> Vector:
        """(N,): everybody's least cost at net zero, or as near to it as the limits allow."""
        return np.array([self._cost_at(agent, 0.0) for agent in range(len(self.names))])

    def cost_of(self, sales: dict[str, float]) -> float:
        """The least cost at which everybody sells what it is said to sell."""
        return sum(self._cost_at(agent, sales[name]) for agent, name in enumerate(self.names))

    def _cost_at(self, agent: int, sale: float) -> float:
        own = self.owner == agent
        sale = float(np.clip(sale, self.lower[own].sum(), self.upper[own].sum()))
        lower, upper = _cut(self.lower[own], self.upper[own], sale)
        row = sp.csc_matrix(np.ones((1, int(own.sum()))))
        return Programme(self.a[own], self.b[own], row, np.array([sale]), lower, upper).minimum()

    def optimum(self) -> float:
        """The least cost of all, charges of both ends included."""
        lower, upper = _cut(self.lower, self.upper, 0.0)
        count, edges = len(self.names), len(self.pairs)
        number = {name: at for at, name in enumerate(self.names)}
        i, j = (self.pairs[end].map(number).to_numpy() for end in ("i", "j"))
        charge = (self.pairs["charge_i"] + self.pairs["charge_j"]).to_numpy()
        ones, at = np.ones(edges), np.arange(edges)
        ends = sp.coo_matrix((np.concatenate([-ones, ones]), (np.concatenate([i, j]), np.tile(at, 2))), (count, edges))
        assets = sp.coo_matrix((np.ones(len(self.a)), (self.owner, np.arange(len(self.a)))), (count, len(self.a)))
        most = float(np.maximum(upper, 0.0).sum() + np.maximum(-lower, 0.0).sum())
        return Programme(
            a=np.concatenate([self.a, np.zeros(2 * edges)]),
            b=np.concatenate([self.b, charge, charge]),
            equations=sp.hstack([assets, ends, -ends]).tocsc(),
            rhs=np.zeros(count),
            lower=np.concatenate([lower, np.zeros(2 * edges)]),
            upper=np.concatenate([upper, np.full(2 * edges, most)]),
        ).minimum()


def market_of(agents: pd.DataFrame, pairs: pd.DataFrame) -> Market:
    """The market of the tables as a user has typed them."""
    names = list(dict.fromkeys(agents["name"]))
    owner = agents["name"].map({name: at for at, name in enumerate(names)}).to_numpy()
    columns = (agents[name].to_numpy(dtype=float) for name in ("p_min_kw", "p_max_kw", "a", "b"))
    return Market(names, owner, *columns, pairs)


def _cut(lower: Vector, upper: Vector, total: float) -> tuple[Vector, Vector]:
    """Limits no wider than what the others can make good when all together sell `total`."""
    for _ in range(3):
        most = np.minimum(upper, total - _others(lower))
        least = np.maximum(lower, total - _others(upper))
        lower, upper = np.minimum(least, most), np.maximum(least, most)
    return lower, upper


def _others(limits: Vector) -> Vector:
    """The sum of all others for each; a limit of 1e18 taken from a sum with it would leave nothing of the others."""
    square = np.tile(limits, (len(limits), 1))
    np.fill_diagonal(square, 0.0)
    result: Vector = square.sum(axis=1)
    return result


def of_clearing(agents: pd.DataFrame, pairs: pd.DataFrame, told: dict[str, Any], *, gap: float) -> Iterator[Finding]:
    """What is wrong with a clearing's JSON: its balances, its cost, and the gap that it certifies."""
    if told["status"] != "ok":
        return
    market = market_of(agents, pairs)
    sales = {agent["name"]: agent["net_kw"] for agent in told["agents"]}
    size = max((abs(power) for power in sales.values()), default=0.0)
    for name, error in _unbalanced(sales, told).items():
        if error > BALANCE * max(size, 1e-9):
            yield Finding("market", "trades and net sales differ", f"{name}: {error:g} of {size:g} kW")
            return
    try:
        alone, best = float(np.abs(market.alone()).sum()), market.optimum()
        cost = market.cost_of(sales) + _charges(pairs, told)
    except Unsolved:
        return
    scale = max(abs(told["cost"]), alone)
    flowing = WORTHLESS * sum(abs(power) for power in sales.values()) * float(np.median(np.abs(market.b)))
    if scale <= max(NOTHING_KW * float(np.abs(market.b).max()), flowing):
        return
    true_gap = (cost - best) / scale
    numbers = (
        f"cost {told['cost']:g}, recomputed {cost:g}, optimum {best:g}, alone {alone:g}, told {told['relative_gap']:g}"
    )
    if abs(cost - told["cost"]) > 10 * TOLERANCE * scale:
        yield Finding("market", "the cost is not that of the trades", numbers)
    if true_gap > told["relative_gap"] + TOLERANCE:
        yield Finding("market", "the true gap is above the reported one", f"{true_gap:g}: {numbers}")
    if told["relative_gap"] > gap:
        yield Finding("market", "ok above the gap that was asked for", numbers)
    formula = (told["cost"] - told["lower_bound"]) / scale
    if abs(formula - told["relative_gap"]) > TOLERANCE + 0.01 * abs(told["relative_gap"]):
        yield Finding("market", "the gap is not the README's formula", f"{formula:g}: {numbers}")


def _unbalanced(sales: dict[str, float], told: dict[str, Any]) -> dict[str, float]:
    net = dict.fromkeys(sales, 0.0)
    for trade in told["trades"]:
        net[trade["seller"]] += trade["power_kw"]
        net[trade["buyer"]] -= trade["power_kw"]
    return {name: abs(net[name] - sales[name]) for name in sales}


def _charges(pairs: pd.DataFrame, told: dict[str, Any]) -> float:
    rows = zip(pairs["i"], pairs["j"], pairs["charge_i"] + pairs["charge_j"], strict=True)
    per_kwh = {frozenset((i, j)): charge for i, j, charge in rows}
    return float(
        sum(trade["power_kw"] * per_kwh[frozenset((trade["seller"], trade["buyer"]))] for trade in told["trades"])
    )

"""A market as one quadratic programme, by Clarabel, with none of the market's own code: under rows and with the cost of
losses, or with storages that go one way at a time (branch and bound over their directions)."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import combinations

import clarabel
import numpy as np
import scipy.sparse as sp

from mosaik_p2p.market.negotiation.limit_rows import HeldRow
from mosaik_p2p.market.negotiation.limits import Limits, LossTerms
from mosaik_p2p.market.problem import MarketProblem, power_scale
from mosaik_p2p.market.prosumer_step.injection_bounds import injection_bounds
from mosaik_p2p.units import FloatArray

EXACT = 1e-10
NO_LIMIT = 1e6
"""kW (or kWh): a limit from here on is none; a solution that came near it would show."""
ONE_WAY = 1e-5
"""kW in both directions at once that are the solver's rounding."""
OUTSIDE = ("contract", "imbalance")


class Programme:
    """Columns with cost and limits, and equations, one after the other."""

    def __init__(self) -> None:
        self.curve: list[float] = []
        self.price: list[float] = []
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.entries: list[tuple[int, int, float]] = []
        self.right: list[float] = []
        self.constant = 0.0

    def columns(self, curve: FloatArray, price: FloatArray, lower: FloatArray, upper: FloatArray) -> int:
        first = len(self.price)
        for have, more in zip(
            (self.curve, self.price, self.lower, self.upper), (curve, price, lower, upper), strict=True
        ):
            have += np.ravel(more).tolist()
        return first

    def equation(self, entries: Sequence[tuple[int, float]], right: float) -> None:
        self.entries += [(len(self.right), column, value) for column, value in entries]
        self.right.append(float(right))

    def least(self) -> float:
        return self.solved(np.array(self.upper))[0] + self.constant

    def solved(self, upper: FloatArray) -> tuple[float, FloatArray]:
        """Least cost and where, within `upper`; infinite where there is nothing."""
        count, lower = len(self.price), np.array(self.lower)
        upper = np.where(upper >= NO_LIMIT, np.inf, upper)
        row, column, value = zip(*self.entries, strict=True)
        equal = sp.csc_matrix((value, (row, column)), shape=(len(self.right), count))
        one = sp.eye(count, format="csc")
        matrix = sp.vstack([equal, -one[np.isfinite(lower)], one[np.isfinite(upper)]]).tocsc()
        right = np.concatenate([self.right, -lower[np.isfinite(lower)], upper[np.isfinite(upper)]])
        cones = [clarabel.ZeroConeT(len(self.right)), clarabel.NonnegativeConeT(len(right) - len(self.right))]
        options = clarabel.DefaultSettings()
        options.verbose = False
        options.tol_gap_abs = options.tol_gap_rel = options.tol_feas = EXACT
        hessian = sp.diags(self.curve, format="csc")
        found = clarabel.DefaultSolver(hessian, np.array(self.price), matrix, right, cones, options).solve()
        if "Infeasible" in str(found.status):
            return np.inf, np.zeros(count)
        assert str(found.status) in ("Solved", "AlmostSolved"), found.status
        return float(found.obj_val), np.array(found.x)


def optimal_cost(problem: MarketProblem, rows: Sequence[HeldRow], *, slack_price_per_kwh: float) -> float:
    """Least cost of `problem` (imbalances priced), what rows are violated by paid for."""
    return least_cost(problem, Limits(tuple(rows)), slack_price_per_kwh=slack_price_per_kwh)


def least_cost(problem: MarketProblem, limits: Limits, *, slack_price_per_kwh: float, binding: int = 1) -> float:
    """The same, with what losses and the levy cost added; the first `binding` intervals are lifted in any case."""
    lifted = limits.lifted(binding) if limits.rows or limits.losses else ()
    programme, first = stated(problem, limits.rows, slack_price_per_kwh=slack_price_per_kwh, lifted=lifted)
    for (c, t), terms in limits.losses.items():
        _add_losses(programme, problem, first, terms, c, t)
    if limits.levy_per_kwh is not None:
        for c, t, i in np.argwhere(limits.levy_per_kwh).tolist():
            _add_price(programme, problem, first, (c, t, i), problem.dt_h * float(limits.levy_per_kwh[c, t, i]))
    return programme.least() + sum(model.constant for model in problem.models)


def _injected(problem: MarketProblem, first: list[int], c: int, t: int, i: int) -> list[tuple[int, float]]:
    """Columns that make up what a prosumer injects beside its fixed load, and what each adds."""
    model = problem.models[i]
    own = [k for k, variable in enumerate(model.variables) if variable.type not in OUTSIDE]
    return [(first[i] + k * model.horizon + t, float(model.balance[c, k, t])) for k in own]


def _add_price(
    programme: Programme, problem: MarketProblem, first: list[int], at: tuple[int, int, int], money_per_kw: float
) -> None:
    """On what a prosumer injects: carrier, interval and prosumer in `at`."""
    c, t, i = at
    for column, share in _injected(problem, first, c, t, i):
        programme.price[column] += money_per_kw * share
    programme.constant -= money_per_kw * float(problem.models[i].fixed[c, t])


def _add_losses(
    programme: Programme, problem: MarketProblem, first: list[int], terms: LossTerms, c: int, t: int
) -> None:
    """price dt (l'(X - around) + sum_b r_b e_b^2), e_b = d_b (X - around), a free column each."""
    rate, members = problem.dt_h * terms.price_per_kwh, np.flatnonzero(problem.member[c]).tolist()
    programme.constant -= rate * float(terms.marginal[members] @ terms.around_kw[members])
    for i in members:
        _add_price(programme, problem, first, (c, t, i), rate * float(terms.marginal[i]))
    for share, curve in zip(terms.share, terms.kw_per_kw2, strict=True):
        endless = np.full(1, np.inf)
        moved = programme.columns(np.full(1, 2.0 * rate * curve), np.zeros(1), -endless, endless)
        entries, right = [(moved, -1.0)], 0.0
        for i in members:
            right += float(share[i]) * float(terms.around_kw[i] + problem.models[i].fixed[c, t])
            entries += [(column, float(share[i]) * part) for column, part in _injected(problem, first, c, t, i)]
        programme.equation(entries, right)


def one_way_cost(problem: MarketProblem, *, within: float) -> float:
    """Least cost of `problem` (imbalances priced) with every storage charging or discharging, never both.

    Right to `within`, money. Branch and bound; charge and discharge share their limits, ch/most + dis/most <= 1.
    """
    programme, first = stated(problem, (), slack_price_per_kwh=0.0)
    horizon, pairs = problem.shape[1], []
    for at, model in zip(first, problem.models, strict=True):
        devices = {v.device: k for k, v in enumerate(model.variables) if v.role == "charge"}
        for k, variable in enumerate(model.variables):
            if variable.role == "discharge":
                begin = at + devices[variable.device] * horizon
                pairs += [(begin + t, at + k * horizon + t) for t in range(horizon)]
    upper = np.array(programme.upper)
    pairs = [(ch, dis) for ch, dis in pairs if min(upper[ch], upper[dis]) > 0.0]
    for ch, dis in pairs:
        spare = programme.columns(np.zeros(1), np.zeros(1), np.zeros(1), np.full(1, np.inf))
        programme.equation([(ch, 1.0 / upper[ch]), (dis, 1.0 / upper[dis]), (spare, 1.0)], 1.0)
    best, waiting = np.inf, [(-np.inf, 0, np.array(programme.upper))]
    while waiting:
        above, number, limits = heapq.heappop(waiting)
        if above >= best - within:
            break
        cost, x = programme.solved(limits)
        if cost >= best - within:
            continue
        both = [min(x[ch], x[dis]) for ch, dis in pairs]
        best = min(best, _rounded(programme, pairs, x))
        if not pairs or max(both) <= ONE_WAY:
            best = min(best, cost)
            continue
        worst = pairs[int(np.argmax(both))]
        for n, closed in enumerate(worst):
            narrowed = limits.copy()
            narrowed[closed] = 0.0
            heapq.heappush(waiting, (cost, 2 * number + n + 1, narrowed))
    return best + sum(model.constant for model in problem.models)


def _rounded(programme: Programme, pairs: list[tuple[int, int]], x: FloatArray) -> float:
    """Cost with every direction as it prevails in `x`."""
    limits = np.array(programme.upper)
    for ch, dis in pairs:
        limits[dis if x[ch] >= x[dis] else ch] = 0.0
    return programme.solved(limits)[0]


def held_imbalances(problem: MarketProblem, t: int = 0) -> Iterator[tuple[int, int, float]]:
    """Prosumer, variable and limit of each imbalance of interval `t` that is no means to keep a row: what devices can
    help is neither lacking nor too much."""
    least, most = injection_bounds(problem, power_scale(problem), t)
    for i, model in enumerate(problem.models):
        for k, variable in enumerate(model.variables):
            for c in np.flatnonzero(model.balance[:, k, t] * np.array(model.member)):
                if variable.type == "imbalance":
                    forced = -most[c, i] if model.balance[c, k, t] > 0.0 else least[c, i]
                    yield i, k, max(float(forced), 0.0)


def stated(
    problem: MarketProblem, rows: Sequence[HeldRow], *, slack_price_per_kwh: float, lifted: Sequence[int] = ()
) -> tuple[Programme, list[int]]:
    """The programme, and where each prosumer's dispatch (K, T) begins among its columns; in lifted intervals no
    imbalance is a means to keep a row."""
    programme, dt_h = Programme(), problem.dt_h
    carriers, horizon, _ = problem.shape
    first = [programme.columns(dt_h * m.quadratic, dt_h * m.linear, m.lower, m.upper) for m in problem.models]
    for t in lifted:
        for i, k, most in held_imbalances(problem, t):
            programme.upper[first[i] + k * horizon + t] = most
    sold: dict[tuple[int, int, int], list[tuple[int, float]]] = {}
    for c in range(carriers):
        charges, total = problem.charges[c], np.asarray(problem.charges[c].total)
        for i, j in combinations(np.flatnonzero(problem.member[c]).tolist(), 2):
            if not charges.may_trade[i, j]:
                continue
            bend = 0.0 if charges.curvature is None else 2.0 * float(charges.curvature[i, j])
            for t in range(horizon):
                both, none, endless = np.ones(2), np.zeros(2), np.full(2, np.inf)
                at = programme.columns(dt_h * bend * both, dt_h * total[i, j] * both, none, endless)
                for end, sign in ((i, 1.0), (j, -1.0)):
                    sold.setdefault((c, end, t), []).extend([(at, -sign), (at + 1, sign)])
    for i, model in enumerate(problem.models):
        for c in range(carriers):
            for t in range(horizon):
                made = [(first[i] + k * horizon + t, s) for k, s in enumerate(model.balance[c, :, t]) if s != 0.0]
                if made or (c, i, t) in sold:
                    programme.equation([*made, *sold.get((c, i, t), [])], model.fixed[c, t])
        matrix, right = model.equations
        for r in range(len(right)):
            span = slice(matrix.indptr[r], matrix.indptr[r + 1])
            columns = (matrix.indices[span] + first[i]).tolist()
            programme.equation(list(zip(columns, matrix.data[span].tolist(), strict=True)), right[r])
    for row in rows:
        price = np.array([0.0, dt_h * slack_price_per_kwh / np.abs(row.slope).max()])
        slack = programme.columns(np.zeros(2), price, np.zeros(2), np.full(2, np.inf))
        entries, right_side = [(slack, 1.0), (slack + 1, -1.0)], row.bound
        for i, model in enumerate(problem.models):
            if model.member[row.carrier]:
                right_side += row.slope[i] * model.fixed[row.carrier, row.interval]
                entries += [
                    (first[i] + k * horizon + row.interval, row.slope[i] * model.balance[row.carrier, k, row.interval])
                    for k, variable in enumerate(model.variables)
                    if variable.type not in OUTSIDE
                ]
        programme.equation(entries, right_side)
    return programme, first

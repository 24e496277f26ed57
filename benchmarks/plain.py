"""How long plain markets take, beside general solvers on the same quadratic programme.

    python benchmarks/plain.py [--large] [--beside]

Fixed seeds, random quadratic costs; three kinds of charges: `random` on random pairs, `distance` between places on a
square with every agent's nearest as partners, and `same` for all pairs of a ring with chords. Prints a table; every
market is also cleared with power and with prices times 1000, whose iterations must be the same: exits with 1 otherwise,
or where a gap is not reached. Compiling is done by a small market first. `--large` adds 3 000 agents, `--beside` HiGHS,
Clarabel and PIQP with one solve each, where the market is small enough for them.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import clarabel
import highspy
import numpy as np
import piqp
import scipy.sparse as sp

from mosaik_p2p.market.algorithms.admm import Admm
from mosaik_p2p.single_period.algorithm import Outcome
from mosaik_p2p.single_period.model import Assets, Pairs, PlainMarket
from mosaik_p2p.single_period.sides import iterate

GAP = 1e-4
REPEATS = 3
SIZES = ((31, 465), (300, 17_000), (1_000, 175_000))
LARGE = ((3_000, 300_000),)
KINDS = ("random", "distance", "same")
BESIDE_UP_TO = {"HiGHS": 500, "Clarabel": 200_000, "PIQP": 200_000}
"""Most pairs each of them is asked for: HiGHS' method for quadratic programmes takes minutes beyond."""


def make_market(agents: int, pairs: int, kind: str, seed: int) -> PlainMarket:
    """Half of the agents consume, half produce; `pairs` of them (all, at most) may trade."""
    rng = np.random.default_rng(seed)
    consumes = rng.random(agents) < 0.5
    reach = rng.uniform(2.0, 20.0, agents)
    assets = Assets(
        agent=np.arange(agents),
        p_min_kw=np.where(consumes, -reach, 0.0),
        p_max_kw=np.where(consumes, 0.0, reach),
        a=rng.uniform(0.001, 0.01, agents),
        b=np.where(consumes, rng.uniform(0.2, 0.5, agents), rng.uniform(0.05, 0.25, agents)),
    )
    place = rng.random((agents, 2))
    first, second = np.triu_indices(agents, 1)
    away = np.abs(place[first] - place[second]).sum(axis=1)
    order = np.argsort(away, kind="stable") if kind == "distance" else rng.permutation(len(first))
    chosen = np.sort(order[:pairs])
    charge = {
        "random": rng.uniform(0.0, 0.05, len(chosen)),
        "distance": 0.06 * away[chosen],
        "same": np.full(len(chosen), 0.02),
    }[kind]
    return PlainMarket(
        names=tuple(f"agent{i}" for i in range(agents)),
        assets=assets,
        pairs=Pairs(first[chosen], second[chosen], charge / 2, charge / 2),
    )


def rescaled(market: PlainMarket, *, power: float = 1.0, price: float = 1.0) -> PlainMarket:
    """The same market in other units."""
    assets, pairs = market.assets, market.pairs
    return PlainMarket(
        market.names,
        replace(
            assets,
            p_min_kw=assets.p_min_kw * power,
            p_max_kw=assets.p_max_kw * power,
            a=assets.a * price / power,
            b=assets.b * price,
        ),
        replace(pairs, charge_first=pairs.charge_first * price, charge_second=pairs.charge_second * price),
    )


def timed(market: PlainMarket) -> tuple[Outcome, float]:
    """The outcome and the least of some wall times; the market's own preparation counts."""
    seconds = []
    for _ in range(REPEATS):
        fresh = replace(market)
        begin = time.perf_counter()
        outcome = iterate(fresh, Admm(), relative_gap=GAP, max_iterations=5000)
        seconds.append(time.perf_counter() - begin)
    return outcome, min(seconds)


@dataclass(frozen=True)
class Programme:
    """min x'Px/2 + c'x, A x = 0, lower <= x <= upper: assets, then each pair's sale and purchase."""

    p: sp.csc_matrix
    c: np.ndarray
    a: sp.csc_matrix
    lower: np.ndarray
    upper: np.ndarray


def programme(market: PlainMarket) -> Programme:
    """The market as one quadratic programme, net sales by direction so that charges are linear."""
    assets, pairs = market.assets, market.pairs
    agents, links = len(market.names), len(pairs.first)
    ends = np.concatenate([pairs.first, pairs.second])
    signs = np.concatenate([np.ones(links), -np.ones(links)])
    flows = sp.csc_matrix((signs, (ends, np.tile(np.arange(links), 2))), shape=(agents, links))
    own = sp.csc_matrix((np.ones(len(assets.a)), (assets.agent, np.arange(len(assets.a)))))
    return Programme(
        p=sp.diags(np.concatenate([assets.a, np.zeros(2 * links)])).tocsc(),
        c=np.concatenate([assets.b, pairs.charge, pairs.charge]),
        a=sp.hstack([own, -flows, flows]).tocsc(),
        lower=np.concatenate([assets.p_min_kw, np.zeros(2 * links)]),
        upper=np.concatenate([assets.p_max_kw, np.full(2 * links, np.inf)]),
    )


def by_clarabel(q: Programme) -> float:
    """Optimal cost; NaN where it is not solved."""
    size, finite = len(q.c), np.isfinite(q.upper)
    unit = sp.identity(size, format="csc")
    rows = sp.vstack([q.a, unit[finite], -unit]).tocsc()
    right = np.concatenate([np.zeros(q.a.shape[0]), q.upper[finite], -q.lower])
    cones = [clarabel.ZeroConeT(q.a.shape[0]), clarabel.NonnegativeConeT(len(right) - q.a.shape[0])]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = GAP / 10
    solution = clarabel.DefaultSolver(sp.triu(q.p).tocsc(), q.c, rows, right, cones, settings).solve()
    return float(solution.obj_val) if str(solution.status) in ("Solved", "AlmostSolved") else float("nan")


def by_piqp(q: Programme) -> float:
    """Optimal cost; NaN where it is not solved."""
    solver = piqp.SparseSolver()
    solver.settings.check_duality_gap = True
    solver.settings.eps_duality_gap_rel = GAP / 10
    solver.setup(q.p, q.c, q.a, np.zeros(q.a.shape[0]), None, None, None, q.lower, q.upper)
    solved = solver.solve() == piqp.PIQP_SOLVED
    return float(solver.result.info.primal_obj) if solved else float("nan")


def by_highs(q: Programme) -> float:
    """Optimal cost; NaN where it is not solved."""
    model = highspy.HighsModel()
    lp, zeros = model.lp_, np.zeros(q.a.shape[0])
    lp.num_col_, lp.num_row_ = len(q.c), q.a.shape[0]
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = q.c, q.lower, q.upper
    lp.row_lower_, lp.row_upper_ = zeros, zeros
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = q.a.indptr, q.a.indices, q.a.data
    lower = sp.tril(q.p).tocsc()
    model.hessian_.dim_ = len(q.c)
    model.hessian_.format_ = highspy.HessianFormat.kTriangular
    model.hessian_.start_, model.hessian_.index_, model.hessian_.value_ = lower.indptr, lower.indices, lower.data
    highs = highspy.Highs()
    highs.silent()
    highs.passModel(model)
    highs.run()
    solved = highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return float(highs.getInfo().objective_function_value) if solved else float("nan")


SOLVERS: dict[str, Callable[[Programme], float]] = {"HiGHS": by_highs, "Clarabel": by_clarabel, "PIQP": by_piqp}


def beside(name: str, market: PlainMarket, ours: Outcome) -> str:
    """Seconds of another solver, and how far its cost is from ours; a dash where the market is too large for it."""
    if len(market.pairs.first) > BESIDE_UP_TO[name]:
        return f"{'-':>18}"
    stated = programme(market)
    begin = time.perf_counter()
    cost = SOLVERS[name](stated)
    seconds = time.perf_counter() - begin
    return f"{seconds:9.3f} {(ours.upper.cost - cost) / ours.scale:+8.0e}"


def main() -> int:
    """Print the table; 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--beside", action="store_true")
    options = parser.parse_args()
    iterate(make_market(10, 45, "random", 0), Admm(), relative_gap=GAP, max_iterations=100)
    others = "".join(f"{name + ' s, cost':>18}" for name in SOLVERS) if options.beside else ""
    columns = ("kind", 10), ("iterations", 12), ("power", 7), ("price", 7), ("seconds", 9), ("gap", 9)
    print(f"{'agents':>7}{'pairs':>9}  " + "".join(f"{name:>{width}}" for name, width in columns) + others)
    good = True
    for agents, pairs in (*SIZES, *(LARGE if options.large else ())):
        for kind in KINDS:
            market = make_market(agents, pairs, kind, seed=agents)
            outcome, seconds = timed(market)
            solve = partial(iterate, algorithm=Admm(), relative_gap=GAP, max_iterations=5000)
            others = [solve(rescaled(market, power=1e3)).iterations, solve(rescaled(market, price=1e3)).iterations]
            good &= outcome.converged and set(others) == {outcome.iterations}
            line = (
                f"{agents:7d}{pairs:9d}  {kind:>10}{outcome.iterations:12d}{others[0]:7d}{others[1]:7d}{seconds:9.3f}"
            )
            more = [beside(name, market, outcome) for name in SOLVERS] if options.beside else []
            print(f"{line}{outcome.relative_gap:9.0e}{''.join(more)}", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

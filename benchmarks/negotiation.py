"""Rounds of clearing until limits are kept, and how near their end is to an AC-constrained optimum.

    python benchmarks/negotiation.py [--cases 20] [--markets 60]

Random markets of five prosumers with one to three rows that their free clearing breaks. Dual ascent clears at fixed
surcharges and moves each multiplier by the sign of what its row is violated by, its step growing by half while the sign
stays and halving when it turns; it counts as done when no row is violated by more than 1 % of what it was, and as tight
when a row with a price has no more room than that either.

Random markets of two to ten prosumers on two real feeders, with and without contracts, are negotiated with their AC
power flow at two gaps; the optimum is that of sequential quadratic programming on pandapower
(`tests/support/ac_markets.py`).
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from ac_markets import drawn, negotiated
from markets import random_market
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.negotiation.constrained_clearing import clear_constrained, connected, injections, start_from
from mosaik_p2p.market.negotiation.limit_rows import HeldRow
from mosaik_p2p.market.negotiation.limits import Limits
from mosaik_p2p.market.problem import MarketProblem, Settings, highest_price
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.prosumer_step.injection_bounds import injection_bounds, own_rows
from mosaik_p2p.units import FloatArray

MOST_ROUNDS = 60
DONE = 0.01
GAPS = (1e-3, 1e-5)


def with_surcharges(problem: MarketProblem, surcharge: FloatArray) -> MarketProblem:
    """The market in which every kWh that devices inject in the first interval pays `surcharge` (C, N)."""
    models = []
    for i, model in enumerate(problem.models):
        linear = model.linear.copy()
        for k in own_rows(model):
            linear[k, 0] += surcharge[:, i] @ (model.balance[:, k, 0] * np.array(model.member))
        models.append(replace(model, linear=linear))
    return replace(problem, models=tuple(models))


def ascent(raw: MarketProblem, rows: tuple[HeldRow, ...], first_kw: FloatArray) -> tuple[int, int]:
    """Rounds until every row is kept, and until it is also tight; MOST_ROUNDS where that never comes."""
    broken = np.array([r.slope @ first_kw[r.carrier] - r.bound for r in rows])
    mu, step, sign = (
        np.zeros(len(rows)),
        np.array([0.05 * highest_price(raw) / r.size for r in rows]),
        np.zeros(len(rows)),
    )
    tolerance = DONE * np.maximum(broken, 1e-9)
    problem, begin, kept = connected(raw), None, MOST_ROUNDS
    for number in range(1, MOST_ROUNDS):
        new = np.sign(broken)
        step = step * np.where(sign == 0, 1.0, np.where(new == sign, 1.5, 0.5))
        mu, sign = np.maximum(mu + step * new, 0.0), new
        surcharge = np.zeros(problem.member.shape)
        for price, r in zip(mu, rows, strict=True):
            surcharge[r.carrier] += price * r.slope
        found = clear(with_surcharges(raw, surcharge), Settings(relative_gap=1e-4), start=begin)
        begin = found.end
        now = injections(problem, found.dispatch)[:, 0]
        broken = np.array([r.slope @ now[r.carrier] - r.bound for r in rows])
        if np.all(broken <= tolerance):
            kept = min(kept, number)
            if np.all((np.abs(broken) <= tolerance) | (mu == 0.0)):
                return kept, number
    return kept, MOST_ROUNDS


def case(seed: int) -> tuple[MarketProblem, tuple[HeldRow, ...], FloatArray]:
    """A market, rows that its free clearing breaks and that can be kept, and the injections of that clearing."""
    rng = np.random.default_rng(seed)
    raw = random_market(5, seed, horizon=6, first_hour=int(rng.integers(8, 20)))
    problem, free = connected(raw), clear(raw, Settings(relative_gap=1e-4))
    now = injections(problem, free.dispatch)[:, 0]
    least, most = injection_bounds(problem, Fleet(problem).power_kw)
    rows = []
    for n in range(int(rng.integers(1, 4))):
        slope = np.abs(rng.normal(size=5)) * rng.choice([-1.0, 1.0])
        lowest = float(np.minimum(slope * least[0], slope * most[0]).sum())
        value = float(slope @ now[0])
        bound = value - rng.uniform(0.05, 0.3) * (value - lowest)
        rows.append(HeldRow(0, f"row {n}", "", "", True, 0.0, 0.0, slope, bound, 1, 0.0))
    return raw, tuple(rows), now


def rounds_table(count: int) -> None:
    """Print rounds of the operator's own step and of dual ascent."""
    kept, tight, own = [], [], []
    for seed in range(count):
        raw, rows, now = case(seed)
        problem = connected(raw)
        free = clear(raw, Settings(relative_gap=1e-4))
        start = start_from(problem, free, free.end.weight)
        alone = Fleet(problem).alone
        found = clear_constrained(problem, Limits(rows), Settings(relative_gap=1e-4), alone=alone, start=start)
        own.append(1 if found.clearing.status == "ok" and not found.slack.any() else MOST_ROUNDS)
        first, second = ascent(raw, rows, now)
        kept.append(first)
        tight.append(second)
    print(f"{count} cases; rounds of clearing ({MOST_ROUNDS}: never)")
    for name, rounds in (
        ("operator's own step, kept and tight", own),
        ("ascent, kept", kept),
        ("ascent, tight", tight),
    ):
        never = sum(r >= MOST_ROUNDS for r in rounds)
        print(f"{name:<38} median {np.median(rounds):5.1f}  worst {max(rounds):3d}  never {never}")


def optimum_table(count: int) -> None:
    """Print what each market misses of its AC optimum, and what holds of all."""
    print("seed feeder  n contracts    optimum  " + "  short % rounds broken unsold_kw" * len(GAPS))
    found = np.array([_market_row(seed) for seed in range(count)])
    for gap, (short, broken, unsold) in zip(GAPS, found.transpose(1, 2, 0), strict=True):
        print(
            f"gap {gap:g}: shortfall median {np.median(short):.4f} %, worst {short.max():.4f} %; "
            f"limits left broken {broken.sum():.0f}; most unsold {unsold.max():.1e} kW"
        )
    print(f"most lost at the tighter gap: {(found[:, 1, 0] - found[:, 0, 0]).max():.4f} %")


def _market_row(seed: int) -> list[list[float]]:
    """By gap: shortfall in per cent of the optimum's welfare, limits left broken, unsold kW."""
    market = drawn(seed)
    assert market.optimum is not None
    best = -market.optimum[0]
    line = f"{seed:4} {market.network:<6} {len(market.offers):2} {'yes' if market.tariff else 'no':<9} {best:10.3f}  "
    found = []
    for gap in GAPS:
        outcomes = negotiated(market, gap)
        last = outcomes[-1].tables
        short = 100.0 * (best + float(last["clearing"]["cost"][0])) / abs(best)
        broken = float(len(market.report(outcomes[-1].dispatch).broken))
        unsold = max(last["prosumers"]["imbalance_kw"])
        line += f"{short:9.4f} {len(outcomes) - 1:6} {broken:6.0f} {unsold:9.1e}"
        found.append([short, broken, unsold])
    print(line, flush=True)
    return found


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20)
    parser.add_argument("--markets", type=int, default=60)
    asked = parser.parse_args()
    if asked.cases:
        rounds_table(asked.cases)
    if asked.markets:
        optimum_table(asked.markets)


if __name__ == "__main__":
    main()

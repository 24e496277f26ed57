"""Markets on trees, loops, among partners, with reputation and with preferences, and limits that they break."""

from dataclasses import replace

import numpy as np

from markets import equipped_market, random_market, strained
from mosaik_p2p.limits.rows import LimitRow
from mosaik_p2p.market.negotiation.limit_rows import HeldRow, RowKey, held_row
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.units import FloatArray

KINDS = ("tree", "loop", "reputation", "partners", "preferences")


def symmetric(values: FloatArray) -> FloatArray:
    return np.asarray(np.triu(values, 1) + np.triu(values, 1).T)


def made(kind: str, problem: MarketProblem, rng: np.random.Generator) -> MarketProblem:
    """The market with charges that are no lengths on a tree, terms of single pairs, or few partners."""
    shape, charges = (problem.shape[2],) * 2, []
    for own in problem.charges:
        posted = np.asarray(own.posted)
        if kind == "loop":
            own = replace(own, posted=posted * (1.0 + symmetric(rng.uniform(-0.5, 0.5, shape))), tree=None)
        elif kind == "reputation":
            known = symmetric(rng.uniform(0.0, 0.03, shape) * (rng.random(shape) < 0.5))
            own = replace(own, benefit=known, tree=None)
        elif kind == "preferences":
            terms = symmetric(rng.uniform(-0.02, 0.02, shape)), symmetric(rng.uniform(0.0, 0.02, shape))
            own = replace(own, benefit=terms[0], curvature=terms[1] * symmetric(rng.random(shape) < 0.6), tree=None)
        elif kind == "partners":
            own = replace(own, partners=symmetric(rng.random(shape) < 0.6).astype(bool))
        charges.append(own)
    return replace(problem, charges=tuple(charges))


def some_market(seed: int) -> MarketProblem:
    equipped = [
        lambda: random_market(5, seed, horizon=6, first_hour=9),
        lambda: equipped_market(4, seed, horizon=8, dt_h=0.25, first_hour=16),
        lambda: strained(equipped_market(4, seed, horizon=6, first_hour=14), seed),
    ]
    return equipped[seed % 3]()


def some_rows(
    problem: MarketProblem, injection_kw: FloatArray, rng: np.random.Generator, *, interval: int = 0
) -> tuple[HeldRow, ...]:
    """Three rows of either carrier that the injections (C, N) of the free market break by up to two fifths."""
    held: dict[RowKey, HeldRow] = {}
    for n in range(3):
        c = int(rng.integers(2)) if problem.member[1].any() else 0
        slope = rng.uniform(0.1, 1.0, problem.shape[2]) * problem.member[c] * rng.choice([1, -1])
        value = float(slope @ injection_kw[c])
        limit = value - abs(value) * rng.uniform(0.0, 0.4) - 0.1
        per_kw = dict(zip(problem.names, slope.tolist(), strict=True))
        found = LimitRow(f"e{n}", "q", "u", value, limit, True, per_kw)
        row = held_row(found, c, problem.names, injection_kw[c], held, interval=interval)
        held[row.key] = row
    return tuple(held.values())

"""The least cost of a look-ahead in which no store charges and discharges at once: branch and bound on the outsider's.

Where prices are below zero the outsider's central programme gains by doing both; what the program clears may not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import clarabel
import numpy as np
import scipy.sparse as sp

import outsider

NODES = 150
"""Programmes that are solved before the answer is left open."""
BOTH_KW = 1e-5
STORES = ("_add_storage", "_stay")
"""What adds a store's charging and discharging first: of all intervals of a look-ahead, of one of a vehicle's stay."""


@dataclass(frozen=True)
class LookAhead:
    """The central programme of a look-ahead, and the pairs of variables (charge, discharge) of its stores."""

    programme: outsider.Programme
    pairs: tuple[tuple[int, int], ...]

    def solved(self, closed: frozenset[int]) -> tuple[float, np.ndarray] | None:
        """Least cost and dispatch with these variables at zero; None where there is none."""
        programme = self.programme
        count, rows = len(programme.lower), len(programme.rhs)
        row, column, value = zip(*programme.entries, strict=True)
        equal = sp.csc_matrix((value, (row, column)), shape=(rows, count))
        lower, upper = np.array(programme.lower), np.array(programme.upper)
        upper[list(closed)] = 0.0
        below, above = np.flatnonzero(np.isfinite(lower)), np.flatnonzero(np.isfinite(upper))
        eye = sp.identity(count, format="csr")
        matrix = sp.vstack([equal, eye[above], -eye[below]]).tocsc()
        bounds = np.concatenate([programme.rhs, upper[above], -lower[below]])
        cones = [clarabel.ZeroConeT(rows), clarabel.NonnegativeConeT(len(above) + len(below))]
        options = clarabel.DefaultSettings()
        options.verbose = False
        hessian = sp.csc_matrix(sp.diags(programme.quadratic))
        found = clarabel.DefaultSolver(hessian, np.array(programme.linear), matrix, bounds, cones, options).solve()
        if str(found.status) not in ("Solved", "AlmostSolved"):
            return None
        return float(found.obj_val) + programme.constant, np.array(found.x)

    def both_ways(self, dispatch: np.ndarray) -> tuple[int, int] | None:
        """The pair that goes both ways most; None where none does."""
        overlap = {pair: min(dispatch[pair[0]], dispatch[pair[1]]) for pair in self.pairs}
        worst = max(overlap, key=overlap.__getitem__, default=None)
        return worst if worst is not None and overlap[worst] > BOTH_KW else None


def optimum(results: outsider.Results, time: Any, *, within: float) -> float | None:
    """The least cost of the look-ahead that begins then, to `within`; None where that takes too long to find out."""
    return least(_look_ahead(results, time), within=within)


def least(ahead: LookAhead, *, within: float) -> float | None:
    """The least cost in which no pair goes both ways."""
    best, open_nodes, solved = np.inf, [frozenset[int]()], 0
    while open_nodes:
        closed = open_nodes.pop()
        solved += 1
        if solved > NODES:
            return None
        found = ahead.solved(closed)
        if found is None or found[0] > best - within:
            continue
        pair = ahead.both_ways(found[1])
        if pair is None:
            best = found[0]
        else:
            charge, discharge = pair
            first = charge if found[1][charge] < found[1][discharge] else discharge
            other = discharge if first == charge else charge
            # What is closed last is looked at first: the direction that the dispatch leans to.
            open_nodes += [closed | {other}, closed | {first}]
    return best if np.isfinite(best) else None


def _look_ahead(results: outsider.Results, time: Any) -> LookAhead:
    programme, balances, pairs = outsider.Programme(), {}, list[tuple[int, int]]()
    ahead = outsider.look_ahead(results, time)
    with _noting_stores(pairs, len(ahead.times)):
        for prosumer in results.scenario["prosumers"]:
            balances |= outsider._prosumer(programme, ahead, prosumer)
    outsider._add_trades(programme, balances, ahead)
    for terms, fixed in balances.values():
        if terms:
            programme.equation(terms, fixed)
    return LookAhead(programme, tuple(pairs))


@contextmanager
def _noting_stores(pairs: list[tuple[int, int]], count: int) -> Iterator[None]:
    """Inside, the places of the variables of every store that the outsider adds are written down."""
    before = {name: getattr(outsider, name) for name in STORES}

    def noting(add: Any, span: int) -> Any:
        def note(programme: outsider.Programme, *arguments: Any) -> Any:
            at = len(programme.lower)
            added = add(programme, *arguments)
            pairs.extend((at + t, at + span + t) for t in range(span))
            return added

        return note

    for (name, add), span in zip(before.items(), (count, 1), strict=True):
        setattr(outsider, name, noting(add, span))
    try:
        yield
    finally:
        for name, add in before.items():
            setattr(outsider, name, add)

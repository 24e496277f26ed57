"""A market whose stores (or meters) would rather go both ways at once, cleared with directions that are searched for.

In turn, prices tell everyone's own best directions and, by weak duality, a bound on every choice of directions; and a
clearing with these directions tells prices again. That mostly ends at once: the more prosumers, the less their choices
depend on each other. Where the bound stays below the best dispatch, the search branches on a store and interval in
which the two disagree, and either half is treated alike; so it is exact where few choices matter, and ends after
`MOST_STEPS` otherwise, with the gap that is left.
"""

import heapq
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.errors import Status
from mosaik_p2p.market.certificate import Certificate, certify_one_way, least_scale
from mosaik_p2p.market.cleared import Clearing, Progress, clear_once
from mosaik_p2p.market.iteration.driver import Start
from mosaik_p2p.market.network_step.choice import choose_form
from mosaik_p2p.market.problem import PreparedProblem, Settings
from mosaik_p2p.market.prosumer_step.direction_search import Memory
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.prosumer_step.storage_direction import directed_as, one_way_rows, same_limits
from mosaik_p2p.market.regrets import Regrets, regrets_at

MOST_STEPS = 40
"""Halves looked at and clearings beside the relaxed one. These begin where another one ended."""
ROUNDS = 3
"""Clearings in one half of the search before it is divided again."""
SEARCHED = 0.1
"""Part of the wanted gap that the searches of all prosumers together leave unsettled."""


@dataclass(frozen=True)
class _Half:
    """A part of all choices: the market with some directions closed, what bounds it, and where to begin in it."""

    problem: PreparedProblem
    bound: float
    start: Start


def cleared_one_way(fleet: Fleet, relaxed: Clearing, settings: Settings, on_check: Progress | None) -> Clearing:
    """The best clearing found with stores going one way, judged by the best bound on all of these.

    `fleet` and `relaxed` are of the market without this restriction. The status is `gap_open` where the search ended
    before it had proven the wanted gap.
    """
    search = _Search(fleet, relaxed, settings, on_check)
    search.run()
    return replace(search.judged(), iterations=search.iterations, regrets=search.regrets())


class _Search:
    """The search's state: the best clearing, the halves that wait, and what was spent."""

    def __init__(self, fleet: Fleet, relaxed: Clearing, settings: Settings, on_check: Progress | None) -> None:
        self._fleet, self._settings, self._on_check = fleet, settings, on_check
        self._form = choose_form(fleet.problem, settings.form)
        self._least_scale = least_scale(fleet)
        scale = max(abs(relaxed.cost), self._least_scale)
        self._within = SEARCHED * settings.relative_gap * scale / len(fleet.problem.models)
        self._best, self._left = relaxed, MOST_STEPS
        self._waiting = [(relaxed.lower_bound, 0, _Half(fleet.problem, relaxed.lower_bound, relaxed.end))]
        self._closed, self._count = np.inf, 0
        self._memories: list[Memory] = [{} for _ in fleet.problem.models]
        self.iterations = relaxed.iterations

    def run(self) -> None:
        """Until the gap is proven, or the steps are spent."""
        while self._waiting and self._left > 0 and self.judged().status is not Status.OK:
            _, _, half = heapq.heappop(self._waiting)
            self._left -= 1
            bound, narrowed = self._explored(half)
            divided = self._divided(half, narrowed) if bound < self._enough() else None
            if divided is None:
                self._closed = min(self._closed, bound)
                continue
            for problem in divided:
                self._count += 1
                heapq.heappush(self._waiting, (bound, self._count, _Half(problem, bound, self._best.end)))

    def _enough(self) -> float:
        """The bound from which a half cannot hold anything better by more than the wanted gap."""
        return self._best.cost - self._settings.relative_gap * max(abs(self._best.cost), self._least_scale)

    def _explored(self, half: _Half) -> tuple[float, PreparedProblem]:
        """A bound on one half, and the directions that prove it; on the way clearings that may be better."""
        fleet = self._fleet if half.problem is self._fleet.problem else Fleet(half.problem)
        bound, start, tried = half.bound, half.start, [half.problem]
        best = half.problem
        for _ in range(ROUNDS):
            found, narrowed = certify_one_way(
                fleet, self._form, start.price_per_kwh, self._memories, within=self._within
            )
            if found > bound or best is half.problem:
                bound, best = max(found, bound), narrowed
            if any(same_limits(narrowed, known) for known in tried):
                narrowed = directed_as(half.problem, self._best.dispatch, fleet.power_kw)
            if bound >= self._enough() or any(same_limits(narrowed, known) for known in tried) or self._left <= 0:
                break
            tried.append(narrowed)
            start = self._cleared(narrowed, start).end
        return bound, best

    def _cleared(self, problem: PreparedProblem, start: Start) -> Clearing:
        """One more clearing, kept where it is the best."""
        cleared = clear_once(Fleet(problem), self._settings, start, self._on_check)
        self._left -= 1
        self.iterations += cleared.iterations
        if cleared.status is not Status.NOT_CONVERGED:
            self._best = min(self._best, cleared, key=lambda one: one.cost)
        return cleared

    def _divided(self, half: _Half, narrowed: PreparedProblem) -> list[PreparedProblem] | None:
        """The half by the direction about which its bound and the best dispatch differ most.

        Where they agree, by the one that the best dispatch uses most; None where no direction is open any more.
        """
        most, where = (False, 0.0), None
        for i, (model, proven) in enumerate(zip(half.problem.models, narrowed.models, strict=True)):
            x = self._best.dispatch[i].x
            for pair in one_way_rows(model):
                both = (model.upper[list(pair)] > 0.0).all(axis=0)
                for row in pair:
                    differs = both & (proven.upper[row] == 0.0) & (x[row] > 0.0)
                    used = np.where(differs if differs.any() else both, x[row], -1.0)
                    t = int(used.argmax())
                    if used[t] >= 0.0 and (bool(differs.any()), float(used[t])) >= most:
                        most, where = (bool(differs.any()), float(used[t])), (i, pair, t)
        if where is None:
            return None
        i, pair, t = where
        return [_shut(half.problem, i, row, t) for row in pair]

    def regrets(self) -> Regrets:
        """Of the best clearing, against the limits that everyone really has."""
        best = self._best
        own_cost = np.array([done.cost for done in best.dispatch])
        return regrets_at(self._fleet, self._form, best.price_per_kwh, best.sale_kw, own_cost=own_cost, cost=best.cost)

    def judged(self) -> Clearing:
        """The best clearing by what bounds every choice."""
        best, settings = self._best, self._settings
        lower = min([self._closed, *(half.bound for _, _, half in self._waiting)])
        alone = float(self._fleet.alone.cost.sum())
        found = Certificate(best.cost, lower, alone, self._least_scale)
        is_within = found.is_sound and found.relative_gap <= settings.relative_gap
        status = Status.OK if is_within else Status.GAP_OPEN
        judged = replace(found, lower_bound=min(lower, best.cost))
        return replace(
            best,
            status=status,
            cause=_about(status, judged, settings),
            lower_bound=judged.lower_bound,
            relative_gap=judged.relative_gap,
            gap_of_gain=judged.gap_of_gain,
            repaired=True,
        )


def _shut(problem: PreparedProblem, i: int, row: int, t: int) -> PreparedProblem:
    """The market with one direction of one store closed in one interval."""
    models = list(problem.models)
    upper = models[i].upper.copy()
    upper[row, t] = 0.0
    models[i] = replace(models[i], upper=upper)
    return replace(problem, models=tuple(models))


def _about(status: Status, judged: Certificate, settings: Settings) -> str:
    held = "storages and meters were held to one direction"
    if status is Status.OK:
        return held
    return (
        f"{held}; other directions might save up to {judged.relative_gap:.2e} of the cost, wanted was "
        f"{settings.relative_gap:g}; raise market.relative_gap where that will do"
    )

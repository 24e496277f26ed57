"""Clearings of a look-ahead under limits that its operator tells: clear, ask, linearise, until the networks accept.

It is the negotiation (see `negotiation.protocol`), held before the first dispatch and about all intervals at once, with
the cost of losses among what the operator minimises, if it is to.
"""

from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.market.cleared import Clearing
from mosaik_p2p.market.designs.asking import loss_terms, planned_exchanges, reported
from mosaik_p2p.market.designs.base import Task
from mosaik_p2p.market.designs.operator import Operator
from mosaik_p2p.market.designs.weights import cleared_at_weights
from mosaik_p2p.market.negotiation.constrained_clearing import least_exchange
from mosaik_p2p.market.negotiation.limits import held_at
from mosaik_p2p.market.negotiation.state import Checked, NegotiationState, Reports, with_reported_limits
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.units import FloatArray

RESTS = 5e-4
"""Of a prosumer's size: injections that move by less from one round to the next are at rest."""
BACK = 0.5
"""Where a network has no solution: how far injections go back to the least exchange that is possible."""


@dataclass(frozen=True)
class Rules:
    """What the rounds minimise, and how many there are."""

    max_rounds: int
    loss_price_per_kwh: FloatArray | None = None
    """(T,); None: losses do not count."""
    weight: FloatArray | None = None
    """(N,) see `weights`; None: all the same."""

    @property
    def are_plain(self) -> bool:
        """Whether a market that keeps the limits by itself is what is looked for."""
        return self.loss_price_per_kwh is None and self.weight is None


@dataclass(frozen=True)
class Reached:
    """Where the rounds ended."""

    best: Checked
    state: NegotiationState
    rounds: int
    iterations: int
    """Of all clearings under limits."""
    rests: bool
    """Whether the plan keeps all limits that can be kept, and would not move any more."""
    is_equilibrium: bool
    """Whether the weights have one; true where all are the same."""
    failure: str | None = None
    """Why the rounds broke off, if a clearing had no numerical solution."""


def rounds_with_operator(task: Task, operator: Operator, first: Clearing, rules: Rules) -> Reached:
    """Rounds from the clearing without limits until the plan keeps them, or `max_rounds` is reached."""
    horizon = task.problem.shape[1]
    state = NegotiationState.initial(task.prosumers, task.raw, first, asked=range(horizon))
    rounds, iterations, is_equilibrium, failure = 0, 0, True, None
    while True:
        exchanges = planned_exchanges(task.prosumers, state)
        reports = reported(operator, exchanges, task.begin, state)
        state = with_reported_limits(state, reports)
        rests = _rests(state, rules)
        if rests or rounds == rules.max_rounds or not is_equilibrium:
            break
        state = _held_back(state, reports)
        if rules.loss_price_per_kwh is not None:
            losses = loss_terms(operator, exchanges, task.begin, rules.loss_price_per_kwh)
            state = replace(state, besides=replace(state.besides, losses=losses))
        try:
            state, is_equilibrium, spent = cleared_at_weights(state, task.settings, rules.weight, task.on_check)
        except NotSolved as error:
            failure = f"a clearing under limits was not solved ({error})"
            break
        rounds, iterations = rounds + 1, iterations + spent
    best = state.checked[-1] if rests else min(state.checked, key=lambda one: one.rank)
    return Reached(best, state, rounds, iterations, rests, is_equilibrium, failure)


def _rests(state: NegotiationState, rules: Rules) -> bool:
    now = state.checked[-1]
    if now.excess > 0.0:
        return False
    if len(state.checked) < 2:
        return rules.are_plain
    size = np.array([max(model.size_kw, 1e-9) for model in state.problem.models])
    return bool((np.abs(moved_kw(state)) <= RESTS * size).all())


def moved_kw(state: NegotiationState) -> FloatArray:
    """(C, T, N) from the dispatch before the last one that was checked to that one."""
    before, now = (one.offer.constrained.injection_kw for one in state.checked[-2:])
    return np.asarray(now - before)


def _held_back(state: NegotiationState, reports: Reports) -> NegotiationState:
    """Where a network has no solution there are no rows: there injections are given, half-way back, from now on."""
    unsolved = [at for at, report in reports.items() if not report.is_solved]
    if not unsolved:
        return state
    box = np.stack([np.full(state.problem.shape, sign * np.inf) for sign in (-1.0, 1.0)])
    box = box if state.besides.box_kw is None else state.besides.box_kw.copy()
    inner = least_exchange(state.problem, range(state.problem.shape[1]))
    held = np.full(state.problem.shape, np.nan)
    for c, t in unsolved:
        held[c, t] = inner[c, t] + (1.0 - BACK) * (state.last_kw[c, t] - inner[c, t])
    box = np.where(np.isnan(held), box, held_at(held))
    return replace(state, besides=replace(state.besides, box_kw=box))

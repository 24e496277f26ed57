"""Clearings of a look-ahead under limits that its operator tells: clear, ask, linearise, until the networks accept.

It is the negotiation (see `negotiation.protocol`), held before the first dispatch and about all intervals at once, with
the cost of losses among what the operator minimises, if it is to. Where limits and losses are known from the clearing
an interval before, the market is cleared under these first, and the operator is asked about the intervals that bind and
those whose plan has changed.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.market.cleared import Clearing
from mosaik_p2p.market.designs.asking import asked
from mosaik_p2p.market.designs.base import Task
from mosaik_p2p.market.designs.operator import Operator
from mosaik_p2p.market.designs.weights import cleared_at_weights
from mosaik_p2p.market.negotiation.constrained_clearing import Way, least_exchange
from mosaik_p2p.market.negotiation.limit_rows import MARGIN
from mosaik_p2p.market.negotiation.limits import held_at
from mosaik_p2p.market.negotiation.memory import CHANGED, changed_intervals, moved_share, resumed
from mosaik_p2p.market.negotiation.reported import with_reported_limits
from mosaik_p2p.market.negotiation.state import Checked, NegotiationState, Reports
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.market.sides import cleared_by
from mosaik_p2p.units import FloatArray

MARGIN_OF_GAP = 0.05
"""Part of a limit by which its row stays clear of it, in units of the gap that clearings may have: what they leave
undecided would else break it."""
RESTS = 5e-4
"""Of a prosumer's size: injections that move by less from one round to the next are at rest."""
UNDECIDED = 0.3
"""Of the gap that clearings may have: where the cost moves by less, so do injections that it leaves undecided."""
FIRST_ROUNDS = 2
"""Checks before the cost alone is believed: the first ones linearise far from where the market ends."""
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
    way: Way = cleared_by
    """How each clearing under limits finds its point of rest."""

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
    state, is_known = _begun(task, operator, first, rules)
    rounds, iterations, rests, is_equilibrium, failure = 0, 0, False, True, None
    while True:
        if rounds > 0 or not is_known:
            moved = moved_share(state)
            due = {*range(state.binding), *changed_intervals(state)}
            state, reports = _told(task, operator, state, rules, due)
            rests = _rests(state, moved, rules, task.settings.relative_gap, is_known=is_known)
            if rests or rounds == rules.max_rounds or not is_equilibrium:
                break
            state = _held_back(state, reports)
        try:
            state, is_equilibrium, spent = cleared_at_weights(state, task.settings, rules.weight, task.on_check)
        except NotSolved as error:
            failure = f"a clearing under limits was not solved ({error})"
            break
        rounds, iterations = rounds + 1, iterations + spent
    if not state.checked:
        state, _ = _told(task, operator, state, rules, range(state.problem.shape[1]))
    best = state.checked[-1] if rests else min(state.checked, key=lambda one: one.rank)
    return Reached(best, state, rounds, iterations, rests, is_equilibrium, failure)


def _begun(task: Task, operator: Operator, first: Clearing, rules: Rules) -> tuple[NegotiationState, bool]:
    """The look-ahead before its first round, and whether it has limits or losses that are known from before."""
    horizon, binding = task.problem.shape[1], task.settings.binding
    state = NegotiationState.initial(task.prosumers, task.raw, first, asked=range(horizon), binding=binding)
    share = max(MARGIN, MARGIN_OF_GAP * task.settings.relative_gap)
    state = resumed(replace(state, margin_share=share, way=rules.way), task.held, task.begin)
    if not state.rows and not state.besides.losses:
        return state, False
    # What comes into sight is stated at the plan without limits, which is no candidate: the rest is not asked about.
    unknown = np.flatnonzero(np.isinf(moved_share(state)).any(axis=(0, 2))).tolist()
    state, _ = _told(task, operator, state, rules, unknown)
    return replace(state, checked=()), True


def _told(
    task: Task, operator: Operator, state: NegotiationState, rules: Rules, intervals: Collection[int]
) -> tuple[NegotiationState, Reports]:
    """The state with what the operator says of some intervals of the last dispatch, and its reports."""
    price = rules.loss_price_per_kwh
    reports, found = asked(operator, task.prosumers, state, task.begin, price, intervals)
    state = with_reported_limits(state, reports)
    losses = {at: terms for at, terms in state.besides.losses.items() if at[1] not in intervals} | found
    return replace(state, besides=replace(state.besides, losses=losses)), reports


def _rests(state: NegotiationState, moved: FloatArray, rules: Rules, relative_gap: float, *, is_known: bool) -> bool:
    """Whether the last dispatch keeps all limits, and would not move any more; it is `moved` (C, T, N), as parts of
    everyone's size, away from where limits and losses were stated for it."""
    now = state.checked[-1]
    if now.excess > 0.0 or now.excess_ahead > 0.0 or state.unkept:
        return False
    if len(state.checked) < 2 and not is_known:
        return rules.are_plain
    before = state.checked[-2] if len(state.checked) > 1 else now
    is_undecided = abs(now.cost - before.cost) <= UNDECIDED * relative_gap * state.scale
    if is_undecided and len(state.checked) > (1 if is_known else FIRST_ROUNDS):
        return True
    binding = state.binding
    return bool((moved[:, :binding] <= RESTS).all() and (moved[:, binding:] <= CHANGED).all())


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

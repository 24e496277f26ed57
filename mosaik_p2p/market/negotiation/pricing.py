"""A round of the negotiation by prices: clear under the rows of all limits that were violated or nearly so.

Reactive power follows the plan, and the rows hold it constant: so a clearing is repeated with its own plan in their
bounds until the plan rests, before the networks are asked again. What nobody can keep shows as slack; then relief is
worth the highest price that anyone offers, and the market clears once more.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import Progress
from mosaik_p2p.market.iteration.driver import Start
from mosaik_p2p.market.negotiation.constrained_clearing import (
    ConstrainedClearing,
    clear_constrained,
    start_again,
    start_from,
)
from mosaik_p2p.market.negotiation.fixed_point import shortened
from mosaik_p2p.market.negotiation.limit_rows import HeldRow, RowKey
from mosaik_p2p.market.negotiation.limits import Limits
from mosaik_p2p.market.negotiation.reactive import ELECTRIC
from mosaik_p2p.market.negotiation.state import Move, NegotiationState, Offer, RoundLog
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved
from mosaik_p2p.units import FloatArray

WORTHLESS_RELIEF = 0.01
"""Relief below this part of what is still broken is not asked for at all."""
NOTICEABLE_SLACK = 1e-4
"""Of a limit: a row broken by more is beyond what prosumers can do."""
RENEWALS = 8
"""Clearings at most for one plan."""
SETTLED = 1e-3
"""Part of the excess that the networks found by which another plan's reactive power may move a limit."""
WARM_ITERATIONS = 500
"""A clearing that starts from the last one and takes more has gone astray; it then starts from the data."""


def priced(state: NegotiationState, settings: Settings, on_check: Progress | None) -> tuple[NegotiationState, Offer]:
    """Clear under all rows. Raises NotSolved where a programme has no numerical solution."""
    rows = tuple(state.rows.values())
    found = _for_its_plan(state, rows, frozenset(), settings, on_check)
    lacking = frozenset(
        row.key
        for row, slack in zip(rows, found.constrained.slack, strict=True)
        if slack > NOTICEABLE_SLACK * max(abs(row.limit), 1e-9)
    )
    worthless: tuple[HeldRow, ...] = ()
    if lacking:
        rows, worthless = _worth_relief(state, rows, found.constrained, lacking)
        again = _for_its_plan(replace(state, ended=found.constrained.ended), rows, lacking, settings, on_check)
        found = replace(again, iterations=again.iterations + found.iterations)
    constrained = _told(found, [key for key in lacking if key.interval < state.binding])
    offer = Offer(constrained, _log(state, found.rows, worthless, constrained, lacking))
    missed = constrained.clearing.status is Status.NOT_CONVERGED
    following = replace(
        state,
        last=offer,
        lacking=lacking,
        ended=constrained.ended,
        planned_kvar=None,
        rounds=state.rounds + 1,
        unconverged=state.unconverged + int(missed),
    )
    return following, offer


@dataclass(frozen=True)
class _Found:
    """A clearing and the rows, as they stand for its plan."""

    rows: tuple[HeldRow, ...]
    constrained: ConstrainedClearing
    iterations: int
    """Of all clearings that it took."""


def _told(found: _Found, lacking: Sequence[RowKey]) -> ConstrainedClearing:
    """The clearing with all iterations that it took, and with what there is to say of relief that nobody can finish."""
    clearing, causes = replace(found.constrained.clearing, iterations=found.iterations), []
    if lacking:
        causes.append(f"{len(lacking)} limits are beyond what prosumers can do; relief is paid up to the highest offer")
    if clearing.cause:
        causes.append(clearing.cause)
    return replace(found.constrained, clearing=replace(clearing, cause="; ".join(causes) or None))


def _worth_relief(
    state: NegotiationState, rows: tuple[HeldRow, ...], constrained: ConstrainedClearing, lacking: frozenset[RowKey]
) -> tuple[tuple[HeldRow, ...], tuple[HeldRow, ...]]:
    """The rows without those that all that can be done would hardly move, or that got no better by what was done, and
    these."""
    kept: list[HeldRow] = []
    worthless: list[HeldRow] = []
    for row, slack in zip(rows, constrained.slack, strict=True):
        before, reached = (
            float(row.slope @ x[row.carrier, row.interval]) for x in (state.first_kw, constrained.injection_kw)
        )
        has_relief = before - reached > WORTHLESS_RELIEF * slack
        first_excess = state.first_excess.get((row.carrier, row.interval, row.key.limit), np.inf)
        was_relieved = state.rounds == 0 or row.excess < first_excess
        is_kept = row.key not in lacking or (has_relief and was_relieved)
        (kept if is_kept else worthless).append(row)
    return tuple(kept), tuple(worthless)


def _log(
    state: NegotiationState,
    rows: tuple[HeldRow, ...],
    worthless: tuple[HeldRow, ...],
    constrained: ConstrainedClearing,
    lacking: frozenset[RowKey],
) -> RoundLog:
    """The rows of a clearing, then those that were left out of it, which have no price."""
    left_out = (*worthless, *state.hopeless.values())
    injected = constrained.injection_kw
    broken = [max(float(row.slope @ injected[row.carrier, row.interval]) - row.bound, 0.0) for row in left_out]
    return RoundLog(
        Move.PRICES,
        (*rows, *left_out),
        np.concatenate([constrained.multiplier, np.zeros(len(left_out))]),
        np.concatenate([constrained.slack, broken]),
        lacking | state.hopeless.keys(),
    )


# -- a plan that its own reactive power is in -----------------------------------------------------------------------


def _for_its_plan(
    state: NegotiationState,
    rows: tuple[HeldRow, ...],
    capped: frozenset[RowKey],
    settings: Settings,
    on_check: Progress | None,
) -> _Found:
    """The clearing under rows whose constant is the reactive power of the clearing itself, as nearly as it matters."""
    planned = state.planned_kvar
    planned = state.kvar(state.last.constrained.clearing.dispatch) if planned is None else planned
    taken = before = np.zeros_like(planned)
    now, spent = state, 0
    for renewal in range(RENEWALS):
        held = tuple(row.renewed(planned[row.interval]) if row.carrier == ELECTRIC else row for row in rows)
        limits = replace(state.besides, rows=held, capped=capped, imbalance_kw=state.unavoidable_kw)
        constrained = _cleared(now, limits, settings, on_check)
        now, spent = replace(now, ended=constrained.ended), spent + constrained.clearing.iterations
        following = state.kvar(constrained.clearing.dispatch) - planned
        if all(_rests(row, following[row.interval], state.margin_share) for row in held):
            break
        parts = zip(taken, before, following, strict=True)
        taken = following if renewal == 0 else np.stack([shortened(*part) for part in parts])
        planned, before = planned + taken, following
    return _Found(held, constrained, spent)


def _rests(row: HeldRow, change_kvar: FloatArray, margin_share: float) -> bool:
    moved = 0.0 if row.kvar_slope is None or row.carrier != ELECTRIC else abs(float(row.kvar_slope @ change_kvar))
    return moved <= max(SETTLED * abs(row.excess), margin_share * abs(row.limit))


def _is_worse(one: ConstrainedClearing) -> tuple[bool, float]:
    return one.clearing.status is Status.NOT_CONVERGED, abs(one.clearing.relative_gap)


def _cleared(
    state: NegotiationState, limits: Limits, settings: Settings, on_check: Progress | None
) -> ConstrainedClearing:
    """From where the last clearing ended; where that leads astray, from the data. The better of the two."""
    start, warm = _start(state, limits.lifted(settings.binding)), None
    clear = partial(clear_constrained, state.problem, limits, alone=state.fleet.alone, way=state.way, on_check=on_check)
    if start is not None:
        brief = replace(settings, max_iterations=min(settings.max_iterations, WARM_ITERATIONS))
        with suppress(NotSolved):
            warm = clear(brief, start=start)
        if warm is not None and warm.clearing.status is not Status.NOT_CONVERGED:
            return warm
    try:
        cold = clear(settings)
    except NotSolved:
        if warm is None:
            raise
        return warm
    if warm is None:
        return cold
    spent = cold.clearing.iterations + warm.clearing.iterations
    best = min((cold, warm), key=_is_worse)
    return replace(best, clearing=replace(best.clearing, iterations=spent))


def _start(state: NegotiationState, lifted: Sequence[int]) -> Start | None:
    """From where the last clearing under rows ended, or that without; None: from the data."""
    if state.ended is not None:
        return start_again(state.ended, lifted)
    if state.first.form != "network":
        return None
    return start_from(state.problem, state.first, state.first.end.weight, lifted)

"""The market's half of the negotiation: what to clear next after the networks have judged a dispatch.

Every round holds the limits that were violated or nearly so as rows (`limit_rows`), clears again from where the last
round ended, and hands the dispatch back to be checked. Rows are kept for the rest of the interval and linearised anew
whenever a network reports them again. What follows is decided in this order:

    a network has no solution             half-way back to injections for which it had one, at most `SHRINKINGS` times
    limits are kept, or only those are    clear under the rows anew where that may save more than `WORTH_A_ROUND`, at
    violated that nobody can keep         most `TIGHTENINGS` times; else the end
    limits are kept, but the plan breaks  clear under the rows, at most `ROUNDS_AHEAD` times for such a reason alone
    limits of the look-ahead
    limits are violated, rounds are left  clear under the rows, unless an earlier dispatch kept them at next to no more
    limits are violated, no rounds left   an operating envelope, at most `ENVELOPES` times, unless an earlier dispatch
                                          kept them

At the end the best dispatch that the networks have checked stands: of those that kept all limits that can be kept the
one whose plan keeps those of the look-ahead best, and then the cheapest; or else the one that violates them least.
Where that was not the last one, it is offered once more.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mosaik_p2p.market.clearing import Progress
from mosaik_p2p.market.negotiation.limit_rows import HeldRow
from mosaik_p2p.market.negotiation.pinning import envelope, half_way_back
from mosaik_p2p.market.negotiation.pricing import priced
from mosaik_p2p.market.negotiation.reported import with_reported_limits
from mosaik_p2p.market.negotiation.state import (
    Checked,
    Move,
    NegotiationState,
    NetworkReport,
    Offer,
    Reports,
    RoundLog,
)
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.market.prosumer_step.qp_solver import NotSolved

__all__ = ["Move", "NegotiationState", "NetworkReport", "Offer", "RoundLog", "next_round"]

ENVELOPES = 3
"""Envelopes at most after the last round of prices, each with twice the room of the one before."""
SHRINKINGS = 4
TIGHTENINGS = 3
ROUNDS_AHEAD = 2
WORTH_A_ROUND = 5e-4
"""Of max(|cost|, sum of |cost alone|): what another round may save, and has to, to be worth it."""
NO_BETTER = 1e-6
"""Of the same: a dispatch cheaper by less is not offered again."""
UNCONVERGED = 2
"""Clearings that may miss their gap before no more are tried."""

NOBODY: Reports = {}
"""Nobody is asked about later intervals."""

_Following = tuple[NegotiationState, Offer] | None


def next_round(
    state: NegotiationState,
    reports: Mapping[int, NetworkReport],
    settings: Settings,
    *,
    max_rounds: int,
    ahead: Reports = NOBODY,
    on_check: Progress | None = None,
) -> tuple[NegotiationState, Offer | None]:
    """What follows from the networks' `reports` (by carrier) on the last dispatch, and from what is said `ahead` of the
    plan for later intervals; None accepts it as it stands."""
    if state.is_final:
        return state, None
    judged = with_reported_limits(state, {(carrier, 0): report for carrier, report in reports.items()} | dict(ahead))
    # Where prices have no numerical solution, an envelope may have one.
    for rounds in (max_rounds, 0):
        try:
            following = _following(judged, settings, rounds, on_check)
        except NotSolved:
            continue
        return _ended(judged) if following is None else following
    return _ended(judged)


def _following(state: NegotiationState, settings: Settings, max_rounds: int, on_check: Progress | None) -> _Following:
    """The next dispatch, or None where there is none to try. Raises NotSolved."""
    now = state.checked[-1]
    if not now.is_solved:
        return half_way_back(state, settings, on_check) if state.shrinkings < SHRINKINGS else None
    has_rounds = state.rounds < max_rounds and state.unconverged < UNCONVERGED
    for_the_plan = replace(state, rounds_ahead=state.rounds_ahead + 1)
    is_plan_worth_it = has_rounds and for_the_plan.rounds_ahead <= ROUNDS_AHEAD
    best = state.best
    if now.excess == 0.0 and now.excess_ahead > 0.0 and is_plan_worth_it:
        return priced(for_the_plan, settings, on_check)
    if now.excess == 0.0:
        if not has_rounds or state.tightenings >= TIGHTENINGS or not _worth_a_round(state, state.unused):
            return None
        return priced(replace(state, tightenings=state.tightenings + 1), settings, on_check)
    if has_rounds and (best is None or _worth_a_round(state, best.cost - now.cost)):
        return priced(state, settings, on_check)
    if best is not None and best.excess_ahead > 0.0 and is_plan_worth_it:
        return priced(for_the_plan, settings, on_check)
    if best is not None or state.envelopes >= ENVELOPES:
        return None
    return envelope(state, settings, on_check)


def _worth_a_round(state: NegotiationState, money: float) -> bool:
    return money > WORTH_A_ROUND * state.scale


def _ended(state: NegotiationState) -> tuple[NegotiationState, Offer | None]:
    """The best dispatch, offered once more where it was not the last, or where it is to be said what it cannot keep."""
    now, best = state.checked[-1], min(state.checked, key=lambda one: one.rank)
    if now.rank[:-1] == best.rank[:-1] and (now.cost - best.cost <= NO_BETTER * state.scale or not now.is_solved):
        best = now
    told = {row.key for row in best.offer.log.rows}
    now_broken = {key for key in best.broken if key.interval < state.binding}
    untold = tuple(row for key, row in state.hopeless.items() if key in now_broken and key not in told)
    if best is now and not untold:
        return state, None
    offer = _once_more(best, untold, state)
    return replace(state, last=offer, rounds=state.rounds + 1, is_final=True), offer


def _once_more(best: Checked, untold: tuple[HeldRow, ...], state: NegotiationState) -> Offer:
    """The offer with what is to be said of it: which round it is of, and what it cannot keep."""
    clearing, log = best.offer.constrained.clearing, best.offer.log
    if best is not state.checked[-1]:
        said = f"the best of {len(state.checked)} dispatches that the networks checked, that of round {best.number}"
        clearing = replace(clearing, cause="; ".join(part for part in (said, clearing.cause) if part))
    said_too = RoundLog(
        log.move,
        (*log.rows, *untold),
        np.concatenate([log.multiplier, np.zeros(len(untold))]),
        np.concatenate([log.slack, [row.excess for row in untold]]),
        log.beyond | {row.key for row in untold},
    )
    return Offer(replace(best.offer.constrained, clearing=clearing), said_too)

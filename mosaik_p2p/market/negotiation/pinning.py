"""Rounds with all injections of the first interval given: half-way back to a solution, and operating envelopes.

An envelope pins every injection on the line from the least exchange that is possible to the last dispatch, as far out
as the rows, with room to spare, allow: both ends are dispatches that everyone can follow, so everything between is one.
"""

from dataclasses import replace

import numpy as np

from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import Progress
from mosaik_p2p.market.negotiation.constrained_clearing import clear_constrained, least_exchange
from mosaik_p2p.market.negotiation.limits import Limits, held_at
from mosaik_p2p.market.negotiation.state import Move, NegotiationState, Offer, RoundLog
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.units import FloatArray

BACK = 0.5
"""How far to go back towards injections for which a network had a solution."""

_CAUSE = {
    Move.SHRUNK: "injections moved half-way back to where the networks have a solution",
    Move.ENVELOPE: "operating envelope: injections given, since prices did not end the violations",
}


def half_way_back(
    state: NegotiationState, settings: Settings, on_check: Progress | None
) -> tuple[NegotiationState, Offer]:
    """Towards the last injections with a solution, or else to the least possible exchange. Raises NotSolved."""
    back = state.solved_kw
    if back is None:
        back = least_exchange(state.problem)
    back, last = back[:, 0], state.last_kw[:, 0]
    further = replace(state, shrinkings=state.shrinkings + 1)
    return _pinned(further, back + (1.0 - BACK) * (last - back), Move.SHRUNK, settings, on_check)


def envelope(state: NegotiationState, settings: Settings, on_check: Progress | None) -> tuple[NegotiationState, Offer]:
    """The farthest point that keeps the rows best, each further envelope with twice the room. Raises NotSolved."""
    further = replace(state, envelopes=state.envelopes + 1)
    return _pinned(further, _on_the_line(state), Move.ENVELOPE, settings, on_check)


def _pinned(
    state: NegotiationState, pinned_kw: FloatArray, move: Move, settings: Settings, on_check: Progress | None
) -> tuple[NegotiationState, Offer]:
    """Clear with all injections of the first interval given, (C, N); contracts and trades serve them at the least cost.

    Rows of later intervals are held as they stand, where such a clearing finds its point of rest.
    """
    held_kw = np.full(state.problem.shape, np.nan)
    held_kw[:, 0] = pinned_kw
    later = tuple(row for row in state.rows.values() if row.interval > 0)
    limits = Limits(later, held_at(held_kw), imbalance_kw=state.unavoidable_kw)
    constrained = clear_constrained(state.problem, limits, settings, alone=state.fleet.alone, on_check=on_check)
    if later and constrained.clearing.status is Status.NOT_CONVERGED:
        limits, spent = replace(limits, rows=()), constrained.clearing.iterations
        constrained = clear_constrained(state.problem, limits, settings, alone=state.fleet.alone, on_check=on_check)
        iterations = spent + constrained.clearing.iterations
        constrained = replace(constrained, clearing=replace(constrained.clearing, iterations=iterations))
    cause = f"{_CAUSE[move]}; {constrained.clearing.cause}" if constrained.clearing.cause else _CAUSE[move]
    constrained = replace(constrained, clearing=replace(constrained.clearing, cause=cause))
    rows, now_kw = tuple(state.rows.values()), constrained.injection_kw
    slack = np.array([max(float(row.slope @ now_kw[row.carrier, row.interval]) - row.bound, 0.0) for row in rows])
    offer = Offer(constrained, RoundLog(move, rows, np.zeros(len(rows)), slack, state.beyond))
    return replace(state, last=offer, rounds=state.rounds + 1), offer


def _on_the_line(state: NegotiationState) -> FloatArray:
    """Injections between the least exchange and the last dispatch.

    Room to spare: what was violated last, once, twice, four times.
    """
    inner = least_exchange(state.problem)[:, 0]
    way = state.last_kw[:, 0] - inner
    spare = 2.0**state.envelopes
    begin, slope, weight = [], [], []
    for row in (row for row in state.rows.values() if row.interval == 0):
        begin.append(float(row.slope @ inner[row.carrier]) - row.bound + spare * max(row.excess, 0.0))
        slope.append(float(row.slope @ way[row.carrier]))
        weight.append(1.0 / row.size)
    result: FloatArray = inner + _farthest(np.array(begin), np.array(slope), np.array(weight)) * way
    return result


def _farthest(begin: FloatArray, slope: FloatArray, weight: FloatArray) -> float:
    """The largest share in [0, 1] with the least `sum weight * max(begin + share * slope, 0)`.

    It is an end or a breakpoint.
    """
    moving = slope != 0.0
    breakpoints = -begin[moving] / slope[moving]
    shares = np.concatenate([[0.0, 1.0], breakpoints[(breakpoints > 0.0) & (breakpoints < 1.0)]])
    broken = np.array([float(weight @ np.maximum(begin + share * slope, 0.0)) for share in shares])
    least = broken.min(initial=np.inf)
    return float(shares[broken <= least * (1 + 1e-9) + 1e-12].max())

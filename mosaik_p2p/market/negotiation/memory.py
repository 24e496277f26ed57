"""What one clearing tells the next about the limits of the intervals that both look ahead to.

A rolling market states nearly the same look-ahead again an interval later. Rows, losses and levies that were found for
an interval stay what they are, since injections enter them as they are and not as changes; so does the plan about which
the networks were asked. Only the interval that comes into sight is new, and those that the plan has changed in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.market.iteration.driver import Start
from mosaik_p2p.market.negotiation.constrained_clearing import Ended
from mosaik_p2p.market.negotiation.limit_rows import HeldRow, RowKey
from mosaik_p2p.market.negotiation.limits import LossTerms
from mosaik_p2p.market.negotiation.reported import breaks_ahead
from mosaik_p2p.market.negotiation.state import NegotiationState
from mosaik_p2p.units import FloatArray

CHANGED = 0.05
"""Of a prosumer's size: where an interval that does not bind is planned otherwise by less, its rows are as good."""


@dataclass(frozen=True)
class HeldAhead:
    """What is known of T intervals from `begin` on, counted from the begin of the run; C carriers, N prosumers."""

    begin: int
    rows: Mapping[RowKey, HeldRow]
    told_kw: FloatArray
    """(C, T, N) injections that the networks were last asked about; NaN where they were not."""
    unkept: frozenset[int]
    """Intervals of which they said that a limit is broken which can be kept."""
    planned_kvar: FloatArray
    """(T, N)."""
    losses: Mapping[tuple[int, int], LossTerms]
    """By carrier and interval."""
    levy_per_kwh: FloatArray | None
    """(C, T, N)."""
    ended: Ended | None

    @classmethod
    def of(cls, state: NegotiationState, begin: int) -> "HeldAhead":
        """What is known after a negotiation about the look-ahead that begins with `begin`."""
        dispatch = state.last.constrained.clearing.dispatch
        return cls(
            begin=begin,
            rows=state.rows,
            told_kw=state.told_kw,
            unkept=state.unkept,
            planned_kvar=state.kvar(dispatch),
            losses=state.besides.losses,
            levy_per_kwh=state.besides.levy_per_kwh,
            ended=state.ended,
        )


def resumed(state: NegotiationState, held: HeldAhead | None, begin: int) -> NegotiationState:
    """The state of a look-ahead that begins with `begin` and was not negotiated yet, with what is known of it; nothing
    where `held` is of other intervals."""
    horizon = state.problem.shape[1]
    passed = 0 if held is None else begin - held.begin
    known = 0 if held is None else min(held.told_kw.shape[1] - passed, horizon)
    if held is None or passed < 0 or known <= 0:
        return state
    of_plan = state.kvar(state.first.dispatch)
    levy = None if held.levy_per_kwh is None else _moved(held.levy_per_kwh, passed, np.zeros_like(state.first_kw))
    return replace(
        state,
        rows=_rows(held.rows, passed, horizon),
        told_kw=_moved(held.told_kw, passed, np.full_like(state.first_kw, np.nan)),
        unkept=_intervals(held.unkept, passed, horizon),
        planned_kvar=_moved(held.planned_kvar[None], passed, of_plan[None])[0],
        besides=replace(state.besides, losses=_losses(held.losses, passed, horizon), levy_per_kwh=levy),
        ended=None if held.ended is None else _ended(held.ended, passed, state),
    )


def changed_intervals(state: NegotiationState) -> tuple[int, ...]:
    """The intervals beyond those that bind about which the networks are to be asked: what is planned there is not what
    they spoke of, or breaks a limit. Where a row says already that it does, asking would say no more."""
    changed = np.asarray((moved_share(state) > CHANGED).any(axis=(0, 2)))
    ahead = range(state.binding, state.problem.shape[1])
    return tuple(t for t in ahead if (changed[t] or t in state.unkept) and not breaks_ahead(state, t))


def moved_share(state: NegotiationState) -> FloatArray:
    """(C, T, N) how far injections are from those that the networks were last asked about, as parts of everyone's size;
    infinite where none was asked, zero for a carrier that has no network."""
    size = np.array([max(model.size_kw, 1e-9) for model in state.problem.models])
    share: FloatArray = np.nan_to_num(np.abs(state.last_kw - state.told_kw) / size)
    share[:, np.isnan(state.told_kw).all(axis=(0, 2))] = np.inf
    return share


def _moved(before: FloatArray, passed: int, otherwise: FloatArray) -> FloatArray:
    """Values (C, T, N) from the interval `passed` on, and those (C, H, N) that are known otherwise behind them."""
    result = otherwise.copy()
    kept = before[:, passed:][:, : result.shape[1]]
    result[:, : kept.shape[1]] = kept
    return result


def _intervals(before: frozenset[int], passed: int, horizon: int) -> frozenset[int]:
    return frozenset(t - passed for t in before if 0 <= t - passed < horizon)


def _rows(before: Mapping[RowKey, HeldRow], passed: int, horizon: int) -> dict[RowKey, HeldRow]:
    """The rows; how often their limits were broken in the rounds of a clearing is a matter of that clearing."""
    later = (
        replace(row, interval=row.interval - passed, times_broken=0, worst_excess=0.0)
        for row in before.values()
        if 0 <= row.interval - passed < horizon
    )
    return {row.key: row for row in later}


def _losses(before: Mapping[tuple[int, int], LossTerms], passed: int, horizon: int) -> dict[tuple[int, int], LossTerms]:
    return {(c, t - passed): terms for (c, t), terms in before.items() if 0 <= t - passed < horizon}


def _ended(before: Ended, passed: int, state: NegotiationState) -> Ended:
    """The end, intervals later; those that come into sight begin where the clearing without rows ended."""
    first = state.first
    return Ended(
        lifted=tuple(sorted(_intervals(frozenset(before.lifted), passed, first.sale_kw.shape[1]))),
        end=Start(
            _moved(before.end.z, passed, first.sale_kw),
            _moved(before.end.price_per_kwh, passed, first.price_per_kwh),
            before.end.weight,
        ),
        injection_kw=_moved(before.injection_kw, passed, state.first_kw),
        sale_kw=_moved(before.sale_kw, passed, first.sale_kw),
    )

"""What the networks' reports on a dispatch make of a negotiation: rows linearised at it, and how good it is."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mosaik_p2p.limits.influence import can_influence
from mosaik_p2p.limits.rows import LimitRow
from mosaik_p2p.market.negotiation.limit_rows import HeldRow, RowKey, held_row
from mosaik_p2p.market.negotiation.reactive import ELECTRIC
from mosaik_p2p.market.negotiation.state import Checked, NegotiationState, Reports
from mosaik_p2p.units import FloatArray

CHEAP = 5e-5
"""Of max(|cost|, sum of |cost alone|): a margin that costs no more is taken where a limit is found violated again."""
NOTICEABLE_AHEAD = 1e-3
"""Of a limit: a plan for an interval that does not bind yet may break it by so much, as it will not come quite so."""
FREE_OF_PRICE = 1e-4
"""In scarcity prices: a multiplier below it is none."""


def with_reported_limits(state: NegotiationState, reports: Reports) -> NegotiationState:
    """The state with the networks' reports on the last dispatch: rows linearised at it, and how good it is."""
    rows, hopeless, broken = dict(state.rows), dict(state.hopeless), set()
    first_excess = dict(state.first_excess)
    sizes = np.array([max(model.size_kw, 1e-9) for model in state.problem.models])
    kvar = state.kvar(state.last.constrained.clearing.dispatch)
    prices = _prices(state)
    for (carrier, t), row, is_broken in _reported(reports):
        held = _held(state, row, carrier, t, kvar[t], prices)
        first_excess.setdefault((carrier, t, row.key), row.excess)
        if can_influence(held.slope, sizes, held.excess):
            rows[held.key] = held
            hopeless.pop(held.key, None)
        elif row.excess > 0.0:
            hopeless[held.key] = held
        if is_broken and held.size > 0.0:
            broken.add(held.key)
    is_solved = all(report.is_solved for (_, t), report in reports.items() if t < state.binding)
    told = {key: row for key, row in rows.items() if (key.carrier, key.interval) in reports}
    binding = {key: row for key, row in told.items() if key.interval < state.binding}
    following = replace(
        state,
        rows=rows,
        hopeless=hopeless,
        first_excess=first_excess,
        solved_kw=state.last_kw if is_solved else state.solved_kw,
        unused=_unused(state, binding),
    )
    return _judged(following, reports, frozenset(broken), is_solved=is_solved)


def _judged(
    state: NegotiationState, reports: Reports, broken: frozenset[RowKey], *, is_solved: bool
) -> NegotiationState:
    """The state with what the networks' reports say of the last dispatch in all, of which `broken` are the limits that
    it violates."""
    mendable = [state.rows[key] for key in broken & (state.rows.keys() - state.beyond)]
    excess = sum(_share(row.excess, row) for row in mendable if row.interval < state.binding)
    ahead = [row for row in mendable if row.interval >= state.binding]
    asked = {t for _, t in reports}
    unasked = sorted({key.interval for key in state.rows if key.interval >= state.binding} - asked)
    excess_ahead = sum(_noticeable(row.excess, row) for row in ahead) + sum(_predicted(state, t) for t in unasked)
    unkept = {t for (_, t), report in reports.items() if not report.is_solved}
    unkept |= {row.interval for row in mendable if row.interval < state.binding or _noticeable(row.excess, row)}
    told_kw = state.told_kw.copy()
    for (carrier, t), report in reports.items():
        told_kw[carrier, t] = state.last_kw[carrier, t] if report.is_solved else np.nan
    judged = Checked(state.last, state.rounds, broken, excess if is_solved else np.inf, excess_ahead)
    following = frozenset((state.unkept - asked) | unkept)
    return replace(state, told_kw=told_kw, unkept=following, checked=(*state.checked, judged))


def breaks_ahead(state: NegotiationState, t: int) -> bool:
    """Whether the last dispatch noticeably breaks a row of interval `t` that can be kept, by what the row says."""
    return _predicted(state, t) > 0.0


def _predicted(state: NegotiationState, t: int) -> float:
    """Sum of what it breaks them by, as shares of the limits, noticeable parts only."""
    rows = [row for key, row in state.rows.items() if key.interval == t and key not in state.beyond]
    if not rows:
        return 0.0
    kvar = state.kvar(state.last.constrained.clearing.dispatch)[t]
    return sum(_noticeable(row.predicted(state.last_kw[row.carrier, t], kvar), row) for row in rows)


def _share(excess: float, row: HeldRow) -> float:
    return excess / max(abs(row.limit), 1e-9)


def _noticeable(excess: float, row: HeldRow) -> float:
    """An excess as a share of the limit; zero where it is none worth a word in a plan."""
    share = _share(excess, row)
    return share if share > NOTICEABLE_AHEAD else 0.0


def _reported(reports: Reports) -> list[tuple[tuple[int, int], LimitRow, bool]]:
    """Carrier with interval and row, of the networks that have a solution, and whether its limit counts as broken."""
    return [
        (at, row, row.excess > 0.0 and (row.element, row.quantity) in report.broken)
        for at, report in reports.items()
        if report.is_solved
        for row in report.rows
    ]


def _prices(state: NegotiationState) -> dict[RowKey, float]:
    """Money per unit and hour of each row in the last clearing."""
    log, prices = state.last.log, dict[RowKey, float]()
    for row, multiplier in zip(log.rows, log.multiplier.tolist(), strict=True):
        prices[row.key] = prices.get(row.key, 0.0) + multiplier
    return prices


def _held(
    state: NegotiationState,
    row: LimitRow,
    carrier: int,
    t: int,
    plan_kvar: FloatArray,
    prices: Mapping[RowKey, float],
) -> HeldRow:
    """The row linearised at the last dispatch; `prices` are those of the rows in the last clearing."""
    kvar = plan_kvar if carrier == ELECTRIC else None
    now_kw, names, share = state.last_kw[carrier, t], state.problem.names, state.margin_share
    held = held_row(row, carrier, names, now_kw, state.rows, kvar, interval=t, margin_share=share)
    if held.excess <= 0.0 or held.key not in state.rows or not prices:
        return held
    cheap, price = CHEAP * state.scale / state.problem.dt_h, prices.get(held.key, 0.0)
    affordable = cheap / price if price else np.inf
    return held_row(row, carrier, names, now_kw, state.rows, kvar, affordable, interval=t, margin_share=share)


def _unused(state: NegotiationState, rows: Mapping[RowKey, HeldRow]) -> float:
    """Money that clearing anew under `rows` may save: what is paid for room that was left, and what surcharges change
    by where slopes did, on a way as long as the last one."""
    log, room, least = state.last.log, 0.0, FREE_OF_PRICE * state.problem.scarcity_price_per_kwh
    turned = np.zeros_like(state.last_kw)
    for before, price in zip(log.rows, log.multiplier, strict=True):
        now = rows.get(before.key)
        if now is not None and before.key not in log.beyond and before.size * price > least:
            room += price * max(-now.excess - now.margin, 0.0)
            turned[now.carrier, now.interval] += price * (now.slope - before.slope)
    before_kw = state.checked[-1].offer.constrained.injection_kw if state.checked else state.first_kw
    moved = np.abs(state.last_kw - before_kw)
    return state.problem.dt_h * float(room + np.sum(np.abs(turned) * moved))

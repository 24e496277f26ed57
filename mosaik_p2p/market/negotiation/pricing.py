"""A round of the negotiation by prices: clear under the rows of all limits that were broken or nearly so.

Reactive power follows the plan, and the rows hold it constant: so a clearing is repeated with its own plan in their
bounds until the plan rests, before the networks are asked again. What nobody can keep shows as slack; then relief is
worth the highest price that anyone offers, and the market clears once more.
"""

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import Progress
from mosaik_p2p.market.negotiation.constrained_clearing import Limited, clear_limited, start_from
from mosaik_p2p.market.negotiation.limit_rows import MARGIN, HeldRow, RowKey
from mosaik_p2p.market.negotiation.operator_step import Limits
from mosaik_p2p.market.negotiation.standing import ELECTRIC, Move, Offer, RoundLog, Standing
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


def priced(standing: Standing, settings: Settings, on_check: Progress | None) -> tuple[Standing, Offer]:
    """Clear under all rows. Raises NotSolved where a programme has no numerical solution."""
    rows = tuple(standing.rows.values())
    found = _for_its_plan(standing, rows, frozenset(), settings, on_check)
    lacking = frozenset(
        row.key
        for row, slack in zip(rows, found.limited.slack, strict=True)
        if slack > NOTICEABLE_SLACK * max(abs(row.limit), 1e-9)
    )
    worthless: tuple[HeldRow, ...] = ()
    if lacking:
        rows, worthless = _worth_relief(standing, rows, found.limited, lacking)
        again = _for_its_plan(replace(standing, end=found.limited.end), rows, lacking, settings, on_check)
        found = replace(again, iterations=again.iterations + found.iterations)
    limited = _told(found, lacking)
    offer = Offer(limited, _log(standing, found.rows, worthless, limited, lacking))
    missed = limited.clearing.status is Status.NOT_CONVERGED
    following = replace(
        standing,
        last=offer,
        lacking=lacking,
        end=limited.end,
        rounds=standing.rounds + 1,
        unconverged=standing.unconverged + int(missed),
    )
    return following, offer


@dataclass(frozen=True)
class _Found:
    """A clearing and the rows, as they stand for its plan."""

    rows: tuple[HeldRow, ...]
    limited: Limited
    iterations: int
    """Of all clearings that it took."""


def _told(found: _Found, lacking: frozenset[RowKey]) -> Limited:
    """The clearing with all iterations that it took, and with what there is to say of relief that nobody can finish."""
    clearing, causes = replace(found.limited.clearing, iterations=found.iterations), []
    if lacking:
        causes.append(f"{len(lacking)} limits are beyond what prosumers can do; relief is paid up to the highest offer")
    if clearing.cause:
        causes.append(clearing.cause)
    return replace(found.limited, clearing=replace(clearing, cause="; ".join(causes) or None))


def _worth_relief(
    standing: Standing, rows: tuple[HeldRow, ...], limited: Limited, lacking: frozenset[RowKey]
) -> tuple[tuple[HeldRow, ...], tuple[HeldRow, ...]]:
    """The rows without those that all that can be done would hardly move, or that got no better by what was done, and
    these."""
    kept: list[HeldRow] = []
    worthless: list[HeldRow] = []
    for row, slack in zip(rows, limited.slack, strict=True):
        before, reached = (float(row.slope @ x[row.carrier]) for x in (standing.first_kw, limited.injection_kw))
        has_relief = before - reached > WORTHLESS_RELIEF * slack
        was_relieved = standing.rounds == 0 or row.excess < standing.first_excess[row.carrier, row.key.limit]
        is_kept = row.key not in lacking or (has_relief and was_relieved)
        (kept if is_kept else worthless).append(row)
    return tuple(kept), tuple(worthless)


def _log(
    standing: Standing,
    rows: tuple[HeldRow, ...],
    worthless: tuple[HeldRow, ...],
    limited: Limited,
    lacking: frozenset[RowKey],
) -> RoundLog:
    """The rows of a clearing, then those that were left out of it, which have no price."""
    left_out = (*worthless, *standing.hopeless.values())
    broken = [max(float(row.slope @ limited.injection_kw[row.carrier]) - row.bound, 0.0) for row in left_out]
    return RoundLog(
        Move.PRICES,
        (*rows, *left_out),
        np.concatenate([limited.multiplier, np.zeros(len(left_out))]),
        np.concatenate([limited.slack, broken]),
        lacking | standing.hopeless.keys(),
    )


# -- a plan that its own reactive power is in -----------------------------------------------------------------------


def _for_its_plan(
    standing: Standing,
    rows: tuple[HeldRow, ...],
    capped: frozenset[RowKey],
    settings: Settings,
    on_check: Progress | None,
) -> _Found:
    """The clearing under rows whose constant is the reactive power of the clearing itself, as nearly as it matters."""
    planned = standing.kvar(standing.last.limited.clearing.dispatch)
    taken = before = np.zeros_like(planned)
    now, spent = standing, 0
    for renewal in range(RENEWALS):
        held = tuple(row.renewed(planned) if row.carrier == ELECTRIC else row for row in rows)
        limited = _cleared(now, Limits(held, None, capped, standing.unavoidable_kw), settings, on_check)
        now, spent = replace(now, end=limited.end), spent + limited.clearing.iterations
        following = standing.kvar(limited.clearing.dispatch) - planned
        if all(_rests(row, following) for row in held):
            break
        taken = following if renewal == 0 else _shortened(taken, before, following)
        planned, before = planned + taken, following
    return _Found(held, limited, spent)


def _rests(row: HeldRow, change_kvar: FloatArray) -> bool:
    moved = 0.0 if row.kvar_slope is None or row.carrier != ELECTRIC else abs(float(row.kvar_slope @ change_kvar))
    return moved <= max(SETTLED * abs(row.excess), MARGIN * abs(row.limit))


def _shortened(taken: FloatArray, before: FloatArray, change: FloatArray) -> FloatArray:
    """The next step of a fixed-point iteration that was asked for `before`, took `taken` of it, and is now asked for
    `change`, at Aitken's length (Irons, Tuck 1969): where it swings half-way, where it creeps farther."""
    turn = change - before
    square = float(turn @ turn)
    length = -float(taken @ turn) / square if square > 0.0 else 1.0
    result: FloatArray = np.clip(length, 0.25, 4.0) * change
    return result


def _is_worse(one: Limited) -> tuple[bool, float]:
    return one.clearing.status is Status.NOT_CONVERGED, abs(one.clearing.relative_gap)


def _cleared(standing: Standing, limits: Limits, settings: Settings, on_check: Progress | None) -> Limited:
    """From where the last clearing ended; where that leads astray, from the data. The better of the two."""
    start, problem, alone = standing.end, standing.problem, standing.fleet.alone
    if start is None and standing.first.form == "network":
        start = start_from(problem, standing.first, standing.first.end.weight)
    warm = None
    if start is not None:
        brief = replace(settings, max_iterations=min(settings.max_iterations, WARM_ITERATIONS))
        with suppress(NotSolved):
            warm = clear_limited(problem, limits, brief, alone=alone, start=start, on_check=on_check)
        if warm is not None and warm.clearing.status is not Status.NOT_CONVERGED:
            return warm
    cold = clear_limited(problem, limits, settings, alone=alone, on_check=on_check)
    if warm is None:
        return cold
    spent = cold.clearing.iterations + warm.clearing.iterations
    best = min((cold, warm), key=_is_worse)
    return replace(best, clearing=replace(best.clearing, iterations=spent))

"""The market's half of the negotiation: what to clear next after the networks have judged a dispatch.

Every round holds the limits that were broken or nearly so as rows (`rows`), clears again from where the last
round ended, and hands the dispatch back to be checked. Rows are kept for the rest of the interval and linearised anew
whenever a network reports them again. What follows is decided in this order:

    nothing broken                       accept
    only what nobody can mend is broken  accept, and say so
    kept, but with room that was paid    clear under the rows anew, at most `TIGHTENINGS` times
    a network has no solution            half-way back to injections for which it had one, at most `SHRINKINGS` times
    rounds are left                      clear under the rows
    no rounds are left, or the clearing  an operating envelope, at most `ENVELOPES` times
    under rows does not converge

An envelope pins every injection on the line from the least exchange that is possible to the last dispatch, as far out
as the rows, with room to spare, allow: both ends are dispatches that everyone can follow, so everything between is one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from mosaik_p2p.errors import Status
from mosaik_p2p.market import admm
from mosaik_p2p.market.clearing import Clearing, Progress
from mosaik_p2p.market.exclusive import with_meters_held
from mosaik_p2p.market.fleet import Fleet
from mosaik_p2p.market.limited import (
    Limited,
    clear_limited,
    connected,
    injections,
    least_exchange,
    start_from,
)
from mosaik_p2p.market.operator import Limits
from mosaik_p2p.market.presolve import within_balance
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.recourse import scarcity_price
from mosaik_p2p.market.rows import HeldRow, LimitRow, RowKey, can_be_influenced, held_row
from mosaik_p2p.units import FloatArray

ENVELOPES = 3
"""Envelopes at most after the last round of prices, each with twice the room of the one before."""
SHRINKINGS = 4
BACK = 0.5
"""How far to go back towards injections for which a network had a solution."""
TIGHTENINGS = 1
LOOSE = 0.05
"""Room left in a limit that has a price, as a part of what was broken before, from which another round pays: the row
was linearised where the limit was badly broken."""
FREE_OF_PRICE = 1e-4
"""In scarcity prices: a multiplier below it is none."""
LEFT_OF_RELIEF = 0.02
"""Part of what prosumers can do for a limit beyond their means that is not asked of them: the last bit has no finite
price."""
WORTHLESS_RELIEF = 0.01
"""Relief below this part of what is still broken is not asked for at all."""
NOTICEABLE_SLACK = 1e-4
"""Of a limit: a row broken by more is beyond what prosumers can do."""


class Move(StrEnum):
    """How a round's dispatch was found."""

    FREE = "posted_charges"
    PRICES = "surcharges"
    SHRUNK = "towards_solvable"
    ENVELOPE = "envelope"


_PINNED = {
    Move.SHRUNK: "injections moved half-way back to where the networks have a solution",
    Move.ENVELOPE: "operating envelope: injections given, since prices did not end the violations",
}


@dataclass(frozen=True)
class NetworkReport:
    """What one network says about a dispatch."""

    is_solved: bool
    broken: frozenset[tuple[str, str]]
    """Element and quantity of every broken limit that prosumers may have an influence on."""
    rows: tuple[LimitRow, ...]


@dataclass(frozen=True)
class RoundLog:
    """What one round held and found; written to the table `negotiation`."""

    move: Move
    rows: tuple[HeldRow, ...]
    multiplier: FloatArray
    slack: FloatArray
    beyond: frozenset[RowKey]


@dataclass(frozen=True)
class Standing:
    """An interval under negotiation, by the last dispatch. Nothing in it outlives the interval."""

    problem: MarketProblem
    fleet: Fleet
    """With all contracts: what everyone does alone."""
    first: Clearing
    first_kw: FloatArray
    """(C, N) injections of the clearing without rows."""
    last_kw: FloatArray
    """(C, N) injections of the last dispatch, as cleared."""
    solved_kw: FloatArray | None
    """The last ones for which every network had a solution."""
    rows: Mapping[RowKey, HeldRow]
    beyond: frozenset[RowKey]
    """Limits that prosumers cannot keep, or not influence at all."""
    end: admm.Start | None
    rounds: int
    envelopes: int
    shrinkings: int
    tightenings: int
    multiplier: Mapping[RowKey, float]
    """Of the last dispatch, where it came by prices."""


@dataclass(frozen=True)
class Offer:
    """The market's next dispatch, and how it came about."""

    limited: Limited
    log: RoundLog


def opened(raw: MarketProblem, first: Clearing) -> Standing:
    """The interval before anything was checked; `raw` is the market without recourse."""
    problem = _with_meters_held(within_balance(connected(raw)), first)
    injection = injections(problem, first.dispatch)
    return Standing(
        problem=problem,
        fleet=Fleet(problem),
        first=first,
        first_kw=injection,
        last_kw=injection,
        solved_kw=None,
        rows={},
        beyond=frozenset(),
        end=None,
        rounds=0,
        envelopes=0,
        shrinkings=0,
        tightenings=0,
        multiplier={},
    )


def _with_meters_held(problem: MarketProblem, first: Clearing) -> MarketProblem:
    """The operator's step knows no directions: meters keep those of the clearing without rows in the open interval."""
    parts = zip(problem.models, first.dispatch, strict=True)
    return replace(problem, models=tuple(with_meters_held(model, done.x, 0) for model, done in parts))


def answered(
    standing: Standing,
    reports: Mapping[int, NetworkReport],
    settings: Settings,
    *,
    max_rounds: int,
    on_check: Progress | None = None,
) -> tuple[Standing, Offer | None]:
    """What follows from the networks' `reports` (by carrier) on the last dispatch; None accepts it as it stands.

    Raises NotSolved where a programme has no numerical solution.
    """
    noted = _noted(standing, reports)
    if not all(report.is_solved for report in reports.values()):
        if noted.shrinkings >= SHRINKINGS:
            return noted, None
        further = replace(noted, shrinkings=noted.shrinkings + 1)
        return _pinned(further, _half_way_back(further), Move.SHRUNK, settings, on_check)
    if not _open(noted, reports):
        if noted.tightenings >= TIGHTENINGS or noted.rounds + 1 >= max_rounds or not _loose(noted):
            return noted, None
        noted = replace(noted, tightenings=noted.tightenings + 1)
    if noted.rounds < max_rounds:
        following, offer = _priced(noted, settings, on_check)
        if offer.limited.clearing.status is not Status.NOT_CONVERGED:
            return following, offer
    if noted.envelopes >= ENVELOPES:
        return noted, None
    further = replace(noted, envelopes=noted.envelopes + 1)
    return _pinned(further, _envelope(noted), Move.ENVELOPE, settings, on_check)


def _noted(standing: Standing, reports: Mapping[int, NetworkReport]) -> Standing:
    """The standing with the reported rows held, linearised at the last dispatch."""
    rows, beyond = dict(standing.rows), set(standing.beyond)
    names, size = standing.problem.names, _sizes(standing)
    for carrier, report in reports.items():
        for row in report.rows if report.is_solved else ():
            held = held_row(row, carrier, names, standing.last_kw[carrier], rows)
            if can_be_influenced(held, size):
                rows[held.key] = held
            elif row.excess > 0:
                beyond.add(held.key)
    solved = standing.last_kw if all(report.is_solved for report in reports.values()) else standing.solved_kw
    return replace(standing, rows=rows, beyond=frozenset(beyond), solved_kw=solved)


def _sizes(standing: Standing) -> FloatArray:
    return np.array([max(model.size_kw, 1e-9) for model in standing.problem.models])


def _open(standing: Standing, reports: Mapping[int, NetworkReport]) -> bool:
    """Whether a limit is broken that prosumers can do something about, on the side on which it is broken now."""
    names, mendable = standing.problem.names, standing.rows.keys() - standing.beyond
    return any(
        held_row(row, carrier, names, standing.last_kw[carrier], {}).key in mendable
        for carrier, report in reports.items()
        for row in report.rows
        if row.excess > 0 and (row.element, row.quantity) in report.broken
    )


def _loose(standing: Standing) -> bool:
    """Whether a limit that prosumers paid to keep was left with room: it was linearised too far away."""
    worthless = FREE_OF_PRICE * scarcity_price(standing.problem)
    return any(
        row.size * standing.multiplier.get(key, 0.0) > worthless and -row.excess > LOOSE * row.worst_excess > 0.0
        for key, row in standing.rows.items()
        if key not in standing.beyond
    )


# -- by prices ----------------------------------------------------------------------------------------------------


def _priced(standing: Standing, settings: Settings, on_check: Progress | None) -> tuple[Standing, Offer]:
    """Clear under all rows; what cannot be kept is asked for as far as it can be had, at the price of that."""
    rows = tuple(standing.rows.values())
    limited = _cleared(standing, Limits(rows), settings, on_check)
    lacking = [n for n, row in enumerate(rows) if limited.slack[n] > NOTICEABLE_SLACK * max(abs(row.limit), 1e-9)]
    beyond = standing.beyond | {rows[n].key for n in lacking}
    if lacking:
        rows = _within_means(standing, rows, limited, lacking)
        limited = _cleared(replace(standing, end=limited.end), Limits(rows), settings, on_check)
    following = replace(
        standing,
        last_kw=limited.injection_kw,
        beyond=frozenset(beyond),
        end=limited.end,
        rounds=standing.rounds + 1,
        multiplier={row.key: float(mu) for row, mu in zip(rows, limited.multiplier, strict=True)},
    )
    log = RoundLog(Move.PRICES, rows, limited.multiplier, limited.slack, frozenset(beyond))
    return following, Offer(limited, log)


def _cleared(standing: Standing, limits: Limits, settings: Settings, on_check: Progress | None) -> Limited:
    start = standing.end
    if start is None and standing.first.form == "network":
        start = start_from(standing.problem, standing.first, standing.first.end.weight)
    alone = standing.fleet.alone
    limited = clear_limited(standing.problem, limits, settings, alone=alone, start=start, on_check=on_check)
    if limited.clearing.status is not Status.NOT_CONVERGED or start is None:
        return limited
    return clear_limited(standing.problem, limits, settings, alone=alone, on_check=on_check)


def _within_means(
    standing: Standing, rows: tuple[HeldRow, ...], limited: Limited, lacking: list[int]
) -> tuple[HeldRow, ...]:
    """The rows, those that cannot be kept moved to nearly what prosumers can reach, or left out."""
    kept = []
    for n, row in enumerate(rows):
        if n not in lacking:
            kept.append(row)
            continue
        before, reached = (float(row.slope @ x[row.carrier]) for x in (standing.first_kw, limited.injection_kw))
        relief = before - reached
        if relief > WORTHLESS_RELIEF * limited.slack[n]:
            kept.append(row.relaxed(reached + LEFT_OF_RELIEF * relief - row.bound))
    return tuple(kept)


# -- by pinning ---------------------------------------------------------------------------------------------------


def _pinned(
    standing: Standing, pinned_kw: FloatArray, move: Move, settings: Settings, on_check: Progress | None
) -> tuple[Standing, Offer]:
    """Clear with all injections given; contracts and trades serve them at the least cost."""
    limited = clear_limited(
        standing.problem, Limits((), pinned_kw), settings, alone=standing.fleet.alone, on_check=on_check
    )
    cause = f"{_PINNED[move]}; {limited.clearing.cause}" if limited.clearing.cause else _PINNED[move]
    limited = replace(limited, clearing=replace(limited.clearing, cause=cause))
    rows = tuple(standing.rows.values())
    slack = np.array([max(float(row.slope @ limited.injection_kw[row.carrier]) - row.bound, 0.0) for row in rows])
    following = replace(standing, last_kw=limited.injection_kw, rounds=standing.rounds + 1, multiplier={})
    return following, Offer(limited, RoundLog(move, rows, np.zeros(len(rows)), slack, standing.beyond))


def _half_way_back(standing: Standing) -> FloatArray:
    back = standing.solved_kw
    if back is None:
        back = least_exchange(standing.problem)
    result: FloatArray = back + (1.0 - BACK) * (standing.last_kw - back)
    return result


def _envelope(standing: Standing) -> FloatArray:
    """Injections on the line from the least exchange to the last dispatch that keep the rows best, as far as possible.

    Room to spare: what was broken last, once, twice, four times.
    """
    inner = least_exchange(standing.problem)
    way = standing.last_kw - inner
    spare = 2.0**standing.envelopes
    begin, slope, weight = [], [], []
    for row in standing.rows.values():
        begin.append(float(row.slope @ inner[row.carrier]) - row.bound + spare * max(row.excess, 0.0))
        slope.append(float(row.slope @ way[row.carrier]))
        weight.append(1.0 / row.size)
    result: FloatArray = inner + _farthest(np.array(begin), np.array(slope), np.array(weight)) * way
    return result


def _farthest(begin: FloatArray, slope: FloatArray, weight: FloatArray) -> float:
    """The largest share in [0, 1] with the least `sum weight * max(begin + share * slope, 0)`: at an end or a kink."""
    moving = slope != 0.0
    kinks = -begin[moving] / slope[moving]
    shares = np.concatenate([[0.0, 1.0], kinks[(kinks > 0.0) & (kinks < 1.0)]])
    broken = np.array([float(weight @ np.maximum(begin + share * slope, 0.0)) for share in shares])
    least = broken.min(initial=np.inf)
    return float(shares[broken <= least * (1 + 1e-9) + 1e-12].max())

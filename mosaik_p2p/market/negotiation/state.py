"""A look-ahead under negotiation: what the networks said of each dispatch, the limits held as rows, and what is best.

Of its intervals the networks are asked about some: about the first one where they judge what is dispatched now, about
all where they are asked before anything is, and about those whose plan has changed where limits are known from before.

Nothing here clears anything; see `protocol` for what follows when.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from mosaik_p2p.limits.influence import can_influence
from mosaik_p2p.limits.rows import LimitKey, LimitRow
from mosaik_p2p.market.certificate import least_scale
from mosaik_p2p.market.clearing import Clearing, unpublished
from mosaik_p2p.market.negotiation.constrained_clearing import (
    ConstrainedClearing,
    Ended,
    Way,
    connected,
    imbalances,
    injections,
)
from mosaik_p2p.market.negotiation.limit_rows import MARGIN, HeldRow, RowKey, held_row
from mosaik_p2p.market.negotiation.limits import Limits
from mosaik_p2p.market.negotiation.reactive import ELECTRIC, kvar_per_kw
from mosaik_p2p.market.presolve import within_balance
from mosaik_p2p.market.problem import MarketProblem, PreparedProblem, placed
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.prosumer_step.storage_direction import with_meters_held
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.market.sides import cleared_by
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.units import FloatArray

CHEAP = 5e-5
"""Of max(|cost|, sum of |cost alone|): a margin that costs no more is taken where a limit is found violated again."""
NOTHING = Limits(())
"""Beside the rows."""
NOTICEABLE_AHEAD = 1e-3
"""Of a limit: a plan for an interval that does not bind yet may break it by so much, as it will not come quite so."""
FREE_OF_PRICE = 1e-4
"""In scarcity prices: a multiplier below it is none."""


class Move(StrEnum):
    """How a round's dispatch was found."""

    FREE = "posted_charges"
    PRICES = "surcharges"
    SHRUNK = "towards_solvable"
    ENVELOPE = "envelope"


@dataclass(frozen=True)
class NetworkReport:
    """What one network says about a dispatch."""

    is_solved: bool
    broken: frozenset[tuple[str, str]]
    """Element and quantity of every violated limit."""
    rows: tuple[LimitRow, ...]


Reports = Mapping[tuple[int, int], NetworkReport]
"""What the networks say, by carrier and interval."""


@dataclass(frozen=True)
class RoundLog:
    """What one round held and found; written to the table `negotiation`."""

    move: Move
    rows: tuple[HeldRow, ...]
    multiplier: FloatArray
    slack: FloatArray
    beyond: frozenset[RowKey]


@dataclass(frozen=True)
class Offer:
    """A dispatch of the market, and how it came about."""

    constrained: ConstrainedClearing
    log: RoundLog


@dataclass(frozen=True)
class Checked:
    """An offer that the networks have judged."""

    offer: Offer
    number: int
    """Of its round."""
    broken: frozenset[RowKey]
    """Limits violated then, those that prosumers cannot keep too."""
    excess: float
    """Sum of what breaks the limits that can be kept in the intervals that bind, as shares of them: none where all are
    kept; infinite where a network had no solution."""
    excess_ahead: float = 0.0
    """The same of the other intervals, noticeable parts only."""

    @property
    def is_solved(self) -> bool:
        """Whether every network had a solution."""
        return bool(np.isfinite(self.excess))

    @property
    def cost(self) -> float:
        """Money over the look-ahead."""
        return self.offer.constrained.clearing.cost

    @property
    def rank(self) -> tuple[float, float, float]:
        """The least is the best."""
        return self.excess, self.excess_ahead, self.cost


@dataclass(frozen=True)
class NegotiationState:
    """A look-ahead under negotiation, by the last dispatch."""

    problem: PreparedProblem
    fleet: Fleet
    """With all contracts: what everyone does alone."""
    kvar_per_kw: tuple[FloatArray, ...]
    """By prosumer, (K, T): reactive power that each variable of its dispatch injects, kvar per kW."""
    first: Clearing
    first_kw: FloatArray
    """(C, T, N) injections of the clearing without rows."""
    unavoidable_kw: FloatArray
    """(2, C, T, N) what it left lacking, and too much."""
    last: Offer
    told_kw: FloatArray
    """(C, T, N) injections that the networks were last asked about; NaN where they were not, or had no solution."""
    binding: int = 1
    """The first intervals, whose limits have to be kept exactly."""
    unkept: frozenset[int] = frozenset()
    """Intervals of which the networks last said that a limit is broken which can be kept, or had no solution."""
    solved_kw: FloatArray | None = None
    """(C, T, N) injections of the last dispatch for which every network had a solution in the intervals that bind."""
    rows: Mapping[RowKey, HeldRow] = field(default_factory=dict)
    hopeless: Mapping[RowKey, HeldRow] = field(default_factory=dict)
    """Violated limits that prosumers do not move noticeably."""
    lacking: frozenset[RowKey] = frozenset()
    """Limits that the last clearing by prices could not keep."""
    first_excess: Mapping[tuple[int, int, LimitKey], float] = field(default_factory=dict)
    """By carrier, interval and limit: by how much it was violated when the networks first spoke of it, in its unit."""
    besides: Limits = NOTHING
    """Boxes, losses and levy of the next clearing; its rows are those of the state."""
    way: Way = cleared_by
    """How clearings under rows find their point of rest."""
    margin_share: float = MARGIN
    """Part of a limit by which its row stays clear of it in any case."""
    ended: Ended | None = None
    """Where the last clearing under rows ended, from which the next one starts."""
    planned_kvar: FloatArray | None = None
    """(T, N) reactive power that the next clearing is likely to plan; None: that of the last dispatch."""
    rounds: int = 0
    envelopes: int = 0
    shrinkings: int = 0
    tightenings: int = 0
    rounds_ahead: int = 0
    """Those for the look-ahead alone."""
    unconverged: int = 0
    unused: float = 0.0
    """Money that rows linearised at the last dispatch might save."""
    checked: tuple[Checked, ...] = ()
    is_final: bool = False
    """Whether the last dispatch was checked before."""

    @classmethod
    def initial(
        cls,
        prosumers: Sequence[Prosumer],
        raw: MarketProblem,
        first: Clearing,
        *,
        asked: Sequence[int] = (0,),
        binding: int | None = None,
    ) -> "NegotiationState":
        """The look-ahead before anything was checked; `raw` is the market without imbalances priced, `asked` are the
        intervals that the networks are asked about, of which the first `binding` ones bind; None: all.

        From here on charges of places are among the prosumers' costs, and prices are the market's (see `published`).
        """
        problem = _with_meters_held(within_balance(placed(connected(raw))), first, asked)
        first = unpublished(first, raw.place)
        injection = injections(problem, first.dispatch)
        none = np.zeros(0)
        # Nothing has been cleared under rows yet: there is no such end to start from, and nobody pays surcharges.
        nothing = np.zeros_like(injection)
        free = ConstrainedClearing(first, (), nothing, nothing, none, none, injection, first.end)
        return cls(
            problem=problem,
            fleet=Fleet(problem),
            kvar_per_kw=tuple(kvar_per_kw(*pair) for pair in zip(prosumers, problem.models, strict=True)),
            first=first,
            first_kw=injection,
            unavoidable_kw=imbalances(problem, first.dispatch),
            last=Offer(free, RoundLog(Move.FREE, (), none, none, frozenset())),
            told_kw=np.full_like(injection, np.nan),
            binding=max(asked) + 1 if binding is None else binding,
        )

    @property
    def last_kw(self) -> FloatArray:
        """(C, T, N) injections of the last dispatch, as cleared."""
        return self.last.constrained.injection_kw

    @property
    def beyond(self) -> frozenset[RowKey]:
        """Limits that prosumers cannot keep, or not influence at all."""
        return self.lacking | self.hopeless.keys()

    @property
    def scale(self) -> float:
        """What money is related to: max(|cost|, sum of |cost alone|), and never nothing."""
        return max(abs(self.last.constrained.clearing.cost), least_scale(self.fleet))

    @property
    def best(self) -> Checked | None:
        """The cheapest dispatch that kept every limit that can be kept."""
        kept = [one for one in self.checked if one.excess == 0.0]
        return min(kept, key=lambda one: one.rank) if kept else None

    def breaks_ahead(self, t: int) -> bool:
        """Whether the last dispatch noticeably breaks a row of interval `t` that can be kept, by what the row says."""
        return self._predicted(t) > 0.0

    def _predicted(self, t: int) -> float:
        """Sum of what it breaks them by, as shares of the limits, noticeable parts only."""
        rows = [row for key, row in self.rows.items() if key.interval == t and key not in self.beyond]
        if not rows:
            return 0.0
        kvar = self.kvar(self.last.constrained.clearing.dispatch)[t]
        return sum(_noticeable(row.predicted(self.last_kw[row.carrier, t], kvar), row) for row in rows)

    def kvar(self, dispatch: tuple[Completion, ...]) -> FloatArray:
        """(T, N) reactive power that a plan injects, beside that of loads that cannot be moved."""
        parts = zip(self.kvar_per_kw, dispatch, strict=True)
        return np.stack([(share * done.x).sum(axis=0) for share, done in parts], axis=-1)


def _with_meters_held(problem: PreparedProblem, first: Clearing, asked: Sequence[int]) -> PreparedProblem:
    """The operator's step knows no directions: meters keep those of the clearing without rows where it is taken."""
    models = list(problem.models)
    for i, done in enumerate(first.dispatch):
        for t in asked:
            models[i] = with_meters_held(models[i], done.x, t)
    return replace(problem, models=tuple(models))


def with_reported_limits(state: NegotiationState, reports: Reports) -> NegotiationState:
    """The state with the networks' reports on the last dispatch: rows linearised at it, and how good it is."""
    rows, hopeless, broken = dict(state.rows), dict(state.hopeless), set()
    first_excess = dict(state.first_excess)
    sizes = np.array([max(model.size_kw, 1e-9) for model in state.problem.models])
    kvar = state.kvar(state.last.constrained.clearing.dispatch)
    for (carrier, t), row, is_broken in _reported(reports):
        held = _held(state, row, carrier, t, kvar[t])
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
    excess_ahead = sum(_noticeable(row.excess, row) for row in ahead) + sum(state._predicted(t) for t in unasked)
    unkept = {t for (_, t), report in reports.items() if not report.is_solved}
    unkept |= {row.interval for row in mendable if row.interval < state.binding or _noticeable(row.excess, row)}
    told_kw = state.told_kw.copy()
    for (carrier, t), report in reports.items():
        told_kw[carrier, t] = state.last_kw[carrier, t] if report.is_solved else np.nan
    judged = Checked(state.last, state.rounds, broken, excess if is_solved else np.inf, excess_ahead)
    following = frozenset((state.unkept - asked) | unkept)
    return replace(state, told_kw=told_kw, unkept=following, checked=(*state.checked, judged))


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


def _held(state: NegotiationState, row: LimitRow, carrier: int, t: int, plan_kvar: FloatArray) -> HeldRow:
    kvar = plan_kvar if carrier == ELECTRIC else None
    now_kw, names = state.last_kw[carrier, t], state.problem.names
    share = state.margin_share
    held = held_row(row, carrier, names, now_kw, state.rows, kvar, interval=t, margin_share=share)
    log = state.last.log
    price = sum(float(mu) for one, mu in zip(log.rows, log.multiplier, strict=True) if one.key == held.key)
    if held.excess <= 0.0 or held.key not in state.rows or not log.rows:
        return held
    cheap = CHEAP * state.scale / state.problem.dt_h
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

"""Operating envelopes: before it trades, everyone is told what it may inject, and every corner keeps the limits.

The boxes stand around the least exchange that keeps the limits (`least_exchange`), and give everybody the same share of
what its devices could do (`envelope.boxes`). In the market a box is a limit at the meter, as that of a connection is:
no prosumer has to know of the others', and none pays a surcharge for electricity. The plan is checked: where its
reactive power breaks a limit, the boxes are made anew with room for it.

What was published for an interval stands: a rolling market adds the boxes of the intervals that come into sight. Where
what turned out does not let somebody keep to his, all are made anew.

Temperatures of heat networks are no monotonous functions of what is drawn: boxes could not be trusted there. The limits
of heat are kept as rows in the intervals that bind, and their surcharges are paid.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import Clearing, published
from mosaik_p2p.market.designs.asking import exchanges_of
from mosaik_p2p.market.designs.base import Cleared, Design, Task
from mosaik_p2p.market.designs.envelope.least_exchange import least_exchange_within
from mosaik_p2p.market.designs.envelope.meters import (
    Envelope,
    envelopes_around,
    envelopes_table,
    goes_beyond,
    within,
)
from mosaik_p2p.market.designs.envelope.under_rows import Ask, kept_by_rows
from mosaik_p2p.market.designs.operator import Exchange, Operator
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.negotiation.limit_rows import HeldRow, RowKey
from mosaik_p2p.market.negotiation.reactive import ELECTRIC
from mosaik_p2p.market.negotiation.state import NegotiationState, NetworkReport
from mosaik_p2p.units import CARRIERS, FloatArray

HEAT_ROUNDS = 6
"""Clearings under rows of the heat network at the most."""
ROOM_ROUNDS = 4
"""Times that boxes are made anew, with more room, at the most."""
MORE = 1.5
"""Of what room was lacking for a plan: the next one's reactive power is another one again."""


@dataclass(frozen=True)
class Published:
    """Envelopes that are known, by interval from `begin` on, counted from the begin of the run."""

    begin: int
    envelopes: tuple[Envelope, ...]

    def known_at(self, begin: int) -> tuple[Envelope, ...]:
        """Those from an interval on."""
        return self.envelopes[begin - self.begin :]


@dataclass(frozen=True)
class _Made:
    """Envelopes of the whole look-ahead, and what was cleared to know them."""

    envelopes: tuple[Envelope, ...]
    rounds: int = 0
    iterations: int = 0
    rows: Mapping[RowKey, HeldRow] = field(default_factory=dict)


class Envelopes(Design):
    """Trades within boxes of which every corner keeps the limits of the electric network."""

    asks_networks: ClassVar[bool] = True
    example: ClassVar[str] = "{ spare_kw = 2 }"
    spare_kw: Annotated[float, Field(ge=0, le=1e6)] = 2.0
    """Room that the least exchange, around which the boxes stand, leaves to every limit: in kW at the prosumer that
    moves it most."""

    def clear(self, task: Task) -> Cleared:
        """See Design. Without networks there are no boxes, and none are needed."""
        if task.operator is None:
            return Cleared(task.clear(task.problem, task.start), task.raw, task.problem)
        known = task.carried.known_at(task.begin) if isinstance(task.carried, Published) else ()
        return (self._going_on(task, task.operator, known) if known else None) or self._anew(task, task.operator)

    def _going_on(self, task: Task, operator: Operator, known: tuple[Envelope, ...]) -> Cleared | None:
        """Within what was published before; None where that cannot be, or does not keep the limits now."""
        made = self._made(task, operator, np.zeros(task.raw.shape[1]), known=known[: task.raw.shape[1]])
        first = _cleared_within(task, made)
        cleared = _with_heat_kept(task, first, operator)
        binding = task.settings.binding
        if goes_beyond(cleared.problem, cleared.clearing.dispatch):
            return None
        return None if _lacking_kw(task, operator, made, cleared)[:binding].any() else _told(task, made, cleared)

    def _anew(self, task: Task, operator: Operator) -> Cleared:
        """Boxes with as much room as the plan turns out to need."""
        room_kw, made, spent = np.zeros(task.raw.shape[1]), _Made(()), _Made(())
        for number in range(ROOM_ROUNDS + 1):
            made = self._made(task, operator, room_kw, rows=made.rows)
            cleared = _cleared_within(task, made)
            lacking_kw = _lacking_kw(task, operator, made, cleared)
            if number == ROOM_ROUNDS or not lacking_kw.any():
                cleared = _with_heat_kept(task, cleared, operator)
                lacking_kw = _lacking_kw(task, operator, made, cleared)
            if number == ROOM_ROUNDS or not lacking_kw.any():
                break
            room_kw = room_kw + MORE * lacking_kw
            iterations = spent.iterations + made.iterations + (cleared.exchanges or 0)
            spent = _Made((), spent.rounds + made.rounds + cleared.rounds + 1, iterations)
        return _told(task, made, cleared, spent)

    def _made(
        self,
        task: Task,
        operator: Operator,
        room_kw: FloatArray,
        *,
        known: tuple[Envelope, ...] = (),
        rows: Mapping[RowKey, HeldRow] | None = None,
    ) -> _Made:
        """Envelopes around the least exchange, with room (T,) beyond what it has to spare, where none are `known`."""
        wanted = range(len(known), task.raw.shape[1])
        if not wanted:
            return _Made(known)
        base = least_exchange_within(
            task.prosumers,
            within(task.prosumers, task.raw, known),
            _asking(operator, task.begin, wanted, range(len(CARRIERS))),
            task.settings,
            spare_kw=self.spare_kw + room_kw,
            rows=rows,
            on_check=task.on_check,
        )
        found = envelopes_around(
            task.prosumers,
            base.state.problem,
            base.exchanges(task.prosumers),
            operator,
            begin=task.begin,
            intervals=wanted,
            room_kw=room_kw,
        )
        return _Made((*known, *found), base.rounds + 1, base.iterations, base.state.rows)


def _asking(operator: Operator, begin: int, intervals: Sequence[int], carriers: Sequence[int]) -> Ask:
    """What the networks of some carriers say of some intervals of the look-ahead."""

    def told(exchanges: Sequence[Exchange]) -> Iterator[tuple[tuple[int, int], NetworkReport]]:
        for t in intervals:
            for c, report in operator.reports(exchanges[t], begin + t).items():
                if c in carriers:
                    yield (c, t), report

    def ask(exchanges: Sequence[Exchange]) -> Mapping[tuple[int, int], NetworkReport]:
        return dict(told(exchanges))

    return ask


def _cleared_within(task: Task, made: _Made) -> Cleared:
    raw = within(task.prosumers, task.raw, made.envelopes)
    problem = with_imbalance_priced(raw)
    clearing = task.clear(problem, task.start)
    return Cleared(clearing, raw, problem, exchanges=clearing.iterations)


def _with_heat_kept(task: Task, first: Cleared, operator: Operator) -> Cleared:
    """A market cleared again where limits of heat are broken: they are kept as rows in the intervals that bind."""
    binding, raw = range(task.settings.binding), first.raw
    heat = [c for c in range(len(CARRIERS)) if c != ELECTRIC]
    state = NegotiationState.initial(task.prosumers, raw, first.clearing, asked=binding)
    ask = _asking(operator, task.begin, binding, heat)
    found = kept_by_rows(task.prosumers, state, ask, task.settings, rounds=HEAT_ROUNDS, on_check=task.on_check)
    exchanges = (first.exchanges or 0) + found.iterations
    if found.best.number == 0:
        return replace(first, rounds=found.rounds, exchanges=exchanges)
    kept = found.best.offer.constrained
    return Cleared(
        published(kept.clearing, raw.place),
        raw,
        found.state.problem,
        surcharge_per_kwh=kept.surcharge_per_kwh,
        end=first.clearing.end,
        rounds=found.rounds,
        exchanges=exchanges,
    )


def _lacking_kw(task: Task, operator: Operator, made: _Made, cleared: Cleared) -> FloatArray:
    """(T,) by how much the plan breaks limits of the electric network where there are boxes: its reactive power is not
    quite what was taken to go along."""
    exchanges = exchanges_of(task.prosumers, cleared.problem, cleared.clearing.dispatch)
    result = np.zeros(len(exchanges))
    for t, one in enumerate(made.envelopes):
        if one.boxes is not None:
            result[t] = one.corners.lacking_kw(operator.reports(exchanges[t], task.begin + t)[ELECTRIC])
    return result


def _told(task: Task, made: _Made, cleared: Cleared, spent: _Made | None = None) -> Cleared:
    """What was cleared, with its envelopes; `spent` beside it on envelopes that had too little room."""
    binding, before = range(task.settings.binding), spent or _Made(())
    missing = [t for t, one in enumerate(made.envelopes[: task.settings.binding]) if one.boxes is None]
    return replace(
        cleared,
        clearing=_judged(cleared.clearing, missing),
        rounds=before.rounds + made.rounds + cleared.rounds,
        exchanges=before.iterations + made.iterations + (cleared.exchanges or 0),
        tables={"envelopes": tuple(envelopes_table(task.prosumers, made.envelopes, t) for t in binding)},
        carried=Published(task.begin, made.envelopes),
    )


def _judged(clearing: Clearing, missing: Sequence[int]) -> Clearing:
    """The clearing, which says in which of the intervals that bind there is no envelope."""
    if not missing:
        return clearing
    which = f"interval {missing[0]}" if len(missing) == 1 else f"intervals {', '.join(map(str, missing))}"
    cause = f"no operating envelope in {which} of the look-ahead: even the least exchange breaks a limit"
    status = Status.NO_ENVELOPE if clearing.status is Status.OK else clearing.status
    return replace(clearing, status=status, cause="; ".join(part for part in (cause, clearing.cause) if part))

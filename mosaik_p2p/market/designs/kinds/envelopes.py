"""Operating envelopes: before it trades, everyone is told what it may inject, and every corner keeps the limits.

The boxes stand around the least exchange that keeps the limits (`least_exchange`), and give everybody the same share of
what its devices could do (`envelope_boxes`). In the market a box is a limit at the meter, as that of a connection is:
no prosumer has to know of the others', and none pays a surcharge for electricity. The plan is checked: where its
reactive power breaks a limit, the boxes of that interval are made anew with room for it.

Temperatures of heat networks are no monotonous functions of what is drawn: boxes could not be trusted there. The limits
of heat are kept as rows in the intervals that bind, and their surcharges are paid.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import Clearing, published
from mosaik_p2p.market.designs.base import Cleared, Design, Task
from mosaik_p2p.market.designs.envelope_meters import Envelope, envelopes_around, envelopes_table, within
from mosaik_p2p.market.designs.least_exchange import least_exchange_within
from mosaik_p2p.market.designs.operator import Exchange, Operator
from mosaik_p2p.market.designs.under_rows import Ask, UnderRows, kept_by_rows, planned_exchanges
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.negotiation.reactive import ELECTRIC
from mosaik_p2p.market.negotiation.state import NegotiationState, NetworkReport
from mosaik_p2p.market.problem import MarketProblem
from mosaik_p2p.units import CARRIERS, FloatArray

HEAT_ROUNDS = 6
"""Clearings under rows of the heat network at the most."""
ROOM_ROUNDS = 4
"""Times that boxes are made anew, with more room, at the most."""
MORE = 1.5
"""Of what room was lacking for a plan: the next one's reactive power is another one again."""


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
        room_kw, rounds, exchanges = np.zeros(task.raw.shape[1]), 0, 0
        for number in range(ROOM_ROUNDS + 1):
            envelopes, base = _envelopes(task, task.operator, self.spare_kw, room_kw)
            cleared = _cleared_within(task, envelopes, task.operator)
            rounds, exchanges = rounds + base.rounds + cleared.rounds + 2, exchanges + base.iterations
            exchanges += cleared.exchanges or 0
            lacking_kw = _lacking_kw(task, task.operator, envelopes, cleared)
            if number == ROOM_ROUNDS or not lacking_kw.any():
                break
            room_kw = room_kw + MORE * lacking_kw
        binding = task.settings.binding
        missing = [t for t, one in enumerate(envelopes[:binding]) if one.boxes is None]
        return replace(
            cleared,
            clearing=_judged(cleared.clearing, missing),
            rounds=rounds - 1,
            exchanges=exchanges,
            tables={"envelopes": tuple(envelopes_table(task.prosumers, envelopes, t) for t in range(binding))},
        )


def _envelopes(
    task: Task, operator: Operator, spare_kw: float, room_kw: FloatArray
) -> tuple[tuple[Envelope, ...], UnderRows]:
    """Around the least exchange, with room (T,) beyond what it has to spare."""
    asked = _asking(operator, task.begin, range(task.raw.shape[1]), range(len(CARRIERS)))
    spare = spare_kw + room_kw
    base = least_exchange_within(task.prosumers, task.raw, asked, task.settings, spare_kw=spare, on_check=task.on_check)
    bases = base.exchanges(task.prosumers)
    found = envelopes_around(task.prosumers, base.state.problem, bases, operator, begin=task.begin, room_kw=room_kw)
    return found, base


def _cleared_within(task: Task, envelopes: Sequence[Envelope], operator: Operator) -> Cleared:
    return _with_heat_kept(task, within(task.prosumers, task.raw, envelopes), operator)


def _lacking_kw(task: Task, operator: Operator, envelopes: Sequence[Envelope], cleared: Cleared) -> FloatArray:
    """(T,) by how much the plan breaks limits of the electric network where there are boxes: its reactive power is not
    quite what was taken to go along."""
    exchanges = planned_exchanges(task.prosumers, cleared.problem, cleared.clearing.dispatch)
    result = np.zeros(len(exchanges))
    for t, one in enumerate(envelopes):
        if one.boxes is not None:
            result[t] = one.corners.lacking_kw(operator.reports(exchanges[t], task.begin + t)[ELECTRIC])
    return result


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


def _with_heat_kept(task: Task, raw: MarketProblem, operator: Operator) -> Cleared:
    """The market `raw` cleared, the limits of heat kept as rows in the intervals that bind."""
    problem = with_imbalance_priced(raw)
    first = task.clear(problem, task.start)
    binding = range(task.settings.binding)
    heat = [c for c in range(len(CARRIERS)) if c != ELECTRIC]
    state = NegotiationState.initial(task.prosumers, raw, first, asked=binding)
    ask = _asking(operator, task.begin, binding, heat)
    found = kept_by_rows(task.prosumers, state, ask, task.settings, rounds=HEAT_ROUNDS, on_check=task.on_check)
    iterations = first.iterations + found.iterations
    if found.best.number == 0:
        return Cleared(first, raw, problem, rounds=found.rounds, exchanges=iterations)
    kept = found.best.offer.constrained
    return Cleared(
        published(kept.clearing, raw.place),
        raw,
        found.state.problem,
        surcharge_per_kwh=kept.surcharge_per_kwh,
        end=first.end,
        rounds=found.rounds,
        exchanges=iterations,
    )


def _judged(clearing: Clearing, missing: Sequence[int]) -> Clearing:
    """The clearing, which says in which of the intervals that bind there is no envelope."""
    if not missing:
        return clearing
    which = f"interval {missing[0]}" if len(missing) == 1 else f"intervals {', '.join(map(str, missing))}"
    cause = f"no operating envelope in {which} of the look-ahead: even the least exchange breaks a limit"
    status = Status.NO_ENVELOPE if clearing.status is Status.OK else clearing.status
    return replace(clearing, status=status, cause="; ".join(part for part in (cause, clearing.cause) if part))

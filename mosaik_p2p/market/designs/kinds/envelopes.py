"""Operating envelopes: before it trades, everyone is told what it may inject, and every corner keeps the limits.

The boxes, of active and of reactive power at every bus, stand around the least exchange that keeps the limits
(`least_exchange`), and give everybody the same share of what its devices could do (`envelope_boxes`). In the market a
box is a limit at the meter, as that of a connection is: no prosumer has to know of the others', and none pays a
surcharge for electricity.

Temperatures of heat networks are no monotonous functions of what is drawn: boxes could not be trusted there. The limits
of heat are kept as rows in the intervals that bind, and their surcharges are paid.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import Clearing, published
from mosaik_p2p.market.designs.base import Cleared, Design, Task
from mosaik_p2p.market.designs.envelope_asking import asking
from mosaik_p2p.market.designs.envelope_boxes import Boxes, boxes_around
from mosaik_p2p.market.designs.least_exchange import least_exchange_within
from mosaik_p2p.market.designs.operator import Exchange, Operator
from mosaik_p2p.market.designs.under_rows import UnderRows, kept_by_rows
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.negotiation.reactive import ELECTRIC, reactive_connection
from mosaik_p2p.market.negotiation.state import NegotiationState, NetworkReport
from mosaik_p2p.market.problem import MarketProblem, power_scale
from mosaik_p2p.market.prosumer_step.injection_bounds import injection_bounds
from mosaik_p2p.prosumers.meter_limits import meter_reach, with_limits_over, with_meter_limits
from mosaik_p2p.units import ELECTRICITY, FloatArray, Table, table_of

HEAT_ROUNDS = 6
"""Clearings under rows of the heat network at the most."""
COLUMNS = (
    "prosumer", "carrier", "base_kw", "low_kw", "high_kw", "base_kvar", "low_kvar", "high_kvar", "share",
)  # fmt: skip


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
        asked = _asking(task.operator, task.begin, range(task.raw.shape[1]))
        base = least_exchange_within(
            task.prosumers, task.raw, asked, task.settings, spare_kw=self.spare_kw, on_check=task.on_check
        )
        envelopes = _envelopes(task, base, task.operator)
        cleared = _with_heat_kept(task, _within(task, envelopes), task.operator)
        tables = tuple(_table(task, envelopes, t) for t in range(task.settings.binding))
        return replace(
            cleared,
            clearing=_judged(cleared.clearing, envelopes[: task.settings.binding]),
            rounds=base.rounds + cleared.rounds + 1,
            exchanges=base.iterations + (cleared.exchanges or 0),
            tables={"envelopes": tables},
        )


@dataclass(frozen=True)
class _Envelope:
    """That of an interval; powers first active, then reactive (2N,)."""

    base: FloatArray
    boxes: Boxes | None


def _asking(
    operator: Operator, begin: int, intervals: Sequence[int], carriers: Sequence[int] | None = None
) -> Callable[[Sequence[Exchange]], Mapping[tuple[int, int], NetworkReport]]:
    """What the networks of some carriers, or of all, say of some intervals of the look-ahead."""

    def told(exchanges: Sequence[Exchange]) -> Iterator[tuple[tuple[int, int], NetworkReport]]:
        for t in intervals:
            for c, report in operator.reports(exchanges[t], begin + t).items():
                if carriers is None or c in carriers:
                    yield (c, t), report

    return lambda exchanges: dict(told(exchanges))


def _envelopes(task: Task, base: UnderRows, operator: Operator) -> list[_Envelope]:
    """By interval of the look-ahead; none where there is no electric network."""
    problem, size = base.state.problem, power_scale(base.state.problem)
    pairs = zip(task.prosumers, task.raw.models, strict=True)
    kvar = [meter_reach(model, reactive_connection(prosumer, model)) for prosumer, model in pairs]
    on_bus = np.array([prosumer.bus is not None for prosumer in task.prosumers])
    if not on_bus.any():
        return []
    found = []
    for t, exchange in enumerate(base.exchanges(task.prosumers)):
        least_kvar, most_kvar = (np.where(on_bus, [own[end][t] for own in kvar], 0.0) for end in (0, 1))
        least_kw, most_kw = (bound[ELECTRIC] for bound in injection_bounds(problem, size, t))
        centre = np.concatenate([exchange.injection_kw[ELECTRIC], exchange.reactive_kvar])
        least, most = np.concatenate([least_kw, least_kvar]), np.concatenate([most_kw, most_kvar])
        ask = asking(operator, task.begin + t, exchange, problem.names, most - least)
        found.append(_Envelope(centre, boxes_around(centre, least, most, ask)))
    return found


def _within(task: Task, envelopes: Sequence[_Envelope]) -> MarketProblem:
    """The market with the boxes as limits at the meters."""
    count = len(task.prosumers)
    low, high = np.full((len(envelopes), 2 * count), -np.inf), np.full((len(envelopes), 2 * count), np.inf)
    for t, one in enumerate(envelopes):
        if one.boxes is not None:
            low[t], high[t] = one.boxes.low, one.boxes.high
    models = list(task.raw.models)
    for i, prosumer in enumerate(task.prosumers):
        if prosumer.bus is not None:
            limited = with_meter_limits(models[i], ELECTRIC, low[:, i], high[:, i])
            reactive = reactive_connection(prosumer, limited)
            models[i] = with_limits_over(reactive, limited, low[:, count + i], high[:, count + i])
    return replace(task.raw, models=tuple(models))


def _with_heat_kept(task: Task, raw: MarketProblem, operator: Operator) -> Cleared:
    """The market `raw` cleared, the limits of heat kept as rows in the intervals that bind."""
    problem = with_imbalance_priced(raw)
    first = task.clear(problem, task.start)
    binding = range(task.settings.binding)
    heat = [c for c in range(len(raw.charges)) if c != ELECTRIC]
    state = NegotiationState.initial(task.prosumers, raw, first, asked=binding)
    ask = _asking(operator, task.begin, binding, heat)
    found = kept_by_rows(task.prosumers, state, ask, task.settings, rounds=HEAT_ROUNDS, on_check=task.on_check)
    if found.best.number == 0:
        return Cleared(first, raw, problem, rounds=found.rounds, exchanges=first.iterations + found.iterations)
    kept = found.best.offer.constrained
    return Cleared(
        published(kept.clearing, raw.place),
        raw,
        found.state.problem,
        surcharge_per_kwh=kept.surcharge_per_kwh,
        end=first.end,
        rounds=found.rounds,
        exchanges=first.iterations + found.iterations,
    )


def _judged(clearing: Clearing, envelopes: Sequence[_Envelope]) -> Clearing:
    """The clearing, which says in which of the intervals that bind there is no envelope."""
    missing = [str(t) for t, one in enumerate(envelopes) if one.boxes is None]
    if not missing:
        return clearing
    which = f"interval {missing[0]}" if len(missing) == 1 else f"intervals {', '.join(missing)}"
    cause = f"no operating envelope in {which} of the look-ahead: even the least exchange breaks a limit"
    status = Status.NO_ENVELOPE if clearing.status is Status.OK else clearing.status
    return replace(clearing, status=status, cause="; ".join(part for part in (cause, clearing.cause) if part))


def _table(task: Task, envelopes: Sequence[_Envelope], t: int) -> Table:
    count, rows = len(task.prosumers), []
    for i, prosumer in enumerate(task.prosumers):
        if prosumer.bus is not None:
            kw, kvar = (_part(envelopes[t], place) for place in (i, count + i))
            share = None if envelopes[t].boxes is None else envelopes[t].boxes.share
            rows.append((prosumer.name, ELECTRICITY, *kw, *kvar, share))
    return table_of(COLUMNS, rows)


def _part(envelope: _Envelope, place: int) -> tuple[float | None, float | None, float | None]:
    base, boxes = float(envelope.base[place]), envelope.boxes
    return (base, None, None) if boxes is None else (base, float(boxes.low[place]), float(boxes.high[place]))

"""Operating envelopes: before it trades, everyone is told what it may inject, and every corner keeps the limits.

The boxes stand around the least exchange that keeps the limits (`least_exchange`), and give everybody the same share of
what its devices could do (`envelope_boxes`). In the market a box is a limit at the meter, as that of a connection is:
no prosumer has to know of the others', and no surcharge is paid.
"""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import Clearing
from mosaik_p2p.market.designs.base import Cleared, Design, Task
from mosaik_p2p.market.designs.envelope_asking import Asked
from mosaik_p2p.market.designs.envelope_boxes import Boxes, boxes_around
from mosaik_p2p.market.designs.least_exchange import LeastExchange, least_exchange_within
from mosaik_p2p.market.designs.operator import Operator
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.negotiation.reactive import ELECTRIC, largest_share
from mosaik_p2p.market.problem import MarketProblem, power_scale
from mosaik_p2p.market.prosumer_step.injection_bounds import injection_bounds
from mosaik_p2p.prosumers.meter_limits import with_meter_limits
from mosaik_p2p.units import CARRIERS, FloatArray, Table, table_of

HEAT_CORNERS = 8
"""Of a heat network, whose flows take longer, this many of the tightest rows have their worst corners tried."""
COLUMNS = ("prosumer", "carrier", "base_kw", "low_kw", "high_kw", "share")


class Envelopes(Design):
    """Trades within boxes of which every corner keeps the networks' limits."""

    asks_networks: ClassVar[bool] = True
    example: ClassVar[str] = "{ spare_kw = 2 }"
    spare_kw: Annotated[float, Field(ge=0, le=1e6)] = 2.0
    """Room that the least exchange, around which the boxes stand, leaves to every limit: in kW at the prosumer that
    moves it most."""

    def clear(self, task: Task) -> Cleared:
        """See Design. Without networks there are no boxes, and none are needed."""
        if task.operator is None:
            return Cleared(task.clear(task.problem, task.start), task.raw, task.problem)
        base = least_exchange_within(
            task.prosumers,
            task.raw,
            task.operator,
            task.settings,
            begin=task.begin,
            spare_kw=self.spare_kw,
            on_check=task.on_check,
        )
        envelopes = _envelopes(task, base, task.operator)
        raw = _within(task.raw, envelopes)
        problem = with_imbalance_priced(raw)
        clearing = task.clear(problem, task.start)
        binding = range(task.settings.binding)
        return Cleared(
            _judged(clearing, envelopes, task.settings.binding),
            raw,
            problem,
            rounds=base.rounds + 1,
            exchanges=clearing.iterations + base.iterations,
            tables={"envelopes": tuple(_table(task, envelopes, t) for t in binding)},
        )


@dataclass(frozen=True)
class _Envelope:
    """One carrier's in one interval; None: there is none."""

    c: int
    t: int
    base_kw: FloatArray
    boxes: Boxes | None


def _envelopes(task: Task, base: LeastExchange, operator: Operator) -> tuple[_Envelope, ...]:
    size = power_scale(base.problem)
    share = np.array([largest_share(p, m) for p, m in zip(task.prosumers, task.raw.models, strict=True)])
    found = []
    for t, exchange in enumerate(base.exchanges):
        least, most = injection_bounds(base.problem, size, t)
        for c in operator.reports(exchange, task.begin + t):
            kvar_per_kw = share if c == ELECTRIC else np.zeros_like(share)
            asked = Asked(operator, c, task.begin + t, base.problem.names, exchange, kvar_per_kw)
            boxes = boxes_around(
                exchange.injection_kw[c],
                least[c],
                most[c],
                asked.asking(),
                **({} if c == ELECTRIC else {"corners": HEAT_CORNERS}),
            )
            found.append(_Envelope(c, t, exchange.injection_kw[c], boxes))
    return tuple(found)


def _within(raw: MarketProblem, envelopes: tuple[_Envelope, ...]) -> MarketProblem:
    """The market with the boxes as limits at the meters."""
    low, high = np.full(raw.shape, -np.inf), np.full(raw.shape, np.inf)
    for one in envelopes:
        if one.boxes is not None:
            low[one.c, one.t], high[one.c, one.t] = one.boxes.low_kw, one.boxes.high_kw
    models = list(raw.models)
    for i, model in enumerate(raw.models):
        for c in np.flatnonzero(model.member):
            models[i] = with_meter_limits(models[i], int(c), low[c, :, i], high[c, :, i])
    return replace(raw, models=tuple(models))


def _judged(clearing: Clearing, envelopes: tuple[_Envelope, ...], binding: int) -> Clearing:
    """The clearing, which says where there is no envelope of those intervals that bind."""
    missing = [one for one in envelopes if one.boxes is None and one.t < binding]
    if not missing:
        return clearing
    where = ", ".join(f"{CARRIERS[one.c]} in interval {one.t}" for one in missing)
    cause = f"no operating envelope for {where} of the look-ahead: even the least exchange breaks a limit"
    status = Status.NO_ENVELOPE if clearing.status is Status.OK else clearing.status
    return replace(clearing, status=status, cause="; ".join(part for part in (cause, clearing.cause) if part))


def _table(task: Task, envelopes: tuple[_Envelope, ...], t: int) -> Table:
    rows = []
    for one in (one for one in envelopes if one.t == t):
        for i, model in enumerate(task.raw.models):
            if model.member[one.c]:
                rows.append((model.name, CARRIERS[one.c], float(one.base_kw[i]), *_ends(one.boxes, i)))
    return table_of(list(COLUMNS), rows)


def _ends(boxes: Boxes | None, i: int) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if boxes is None else (float(boxes.low_kw[i]), float(boxes.high_kw[i]), boxes.share)

"""Operating envelopes of a look-ahead: boxes around the least exchange, and the market with them at its meters."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.market.designs.envelope.asking import Corners
from mosaik_p2p.market.designs.envelope.boxes import Boxes, boxes_around
from mosaik_p2p.market.designs.operator import Exchange, Operator
from mosaik_p2p.market.negotiation.reactive import ELECTRIC, largest_share
from mosaik_p2p.market.problem import MarketProblem, PreparedProblem, power_scale
from mosaik_p2p.market.prosumer_step.injection_bounds import injection_bounds
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.prosumers.meter_limits import with_meter_limits
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.prosumers.roles import Role
from mosaik_p2p.units import ELECTRICITY, FloatArray, Table, table_of

BEYOND = 1e-3
"""Of a prosumer's size: less is a solver's rounding."""
COLUMNS = ("prosumer", "carrier", "base_kw", "low_kw", "high_kw", "share")


@dataclass(frozen=True)
class Envelope:
    """That of one interval."""

    corners: Corners
    boxes: Boxes | None
    """None where the base itself breaks a limit."""

    @property
    def base_kw(self) -> FloatArray:
        """(N,)"""
        return np.asarray(self.corners.base.injection_kw[ELECTRIC], dtype=np.float64)


def envelopes_around(
    prosumers: Sequence[Prosumer],
    problem: PreparedProblem,
    bases: Sequence[Exchange],
    operator: Operator,
    *,
    begin: int,
    intervals: Sequence[int],
    room_kw: FloatArray,
) -> tuple[Envelope, ...]:
    """Boxes around what everyone exchanges in `intervals` of the look-ahead, for what the devices of `problem` can do;
    `room_kw` (T,) is left to every limit. None where nobody has a bus."""
    if all(prosumer.bus is None for prosumer in prosumers):
        return ()
    size = power_scale(problem)
    share = np.array([largest_share(p, m) for p, m in zip(prosumers, problem.models, strict=True)])
    found = []
    for t in intervals:
        base = bases[t]
        least, most = (bound[ELECTRIC] for bound in injection_bounds(problem, size, t))
        corners = Corners(problem.names, base, share, most - least, float(room_kw[t]))
        boxes = boxes_around(base.injection_kw[ELECTRIC], least, most, corners.asking(operator, begin + t))
        found.append(Envelope(corners, boxes))
    return tuple(found)


def within(prosumers: Sequence[Prosumer], raw: MarketProblem, envelopes: Sequence[Envelope]) -> MarketProblem:
    """The market with the boxes of its first intervals as limits at the meters; imbalances not priced."""
    if not envelopes:
        return raw
    _, horizon, count = raw.shape
    low, high = np.full((horizon, count), -np.inf), np.full((horizon, count), np.inf)
    for t, one in enumerate(envelopes):
        if one.boxes is not None:
            low[t], high[t] = one.boxes.low, one.boxes.high
    models = tuple(
        model if prosumer.bus is None else with_meter_limits(model, ELECTRIC, low[:, i], high[:, i])
        for i, (prosumer, model) in enumerate(zip(prosumers, raw.models, strict=True))
    )
    return replace(raw, models=models)


def goes_beyond(problem: PreparedProblem, dispatch: Sequence[Completion]) -> bool:
    """Whether somebody's meter lets in or out less than there has to be."""
    for model, done, size in zip(problem.models, dispatch, power_scale(problem), strict=True):
        rows = [k for k, v in enumerate(model.variables) if v.role in (Role.UNSERVED, Role.SPILLED)]
        if (done.x[rows] > BEYOND * size).any():
            return True
    return False


def envelopes_table(prosumers: Sequence[Prosumer], envelopes: Sequence[Envelope], t: int) -> Table:
    """The table `envelopes` of interval `t` of the look-ahead, without its time."""
    rows: list[tuple[object, ...]] = []
    for i, prosumer in enumerate(prosumers if envelopes else ()):
        if prosumer.bus is not None:
            boxes, base_kw = envelopes[t].boxes, float(envelopes[t].base_kw[i])
            limits = (None, None, None) if boxes is None else (float(boxes.low[i]), float(boxes.high[i]), boxes.share)
            rows.append((prosumer.name, ELECTRICITY, base_kw, *limits))
    return table_of(COLUMNS, rows)

"""Operating envelopes of a look-ahead: boxes around the least exchange, and the market with them at its meters."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mosaik_p2p.market.designs.envelope_asking import Corners
from mosaik_p2p.market.designs.envelope_boxes import Boxes, boxes_around
from mosaik_p2p.market.designs.operator import Exchange, Operator
from mosaik_p2p.market.negotiation.reactive import ELECTRIC, largest_share
from mosaik_p2p.market.problem import MarketProblem, PreparedProblem, power_scale
from mosaik_p2p.market.prosumer_step.injection_bounds import injection_bounds
from mosaik_p2p.prosumers.meter_limits import with_meter_limits
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.units import ELECTRICITY, FloatArray, Table, table_of

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
    room_kw: FloatArray,
) -> tuple[Envelope, ...]:
    """Boxes around what everyone exchanges, by interval of the look-ahead, for what the devices of `problem` could do;
    `room_kw` (T,) is left to every limit. None where nobody has a bus."""
    if all(prosumer.bus is None for prosumer in prosumers):
        return ()
    size = power_scale(problem)
    share = np.array([largest_share(p, m) for p, m in zip(prosumers, problem.models, strict=True)])
    found = []
    for t, base in enumerate(bases):
        least, most = (bound[ELECTRIC] for bound in injection_bounds(problem, size, t))
        corners = Corners(problem.names, base, share, most - least, float(room_kw[t]))
        boxes = boxes_around(base.injection_kw[ELECTRIC], least, most, corners.asking(operator, begin + t))
        found.append(Envelope(corners, boxes))
    return tuple(found)


def within(prosumers: Sequence[Prosumer], raw: MarketProblem, envelopes: Sequence[Envelope]) -> MarketProblem:
    """The market with the boxes as limits at the meters; imbalances not priced."""
    if not envelopes:
        return raw
    free = np.full(len(prosumers), np.inf)
    low = np.array([-free if one.boxes is None else one.boxes.low for one in envelopes])
    high = np.array([free if one.boxes is None else one.boxes.high for one in envelopes])
    models = tuple(
        model if prosumer.bus is None else with_meter_limits(model, ELECTRIC, low[:, i], high[:, i])
        for i, (prosumer, model) in enumerate(zip(prosumers, raw.models, strict=True))
    )
    return replace(raw, models=models)


def envelopes_table(prosumers: Sequence[Prosumer], envelopes: Sequence[Envelope], t: int) -> Table:
    """The table `envelopes` of interval `t` of the look-ahead, without its time."""
    rows: list[tuple[object, ...]] = []
    for i, prosumer in enumerate(prosumers if envelopes else ()):
        if prosumer.bus is not None:
            boxes, base_kw = envelopes[t].boxes, float(envelopes[t].base_kw[i])
            limits = (None, None, None) if boxes is None else (float(boxes.low[i]), float(boxes.high[i]), boxes.share)
            rows.append((prosumer.name, ELECTRICITY, base_kw, *limits))
    return table_of(COLUMNS, rows)

"""Asking the electric network about corners of boxes: from its report to the rows and the excess of `envelope_boxes`.

The unknowns are what N prosumers inject, first their N active powers in kW and then their N reactive ones in kvar.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from mosaik_p2p.limits.influence import can_influence
from mosaik_p2p.limits.rows import EVERY_LIMIT, LimitRow
from mosaik_p2p.market.designs.envelope_boxes import Ask, Rows, Told
from mosaik_p2p.market.designs.operator import Exchange, Operator
from mosaik_p2p.market.negotiation.reactive import ELECTRIC
from mosaik_p2p.market.negotiation.state import NetworkReport
from mosaik_p2p.units import FloatArray

MARGIN = 1e-6
"""Part of a limit by which a row stays clear of it: what the solvers' tolerances may add."""
WITHOUT_LIMIT = 1e-9
"""What stands for the size of a limit of zero, in its unit."""


def asking(operator: Operator, t: int, base: Exchange, names: Sequence[str], wanted: FloatArray) -> Ask:
    """What the network says in interval `t`, counted from the begin of the run, to powers (2N,), the heat of `base` as
    it is.

    About every limit at the first powers asked for and where one is broken, else about what is near its limit. Limits
    that prosumers do not move noticeably within what is `wanted` (2N,), widths, are nobody's.
    """
    known: dict[bytes, Told] = {}

    def ask(powers: FloatArray) -> Told:
        key = powers.tobytes()
        if key not in known:
            injection_kw = base.injection_kw.copy()
            injection_kw[ELECTRIC], kvar = np.split(powers, 2)
            exchange = Exchange(injection_kw, kvar)
            report = operator.reports(exchange, t)[ELECTRIC]
            if not known or report.broken:
                report = operator.reports(exchange, t, kept=EVERY_LIMIT)[ELECTRIC]
            known[key] = told_of(report, names, powers, wanted)
        return known[key]

    return ask


def told_of(report: NetworkReport, names: Sequence[str], powers: FloatArray, wanted: FloatArray) -> Told:
    """What a network's report on powers (2N,) says of them and of others."""
    if not report.is_solved:
        return Told(np.inf, Rows(np.zeros((0, len(powers))), np.zeros(0)))
    slopes = [_slope(row, names) for row in report.rows]
    moved = [
        (row, slope)
        for row, slope in zip(report.rows, slopes, strict=True)
        if can_influence(slope, wanted, max(row.excess, 0.0))
    ]
    told = {(row.element, row.quantity) for row in report.rows}
    worst = max((_share(row) for row, _ in moved), default=-np.inf)
    slope = np.array([own for _, own in moved]).reshape(-1, len(powers))
    room = np.array([-row.excess - MARGIN * abs(row.limit) for row, _ in moved])
    # Something may be broken that no row speaks of.
    return Told(np.inf if report.broken - told else worst, Rows(slope, slope @ powers + room))


def _slope(row: LimitRow, names: Sequence[str]) -> FloatArray:
    """(2N,) positive where more is worse."""
    sign = 1.0 if row.is_upper else -1.0
    return np.concatenate([sign * _by_name(changes, names) for changes in (row.per_kw, row.per_kvar)])


def _by_name(changes: Mapping[str, float], names: Sequence[str]) -> FloatArray:
    return np.array([changes.get(name, 0.0) for name in names])


def _share(row: LimitRow) -> float:
    """The excess as a share of the limit."""
    return row.excess / max(abs(row.limit), WITHOUT_LIMIT)

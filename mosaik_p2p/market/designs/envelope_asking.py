"""Asking a network about corners of boxes: from its report to the rows and the excess of `envelope_boxes`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.limits.rows import EVERY_LIMIT, LimitRow
from mosaik_p2p.market.designs.envelope_boxes import Ask, Rows, Told
from mosaik_p2p.market.designs.operator import Exchange, Operator
from mosaik_p2p.market.negotiation.state import NetworkReport
from mosaik_p2p.units import FloatArray

MARGIN = 1e-6
"""Part of a limit by which a row stays clear of it: what the solvers' tolerances may add."""
WITHOUT_LIMIT = 1e-9
"""Of a unit: what stands for the size of a limit of zero."""


@dataclass(frozen=True)
class Asked:
    """One carrier's network in one interval."""

    operator: Operator
    carrier: int
    t: int
    """Counted from the begin of the run."""
    names: Sequence[str]
    base: Exchange
    kvar_per_kw: FloatArray
    """(N,) what goes along with each kW that is injected beside the base; zero for a carrier without."""

    def asking(self) -> Ask:
        """About every limit at the base, which is asked for first, and where one is broken; else about what is near."""
        known: dict[bytes, Told] = {}

        def ask(injection_kw: FloatArray) -> Told:
            key = injection_kw.tobytes()
            if key not in known:
                known[key] = self._told(injection_kw, is_first=not known)
            return known[key]

        return ask

    def _told(self, injection_kw: FloatArray, *, is_first: bool) -> Told:
        all_kw = self.base.injection_kw.copy()
        moved_kw = injection_kw - all_kw[self.carrier]
        all_kw[self.carrier] = injection_kw
        exchange = Exchange(all_kw, self.base.reactive_kvar + self.kvar_per_kw * moved_kw)
        report = self.operator.reports(exchange, self.t)[self.carrier]
        if is_first or report.broken:
            report = self.operator.reports(exchange, self.t, kept=EVERY_LIMIT)[self.carrier]
        return told_of(report, self.names, injection_kw, self.kvar_per_kw)


def told_of(report: NetworkReport, names: Sequence[str], injection_kw: FloatArray, kvar_per_kw: FloatArray) -> Told:
    """What a network's report on injections (N,) says of them and of others, reactive power going along."""
    if not report.is_solved:
        return Told(np.inf, Rows(np.zeros((0, len(names))), np.zeros(0)))
    slope = np.zeros((len(report.rows), len(names)))
    room = np.zeros(len(report.rows))
    for number, row in enumerate(report.rows):
        sign = 1.0 if row.is_upper else -1.0
        slope[number] = sign * (_by_name(row.per_kw, names) + kvar_per_kw * _by_name(row.per_kvar, names))
        room[number] = -row.excess - MARGIN * abs(row.limit)
    return Told(_excess(report), Rows(slope, slope @ injection_kw + room))


def _by_name(changes: Mapping[str, float], names: Sequence[str]) -> FloatArray:
    return np.array([changes.get(name, 0.0) for name in names])


def _excess(report: NetworkReport) -> float:
    """The worst one as a share of its limit; infinite where something is broken that no row speaks of."""
    told = {(row.element, row.quantity) for row in report.rows}
    if report.broken - told:
        return np.inf
    broken = (row for row in report.rows if (row.element, row.quantity) in report.broken)
    return max((_share(row) for row in broken), default=0.0)


def _share(row: LimitRow) -> float:
    return row.excess / max(abs(row.limit), WITHOUT_LIMIT)

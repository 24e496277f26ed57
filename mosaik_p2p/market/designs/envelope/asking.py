"""Asking the electric network about corners of boxes: from its report to the rows and the excess of `boxes`.

Of a box only the active power is limited; the reactive power goes along with what is injected beside the base, at the
largest share that one of the prosumer's devices has. Devices that move against each other have another one at the same
injection: for that there is room.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.limits.influence import can_influence
from mosaik_p2p.limits.rows import EVERY_LIMIT, LimitRow
from mosaik_p2p.market.designs.envelope.boxes import Ask, Rows, Told
from mosaik_p2p.market.designs.operator import Exchange, Operator
from mosaik_p2p.market.negotiation.reactive import ELECTRIC
from mosaik_p2p.market.negotiation.state import NetworkReport
from mosaik_p2p.units import FloatArray

MARGIN = 1e-6
"""Part of a limit by which a row stays clear of it: what the solvers' tolerances may add."""
WITHOUT_LIMIT = 1e-9
"""What stands for the size of a limit of zero, in its unit."""


@dataclass(frozen=True)
class Corners:
    """What N prosumers may put on the electric network in one interval, as far as it concerns its limits."""

    names: Sequence[str]
    base: Exchange
    kvar_per_kw: FloatArray
    """(N,) what goes along with each kW injected beside the base."""
    wanted_kw: FloatArray
    """(N,) between the least and the most: a limit that is not moved noticeably by that is nobody's."""
    room_kw: float = 0.0
    """To every limit, at the prosumer that moves it most."""

    def exchange(self, injection_kw: FloatArray) -> Exchange:
        """With these injections (N,) of electricity; heat as in the base."""
        both_kw = self.base.injection_kw.copy()
        both_kw[ELECTRIC] = injection_kw
        moved_kw = injection_kw - self.base.injection_kw[ELECTRIC]
        return Exchange(both_kw, self.base.reactive_kvar + self.kvar_per_kw * moved_kw)

    def told(self, report: NetworkReport, injection_kw: FloatArray) -> Told:
        """What the network's report on injections (N,) says of them and of others."""
        if not report.is_solved:
            return Told(np.inf, Rows(np.zeros((0, len(self.names))), np.zeros(0)))
        slopes = [self._slope(row) for row in report.rows]
        moved = [
            (row, slope)
            for row, slope in zip(report.rows, slopes, strict=True)
            if can_influence(slope, self.wanted_kw, max(row.excess, 0.0))
        ]
        excess = [row.excess + self.room_kw * float(np.abs(slope).max()) for row, slope in moved]
        limits = [max(abs(row.limit), WITHOUT_LIMIT) for row, _ in moved]
        slope = np.array([own for _, own in moved]).reshape(-1, len(self.names))
        bound = slope @ injection_kw - np.array(excess) - MARGIN * np.array(limits)
        worst = max((over / limit for over, limit in zip(excess, limits, strict=True)), default=-np.inf)
        # Something may be broken that no row speaks of.
        told = {(row.element, row.quantity) for row in report.rows}
        return Told(np.inf if report.broken - told else worst, Rows(slope, bound))

    def asking(self, operator: Operator, t: int) -> Ask:
        """What the network says in interval `t`, counted from the begin of the run, to injections (N,).

        About every limit at the first ones asked for, and where one is broken, else about what is near its limit.
        """
        known: dict[bytes, Told] = {}

        def ask(injection_kw: FloatArray) -> Told:
            key = injection_kw.tobytes()
            if key not in known:
                exchange = self.exchange(injection_kw)
                told = None
                if known:
                    told = self.told(operator.reports(exchange, t)[ELECTRIC], injection_kw)
                if told is None or told.excess > 0.0:
                    told = self.told(operator.reports(exchange, t, kept=EVERY_LIMIT)[ELECTRIC], injection_kw)
                known[key] = told
            return known[key]

        return ask

    def lacking_kw(self, report: NetworkReport) -> float:
        """By how much limits are broken that these prosumers can keep: at most, in kW at the one that moves it most."""
        broken = ((row, self._slope(row)) for row in report.rows if row.excess > 0.0)
        return max(
            (
                row.excess / float(np.abs(slope).max())
                for row, slope in broken
                if can_influence(slope, self.wanted_kw, row.excess)
            ),
            default=0.0,
        )

    def _slope(self, row: LimitRow) -> FloatArray:
        """(N,) per kW, what goes along with it counted; positive where more is worse."""
        sign = 1.0 if row.is_upper else -1.0
        return sign * (_by_name(row.per_kw, self.names) + self.kvar_per_kw * _by_name(row.per_kvar, self.names))


def _by_name(changes: Mapping[str, float], names: Sequence[str]) -> FloatArray:
    return np.array([changes.get(name, 0.0) for name in names])

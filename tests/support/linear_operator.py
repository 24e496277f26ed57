"""An operator whose network is linear: rows that hold everywhere, and no losses."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.limits.rows import LimitKey, LimitRow
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.designs.base import Task
from mosaik_p2p.market.designs.operator import BranchLosses, Exchange, Operator
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.negotiation.state import NetworkReport
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.units import FloatArray


@dataclass(frozen=True)
class LinearOperator:
    """`slope @ x <= limit` for the electric injections of the intervals that have one; each row is a line's loading."""

    names: Sequence[str]
    rows: Mapping[int, Sequence[tuple[FloatArray, float]]]

    def reports(
        self,
        exchange: Exchange,
        t: int,
        *,
        kept: Container[LimitKey] = frozenset(),  # noqa: ARG002  (all are told)
    ) -> Mapping[int, NetworkReport]:
        """See Operator."""
        rows = []
        for n, (slope, limit) in enumerate(self.rows.get(t, ())):
            value = float(slope @ exchange.injection_kw[0])
            per_kw = dict(zip(self.names, slope.tolist(), strict=True))
            rows.append(LimitRow(f"line {n}", "line_loading_percent", "%", value, limit, True, per_kw))
        broken = frozenset((row.element, row.quantity) for row in rows if row.excess > 1e-4)
        return {0: NetworkReport(True, broken, tuple(rows))}

    def loss(self, exchange: Exchange, t: int) -> FloatArray:  # noqa: ARG002
        """See Operator."""
        return np.zeros(2)

    def marginal_loss(self, exchange: Exchange, t: int) -> FloatArray:  # noqa: ARG002
        """See Operator."""
        return np.zeros_like(exchange.injection_kw)

    def branch_losses(self, exchange: Exchange, t: int) -> BranchLosses | None:  # noqa: ARG002
        """See Operator."""
        return None


def task_of(
    raw: MarketProblem, operator: Operator, settings: Settings, prosumers: Sequence[Prosumer] | None = None
) -> Task:
    """The look-ahead `raw` with an operator; prosumers without reactive power where none are given."""
    plain = tuple(Prosumer(name, n, None, 1.0, (), ()) for n, name in enumerate(raw.names))
    return Task(
        prosumers=plain if prosumers is None else tuple(prosumers),
        begin=0,
        raw=raw,
        problem=with_imbalance_priced(raw),
        settings=settings,
        clear=lambda problem, start: clear(problem, settings, start=start),
        operator=operator,
    )

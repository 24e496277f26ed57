"""The operator of a case: what its designs may ask the networks."""

from collections.abc import Container, Mapping

import numpy as np

from mosaik_p2p.limits.rows import LimitKey
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.operator.base import AskedNetwork
from mosaik_p2p.loading.operator.electric import ELECTRIC, AskedPowerFlow
from mosaik_p2p.loading.operator.heat import WARM, AskedHeatFlow
from mosaik_p2p.market.designs.operator import BranchLosses, Exchange, Operator
from mosaik_p2p.market.negotiation.state import NetworkReport
from mosaik_p2p.units import CARRIERS, FloatArray


def operator_of(case: Case) -> Operator | None:
    """Who answers for the networks of a case; None where it has none."""
    electric, heat = electric_of(case), heat_of(case)
    return None if electric is None and heat is None else CaseOperator(electric, heat)


def electric_of(case: Case) -> AskedPowerFlow | None:
    """The electric network of a case; None where it has none."""
    if case.electric is None or case.electric_limits is None:
        return None
    return AskedPowerFlow(case, case.electric, case.electric_limits)


def heat_of(case: Case) -> AskedHeatFlow | None:
    """The heat network of a case; None where it has none."""
    return None if case.heat is None or case.heat_limits is None else AskedHeatFlow(case, case.heat, case.heat_limits)


class CaseOperator:
    """See Operator."""

    def __init__(self, electric: AskedPowerFlow | None, heat: AskedHeatFlow | None) -> None:
        """At least one of both."""
        self._electric = electric
        both: dict[int, AskedNetwork | None] = {ELECTRIC: electric, WARM: heat}
        self._networks = {c: network for c, network in both.items() if network is not None}

    def reports(
        self, exchange: Exchange, t: int, *, kept: Container[LimitKey] = frozenset()
    ) -> Mapping[int, NetworkReport]:
        """See Operator. Raises MissingResponse."""
        return {c: network.report(exchange, t, kept) for c, network in self._networks.items()}

    def loss(self, exchange: Exchange, t: int) -> FloatArray:
        """See Operator."""
        result = np.zeros(len(CARRIERS))
        for c, network in self._networks.items():
            result[c] = network.loss_kw(exchange, t)
        return result

    def marginal_loss(self, exchange: Exchange, t: int) -> FloatArray:
        """See Operator."""
        result = np.zeros_like(exchange.injection_kw)
        for c, network in self._networks.items():
            result[c] = network.marginal_loss(exchange, t)
        return result

    def branch_losses(self, exchange: Exchange, t: int) -> BranchLosses | None:
        """See Operator."""
        return None if self._electric is None else self._electric.branch_losses(exchange, t)

"""The heat network of a case, asked by the market."""

from functools import cached_property

import numpy as np

from mosaik_p2p.limits.answer import Solution
from mosaik_p2p.limits.response import Response
from mosaik_p2p.limits.stated import NetworkLimits
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.operator.base import AskedNetwork
from mosaik_p2p.market.designs.operator import Exchange
from mosaik_p2p.networks.heat.choice import HeatNetwork
from mosaik_p2p.networks.heat.flow import HeatConnection, HeatFlow
from mosaik_p2p.networks.solutions import heat_solution
from mosaik_p2p.units import CARRIERS, HEAT, FloatArray

WARM = CARRIERS.index(HEAT)


class AskedHeatFlow(AskedNetwork):
    """See AskedNetwork."""

    def __init__(self, case: Case, network: HeatNetwork, limits: NetworkLimits) -> None:
        connections = {
            n: HeatConnection(prosumer=prosumer.name, supply=prosumer.junctions[0], return_=prosumer.junctions[1])
            for n, prosumer in enumerate(case.prosumers)
            if prosumer.junctions is not None
        }
        super().__init__(tuple(p.name for p in case.prosumers), np.array(list(connections), dtype=np.int64))
        self._network, self._limits, self._connections = network, limits, list(connections.values())

    @cached_property
    def _flow(self) -> HeatFlow:
        return HeatFlow(self._network, self._connections)

    def _asked(self, exchange: Exchange) -> bytes:
        return bytes(exchange.injection_kw[WARM].tobytes())

    def _injection_kw(self, exchange: Exchange) -> FloatArray:
        return np.asarray(exchange.injection_kw[WARM, self._who], dtype=np.float64)

    def _solve(self, exchange: Exchange, t: int) -> Solution:  # noqa: ARG002 (a heat network is the same at any time)
        return heat_solution(self._flow.solve(-self._injection_kw(exchange)), self._limits)

    def _responses(self) -> dict[str, Response]:
        return self._flow.response([connection.prosumer for connection in self._connections])

    def _marginal_loss(self, slack: Response) -> FloatArray:
        return np.asarray(1.0 + slack.per_kw[0], dtype=np.float64)

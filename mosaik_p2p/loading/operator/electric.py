"""The electric network of a case, asked by the market."""

from functools import cached_property

import numpy as np

from mosaik_p2p.limits.answer import Solution
from mosaik_p2p.limits.response import Response
from mosaik_p2p.limits.stated import NetworkLimits
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.operator.base import AskedNetwork
from mosaik_p2p.market.designs.operator import BranchLosses, Exchange
from mosaik_p2p.networks.electric.network import ElectricNetwork
from mosaik_p2p.networks.electric.power_flow import PowerFlow
from mosaik_p2p.networks.solutions import electric_solution
from mosaik_p2p.prosumers.state import reactive_share
from mosaik_p2p.units import CARRIERS, ELECTRICITY, FloatArray

ELECTRIC = CARRIERS.index(ELECTRICITY)


class AskedPowerFlow(AskedNetwork):
    """See AskedNetwork."""

    def __init__(self, case: Case, network: ElectricNetwork, limits: NetworkLimits) -> None:
        who = [n for n, prosumer in enumerate(case.prosumers) if prosumer.bus is not None]
        super().__init__(tuple(p.name for p in case.prosumers), np.array(who, dtype=np.int64))
        self._case, self._network, self._limits = case, network, limits
        self._buses = [int(case.prosumers[n].bus or 0) for n in who]
        self._kvar_per_kw = np.array([reactive_share(case.prosumers[n].power_factor) for n in who])

    def branch_losses(self, exchange: Exchange, t: int) -> BranchLosses | None:
        """See Operator."""
        if not self.solution(exchange, t).is_solved or not self._flow.can_answer:
            return None
        of_connected, kw_per_kw2 = self._flow.branch_losses(self._buses)
        share = np.zeros((len(kw_per_kw2), len(self._names)))
        share[:, self._who] = of_connected
        return BranchLosses(share, kw_per_kw2)

    @cached_property
    def _flow(self) -> PowerFlow:
        return PowerFlow(self._network, slack_voltage_pu=self._case.slack_voltage_pu, prosumer_buses=self._buses)

    def _asked(self, exchange: Exchange) -> bytes:
        return bytes(exchange.injection_kw[ELECTRIC].tobytes() + exchange.reactive_kvar.tobytes())

    def _injection_kw(self, exchange: Exchange) -> FloatArray:
        return np.asarray(exchange.injection_kw[ELECTRIC, self._who], dtype=np.float64)

    def _solve(self, exchange: Exchange, t: int) -> Solution:
        injected: dict[int, tuple[float, float]] = {}
        powers = (self._injection_kw(exchange), exchange.reactive_kvar[self._who])
        for bus, kw, kvar in zip(self._buses, *(power.tolist() for power in powers), strict=True):
            so_far = injected.get(bus, (0.0, 0.0))
            injected[bus] = (so_far[0] + kw, so_far[1] + kvar)
        result = self._flow.solve(
            injected,
            background_scaling=self._case.load_scaling(t),
            generation_scaling=self._case.generation_scaling(t),
            replaced_loads=self._case.replaced_loads,
        )
        return electric_solution(result, self._limits)

    def _responses(self) -> dict[str, Response]:
        return self._flow.response(self._buses)

    def _marginal_loss(self, slack: Response) -> FloatArray:
        # Reactive power goes along, at the power factor of what draws.
        return np.asarray(1.0 + slack.per_kw[0] + self._kvar_per_kw * slack.per_kvar[0], dtype=np.float64)

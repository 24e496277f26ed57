"""A feeder with prosumers at some of its buses, asked as a network is whose boxes are to be found."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from mosaik_p2p.limits.stated import NetworkLimits
from mosaik_p2p.loading.operator.electric import AskedPowerFlow
from mosaik_p2p.loading.operator.of_case import CaseOperator
from mosaik_p2p.market.designs.envelope.asking import Corners
from mosaik_p2p.market.designs.operator import Exchange
from mosaik_p2p.networks.electric.network import ElectricNetwork
from mosaik_p2p.units import FloatArray

BAND_PU = (0.95, 1.05)
LOADING_PERCENT = 100.0
LIMITS = NetworkLimits(
    {
        "voltage_min": BAND_PU[0],
        "voltage_max": BAND_PU[1],
        "line_loading": LOADING_PERCENT,
        "transformer_loading": LOADING_PERCENT,
    }
)


class FeederLimits:
    """Voltages from 0.95 to 1.05 p.u., lines and transformers up to 100 %; `tan` kvar go along with each kW."""

    def __init__(
        self, network: ElectricNetwork, buses: Sequence[str], *, slack_pu: float, background: float, tan: float = 0.0
    ) -> None:
        index = dict(zip(network.net.bus["name"], network.net.bus.index, strict=True))
        prosumers = [
            SimpleNamespace(name=bus, bus=int(index[bus]), junctions=None, power_factor=1.0 / np.hypot(1.0, tan))
            for bus in buses
        ]
        case: Any = SimpleNamespace(
            prosumers=prosumers,
            slack_voltage_pu=slack_pu,
            load_scaling=lambda _: background,
            generation_scaling=lambda _: 1.0,
            replaced_loads=frozenset(),
        )
        self.count = len(buses)
        self._tan = np.full(self.count, tan)
        self._flow = AskedPowerFlow(case, network, LIMITS)
        nothing = Exchange(np.zeros((2, self.count)), np.zeros(self.count))
        corners = Corners(buses, nothing, self._tan, np.full(self.count, 1e3))
        self.told = corners.asking(CaseOperator(self._flow, None), 0)

    def excess(self, injection_kw: FloatArray) -> float:
        """The largest excess at injections (N,), in p.u. and in shares of a rating; below zero where all is kept."""
        power = np.stack([injection_kw, np.zeros(self.count)])
        tables = self._flow.solution(Exchange(power, self._tan * injection_kw), 0).tables
        voltages = np.array(tables["buses"]["vm_pu"], dtype=float)
        loadings = np.array([*tables["lines"]["loading_percent"], *tables["transformers"]["loading_percent"]])
        band = max(float(voltages.max()) - BAND_PU[1], BAND_PU[0] - float(voltages.min()))
        return max(band, (float(loadings.max()) - LOADING_PERCENT) / LOADING_PERCENT)

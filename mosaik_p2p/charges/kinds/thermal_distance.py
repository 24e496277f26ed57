"""Chen and Liu 2025, eqs. 25-26."""

from typing import ClassVar

from mosaik_p2p.charges.base import ChargeMechanism, ChargeParts, NetworkView, Payer
from mosaik_p2p.charges.mechanisms import path_charges
from mosaik_p2p.sections.ranges import ChargeRate, LossPerKmK, MeanC
from mosaik_p2p.units import HEAT


class ThermalDistance(ChargeMechanism):
    """`rate` times `kappa_kw_per_km_k` times `t_mean_c` times the length of the path in km (Chen and Liu 2025)."""

    carriers: ClassVar[tuple[str, ...]] = (HEAT,)
    rate: ChargeRate
    """Currency per kWh and kW: per kWh traded, and kW that the path would lose."""
    kappa_kw_per_km_k: LossPerKmK = 0.018
    """Heat that a km of pipe loses per K, kW/(km K)."""
    t_mean_c: MeanC = 65.0
    """Mean temperature of the pipes, degC."""
    payer: Payer = "both"
    """As for `uniform`."""

    def parts(self, view: NetworkView) -> ChargeParts:
        """See ChargeMechanism."""
        per_km = self.rate * self.kappa_kw_per_km_k * self.t_mean_c
        return ChargeParts(path_charges(view.graph, view.place, price_per_length=per_km, payer=self.payer))

    def rate_unit(self, view: NetworkView) -> str:
        """See ChargeMechanism."""
        return "kWh and kW"

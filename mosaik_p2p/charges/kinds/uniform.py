"""One rate for everyone."""

from mosaik_p2p.charges.base import ChargeMechanism, ChargeParts, NetworkView, Payer
from mosaik_p2p.charges.mechanisms import uniform_charges
from mosaik_p2p.sections.ranges import ChargeRate


class Uniform(ChargeMechanism):
    """One rate for every pair, also at the same place; currency per kWh."""

    rate: ChargeRate
    """Posted charge per kWh of a trade, currency per kWh."""
    payer: Payer = "both"
    """Who pays the posted charge: `both` ends in full, the `seller`, the `buyer`, or half each (`split`)."""

    def parts(self, view: NetworkView) -> ChargeParts:
        """See ChargeMechanism."""
        return ChargeParts(uniform_charges(view.element, rate_per_kwh=self.rate, payer=self.payer))

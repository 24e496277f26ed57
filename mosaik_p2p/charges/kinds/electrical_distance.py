"""Chen and Liu 2025, eqs. 23-24."""

from typing import ClassVar

from mosaik_p2p.charges.base import ChargeMechanism, ChargeParts, NetworkView, Payer
from mosaik_p2p.charges.mechanisms import path_charges
from mosaik_p2p.sections.ranges import ChargeRate
from mosaik_p2p.units import ELECTRICITY


class ElectricalDistance(ChargeMechanism):
    """`rate` (currency per kWh and ohm) times the sum of |z| along the path of least impedance (Chen and Liu 2025)."""

    carriers: ClassVar[tuple[str, ...]] = (ELECTRICITY,)
    rate: ChargeRate
    """Currency per kWh and ohm."""
    payer: Payer = "both"
    """As for `uniform`."""

    def parts(self, view: NetworkView) -> ChargeParts:
        """See ChargeMechanism."""
        return ChargeParts(path_charges(view.graph, view.place, price_per_length=self.rate, payer=self.payer))

"""Chen and Liu 2025, eqs. 23-24."""

from typing import ClassVar

from mosaik_p2p.charges.base import ChargeMechanism, ChargeParts, NetworkView, Payer, in_ohm
from mosaik_p2p.charges.mechanisms import path_charges
from mosaik_p2p.sections.ranges import ChargeRate, NominalKv
from mosaik_p2p.units import ELECTRICITY


class ElectricalDistance(ChargeMechanism):
    """`rate` (currency per kWh and ohm) times the sum of |z| along the path of least impedance (Chen and Liu 2025)."""

    carriers: ClassVar[tuple[str, ...]] = (ELECTRICITY,)
    rate: ChargeRate
    """Currency per kWh and ohm."""
    base_kv: NominalKv | None = None
    """Voltage that the ohms are referred to, kV; left out: the lowest nominal voltage of the network. All ohms go with
    its square."""
    payer: Payer = "both"
    """As for `uniform`."""

    def parts(self, view: NetworkView) -> ChargeParts:
        """See ChargeMechanism."""
        graph = view.graph.on_base(self.base_kv)
        return ChargeParts(path_charges(graph, view.place, price_per_length=self.rate, payer=self.payer))

    def rate_unit(self, view: NetworkView) -> str:
        """See ChargeMechanism."""
        return in_ohm(view, self.base_kv)

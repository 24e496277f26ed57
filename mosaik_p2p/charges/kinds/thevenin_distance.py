"""Baroche et al. 2019; see `thevenin`."""

from typing import ClassVar

import numpy as np

from mosaik_p2p.charges.base import ChargeMechanism, ChargeParts, NetworkView, Payer, in_ohm
from mosaik_p2p.charges.mechanisms import node_charges
from mosaik_p2p.charges.thevenin import thevenin_ohm
from mosaik_p2p.sections.ranges import ChargeRate, NominalKv
from mosaik_p2p.units import ELECTRICITY


class TheveninDistance(ChargeMechanism):
    """`rate` times the impedance between two places with all branches there, |Zii + Zjj - Zij - Zji|.

    Where several ways lead from one place to the other they count together. On a radial network it is the size of the
    sum of the impedances on the way, a little less than the sum of their sizes, which `electrical_distance` takes.
    """

    carriers: ClassVar[tuple[str, ...]] = (ELECTRICITY,)
    rate: ChargeRate
    """Currency per kWh and ohm."""
    base_kv: NominalKv | None = None
    """As for `electrical_distance`."""
    payer: Payer = "both"
    """As for `uniform`."""

    def parts(self, view: NetworkView) -> ChargeParts:
        """See ChargeMechanism."""
        used = np.unique(view.place[view.is_connected])
        ohm = thevenin_ohm(view.graph.on_base(self.base_kv), used)
        return ChargeParts(node_charges(self.rate * ohm, used, view.place, payer=self.payer))

    def rate_unit(self, view: NetworkView) -> str:
        """See ChargeMechanism."""
        return in_ohm(view, self.base_kv)

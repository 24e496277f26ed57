"""A charge per ohm, of which neighbours pay half."""

import numpy as np

from mosaik_p2p.charges.base import ChargeParts, NetworkView
from mosaik_p2p.charges.mechanisms import table_charges
from mosaik_p2p.charges.thevenin import thevenin_ohm


def village(view: NetworkView, rate: float, village: list[str], share: float = 0.5) -> ChargeParts:
    """`rate` per kWh and ohm between two places; among those of the village a share of it."""
    ohm = thevenin_ohm(view.graph, view.place)
    at_home = np.isin(view.element_name, village)
    values = rate * ohm * np.where(at_home[:, None] & at_home, share, 1.0)
    return ChargeParts(table_charges(values, np.arange(len(values)), payer="split"))

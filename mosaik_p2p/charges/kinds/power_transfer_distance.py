"""Baroche et al. 2019: the sum over all branches of what a trade moves in them."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from mosaik_p2p.charges.base import ChargeMechanism, ChargeParts, NetworkView, Payer
from mosaik_p2p.charges.graph import reached_from
from mosaik_p2p.charges.mechanisms import node_charges, path_charges
from mosaik_p2p.charges.zones import between_prosumers
from mosaik_p2p.sections.ranges import ChargeRate
from mosaik_p2p.units import ELECTRICITY, FloatArray


class PowerTransferDistance(ChargeMechanism):
    """`rate` times the power that a kW from one place to the other moves in all branches together (DC power flow).

    On a radial network every branch of the way carries all of it, transformers and switches with an impedance too: it
    is their number. On a meshed one the trade divides among the ways.
    """

    carriers: ClassVar[tuple[str, ...]] = (ELECTRICITY,)
    rate: ChargeRate
    """Currency per kWh and branch that carries all of it."""
    payer: Payer = "both"
    """As for `uniform`."""

    def parts(self, view: NetworkView) -> ChargeParts:
        """See ChargeMechanism."""
        if between_prosumers(view.graph, view.place).is_radial:
            branches = replace(view.graph, length=np.ones(len(view.graph.length)))
            return ChargeParts(path_charges(branches, view.place, price_per_length=self.rate, payer=self.payer))
        connected = np.flatnonzero(view.is_connected)
        used, first = np.unique(view.place[connected], return_index=True)
        reached_from(view.graph, used)
        moved = moved_between(view.transfer()[:, connected[first]])
        return ChargeParts(node_charges(self.rate * moved, used, view.place, payer=self.payer))

    def rate_unit(self, view: NetworkView) -> str:
        """See ChargeMechanism."""
        return "kWh and branch"


def moved_between(flows: FloatArray) -> FloatArray:
    """(P, P) the sum over all branches of |H_i - H_j|, with `flows` H of shape (branches, P)."""
    by_place = np.ascontiguousarray(flows.T)
    moved = np.zeros((len(by_place), len(by_place)))
    for k, own in enumerate(by_place):
        moved[k, k + 1 :] = moved[k + 1 :, k] = np.abs(by_place[k + 1 :] - own).sum(axis=1)
    return moved

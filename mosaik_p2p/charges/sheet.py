"""What a kWh pays between any two prosumers in one interval, both directions, and what it would along a chain."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from mosaik_p2p.charges.chains import cheapest_chains, undercut
from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.units import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class ChargeSheet:
    """The charges of one carrier in one interval among the P prosumers that its network connects."""

    carrier: str
    begin: datetime
    """Of the interval, on the scenario's own clock."""
    currency: str
    mechanisms: tuple[str, ...]
    """What is posted, in words: each mechanism, its rate and what that is per."""
    remarks: tuple[str, ...]
    """What about it may not be meant."""
    prosumers: tuple[str, ...]
    """(P,)"""
    may_trade: BoolArray
    """(P, P), symmetric."""
    seller_per_kwh: FloatArray
    """(P, P) what the seller (row) of a kWh pays, the charge of its place included; negative where it earns."""
    buyer_per_kwh: FloatArray
    """(P, P) what its buyer (column) pays."""
    pair_per_kwh: FloatArray
    """(P, P), symmetric: what both ends pay by the pair alone."""
    place_per_kwh: FloatArray
    """(P,) what a kWh that is injected, or sold, pays at its place, once; what is drawn counts negative."""

    @property
    def total_per_kwh(self) -> FloatArray:
        """(P, P) what both ends of a kWh from seller (row) to buyer (column) pay together."""
        result: FloatArray = self.seller_per_kwh + self.buyer_per_kwh
        return result

    @cached_property
    def chain_per_kwh(self) -> FloatArray:
        """(P, P) as `total_per_kwh`, along the cheapest chain of trades; infinite where there is none."""
        between = self.place_per_kwh[:, None] - self.place_per_kwh[None, :]
        result: FloatArray = self._chain + between
        return result

    @cached_property
    def undercut(self) -> BoolArray:
        """(P, P), symmetric: pairs to whom others could sell on for less than their own charge."""
        return undercut(self.pair_per_kwh, self._chain, self.may_trade)

    @cached_property
    def _chain(self) -> FloatArray:
        return cheapest_chains(self.pair_per_kwh, self.may_trade)

    @property
    def has_places(self) -> bool:
        """Whether places are charged."""
        return bool(self.place_per_kwh.any())


def charge_sheet(
    carrier: str,
    begin: datetime,
    currency: str,
    names: tuple[str, ...],
    connected: IntArray,
    charges: Charges,
    place_per_kwh: FloatArray,
    *,
    mechanisms: tuple[str, ...],
    remarks: tuple[str, ...],
) -> ChargeSheet:
    """The sheet of the prosumers `connected` (P,), positions in `names` (N,); `place_per_kwh` is (N,)."""
    rows, columns = connected[:, None], connected[None, :]
    sold, bought = charges.end_charges(*np.broadcast_arrays(rows, columns))
    own = place_per_kwh[connected]
    apart = ~np.eye(len(connected), dtype=np.bool_)
    return ChargeSheet(
        carrier=carrier,
        begin=begin,
        currency=currency,
        mechanisms=mechanisms,
        remarks=remarks,
        prosumers=tuple(names[n] for n in connected.tolist()),
        may_trade=charges.may_trade[rows, columns],
        seller_per_kwh=np.where(apart, sold + own[:, None], 0.0),
        buyer_per_kwh=np.where(apart, bought - own[None, :], 0.0),
        pair_per_kwh=np.where(apart, sold + bought, 0.0),
        place_per_kwh=own,
    )

"""What a design may ask the networks before anything is dispatched.

The market core knows no network; what it may ask is this protocol, implemented beside the networks. The grids of the
co-simulation stay the judges: what is asked here is a forecast of their answer.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Protocol

from mosaik_p2p.limits.rows import LimitKey
from mosaik_p2p.market.negotiation.state import NetworkReport
from mosaik_p2p.units import FloatArray


@dataclass(frozen=True)
class Exchange:
    """What N prosumers put on the networks in one interval."""

    injection_kw: FloatArray
    """(C, N), positive into the network; zero where not connected."""
    reactive_kvar: FloatArray
    """(N,), positive into the network."""


@dataclass(frozen=True)
class BranchLosses:
    """Series losses of B branches of the electric network, to second order in what N prosumers change.

    A change e of the injections moves the flow of branch b by `share[b] @ e` (kW), and its loss by its slope, which is
    part of the marginal losses, and by `kw_per_kw2[b] * (share[b] @ e)^2`.
    """

    share: FloatArray
    """(B, N)."""
    kw_per_kw2: FloatArray
    """(B,): r / (1000 V^2), r in ohm and V in kV, at the voltage found."""


class Operator(Protocol):
    """The networks' answers to an exchange in interval `t`, counted from the begin of the run."""

    def reports(
        self, exchange: Exchange, t: int, *, kept: Container[LimitKey] = frozenset()
    ) -> Mapping[int, NetworkReport]:
        """What each network says, by the position of its carrier: as the grids would answer, rows included; with a row
        for every limit in `kept`, too, violated or near or not."""

    def loss(self, exchange: Exchange, t: int) -> FloatArray:
        """(C,) what each network loses, kW; NaN where it has no solution."""

    def marginal_loss(self, exchange: Exchange, t: int) -> FloatArray:
        """(C, N) by how much the losses rise per kW injected; NaN where a network has no solution."""

    def branch_losses(self, exchange: Exchange, t: int) -> BranchLosses | None:
        """Of the electric network; None where there is none, or no solution."""

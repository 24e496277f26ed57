"""What charge mechanisms may ask a network for, beside its graph. The core knows no network library: whoever loads a
scenario gives an object that answers."""

from collections.abc import Mapping
from typing import Any, Protocol

from mosaik_p2p.units import FloatArray, IntArray


class ChargedNetwork(Protocol):
    """The network of one carrier with prosumers in it. Every answer is computed when it is asked for."""

    def names(self) -> Mapping[int, str]:
        """Index of each bus, or junction of the supply side, to its name."""

    def zones(self) -> Mapping[int, str]:
        """Index of each bus that the network's own file puts into a zone to the name of that zone."""

    def transfer(self, elements: IntArray) -> FloatArray:
        """(branches, P) of the linearised power flow: what flows through each branch per kW injected at each of P
        buses. ValueError where a branch has no reactance, with its name, or there is no such flow."""

    def marginal_loss(self) -> FloatArray:
        """(T, N) by how much the network's losses rise per kW that a prosumer injects: negative where injecting
        relieves, zero for who is not connected. Around what everyone exchanges alone. ValueError where the network has
        no flow then."""

    def copy(self) -> Any:
        """The net of the library, pandapower's or pandapipes', for mechanisms that look into it themselves."""

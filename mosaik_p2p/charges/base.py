"""What a charge mechanism is: the keys of its table in a scenario, and what it makes of a network.

A charge has three parts. Of a kWh that i sells to j in interval t

    both ends together pay   factor(t) K_ij       a pair charge, the same in both directions, never negative
    i pays, j receives       factor(t) nu_i(t), nu_j(t)      place charges, of either sign, per kWh injected

so that what depends on the direction of a trade is a difference of place values, and no form of the market needs to
know of it.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import pandas as pd

from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.charges.mechanisms import Charges
from mosaik_p2p.charges.network import ChargedNetwork
from mosaik_p2p.charges.posted import amiss_in
from mosaik_p2p.charges.time_of_use import Factors, factor_of
from mosaik_p2p.errors import Fault
from mosaik_p2p.sections.base import Section
from mosaik_p2p.units import CARRIERS, BoolArray, FloatArray, IntArray

Payer: TypeAlias = Literal["both", "seller", "buyer", "split"]
"""See `mechanisms.PAYER_SHARES`. Pair charges have payers; a place charge is paid by its own place, once."""
AppliesTo: TypeAlias = Literal["injection", "trades"]
"""On which kWh of a place its charge is: all that its devices inject, whoever takes it, or its net sale to peers."""

SeriesReader: TypeAlias = Callable[[str, Sequence[str]], Mapping[str, FloatArray]]
"""Columns of a file of profiles by name, (T,) each. Raises BadInput, of which the places are `file`."""


@dataclass(frozen=True)
class NetworkView:
    """What a mechanism may look at: the network of one carrier, and where N prosumers stand in it."""

    carrier: str
    prosumers: tuple[str, ...]
    """(N,) their names."""
    element: IntArray
    """(N,) each one's bus or supply junction by its index, -1 where it is not connected."""
    element_name: tuple[str, ...]
    """(N,) the same by name; empty where it is not connected."""
    measured: Callable[[], PathGraph] | None
    """Makes `graph`, which not every mechanism needs; None where there is no network, and no mechanism is asked."""
    begins: pd.DatetimeIndex
    """(T,) begin of every interval of the run and its look-aheads, on the scenario's own clock, with its zone."""
    step_minutes: int
    """Length of an interval."""
    folder: Path
    """Of the scenario: files that it names lie relative to it."""
    partners: BoolArray | None = None
    """(N, N), symmetric: who may trade with whom; None: everyone."""

    network: ChargedNetwork | None = None
    """Answers what else a mechanism wants to know; None where there is no network."""
    read_series: SeriesReader | None = None
    """Reads series over the intervals from a file that a mechanism's table names."""

    @cached_property
    def graph(self) -> PathGraph:
        """Places and the lengths between them: |z| in ohm, or km of pipe. ValueError where there is no network."""
        if self.measured is None:
            raise ValueError(f"there is no network of {self.carrier}")
        return self.measured()

    @cached_property
    def place(self) -> IntArray:
        """(N,) each one's node in `graph`, -1 where it is not connected."""
        node_of = self.graph.node_of
        return np.array([node_of[i] if i >= 0 else -1 for i in self.element.tolist()], dtype=np.int64)

    @cached_property
    def names(self) -> Mapping[int, str]:
        """Index of every bus, or junction of the supply side, that has a node in `graph`, to its name."""
        names = self._network.names()
        return {index: names[index] for index in self.graph.node_of}

    @cached_property
    def zones(self) -> Mapping[int, str]:
        """Index of every bus that the file of an electric network puts into a zone to the zone's name."""
        return self._network.zones()

    def node(self, place: int | str) -> int | None:
        """The node in `graph` of a bus or junction by its name (text) or index (number); None where there is none."""
        index = self._index_of.get(place) if isinstance(place, str) else place
        return None if index is None else self.graph.node_of.get(index)

    def transfer(self) -> FloatArray:
        """(branches, N) what flows through each branch of the linearised power flow per kW that a prosumer injects.

        Which slack takes it out does not matter for differences between prosumers. Nothing flows for one that is not
        connected. ValueError where a branch has no reactance, and in a network without power flow.
        """
        return self._transferred

    @cached_property
    def _transferred(self) -> FloatArray:
        connected = np.flatnonzero(self.is_connected)
        first, column = np.unique(self.element[connected], return_inverse=True)
        by_element = self._network.transfer(first)
        flows = np.zeros((len(by_element), len(self.prosumers)))
        flows[:, connected] = by_element[:, column]
        return flows

    def marginal_loss(self) -> FloatArray:
        """(T, N) by how much the network loses more, in kW, per kW that a prosumer injects; negative where injecting
        relieves. Around what everyone exchanges alone. ValueError where the network has no flow then."""
        return self._network.marginal_loss()

    @cached_property
    def net(self) -> Any:
        """A copy of the network as its library has it, pandapower's or pandapipes'."""
        return self._network.copy()

    @property
    def _network(self) -> ChargedNetwork:
        if self.network is None:
            raise ValueError(f"there is no network of {self.carrier}")
        return self.network

    @cached_property
    def _index_of(self) -> Mapping[str, int]:
        return {name: index for index, name in self.names.items()}

    @property
    def is_connected(self) -> BoolArray:
        """(N,)"""
        return self.element >= 0


@dataclass(frozen=True)
class ChargeParts:
    """What a mechanism charges: a part that is None is nothing, a `factor` that is None is 1."""

    pair: Charges | None = None
    """For each pair, see `mechanisms`: `path_charges`, `table_charges` and `uniform_charges` make one."""
    place: FloatArray | None = None
    """(T, N) currency per kWh that each prosumer injects, of either sign; T intervals as in `NetworkView.begins`."""
    factor: FloatArray | None = None
    """(T,), none below 0: by which both other parts are multiplied, beside the factors that the table states."""


class ChargeMechanism(Section):
    """A charge mechanism. Its fields are the keys of its table, each with a text that says meaning and unit."""

    carriers: ClassVar[tuple[str, ...]] = CARRIERS
    """Of which networks it can be the charge."""
    mechanism: str
    factor: Factors = ()
    """Time of use, a list: by what the charge is multiplied at times of the day, 1 at all others."""

    @abstractmethod
    def parts(self, view: NetworkView) -> ChargeParts:
        """What is charged in this network."""

    def rate_unit(self, view: NetworkView) -> str:  # noqa: ARG002  (what is measured in ohm depends on the network)
        """What a rate is per, beside the currency."""
        return "kWh"

    def remarks(self, view: NetworkView) -> Iterable[str]:  # noqa: ARG002  (most have nothing to say)
        """What about the charge in this network may not be meant, in whole sentences."""
        return ()

    def faults(self, view: NetworkView) -> Iterable[Fault]:  # noqa: ARG002  (a mechanism with names in its keys has some)
        """What in the keys does not fit the network; places are keys of the table, such as `zones.K9`."""
        return ()


def in_ohm(view: NetworkView, base_kv: float | None) -> str:
    """The unit of a rate per ohm: ohms of a network with several levels of voltage say nothing without their base."""
    return f"kWh and ohm at {view.graph.on_base(base_kv).base_kv:g} kV"


class PlaceChargeMechanism(ChargeMechanism):
    """A mechanism that charges places. One for which another `applies_to` suits better gives it another default."""

    applies_to: AppliesTo = "injection"
    """On what the charge of a place is: `injection`, every kWh that its devices feed in, whoever takes it; `trades`,
    every kWh that it sells to others in the market. What is drawn, or bought, counts negative."""


class UnfitParts(Exception):
    """What a mechanism gave is no charge that this version can compute."""


def checked_parts(parts: object, view: NetworkView) -> ChargeParts:
    """The parts that a mechanism gave. Raises UnfitParts where they are none that a market can compute."""
    if not isinstance(parts, ChargeParts):
        raise UnfitParts(f"gave {type(parts).__name__} and no ChargeParts")
    if parts.pair is None and parts.place is None:
        raise UnfitParts("gave neither a charge of pairs (`pair`) nor one of places (`place`)")
    if parts.pair is not None:
        _check_pair(parts.pair, len(view.prosumers))
    span = len(view.begins)
    for name, values, shape in (
        ("place", parts.place, (span, len(view.prosumers))),
        ("factor", parts.factor, (span,)),
    ):
        if values is None:
            continue
        if np.shape(values) != shape:
            raise UnfitParts(f"gave a `{name}` of shape {np.shape(values)}, which has to be {shape}")
        if not np.isfinite(values).all():
            raise UnfitParts(f"gave a `{name}` that is no number somewhere")
    if parts.factor is not None and (parts.factor < 0.0).any():
        raise UnfitParts(f"gave a `factor` of {parts.factor.min():g}, which has to be 0 or more")
    return parts


def _check_pair(pair: object, count: int) -> None:
    if not isinstance(pair, Charges):
        raise UnfitParts(f"gave {type(pair).__name__} as charge of pairs (`pair`), which has to be Charges")
    if pair.posted.shape != (count, count):
        raise UnfitParts(f"gave charges of shape {pair.posted.shape} for {count} prosumers")
    amiss = amiss_in(pair.posted)
    if amiss is not None:
        raise UnfitParts(f"gave {amiss}")


def stated_factor(mechanism: ChargeMechanism, view: NetworkView) -> FloatArray | None:
    """(T,) the factors of a mechanism's table; None: 1 always."""
    return factor_of(mechanism.factor, view.begins, step_minutes=view.step_minutes)

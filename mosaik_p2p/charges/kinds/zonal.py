"""Baroche et al. 2019: zones that a trade passes."""

from collections.abc import Iterator
from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from mosaik_p2p.charges.base import ChargeMechanism, ChargeParts, NetworkView, Payer
from mosaik_p2p.charges.graph import reached_from
from mosaik_p2p.charges.mechanisms import node_charges, path_charges
from mosaik_p2p.charges.zones import Between, are_connected, between_prosumers, half_at_ends, zones_on_the_way
from mosaik_p2p.charges.zoning import ZoningRefused, zones_by, zones_named
from mosaik_p2p.errors import Fault
from mosaik_p2p.sections.base import Name, refuse
from mosaik_p2p.sections.ranges import ChargeRate, ElementIndex
from mosaik_p2p.units import IntArray


class Zonal(ChargeMechanism):
    """`rate` times the zones on the way from one place to the other, of which a trade within a zone passes one.

    The way is that of least impedance, or of least length in a heat network. What is passed counts, too: between the
    ends of three zones in a row lie all three.
    """

    rate: ChargeRate
    """Currency per kWh and zone on the way."""
    by: Literal["bus_zone", "voltage_level", "feeder"] | None = None
    """Of what zones are made, if not of `zones`: the column `zone` of the electric file (`bus_zone`), the parts between
    transformers (`voltage_level`), or the parts that are left when the place of the slack is taken out (`feeder`; that
    place is a zone of its own)."""
    zones: dict[str, tuple[ElementIndex | Name, ...]] = {}  # noqa: RUF012  (pydantic copies it)
    """Names or indices of the buses, or supply junctions, of each zone, by the zone's name; at least all places on the
    ways between prosumers."""
    payer: Payer = "both"
    """As for `uniform`."""

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if self.by is None and not self.zones:
            refuse("has no zones", remedy='Give `zones`, or `by`, such as by = "voltage_level".')
        if self.by is not None and self.zones:
            refuse("has zones by two rules", remedy="Give either `zones` or `by`.", key="by")
        return self

    def faults(self, view: NetworkView) -> Iterator[Fault]:
        """Zones that name what the network does not have, or leave out what a trade would pass."""
        try:
            self._zone(view, between_prosumers(view.graph, view.place))
        except ZoningRefused as refused:
            yield from refused.faults

    def parts(self, view: NetworkView) -> ChargeParts:
        """A path charge where the network is radial and no way comes back into a zone; else a table."""
        within = between_prosumers(view.graph, view.place)
        zone = self._zone(view, within)
        if within.is_radial and are_connected(view.graph, zone, within):
            crossed, ends = half_at_ends(view.graph, zone, view.place)
            return ChargeParts(path_charges(crossed, ends, price_per_length=self.rate, payer=self.payer))
        used = np.unique(view.place[view.is_connected])
        reached_from(view.graph, used)
        passed = zones_on_the_way(view.graph, zone, used)
        return ChargeParts(node_charges(self.rate * passed, used, view.place, payer=self.payer))

    def rate_unit(self, view: NetworkView) -> str:
        """See ChargeMechanism."""
        return "kWh and zone on the way"

    def _zone(self, view: NetworkView, within: Between) -> IntArray:
        """(nodes,) number of each node's zone. Raises ZoningRefused."""
        return zones_named(view, self.zones, within) if self.by is None else zones_by(view, self.by, within)

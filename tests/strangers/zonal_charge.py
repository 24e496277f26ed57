"""A charge by zones: one rate within a zone, another one between two."""

from collections.abc import Iterator

import numpy as np

from mosaik_p2p.charges.base import ChargeMechanism, ChargeParts, NetworkView, Payer
from mosaik_p2p.charges.mechanisms import table_charges
from mosaik_p2p.errors import Fault
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.sections.ranges import ChargeRate


class Zonal(ChargeMechanism):
    """One rate within a zone and one between two zones; currency per kWh."""

    inside: ChargeRate
    """Of a trade within a zone, currency per kWh."""
    across: ChargeRate
    """Of a trade between two zones, currency per kWh."""
    zones: dict[str, tuple[str, ...]]
    """Names of the buses or supply junctions of each zone, by the zone's name."""
    payer: Payer = "both"
    """As for `uniform`."""

    def faults(self, view: NetworkView) -> Iterator[Fault]:
        """Places of zones that the network does not have, and prosumers that stand in none."""
        for zone, places in self.zones.items():
            for place in set(places) - set(view.graph.node_names):
                remedy = did_you_mean(place, view.graph.node_names)
                yield Fault(f"zones.{zone}", place, "is no place of the network", remedy)
        for name, place in zip(view.prosumers, view.element_name, strict=True):
            if place and place not in self._zone_of:
                yield Fault("zones", place, f"prosumer {name!r} stands in no zone", "Name its place in a zone.")

    def parts(self, view: NetworkView) -> ChargeParts:
        """A table of zones by zones, and the zone of each prosumer."""
        names = list(self.zones)
        values = np.where(np.eye(len(names)) > 0, self.inside, self.across)
        zone = [names.index(self._zone_of[place]) if place else -1 for place in view.element_name]
        return ChargeParts(table_charges(values, np.array(zone), payer=self.payer))

    @property
    def _zone_of(self) -> dict[str, str]:
        return {place: zone for zone, places in self.zones.items() for place in places}

"""A charge of places: a value at each of them, beside one rate for every trade."""

from collections.abc import Iterator

import numpy as np

from mosaik_p2p.charges.base import ChargeParts, NetworkView, Payer, PlaceChargeMechanism
from mosaik_p2p.charges.mechanisms import uniform_charges
from mosaik_p2p.errors import Fault
from mosaik_p2p.sections.ranges import ChargeRate, PricePerKwh


class PlaceValues(PlaceChargeMechanism):
    """A value at each place for what is injected there, and one rate for every trade; currency per kWh."""

    values: dict[str, PricePerKwh]
    """By the name of the bus or supply junction, currency per kWh injected."""
    rate: ChargeRate = 0.0
    """Of every trade, currency per kWh."""
    payer: Payer = "both"
    """As for `uniform`."""

    def faults(self, view: NetworkView) -> Iterator[Fault]:
        """Places that no prosumer stands at."""
        for place in set(self.values) - set(view.element_name):
            yield Fault(f"values.{place}", place, "is no prosumer's place", "Take it out.")

    def parts(self, view: NetworkView) -> ChargeParts:
        """The same values in every interval."""
        values = [self.values.get(place, 0.0) for place in view.element_name]
        place = np.broadcast_to(values, (len(view.begins), len(values)))
        pair = uniform_charges(view.element, rate_per_kwh=self.rate, payer=self.payer)
        return ChargeParts(pair if self.rate else None, place)

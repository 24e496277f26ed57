"""Nodal charges: a price difference at each place, posted in advance."""

from collections.abc import Iterator, Mapping
from typing import Self

import numpy as np
from pydantic import model_validator

from mosaik_p2p.charges.base import ChargeParts, NetworkView, PlaceChargeMechanism
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.sections.base import Name, refuse
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.sections.ranges import PricePerKwh
from mosaik_p2p.units import FloatArray


class Nodal(PlaceChargeMechanism):
    """A charge per kWh injected at each bus or junction, of either sign, as an operator posts it in advance.

    It brings about what it was computed for only where every prosumer's cost is strictly convex: of two producers with
    one cost each at the ends of a full line, both are indifferent at the nodal prices. `negotiation` holds limits.
    """

    per_kwh: dict[Name, PricePerKwh] = {}  # noqa: RUF012  (pydantic copies it)
    """Charge of each place by its name, the same in all intervals, currency per kWh injected."""
    file: Name | None = None
    """A file of profiles, relative to the scenario: a column `time`, and one for each place with a prosumer, named as
    the bus or the junction of the supply side, currency per kWh injected."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.per_kwh) == (self.file is not None):
            said = "has charges from two sources" if self.per_kwh else "has no charges"
            refuse(said, remedy="Give either `per_kwh` or `file`.")
        return self

    def faults(self, view: NetworkView) -> Iterator[Fault]:
        """Places that the network does not have, places of prosumers without a charge, and what the file lacks."""
        try:
            self._by_place(view)
        except BadInput as bad:
            yield from bad.faults

    def parts(self, view: NetworkView) -> ChargeParts:
        """See ChargeMechanism."""
        by_place = self._by_place(view)
        place = np.zeros((len(view.begins), len(view.prosumers)))
        for n in np.flatnonzero(view.is_connected).tolist():
            place[:, n] = by_place[view.element_name[n]]
        return ChargeParts(place=place)

    def _by_place(self, view: NetworkView) -> Mapping[str, FloatArray | float]:
        """By name of each place with a prosumer. Raises BadInput."""
        used = tuple(dict.fromkeys(name for name in view.element_name if name))
        if self.file is not None:
            if view.read_series is None:
                raise ValueError("there is nobody who reads files")
            return view.read_series(self.file, used)
        known = view.names.values()
        faults = [
            Fault(f"per_kwh.{name}", repr(name), "is no place of the network", did_you_mean(name, known))
            for name in self.per_kwh
            if view.node(name) is None
        ]
        missing = [name for name in used if name not in self.per_kwh]
        faults += [
            Fault("per_kwh", repr(name), "has a prosumer and no charge", "Give its charge, 0.0 for none.")
            for name in missing
        ]
        if faults:
            raise BadInput(faults)
        return self.per_kwh

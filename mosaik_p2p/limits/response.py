"""How a quantity answers to what the sources of a network inject: what a network offers, and what comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mosaik_p2p.units import FloatArray

SLACK = "slack_kw"
"""Stands beside the quantities: its one element is all that balances the network."""


@dataclass(frozen=True, kw_only=True)
class Response:
    """How one quantity answers to injections. Matrices of shape (elements, sources), in the quantity's unit."""

    elements: Sequence[str]
    per_kw: FloatArray
    per_kvar: FloatArray

    def times(self, values: FloatArray) -> "Response":
        """Each element's answer, times its entry of `values` (elements,); 0 where that is not a number."""
        per_kw, per_kvar = (np.nan_to_num(part * values[:, None]) for part in (self.per_kw, self.per_kvar))
        return Response(elements=self.elements, per_kw=per_kw, per_kvar=per_kvar)


class ElectricSensitivities(Protocol):
    """A power flow, linearised at its last solution. Elements are `bus`, `line` and `transformer`; those in service
    have a row."""

    def values(self, element: str, column: str) -> FloatArray:
        """(elements in service,) a column of pandapower's results, in pandapower's unit."""
        ...

    def voltage_pu(self) -> Response:
        """Of the magnitudes at buses."""
        ...

    def relative_current(self, element: str) -> Response:
        """Of the magnitude of the current at the more loaded end of lines or transformers, as a share of itself."""
        ...

    def line_power_kw(self) -> Response:
        """Of the size of the active power of lines, at the end where it is larger."""
        ...


class HeatSensitivities(Protocol):
    """A heat flow, linearised at its last solution; pipes in service have a row, and so have all others."""

    def velocity_m_per_s(self) -> Response:
        """Of the size of the velocity in pipes."""
        ...

    def pressure_gradient_pa_per_m(self) -> Response:
        """Of the size of the friction in pipes."""
        ...

    def pressure_bar(self) -> Response:
        """At both sides of whoever is connected."""
        ...

    def differential_pressure_bar(self) -> Response:
        """Between supply and return of prosumers."""
        ...

    def t_supply_c(self) -> Response:
        """On the supply side of prosumers."""
        ...

    def plant_heat_kw(self) -> Response:
        """That plants give."""
        ...

    def pump_head_bar(self) -> Response:
        """Of the pumps of plants."""
        ...

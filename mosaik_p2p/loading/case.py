"""A scenario ready to run: everything that the market, the networks and the results are made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_p2p.errors import InputWarning
from mosaik_p2p.limits.stated import NetworkLimits
from mosaik_p2p.loading.uncertainty.draw import Draw
from mosaik_p2p.networks.electric.counted import Element
from mosaik_p2p.networks.electric.network import ElectricNetwork
from mosaik_p2p.networks.heat.choice import HeatNetwork
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.results.quantities.registry import NamedQuantity
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.units import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Case:
    """The scenario with its files read, its places found and its profiles on the intervals of the span.

    The span has the intervals of the run and of its look-aheads, as far as profiles go. A network that the scenario
    leaves out is None, and so are its limits; its carrier is not traded, and the places in it are ignored.
    """

    scenario: Scenario
    path: Path
    """The scenario file."""
    prosumers: tuple[Prosumer, ...]
    electric: ElectricNetwork | None
    heat: HeatNetwork | None
    electric_limits: NetworkLimits | None
    heat_limits: NetworkLimits | None
    background: FloatArray | None
    """(span,) factor on all that the electric network's own elements draw and no prosumer replaces; None: nothing."""
    generation: FloatArray
    """(span,) factor on every static generator of the electric network that no prosumer replaces."""
    replaced_loads: frozenset[Element]
    """What of the electric network prosumers stand for: loads of every kind, and static generators."""
    times: pd.DatetimeIndex
    """(span,) begin of each interval, UTC."""
    day: IntArray
    """(span,) number of each interval's day, 0 for the first, by the scenario's own clock."""
    dt_h: float
    warnings: tuple[InputWarning, ...] = ()
    """What may not be meant as it is written."""
    inventory: Mapping[str, Any] = field(default_factory=dict)
    """What the scenario holds, see `inventory`; JSON types only."""
    quantities: tuple[NamedQuantity, ...] = ()
    """What is computed from the results after the run."""
    draws: tuple[Draw, ...] = ()
    """What was drawn from the seed, as `scenario.uncertainty` asks for."""

    @property
    def quantity_files(self) -> tuple[str, ...]:
        """The files that result quantities add to the result folder."""
        return tuple(f"{named.of.name}.parquet" for named in self.quantities)

    @property
    def slack_voltage_pu(self) -> float | None:
        """Voltage of every slack of the electric network; None: the network's own."""
        stated = self.scenario.networks.electricity
        return None if stated is None else stated.slack_voltage_pu

    def load_scaling(self, interval: int) -> float:
        """Factor on all that the electric network's own elements draw; without a background they are dropped."""
        return 0.0 if self.background is None else float(self.background[interval])

    def generation_scaling(self, interval: int) -> float:
        """Factor on the static generators of the electric network that no prosumer replaces."""
        return float(self.generation[interval])

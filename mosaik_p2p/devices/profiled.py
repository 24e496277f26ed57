"""What loads and sources that come as a profile have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from mosaik_p2p.prosumers.block import Block, mean_of
from mosaik_p2p.prosumers.device import AVAILABLE, DEMAND, Device, Family, Outcome, Plan, Profile
from mosaik_p2p.prosumers.roles import Role
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import ELECTRICITY, HEAT

LOAD_STEM = {ELECTRICITY: "P", HEAT: "Q_heat"}


@dataclass(frozen=True)
class Load(Device):
    """A load whose demand comes as a profile."""

    carrier: str
    demand: Series
    """kW."""

    family: ClassVar[Family] = Family.LOAD
    stems: ClassVar[tuple[str, ...]] = tuple(LOAD_STEM.values())

    @property
    def own_carrier(self) -> str:
        """What it draws."""
        return self.carrier

    def profiles(self) -> tuple[Profile, ...]:
        """Its demand."""
        return (Profile(DEMAND, self.demand),)

    def series_by_stem(self) -> Mapping[str, Series]:
        """Its demand."""
        return {LOAD_STEM[self.carrier]: self.demand}

    def with_series(self, stem: str, series: Series) -> Self:
        """The same load with another demand."""
        return replace(self, demand=series) if stem in self.series_by_stem() else super().with_series(stem, series)


@dataclass(frozen=True)
class Source(Device):
    """A plant that gives up to what sun or wind let it; what it does not give is curtailed. One of `stems` at most."""

    available: Series
    """kW."""
    cost_per_kwh: float

    family: ClassVar[Family] = Family.SOURCE

    def block(self, block: Block, window: Window, state: ProsumerState) -> None:
        """One power, from nothing to what is expected to be available."""
        available = window.cut(self.available.forecast)
        adds = {str(self.own_carrier): 1.0}
        block.variable(Role.POWER, upper=available, price=self.cost_per_kwh, adds=adds)
        block.mean_kw(mean_of(available))

    def profiles(self) -> tuple[Profile, ...]:
        """What is available."""
        return (Profile(AVAILABLE, self.available),)

    def follow(self, plan: Plan) -> Outcome:
        """It gives as much more or less than planned as there turns out to be, and at most what there is."""
        available = self.available.realised[plan.interval]
        missed = available - self.available.forecast[plan.interval]
        power_kw = np.minimum(np.maximum(plan.power_kw + missed, 0.0), available)
        return Outcome(power_kw, power_kw)

    def series_by_stem(self) -> Mapping[str, Series]:
        """What is available."""
        return dict.fromkeys(self.stems, self.available)

    def with_series(self, stem: str, series: Series) -> Self:
        """The same plant where something else is available."""
        return replace(self, available=series) if stem in self.stems else super().with_series(stem, series)

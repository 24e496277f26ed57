"""What a prosumer, the market and the results ask of every device; the kinds are in `mosaik_p2p.devices`.

All that sets one kind apart from another is behind these methods: nothing else tells kinds by their class.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, NamedTuple, Self

from mosaik_p2p.prosumers.block import Block
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import FloatArray

DEMAND, AVAILABLE = "demand_kw", "available_kw"
"""Quantities of profiles: what a load would draw, and what a source could give. Results know them by these names."""


class Family(StrEnum):
    """As what a device counts where results are summed up."""

    LOAD = "load"
    """What it misses was not served."""
    SOURCE = "source"
    STORAGE = "storage"
    """What it takes and gives is neither load nor generation."""
    VEHICLE = "vehicle"
    """A storage that drives away with what it holds: what it takes on the whole is load, what it misses a target."""
    CONVERTER = "converter"
    """Turns one form of energy into another."""


@dataclass(frozen=True)
class Profile:
    """A series that a device goes by, as the table `inputs` lists it: a quantity with its unit."""

    quantity: str
    series: Series


class Plan(NamedTuple):
    """What was cleared for one device in an interval of the span."""

    interval: int
    dt_h: float
    power_kw: FloatArray
    """(K,): its variables in the order of its block; kW, levels in kWh."""


class Outcome(NamedTuple):
    """What a device does in that interval, with its realised profiles."""

    power_kw: FloatArray
    """(K,): its variables, as in the plan."""
    paid_kw: FloatArray
    """(K,): the same, as far as its variables' costs go by them."""
    drawn_kw: Mapping[str, float] = MappingProxyType({})
    """By carrier: what it draws besides, of which no variable tells."""
    constant_cost: float = 0.0
    """Money of this interval besides the costs of its variables."""
    behind_kwh: float | None = None
    """Energy by which it was cleared less than its forecast; None of what owes none."""


def as_planned(plan: Plan) -> Outcome:
    """The outcome of a device that does what was cleared."""
    return Outcome(plan.power_kw, plan.power_kw)


@dataclass(frozen=True)
class Device(ABC):
    """Something that a prosumer owns, ready for use: profiles are arrays over the whole span. Power is in kW."""

    name: str

    type: ClassVar[str]
    """As the scenario's key `type` says it."""
    family: ClassVar[Family]
    stems: ClassVar[tuple[str, ...]] = ()
    """Beginnings of the mosaik attributes `STEM_forecast[kW]` and `STEM_realised[kW]` that may bring its series."""

    @property
    @abstractmethod
    def own_carrier(self) -> str | None:
        """The one carrier that it draws, gives or stores; None of what turns one into another."""

    @abstractmethod
    def block(self, block: Block, window: Window, state: ProsumerState) -> None:
        """Add its variables, limits and costs over the look-ahead."""

    @abstractmethod
    def profiles(self) -> tuple[Profile, ...]:
        """The series that it goes by."""

    @abstractmethod
    def follow(self, plan: Plan) -> Outcome:
        """What it does when its realised profiles are not what was forecast; see `as_planned`."""

    def initial_kwh(self, after: int) -> float | None:
        """What it stores when the run begins; None where it stores nothing.

        With `after` intervals of the run gone by, the same content then, of what is there then.
        """
        return None

    @property
    def own_power_factor(self) -> float | None:
        """Its own signed power factor, see `reactive_share`; None: that of what its owner draws."""
        return None

    def series_by_stem(self) -> Mapping[str, Series]:
        """The series, in kW, that others may bring instead of the scenario, by the stem of their attribute."""
        return {}

    def with_series(self, stem: str, series: Series) -> Self:
        """The same device with another series in the place of the one of this stem."""
        raise ValueError(f"{self.type} {self.name!r} has no series {stem!r}")

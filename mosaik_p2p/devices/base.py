"""What a kind of device says of itself in a scenario: its keys, how it is built from profiles, and its faults.

A kind is one file with two classes: a section of the scenario file, which is here (`DeviceSection`), and the device
made from it, which markets and results deal with (`prosumers.device.Device`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

from mosaik_p2p.errors import Fault
from mosaik_p2p.prosumers.device import AVAILABLE, DEMAND, Device
from mosaik_p2p.sections.base import PlainName, Section
from mosaik_p2p.sections.prices import Price, price_per_kwh
from mosaik_p2p.sections.profile_references import Use
from mosaik_p2p.sections.ranges import MOST_KW
from mosaik_p2p.sections.resample import shifted
from mosaik_p2p.sections.scale import Scale
from mosaik_p2p.sections.series import Series, Span
from mosaik_p2p.sections.time import Time
from mosaik_p2p.units import ELECTRICITY, FloatArray

DeviceClass: TypeAlias = type[Device]
PV_KWP, STORAGES, STORAGE_KWH = "pv_kwp", "storages", "storage_kwh"
"""Sizes that the inventory of every scenario tells."""


@dataclass(frozen=True, eq=False)
class BuildContext:
    """What a device is made from: the profiles that could be read, the span, scales, and its owner's own."""

    profiles: Mapping[str, Series]
    horizontal_kw_per_m2: FloatArray | None
    """(span,) irradiance on the horizontal, where something needs the weather."""
    span: Span
    known_end: bool
    """False where the scenario's lengths are faulty: how much of its last day the span covers is then not known."""
    scale: Scale
    owner_scale: float = 1.0
    """Of the owner's loads."""
    owner_heat_scale: float = 1.0
    """Of the owner's heat loads besides, by what it heats with."""
    shift_minutes: int = 0
    """By which the profiles of the owner's loads are later."""

    def load_scale(self, carrier: str) -> float:
        """By what a load of the owner is multiplied."""
        if carrier == ELECTRICITY:
            return self.owner_scale * self.scale.load
        return self.owner_scale * self.owner_heat_scale * self.scale.heat_load

    def limit_scale(self, carrier: str) -> float:
        """By what the limits of a load's power are multiplied: as the load, but for the owner's own `scale`, which says
        how large its profile is, whatever its connection can carry."""
        return self.load_scale(carrier) / self.owner_scale

    def load_series(self, profile: str, carrier: str) -> Series | None:
        """A profile as the owner's load has it: scaled and shifted; None where it could not be read."""
        series = self.profiles.get(profile)
        if series is None:
            return None
        minutes, step = self.shift_minutes, self.span.step_minutes
        if minutes:
            series = Series(shifted(series.forecast, minutes, step), shifted(series.realised, minutes, step))
        return series.times(self.load_scale(carrier))

    def price(self, price: Price) -> FloatArray | None:
        """A price on the span, (span,) per kWh; None where it is a profile that could not be read."""
        return price_per_kwh(price, self.profiles, self.span)

    def constant(self, value: float) -> FloatArray:
        """The same value in every interval, (span,)."""
        return np.full(len(self.span.times), float(value))


class DeviceSection(Section, ABC):
    """An entry of a prosumer's `devices`: the keys of one kind, and what follows from them."""

    consumed_keys: ClassVar[tuple[str, ...]] = ("template",)
    device: ClassVar[DeviceClass]
    """What it builds."""

    type: str
    name: PlainName

    @abstractmethod
    def build(self, context: BuildContext) -> Device | None:
        """The device on the intervals of the span; None where a profile of it could not be read."""

    @abstractmethod
    def uses(self, place: str) -> Iterable[Use]:
        """Every mention of a profile, and what its values must then be; the section stands at `place`."""

    @property
    def weather_need(self) -> str:
        """What of it is made from the weather itself, in the words of a message; empty where nothing is."""
        return ""

    def sizes(self, scale: Scale) -> Mapping[str, float]:
        """What it adds to the inventory: numbers by a name with their unit, such as `PV_KWP`."""
        return {}

    def owners_heat_scale(self, scale: Scale) -> float:
        """By what the heat loads of its owner are multiplied, however many of its type there are."""
        return 1.0

    def plan_faults(self, place: str, time: Time) -> Iterable[Fault]:
        """What no plan can do with it, judged before any profile is read."""
        return ()

    def built_faults(self, built: Device | None, context: BuildContext, place: str) -> Iterable[Fault]:
        """What only profiles show; None was built where one of them could not be read."""
        return () if built is None else profile_power_faults(built, context.span, place)


def profile_power_faults(built: Device, span: Span, place: str) -> Iterator[Fault]:
    """Powers that profile, size and scales make together, and that no connection carries."""
    for profile in built.profiles():
        if profile.quantity in (DEMAND, AVAILABLE):
            power_kw = np.maximum(profile.series.forecast, profile.series.realised)
            yield from power_faults(power_kw, span, place)


def power_faults(power_kw: FloatArray, span: Span, place: str) -> Iterator[Fault]:
    """A fault where one of the powers (one, or one per interval of the span) is beyond all that is plausible."""
    if power_kw.max() > MOST_KW:
        when = span.own_times[int(np.argmax(power_kw))].isoformat()
        problem = f"is the power at {when}, profile times size and scales; at most {MOST_KW:g} kW are plausible"
        yield Fault(place, f"{power_kw.max():g} kW", problem, "Check the units of the profile, and the scales.")

"""What of a scenario is not known, and is drawn from its seed."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from mosaik_p2p.devices.registry import device_kinds
from mosaik_p2p.prosumers.device import Family
from mosaik_p2p.scenario.parts.weather import WeatherSpec
from mosaik_p2p.sections.base import Name, Section, refuse
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.sections.ranges import Share
from mosaik_p2p.sections.resample import MINUTES_PER_DAY
from mosaik_p2p.units import ELECTRICITY, HEAT

MOST_SPREAD = 2.0
GROUPS = {
    (Family.LOAD, ELECTRICITY): "load",
    (Family.LOAD, HEAT): "heat_load",
    (Family.SOURCE, ELECTRICITY): "generation",
    (Family.SOURCE, HEAT): "heat_generation",
}
"""Key of the table about devices of a family and carrier that go by a profile."""
Spread: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, le=MOST_SPREAD)]
Persistence: TypeAlias = Annotated[float, Field(strict=True, ge=0.0, lt=1.0)]


class ProfileUncertainty(Section):
    """Of devices that go by a profile: how far their size, and their forecast, may be off."""

    scale_spread: Spread = 0.0
    """Standard deviation of the factor that multiplies every prosumer's profiles (log-normal, mean 1): 0.2 is 20 %."""
    forecast_error: Spread = 0.0
    """Standard deviation of forecast over realised value, relative (log-normal, mean 1): the profile is what turns out,
    and the market expects it times this."""
    persistence: Persistence = 0.8
    """How much of a forecast's error is left an hour later: the correlation of the errors (of their logarithms) of two
    moments an hour apart, whatever the intervals; 0: every interval's error is its own."""
    common: Share = 0.0
    """The correlation of the forecast errors of two devices: 0, each misses by itself, and many balance each other; 1,
    all miss alike, as under one cloudy sky."""

    @model_validator(mode="after")
    def _common_to_something(self) -> Self:
        if self.common and not self.forecast_error:
            refuse("has no forecast_error to be common to", remedy="Give one, or leave it out.", key="common")
        return self

    @property
    def most_minutes(self) -> int:
        """By how much profiles may be earlier or later: sun and wind come when they come."""
        return 0

    @property
    def draws_something(self) -> bool:
        """Whether anything is drawn by it."""
        return bool(self.scale_spread or self.forecast_error or self.most_minutes)


class SourceUncertainty(ProfileUncertainty):
    """Of plants that give what sun or wind lets them: how far their yield, and its forecast, may be off."""

    example: ClassVar[str] = "{ forecast_error = 0.3, persistence = 0.9, common = 0.8 }"


class LoadUncertainty(ProfileUncertainty):
    """Of loads that have a profile: their size, their hours, and how far forecasts may be off."""

    example: ClassVar[str] = "{ scale_spread = 0.2, shift_minutes = 60, forecast_error = 0.15 }"
    shift_minutes: Annotated[int, Field(strict=True, ge=0, le=MINUTES_PER_DAY // 2)] = 0
    """Each prosumer's profiles are earlier or later by at most this, drawn evenly from the whole intervals that fit."""

    @property
    def most_minutes(self) -> int:
        """By how much they may be earlier or later."""
        return self.shift_minutes


def _of_kinds_that_may_lack(shares: Mapping[str, float]) -> Mapping[str, float]:
    kinds = {name: kind for name, kind in device_kinds().items() if kind.device.family is not Family.LOAD}
    for name in shares:
        if name not in kinds:
            is_load = name in device_kinds()
            problem = "is a load, which is what a prosumer is there for" if is_load else "is no type of device"
            refuse(problem, remedy=did_you_mean(name, kinds, what="types of devices here"), key=name)
    return shares


class Uncertainty(Section):
    """What is drawn from the scenario's seed. Every prosumer and device has draws of its own: whoever is added or taken
    away changes nobody else's. What was drawn stands in the table `draws`."""

    load: LoadUncertainty | None = None
    """Of electric loads; left out: nothing is drawn for them, and so below."""
    heat_load: LoadUncertainty | None = None
    """Of heat loads."""
    generation: SourceUncertainty | None = None
    """Of electric plants with a profile, such as photovoltaics."""
    heat_generation: SourceUncertainty | None = None
    """Of solar collectors."""
    weather: tuple[WeatherSpec, ...] = ()
    """Tables as `[weather]`, one of which is drawn and stands in its place: a year each."""
    owners: Annotated[dict[Name, Share], AfterValidator(_of_kinds_that_may_lack)] = Field(default_factory=dict)
    """By type of device: the share of the prosumers whose devices of this type are kept, such as { pv = 0.5 }; each
    keeps or lacks them by a draw of its own. A higher share takes them from nobody."""

    @property
    def groups(self) -> Mapping[str, ProfileUncertainty]:
        """The tables about devices that go by a profile, by key; those that there are."""
        tables = {key: getattr(self, key) for key in GROUPS.values()}
        return {key: table for key, table in tables.items() if table is not None}

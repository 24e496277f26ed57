"""A load that may be shifted within each day (Chen and Liu 2025, section 2)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np
from pydantic import model_validator

from mosaik_p2p.devices.base import BuildContext, DeviceClass, DeviceSection
from mosaik_p2p.devices.profiled import Load
from mosaik_p2p.errors import Fault
from mosaik_p2p.prosumers.block import Block, mean_of, sum_of
from mosaik_p2p.prosumers.device import Device, Outcome, Plan
from mosaik_p2p.prosumers.roles import Role
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections.base import Name, PlainName, refuse
from mosaik_p2p.sections.carrier import Carrier
from mosaik_p2p.sections.profile_references import LOAD, Use
from mosaik_p2p.sections.ranges import (
    CostPerKw2h,
    PowerKw,
    RatingKw,
)
from mosaik_p2p.sections.resample import MINUTES_PER_DAY
from mosaik_p2p.units import FloatArray

ENERGY_TOLERANCE = 1e-9
"""Relative; a day's energy is a sum of rounded numbers."""


@dataclass(frozen=True)
class FlexibleLoad(Load):
    """A load that may be shifted within each day at a discomfort `discomfort_per_kw2h (d - d_forecast)^2 dt`."""

    min_kw: float
    max_kw: float
    discomfort_per_kw2h: float

    type: ClassVar[str] = "flexible_load"

    def block(self, block: Block, window: Window, state: ProsumerState) -> None:
        """What it draws, and the energy that it must have drawn of each day."""
        ahead = ahead_of(self, window)
        load = block.variable(
            Role.POWER,
            lower=self.min_kw,
            upper=self.max_kw,
            price=ahead.price_per_kwh,
            curvature=2.0 * self.discomfort_per_kw2h,
            adds={self.carrier: -1.0},
        )
        block.constant_cost(self.discomfort_per_kw2h * ahead.squares_kw2 * block.dt_h)
        block.mean_kw(ahead.mean_kw)
        missed = np.full(window.horizon, np.nan)
        for day, owed in zip(window.days, owed_energy(self, window, state, dt_h=block.dt_h), strict=True):
            block.total(load, day.listed, energy_kwh=owed.energy_kwh)
            if day.is_last_of_day:
                missed[day.listed[-1]] = owed.beyond_limits_kwh
        block.missed(missed)

    def follow(self, plan: Plan) -> Outcome:
        """It draws as much more or less than planned as its demand turns out to be.

        Its discomfort is about the hours that it was asked to move, not about a forecast that missed.
        """
        # Built-in numbers: with those of numpy the few sums take several times as long.
        forecast, realised = self.demand.forecast.item(plan.interval), self.demand.realised.item(plan.interval)
        power_kw = np.maximum(plan.power_kw + (realised - forecast), 0.0)
        # Of c (d - f)^2 = c d^2 - 2 c f d + c f^2 the block has the first two; the third as they round, so that no
        # discomfort is left where nothing moves.
        curvature = 2.0 * self.discomfort_per_kw2h
        wished = plan.dt_h * (curvature * forecast) ** 2 / (2 * curvature) if curvature > 0 else 0.0
        behind_kwh = (forecast - plan.power_kw.item(0)) * plan.dt_h
        return Outcome(power_kw, plan.power_kw, constant_cost=wished, behind_kwh=behind_kwh)


@dataclass(frozen=True)
class Ahead:
    """What a flexible load is stated with in a look-ahead, whatever it owes."""

    price_per_kwh: FloatArray
    """(T,): the linear part of its discomfort."""
    squares_kw2: float
    mean_kw: float
    sum_kw: tuple[float, ...]
    """By day of the look-ahead: its forecast over the day's intervals."""


def ahead_of(load: FlexibleLoad, window: Window) -> Ahead:
    """That of a load, found once in a look-ahead."""
    return window.once(_ahead, load)


def _ahead(load: FlexibleLoad, window: Window) -> Ahead:
    demand = window.cut(load.demand.forecast)
    return Ahead(
        price_per_kwh=-2.0 * load.discomfort_per_kw2h * demand,
        squares_kw2=sum_of(demand**2),
        mean_kw=mean_of(demand),
        sum_kw=tuple(sum_of(demand[day.intervals]) for day in window.days),
    )


class Owed(NamedTuple):
    """Energy that a load must take within a look-ahead, and what its limits leave over (negative: force upon it)."""

    energy_kwh: float
    beyond_limits_kwh: float


def owed_energy(load: FlexibleLoad, window: Window, state: ProsumerState, *, dt_h: float) -> list[Owed]:
    """What a flexible load must take on each day of the look-ahead.

    The forecast of the intervals covered, and today what the load already lags behind; either is clipped to what the
    limits allow in the intervals that are left.
    """
    owed = []
    for day, sum_kw in zip(window.days, ahead_of(load, window).sum_kw, strict=True):
        behind = state.behind_kwh.get(load.name, 0.0) if day.number == state.day else 0.0
        energy = sum_kw * dt_h + behind
        left = len(day.listed)
        possible = min(max(energy, left * load.min_kw * dt_h), left * load.max_kw * dt_h)
        owed.append(Owed(possible, energy - possible))
    return owed


def energy_faults(load: FlexibleLoad, context: BuildContext, place: str) -> Iterator[Fault]:
    """Days whose forecast energy the limits of the load exclude: the market would have to leave some of it owed.

    Of a day that begins before the span or ends after it, the intervals inside the span count.
    """
    span = context.span
    intervals = np.bincount(span.day)
    cut = intervals < MINUTES_PER_DAY // span.step_minutes
    energy = np.bincount(span.day, weights=load.demand.forecast) * span.dt_h
    hours = intervals * span.dt_h
    judged = ~cut if not context.known_end else np.ones_like(cut)
    for key, limit, wrong in (
        ("max_kw", load.max_kw, energy > load.max_kw * hours * (1 + ENERGY_TOLERANCE)),
        ("min_kw", load.min_kw, energy < load.min_kw * hours * (1 - ENERGY_TOLERANCE)),
    ):
        if (wrong & judged).any():
            day = int(np.argmax(wrong & judged))
            part = " that the span has of it" if cut[day] else ""
            problem = f"excludes the forecast of day {day + 1}: {energy[day]:g} kWh in {hours[day]:g} h{part}"
            remedy = f"Change {key}, or the profile of this load{', or time.steps' if cut[day] else ''}."
            yield Fault(f"{place}.{key}", f"{limit:g}", problem, remedy)
            return


class FlexibleLoadSpec(DeviceSection):
    """A load that may be shifted within each day, at a discomfort that grows with the square of the shift."""

    device: ClassVar[DeviceClass] = FlexibleLoad
    example: ClassVar[str] = '{ type = "flexible_load", carrier = "heat", profile = "house", max_kw = 20.0 }'
    type: Literal["flexible_load"]
    name: PlainName = "flexible_load"
    carrier: Carrier = "electricity"
    """What it draws."""
    profile: Name
    """Name of a profile in kW: what it would draw by itself."""
    min_kw: PowerKw = 0.0
    """Least draw, kW; times `scale.load` (of heat `scale.heat_load`, and `scale.heat_pump` of owners of one)."""
    max_kw: RatingKw
    """Largest draw, kW; scaled as `min_kw` is."""
    discomfort_per_kw2h: CostPerKw2h = 0.0
    """Currency per kW2h: an hour at 1 kW beside the profile costs this, at 2 kW four times as much."""

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.min_kw >= self.max_kw:
            refuse(
                f"is not below max_kw = {self.max_kw:g}", remedy="Leave room between min_kw and max_kw.", key="min_kw"
            )
        return self

    def uses(self, place: str) -> Iterable[Use]:
        """Its profile."""
        return (Use(self.profile, f"{place}.profile", LOAD),)

    def build(self, context: BuildContext) -> FlexibleLoad | None:
        """The load with its owner's scale and shift; its limits follow the factors on all loads alone."""
        demand = context.load_series(self.profile, self.carrier)
        if demand is None:
            return None
        many = context.limit_scale(self.carrier)
        limits_kw = self.min_kw * many, self.max_kw * many
        return FlexibleLoad(self.name, self.carrier, demand, *limits_kw, self.discomfort_per_kw2h)

    def built_faults(self, built: Device | None, context: BuildContext, place: str) -> Iterator[Fault]:
        """Powers beyond all that is plausible, and days that the limits leave too little or too much energy."""
        yield from super().built_faults(built, context, place)
        if isinstance(built, FlexibleLoad):
            yield from energy_faults(built, context, place)

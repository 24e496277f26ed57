"""Which intervals a scenario is about."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, ValidationInfo, model_validator

from mosaik_p2p.sections.base import Name, Section, refuse
from mosaik_p2p.sections.resample import MINUTES_PER_DAY
from mosaik_p2p.units import MINUTES_PER_HOUR

STEPS_LIMIT = 110_000
"""A year of five minutes."""
HORIZON_LIMIT = 10_000
"""A year of hours."""
FIRST_YEAR, LAST_YEAR = 1700, 2200
"""With the longest span it ends well before 2262, which no time in nanoseconds since 1970 can name."""


def _within_years(start: datetime) -> datetime:
    if not FIRST_YEAR <= start.year <= LAST_YEAR:
        refuse(f"is not within the years {FIRST_YEAR} to {LAST_YEAR}", remedy="Give another year.")
    return start


def _known_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        refuse("is no time zone", remedy='Give a name of the IANA database, such as "Europe/Berlin".')
    return zone


def _of_a_day(intervals: Any, info: ValidationInfo) -> Any:
    """The number given, or the intervals of a day by the fields that were read before."""
    if intervals is not None:
        return intervals
    return MINUTES_PER_DAY // int(info.data.get("step_minutes", MINUTES_PER_HOUR))


class Time(Section):
    """Which intervals are cleared; `time` of an interval is its begin.

    Days, tariffs and vehicles follow `zone`, or else the offset of `start`.
    """

    start: Annotated[AwareDatetime, Field(strict=True), AfterValidator(_within_years)]
    """Begin of the first interval with its offset from UTC, such as 2017-03-28T00:00:00+01:00 without quotes."""
    zone: Annotated[Name, AfterValidator(_known_zone)] | None = None
    """Time zone of days, tariffs and vehicles, such as "Europe/Berlin", with its changes of clocks: a day may have 23
    or 25 hours. Left out: the offset of `start` all year round."""
    steps: Annotated[int, Field(strict=True, ge=1, le=STEPS_LIMIT)] = 24
    """Intervals that are cleared and settled."""
    step_minutes: Literal[5, 10, 15, 30, 60] = 60
    """Length of an interval, minutes."""
    horizon_steps: Annotated[int, Field(strict=True, ge=1, le=HORIZON_LIMIT), BeforeValidator(_of_a_day)] = Field(
        default=None, validate_default=True
    )
    """Intervals that each clearing looks at; left out: those of 24 h, whatever their length."""
    clearing: Literal["rolling", "day_ahead"] = "rolling"
    """`rolling`: a clearing in every interval, of which only that interval binds. `day_ahead`: one in every
    `horizon_steps` intervals, all of which bind."""
    final_at_end: Annotated[bool, Field(strict=True)] = True
    """Whether storages hold their `final` level at the end of the run too, and vehicles what they need to leave in time
    at full power; what limits make them lack of it is reported. Without it only every look-ahead ends with that."""
    after_end: Literal["shrink", "wrap"] = "shrink"
    """What follows where profiles end inside a look-ahead; they must cover the `steps` of the run. `shrink`: the
    look-ahead ends with the shortest of them. `wrap`: a file's last whole days come again."""

    @model_validator(mode="after")
    def _on_the_grid_of_the_day(self) -> Self:
        minute = 60 * self.start.hour + self.start.minute
        if minute % self.step_minutes or self.start.second or self.start.microsecond:
            remedy = f"Begin at a multiple of {self.step_minutes} minutes after midnight."
            refuse("does not begin with an interval", remedy=remedy, key="start")
        return self

    @model_validator(mode="after")
    def _in_its_zone(self) -> Self:
        if self.zone is None or not self.start.utcoffset():
            return self
        own = self.start.astimezone(ZoneInfo(self.zone))
        if own.utcoffset() != self.start.utcoffset():
            remedy = f"Write {own.isoformat()} for the same instant, or the offset of {self.zone} at that time."
            refuse(f"has not the offset of {self.zone}", remedy=remedy, key="start")
        return self

    @property
    def span_steps(self) -> int:
        """Intervals that the run and its look-aheads reach, as far as profiles go."""
        return self.steps + self.horizon_steps - 1

    @property
    def dt_h(self) -> float:
        """Length of an interval in hours."""
        return self.step_minutes / MINUTES_PER_HOUR

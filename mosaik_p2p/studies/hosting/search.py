"""The search for the largest value that holds: a few values over the whole range, then bisection between two of them.

Nothing is taken to be monotonic. The first value from below that does not hold bounds the answer from above, and what
holds again beyond it is told: such values are seen as far as the range was looked through.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

PARTS = 4
"""Into so many equal parts the range is divided first."""


class Held(StrEnum):
    """What a run says about its value."""

    HOLDS = "holds"
    BREAKS = "breaks"
    NO_SOLUTION = "no_solution"
    """Complete, but what nobody could solve nobody can judge."""
    FAILED = "failed"
    """The run is not complete."""


class Found(StrEnum):
    """What a search came to."""

    BETWEEN = "between"
    """Between a value that holds and one, no further away than asked for, that breaks."""
    HOLDS_THROUGHOUT = "holds_throughout"
    """Even the upper end holds."""
    BREAKS_AT_ONCE = "breaks_at_once"
    """Even the lower end does not hold."""
    NOT_KNOWN_ABOVE = "not_known_above"
    """A value holds, and of the next one, no further away than asked for, no limit is known to break."""
    NOT_KNOWN = "not_known"
    """Not even of the lower end it is known."""
    NOT_ENDED = "not_ended"
    """There are values left to be tried."""


@dataclass(frozen=True)
class Range:
    """Where the answer is sought, and how exactly."""

    low: Decimal
    high: Decimal
    within: Decimal

    @property
    def first(self) -> tuple[Decimal, ...]:
        """The values that are tried first, both ends included."""
        width = self.high - self.low
        return tuple(self.low + width * part / PARTS for part in range(PARTS + 1))


@dataclass(frozen=True)
class Answer:
    """What is known of the largest value that holds."""

    found: Found
    below: Decimal | None
    """Holds, as all do that were tried below it; None where the lower end does not."""
    above: Decimal | None
    """The first value above that does not hold; None where all hold."""
    hold_again: tuple[Decimal, ...] = ()
    """Values above it that hold."""


def next_values(sought: Range, known: Mapping[Decimal, Held]) -> tuple[Decimal, ...]:
    """The values that have to be tried next; none where the search has ended."""
    missing = tuple(value for value in sought.first if value not in known)
    if missing:
        return missing
    below, above = _bracket(known)
    if below is None or above is None or above - below <= sought.within:
        return ()
    return ((below + above) / 2,)


def answer(sought: Range, known: Mapping[Decimal, Held]) -> Answer:
    """What the values that were tried say."""
    below, above = _bracket(known)
    again = tuple(
        value for value in sorted(known) if above is not None and value > above and known[value] is Held.HOLDS
    )
    return Answer(_found(sought, known, below, above), below, above, again)


def _bracket(known: Mapping[Decimal, Held]) -> tuple[Decimal | None, Decimal | None]:
    """The first value from below that does not hold, and the one before it."""
    below = None
    for value in sorted(known):
        if known[value] is not Held.HOLDS:
            return below, value
        below = value
    return below, None


def _found(sought: Range, known: Mapping[Decimal, Held], below: Decimal | None, above: Decimal | None) -> Found:
    if next_values(sought, known):
        return Found.NOT_ENDED
    if above is None:
        return Found.HOLDS_THROUGHOUT
    breaks = known[above] is Held.BREAKS
    if below is None:
        return Found.BREAKS_AT_ONCE if breaks else Found.NOT_KNOWN
    return Found.BETWEEN if breaks else Found.NOT_KNOWN_ABOVE

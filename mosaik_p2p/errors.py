"""Outcomes as values, and the errors a user can see."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """What a solver did, per network (or market) and interval."""

    OK = "ok"
    IDLE = "idle"
    """Nothing flows."""
    NOT_DELIVERABLE = "not_deliverable"
    """Heat only: the network cannot carry what was cleared; the result names to whom."""
    NOT_CONVERGED = "not_converged"
    GAP_OPEN = "gap_open"
    """Market only: trades and dispatch hold, stores going one way, but how good they are is not certified as asked for;
    the gap reported says what is."""
    NO_ENVELOPE = "no_envelope"
    """Market only: cleared, but somewhere without the operating envelopes that its design promises."""
    NO_EQUILIBRIUM = "no_equilibrium"
    """Market only: trades and dispatch hold and keep the limits, but as an equilibrium of equal weights; with those
    asked for none was found."""


NOT_REACHED = (Status.NOT_CONVERGED, Status.NO_EQUILIBRIUM)
"""Clearings that are not what they are to be: what follows is the scenario's rule (`market.on_not_converged`)."""

NOT_DETERMINED = "cause not determined"
"""Said where nobody found out why there is no solution: no cause is guessed."""


LONGEST_VALUE = 60
"""Letters of a value in a message."""


class Verdict(StrEnum):
    """What the check of an interval found."""

    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    UNKNOWN = "unknown"
    """There is no solution to judge."""


@dataclass(frozen=True)
class Remark:
    """Something about the input: where it stands, what stands there, what is wrong with it and how to mend it."""

    place: str
    value: str
    problem: str
    remedy: str
    source: str = field(default="", compare=False)
    """File and line, such as `scenario.toml:12`; empty where it stands on no line of the scenario file, or where nobody
    has looked for it."""

    def __str__(self) -> str:
        return f"{self.located} = {self.value}: {self.problem}. {self.remedy}"

    @property
    def located(self) -> str:
        """The place, after the line where that is known."""
        return f"{self.source}: {self.place}" if self.source else self.place


@dataclass(frozen=True)
class Fault(Remark):
    """One mistake in the input, with which nothing is computed."""


@dataclass(frozen=True)
class InputWarning(Remark):
    """Input that can be used and may still not be what was meant: the run goes on. Only `check` looks for its line."""


class BadInput(Exception):
    """The input cannot be used. Carries every fault that was found, not only the first."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class RunFailed(Exception):
    """A run that was to compute and could not, with the cause: no interval is in its tables."""


class Terminated(KeyboardInterrupt):
    """Ended from outside, by the signal of this name; an interrupt, to take the same way out of every library."""

    def __init__(self, signal_name: str = "SIGTERM") -> None:
        self.signal_name = signal_name
        super().__init__(f"ended from outside ({signal_name})")


def shown(value: Any) -> str:
    """A value for a message, cut where it is long."""
    if isinstance(value, datetime):
        return value.isoformat()
    try:
        text = str(value).lower() if isinstance(value, bool) else repr(value)
    except (ValueError, RecursionError):  # Python writes no integer of thousands of digits, and no endless nesting
        return "(too long to show)"
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."

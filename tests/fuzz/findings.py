"""What a try can find, and how an action's end becomes a finding."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Generic, TypeVar

from mosaik_p2p.errors import BadInput, Fault, RunFailed

PACKAGE = "mosaik_p2p"
DETAIL = 600
"""Letters of a finding's detail that are kept."""
T = TypeVar("T")


class TimedOut(BaseException):
    """The time of one try is up; no `except Exception` of the program may take it for its own."""


@dataclass(frozen=True)
class Finding:
    """Two findings of one kind that say the same in `what` are one; `detail` shows one example."""

    kind: str
    what: str
    detail: str = ""


@dataclass(frozen=True)
class Tried(Generic[T]):
    """How an action ended: with a value, with faults of the input, or with what it should not have."""

    value: T | None = None
    faults: tuple[Fault, ...] = ()
    findings: tuple[Finding, ...] = ()
    failed: str | None = None
    """Why a run kept nothing."""


def attempt(action: Callable[[], T]) -> Tried[T]:
    """Do it. BadInput is an answer, and so is RunFailed; every other exception is a finding."""
    try:
        return Tried(value=action())
    except BadInput as bad:
        return Tried(faults=bad.faults or (Fault("", "", "no fault at all", ""),))
    except RunFailed as failed:
        return Tried(failed=str(failed))
    except MemoryError as error:
        return Tried(findings=(Finding("memory", f"MemoryError in {innermost(error)}", shown(error)),))
    except (Exception, SystemExit) as error:  # noqa: BLE001 (that anything may be raised is the point)
        return Tried(findings=(traceback_of(error),))


def traceback_of(error: BaseException) -> Finding:
    """The finding that an exception is."""
    return Finding("traceback", f"{type(error).__name__} in {innermost(error)}", shown(error))


def innermost(error: BaseException) -> str:
    """The last function of the program's own on the way to the error."""
    names = [_place(frame) for frame, _ in traceback.walk_tb(error.__traceback__) if _is_ours(frame)]
    return names[-1] if names else "(no frame of the program's)"


def shown(error: BaseException) -> str:
    """The error's own words."""
    return f"{type(error).__name__}: {error}"[:DETAIL]


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith(PACKAGE)


def _place(frame: FrameType) -> str:
    return f"{frame.f_globals['__name__']}.{frame.f_code.co_name}"

"""What a sweep came to: a row per run, with what varied, how it ended and every figure of its summary."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_p2p.cosim import ExitCode, exit_code
from mosaik_p2p.results.store.mark import RUN, read_mark
from mosaik_p2p.results.summary import read_summary
from mosaik_p2p.studies.engine.worker import Ran
from mosaik_p2p.studies.sweep.plan import Row

OWN_COLUMNS = ("run", "status", "cause")
LEFT_OUT = frozenset({"schema", "name", "title", "versions", "scenario_hash", "cause", "complete", "counterfactuals"})
"""Of a summary: what is the same for all, or stands in a column of its own."""
TIMES = "wall_s"


class RunStatus(StrEnum):
    """How the run of a row ended."""

    COMPLETE = "complete"
    NO_SOLUTION = "no_solution"
    """Complete, but some intervals have no solution."""
    INCOMPLETE = "incomplete"
    BAD_INPUT = "bad_input"
    PLANNED = "planned"
    """Not begun, or going on elsewhere."""


FAILED = frozenset({RunStatus.INCOMPLETE, RunStatus.BAD_INPUT})


@dataclass(frozen=True)
class Stored:
    """What stands in the folder of a run."""

    status: RunStatus
    cause: str | None
    summary: Mapping[str, Any]


def is_complete(folder: Path) -> bool:
    """Whether a run is there whose numbers are those of the whole run."""
    return stored(folder).status in (RunStatus.COMPLETE, RunStatus.NO_SOLUTION)


def stored(folder: Path) -> Stored:
    """What stands in a run's folder; of a run that nobody has begun, that it is planned."""
    try:
        mark = read_mark(folder) if folder.is_dir() else None
        if mark is None or mark.what != RUN:
            return Stored(RunStatus.PLANNED, None, {})
        summary = read_summary(folder)
        code = exit_code(summary)
    except FileNotFoundError:
        return Stored(RunStatus.PLANNED, None, {})
    except (OSError, ValueError, LookupError) as error:
        return Stored(RunStatus.INCOMPLETE, f"its results cannot be read: {error}", {})
    if not summary["complete"]:
        return Stored(RunStatus.INCOMPLETE, summary.get("cause") or "it has not ended", summary)
    return Stored(RunStatus.NO_SOLUTION if code is ExitCode.NO_SOLUTION else RunStatus.COMPLETE, None, summary)


def table_of(rows: Sequence[Row], folder: Path, ran: Mapping[str, Ran]) -> pd.DataFrame:
    """A row per row of the plan. `ran` says, by run, how those ended that were run now and left nothing behind."""
    return pd.DataFrame([_told(row, folder, ran.get(row.run)) for row in rows])


def _told(row: Row, folder: Path, ran: Ran | None) -> dict[str, Any]:
    found = _found(row, folder, ran)
    varied = {key: value_of(text) for key, text in row.varied.items()}
    own = {"run": row.run or None, "status": found.status.value, "cause": found.cause}
    return {**own, **varied, **dict(_figures(found.summary))}


def _found(row: Row, folder: Path, ran: Ran | None) -> Stored:
    if row.faults:
        return Stored(RunStatus.BAD_INPUT, "; ".join(" ".join(str(fault).split()) for fault in row.faults), {})
    there = stored(folder / row.folder)
    if ran is None or there.status in (RunStatus.COMPLETE, RunStatus.NO_SOLUTION):
        return there
    if ran.exit_code is ExitCode.BAD_INPUT:
        return Stored(RunStatus.BAD_INPUT, ran.failure or ran.last_said, {})
    cause = there.cause if ran.failure is None else ran.failure
    return Stored(RunStatus.INCOMPLETE, cause or ran.last_said, there.summary)


def value_of(text: str) -> float | int | str:
    """The number that the text of a value is, or the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float | str) and not isinstance(value, bool) else text


def _figures(summary: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in summary.items():
        if not above and name in LEFT_OUT:
            continue
        if not above and name == TIMES:
            yield TIMES, sum(value.values())
        elif isinstance(value, Mapping):
            yield from _figures(value, f"{above}{name}.")
        elif isinstance(value, int | float | str):
            yield f"{above}{name}", value

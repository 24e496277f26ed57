"""What a row came to, read from its folder as anybody would."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mosaik_p2p.cosim import ExitCode, exit_code
from mosaik_p2p.results.store.reading import Results, read_results
from mosaik_p2p.results.summary import NOT_ENDED, read_summary
from mosaik_p2p.studies.compare.runs.rows import CheckedRow
from mosaik_p2p.studies.engine.worker import Ran

NOT_BEGUN = "it was not begun"


@dataclass(frozen=True)
class RowOutcome:
    """A row with what was stored of it."""

    checked: CheckedRow
    folder: Path
    command: str
    summary: Mapping[str, Any] | None
    """As in `summary.json`; None where nothing can be read."""
    results: Results | None
    """None as above."""
    cause: str | None
    """Why it is not complete."""

    @property
    def label(self) -> str:
        """Of the row."""
        return self.checked.row.label

    @property
    def is_complete(self) -> bool:
        """Whether its numbers are those of the whole run."""
        return self.summary is not None and bool(self.summary["complete"])

    @property
    def exit_code(self) -> ExitCode:
        """Of the run by itself."""
        return ExitCode.INCOMPLETE if self.summary is None else exit_code(self.summary)


def outcome_of(checked: CheckedRow, folder: Path, command: str, ran: Ran | None) -> RowOutcome:
    """What stands in the folder, and how the run ended; `ran` is None where it was never begun."""
    if ran is None:
        return RowOutcome(checked, folder, command, None, None, NOT_BEGUN)
    try:
        summary, results = read_summary(folder), read_results(folder)
        told = summary["cause"]
    except (OSError, ValueError, LookupError) as error:
        cause = ran.failure or f"its results cannot be read ({error})"
        return RowOutcome(checked, folder, command, None, None, _with_last(cause, ran))
    if summary["complete"]:
        return RowOutcome(checked, folder, command, summary, results, None)
    cause = ran.failure or "it ended without a word"
    known = told not in (None, NOT_ENDED)
    return RowOutcome(checked, folder, command, summary, results, told if known else _with_last(cause, ran))


def _with_last(cause: str, ran: Ran) -> str:
    return cause if ran.last_said is None else f"{cause}; its last words: {ran.last_said}"

"""How far the run got that a folder holds the results of."""

import contextlib
from pathlib import Path

from mosaik_p2p.results.store.mark import NotWritten, result_folder
from mosaik_p2p.results.summary import NOT_ENDED, read_summary, write_summary


def progress_text(folder: Path) -> str:
    """What a folder with the mark of a run holds, for a message."""
    try:
        summary = recounted_summary(folder)
        stored, asked = summary["steps_computed"], summary["steps"]
        complete, cause = summary["complete"], summary.get("cause")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
        return "is not empty: it holds results of an earlier run that cannot be read"
    if complete:
        return "is not empty: it holds the results of an earlier run"
    told = "" if cause in (None, NOT_ENDED) else f" ({cause})"
    return f"is not empty: an earlier run broke off in it{told}, {stored} of {asked} intervals are stored"


def recounted_summary(folder: Path) -> dict[str, object]:
    """The summary of the folder, also in the folder itself where its run was killed before it could count.

    Nobody else writes there: whoever calls this holds the folder's lock, or knows that nobody does.
    """
    summary = read_summary(folder)
    if summary.get("cause") == NOT_ENDED and result_folder(folder).run is not None:
        with contextlib.suppress(NotWritten):
            write_summary(folder, summary)
    return summary

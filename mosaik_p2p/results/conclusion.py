"""The end of a run in its folder: what is stored is judged, merged if it is whole, and summed up.

`complete` is said only where every file that the run has stored is still there as it was written, and every table has
all its intervals. Whatever cannot be written is told in the cause, and never stands half under its name.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_p2p.errors import BadInput
from mosaik_p2p.results.accounts.counterfactuals import add_to_settlement
from mosaik_p2p.results.measures.verdicts import CLEARED
from mosaik_p2p.results.quantities.registry import NamedQuantity
from mosaik_p2p.results.report.page import build_report
from mosaik_p2p.results.store.completeness import gaps
from mosaik_p2p.results.store.folder import ERROR_FILE
from mosaik_p2p.results.store.integrity import damages
from mosaik_p2p.results.store.mark import NotWritten, ResultFolder
from mosaik_p2p.results.store.parts import merge_tables
from mosaik_p2p.results.store.reading import Results, read_results
from mosaik_p2p.results.summary import RunMeta, summarise, summary_of, write_summary

LOST = "the result folder {} was removed, or taken by another run, in mid-run: nothing is kept"
MOST_NAMED = 3
"""Causes that are told of many that are the same."""


def conclude(folder: ResultFolder, meta: RunMeta, cause: str | None, begun: Mapping[str, Any]) -> dict[str, Any]:
    """Judge the folder, write the summary, and return it with the cause where the run is not complete.

    `begun` is the summary from before the first interval: all there is to say where the folder is no longer there.
    """
    if not folder.is_there():
        return {**begun, "cause": LOST.format(folder.path)}
    causes = [] if cause is None else [cause]
    try:
        causes += [str(damage) for damage in damages(folder.path)]
        summary, missing = _judged(folder.path, meta)
        causes = causes or missing or _failure(lambda: merge_tables(folder))
    except (OSError, ValueError) as error:
        # Somebody else may have changed the tables while the run went on.
        summary, causes = dict(begun), causes or [str(error)]
    return _written(folder, _with_causes(summary, causes))


def _judged(folder: Path, meta: RunMeta) -> tuple[dict[str, Any], list[str]]:
    """The summary, and what is missing; the tables are gone when they are merged, which takes as much memory again."""
    results = read_results(folder)
    return summary_of(results, meta), _shortfall(results, meta)


def compare(folder: ResultFolder, meta: RunMeta, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Set the counterfactual runs beside the complete run with that summary: settlement and summary."""
    if not folder.is_there():
        return _with_causes(summary, [LOST.format(folder.path)])
    failures = _failure(lambda: add_to_settlement(folder.path))
    return _written(folder, _with_causes(summarise(folder.path, meta), failures))


def _shortfall(results: Results, meta: RunMeta) -> list[str]:
    """What is missing in the tables of a run that nothing has stopped."""
    return _failed_clearing(results["clearing"]) or gaps(results, meta.networks, meta.steps)


def _failed_clearing(clearing: pd.DataFrame) -> list[str]:
    """Why the last clearing failed, where it did."""
    failed = clearing[~clearing["status"].isin(CLEARED)]
    return [] if failed.empty else [f"a clearing failed: {failed['cause'].iloc[-1]}"]


def _with_causes(summary: Mapping[str, Any], causes: list[str]) -> dict[str, Any]:
    more = len(causes) - MOST_NAMED
    told = [*causes[:MOST_NAMED], *([f"and {more} more"] if more > 0 else [])]
    return {**summary, "complete": summary["complete"] and not causes, "cause": "; ".join(told) or None}


def add_report(
    folder: ResultFolder, quantities: tuple[NamedQuantity, ...], summary: Mapping[str, Any]
) -> dict[str, Any]:
    """Build the report of a run that was concluded, and of all that was set beside it; the summary, with the cause
    where that failed."""
    if not folder.is_there():
        return dict(summary)
    return _with_failures(folder, summary, _failure(lambda: build_report(folder.path, quantities)))


def _written(folder: ResultFolder, summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary, after it was written."""
    failures = [
        *_failure(lambda: folder.enter(ERROR_FILE)),
        *_failure(lambda: write_summary(folder.path, summary)),
    ]
    return _with_failures(folder, summary, failures)


def _with_failures(folder: ResultFolder, summary: Mapping[str, Any], failures: list[str]) -> dict[str, Any]:
    if not failures:
        return dict(summary)
    causes = [*([] if summary["cause"] is None else [summary["cause"]]), *failures]
    told = _with_causes(summary, causes)
    _failure(lambda: write_summary(folder.path, told))
    return told


def _failure(step: Callable[[], object]) -> list[str]:
    try:
        step()
    except (NotWritten, BadInput) as error:
        return [" ".join(str(error).split())]
    return []

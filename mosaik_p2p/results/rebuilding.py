"""The report of a result folder built again, by whoever finds the folder: nothing in it is taken on trust."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.results.accounts.arbitrage import ARBITRAGE
from mosaik_p2p.results.progress import recounted_summary
from mosaik_p2p.results.quantities.drawing import unshown, usable_quantities
from mosaik_p2p.results.report.page import build_report
from mosaik_p2p.results.store.folder import REPORT_FILE, SCENARIO_FILE, SUMMARY_FILE, table_path
from mosaik_p2p.results.store.integrity import damages
from mosaik_p2p.results.store.lock import is_locked
from mosaik_p2p.results.store.mark import MARK_FILE, NotWritten, checksum, read_mark
from mosaik_p2p.results.store.parts import DamagedTable
from mosaik_p2p.results.store.reading import Results, read_raw
from mosaik_p2p.results.store.soundness import REMEDY, table_faults
from mosaik_p2p.results.summary import meta_of_summary, read_summary, summarise
from mosaik_p2p.results.tables.schema import TABLES

RECOMPUTED = (
    *("verdict", "verdict_counts", "status_counts", "clearing_status_counts", "worst", "violations", "negotiation"),
    *("traded_kwh", ARBITRAGE, "mean_trade_price_per_kwh", "unserved_kwh", "missed_kwh", "loss_kwh", "cost"),
    "cost_total",
    *("market_effect", "market_effect_details", "hours_broken", "system_cost", "system_cost_parts", "welfare_gain"),
    "welfare_gain_after_closing_value",
    *("caused_loss_kwh", "caused_loss_alone_kwh", "loss_nobody_kwh", "curtailed_kwh", "district", "parties"),
    *("closing_value", "operator", "recovery", "loss_allocation"),
    *("reputation", "clearings", "iterations", "relative_gap", "steps_computed", "thinned"),
)
"""Keys of the summary that follow from the tables."""
SIGN_OF_A_REPORT = (
    b"content=\"default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:\""
)
"""By which a report is known in a folder without a mark."""
UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, TemplateError)
"""Files that somebody else has changed may hold anything."""


@dataclass(frozen=True)
class Rebuilt:
    """A report that was built again, and what it could not show."""

    path: Path
    unshown: tuple[str, ...]


def rebuild_report(folder: Path, *, allow_code: bool = False) -> Rebuilt:
    """Build `report.html` again from what is stored.

    With `allow_code` result quantities that the scenario names as `package.module:name` are imported. The summary of a
    run that was killed is counted again as well. Raises BadInput where the folder holds no results, or results that are
    damaged or do not fit together: each fault names the table and the file.
    """
    refuse_without_results(folder)
    try:
        _refuse(changed_files(folder))
        raw = read_raw(folder)
        _refuse(table_faults(raw))
        summary = read_summary(folder) if is_locked(folder) else recounted_summary(folder)
        _refuse(_contradictions(raw.computed(), summary))
        _refuse(_report_of_others(folder))
        found, refusals = usable_quantities(raw.facts.quantities, allow_code=allow_code)
        return Rebuilt(build_report(folder, found), tuple(unshown(raw, refusals)))
    except DamagedTable as damage:
        raise BadInput([Fault(f"table {damage.table}", str(damage.path), damage.problem, REMEDY)]) from damage
    except NotWritten as error:
        remedy = "Make room, or get the right to write there"
        raise BadInput([Fault("report", str(folder / REPORT_FILE), str(error), remedy)]) from error
    except UNREADABLE as error:
        problem = f"cannot be read ({type(error).__name__}: {error})"
        raise BadInput([Fault("result folder", str(folder), problem, REMEDY)]) from error


def refuse_without_results(folder: Path) -> None:
    """Raise BadInput where the folder holds no results of a run."""
    names = (MARK_FILE, SCENARIO_FILE, *(table_path(folder, table).name for table in TABLES))
    try:
        if any((folder / name).exists() for name in names):
            _refuse_without_scenario(folder)
            return
        problem = "holds no results" if folder.is_dir() else "is no folder"
    except (OSError, ValueError) as error:
        problem = f"cannot be read ({getattr(error, 'strerror', None) or error})"
    raise BadInput([Fault("result folder", str(folder), problem, "Name a folder that a run has written")])


def _refuse_without_scenario(folder: Path) -> None:
    """Without the scenario nobody knows how long the intervals are, how many there were to be, and in which money."""
    if not (folder / SCENARIO_FILE).exists():
        problem = f"holds no {SCENARIO_FILE}: the length and number of its intervals and their currency are not known"
        raise BadInput([Fault("result folder", str(folder), problem, REMEDY)])


def _refuse(faults: Iterator[Fault]) -> None:
    found = list(faults)
    if found:
        raise BadInput(found)


def changed_files(folder: Path) -> Iterator[Fault]:
    """The files that are not as the run has written them."""
    for damage in damages(folder):
        place = "result folder" if damage.table is None else f"table {damage.table}"
        yield Fault(place, str(damage.path), damage.problem, REMEDY)


def _contradictions(results: Results, summary: Mapping[str, Any]) -> Iterator[Fault]:
    """Numbers of the summary that are not those of the tables."""
    place = str(results.folder / SUMMARY_FILE)
    if not isinstance(summary, dict):
        yield Fault("summary", place, "is no summary", REMEDY)
        return
    # A run that was killed beside a later one knows nothing of it.
    beside = summary.get("counterfactuals", {})
    again = summarise(results.folder, meta_of_summary(summary, results.facts), beside=beside)
    for key in RECOMPUTED:
        if key in summary and not _agree(summary[key], again[key]):
            yield Fault(f"summary: {key}", place, "is not what the tables give", REMEDY)


def _agree(told: Any, found: Any) -> bool:
    if isinstance(told, dict) and isinstance(found, dict):
        return set(told) == set(found) and all(_agree(told[key], found[key]) for key in told)
    if isinstance(told, float | int) and isinstance(found, float | int):
        return math.isclose(told, found, rel_tol=1e-9, abs_tol=1e-9)
    return bool(told == found)


def _report_of_others(folder: Path) -> Iterator[Fault]:
    """A file in the place of the report that is not one, or was changed by hand, is not replaced."""
    path, mark = folder / REPORT_FILE, read_mark(folder)
    if path.is_symlink():
        yield Fault("report", str(path), "is a link, and nothing is written through links", "Remove the link")
    elif path.exists():
        content = path.read_bytes()
        known = frozenset() if mark is None else mark.checksums.get(REPORT_FILE, frozenset())
        is_ours = SIGN_OF_A_REPORT in content if mark is None else checksum(content) in known
        if not is_ours:
            yield Fault("report", str(path), "is not as mosaik-p2p has written it", "Move it away")

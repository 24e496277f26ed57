"""Whether a result folder's summary, tables and scenario belong together.

A report of a damaged folder must not show a verdict that its tables do not bear out.
"""

from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.results.store.completeness import uncomputed
from mosaik_p2p.results.store.folder import SCENARIO_FILE, SUMMARY_FILE, table_path
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.results.tables.thinning import THINNED

REMEDY = "Run the scenario again"
KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("name", "title", "currency", "verdict", "market_effect", "welfare_gain_against"), str),
    **dict.fromkeys(("steps", "steps_computed", "clearings"), int),
    **dict.fromkeys(("worse_off", "limit_costs", "without_solution"), list),
    **dict.fromkeys(
        (
            *("verdict_counts", "status_counts", "worst", "traded_kwh", "mean_trade_price_per_kwh", "not_converged"),
            *("unserved_kwh", "unserved_worst", "cost", "violations", "cost_total", "operator", "versions"),
            *("district", "curtailed_kwh", "iterations", "relative_gap", "parties", "system_cost", "system_cost_parts"),
            *("loss_kwh", "caused_loss_kwh", "caused_loss_alone_kwh", "at_rest_with_nobody_h", "without_peers"),
            *("closing_value", "market_effect_details", "recovery", "loss_nobody_kwh"),
        ),
        dict,
    ),
    "complete": bool,
    "dt_h": (int, float),
    **dict.fromkeys(("welfare_gain", "welfare_gain_after_closing_value"), (int, float, NoneType)),
    "loss_allocation": (dict, NoneType),
    "scenario_hash": (str, NoneType),
    "seed": (int, NoneType),
}
"""What a report reads of the summary."""


def check_folder(results: Results, summary: Mapping[str, Any]) -> None:
    """Raise BadInput with every contradiction."""
    faults = list(_faults_of_summary(results, summary)) or list(_contradictions(results, summary))
    if faults:
        raise BadInput(faults)


def _faults_of_summary(results: Results, summary: Mapping[str, Any]) -> Iterator[Fault]:
    place = str(results.folder / SUMMARY_FILE)
    if not isinstance(summary, Mapping):
        yield Fault(place, str(summary), "is no summary", REMEDY)
        return
    for key, kind in KINDS.items():
        if key not in summary or not isinstance(summary[key], kind):
            yield Fault(f"{place}: {key}", str(summary.get(key)), "is missing or of another type", REMEDY)


def _contradictions(results: Results, summary: Mapping[str, Any]) -> Iterator[Fault]:
    # Folders of earlier versions have no table that says what was left out, and leave nothing out.
    due = [name for name in TABLES if name != THINNED or results.facts.thinned]
    missing = [name for name in due if not table_path(results.folder, name).exists()]
    missing += uncomputed(results)
    if summary["complete"] and missing:
        problem = "the run is complete by its summary, but these tables are missing"
        yield Fault(f"tables in {results.folder}", ", ".join(missing), problem, REMEDY)
    found, told = len(results.binding), summary["steps_computed"]
    if found != told:
        problem = f"the summary counts {told} computed intervals, the tables hold another number"
        yield Fault(f"intervals in the tables of {results.folder}", str(found), problem, REMEDY)
    facts = results.facts
    if set(facts.networks) != set(summary["status_counts"]) or facts.steps not in (summary["steps"], None):
        place, problem = str(results.folder / SCENARIO_FILE), "is not the scenario of these results"
        yield Fault(place, facts.name, problem, REMEDY)

"""Results in hand as they show themselves: in a line, and in a notebook."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from mosaik_p2p.results.tables.thinning import thinned_sentences

CASE_NAMES = {"alone": "no trade", "alone_within_limits": "no trade, within limits", "market": "market"}
NOT_KNOWN = "not known"


def text_of(folder: Path, summary: Mapping[str, Any]) -> str:
    """The run, how far it got, its verdict and its figures, in a line."""
    told = [f"{summary['name']}: {_state(summary)}", *(f"{name} {value}" for name, value in _figures(summary))]
    return f"<results in {folder}: {', '.join(told)}>"


def html_of(folder: Path, summary: Mapping[str, Any], tables: Sequence[str]) -> str:
    """The same as a table, with the names of all tables."""
    thinned = " ".join(thinned_sentences(summary.get("thinned", {})))
    stored = ("tables", ", ".join(tables)), *[("stored in part", thinned)] * bool(thinned)
    rows = [("folder", str(folder)), ("state", _state(summary)), *_figures(summary), *stored]
    body = "".join(f"<tr><th scope='row'>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table><caption>{escape(str(summary['title']))}</caption><tbody>{body}</tbody></table>"


def _state(summary: Mapping[str, Any]) -> str:
    computed, asked = summary["steps_computed"], summary["steps"]
    if summary["complete"]:
        return f"{summary['verdict']}, {asked} intervals"
    cause = summary.get("cause") or "of an unknown cause"
    return f"incomplete ({cause}), {computed} of {asked} intervals, these {summary['verdict']}"


def _figures(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for network in summary["status_counts"]:
        hours = {case: found[network] for case, found in summary["hours_broken"].items() if found is not None}
        yield f"hours with violated limits of {network}", _by_case(hours, "g")
    yield f"system cost in {summary['currency']}", _by_case(summary["system_cost"], ",.2f")
    curtailed = {case: found for case, found in summary["curtailed_kwh"].items() if found is not None}
    yield "curtailed in kWh", _by_case({case: sum(found.values()) for case, found in curtailed.items()}, ",.1f")


def _by_case(values: Mapping[str, float | None], form: str) -> str:
    known = {CASE_NAMES.get(case, case.replace("_", " ")): value for case, value in values.items() if value is not None}
    return "; ".join(f"{case} {value:{form}}" for case, value in known.items()) or NOT_KNOWN

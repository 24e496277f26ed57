"""The page of a comparison: one HTML file that needs nothing else."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.offline

from mosaik_p2p.results.figures.pages import page_template
from mosaik_p2p.results.labels.numbers import plain, signed
from mosaik_p2p.studies.compare.outcome import RowOutcome
from mosaik_p2p.studies.compare.shown.pictures import panels_of
from mosaik_p2p.studies.compare.shown.price_maps import price_panels
from mosaik_p2p.studies.compare.shown.sentences import baseline_words, sentences_of
from mosaik_p2p.units import CARRIERS

TEMPLATE = "compare.html.j2"
KINDS = {True: "feasible", False: "infeasible", None: "unknown"}


def page(summary: Mapping[str, Any], outcomes: Sequence[RowOutcome]) -> str:
    """The whole page."""
    best = summary["best"]
    of_prices = {f"Prices of {carrier} by place and hour": maps for carrier, maps in price_panels(outcomes).items()}
    chapters = {"Side by side": panels_of(summary), **of_prices}
    facts = next((outcome.results.facts for outcome in outcomes if outcome.results is not None), None)
    told: str = _template().render(
        summary=summary,
        currency=summary["currency"],
        carriers=[carrier for carrier in CARRIERS if _is_there(summary, carrier)],
        sentences=sentences_of(summary),
        kind=KINDS[None if best is None else best["kept"]],
        best=best["label"] if best is not None and best["kept"] else None,
        base=baseline_words(summary),
        same_charges=_same_charges(summary),
        axis=None if facts is None else facts.axis_label,
        chapters=[(title, panels) for title, panels in chapters.items() if panels],
        per_interval=lambda row: None if row["exchanges"] is None else row["exchanges"] / summary["intervals"],
        plotly_js=plotly.offline.get_plotlyjs(),
    )
    return told


def posted(row: Mapping[str, Any]) -> str:
    """The charges of a row, like `electricity: uniform 0.02, heat: none`."""
    told = {carrier: row[f"charges_{carrier}"] for carrier in CARRIERS}
    return ", ".join(f"{carrier}: {text.replace('_', ' ')}" for carrier, text in told.items() if text) or "none"


def _same_charges(summary: Mapping[str, Any]) -> str | None:
    """What all rows are charged; None where they differ."""
    told = {posted(row) for row in summary["rows"]}
    return told.pop() if len(told) == 1 else None


def paid_charges(row: Mapping[str, Any]) -> float | None:
    """Of trades and of places."""
    parts = (row["charges"], row["place_charges"])
    return None if None in parts else sum(parts)


def _is_there(summary: Mapping[str, Any], carrier: str) -> bool:
    return any(row[f"traded_kwh_{carrier}"] is not None for row in summary["rows"])


def _template() -> Any:
    return page_template("mosaik_p2p.studies.compare.shown", TEMPLATE, (plain, signed, posted, paid_charges))

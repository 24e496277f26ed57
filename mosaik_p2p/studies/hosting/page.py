"""The page of a search: one HTML file that needs nothing else."""

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import plotly.offline

from mosaik_p2p.results.figures.pages import page_template
from mosaik_p2p.results.figures.style import BLUE, GREY, PALE, RED, Panel, blank
from mosaik_p2p.results.labels.numbers import plain
from mosaik_p2p.studies.hosting.search import Held
from mosaik_p2p.studies.hosting.text import footnote, headline, limit_text, sentences

BAR_LETTERS = 34
"""In a line on a bar."""
MARKS = {
    Held.HOLDS: ("holds", BLUE, "circle"),
    Held.BREAKS: ("does not hold", RED, "x"),
    Held.NO_SOLUTION: ("no solution", GREY, "diamond-open"),
    Held.FAILED: ("run not complete", GREY, "square-open"),
}
"""How a point is drawn: told apart by shape as well as by colour."""


def page(summary: Mapping[str, Any], table: pd.DataFrame) -> str:
    """The whole page."""
    template = page_template("mosaik_p2p.studies.hosting", "hosting.html.j2", (plain,))
    told: str = template.render(
        summary=summary,
        headline=headline(summary),
        footnote=footnote(summary),
        answers=[(answer["called"], list(sentences(summary, answer))) for answer in summary["answers"]],
        panels=[_bars(summary), _points(summary, table)],
        rows=table.astype(object).where(table.notna(), None).to_dict("records"),
        called={answer["market"]: answer["called"] for answer in summary["answers"]},
        marks={held.value: text for held, (text, *_) in MARKS.items()},
        plotly_js=plotly.offline.get_plotlyjs(),
    )
    return told


def _axis(summary: Mapping[str, Any]) -> str:
    unit = summary["unit"]
    return f"{summary['grows']} in all ({unit})" if unit else str(summary["key"])


def _shown(end: Mapping[str, Any] | None) -> float | None:
    """On the axis: the amount where it has one."""
    if end is None:
        return None
    return float(end["value"] if end["amount_kw"] is None else end["amount_kw"])


def _bars(summary: Mapping[str, Any]) -> Panel:
    answers = summary["answers"]
    names = [answer["called"] for answer in answers]
    figure = blank(None, _axis(summary))
    figure.add_bar(
        x=names,
        y=[_shown(answer["holds"]) for answer in answers],
        text=[_wrapped(_limit_on_bar(answer)) for answer in answers],
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        marker={"color": PALE, "line": {"color": BLUE, "width": 1}},
    )
    figure.update_xaxes(type="category")
    figure.update_layout(showlegend=False)
    note = "The largest value that holds; written on it, the limit that breaks just above."
    return Panel("capacity", "Hosting capacity", note, figure, is_wide=True)


def _wrapped(text: str) -> str:
    return "<br>".join(wrap(text, BAR_LETTERS))


def _limit_on_bar(answer: Mapping[str, Any]) -> str:
    above = answer["does_not_hold"]
    if above is None:
        return "at least: the end of the range holds"
    if not above["limits"]:
        return "not known above"
    return limit_text(above["limits"][0])


def _points(summary: Mapping[str, Any], table: pd.DataFrame) -> Panel:
    figure = blank(None, "")
    figure.update_xaxes(title_text=_axis(summary))
    called = {answer["market"]: answer["called"] for answer in summary["answers"]}
    for held, (text, colour, symbol) in MARKS.items():
        rows = table[table["held"] == held.value]
        if rows.empty:
            continue
        x = rows["amount_kw"] if summary["unit"] else rows["value"]
        marker = {"color": colour, "size": 11, "symbol": symbol}
        names = [called[market] for market in rows["market"]]
        figure.add_trace(go.Scatter(x=x.to_list(), y=names, mode="markers", marker=marker, name=text))
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=list(reversed(called.values())))
    figure.update_layout(showlegend=True)
    note = "Each is a run of its own. What holds to the right of what does not is told above."
    return Panel("points", "What was tried", note, figure, is_wide=True)

"""The page of a search: one HTML file that needs nothing else."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import plotly.offline

from mosaik_p2p.results.figures.pages import page_template
from mosaik_p2p.results.figures.style import BLACK, BLUE, GREEN, GREY, HEIGHT_PX, PALE, RED, Panel, blank
from mosaik_p2p.results.labels.numbers import plain
from mosaik_p2p.studies.hosting.plan import VARIANTS
from mosaik_p2p.studies.hosting.search import Found, Held
from mosaik_p2p.studies.hosting.text import by_feeder, feeder_text, footnote, headline, limit_text, sentences

BAR_LETTERS = 34
"""In a line on a bar."""
LINE_PX, AXES_PX = 26, 110
"""Of a line of points of a feeder under a market, and of what stands around them."""
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
        groups=[_group(summary, feeder, answers) for feeder, answers in by_feeder(summary)],
        panels=[_bars_by_feeder(summary) if summary["per"] else _bars(summary), _points(summary, table)],
        rows=table.astype(object).where(table.notna(), None).to_dict("records"),
        called={variant.name: variant.called for variant in VARIANTS},
        marks={held.value: text for held, (text, *_) in MARKS.items()},
        plotly_js=plotly.offline.get_plotlyjs(),
    )
    return told


def _group(
    summary: Mapping[str, Any], feeder: Mapping[str, Any] | None, answers: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What the page says of a feeder, or of all together."""
    return {
        "feeder": feeder,
        "title": None if feeder is None else feeder_text(summary, feeder),
        "numbers": [_number(answer) for answer in answers],
        "limits": list(dict.fromkeys(_limit_on_bar(answer) for answer in answers)),
        "answers": [(answer["called"], list(sentences(summary, answer))) for answer in answers],
    }


def _number(answer: Mapping[str, Any]) -> str:
    """In a cell of a table: the amount, with what it is known to be."""
    shown = _shown(answer["holds"])
    if shown is None:
        return "none" if answer["found"] == Found.BREAKS_AT_ONCE else "?"
    return f"{'' if answer['is_verified'] else '≥ '}{plain(shown, 1)}"


def _axis(summary: Mapping[str, Any]) -> str:
    unit = summary["unit"]
    where = "in all" if summary["per"] is None else f"on the {summary['per']}"
    return f"{summary['grows']} {where} ({unit})" if unit else str(summary["key"])


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


def _bars_by_feeder(summary: Mapping[str, Any]) -> Panel:
    groups = by_feeder(summary)
    names = [feeder["feeder"] for feeder, _ in groups if feeder is not None]
    figure = blank(None, _axis(summary))
    for number, (variant, colour) in enumerate(zip(VARIANTS, (GREY, BLUE, GREEN), strict=True)):
        answers = [answers[number] for _, answers in groups]
        figure.add_bar(
            x=names,
            y=[_shown(answer["holds"]) for answer in answers],
            name=variant.called,
            marker={"color": colour},
            hovertext=[_wrapped(_limit_on_bar(answer)) for answer in answers],
        )
    own = [feeder["rated_kw"] for feeder, _ in groups if feeder is not None]
    symbol = {"color": BLACK, "size": 10, "symbol": "line-ew", "line": {"color": BLACK, "width": 3}}
    figure.add_trace(go.Scatter(x=names, y=own, mode="markers", marker=symbol, name="what it has"))
    figure.update_xaxes(type="category")
    note = "The largest value that holds, on one feeder at a time; the pointer tells the limit that breaks just above."
    return Panel("capacity", "Hosting capacity by feeder", note, figure, is_wide=True)


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
    called = {variant.name: variant.called for variant in VARIANTS}
    divided = summary["per"] is not None
    lines = len(table[["feeder", "market"]].drop_duplicates()) if divided else 0
    figure = blank(None, "", height_px=max(HEIGHT_PX, LINE_PX * lines + AXES_PX))
    figure.update_xaxes(title_text=_axis(summary))
    for held, (text, colour, symbol) in MARKS.items():
        rows = table[table["held"] == held.value]
        if rows.empty:
            continue
        x = rows["amount_kw"] if summary["unit"] else rows["value"]
        marker = {"color": colour, "size": 11, "symbol": symbol}
        names = [called[market] for market in rows["market"]]
        y = [rows["feeder"].to_list(), names] if divided else names
        figure.add_trace(go.Scatter(x=x.to_list(), y=y, mode="markers", marker=marker, name=text))
    if divided:
        figure.update_yaxes(type="multicategory", autorange="reversed")
    else:
        figure.update_yaxes(type="category", categoryorder="array", categoryarray=list(reversed(called.values())))
    figure.update_layout(showlegend=True)
    note = "Each is a run of its own. What holds to the right of what does not is told above."
    return Panel("points", "What was tried", note, figure, is_wide=True)

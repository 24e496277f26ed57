"""The saw with its certificate: what each rate earns, and what no rate in between can earn more than."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import plotly.io

from mosaik_p2p.results.figures.style import BLACK, BLUE, GREEN, GREY, LIMIT_COLOUR, ORANGE, blank
from mosaik_p2p.studies.best_rate.answer import Point
from mosaik_p2p.studies.best_rate.bound import bound_curve

HEIGHT_PX = 460
ROOM = 1.15
BETWEEN = 24
"""Points of the bound between two rates."""


def page(summary: dict[str, Any], table: pd.DataFrame, points: Sequence[Point]) -> str:
    """The picture as one HTML file that needs no network."""
    text: str = plotly.io.to_html(
        picture(summary, table, points),
        include_plotlyjs=True,
        full_html=True,
        div_id="best-rate",
        config={"responsive": True},
    )
    return text


def picture(summary: dict[str, Any], table: pd.DataFrame, points: Sequence[Point]) -> go.Figure:
    """Over the first rate: revenue, profit where it is known, the bound of a certified search, the rate found."""
    key, currency = summary["keys"][0], summary["currency"]
    figure = blank(None, f"{currency} in {summary['hours']:g} h", height_px=HEIGHT_PX)
    figure.update_layout(title={"text": _title(summary), "font": {"size": 14}}, margin={"t": 96}, hovermode="closest")
    figure.update_xaxes(title_text=f"{key}")
    if summary["bound"] is not None:
        _add_bound(figure, points, summary["bound"], what=summary["goal"])
    shown = table.sort_values(key)
    curves = [("revenue", "revenue", BLUE), ("profit", "profit", GREEN)]
    if summary["goal"] == "feasible":
        curves.append(("broken_hours", "hours with a broken limit", LIMIT_COLOUR))
    mode = "markers" if len(summary["keys"]) > 1 else "lines+markers"
    for column, name, colour in curves:
        if shown[column].notna().any():
            style = {"line": {"color": colour, "width": 1}, "marker": {"size": 5}, "mode": mode}
            figure.add_trace(go.Scatter(x=shown[key], y=shown[column], name=name, **style))
    figure.update_xaxes(range=[0.0, _end(shown, key)])
    if summary["rates"] is not None:
        note = {"text": f"{summary['rates'][key]:.4g}", "font": {"color": BLACK}}
        figure.add_vline(x=summary["rates"][key], line={"color": BLACK, "dash": "dot", "width": 1}, annotation=note)
    figure.add_vline(x=summary["own_rates"][key], line={"color": GREY, "dash": "dash", "width": 1})
    return figure


def _end(shown: pd.DataFrame, key: str) -> float:
    """A little beyond the highest rate that earns anything worth drawing."""
    worth = shown.loc[shown["revenue"] > 1e-3 * shown["revenue"].max(), key]
    return ROOM * float(shown[key].max() if worth.empty else worth.max())


def _title(summary: dict[str, Any]) -> str:
    return f"{summary['scenario']}: {summary['goal']} by rate ({summary['status'].replace('_', ' ')})"


def _add_bound(figure: go.Figure, points: Sequence[Point], bound: float, *, what: str) -> None:
    """The bound on revenue between the rates, and that on what is sought over all of them."""
    x: list[float | None] = []
    y: list[float | None] = []
    for left, right in pairwise(points):
        rates = np.linspace(left.rate, right.rate, BETWEEN)
        x += [*rates.tolist(), None]
        y += [*bound_curve(left, right, rates).tolist(), None]
    line = {"color": ORANGE, "width": 1}
    figure.add_trace(go.Scatter(x=x, y=y, name="no rate earns more", mode="lines", line=line))
    note = {"text": f"{what} at most {bound:.5g}", "font": {"color": ORANGE, "size": 11}}
    figure.add_hline(y=bound, line={"color": ORANGE, "dash": "dash", "width": 1}, annotation=note)

"""Figures of a sweep: each figure of the runs over what varied, and what welfare costs in violated limits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.results.figures.style import COLOURS, GREY, Panel, blank
from mosaik_p2p.studies.sweep.remarks import SEED, complete_rows

LOW, HIGH = 0.1, 0.9
"""Quantiles between which the band of a curve lies."""
MOST_CURVES = 7
HOURS = "h"
BAND_OPACITY = 0.18


@dataclass(frozen=True)
class Shown:
    """A figure of the summaries that is drawn: the columns that it is the sum of, title and unit."""

    columns: tuple[str, ...]
    title: str
    unit: str


def shown_figures(currency: str) -> tuple[Shown, ...]:
    """Those that a planner asks for first."""
    return (
        Shown(("system_cost.market",), "System cost", currency),
        Shown(("hours_broken.market.electricity", "hours_broken.market.heat"), "Hours with violated limits", HOURS),
        Shown(("hours_broken.alone.electricity", "hours_broken.alone.heat"), "Violations without trade", HOURS),
        Shown(("welfare_gain",), "Welfare gain against no trade", currency),
        Shown(("traded_kwh.electricity",), "Electricity traded", "kWh"),
        Shown(("traded_kwh.heat",), "Heat traded", "kWh"),
        Shown(("operator.balance",), "The operator's balance", currency),
    )


def panels_of(table: pd.DataFrame, varied: Sequence[str], currency: str) -> list[Panel]:
    """Curves over the key with the most numbers, maps over two of them, and the trade-off; of complete runs."""
    rows = complete_rows(table)
    if rows.empty:
        return []
    axes = [key for key in _numeric(rows, varied) if key != SEED] or _numeric(rows, varied)
    panels = []
    for number, shown in enumerate(shown_figures(currency)):
        values = _values(rows, shown)
        if values is None:
            continue
        if axes == [SEED]:
            panels.append(_over_seeds(f"curve-{number}", rows, values, shown, varied))
        elif axes:
            panels.append(_curves(f"curve-{number}", rows, values, shown, axes[0], varied))
        if len(axes) > 1 and values.nunique() > 1:
            panels.append(_map(f"map-{number}", rows, values, shown, axes[0], axes[1]))
    trade_off = _trade_off(rows, varied, currency)
    return [*panels, *([trade_off] if trade_off is not None else [])]


def _numeric(rows: pd.DataFrame, varied: Sequence[str]) -> list[str]:
    """Keys whose values are numbers, those with most of them first."""
    numeric = [key for key in varied if pd.api.types.is_numeric_dtype(rows[key]) and rows[key].nunique() > 1]
    return sorted(numeric, key=lambda key: -len(rows[key].drop_duplicates()))


def _values(rows: pd.DataFrame, shown: Shown) -> pd.Series | None:
    there = [column for column in shown.columns if column in rows]
    if not there:
        return None
    values = rows[there].astype(float).sum(axis=1, min_count=1)
    return None if values.isna().all() else values


def _curves(key: str, rows: pd.DataFrame, values: pd.Series, shown: Shown, along: str, varied: Sequence[str]) -> Panel:
    figure = blank(None, f"{shown.title.lower()} ({shown.unit})")
    figure.update_xaxes(title_text=along)
    if shown.unit == HOURS:
        figure.update_yaxes(rangemode="tozero")
    groups = list(_groups(rows, along, varied))
    has_band = False
    for colour, (name, of_group) in zip(COLOURS * (len(groups) // len(COLOURS) + 1), groups, strict=False):
        spread = values[of_group.index].groupby(of_group[along]).quantile(np.array([LOW, 0.5, HIGH])).unstack()
        x = spread.index.to_list()
        if (spread[HIGH] > spread[LOW]).any():
            has_band = True
            band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
            figure.add_scatter(x=x, y=spread[HIGH].to_list(), **band)
            figure.add_scatter(x=x, y=spread[LOW].to_list(), fill="tonexty", fillcolor=_pale(colour), **band)
        line = {"color": colour, "width": 2}
        figure.add_scatter(x=x, y=spread[0.5].to_list(), mode="lines+markers", line=line, name=name or shown.title)
    figure.update_layout(showlegend=len(groups) > 1)
    of_several = " Of several runs at one value: the median, and a band from the lowest to the highest tenth."
    note = f"Over {along}.{of_several if has_band else ''}"
    return Panel(key, shown.title, note, figure)


def _over_seeds(key: str, rows: pd.DataFrame, values: pd.Series, shown: Shown, varied: Sequence[str]) -> Panel:
    """Seeds have no order: every run is a point, between which nothing lies; how far they spread is a band."""
    figure = blank(None, f"{shown.title.lower()} ({shown.unit})")
    figure.update_xaxes(title_text=SEED)
    if shown.unit == HOURS:
        figure.update_yaxes(rangemode="tozero")
    groups = list(_groups(rows, SEED, varied))
    for colour, (name, of_group) in zip(COLOURS * (len(groups) // len(COLOURS) + 1), groups, strict=False):
        own = values[of_group.index].dropna()
        if own.empty:
            continue
        low, middle, high = (float(value) for value in own.quantile(np.array([LOW, 0.5, HIGH])))
        ends = [float(of_group[SEED].min()), float(of_group[SEED].max())]
        band = {"x": ends, "mode": "lines", "hoverinfo": "skip", "showlegend": False}
        figure.add_scatter(y=[high, high], line={"width": 0}, **band)
        figure.add_scatter(y=[low, low], line={"width": 0}, fill="tonexty", fillcolor=_pale(colour), **band)
        figure.add_scatter(y=[middle, middle], line={"color": colour, "width": 1, "dash": "dash"}, **band)
        points = {"mode": "markers", "marker": {"color": colour, "size": 7}, "name": name or shown.title}
        figure.add_scatter(x=of_group.loc[own.index, SEED].to_list(), y=own.to_list(), **points)
    figure.update_layout(showlegend=len(groups) > 1)
    note = "A point per seed; the median, and a band from the lowest to the highest tenth."
    return Panel(key, shown.title, note, figure)


def _groups(rows: pd.DataFrame, along: str, varied: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """A curve for each combination of the other keys, as long as they can be told apart; else one for all."""
    others = [key for key in varied if key not in (along, SEED) and rows[key].nunique(dropna=False) > 1]
    if not others or len(rows[others].drop_duplicates()) > MOST_CURVES:
        yield "", rows
        return
    for values, of_group in rows.groupby(others, dropna=False, sort=True):
        yield ", ".join(f"{key} = {value}" for key, value in zip(others, values, strict=True)), of_group


def _pale(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{BAND_OPACITY})"


def _map(key: str, rows: pd.DataFrame, values: pd.Series, shown: Shown, along: str, up: str) -> Panel:
    grid = values.groupby([rows[up], rows[along]]).median().unstack()
    figure = blank(None, up)
    figure.update_xaxes(title_text=along, type="category")
    figure.update_yaxes(type="category")
    cells = [[None if pd.isna(cell) else float(cell) for cell in row] for row in grid.to_numpy()]
    bar = {"title": {"text": shown.unit}}
    figure.add_heatmap(x=[f"{x:g}" for x in grid.columns], y=[f"{y:g}" for y in grid.index], z=cells, colorbar=bar)
    figure.update_traces(colorscale="Cividis", selector={"type": "heatmap"})
    return Panel(
        key, f"{shown.title} over two keys", f"In {shown.unit}; the median where several runs share a cell.", figure
    )


def _trade_off(rows: pd.DataFrame, varied: Sequence[str], currency: str) -> Panel | None:
    cost, hours, *_ = shown_figures(currency)
    x, y = _values(rows, hours), _values(rows, cost)
    if x is None or y is None or len(rows) < 2:
        return None
    figure = blank(None, f"system cost ({currency})")
    figure.update_xaxes(title_text="hours with violated limits (h)")
    said = [", ".join(f"{key} = {row[key]}" for key in varied) for row in rows[list(varied)].to_dict("records")]
    marker = {"color": GREY, "size": 9, "opacity": 0.75}
    figure.add_trace(go.Scatter(x=x.to_list(), y=y.to_list(), text=said, mode="markers", marker=marker))
    figure.update_layout(showlegend=False, hovermode="closest")
    return Panel("trade-off", "Cost against violations", "A point per run: further left and lower is better.", figure)

"""Carpets: a value of every interval of a long run, across by the day and up by the hour."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.results.figures.style import Clock, blank

DIGITS = 5
"""Of a number in a picture of thousands."""


def carpet(clock: Clock, values: pd.Series, told: str, *, is_bad_when_high: bool) -> go.Figure:
    """The values by day and hour of the axes' clock; dark is bad. `told` stands at the bar of colours."""
    colours = {
        "zmin": float(values.min()),
        "zmax": float(values.max()),
        "colorscale": "YlOrRd" if is_bad_when_high else "YlOrRd_r",
        "colorbar": {"title": {"text": told}, "thickness": 12},
        "hovertemplate": "%{x}, %{y} h: %{z}<extra></extra>",
    }
    return carpet_of(clock, values, colours)


def carpet_of(clock: Clock, values: pd.Series, style: Mapping[str, Any]) -> go.Figure:
    """The same in colours of the caller's."""
    local = pd.DatetimeIndex(values.index).tz_convert(clock.results.facts.axis_zone).tz_localize(None)
    frame = pd.DataFrame({"day": local.normalize(), "hour": local.hour + local.minute / 60, "value": values.to_numpy()})
    table = frame.pivot(index="hour", columns="day", values="value")
    figure = blank(None, f"hour ({clock.results.facts.axis_label})")
    figure.add_trace(
        go.Heatmap(
            x=[f"{day:%Y-%m-%d}" for day in table.columns],
            # A cell is drawn around its place: an interval lies beyond its begin.
            y=[float(hour) + clock.dt_h / 2 for hour in table.index],
            z=[[_short(value) for value in row] for row in table.to_numpy()],
            **style,
        )
    )
    return figure.update_layout(
        hovermode="closest", xaxis={"type": "date", "showgrid": False}, yaxis={"range": [0, 24], "dtick": 6}
    )


def _short(value: float) -> float | None:
    return None if pd.isna(value) else float(f"{value:.{DIGITS}g}")

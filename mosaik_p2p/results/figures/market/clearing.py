"""Figures of how the clearings converged."""

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.results.figures.style import BLUE, GREY, LIMIT_COLOUR, ORANGE, Clock, Panel, add_bars, add_steps, blank


def convergence_panels(clock: Clock) -> list[Panel]:
    """Iterations of the clearing and the gap at which it stopped."""
    own = clock.results.clearings.set_index("time").reindex(clock.begins)
    if clock.is_long:
        return [_long_convergence(clock, own)]
    iterations = blank(clock, "iterations")
    add_bars(iterations, clock, own["iterations"], "iterations", marker={"color": BLUE})
    iterations.update_layout(showlegend=False)
    gap = blank(clock, "relative gap (1)")
    shown = [None if not value > 0 else float(value) for value in own["relative_gap"].astype(float)]
    marker = {"mode": "markers", "marker": {"size": 7, "color": ORANGE, "line": {"color": GREY, "width": 0.5}}}
    gap.add_trace(go.Scatter(x=clock.local_middles(), y=shown, name="relative gap", **marker))
    wanted = clock.results.facts.relative_gap
    if wanted is not None:
        asked = pd.Series(wanted, index=clock.begins, dtype=float)
        add_steps(gap, clock, asked, f"wanted: {wanted:g}", line={"color": LIMIT_COLOUR, "dash": "dash"})
    gap.update_yaxes(type="log", exponentformat="power", dtick=1)
    return [
        Panel("iterations", "Iterations per clearing", "At the interval that it begins with.", iterations),
        Panel("gap", "Relative gap per clearing", "How far the cost may be above the optimum, at most.", gap),
    ]


def _long_convergence(clock: Clock, own: pd.DataFrame) -> Panel:
    """Iterations of a long run day by day."""
    figure = blank(clock, "iterations")
    for how, colour in (("max", BLUE), ("mean", ORANGE)):
        add_steps(figure, clock, own["iterations"], "iterations", daily=how, line={"color": colour})
    figure.update_yaxes(rangemode="tozero")
    return Panel("iterations", "Iterations per clearing", "Most and mean of each day.", figure)

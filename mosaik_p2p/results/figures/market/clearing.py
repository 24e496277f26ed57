"""Figures of how the clearings converged."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.results.figures.runs import Runs, named, over_all
from mosaik_p2p.results.figures.style import (
    BLUE,
    COLOURS,
    GREY,
    LIMIT_COLOUR,
    ORANGE,
    Clock,
    Panel,
    add_bars,
    add_steps,
    by_day,
    clock_of,
)
from mosaik_p2p.results.store.reading import Results


def convergence_panels(results: Results) -> list[Panel]:
    """Iterations and gap of a run."""
    return [panel for panel in (iterations(results), relative_gaps(results)) if panel is not None]


def iterations(runs: Runs) -> Panel | None:
    """How many iterations each clearing took; of several runs a curve each. None where nothing was cleared."""
    clocks = _cleared(runs)
    if not clocks:
        return None
    is_one = len(named(runs)) == 1
    figure = over_all(list(clocks.values()), "iterations")
    for k, (name, clock) in enumerate(clocks.items()):
        line = {"color": COLOURS[k % len(COLOURS)]}
        if is_one and not clock.is_long:
            add_bars(figure, clock, _by_interval(clock)["iterations"], name, marker={"color": BLUE})
            continue
        for how, dash in (("max", "solid"), ("mean", "dot"))[: 2 if clock.is_long else 1]:
            label = "iterations" if is_one else name
            add_steps(figure, clock, _by_interval(clock)["iterations"], label, daily=how, line={**line, "dash": dash})
    figure.update_layout(showlegend=len(figure.data) > 1)
    figure.update_yaxes(rangemode="tozero")
    is_long = any(clock.is_long for clock in clocks.values())
    note = f"At the interval that it begins with.{' Of long runs most and mean of each day.' if is_long else ''}"
    return Panel("iterations", "Iterations per clearing", note, figure, is_wide=not is_one)


def relative_gaps(runs: Runs) -> Panel | None:
    """The relative gap at which each clearing stopped, beside what was asked for; of several runs a colour each, of
    long ones the largest of each day. None where nothing was cleared.
    """
    clocks = _cleared(runs)
    if not clocks:
        return None
    is_one = len(named(runs)) == 1
    figure = over_all(list(clocks.values()), "relative gap (1)")
    for k, (name, clock) in enumerate(clocks.items()):
        colour = ORANGE if is_one else COLOURS[k % len(COLOURS)]
        figure.add_trace(_gaps(clock, "relative gap" if is_one else name, colour))
    _add_wanted(figure, list(clocks.values()))
    figure.update_yaxes(type="log", exponentformat="power", dtick=1)
    is_long = any(clock.is_long for clock in clocks.values())
    note = f"How far the cost may be above the optimum, at most.{' Of long runs the largest of each day.' * is_long}"
    return Panel("gap", "Relative gap per clearing", note, figure, is_wide=not is_one)


def _cleared(runs: Runs) -> dict[str, Clock]:
    """The clocks of the runs in which something was cleared."""
    return {name: clock_of(run) for name, run in named(runs).items() if len(run.clearings)}


def _by_interval(clock: Clock) -> pd.DataFrame:
    return clock.results.clearings.set_index("time").reindex(clock.begins)


def _gaps(clock: Clock, name: str, colour: str) -> go.Scatter:
    values = _by_interval(clock)["relative_gap"].astype(float)
    if clock.is_long:
        clock, values = by_day(clock, values, "max")
    # A logarithm has no zero.
    shown = [float(value) if value > 0 else None for value in values]
    marker = {"size": 7, "color": colour, "line": {"color": GREY, "width": 0.5}}
    return go.Scatter(x=clock.local_middles(), y=shown, name=name, mode="markers", marker=marker)


def _add_wanted(figure: go.Figure, clocks: Sequence[Clock]) -> None:
    """A line for every gap that was asked for."""
    wanted = dict.fromkeys(clock.results.facts.relative_gap for clock in clocks)
    line = {"color": LIMIT_COLOUR, "dash": "dash", "width": 1.8}
    for gap in (gap for gap in wanted if gap is not None):
        ends = list(figure.layout.xaxis.range)
        figure.add_trace(go.Scatter(x=ends, y=[gap, gap], name=f"wanted: {gap:g}", mode="lines", line=line))

"""Duration curves: for how many hours a quantity was at least as bad as a value."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.limits.registry import by_key
from mosaik_p2p.results.figures.runs import Runs, named
from mosaik_p2p.results.figures.style import COLOURS, Panel, add_limits, blank
from mosaik_p2p.results.labels.quantities import unit_of
from mosaik_p2p.results.measures.worst_values import measured
from mosaik_p2p.results.store.reading import Results

MOST_POINTS = 600
"""Of a curve; between them it is straight."""


def duration_curve(runs: Runs, key: str = "line_loading") -> Panel | None:
    """The worst of all elements in each interval, worst interval first: a curve per run. `key` as of `limited`.

    A run of which not every interval is stored has none: for how many hours a value lasted is not known of it. None
    where no run has one, or the quantity was never measured; ValueError where there is no such quantity.
    """
    if key not in by_key():
        raise ValueError(f"no limited quantity is called {key!r}; there are {', '.join(by_key())}")
    of, found = by_key()[key], named(runs)
    figure = blank(None, f"{of.name} ({unit_of(of.unit)})")
    values: list[float] = [0.0] if of.is_upper else []
    limits: dict[tuple[float, str, bool], None] = {}
    for k, (name, run) in enumerate(found.items()):
        ranked = _ranked(run, key)
        if not len(ranked):
            continue
        places = np.unique(np.linspace(0, len(ranked) - 1, min(len(ranked), MOST_POINTS)).round().astype(int))
        hours = [float(round((place + 1) * run.facts.dt_h, 6)) for place in places]
        line = {"color": COLOURS[k % len(COLOURS)], "width": 2}
        shown = [float(f"{ranked[place]:.6g}") for place in places]
        figure.add_trace(go.Scatter(x=hours, y=shown, name=name, mode="lines", line=line))
        values += [float(ranked[0]), float(ranked[-1])]
        limit = run.facts.limits.get(key)
        if limit is not None:
            limits[limit, f"limit {limit:g} {unit_of(of.unit)}", not of.is_upper] = None
    if not figure.data:
        return None
    add_limits(figure, values, list(limits))
    figure.update_layout(hovermode="closest", showlegend=len(found) > 1, xaxis={"title": {"text": "hours (h)"}})
    note = f"{of.label} of all elements, from the worst interval on: so many hours were at least as bad."
    return Panel(f"duration-{key}", f"Duration of {of.name}", note, figure)


def _ranked(run: Results, key: str) -> np.ndarray:
    of = by_key()[key]
    if of.table in run.facts.thinned:
        return np.empty(0)
    by_time: pd.Series = getattr(measured(run, of).groupby("time")["value"], "max" if of.is_upper else "min")()
    ordered = np.sort(by_time.to_numpy(dtype=float))
    return ordered[::-1] if of.is_upper else ordered

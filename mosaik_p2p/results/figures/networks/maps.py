"""Maps: what a network did in one interval, drawn on the network itself, with flows, and what breaks a limit marked."""

from datetime import datetime

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.results.figures.networks.net_map import NetMap
from mosaik_p2p.results.figures.networks.sheet import ARROW_PX, MOST_ARROWS, Scale, add_nodes, sheet
from mosaik_p2p.results.figures.networks.slider import slider_of
from mosaik_p2p.results.figures.networks.states import DRAWN_TABLES, States, network_states
from mosaik_p2p.results.figures.runs import Runs, named, side_by_side, told_in_part
from mosaik_p2p.results.figures.style import BLACK, GREY, Clock, Panel, clock_of
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.units import ELECTRICITY

CLASSES = 6
"""Shades of the edges."""
SHADES = (GREY, "#c9dcec", "#9dc3de", "#6aa3cc", "#e0b070", "#e08540", "#b53a12")
"""Without a limit; then from little used to fully used; the last one is at or beyond the limit."""
NEARLY = 0.1
"""Of a shade's width; 2 % of the limit."""


def map_at(runs: Runs, network: str = ELECTRICITY, at: datetime | None = None) -> Panel | None:
    """The network in the interval that `at` lies in, by default in its worst one; None where none can be drawn.

    Edges have the shade of their share of their own limit and arrows where power or water flows, nodes the colour of
    their voltage, or of the temperature of flowing water on the supply side; a red ring marks a node where a limit is
    violated. Where the file says where the nodes lie they lie there. Several runs stand one below the other.
    ValueError where `at` lies in no interval of a run.
    """
    found = {name: _drawn(run, network, at) for name, run in named(runs).items()}
    drawn = side_by_side({name: panel for name, panel in found.items() if panel is not None})
    return told_in_part(drawn, runs, DRAWN_TABLES[network])


def _drawn(run: Results, network: str, at: datetime | None) -> Panel | None:
    states = network_states(run, network)
    if states is None:
        return None
    clock = clock_of(run)
    opened = states.worst() if at is None else interval_at(states.times, clock, at)
    figure = figure_at(states, opened)
    where = "as the file places it" if states.net.has_places else "across: way from where it is fed"
    words = states.words
    note = (
        f"At {clock.told(states.times[opened])}"
        f"{', the worst interval' if at is None else ''}. Lines: {words.edge}, of each one's limit"
        f"{', arrows: direction of flow' if len(states.edges) <= MOST_ARROWS else ''}. "
        f"Dots: {words.node}; red ring: a limit is violated there. Drawn {where}."
    )
    title = f"Map of the {network} network"
    return Panel(
        f"map-{network}", title, note, figure, is_wide=True, slider=slider_of(states, clock, opened, classes_of(states))
    )


def interval_at(times: pd.DatetimeIndex, clock: Clock, at: datetime) -> int:
    """The interval that holds a moment; ValueError where there is none, or the moment has no UTC offset."""
    if at.tzinfo is None:
        raise ValueError(f"{at} says no UTC offset")
    moment = pd.Timestamp(at)
    inside = (times <= moment) & (times + clock.dt > moment)
    if not inside.any():
        raise ValueError(f"{at} lies in no interval that was solved and stored, {times[0]} to {times[-1] + clock.dt}")
    return int(np.flatnonzero(inside)[0])


def figure_at(states: States, row: int) -> go.Figure:
    """The drawing of one interval: a trace per shade, arrows, what the pointer tells of edges, and nodes."""
    figure, net = sheet(states.net), states.net
    shades = classes_of(states)[row]
    for shade, colour in enumerate(SHADES):
        ends = [(net.at(a), net.at(b)) for k, (_, _, a, b) in enumerate(states.edges) if shades[k] == shade]
        figure.add_trace(_lines(shade, colour, ends))
    figure.add_trace(_arrows(states, row))
    figure.add_trace(_middles(states, row))
    values = {
        node: float(value) for node, value in zip(states.nodes, states.values[row], strict=True) if value == value
    }
    broken = [node for node, is_broken in zip(states.nodes, states.is_broken[row], strict=True) if is_broken]
    add_nodes(figure, net, values, node_scale(states), broken)
    return figure


def node_scale(states: States) -> Scale:
    """One scale for all intervals, so that colours can be compared."""
    known = states.values[~np.isnan(states.values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    words = states.words
    return Scale(words.node, words.node_unit, words.node_digits, low, high if high > low else low + 1e-6)


def classes_of(states: States) -> np.ndarray:
    """The shade of every edge in every interval, 0 without a limit. What is nearly at its limit looks like what is."""
    share = np.nan_to_num(states.share, nan=-1.0)
    shades = np.minimum((share * (CLASSES - 1) + NEARLY).astype(int), CLASSES - 1) + 1
    return np.where(share < 0.0, 0, shades).astype(np.uint8)


def _lines(shade: int, colour: str, ends: list[tuple[tuple[float, float], tuple[float, float]]]) -> go.Scatter:
    """The edges of one shade."""
    return go.Scatter(
        x=[x for a, b in ends for x in (a[0], b[0], None)],
        y=[y for a, b in ends for y in (a[1], b[1], None)],
        mode="lines",
        line={"color": colour, "width": 2 + 0.6 * shade},
        hoverinfo="skip",
        name=_class_name(shade),
    )


def _class_name(shade: int) -> str:
    if shade == 0:
        return "without limit"
    step = 100 // (CLASSES - 1)
    return "at the limit" if shade == CLASSES else f"{step * (shade - 1)} to {step * shade} % of the limit"


def _arrows(states: States, row: int) -> go.Scatter:
    """An arrow in the middle of each edge with flow: it points away from the point before it, which has no size."""
    x: list[float | None] = []
    y: list[float | None] = []
    sizes: list[int] = []
    for k, (_, _, first, second) in enumerate(states.edges if len(states.edges) <= MOST_ARROWS else ()):
        if not states.flow[row, k]:
            continue
        a, b = states.net.at(first), states.net.at(second)
        start = a if states.flow[row, k] > 0 else b
        x += [start[0], (a[0] + b[0]) / 2, None]
        y += [start[1], (a[1] + b[1]) / 2, None]
        sizes += [0, ARROW_PX, 0]
    marker = {"symbol": "arrow", "angleref": "previous", "size": sizes, "color": BLACK}
    return go.Scatter(x=x, y=y, mode="markers", marker=marker, hoverinfo="skip", showlegend=False)


def _middles(states: States, row: int) -> go.Scatter:
    """What the pointer tells of each edge, in its middle."""
    net, words = states.net, states.words
    shown = [k for k in range(len(states.edges)) if not np.isnan(states.use[row, k])]
    middles = [tuple((p + q) / 2 for p, q in zip(net.at(a), net.at(b), strict=True)) for _, _, a, b in states.edges]
    values = {k: f"{states.use[row, k]:.3g} {words.edge_unit}{_of_limit(states.share[row, k])}" for k in shown}
    told = [f"{states.edges[k][1]}: {words.edge} {value}" for k, value in values.items()]
    return go.Scatter(
        x=[middles[k][0] for k in shown],
        y=[middles[k][1] for k in shown],
        mode="markers",
        marker={"size": 10, "opacity": 0.0},
        text=told,
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )


def _of_limit(share: float) -> str:
    return "" if np.isnan(share) else f", {100 * share:.0f} % of its limit"


def node_map(net: NetMap, values: dict[str, float], scale: tuple[str, str, int]) -> go.Figure:
    """A map of nodes by their value, edges without any; `scale` is the quantity, its unit and its digits."""
    figure = sheet(net)
    edges = _lines(0, GREY, [(net.at(a), net.at(b)) for _, _, a, b in net.edges])
    figure.add_trace(edges.update(showlegend=False))
    low, high = (min(values.values()), max(values.values())) if values else (0.0, 1.0)
    add_nodes(figure, net, values, Scale(*scale, low, high if high > low else low + 1e-6))
    return figure

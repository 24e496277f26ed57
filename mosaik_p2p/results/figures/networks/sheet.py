"""The sheet that a network is drawn on: its size and axes, edges, nodes, and names where they fit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from mosaik_p2p.results.figures.networks.net_map import NetMap
from mosaik_p2p.results.figures.style import BLACK, GREY, LIMIT_COLOUR, blank

WIDTH_PX, ROW_PX, LEAST_PX, MOST_PX = 975, 34, 260, 760
"""Of the drawing; its width is that of the page, for which names are placed."""
MARGIN = 0.04
"""Of the longest way, left free at all sides."""
LETTER_PX, LINE_PX, ABOVE_PX = 7.4, 13, 8
"""Of a name: a letter's width, a line's height, and how far above its node it stands."""
ARROW_PX = 9
MOST_ARROWS = 400
"""Of more edges none has an arrow: they would cover the lines."""
FEW_NODES = 60
"""Of more nodes only those of prosumers have names, and those that break a limit."""
MOST_NAMES = 4
"""Prosumers named at one node; the pointer tells the others."""

Place = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """What the colour of nodes says: quantity, unit, digits, and the values at both ends."""

    quantity: str
    unit: str
    digits: int
    low: float
    high: float

    def told(self, value: float) -> str:
        """A value as the pointer tells it."""
        return f"{self.quantity} {value:.{self.digits}f} {self.unit}"


def sheet(net: NetMap) -> go.Figure:
    """An empty one: of the places where the file has them, else across the way and down the branches."""
    (left, right), (low, high) = _span(net)
    figure = blank(None, "", height_px=_height_px(net))
    axis: dict[str, Any] = {"title": {"text": "length of the way (km)"}, "range": [left, right]}
    if net.has_places:
        axis = {"visible": False, "range": [left, right]}
    y_axis: dict[str, Any] = {"visible": False, "range": [low, high] if net.has_places else [high, low]}
    if net.has_places:
        y_axis |= {"scaleanchor": "x", "scaleratio": 1, "constrain": "domain"}
    return figure.update_layout(hovermode="closest", xaxis=axis, yaxis=y_axis)


def _span(net: NetMap) -> tuple[Place, Place]:
    across, up = zip(*(net.at(node) for node in net.y), strict=True)
    if not net.has_places:
        longest = max(across) or 1.0
        return (-MARGIN * longest, (1 + MARGIN) * longest), (-1.0, max(up) + 0.5)
    room = MARGIN * max(max(across) - min(across), max(up) - min(up))
    return (min(across) - room, max(across) + room), (min(up) - room, max(up) + room)


def _height_px(net: NetMap) -> int:
    (left, right), (low, high) = _span(net)
    wanted = WIDTH_PX * (high - low) / (right - left) + 70 if net.has_places else ROW_PX * (high + 0.5) + 120
    return int(min(max(wanted, LEAST_PX), MOST_PX))


def add_nodes(
    figure: go.Figure, net: NetMap, values: Mapping[str, float], scale: Scale, broken: Iterable[str] = ()
) -> None:
    """The nodes in the colour of their value, then those without one; those of prosumers are larger, and those that
    break a limit have a red ring."""
    every, ringed = sorted(net.y, key=lambda node: (net.x_km[node], node)), frozenset(broken)
    names = fitting_names(net, every, ringed)
    known = [node for node in every if node in values]
    colours = {
        "color": [values[node] for node in known],
        "cmin": scale.low,
        "cmax": scale.high,
        "colorscale": "Viridis",
        "colorbar": {"title": {"text": f"{scale.quantity}<br>({scale.unit})"}, "thickness": 12, "len": 0.9},
    }
    others = [node for node in every if node not in values]
    for nodes, marker in ((known, colours), (others, {"color": GREY})):
        lines = {
            "color": [LIMIT_COLOUR if node in ringed else BLACK for node in nodes],
            "width": [3.5 if node in ringed else 1.6 if net.prosumers.get(node) else 0.4 for node in nodes],
        }
        figure.add_trace(
            go.Scatter(
                x=[net.at(node)[0] for node in nodes],
                y=[net.at(node)[1] for node in nodes],
                mode="markers+text",
                marker={
                    **marker,
                    "opacity": 1.0,
                    "size": [node_px(net, node, len(every)) for node in nodes],
                    "line": lines,
                },
                text=[names.get(node, "") for node in nodes],
                textposition="top center",
                customdata=[told_of(net, node, values, scale) for node in nodes],
                hovertemplate="%{customdata}<extra></extra>",
                showlegend=False,
            )
        )


def node_px(net: NetMap, node: str, count: int) -> int:
    """Larger where prosumers stand, smaller in a crowd."""
    is_crowd = count > 200
    return (11 if is_crowd else 15) if net.prosumers.get(node) else (4 if is_crowd else 8)


def told_of(net: NetMap, node: str, values: Mapping[str, float], scale: Scale) -> str:
    """What the pointer tells of a node."""
    value = scale.told(values[node]) if node in values else "not measured"
    names = net.prosumers.get(node, ())
    return f"{node}: {value}" + (f"<br>prosumers {', '.join(names)}" if names else "")


def fitting_names(net: NetMap, nodes: Sequence[str], first: Iterable[str] = ()) -> dict[str, str]:
    """The names that can be read, by node: of those that break a limit first, then of prosumers' places, then others;
    one that would lie over another name, or over a prosumer's node, is left to the pointer."""
    (left, right), (low, high) = _span(net)
    width, height = WIDTH_PX / (right - left), _height_px(net) / (high - low)
    if net.has_places:
        width = height = min(width, height)
    taken: list[tuple[float, float, float, float]] = []
    found: dict[str, str] = {}
    ringed = frozenset(first)
    if len(net.y) > FEW_NODES:
        nodes = [node for node in nodes if node in ringed or node in net.prosumers]
    order = sorted(nodes, key=lambda node: (node not in ringed, node not in net.prosumers))
    for node in order:
        text = _name(net, node)
        x, y = net.at(node)
        across, down = (x - left) * width, ((high - y) if net.has_places else (y - low)) * height
        half = LETTER_PX * len(text) / 2
        box = (across - half, down - ABOVE_PX - LINE_PX, across + half, down - ABOVE_PX)
        if box[0] < 0 or box[2] > (right - left) * width or any(_overlap(box, other) for other in taken):
            continue
        taken.append(box)
        found[node] = f"<b>{text}</b>" if net.prosumers.get(node) else text
    return found


def _overlap(box: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]


def _name(net: NetMap, node: str) -> str:
    """The node's name and who stands there."""
    names = net.prosumers.get(node, ())
    more = " …" if len(names) > MOST_NAMES else ""
    return f"{node} · {', '.join(names[:MOST_NAMES])}{more}" if names else node

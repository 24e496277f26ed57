"""Figures of where a network is used most: its worst values over the run, drawn on the network itself."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from mosaik_p2p.limits.registry import by_key
from mosaik_p2p.results.figures.networks.net_map import NetMap, electric_map, heat_map
from mosaik_p2p.results.figures.style import BLACK, GREY, Clock, Panel, blank
from mosaik_p2p.results.measures.worst_values import limit_of, measured

ROW_PX, LEAST_PX, MOST_PX = 34, 260, 900
CLASSES = 6
"""Shades of the edges."""
SHADES = ("#c9dcec", "#9dc3de", "#6aa3cc", "#e0b070", "#e08540", "#b53a12")
"""From little used to fully used; the last one is at or beyond the limit."""
NEARLY = 0.1
"""Of a shade's width; 2 % of the limit."""
MARGIN = 0.03
"""Of the longest way, left free at both ends."""
FEW_NAMES = 60
"""Up to so many nodes carry their names."""
FEW_PLACES = 25
"""Up to so many places of prosumers carry theirs."""


def map_panels(clock: Clock) -> list[Panel]:
    """One map for each network whose file lies in the folder."""
    folder = clock.results.folder
    return [panel for panel in (_electric(clock, electric_map(folder)), _heat(clock, heat_map(folder))) if panel]


def _electric(clock: Clock, net: NetMap | None) -> Panel | None:
    if net is None:
        return None
    figure = _drawn(net, _worst_use(clock, ("line_loading", "transformer_loading")), "loading", "%")
    _add_nodes(figure, net, _worst(clock, "voltage_min"), ("lowest voltage", "p.u.", ".4f"))
    note = "Lines: highest loading, of each one's limit. Dots: lowest voltage. Across: way from the feeding grid."
    return Panel("map-electric", "Map of the electricity network", note, figure, is_wide=True)


def _heat(clock: Clock, net: NetMap | None) -> Panel | None:
    if net is None:
        return None
    figure = _drawn(net, _worst_use(clock, ("velocity",)), "velocity", "m/s")
    rows = clock.results["junctions"]
    flowing = rows[rows["flowing"].astype(bool) & rows["t_c"].notna()]
    coldest = {str(name): float(t) for name, t in flowing.groupby("junction")["t_c"].min().items()}
    _add_nodes(figure, net, coldest, ("lowest temperature", "°C", ".1f"))
    note = (
        "Supply side. Pipes: highest velocity, of each one's limit. Dots: lowest temperature of flowing water. "
        "Across: way from the plant."
    )
    return Panel("map-heat", "Map of the heat network", note, figure, is_wide=True)


def _worst(clock: Clock, key: str) -> dict[str, float]:
    """The lowest value of every element."""
    values = measured(clock.results, by_key()[key]).groupby("element")["value"].min()
    return {str(name): float(value) for name, value in values.items()}


def _worst_use(clock: Clock, keys: Sequence[str]) -> dict[str, tuple[float, float | None]]:
    """The highest value of every element, and its share of the element's own limit; None without one."""
    found: dict[str, tuple[float, float | None]] = {}
    for key in keys:
        for element, value in measured(clock.results, by_key()[key]).groupby("element")["value"].max().items():
            limit = limit_of(clock.results.facts, by_key()[key], str(element))
            found[str(element)] = (float(value), float(value) / limit if limit else None)
    return found


def _drawn(net: NetMap, use: Mapping[str, tuple[float, float | None]], quantity: str, unit: str) -> go.Figure:
    """The edges, shaded by their worst value's share of their limit."""
    figure = _sheet(net)
    by_class: dict[int, list[tuple[str, str, str]]] = {}
    for _, name, a, b in net.edges:
        by_class.setdefault(_class_of(use.get(name, (0.0, None))[1]), []).append((name, a, b))
    for shade, edges in sorted(by_class.items()):
        figure.add_trace(_lines(net, shade, edges))
    shown = [edge for group in by_class.values() for edge in group if edge[0] in use]
    figure.add_trace(
        go.Scatter(
            x=[(net.x_km[a] + net.x_km[b]) / 2 for _, a, b in shown],
            y=[(net.y[a] + net.y[b]) / 2 for _, a, b in shown],
            mode="markers",
            marker={"size": 10, "opacity": 0.0},
            text=[
                f"{name}: {quantity} at most {use[name][0]:.3g} {unit}{_of_limit(use[name][1])}" for name, _, _ in shown
            ],
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )
    )
    return figure


def node_map(net: NetMap, values: dict[str, float], scale: tuple[str, str, str]) -> go.Figure:
    """A map of nodes by their value, edges without any; `scale` is the quantity, its unit and how it is printed."""
    figure = _sheet(net)
    edges = _lines(net, -1, [(name, a, b) for _, name, a, b in net.edges])
    figure.add_trace(edges.update(showlegend=False))
    _add_nodes(figure, net, values, scale)
    return figure


def _sheet(net: NetMap) -> go.Figure:
    """An empty map: across the way from where the network is fed, a row for each branch."""
    rows = max(net.y.values(), default=0.0) + 1.0
    figure = blank(None, "", height_px=int(min(max(ROW_PX * rows + 120, LEAST_PX), MOST_PX)))
    longest = max(net.x_km.values(), default=1.0) or 1.0
    figure.update_layout(hovermode="closest")
    figure.update_xaxes(title="length of the way (km)", range=[-MARGIN * longest, (1 + MARGIN) * longest])
    figure.update_yaxes(visible=False, range=[rows - 0.5, -1.0])
    return figure


def _lines(net: NetMap, shade: int, edges: Sequence[tuple[str, str, str]]) -> go.Scatter:
    """The edges of one shade."""
    return go.Scatter(
        x=[x for _, a, b in edges for x in (net.x_km[a], net.x_km[b], None)],
        y=[y for _, a, b in edges for y in (net.y[a], net.y[b], None)],
        mode="lines",
        line={"color": GREY if shade < 0 else SHADES[shade], "width": 2 if shade < 0 else 3 + shade * 0.6},
        hoverinfo="skip",
        name=_class_name(shade),
    )


def _class_of(share: float | None) -> int:
    """The shade of an edge; -1 without a limit. What is nearly at its limit looks like what is at it."""
    return -1 if share is None else min(int(share * (CLASSES - 1) + NEARLY), CLASSES - 1)


def _class_name(shade: int) -> str:
    if shade < 0:
        return "without limit"
    step = 100 // (CLASSES - 1)
    return "at the limit" if shade == CLASSES - 1 else f"{step * shade} to {step * (shade + 1)} % of the limit"


def _of_limit(share: float | None) -> str:
    return "" if share is None else f", {100 * share:.0f} % of its limit"


def _add_nodes(figure: go.Figure, net: NetMap, values: dict[str, float], scale: tuple[str, str, str]) -> None:
    """The nodes with their value; those with prosumers are larger and carry the prosumers' names."""
    quantity, unit, _ = scale
    every = sorted(net.y, key=lambda node: (net.x_km[node], node))
    known = [node for node in every if node in values]
    colours = {
        "color": [values[node] for node in known],
        "colorscale": "Viridis",
        "colorbar": {"title": {"text": f"{quantity}<br>({unit})"}, "thickness": 12, "len": 0.9},
    }
    others = [node for node in every if node not in values]
    for nodes, marker in ((known, colours), (others, {"color": GREY})):
        figure.add_trace(
            go.Scatter(
                x=[net.x_km[node] for node in nodes],
                y=[net.y[node] for node in nodes],
                mode="markers+text",
                marker={
                    **marker,
                    "size": [15 if net.prosumers.get(node) else 8 for node in nodes],
                    "line": {"color": BLACK, "width": [1.6 if net.prosumers.get(node) else 0.4 for node in nodes]},
                },
                text=[_label(net, node, len(every)) for node in nodes],
                textposition="top center",
                customdata=[_told(net, node, values, scale) for node in nodes],
                hovertemplate="%{customdata}<extra></extra>",
                showlegend=False,
            )
        )


def _label(net: NetMap, node: str, count: int) -> str:
    """The node's name, and who stands there; in a crowd both are left to the pointer."""
    names = net.prosumers.get(node, ()) if len(net.prosumers) <= FEW_PLACES else ()
    own = node if count <= FEW_NAMES else ""
    there = f"<b>{', '.join(names[:3])}{' …' if len(names) > 3 else ''}</b>" if names else ""
    return f"{own} · {there}" if own and there else own or there


def _told(net: NetMap, node: str, values: dict[str, float], scale: tuple[str, str, str]) -> str:
    quantity, unit, digits = scale
    value = f"{quantity} {format(values[node], digits)} {unit}" if node in values else "not measured"
    names = net.prosumers.get(node, ())
    return f"{node}: {value}" + (f"<br>prosumers {', '.join(names)}" if names else "")

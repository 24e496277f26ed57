"""Profiles: voltage, temperature or pressure along the way from where a network is fed."""

from collections.abc import Mapping
from datetime import datetime

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.limits.registry import by_key
from mosaik_p2p.results.figures.networks.maps import interval_at
from mosaik_p2p.results.figures.networks.net_map import NetMap, electric_map, heat_map
from mosaik_p2p.results.figures.networks.states import DRAWN_TABLES, network_states
from mosaik_p2p.results.figures.runs import Runs, named, told_in_part
from mosaik_p2p.results.figures.style import BLACK, COLOURS, Panel, add_limits, blank, clock_of
from mosaik_p2p.results.labels.quantities import unit_of
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.units import ELECTRICITY, HEAT

QUANTITIES = {
    "voltage": (ELECTRICITY, "vm_pu", "p.u.", ("voltage_min", "voltage_max")),
    "temperature": (HEAT, "t_c", "°C", ("t_supply",)),
    "pressure": (HEAT, "p_bar", "bar", ()),
}
"""By name: the network, the column of its nodes, the unit, the limits that are drawn."""
SIDES = {"supply": "solid", "return": "dot"}


def along_the_way(runs: Runs, quantity: str = "voltage", at: datetime | None = None) -> Panel | None:
    """`voltage`, `temperature` or `pressure` at every node over the length of its way from where the network is fed.

    In the interval that holds `at`, by default the worst one of each run; of heat both sides. None where no folder
    has the network's file. ValueError for another quantity, and as of `map_at`.
    """
    if quantity not in QUANTITIES:
        raise ValueError(f"no profile of {quantity!r} can be drawn; there are {', '.join(QUANTITIES)}")
    network, _, unit, keys = QUANTITIES[quantity]
    figure, told, values = blank(None, f"{quantity} ({unit})"), list[str](), list[float]()
    limits: dict[tuple[float, str, bool], None] = {}
    found = named(runs)
    for k, (name, run) in enumerate(found.items()):
        states = network_states(run, network)
        if states is None:
            continue
        time = states.times[states.worst() if at is None else interval_at(states.times, clock_of(run), at)]
        told.append(clock_of(run).told(time) if len(found) == 1 else f"{name} {clock_of(run).told(time)}")
        values += _add(figure, run, quantity, time, (k, name if len(found) > 1 else ""))
        stated = [(key, run.facts.limits.get(key)) for key in keys]
        limits |= {
            (limit, f"limit {limit:g} {unit_of(by_key()[key].unit)}", not by_key()[key].is_upper): None
            for key, limit in stated
            if limit is not None
        }
    if not values:
        return None
    add_limits(figure, values, list(limits))
    figure.update_layout(hovermode="closest", xaxis={"title": {"text": "length of the way (km)"}})
    worst = ", the worst interval" if at is None else ""
    note = f"At {'; '.join(told)}{worst}. Larger dots: places of prosumers."
    source = "slack" if network == ELECTRICITY else "plant"
    panel = Panel(f"way-{quantity}", f"{quantity.capitalize()} along the way from the {source}", note, figure)
    return told_in_part(panel, runs, DRAWN_TABLES[network])


def _add(figure: go.Figure, run: Results, quantity: str, time: pd.Timestamp, entry: tuple[int, str]) -> list[float]:
    """The curves of one run, by its number and name; the values drawn."""
    k, name = entry
    shown: list[float] = []
    for s, side in enumerate(SIDES if QUANTITIES[quantity][0] == HEAT else ("",)):
        net = electric_map(run.folder) if not side else heat_map(run.folder, side)
        values = _at(run, quantity, side, time)
        known = {} if net is None else {node: values[node] for node in net.x_km if node in values}
        if net is None or not known:
            continue
        colour = COLOURS[(k if name else s) % len(COLOURS)]
        legend = ": ".join(part for part in (name, side) if part) or quantity
        _draw(figure, net, known, (legend, colour, SIDES.get(side, "solid")))
        shown += known.values()
    return shown


def _at(run: Results, quantity: str, side: str, time: pd.Timestamp) -> dict[str, float]:
    """The values of one interval by node; temperatures of flowing water alone."""
    column = QUANTITIES[quantity][1]
    if not side:
        rows = run["buses"]
        node = "bus"
    else:
        rows, node = run["junctions"], "junction"
        rows = rows[rows["side"] == side]
        rows = rows[rows["flowing"].astype(bool)] if quantity == "temperature" else rows
    rows = rows[rows["time"] == time].dropna(subset=[column])
    return {str(name): float(value) for name, value in zip(rows[node], rows[column], strict=True)}


def _draw(figure: go.Figure, net: NetMap, values: Mapping[str, float], look: tuple[str, str, str]) -> None:
    name, colour, dash = look
    edges = [(a, b) for _, _, a, b in net.edges if a in values and b in values]
    figure.add_trace(
        go.Scatter(
            x=[x for a, b in edges for x in (net.x_km[a], net.x_km[b], None)],
            y=[y for a, b in edges for y in (values[a], values[b], None)],
            mode="lines",
            line={"color": colour, "width": 1.4, "dash": dash},
            hoverinfo="skip",
            name=name,
        )
    )
    nodes = sorted(values, key=lambda node: (net.x_km[node], node))
    prosumers = [bool(net.prosumers.get(node)) for node in nodes]
    marker = {
        "color": colour,
        "size": [9 if stands else 4 for stands in prosumers],
        "opacity": 1.0,
        "line": {"color": BLACK, "width": [1 if stands else 0 for stands in prosumers]},
    }
    told = [f"{node}{' · ' + ', '.join(net.prosumers[node]) if net.prosumers.get(node) else ''}" for node in nodes]
    figure.add_trace(
        go.Scatter(
            x=[net.x_km[node] for node in nodes],
            y=[values[node] for node in nodes],
            mode="markers",
            marker=marker,
            text=told,
            hovertemplate="%{text}: %{y:.4g} at %{x:.2f} km<extra></extra>",
            showlegend=False,
        )
    )

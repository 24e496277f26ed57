"""Figures of the networks: what was measured against what is allowed, over time."""

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.errors import Verdict
from mosaik_p2p.results.extremes import BY_KEY, Quantity, limit_of, measured, worst
from mosaik_p2p.results.figures import (
    BLUE,
    COLOURS,
    FEW_CURVES,
    GREEN,
    GREY,
    ORANGE,
    RED,
    Clock,
    Panel,
    add_band,
    add_limit,
    add_steps,
    blank,
    fit_axis,
    on_clock,
)
from mosaik_p2p.results.verdicts import LOADS, interval_verdicts
from mosaik_p2p.units import ELECTRICITY, HEAT

STRIP_HEIGHT_PX = 108
STRIP_ROW_PX = 34
VERDICT_COLOURS = {Verdict.FEASIBLE: GREEN, Verdict.INFEASIBLE: RED, Verdict.UNKNOWN: GREY}


def verdict_strip(clock: Clock) -> Panel:
    """One row per network and one for the loads, one cell per interval."""
    networks = clock.results.facts.networks
    verdicts = interval_verdicts(clock.results, networks).set_index("time").reindex(clock.begins)
    kinds, judged = list(VERDICT_COLOURS), [*networks, LOADS]
    cells = [[Verdict.UNKNOWN if pd.isna(kind) else kind for kind in verdicts[name]] for name in judged]
    figure = blank(clock, "", height_px=STRIP_HEIGHT_PX + STRIP_ROW_PX * len(judged))
    edges = [edge / len(kinds) for edge in range(len(kinds) + 1)]
    scale = [(edges[k + side], VERDICT_COLOURS[kind]) for k, kind in enumerate(kinds) for side in (0, 1)]
    figure.add_trace(
        go.Heatmap(
            x=clock.local_middles(),
            y=judged,
            z=[[kinds.index(kind) for kind in row] for row in cells],
            text=[[kind.value for kind in row] for row in cells],
            hovertemplate="%{x}: %{text}<extra>%{y}</extra>",
            colorscale=scale,
            zmin=-0.5,
            zmax=len(kinds) - 0.5,
            showscale=False,
            xgap=1,
            ygap=3,
        )
    )
    for kind, colour in VERDICT_COLOURS.items():
        marker = {"color": colour, "symbol": "square", "size": 11}
        figure.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=marker, name=kind.value))
    figure.update_layout(hovermode="closest")
    figure.update_yaxes(autorange="reversed", showgrid=False)
    note = "Infeasible: a limit is broken, heat is not delivered, or loads are not served. Unknown: no solution."
    return Panel("verdicts", "Verdict per interval", note, figure, is_wide=True)


def electric_panels(clock: Clock) -> list[Panel]:
    """Voltages, loadings, exchange and losses."""
    loading = "Loading in percent of the rated current."
    return [
        panel
        for panel in (
            _voltages(clock),
            _against_limit(clock, BY_KEY["line_loading"], "Line loading", "line loading (%)", loading),
            _against_limit(
                clock, BY_KEY["transformer_loading"], "Transformer loading", "transformer loading (%)", loading
            ),
            _exchange(clock, ELECTRICITY),
        )
        if panel is not None
    ]


def heat_panels(clock: Clock) -> list[Panel]:
    """Temperatures, velocities, pressures, plant and losses."""
    drawing = "Only prosumers that draw heat in the interval."
    return [
        panel
        for panel in (
            _against_limit(clock, BY_KEY["t_supply"], "Supply temperature", "supply temperature (°C)", drawing),
            _against_limit(clock, BY_KEY["velocity"], "Flow velocity", "velocity (m/s)", "In all pipes."),
            _against_limit(
                clock, BY_KEY["pressure_gradient"], "Pressure gradient", "pressure gradient (Pa/m)", "In all pipes."
            ),
            _against_limit(
                clock,
                BY_KEY["differential_pressure"],
                "Differential pressure",
                "differential pressure (bar)",
                drawing,
            ),
            _exchange(clock, HEAT),
        )
        if panel is not None
    ]


def _voltages(clock: Clock) -> Panel | None:
    low, high = BY_KEY["voltage_min"], BY_KEY["voltage_max"]
    panel = _against_limit(clock, low, "Bus voltages", "voltage (p.u.)", "At all buses.")
    if panel is None:
        return None
    frame = measured(clock.results, high)
    limits = [clock.results.facts.limits.get(quantity.key) for quantity in (low, high)]
    add_limit(panel.figure, limits[1], f"limit {limits[1]} p.u.", is_floor=False)
    fit_axis(panel.figure, [*limits, frame["value"].min(), frame["value"].max()])
    return panel


def _against_limit(clock: Clock, quantity: Quantity, title: str, y_title: str, note: str) -> Panel | None:
    """Curves of few elements, or the band of all with the worst element, and the limit."""
    frame = measured(clock.results, quantity)
    if frame.empty:
        return None
    figure = blank(clock, y_title)
    by_element = frame.pivot(index="time", columns="element", values="value").reindex(clock.begins)
    if by_element.shape[1] <= FEW_CURVES:
        for colour, element in zip(COLOURS, by_element.columns, strict=False):
            add_steps(figure, clock, by_element[element], str(element), line={"color": colour})
    else:
        _add_crowd(figure, clock, by_element, quantity)
    limit = clock.results.facts.limits.get(quantity.key)
    add_limit(
        figure, limit, f"limit {limit:g} {quantity.unit}" if limit is not None else "", is_floor=quantity.is_floor
    )
    floor = [] if quantity.is_floor else [0.0]
    fit_axis(figure, [limit, frame["value"].min(), frame["value"].max(), *floor])
    own = {
        str(element) for element in by_element.columns if limit_of(clock.results.facts, quantity, str(element)) != limit
    }
    if own:
        note = f"{note} Limits of their own: {', '.join(sorted(own))}.".strip()
    return Panel(quantity.key, title, note, figure)


def _add_crowd(figure: go.Figure, clock: Clock, by_element: pd.DataFrame, quantity: Quantity) -> None:
    edge = by_element.min() if quantity.is_floor else by_element.max()
    element = edge.idxmin() if quantity.is_floor else edge.idxmax()
    add_band(figure, clock, by_element.min(axis=1), by_element.max(axis=1), f"all {by_element.shape[1]}")
    add_steps(figure, clock, by_element.median(axis=1), "median", line={"color": GREY, "dash": "dot"})
    word = "lowest" if quantity.is_floor else "highest"
    add_steps(figure, clock, by_element[element], f"{word}: {element}", line={"color": BLUE, "width": 2.2})
    found = worst(clock.results, quantity)
    if found is not None and not found["is_extreme"] and found["element"] != element:
        name = f"worst by its own limit: {found['element']}"
        add_steps(figure, clock, by_element[found["element"]], name, line={"color": ORANGE, "width": 2.2})


def _exchange(clock: Clock, network: str) -> Panel | None:
    flows = clock.results.of_binding_round("flows")
    rows = flows[flows["network"] == network]
    if rows.empty:
        return None
    figure = blank(clock, "power (kW)" if network == ELECTRICITY else "heat (kW)")
    source = "from the upstream grid" if network == ELECTRICITY else "from all plants"
    slack, losses = on_clock(clock, rows, "slack_kw"), on_clock(clock, rows, "loss_kw")
    add_steps(figure, clock, slack, source, line={"color": BLUE})
    add_steps(figure, clock, losses, "losses in the network", line={"color": ORANGE, "dash": "dash"})
    fit_axis(figure, [0.0, slack.min(), slack.max(), losses.max()])
    title = "Exchange with the upstream grid, and losses" if network == ELECTRICITY else "Plant heat and heat losses"
    return Panel(f"exchange-{network}", title, "Negative: the district feeds back.", figure)

"""Figures of the networks: what was measured against what is allowed, over time."""

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.limits.base import LimitedQuantity
from mosaik_p2p.limits.registry import limited_quantities
from mosaik_p2p.results.figures.style import (
    BLUE,
    COLOURS,
    FEW_CURVES,
    GREY,
    ORANGE,
    Clock,
    Panel,
    add_band,
    add_limit,
    add_steps,
    blank,
    fit_axis,
    on_clock,
)
from mosaik_p2p.results.labels.quantities import unit_of
from mosaik_p2p.results.measures.worst_values import is_told, limit_of, measured, worst
from mosaik_p2p.units import ELECTRICITY


def network_panels(clock: Clock, network: str) -> list[Panel]:
    """What is measured against limits, then exchange and losses."""
    sides: dict[str, list[LimitedQuantity]] = {}
    for of in limited_quantities(network):
        if is_told(clock.results.facts, of):
            sides.setdefault(of.quantity, []).append(of)
    panels = (*(_measured(clock, *of) for of in sides.values() if of[0].title), _exchange(clock, network))
    return [panel for panel in panels if panel is not None]


def _measured(clock: Clock, first: LimitedQuantity, *others: LimitedQuantity) -> Panel | None:
    """A quantity against the limits of all its sides."""
    panel = _against_limit(clock, first)
    if panel is None or not others:
        return panel
    frame, limits = measured(clock.results, first), [clock.results.facts.limits.get(of.key) for of in (first, *others)]
    for of, limit in zip(others, limits[1:], strict=True):
        add_limit(panel.figure, limit, _limit_text(of, limit), is_floor=not of.is_upper)
    fit_axis(panel.figure, [*limits, frame["value"].min(), frame["value"].max()])
    return panel


def _limit_text(of: LimitedQuantity, limit: float | None) -> str:
    return "" if limit is None else f"limit {limit:g} {unit_of(of.unit)}"


def _against_limit(clock: Clock, of: LimitedQuantity) -> Panel | None:
    """Curves of few elements, or the band of all with the worst element, and the limit."""
    frame, facts = measured(clock.results, of), clock.results.facts
    if frame.empty:
        return None
    figure = blank(clock, f"{of.name} ({unit_of(of.unit)})")
    by_element = frame.pivot(index="time", columns="element", values="value").reindex(clock.begins)
    if by_element.shape[1] <= FEW_CURVES:
        for colour, element in zip(COLOURS, by_element.columns, strict=False):
            add_steps(figure, clock, by_element[element], str(element), line={"color": colour})
    else:
        _add_crowd(figure, clock, by_element, of)
    limit = facts.limits.get(of.key)
    add_limit(figure, limit, _limit_text(of, limit), is_floor=not of.is_upper)
    floor = [0.0] if of.is_upper else []
    fit_axis(figure, [limit, frame["value"].min(), frame["value"].max(), *floor])
    own = {str(element) for element in by_element.columns if limit_of(facts, of, str(element)) != limit}
    note = f"{of.note} Limits of their own: {', '.join(sorted(own))}.".strip() if own else of.note
    return Panel(of.key, of.title, note, figure)


def _add_crowd(figure: go.Figure, clock: Clock, by_element: pd.DataFrame, of: LimitedQuantity) -> None:
    edge = by_element.max() if of.is_upper else by_element.min()
    element = edge.idxmax() if of.is_upper else edge.idxmin()
    add_band(figure, clock, by_element.min(axis=1), by_element.max(axis=1), f"all {by_element.shape[1]}")
    add_steps(figure, clock, by_element.median(axis=1), "median", line={"color": GREY, "dash": "dot"})
    word = "highest" if of.is_upper else "lowest"
    add_steps(figure, clock, by_element[element], f"{word}: {element}", line={"color": BLUE, "width": 2.2})
    found = worst(clock.results, of)
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

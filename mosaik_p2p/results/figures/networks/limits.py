"""Figures of the networks: what was measured against what is allowed, over time."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.limits.base import LimitedQuantity
from mosaik_p2p.limits.registry import by_key, limited_quantities
from mosaik_p2p.results.figures.carpets import carpet
from mosaik_p2p.results.figures.networks.durations import duration_curve
from mosaik_p2p.results.figures.runs import Runs, drawn_each, named, over_all, told_in_part
from mosaik_p2p.results.figures.style import (
    BLUE,
    COLOURS,
    FEW_CURVES,
    GREY,
    ORANGE,
    Clock,
    Panel,
    add_band,
    add_limits,
    add_steps,
    blank,
    clock_of,
    fit_axis,
    on_clock,
)
from mosaik_p2p.results.labels.quantities import unit_of
from mosaik_p2p.results.measures.worst_values import is_told, limit_of, measured, worst
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.units import ELECTRICITY

DASH_OF_OTHER_SIDE = "dot"


def voltages(runs: Runs) -> Panel | None:
    """The voltages of one run at its buses, or the lowest and highest ones of several, against their limits."""
    return limited(runs, "voltage_min")


def loadings(runs: Runs, element: str = "line") -> Panel | None:
    """The loading of the lines (or of `element="transformer"`), or the highest ones of several runs."""
    return limited(runs, f"{element}_loading")


def limited(runs: Runs, key: str) -> Panel | None:
    """A limited quantity over time, by its key in the summary's `worst`, such as `velocity` or `t_supply`, with the
    other side of it; of several runs the worst of all elements each. None where it was never measured.

    ValueError where there is no such quantity.
    """
    if key not in by_key():
        raise ValueError(f"no limited quantity is called {key!r}; there are {', '.join(by_key())}")
    first = by_key()[key]
    sides = [of for of in limited_quantities(first.network) if of.quantity == first.quantity]
    # The side that has a title is drawn with the other one in it.
    sides.sort(key=lambda of: (not of.title, of != first))
    return told_in_part(_limited(named(runs), first, sides), runs, {of.table for of in sides})


def _limited(found: Mapping[str, Results], first: LimitedQuantity, sides: Sequence[LimitedQuantity]) -> Panel | None:
    if len(found) > 1:
        return _compared(found, sides)
    clock = clock_of(next(iter(found.values())))
    return _carpet(clock, first, sides[0].title) if clock.is_long else _measured(clock, sides)


def network_panels(clock: Clock, network: str) -> list[Panel]:
    """What is measured against limits, then exchange and losses; of a long run in order of size as well."""
    results, first = clock.results, dict[str, LimitedQuantity]()
    for of in limited_quantities(network):
        if is_told(results.facts, of) and of.title:
            first.setdefault(of.quantity, of)
    panels = [limited(results, of.key) for of in first.values()]
    if clock.is_long:
        panels = [
            panel for of, carpet_of in zip(first.values(), panels, strict=True)
            for panel in (carpet_of, duration_curve(results, of.key))
        ]  # fmt: skip
    return [panel for panel in (*panels, exchange(results, network)) if panel is not None]


def _carpet(clock: Clock, of: LimitedQuantity, title: str) -> Panel | None:
    """The worst of all elements, day by day and hour by hour."""
    edge = extremes(clock.results, of)
    if edge.empty:
        return None
    limit = clock.results.facts.limits.get(of.key)
    allowed = "" if limit is None else f"; limit {limit:g} {unit_of(of.unit)}"
    told = f"{of.label} of all elements{allowed}".rstrip(".") + "."
    figure = carpet(clock, edge, f"{of.name}<br>({unit_of(of.unit)})", is_bad_when_high=of.is_upper)
    return Panel(of.key, of.title or title, told, figure)


def extremes(results: Results, of: LimitedQuantity) -> pd.Series:
    """The highest (or lowest) value of all elements in each interval."""
    by_time = measured(results, of).groupby("time")["value"]
    return by_time.max() if of.is_upper else by_time.min()


def _compared(runs: Mapping[str, Results], sides: Sequence[LimitedQuantity]) -> Panel | None:
    """The extremes of each run, in the run's colour."""
    known = {name: run for name, run in runs.items() if not measured(run, sides[0]).empty}
    if not known:
        return None
    of = sides[0]
    figure = over_all([clock_of(run) for run in known.values()], f"{of.name} ({unit_of(of.unit)})")
    values: list[float] = [0.0] if of.is_upper else []
    limits: dict[tuple[float, str, bool], None] = {}
    for colour, (name, run) in zip(_colours(len(known)), known.items(), strict=True):
        clock = clock_of(run)
        for side in sides:
            edge = extremes(run, side).reindex(clock.begins)
            dash = "solid" if side == of else DASH_OF_OTHER_SIDE
            word = "highest" if side.is_upper else "lowest"
            daily = "max" if side.is_upper else "min"
            add_steps(figure, clock, edge, f"{name}: {word}", daily=daily, line={"color": colour, "dash": dash})
            values += [edge.min(), edge.max()]
            limits |= dict.fromkeys(_limits(run, [side]))
    add_limits(figure, values, list(limits))
    return Panel(of.key, of.title, "The worst of all elements in each run.", figure, is_wide=True)


def _colours(count: int) -> list[str]:
    return [COLOURS[k % len(COLOURS)] for k in range(count)]


def _limits(run: Results, sides: Sequence[LimitedQuantity]) -> list[tuple[float, str, bool]]:
    stated = [(run.facts.limits.get(of.key), of) for of in sides]
    return [
        (limit, f"limit {limit:g} {unit_of(of.unit)}", not of.is_upper) for limit, of in stated if limit is not None
    ]


def _measured(clock: Clock, sides: Sequence[LimitedQuantity]) -> Panel | None:
    """Curves of few elements, or the band of all with the worst element, and the limits of all sides."""
    of, facts = sides[0], clock.results.facts
    frame = measured(clock.results, of)
    if frame.empty:
        return None
    figure = blank(clock, f"{of.name} ({unit_of(of.unit)})")
    by_element = frame.pivot(index="time", columns="element", values="value").reindex(clock.begins)
    if by_element.shape[1] <= FEW_CURVES:
        for colour, element in zip(COLOURS, by_element.columns, strict=False):
            add_steps(figure, clock, by_element[element], str(element), line={"color": colour})
    else:
        _add_crowd(figure, clock, by_element, of)
    floor = [0.0] if of.is_upper else []
    add_limits(figure, [frame["value"].min(), frame["value"].max(), *floor], _limits(clock.results, sides))
    limit = facts.limits.get(of.key)
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


def exchange(runs: Runs, network: str = ELECTRICITY) -> Panel | None:
    """What the upstream grid, or all plants, give, and what the network loses; runs below each other."""
    return drawn_each(runs, _exchange, network)


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

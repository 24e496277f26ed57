"""Figures of the negotiation: rounds, what was violated before and after, surcharges by prosumer."""

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.results.figures.runs import Runs, drawn_each
from mosaik_p2p.results.figures.style import (
    BLACK,
    BLUE,
    COLOURS,
    DASHES,
    GREY,
    LIMIT_COLOUR,
    Clock,
    Panel,
    add_bars,
    add_steps,
    blank,
)
from mosaik_p2p.results.labels.quantities import name_of
from mosaik_p2p.results.measures.negotiation import negotiated_times, welfare_cost
from mosaik_p2p.results.store.reading import Results, natural
from mosaik_p2p.units import CARRIERS, ELECTRICITY

MOST_LINES = 12
LIMITS_AHEAD = "Limits of the look-ahead are held, too: what they cost stands in many clearings and has no sum."


def negotiation_panels(results: Results) -> list[Panel]:
    """Of a run; nothing where no interval was negotiated."""
    drawn = [
        negotiation_rounds(results),
        negotiation_violations(results),
        *(surcharges(results, carrier) for carrier in CARRIERS),
    ]
    return [panel for panel in drawn if panel is not None]


def negotiation_rounds(runs: Runs) -> Panel | None:
    """Rounds of the negotiation in every interval, and what it cost; runs below each other, those that negotiated."""
    return drawn_each(runs, _rounds)


def negotiation_violations(runs: Runs) -> Panel | None:
    """Hours with a violated limit by quantity, at the first check and at the last; runs below each other."""
    return drawn_each(runs, _before_and_after)


def surcharges(runs: Runs, carrier: str = ELECTRICITY) -> Panel | None:
    """The surcharges that the negotiation left, by prosumer: the largest; runs below each other."""
    return drawn_each(runs, _surcharges, carrier)


def _rounds(clock: Clock) -> Panel | None:
    if negotiated_times(clock.results).empty:
        return None
    figure = blank(clock, "rounds after the first check")
    cost = welfare_cost(clock.results).set_index("time").reindex(clock.begins)
    add_bars(figure, clock, cost["rounds"], "rounds", daily="max", marker={"color": BLUE})
    note = LIMITS_AHEAD if clock.results.facts.holds_limits_ahead else _welfare(cost, clock.results.facts.currency)
    return Panel("negotiation-rounds", "Rounds of the negotiation", note, figure)


def _welfare(cost: pd.DataFrame, currency: str) -> str:
    return (
        f"Keeping the limits cost {cost['cost'].sum():.2f} {currency} of welfare over the look-aheads, give or take "
        f"{cost['uncertain'].sum():.2f} {currency} that the clearings leave open. Surcharges, which the operator has, "
        "are not counted."
    )


def _before_and_after(clock: Clock) -> Panel | None:
    results = clock.results
    if negotiated_times(results).empty:
        return None
    every = results["violations"]
    sides = (
        ("first check", every[every["round"] == 0], GREY),
        ("last check", results.of_binding_round("violations"), LIMIT_COLOUR),
    )
    quantities = sorted(every["quantity"].unique())
    figure = blank(None, "hours with a violated limit")
    for name, rows, colour in sides:
        hours = [rows.loc[rows["quantity"] == q, "time"].nunique() * clock.dt_h for q in quantities]
        figure.add_trace(go.Bar(x=[name_of(q) for q in quantities], y=hours, name=name, marker={"color": colour}))
    figure.update_layout(barmode="group")
    figure.update_yaxes(rangemode="tozero")
    note = "At the first check posted charges alone were in force."
    return Panel("negotiation-violations", "Violated limits before and after", note, figure)


def _surcharges(clock: Clock, carrier: str) -> Panel | None:
    if negotiated_times(clock.results).empty:
        return None
    rows = clock.results["prosumers"]
    rows = rows[(rows["carrier"] == carrier) & rows["surcharge_per_kwh"].notna()]
    largest = rows.groupby("prosumer")["surcharge_per_kwh"].apply(lambda values: float(values.abs().max()))
    shown = largest[largest > 0].sort_values(ascending=False).index[:MOST_LINES]
    if shown.empty:
        return None
    figure = blank(clock, f"surcharge ({clock.results.facts.currency}/kWh)")
    for n, name in enumerate(sorted(map(str, shown), key=natural)):
        values: pd.Series = rows[rows["prosumer"] == name].set_index("time")["surcharge_per_kwh"].reindex(clock.begins)
        line = {"color": COLOURS[n % len(COLOURS)], "dash": DASHES[n // len(COLOURS) % len(DASHES)]}
        add_steps(figure, clock, values, name, line=line)
    figure.add_hline(y=0.0, line={"color": BLACK, "width": 1})
    note = "Paid on every kWh fed in, to peers or by contract, and received on every kWh drawn; below zero the reverse."
    return Panel(f"surcharges-{carrier}", f"Surcharges on {carrier}", note, figure)

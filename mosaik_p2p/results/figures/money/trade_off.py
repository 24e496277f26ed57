"""What welfare a market is worth, against the hours in which limits are violated for it."""

from dataclasses import dataclass

import plotly.graph_objects as go

from mosaik_p2p.results.accounts.counterfactuals import counterfactual_results
from mosaik_p2p.results.accounts.losses import VIOLATIONS
from mosaik_p2p.results.accounts.system_cost import MARKET, system_costs
from mosaik_p2p.results.figures.runs import Runs, named
from mosaik_p2p.results.figures.style import COLOURS, GREY, Panel, blank
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.settlement.ledger import ALONE

NAMES = {ALONE: "no trade", MARKET: "market"}
ROOM = 0.12
"""Of the reach of an axis, left free beyond the points for their names."""


@dataclass(frozen=True)
class Point:
    """One way to spend the same days."""

    case: str
    hours: float
    """With at least one violated limit."""
    gain: float
    """By how much less the system costs than without trade."""


def trade_off(runs: Runs) -> Panel | None:
    """The welfare gain over the hours with a violated limit: the market of each run, no trade, and what the folder of a
    run has beside it (without charges, within limits, ...). None where no run's costs are known.

    Best is above on the left: much gained, nothing violated. Runs are comparable where they have the same days.
    """
    found = {name: points(run) for name, run in named(runs).items()}
    shown = [point for of_run in found.values() for point in of_run]
    if not shown:
        return None
    currency = next(iter(named(runs).values())).facts.currency
    figure = blank(None, f"welfare gain against no trade ({currency})")
    for k, (name, of_run) in enumerate(found.items()):
        labels = [point.case if len(found) == 1 else f"{name}: {point.case}" for point in of_run]
        figure.add_trace(
            go.Scatter(
                x=[point.hours for point in of_run],
                y=[point.gain for point in of_run],
                mode="markers+text",
                text=labels,
                textposition="top center",
                marker={"size": 12, "color": COLOURS[k % len(COLOURS)], "opacity": 1.0},
                hovertemplate="%{text}: %{x:g} h, %{y:.2f} " + currency + "<extra></extra>",
                name=name,
            )
        )
    figure.update_layout(
        hovermode="closest",
        showlegend=len(found) > 1,
        xaxis={"title": {"text": "hours with a violated limit (h)"}, "range": _reach([p.hours for p in shown])},
        yaxis={"range": _reach([p.gain for p in shown]), "zeroline": True, "zerolinecolor": GREY},
    )
    note = "System cost (devices, fuel, contracts, priced losses) without trade, less that of the case."
    return Panel("trade-off", "Welfare against violated limits", note, figure)


def points(results: Results) -> list[Point]:
    """No trade and the market of a run, and its counterfactual runs, as far as cost and violations are known."""
    others, networks = counterfactual_results(results.folder), results.facts.networks
    cost = system_costs(results, networks, others)["system_cost"]
    base, dt_h = cost[ALONE], results.facts.dt_h
    if base is None or results.binding.empty:
        return []
    without = results[VIOLATIONS]
    hours = {
        ALONE: without.loc[without["case"] == ALONE, "time"].nunique() * dt_h,
        MARKET: _hours(results),
        **{case: _hours(run) for case, run in others.items()},
    }
    if results["flows_without_market"].empty:
        del hours[ALONE]
    return [
        Point(NAMES.get(case, case.replace("_", " ")), float(hours[case]), float(base - money))
        for case, money in cost.items()
        if money is not None and case in hours
    ]


def _hours(run: Results) -> float:
    return float(run.of_binding_round("violations")["time"].nunique() * run.facts.dt_h)


def _reach(values: list[float]) -> list[float]:
    low, high = min(*values, 0.0), max(*values, 0.0)
    room = ROOM * (high - low) or 1.0
    return [low - room, high + 2 * room]

"""Figures of the operator's account: what it takes and what it costs, hour by hour, and whose the losses are."""

import plotly.graph_objects as go

from mosaik_p2p.results.accounts.loss_shares import RULE_NAMES, loss_allocation
from mosaik_p2p.results.accounts.money import operator_account as account_of
from mosaik_p2p.results.accounts.recovery import (
    FIXED,
    OF_LOSSES,
    REVENUE,
    operator_by_interval,
    recovery,
    whole_account,
)
from mosaik_p2p.results.figures.runs import Runs, drawn_each
from mosaik_p2p.results.figures.style import BLUE, COLOURS, GREY, RED, Clock, Panel, add_bars, add_steps, blank
from mosaik_p2p.results.labels.numbers import plain
from mosaik_p2p.results.store.reading import Results

BAR_PX, BARS_MARGIN_PX = 17, 110
MOST_BARS = 60
"""Of more prosumers those with the largest losses, whichever their sign."""


def operator_panels(results: Results) -> list[Panel]:
    """Of a run: revenue and cost by hour, where there is any; losses by prosumer, where they were allocated."""
    return [panel for panel in (operator_account(results), loss_shares(results)) if panel is not None]


def operator_account(runs: Runs) -> Panel | None:
    """What the operator takes in every interval, beside what losses and networks cost it; runs below each other."""
    return drawn_each(runs, _by_hour)


def loss_shares(runs: Runs) -> Panel | None:
    """The electric losses that each prosumer causes over the run; runs below each other, where they were allocated."""
    return drawn_each(runs, _by_prosumer)


def _by_hour(clock: Clock) -> Panel | None:
    results, networks = clock.results, clock.results.facts.networks
    found = operator_by_interval(results, networks)
    whole = whole_account(found)
    cost = whole[OF_LOSSES] + whole[FIXED]
    if not found[REVENUE].any() and not cost.fillna(0.0).any():
        return None
    figure = blank(clock, f"money ({results.facts.currency} per {clock.per})")
    for k, network in enumerate(found.index.get_level_values("network").unique()):
        own = found[found.index.get_level_values("network") == network].droplevel("network")
        colour = {"color": COLOURS[k % len(COLOURS)]}
        add_bars(figure, clock, own[REVENUE].reindex(clock.begins), f"taken on {network}", marker=colour)
    add_steps(figure, clock, cost.reindex(clock.begins), "losses and networks cost", daily="sum", line={"color": RED})
    figure.update_layout(barmode="relative")
    figure.update_yaxes(zeroline=True, zerolinecolor=GREY)
    ratio = recovery(results, networks, account_of(results, networks))["ratio"]
    told = "" if ratio is None else f" Over the run {plain(100 * ratio, 0)} % of the cost is recovered."
    note = f"Where the bars stay below the line, the operator pays more than it takes.{told}"
    return Panel("operator", "The operator's revenue and cost", note, figure)


def _by_prosumer(clock: Clock) -> Panel | None:
    found = loss_allocation(clock.results)
    if found is None:
        return None
    lost = {name: entry["loss_kwh"] for name, entry in found["by_prosumer"].items()}
    ranked = sorted(sorted(lost, key=lambda name: -abs(lost[name]))[:MOST_BARS], key=lambda name: (-lost[name], name))
    figure = blank(None, "prosumer", height_px=BARS_MARGIN_PX + BAR_PX * len(ranked))
    values = [lost[name] for name in ranked]
    colours = [RED if value > 0.0 else BLUE for value in values]
    bar = {"orientation": "h", "marker": {"color": colours}, "text": [plain(value, 1) for value in values]}
    hover = "%{y}: %{x:.2f} kWh<extra></extra>"
    figure.add_trace(go.Bar(x=values, y=ranked, textposition="auto", hovertemplate=hover, **bar))
    figure.update_layout(hovermode="closest", showlegend=False)
    figure.update_xaxes(title_text="electric losses caused (kWh)", zeroline=True, zerolinecolor=GREY)
    figure.update_yaxes(type="category", autorange="reversed", tickfont={"size": 10}, dtick=1)
    note = f"Allocated {RULE_NAMES[found['rule']]}. To the left: the prosumer relieves the network."
    return Panel("loss-shares", "Whose the electric losses are", note, figure)

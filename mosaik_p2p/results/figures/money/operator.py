"""Figures of the operator's account: what it takes and what it costs, hour by hour, and whose the losses are."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from mosaik_p2p.results.accounts.loss_shares import RULE_NAMES
from mosaik_p2p.results.accounts.recovery import FIXED, OF_LOSSES, REVENUE, operator_by_interval, whole_account
from mosaik_p2p.results.figures.style import BLUE, COLOURS, GREY, RED, Clock, Panel, add_bars, add_steps, blank
from mosaik_p2p.results.labels.numbers import plain

BAR_PX, BARS_MARGIN_PX = 17, 110
MOST_BARS = 60
"""Of more prosumers those with the largest losses, whichever their sign."""


def operator_panels(clock: Clock, summary: Mapping[str, Any]) -> list[Panel]:
    """Revenue and cost by hour, where there is any; losses by prosumer, where they were allocated."""
    return [*_by_hour(clock, summary), *_by_prosumer(summary)]


def _by_hour(clock: Clock, summary: Mapping[str, Any]) -> list[Panel]:
    found = operator_by_interval(clock.results, list(summary["recovery"]["by_network"]))
    whole = whole_account(found)
    cost = whole[OF_LOSSES] + whole[FIXED]
    if not found[REVENUE].any() and not cost.fillna(0.0).any():
        return []
    figure = blank(clock, f"money ({summary['currency']} per {clock.per})")
    for k, network in enumerate(found.index.get_level_values("network").unique()):
        own = found[found.index.get_level_values("network") == network].droplevel("network")
        colour = {"color": COLOURS[k % len(COLOURS)]}
        add_bars(figure, clock, own[REVENUE].reindex(clock.begins), f"taken on {network}", marker=colour)
    add_steps(figure, clock, cost.reindex(clock.begins), "losses and networks cost", daily="sum", line={"color": RED})
    figure.update_layout(barmode="relative")
    figure.update_yaxes(zeroline=True, zerolinecolor=GREY)
    ratio = summary["recovery"]["ratio"]
    told = "" if ratio is None else f" Over the run {plain(100 * ratio, 0)} % of the cost is recovered."
    note = f"Where the bars stay below the line, the operator pays more than it takes.{told}"
    return [Panel("operator", "The operator's revenue and cost", note, figure)]


def _by_prosumer(summary: Mapping[str, Any]) -> list[Panel]:
    found = summary["loss_allocation"]
    if found is None:
        return []
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
    return [Panel("loss-shares", "Whose the electric losses are", note, figure)]

"""Figures of the money: what each prosumer pays without trade and in the market, and for what."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from mosaik_p2p.results.accounts.closing import change_of_cost
from mosaik_p2p.results.figures.style import BLUE, COLOURS, GREY, RED, Clock, Panel, blank
from mosaik_p2p.results.labels.numbers import least_compared, share_of_change, signed
from mosaik_p2p.settlement.ledger import CLOSING_VALUE, IN_MARKET

FEW_BARS = 12
BAR_PX, BARS_MARGIN_PX = 17, 90
LABEL_PX = 9


def money_panels(clock: Clock, summary: Mapping[str, Any]) -> list[Panel]:
    """Cost without trade and in the market, and its parts."""
    cost = {
        name: (entry["alone"], entry["in_market"], change)
        for name, entry in summary["cost"].items()
        if (change := change_of_cost(entry)) is not None
    }
    if not cost:
        return []
    currency = summary["currency"]
    if len(cost) > FEW_BARS:
        return [_changes(cost, currency), _parts(clock, currency)]
    return [_side_by_side(cost, currency, least_compared(summary["cost"])), _parts(clock, currency)]


def _side_by_side(cost: Mapping[str, tuple[float, float, float]], currency: str, least: float) -> Panel:
    figure = blank(None, f"cost ({currency})")
    names = list(cost)
    alone, market = ([pair[k] for pair in cost.values()] for k in (0, 1))
    labels = [share_of_change(a, a + change, least) or signed(change) for a, _, change in cost.values()]
    figure.add_trace(go.Bar(x=names, y=alone, name="without trade", marker={"color": GREY}))
    bar = {"marker": {"color": BLUE}, "text": labels, "textposition": "outside", "cliponaxis": False}
    # Left to itself the library shrinks them to the width of a bar, which nobody can read.
    bar |= {"constraintext": "none", "textfont": {"size": LABEL_PX}, "textangle": 0}
    figure.add_trace(go.Bar(x=names, y=market, name="in the market", **bar))
    figure.update_layout(barmode="group", bargap=0.3)
    figure.update_xaxes(title_text="prosumer", type="category")
    note = (
        "Without trade: with the contracts only, no peers, no charges, and whatever the networks' limits. "
        "Above the bar: change of the cost, closing values in."
    )
    return Panel("cost", "Cost per prosumer", note, figure)


def _changes(cost: Mapping[str, tuple[float, float, float]], currency: str) -> Panel:
    ranked = sorted(cost, key=lambda name: (cost[name][2], name))
    changes = [cost[name][2] for name in ranked]
    figure = blank(None, "prosumer", height_px=BARS_MARGIN_PX + BAR_PX * len(ranked))
    colours = [BLUE if change <= 0 else RED for change in changes]
    bar = {"orientation": "h", "marker": {"color": colours}, "text": [signed(change) for change in changes]}
    hover = f"%{{y}}: %{{x:+.2f}} {currency}<extra></extra>"
    figure.add_trace(go.Bar(x=changes, y=ranked, textposition="auto", hovertemplate=hover, **bar))
    figure.update_layout(hovermode="closest", showlegend=False)
    figure.update_xaxes(title_text=f"change of cost by the market ({currency})", zeroline=True, zerolinecolor=GREY)
    figure.update_yaxes(type="category", autorange="reversed", tickfont={"size": 10}, dtick=1)
    note = "Cost in the market minus cost without trade, closing values in: to the left, the prosumer gains."
    return Panel("cost", "Change of cost per prosumer", note, figure)


def _parts(clock: Clock, currency: str) -> Panel:
    """Money per item: of each prosumer where there are few, of all together else."""
    rows = clock.results.settled(IN_MARKET)
    rows = rows[rows["party"].isin(clock.results.prosumers) & (rows["item"] != CLOSING_VALUE)]
    is_few = len(clock.results.prosumers) <= FEW_BARS
    groups = rows["party"] if is_few else rows["carrier"].fillna("devices")
    table = -rows.groupby([groups.rename("group"), "item"])["money"].sum().unstack("item").fillna(0.0)
    figure = blank(None, f"cost ({currency})")
    for k, item in enumerate(sorted(table.columns)):
        pattern = {"shape": "/" if k >= len(COLOURS) else ""}
        marker = {"color": COLOURS[k % len(COLOURS)], "pattern": pattern}
        heights = [float(money) for money in table[item]]
        figure.add_trace(go.Bar(x=[str(group) for group in table.index], y=heights, name=str(item), marker=marker))
    figure.update_layout(barmode="relative", bargap=0.4)
    figure.update_xaxes(title_text="prosumer" if is_few else "carrier, all prosumers", type="category")
    figure.update_yaxes(zeroline=True, zerolinecolor=GREY)
    return Panel("cost-parts", "What the cost in the market consists of", "Below zero: money received.", figure)

"""Figures of the money: what each prosumer pays without trade and in the market, and for what."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from mosaik_p2p.results.accounts.closing import change_of_cost, closing_by_prosumer
from mosaik_p2p.results.accounts.money import costs
from mosaik_p2p.results.figures.runs import Runs, drawn_each, named
from mosaik_p2p.results.figures.style import BLUE, COLOURS, GREY, RED, Clock, Panel, blank
from mosaik_p2p.results.labels.numbers import least_compared, share_of_change, signed
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.settlement.ledger import ALONE, CLOSING_VALUE, IN_MARKET

FEW_BARS = 12
BAR_PX, BARS_MARGIN_PX = 17, 90
LABEL_PX = 9


def prosumer_costs(runs: Runs) -> Panel | None:
    """What each prosumer pays without trade and in the market; of several runs, what each pays in the market of each.

    Of many prosumers the change of the cost by the market; of several runs of many the cost of all together. None where
    no cost is known.
    """
    found = {name: _entries(run) for name, run in named(runs).items()}
    found = {name: entries for name, entries in found.items() if entries}
    if not found:
        return None
    currency = next(iter(named(runs).values())).facts.currency
    if len(found) > 1:
        return _of_runs(found, currency)
    entries = next(iter(found.values()))
    cost = {
        name: (entry[ALONE], entry[IN_MARKET], change)
        for name, entry in entries.items()
        if (change := change_of_cost(entry)) is not None
    }
    if not cost:
        return None
    if len(cost) > FEW_BARS:
        return _changes(cost, currency)
    return _side_by_side(cost, currency, least_compared(entries))


def cost_parts(runs: Runs) -> Panel | None:
    """What the cost in the market consists of; runs below each other."""
    return drawn_each(runs, _parts)


def _entries(results: Results) -> dict[str, dict[str, Any]]:
    """By prosumer: its costs and closing values, as the summary has them."""
    closing = closing_by_prosumer(results, {})
    return {name: {**entry, **closing[name]} for name, entry in costs(results, {}).items()}


def _of_runs(found: Mapping[str, Mapping[str, Mapping[str, Any]]], currency: str) -> Panel:
    """A colour per run; without trade once, where it costs the same in all of them."""
    names = list(dict.fromkeys(name for entries in found.values() for name in entries))
    is_few = len(names) <= FEW_BARS
    figure = blank(None, f"cost ({currency})")
    for k, (run, entries) in enumerate(found.items()):
        known = {name: entry[IN_MARKET] for name, entry in entries.items() if entry[IN_MARKET] is not None}
        heights = [known.get(name) for name in names] if is_few else [sum(known.values())]
        places = names if is_few else ["all prosumers"]
        figure.add_trace(go.Bar(x=places, y=heights, name=run, marker={"color": COLOURS[k % len(COLOURS)]}))
    figure.update_layout(barmode="group", bargap=0.3, xaxis={"type": "category", "title": {"text": "prosumer"}})
    return Panel("cost", "Cost per prosumer", "In the market of each run.", figure, is_wide=True)


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


def _parts(clock: Clock) -> Panel | None:
    """Money per item: of each prosumer where there are few, of all together else."""
    currency = clock.results.facts.currency
    rows = clock.results.settled(IN_MARKET)
    rows = rows[rows["party"].isin(clock.results.prosumers) & (rows["item"] != CLOSING_VALUE)]
    if rows.empty:
        return None
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

"""Figures of a comparison: who pays what, what breaks, what is traded, how evenly it is shared, and at which prices."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from mosaik_p2p.results.figures.style import (
    BLACK,
    BLUE,
    COLOURS,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    Panel,
    blank,
)
from mosaik_p2p.results.labels.numbers import plain
from mosaik_p2p.units import CARRIERS

COLOUR_OF = dict(zip(CARRIERS, (BLUE, RED), strict=True))
PAYEES = {
    "utility": ("utility", BLUE),
    "heat_supplier": ("heat supplier", RED),
    "operator": ("operator, after losses", ORANGE),
    "devices": ("own devices: wear, fuel, comfort", GREY),
}
FEW_PROSUMERS = 12
LABEL_PX = 10
MOST_LETTERS = 18
"""Of a label below a bar; longer ones are written aslant."""


def panels_of(summary: Mapping[str, Any]) -> list[Panel]:
    """Those that need nothing but the summary."""
    rows = [row for row in summary["rows"] if row["complete"]]
    if not rows:
        return []
    drawn = [
        _money(rows, summary),
        _limits(rows, summary),
        _trades(rows),
        _losses(rows),
        *_savings(rows, summary),
        _exchanges(rows),
        _bytes(rows),
    ]
    return [panel for panel in drawn if panel is not None]


def _bars(y_title: str, rows: Sequence[Mapping[str, Any]]) -> go.Figure:
    figure = blank(None, y_title)
    aslant = -30 if any(len(row["label"]) > MOST_LETTERS for row in rows) else 0
    figure.update_xaxes(title_text="design", type="category", tickangle=aslant)
    figure.update_layout(bargap=0.35)
    return figure


def _labels(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [row["label"] for row in rows]


def _bar(
    rows: Sequence[Mapping[str, Any]], heights: Sequence[float | None], name: str, colour: str, digits: int
) -> go.Bar:
    texts = ["" if height is None else plain(height, digits) for height in heights]
    return go.Bar(
        x=_labels(rows),
        y=list(heights),
        name=name,
        marker={"color": colour},
        text=texts,
        textposition="outside",
        textangle=0,
        constraintext="none",
        cliponaxis=False,
        textfont={"size": LABEL_PX},
    )


def _money(rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> Panel:
    figure = _bars(f"cost of all prosumers ({summary['currency']})", rows)
    for key, (name, colour) in PAYEES.items():
        heights = [row["money"][key] for row in rows]
        if any(height is not None and abs(height) > 5e-3 for height in heights):
            bar = _bar(rows, heights, name, colour, 0)
            bar.update(textposition="inside", textfont={"size": LABEL_PX, "color": "#fff"})
            figure.add_trace(bar)
    totals = [row["cost_of_members"] for row in rows]
    ticks = [
        f"{row['label']}<br>{plain(total, 0)}" for row, total in zip(rows, totals, strict=True) if total is not None
    ]
    if len(ticks) == len(rows):
        figure.update_xaxes(tickvals=_labels(rows), ticktext=ticks, title_text="design, and all together")
    figure.update_layout(uniformtext={"minsize": LABEL_PX, "mode": "hide"})
    figure.update_layout(barmode="relative")
    figure.update_yaxes(zeroline=True, zerolinecolor=GREY)
    note = "What all prosumers pay, by who has it in the end; the operator has what losses leave. Below zero: paid out."
    return Panel("money", "Who gets what prosumers pay", note, figure)


def _limits(rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> Panel | None:
    if not summary["networks"]:
        return None
    figure = _bars("hours with a broken limit (h)", rows)
    for network in summary["networks"]:
        hours = [(row["hours_broken"] or {}).get(network) for row in rows]
        figure.add_trace(_bar(rows, hours, network, COLOUR_OF.get(network, BLUE), 0))
    figure.update_layout(barmode="group")
    most = max([0.0, *(hours for row in rows for hours in (row["hours_broken"] or {}).values())])
    figure.update_yaxes(range=[0.0, 1.15 * max(most, 1.0)])
    note = f"Of {summary['hours']:g} h; an hour may be broken in both networks."
    return Panel("limits", "Broken limits", note, figure)


def _trades(rows: Sequence[Mapping[str, Any]]) -> Panel:
    return _by_carrier(
        rows,
        lambda row, carrier: row[f"traded_kwh_{carrier}"],
        Panel("traded", "Energy traded between prosumers", "Over the whole run.", _bars("energy (kWh)", rows)),
    )


def _losses(rows: Sequence[Mapping[str, Any]]) -> Panel | None:
    if not any(row["caused_loss_kwh"] for row in rows):
        return None
    note = "With the prosumers, less with nobody there. Below zero: they relieve the network."
    panel = Panel("losses", "Losses that the prosumers cause", note, _bars("energy (kWh)", rows))
    panel.figure.update_yaxes(zeroline=True, zerolinecolor=GREY)
    return _by_carrier(rows, lambda row, carrier: (row["caused_loss_kwh"] or {}).get(carrier), panel)


def _by_carrier(rows: Sequence[Mapping[str, Any]], value: Any, panel: Panel) -> Panel:
    for carrier in CARRIERS:
        heights = [value(row, carrier) for row in rows]
        if any(height is not None for height in heights):
            panel.figure.add_trace(_bar(rows, heights, carrier, COLOUR_OF[carrier], 1))
    panel.figure.update_layout(barmode="group")
    return panel


def _savings(rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> list[Panel]:
    """As paid, and after the operator's surplus of surcharges has gone back, where there is any."""
    if summary["baseline"] is None:
        return []
    against = {"alone": "a day without trade", "alone_within_limits": "a day without trade within the limits"}
    base = against.get(summary["baseline"]["case"], summary["baseline"]["case"])
    paid = f"Cost of {base} (before surcharges) less cost as paid, closing values in. Below zero: worse off."
    back = "The same after the operator's surplus of surcharges has gone back in proportion to |cost alone|."
    drawn = [_saving(rows, summary, "savings", "Savings by prosumer, as paid", paid)]
    if any(row["surcharges"] for row in rows):
        drawn.append(_saving(rows, summary, "savings_returned", "Savings, surcharges handed back", back))
    return [panel for panel in drawn if panel is not None]


def _saving(
    rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any], key: str, title: str, note: str
) -> Panel | None:
    known = [row for row in rows if row[key]]
    if not known:
        return None
    figure = blank(None, f"saving ({summary['currency']})")
    names = list(known[0][key])
    for n, row in enumerate(known):
        style = {"name": row["label"], "marker": {"color": COLOURS[n % len(COLOURS)]}}
        values = [row[key].get(name) for name in names]
        if len(names) <= FEW_PROSUMERS:
            figure.add_trace(go.Bar(x=names, y=values, **style))
        else:
            figure.add_trace(go.Box(y=values, text=names, boxpoints="all", pointpos=0, jitter=0.6, **style))
    figure.update_layout(barmode="group", bargap=0.25)
    figure.update_yaxes(zeroline=True, zerolinecolor=BLACK)
    title_of_axis = "prosumer" if len(names) <= FEW_PROSUMERS else "design"
    figure.update_xaxes(title_text=title_of_axis, type="category")
    return Panel(key.replace("_", "-"), title, note, figure)


def _exchanges(rows: Sequence[Mapping[str, Any]]) -> Panel:
    figure = _bars("exchanges (1)", rows)
    figure.add_trace(_bar(rows, [row["exchanges"] for row in rows], "exchanges", PURPLE, 0))
    figure.update_layout(showlegend=False)
    note = "How often prosumers and the network's side spoke, there and back counting one, over the whole run."
    return Panel("exchanges", "Exchanges", note, figure)


def _bytes(rows: Sequence[Mapping[str, Any]]) -> Panel:
    figure = _bars("data (kB per prosumer and interval)", rows)
    sent = [row["sent_bytes_per_prosumer_and_interval"] for row in rows]
    heights = [None if value is None else value / 1000.0 for value in sent]
    figure.add_trace(_bar(rows, heights, "data", SKY, 1))
    figure.update_layout(showlegend=False)
    note = "What leaves a prosumer on average: 8 bytes a number, for every carrier and interval of the look-ahead."
    return Panel("bytes", "Data that leaves a prosumer", note, figure)

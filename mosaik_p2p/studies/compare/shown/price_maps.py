"""What a kWh more is worth to each prosumer in each interval, as a map for every design."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.results.figures.style import Clock, Panel, blank, clock_of
from mosaik_p2p.results.store.facts import read_prosumers
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.studies.compare.outcome import RowOutcome
from mosaik_p2p.units import CARRIERS, ELECTRICITY

PROSUMER_PX, MARGIN_PX, LEAST_PX = 17, 110, 220
MANY = 40
"""Of more prosumers not every name is written."""
MOST_OF_THEM = 0.95
"""Share of all prices within the scale of colours."""
PRICE = "marginal_price_per_kwh"


def price_panels(rows: Sequence[RowOutcome]) -> dict[str, list[Panel]]:
    """By carrier a map for every design, all of them on one scale of colours."""
    known = [(row.label, row.results) for row in rows if row.is_complete and row.results is not None]
    return {carrier: _of_carrier(known, carrier) for carrier in CARRIERS}


def _of_carrier(rows: Sequence[tuple[str, Results]], carrier: str) -> list[Panel]:
    tables = [(label, results, _prices(results, carrier)) for label, results in rows]
    tables = [entry for entry in tables if entry[2].notna().any(axis=None)]
    if not tables:
        return []
    prices = np.concatenate([table.to_numpy().ravel() for *_, table in tables])
    # Few dear hours would leave all others in one colour.
    scale, most = (float(np.nanmin(prices)), float(np.nanquantile(prices, MOST_OF_THEM))), float(np.nanmax(prices))
    ends = f" Up to {most:.3g} {tables[0][1].facts.currency}/kWh; colours end at {scale[1]:.3g}."
    note = f"What one kWh more is worth to each prosumer.{ends if most > scale[1] else ''}"
    return [
        _map(clock_of(results), f"prices-{carrier}-{label}", (label, note), _placed(results, table, carrier), scale)
        for label, results, table in tables
    ]


def _prices(results: Results, carrier: str) -> pd.DataFrame:
    """Time by prosumer."""
    rows = results["prosumers"]
    rows = rows[rows["carrier"] == carrier]
    table = rows.pivot(index="time", columns="prosumer", values=PRICE).astype(float)
    return table.reindex(columns=[name for name in results.prosumers if name in table.columns])


def _placed(results: Results, table: pd.DataFrame, carrier: str) -> pd.DataFrame:
    """The same with the place beside each name, as far as the scenario says it."""
    places = dict(read_prosumers(results.folder))
    key, word = ("bus", "bus") if carrier == ELECTRICITY else ("junction", "node")
    names = {}
    for name in table.columns:
        place = places.get(name, {}).get(key)
        place = place.get("supply") if isinstance(place, dict) else place
        names[name] = name if place is None else f"{name}, {word} {place}"
    return table.rename(columns=names)


def _map(clock: Clock, key: str, words: tuple[str, str], table: pd.DataFrame, scale: tuple[float, float]) -> Panel:
    """`words` are title and note."""
    table = table.reindex(clock.begins)
    height = max(LEAST_PX, MARGIN_PX + PROSUMER_PX * len(table.columns))
    figure = blank(clock, "", height_px=height)
    currency = clock.results.facts.currency
    figure.add_trace(
        go.Heatmap(
            x=clock.local_middles(),
            y=[str(name) for name in table.columns],
            z=[[None if pd.isna(price) else float(price) for price in table[name]] for name in table.columns],
            zmin=scale[0],
            zmax=scale[1],
            colorscale="Viridis",
            colorbar={"title": {"text": f"{currency}/kWh"}, "thickness": 14},
            hovertemplate=f"%{{y}}, %{{x|%H:%M}}: %{{z:.3f}} {currency}/kWh<extra></extra>",
        )
    )
    figure.update_layout(hovermode="closest", showlegend=False)
    step = {} if len(table.columns) > MANY else {"dtick": 1}
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False, tickfont={"size": 10}, **step)
    figure.update_xaxes(tickangle=0, nticks=6)
    return Panel(key, *words, figure)

"""Figures of nodal prices: what a kWh is worth at each place and hour, what makes it up, and the same on the map."""

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.results.figures.networks.maps import node_map
from mosaik_p2p.results.figures.networks.net_map import electric_map, heat_map
from mosaik_p2p.results.figures.runs import Runs, drawn_each
from mosaik_p2p.results.figures.style import BLACK, COLOURS, Clock, Panel, add_bars, blank, by_day
from mosaik_p2p.results.store.reading import Results, natural
from mosaik_p2p.units import CARRIERS, ELECTRICITY

PARTS = {
    "energy_per_kwh": "energy",
    "loss_per_kwh": "losses",
    "congestion_per_kwh": "lines and transformers",
    "voltage_per_kwh": "voltages",
    "heat_limits_per_kwh": "limits of the heat network",
}
"""Columns of the table `nodal_prices` that add up to the marginal price, and their names."""
ROW_PX, LEAST_PX, MOST_PX = 26, 220, 900


def nodal_price_panels(results: Results) -> list[Panel]:
    """Of a run; nothing where the market's design has no nodal prices."""
    drawn = (nodal_prices, nodal_price_parts, nodal_price_map)
    panels = [draw(results, carrier) for carrier in CARRIERS for draw in drawn]
    return [panel for panel in panels if panel is not None]


def nodal_prices(runs: Runs, carrier: str = ELECTRICITY) -> Panel | None:
    """What one kWh more is worth at each prosumer's place and hour; runs below each other, on one scale.

    None where no run's design has nodal prices of the carrier.
    """
    return drawn_each(runs, _by_place_and_hour, carrier)


def nodal_price_parts(runs: Runs, carrier: str = ELECTRICITY) -> Panel | None:
    """What makes up the price at the place where the network moves it most; runs below each other."""
    return drawn_each(runs, _made_up, carrier)


def nodal_price_map(runs: Runs, carrier: str = ELECTRICITY) -> Panel | None:
    """The prices in the interval in which they differ most, where the network lies; runs below each other."""
    return drawn_each(runs, _on_the_map, carrier)


def _priced(clock: Clock, carrier: str) -> pd.DataFrame:
    """The rows of the carrier with their `price`."""
    rows = clock.results["nodal_prices"]
    rows = rows[rows["carrier"] == carrier]
    return rows.assign(price=rows[list(PARTS)].sum(axis=1))


def _by_place_and_hour(clock: Clock, carrier: str) -> Panel | None:
    rows = _priced(clock, carrier)
    if rows.empty:
        return None
    table = rows.pivot(index="prosumer", columns="time", values="price").reindex(columns=clock.begins)
    table = table.loc[sorted(table.index, key=natural, reverse=True)]
    shown = clock
    if clock.is_long:
        daily = {name: by_day(clock, values, "mean") for name, values in table.iterrows()}
        shown = next(iter(daily.values()))[0]
        table = pd.DataFrame({name: values for name, (_, values) in daily.items()}).T
    height = int(min(max(ROW_PX * len(table) + 110, LEAST_PX), MOST_PX))
    figure = blank(clock, "", height_px=height)
    unit = f"{clock.results.facts.currency}/kWh"
    figure.add_trace(
        go.Heatmap(
            x=shown.local_middles(),
            y=[str(name) for name in table.index],
            z=[[None if pd.isna(value) else float(value) for value in line] for line in table.to_numpy()],
            zmin=float(table.min().min()),
            zmax=float(table.max().max()),
            colorscale="Viridis",
            colorbar={"title": {"text": unit}, "thickness": 12},
            hovertemplate="%{y}, %{x|%a %H:%M}: %{z:.4f} " + unit + "<extra></extra>",
        )
    )
    figure.update_layout(hovermode="closest")
    figure.update_yaxes(type="category", showgrid=False)
    note = (
        "What one kWh more is worth to each prosumer at its place: bright where it is short, dark where it is plenty."
        f"{' Means of days.' if clock.is_long else ''}"
    )
    return Panel(f"nodal-{carrier}", f"Price of {carrier} by place and hour", note, figure, is_wide=True)


def _made_up(clock: Clock, carrier: str) -> Panel | None:
    rows = _priced(clock, carrier)
    if rows.empty:
        return None
    moved = (rows["price"] - rows["energy_per_kwh"]).abs().groupby(rows["prosumer"]).max()
    name = str(moved.idxmax())
    own = rows[rows["prosumer"] == name].set_index("time").reindex(clock.begins)
    figure = blank(clock, f"price ({clock.results.facts.currency}/kWh)")
    for n, (column, part) in enumerate(PARTS.items()):
        if own[column].abs().max() > 0.0:
            add_bars(figure, clock, own[column], part, daily="mean", marker={"color": COLOURS[n % len(COLOURS)]})
    figure.add_hline(y=0.0, line={"color": BLACK, "width": 1})
    figure.update_layout(barmode="relative")
    note = f"At {name}, where the network moves it most. Below zero: what feeding in there costs the network."
    return Panel(f"nodal-parts-{carrier}", f"What makes up the price of {carrier}", note, figure)


def _on_the_map(clock: Clock, carrier: str) -> Panel | None:
    folder, rows = clock.results.folder, _priced(clock, carrier)
    if rows.empty:
        return None
    net = electric_map(folder) if carrier == ELECTRICITY else heat_map(folder)
    by_hour = rows.groupby("time")["price"]
    spread = by_hour.max() - by_hour.min()
    if net is None or not len(spread):
        return None
    when = pd.Timestamp(str(spread.idxmax()))
    price = rows[rows["time"] == when].set_index("prosumer")["price"]
    values = {
        node: sum(float(price[name]) for name in known) / len(known)
        for node, names in net.prosumers.items()
        if (known := [name for name in names if name in price.index])
    }
    figure = node_map(net, values, ("price", f"{clock.results.facts.currency}/kWh", 4))
    moment = f"{clock.local(when.to_pydatetime()):%a %d %b %H:%M}"
    note = f"At {moment}, when prices differ most. Dots: price of the prosumers there."
    return Panel(f"nodal-map-{carrier}", f"Prices of {carrier} on the map", note, figure, is_wide=True)

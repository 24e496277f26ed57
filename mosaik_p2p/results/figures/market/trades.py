"""Figures of the market: trades, prices, storages and the convergence of the clearing."""

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.results.figures.runs import Runs, drawn_each, named, over_all
from mosaik_p2p.results.figures.style import (
    BLACK,
    BLUE,
    COLOURS,
    DASHES,
    GREEN,
    RED,
    Clock,
    Panel,
    add_band,
    add_bars,
    add_steps,
    blank,
    clock_of,
    fit_axis,
    on_clock,
)
from mosaik_p2p.results.store.reading import Results, natural
from mosaik_p2p.units import CARRIERS, ELECTRICITY

FEW_SELLERS = 7
FEW_PARTNERS = 10
"""Up to so many partners the matrix of trades prints its numbers."""
PARTNER_PX = 14
MATRIX_MIN_PX, MATRIX_MARGIN_PX = 240, 120
IMPORT_PRICE, EXPORT_PRICE = "import_price", "export_price"
"""How the quantities of `inputs` begin that hold the prices of the contracts."""


def market_panels(results: Results) -> list[Panel]:
    """Energy, partners and prices of every carrier that is traded or supplied."""
    over_time = [draw(results, carrier) for carrier in carriers_of(results) for draw in (traded, prices)]
    matrices = [partners(results, carrier) for carrier in carriers_of(results)]
    return [panel for panel in (*over_time, *matrices) if panel is not None]


def carriers_of(results: Results) -> list[str]:
    """The carriers that are traded or supplied."""
    present = set(results["prosumers"]["carrier"]) | set(results["trades"]["carrier"])
    return [carrier for carrier in CARRIERS if carrier in present]


def traded(runs: Runs, carrier: str = ELECTRICITY) -> Panel | None:
    """Energy sold between prosumers, beside what the contracts supplied and took; runs below each other."""
    return drawn_each(runs, _energy, carrier)


def partners(runs: Runs, carrier: str = ELECTRICITY) -> Panel | None:
    """Energy from every seller to every buyer over the whole run; runs below each other, on one scale."""
    return drawn_each(runs, _partners, carrier)


def prices(runs: Runs, carrier: str = ELECTRICITY) -> Panel | None:
    """Mean and range of the trade prices between the prices of the contracts; of several runs the means."""
    found = named(runs)
    if len(found) == 1:
        return drawn_each(runs, _prices, carrier)
    clocks = [clock_of(run) for run in found.values()]
    figure = over_all(clocks, f"price ({clocks[0].results.facts.currency}/kWh)")
    shown: list[float] = [0.0]
    for k, (name, clock) in enumerate(zip(found, clocks, strict=True)):
        mean = _mean_price(clock, _trades(clock, carrier).dropna(subset=["price_per_kwh"]))
        if mean.notna().any():
            add_steps(figure, clock, mean, name, line={"color": COLOURS[k % len(COLOURS)]})
            shown += [mean.min(), mean.max()]
    if not figure.data:
        return None
    fit_axis(figure, shown)
    note = "Mean price between the partners, before network charges, weighted by energy."
    return Panel(f"prices-{carrier}", f"Prices of {carrier}", note, figure, is_wide=True)


def _mean_price(clock: Clock, trades: pd.DataFrame) -> pd.Series:
    """Weighted by energy; without value where nothing was traded."""
    paid = on_clock(clock, trades.assign(paid=trades["price_per_kwh"] * trades["power_kw"]), "paid")
    power = on_clock(clock, trades, "power_kw")
    return paid / power.where(power > 0.0)


def _trades(clock: Clock, carrier: str) -> pd.DataFrame:
    trades = clock.results["trades"]
    return trades[trades["carrier"] == carrier]


def _energy(clock: Clock, carrier: str) -> Panel | None:
    """Energy sold between peers per interval, beside what the contracts supplied and took."""
    figure = blank(clock, f"energy per {clock.per} (kWh)")
    trades = _trades(clock, carrier)
    sellers = sorted(trades["seller"].unique(), key=natural)
    if len(sellers) <= FEW_SELLERS:
        for colour, seller in zip(COLOURS, sellers, strict=False):
            sold = on_clock(clock, trades[trades["seller"] == seller], "power_kw") * clock.dt_h
            add_bars(figure, clock, sold, f"sold by {seller}", marker={"color": colour})
    else:
        sold = on_clock(clock, trades, "power_kw") * clock.dt_h
        add_bars(figure, clock, sold, f"sold by {len(sellers)} prosumers", marker={"color": BLUE})
    rows = clock.results["prosumers"]
    rows = rows[rows["carrier"] == carrier]
    for column, name, dash in (("import_kw", "bought by contract", "solid"), ("export_kw", "sold by contract", "dot")):
        energy = on_clock(clock, rows, column) * clock.dt_h
        if energy.abs().sum() > 0:
            add_steps(figure, clock, energy, name, daily="sum", line={"color": BLACK, "dash": dash})
    if not figure.data:
        return None
    figure.update_layout(barmode="stack")
    figure.update_yaxes(rangemode="tozero")
    note = "Bars: trades between prosumers. Lines: exchange with the utility or heat supplier, all prosumers together."
    return Panel(f"energy-{carrier}", f"Traded {carrier}", note, figure)


def _prices(clock: Clock, carrier: str) -> Panel | None:
    """Mean and range of the trade prices, between the prices of the contracts."""
    trades = _trades(clock, carrier).dropna(subset=["price_per_kwh"])
    tariffs = _tariffs(clock, carrier)
    if trades.empty and not tariffs:
        return None
    figure = blank(clock, f"price ({clock.results.facts.currency}/kWh)")
    shown = [tariff for _, tariff, _ in tariffs]
    if len(trades):
        prices = trades.groupby("time")["price_per_kwh"]
        low, high = prices.min().reindex(clock.begins), prices.max().reindex(clock.begins)
        add_band(figure, clock, low, high, "range of trades")
        add_steps(figure, clock, _mean_price(clock, trades), "mean of trades", line={"color": BLUE})
        shown += [low, high]
    for name, tariff, style in tariffs:
        add_steps(figure, clock, tariff, name, line=style)
    fit_axis(figure, [0.0, *(curve.min() for curve in shown), *(curve.max() for curve in shown)])
    note = "Price between the partners, before network charges; the mean is weighted by energy."
    return Panel(f"prices-{carrier}", f"Prices of {carrier}", note, figure)


def _tariffs(clock: Clock, carrier: str) -> list[tuple[str, pd.Series, dict[str, str]]]:
    """The distinct price curves of the carrier's contracts, with name and line style."""
    inputs, carriers = clock.results["inputs"], clock.results.facts.tariff_carriers
    rows = inputs[inputs["device"].map(carriers.get) == carrier]
    curves = []
    for start, word, colour in ((IMPORT_PRICE, "import", RED), (EXPORT_PRICE, "export", GREEN)):
        prices = rows[rows["quantity"].str.startswith(start)]
        by_tariff = prices.groupby(["device", "time"])["realised"].mean().unstack("device")
        for dash, name in zip(DASHES, by_tariff.columns, strict=False):
            style = {"color": colour, "dash": dash}
            curves.append((f"{word} price, {name}", by_tariff[name].reindex(clock.begins), style))
    return curves


def _partners(clock: Clock, carrier: str) -> Panel | None:
    """Energy from every seller to every buyer over the whole run."""
    trades = _trades(clock, carrier)
    if trades.empty:
        return None
    matrix = trades.groupby(["seller", "buyer"])["power_kw"].sum().unstack("buyer") * clock.dt_h
    matrix = matrix.loc[sorted(matrix.index, key=natural), sorted(matrix.columns, key=natural)]
    size = max(matrix.shape)
    height = max(MATRIX_MIN_PX, MATRIX_MARGIN_PX + PARTNER_PX * matrix.shape[0])
    figure = blank(None, "seller", height_px=height)
    figure.add_trace(
        go.Heatmap(
            x=[str(name) for name in matrix.columns],
            y=[str(name) for name in matrix.index],
            z=[[None if pd.isna(energy) else float(energy) for energy in row] for row in matrix.to_numpy()],
            colorscale="Blues",
            zmin=0,
            zmax=float(matrix.max().max()),
            colorbar={"title": {"text": "kWh"}, "thickness": 14},
            texttemplate="%{z:.1f}" if size <= FEW_PARTNERS else None,
            hovertemplate="%{y} to %{x}: %{z:.2f} kWh<extra></extra>",
            xgap=1,
            ygap=1,
        )
    )
    figure.update_layout(hovermode="closest", showlegend=False)
    figure.update_xaxes(title_text="buyer", type="category", showgrid=False, dtick=1)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False, dtick=1)
    title, note = f"Who sold {carrier} to whom", "Energy over the whole run."
    return Panel(f"partners-{carrier}", title, note, figure, is_wide=size > FEW_PARTNERS)

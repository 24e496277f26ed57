"""Figures of the market: trades, prices, storages and the convergence of the clearing."""

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.results.figures.style import (
    BLACK,
    BLUE,
    COLOURS,
    DASHES,
    GREEN,
    GREY,
    LIMIT_COLOUR,
    ORANGE,
    RED,
    Clock,
    Panel,
    add_band,
    add_bars,
    add_steps,
    blank,
    fit_axis,
    on_clock,
)
from mosaik_p2p.results.store.reading import natural
from mosaik_p2p.units import CARRIERS

FEW_SELLERS = 7
FEW_PARTNERS = 10
"""Up to so many partners the matrix of trades prints its numbers."""
PARTNER_PX = 14
MATRIX_MIN_PX, MATRIX_MARGIN_PX = 240, 120
IMPORT_PRICE, EXPORT_PRICE = "import_price", "export_price"
"""How the quantities of `inputs` begin that hold the prices of the contracts."""


def market_panels(clock: Clock) -> list[Panel]:
    """Energy, partners and prices of every carrier that is traded or supplied."""
    present = set(clock.results["prosumers"]["carrier"]) | set(clock.results["trades"]["carrier"])
    carriers = [carrier for carrier in CARRIERS if carrier in present]
    over_time = [panel for carrier in carriers for panel in (_energy(clock, carrier), _prices(clock, carrier))]
    partners = [_partners(clock, carrier) for carrier in carriers]
    return [panel for panel in (*over_time, *partners) if panel is not None]


def _trades(clock: Clock, carrier: str) -> pd.DataFrame:
    trades = clock.results["trades"]
    return trades[trades["carrier"] == carrier]


def _energy(clock: Clock, carrier: str) -> Panel:
    """Energy sold between peers per interval, beside what the contracts supplied and took."""
    figure = blank(clock, "energy per interval (kWh)")
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
            add_steps(figure, clock, energy, name, line={"color": BLACK, "dash": dash})
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
        paid = on_clock(clock, trades.assign(paid=trades["price_per_kwh"] * trades["power_kw"]), "paid")
        add_band(figure, clock, low, high, "range of trades")
        add_steps(figure, clock, paid / on_clock(clock, trades, "power_kw"), "mean of trades", line={"color": BLUE})
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


def convergence_panels(clock: Clock) -> list[Panel]:
    """Iterations of the clearing and the gap at which it stopped."""
    own = clock.results.clearings.set_index("time").reindex(clock.begins)
    iterations = blank(clock, "iterations")
    add_bars(iterations, clock, own["iterations"], "iterations", marker={"color": BLUE})
    iterations.update_layout(showlegend=False)
    gap = blank(clock, "relative gap (1)")
    shown = [None if not value > 0 else float(value) for value in own["relative_gap"].astype(float)]
    marker = {"mode": "markers", "marker": {"size": 7, "color": ORANGE, "line": {"color": GREY, "width": 0.5}}}
    gap.add_trace(go.Scatter(x=clock.local_middles(), y=shown, name="relative gap", **marker))
    wanted = clock.results.facts.relative_gap
    if wanted is not None:
        asked = pd.Series(wanted, index=clock.begins, dtype=float)
        add_steps(gap, clock, asked, f"wanted: {wanted:g}", line={"color": LIMIT_COLOUR, "dash": "dash"})
    gap.update_yaxes(type="log", exponentformat="power", dtick=1)
    return [
        Panel("iterations", "Iterations per clearing", "At the interval that it begins with.", iterations),
        Panel("gap", "Relative gap per clearing", "How far the cost may be above the optimum, at most.", gap),
    ]

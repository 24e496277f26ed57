"""Figures of the dispatch: what each type of device gives and takes, and how the energy of a carrier balances."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.results.figures.runs import Runs, drawn_each, named
from mosaik_p2p.results.figures.style import COLOURS, GREY, Clock, Panel, add_bars, blank
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.units import ELECTRICITY

DEVICE_COLUMN = {ELECTRICITY: "el_kw"}
OF_HEAT = "heat_kw"
CONTRACTS = {"import_kw": ("bought by contract", 1.0), "export_kw": ("sold by contract", -1.0)}
"""By column of the table `prosumers`: the name, and the sign with which it enters the balance."""
NOT_BALANCED = ("not served", "without a taker")
SMALL_KWH = 1e-6


def dispatch(runs: Runs, carrier: str = ELECTRICITY) -> Panel | None:
    """Energy by type of device in every interval, and by contract: above zero what gives, below what takes.

    All prosumers together, so that trades among them cancel; runs below each other, None where nobody has the carrier.
    """
    return drawn_each(runs, _dispatch, carrier)


def _dispatch(clock: Clock, carrier: str) -> Panel | None:
    parts = energy_by_part(clock.results, carrier)
    if parts.empty:
        return None
    figure = blank(clock, f"energy per {clock.per} (kWh)")
    for k, name in enumerate(parts.columns):
        marker = {"color": COLOURS[k % len(COLOURS)], "pattern": {"shape": "/" if k >= len(COLOURS) else ""}}
        add_bars(figure, clock, parts[name].reindex(clock.begins), str(name), marker=marker)
    figure.update_layout(barmode="relative", yaxis={"zeroline": True, "zerolinecolor": GREY})
    note = "All prosumers together. Above zero: given, or bought by contract; below: taken, or sold by contract."
    return Panel(f"dispatch-{carrier}", f"Dispatch of {carrier}", note, figure, is_wide=True)


def energy_balance(runs: Runs, carrier: str = ELECTRICITY) -> Panel | None:
    """The energy of the whole run by type of device and contract, a bar per run; above zero and below come to the same.

    None where nobody has the carrier in any run.
    """
    totals = {name: energy_by_part(run, carrier).sum() for name, run in named(runs).items()}
    totals = {name: total for name, total in totals.items() if len(total)}
    if not totals:
        return None
    figure = blank(None, "energy (kWh)")
    for k, part in enumerate(dict.fromkeys(part for total in totals.values() for part in total.index)):
        figure.add_trace(_bar(totals, str(part), COLOURS[k % len(COLOURS)], "/" if k >= len(COLOURS) else ""))
    figure.update_layout(
        barmode="relative",
        bargap=0.4,
        xaxis={"type": "category"},
        yaxis={"zeroline": True, "zerolinecolor": GREY},
        hovermode="closest",
    )
    note = "Over the whole run. Above zero: given, or bought by contract; below: taken, or sold by contract."
    return Panel(f"balance-{carrier}", f"Energy balance of {carrier}", note, figure)


def _bar(totals: Mapping[str, pd.Series], part: str, colour: str, pattern: str) -> go.Bar:
    heights = [float(total.get(part, 0.0)) for total in totals.values()]
    marker = {"color": colour, "pattern": {"shape": pattern}}
    hover = f"{part}: %{{y:.2f}} kWh<extra>%{{x}}</extra>"
    return go.Bar(x=list(totals), y=heights, name=part, marker=marker, hovertemplate=hover)


def energy_by_part(results: Results, carrier: str) -> pd.DataFrame:
    """Time by type of device and contract: kWh, positive where it adds to what there is. Rows sum to zero.

    What is not balanced stands there, too. Empty where no prosumer has the carrier.
    """
    own = results["prosumers"]
    own = own[own["carrier"] == carrier]
    if own.empty:
        return pd.DataFrame()
    devices, column = results["devices"], DEVICE_COLUMN.get(carrier, OF_HEAT)
    by_type = devices.groupby(["time", "type"])[column].sum().unstack("type")
    parts = {str(name).replace("_", " "): by_type[name] for name in by_type.columns}
    by_time = own.groupby("time")
    parts |= {name: sign * by_time[column].sum() for column, (name, sign) in CONTRACTS.items()}
    missing, spilled = own["imbalance_kw"].clip(upper=0.0), own["imbalance_kw"].clip(lower=0.0)
    for name, power in zip(NOT_BALANCED, (missing, spilled), strict=True):
        parts[name] = -power.groupby(own["time"]).sum()
    found = pd.DataFrame(parts).fillna(0.0) * results.facts.dt_h
    return found.loc[:, found.abs().sum() > SMALL_KWH]

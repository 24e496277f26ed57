"""Energy that some members import for others to export at a higher price, through the market between them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mosaik_p2p.results.labels.numbers import energy
from mosaik_p2p.results.store.reading import Results

ARBITRAGE = "arbitrage_kwh"
"""The key in the summary, by carrier."""


def arbitrage_kwh(results: Results, carriers: Sequence[str], dt_h: float) -> dict[str, float]:
    """By carrier: per interval, the cheapest imports put beside the best paid exports as long as these pay more."""
    rows = results["prosumers"]
    found = {}
    for carrier in carriers:
        own = rows[rows["carrier"] == carrier]
        # Most intervals have nothing to look at: the best paid export is no dearer than the cheapest import.
        bought = own[own["import_kw"] > 0].groupby("time")["import_price_per_kwh"].min()
        sold = own[own["export_kw"] > 0].groupby("time")["export_price_per_kwh"].max()
        pays = sold.reindex(bought.index) > bought
        rest = own[own["time"].isin(pays.index[pays])]
        found[carrier] = float(sum(power_kw(now) for _, now in rest.groupby("time")) * dt_h)
    return found


def power_kw(rows: pd.DataFrame) -> float:
    """What is imported for export in one interval; both lists are walked from their best ends."""
    bought = _offers(rows, "import", ascending=True)
    sold = _offers(rows, "export", ascending=False)
    passed = 0.0
    while bought and sold and sold[0][0] > bought[0][0]:
        step = min(bought[0][1], sold[0][1])
        passed += step
        for offers in (bought, sold):
            price, left = offers.pop(0)
            if left > step:
                offers.insert(0, (price, left - step))
    return passed


def _offers(rows: pd.DataFrame, way: str, *, ascending: bool) -> list[tuple[float, float]]:
    """Price and power of everyone who imports, or exports."""
    used = rows[(rows[f"{way}_kw"] > 0) & rows[f"{way}_price_per_kwh"].notna()]
    ordered = used.sort_values(f"{way}_price_per_kwh", ascending=ascending, kind="stable")
    return list(zip(ordered[f"{way}_price_per_kwh"], ordered[f"{way}_kw"], strict=True))


def arbitrage_texts(summary: Mapping[str, Any]) -> list[str]:
    """Like `3.0 kWh electricity`, of what is worth a word; a summary of an older version knows nothing of it."""
    found = summary.get(ARBITRAGE, {})
    return [f"{energy(kwh)} kWh {carrier}" for carrier, kwh in found.items() if round(kwh, 1) > 0]

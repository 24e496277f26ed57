"""To whom the electric losses of a run belong, summed up from the table `losses`."""

from typing import Any

import pandas as pd

from mosaik_p2p.results.accounts.losses import caused_losses, loss_prices
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.settlement.ledger import IN_MARKET, OPERATOR
from mosaik_p2p.units import ELECTRICITY

LOSSES = "losses"
"""Table of the allocation."""
RULE_NAMES = {
    "ray": "along the ray",
    "z_bus": "by currents (z_bus)",
    "pro_rata": "pro rata",
    "marginal": "by marginal losses",
}


def loss_allocation(results: Results) -> dict[str, Any] | None:
    """For `summary.json`; None where losses were not allocated.

    All energies are of the `hours` in which they were. `of_trades_kwh` is what trades lose, both ends together; the
    rest of the prosumers' is of contracts. `left_kwh` is what of the caused losses belongs to no prosumer.
    """
    rows = results[LOSSES]
    if rows.empty:
        return None
    own = rows[rows["party"] != OPERATOR]
    times = rows["time"].unique()
    caused_kwh = _caused_kwh(results, times)
    allocated_kwh = float(own["loss_kwh"].sum())
    return {
        "rule": results.facts.loss_allocation,
        "hours": float(len(times) * results.facts.dt_h),
        "caused_kwh": caused_kwh,
        "prosumers_kwh": allocated_kwh,
        "left_kwh": caused_kwh - allocated_kwh,
        "of_trades_kwh": float(own.loc[own["counterparty"].isin(results.prosumers), "loss_kwh"].sum()),
        "by_prosumer": _by_prosumer(results, own),
    }


def _caused_kwh(results: Results, times: Any) -> float:
    caused = caused_losses(results, IN_MARKET)["loss_kw"]
    known = caused[caused.index.get_level_values("network") == ELECTRICITY].droplevel("network").reindex(times)
    return float(known.sum() * results.facts.dt_h)


def _by_prosumer(results: Results, own: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """The loss, what it is worth at its price (None: it has none), and the charges paid on electricity."""
    prices = {time: price.electricity for time, price in loss_prices(results).items()}
    worth = own["loss_kwh"] * own["time"].map(prices).astype(float)
    lost, cost = (values.groupby(own["party"]).sum(min_count=1) for values in (own["loss_kwh"], worth))
    paid = _charges_paid(results)
    return {
        name: {
            "loss_kwh": float(lost.get(name, 0.0)),
            "cost": None if pd.isna(cost.get(name)) else float(cost[name]),
            "charges": float(paid.get(name, 0.0)),
        }
        for name in results.prosumers
    }


def _charges_paid(results: Results) -> "pd.Series[float]":
    """By prosumer, to the operator on account of electricity, surcharges and rebates counted."""
    rows = results.settled(IN_MARKET)
    rows = rows[(rows["party"] == OPERATOR) & (rows["carrier"] == ELECTRICITY)]
    return rows[rows["counterparty"].isin(results.prosumers)].groupby("counterparty")["money"].sum()

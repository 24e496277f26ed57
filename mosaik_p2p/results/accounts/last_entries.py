"""The last entries of a settlement, from stored tables: losses, what networks cost, and surcharges that go back."""

from collections.abc import Iterator

import pandas as pd

from mosaik_p2p.results.accounts.losses import FLOWS, WHOLE, loss_prices, losses_that_count
from mosaik_p2p.results.store.mark import ResultFolder
from mosaik_p2p.results.store.parts import add_rows
from mosaik_p2p.results.store.reading import Results, read_some
from mosaik_p2p.settlement.ledger import (
    ALONE,
    CLOSING_VALUE,
    COLUMNS,
    FIXED_COST,
    IN_MARKET,
    OPERATOR,
    OWN,
    Payment,
    entered,
    losses_paid,
)
from mosaik_p2p.settlement.returns import SURCHARGE, surcharges_returned
from mosaik_p2p.units import Table

HOURS_PER_DAY = 24.0
"""Of fixed costs: days on which clocks change are as dear by the hour."""


def close_settlement(folder: ResultFolder) -> None:
    """Write what joins the settlement of the run in `folder` at its end. Raises NotWritten."""
    results = read_some(folder.path, (FLOWS, "settlement", ALONE))
    rows: Table = {name: [] for name in ("time", *COLUMNS)}
    for time, payments in (*_losses(results), *_fixed_costs(results), *_returned(results)):
        entries = entered(payments)
        rows["time"] += [time.to_pydatetime()] * len(entries["money"])
        for name in COLUMNS:
            rows[name] += entries[name]
    add_rows(folder, "settlement", rows)


def _losses(results: Results) -> Iterator[tuple[pd.Timestamp, list[Payment]]]:
    """Of both cases; losses of the whole network in the market were entered while the run went on."""
    prices, dt_h = loss_prices(results), results.facts.dt_h
    cases = [ALONE] if results.facts.losses == WHOLE else [IN_MARKET, ALONE]
    for case in cases:
        known = losses_that_count(results, case).dropna(subset=["loss_kw"])
        for (time, network), loss_kw, pump_kw in zip(known.index, known["loss_kw"], known["pump_kw"], strict=True):
            if time in prices:
                paid = losses_paid(case, network, loss_kw * dt_h, pump_kw * dt_h, prices[time])
                yield time, list(paid)


def _fixed_costs(results: Results) -> Iterator[tuple[pd.Timestamp, list[Payment]]]:
    """Of every computed interval its part of a day of 24 h; alone, too, where that was settled."""
    share = results.facts.dt_h / HOURS_PER_DAY
    cases = [IN_MARKET, ALONE] if len(results[ALONE]) else [IN_MARKET]
    for network, cost_per_day in results.facts.fixed_cost_per_day.items():
        for time in results.binding["time"]:
            yield time, [Payment(case, OWN, OPERATOR, network, FIXED_COST, 0.0, cost_per_day * share) for case in cases]


def _returned(results: Results) -> Iterator[tuple[pd.Timestamp, list[Payment]]]:
    """At the begin of the last interval, where the scenario gives the surcharges back."""
    rows = results.settled(IN_MARKET)
    taken = rows[(rows["party"] == OPERATOR) & (rows["item"] == SURCHARGE)]["money"].sum()
    if not results.facts.returns_surcharges or results.binding.empty or not taken:
        return
    rows = results.settled(ALONE)
    received = rows[rows["item"] != CLOSING_VALUE].groupby("party")["money"].sum()
    of_all = received.reindex(results.prosumers, fill_value=0.0)
    alone = dict(zip(results.prosumers, (-of_all).tolist(), strict=True))
    yield results.binding["time"].max(), list(surcharges_returned(float(taken), alone))

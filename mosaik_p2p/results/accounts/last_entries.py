"""The last entries of a run's settlement, from its stored tables: losses, and surcharges that go back."""

from collections.abc import Iterator

import pandas as pd

from mosaik_p2p.results.accounts.losses import WHOLE, loss_prices, losses_that_count
from mosaik_p2p.results.store.mark import ResultFolder
from mosaik_p2p.results.store.parts import add_rows
from mosaik_p2p.results.store.reading import Results, read_results
from mosaik_p2p.settlement.ledger import (
    ALONE,
    CLOSING_VALUE,
    COLUMNS,
    IN_MARKET,
    OPERATOR,
    Payment,
    entered,
    losses_paid,
)
from mosaik_p2p.settlement.returns import SURCHARGE, surcharges_returned
from mosaik_p2p.units import Table


def close_settlement(folder: ResultFolder) -> None:
    """Write what joins the settlement of the run in `folder` at its end. Raises NotWritten."""
    results = read_results(folder.path)
    rows: Table = {name: [] for name in ("time", *COLUMNS)}
    for time, payments in (*_losses(results), *_returned(results)):
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

"""In which intervals a network has no solution, or heat cannot be delivered, and why: as the grids determined it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from mosaik_p2p.errors import NOT_DETERMINED, Status
from mosaik_p2p.results.accounts.losses import FLOWS
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.settlement.ledger import ALONE, IN_MARKET, NOBODY
from mosaik_p2p.units import ELECTRICITY, HEAT

WHAT = {
    (ELECTRICITY, Status.NOT_CONVERGED): "no power flow solution",
    (HEAT, Status.NOT_CONVERGED): "no heat flow solution",
    (HEAT, Status.NOT_DELIVERABLE): "heat not delivered",
}
DAYS = {IN_MARKET: "", ALONE: ", without trade", NOBODY: ", without the prosumers"}


def without_solution(results: Results, networks: Sequence[str]) -> list[dict[str, Any]]:
    """For `summary.json`, by network, day (`case`), status and kind of cause: number of `intervals` and `of` how many,
    the `first` of them and its `cause` in full."""
    in_market, after = results.of_binding_round("flows"), results[FLOWS]
    days = {IN_MARKET: in_market, **{day: after[after["case"] == day] for day in (ALONE, NOBODY)}}
    return [
        entry
        for network in networks
        for day, rows in days.items()
        for entry in _entries(results, network, day, rows[rows["network"] == network])
    ]


def _entries(results: Results, network: str, day: str, rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    failed = rows[rows["status"].isin((Status.NOT_CONVERGED, Status.NOT_DELIVERABLE))].sort_values("time")
    causes = failed["cause"].fillna(NOT_DETERMINED)
    kinds = causes.str.partition(": ")[0] if len(causes) else causes
    for (status, _), alike in failed.assign(cause=causes).groupby(["status", kinds.to_numpy()], sort=False):
        first = alike.iloc[0]
        yield {
            "network": network,
            "case": day,
            "status": str(status),
            "intervals": len(alike),
            "of": len(rows),
            "first": results.facts.local(first["time"]).isoformat(),
            "cause": str(first["cause"]),
        }


def unsolved_sentences(summary: Mapping[str, Any]) -> list[str]:
    """Like `Electricity: no power flow solution in 2 of 24 hours (first Tue 28 Mar 18:00): power is beyond what the
    network can carry`; none where all is solved."""
    unit = "hours" if summary["dt_h"] == 1.0 else "intervals"
    return [_sentence(entry, unit) for entry in summary["without_solution"]]


def _sentence(entry: Mapping[str, Any], unit: str) -> str:
    what = WHAT.get((entry["network"], entry["status"]), "no solution")
    when = datetime.fromisoformat(entry["first"]).strftime("%a %d %b %H:%M")
    where = f"{entry['network'].capitalize()}{DAYS[entry['case']]}"
    return f"{where}: {what} in {entry['intervals']} of {entry['of']} {unit} (first {when}): {entry['cause']}"

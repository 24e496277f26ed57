"""The closing value: what two lives of a prosumer that end with different levels are put on one footing by.

See `mosaik_p2p.market.over_time.closing` for it. Costs stand in the summary without it; a change of cost counts it.
"""

from collections.abc import Mapping
from typing import Any

from mosaik_p2p.results.labels.numbers import signed
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.settlement.ledger import ALONE, CLOSING_VALUE, IN_MARKET

NOT_ENDED = "the run has not reached its end"


def closing_by_prosumer(results: Results, others: Mapping[str, Results]) -> dict[str, dict[str, Any]]:
    """Prosumer to its closing value by case, None where it is not known; `others` are runs of their own by case."""
    by_case = _values(results, others)
    return {
        name: {CLOSING_VALUE: {case: values.get(name) for case, values in by_case.items()}}
        for name in results.prosumers
    }


def closing_in_all(results: Results, others: Mapping[str, Results]) -> dict[str, Any]:
    """The sum over all prosumers by case, the hours after the run that were looked at, and why nothing is known."""
    total: dict[str, Any] = {
        case: sum(values.values()) if values else None for case, values in _values(results, others).items()
    }
    rows = results["closing"]
    causes = rows["cause"].dropna()
    cause = NOT_ENDED if rows.empty else None if causes.empty else str(causes.iloc[0])
    return {**total, "hours": float(rows["hours"].max()) if len(rows) else 0.0, "cause": cause}


def change_of_cost(entry: Mapping[str, Any]) -> float | None:
    """Cost in the market less cost without trade, closing values in where they are known; None where a cost is not."""
    alone, market = entry[ALONE], entry[IN_MARKET]
    return None if alone is None or market is None else market - alone + (closing_change(entry) or 0.0)


def closing_change(entry: Mapping[str, Any]) -> float | None:
    """By how much more it costs to go on from the market's levels than from those reached without trade."""
    values = entry.get(CLOSING_VALUE) or {}
    alone, market = values.get(ALONE), values.get(IN_MARKET)
    return None if alone is None or market is None else market - alone


def with_total(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The total cost like that of one prosumer."""
    return {**summary["cost_total"], CLOSING_VALUE: summary.get(CLOSING_VALUE)}


def closing_sentence(summary: Mapping[str, Any]) -> str:
    """What the closing values are and come to; of older summaries, which know none, nothing."""
    told = summary.get(CLOSING_VALUE)
    if told is None:
        return ""
    if told["cause"] is not None:
        return f"Closing value not known: {told['cause']}; changes do not count what is stored"
    amounts = ", ".join(
        f"{label} {signed(told[case])}" for case, label in ((ALONE, "without trade"), (IN_MARKET, "in the market"))
    )
    return (
        f"Closing value, what the {told['hours']:g} h after the run cost without trade from the levels reached less "
        f"the same from the initial ones: {amounts} {summary['currency']}; changes count it"
    )


def _values(results: Results, others: Mapping[str, Results]) -> dict[str, dict[str, float]]:
    lives = {case: _of_case(results, case) for case in (ALONE, IN_MARKET)}
    return {**lives, **{case: _of_case(other, IN_MARKET) for case, other in others.items()}}


def _of_case(results: Results, case: str) -> dict[str, float]:
    rows = results["closing"]
    known = rows[(rows["case"] == case) & rows[CLOSING_VALUE].notna()]
    return {str(name): float(value) for name, value in zip(known["prosumer"], known[CLOSING_VALUE], strict=True)}

"""What the district costs all together, and what the market is worth: transfers between the parties left out.

Charges, surcharges and the price of a trade only move money between prosumers and operator. What is left is what
devices wear, burn and forgo (discomfort, and the use of an elastic load as negative cost), what contracts bring and
take, what could not be served at its scarcity price, and the losses that count, where they have a price.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mosaik_p2p.results.accounts.losses import NOT_KNOWN, PARTLY_KNOWN, PRICED, pricing
from mosaik_p2p.results.store.cases import ALONE_WITHIN_LIMITS
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.settlement.ledger import ALONE, IN_MARKET, LOSS, OPERATOR

OWN_ITEMS = ("device", "fuel", "import", "export", "imbalance")
"""Of the prosumers; `export` is what they receive, and counts negative."""
LOSSES = "losses"
MARKET = "market"


def system_costs(results: Results, networks: Sequence[str], others: Mapping[str, Results]) -> dict[str, Any]:
    """For `summary.json`: the cost by case and its parts, and the market's welfare gain."""
    cases: dict[str, tuple[Results, str]] = {ALONE: (results, ALONE), MARKET: (results, IN_MARKET)}
    cases |= {case: (run, IN_MARKET) for case, run in others.items()}
    parts = {case: _parts(run, own, networks) for case, (run, own) in cases.items()}
    cost = {
        case: _total(parts[case], known=not {NOT_KNOWN, PARTLY_KNOWN} & set(pricing(run, networks, own).values()))
        for case, (run, own) in cases.items()
    }
    baseline = ALONE_WITHIN_LIMITS if cost.get(ALONE_WITHIN_LIMITS) is not None else ALONE
    return {
        "system_cost": cost,
        "system_cost_parts": parts,
        "welfare_gain": _difference(cost[baseline], cost[MARKET]),
        "welfare_gain_against": baseline,
    }


def gain_after_closing(system: Mapping[str, Any], closing: Mapping[str, Any]) -> float | None:
    """The welfare gain less what going on from the market's levels costs more; None where either is not known."""
    own, base = closing.get(IN_MARKET), closing.get(system["welfare_gain_against"])
    gain: float | None = system["welfare_gain"]
    return None if gain is None or own is None or base is None else float(gain - (own - base))


def _parts(results: Results, case: str, networks: Sequence[str]) -> dict[str, float | None] | None:
    """Money by item; the losses are None where they have no price. None where the case is not settled."""
    rows = results.settled(case)
    own = rows[rows["party"].isin(results.prosumers)]
    if own.empty:
        return None
    losses = _cost(rows[rows["party"] == OPERATOR], LOSS)
    is_priced = PRICED in pricing(results, networks, case).values()
    return {**{item: _cost(own, item) for item in OWN_ITEMS}, LOSSES: losses if is_priced else None}


def _cost(rows: pd.DataFrame, item: str) -> float:
    return 0.0 - float(rows.loc[rows["item"] == item, "money"].sum())


def _total(parts: Mapping[str, float | None] | None, *, known: bool) -> float | None:
    """None where losses that have a price are not known: without them another case would look dearer."""
    return sum(money for money in parts.values() if money is not None) if parts is not None and known else None


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else before - after

"""Costs and revenues out of the settlement's double entries (money is positive where the party receives it)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mosaik_p2p.results.accounts.closing import change_of_cost
from mosaik_p2p.results.accounts.losses import NOT_KNOWN, PARTLY_KNOWN, PRICED, pricing
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.settlement.ledger import (
    ALONE,
    CLOSING_VALUE,
    FIXED_COST,
    HEAT_SUPPLIER,
    IN_MARKET,
    LOSS,
    OPERATOR,
    PLACE_CHARGE,
    UTILITY,
)
from mosaik_p2p.settlement.returns import SURCHARGE_RETURN

REVENUE_ITEMS = ("charge", PLACE_CHARGE, "surcharge", SURCHARGE_RETURN)

NOTICEABLE_MONEY = 0.005
"""Half of the smallest coin: a prosumer counts as worse off from here on."""
NOTICEABLE_SHARE = 1e-6
"""The same as a share of the cost without trade, so that rounding in large sums is not taken for a loss."""


def costs(
    results: Results, initial_stored_kwh: Mapping[str, float], *, others: Sequence[str] = ()
) -> dict[str, dict[str, float | None]]:
    """Per prosumer: cost without trade, in the market and in `others` of the settlement's cases, and the energy stored.

    The closing value is none of these costs; see `results.closing`.
    None where it is not known, and for the stored energy of who has no storage.
    """
    alone, market = (_cost_by_party(results, case) for case in (ALONE, IN_MARKET))
    elsewhere = {case: _cost_by_party(results, case) for case in others}
    final, final_alone = (_final_levels(results[table]) for table in ("devices", "alone"))
    return {
        name: {
            "alone": alone.get(name),
            "in_market": market.get(name),
            **{case: by_party.get(name) for case, by_party in elsewhere.items()},
            "stored_start_kwh": _number(initial_stored_kwh.get(name)) if name in final else None,
            "stored_end_kwh": final.get(name),
            "stored_end_alone_kwh": final_alone.get(name) if name in final else None,
        }
        for name in results.prosumers
    }


def total_cost(cost: Mapping[str, Mapping[str, float | None]], case: str) -> float | None:
    """The sum over the prosumers; None where there is none or one's cost is not known."""
    values = [entry[case] for entry in cost.values()]
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def stored_change(cost: Mapping[str, Mapping[str, float | None]]) -> dict[str, float | None]:
    """By how much all storages together are fuller at the end than at the start, kWh; None where it is not known."""
    ends = {"alone": "stored_end_alone_kwh", "market": "stored_end_kwh"}
    owners = [entry for entry in cost.values() if entry["stored_end_kwh"] is not None]
    return {
        case: _sum_of([_less(entry[end], entry["stored_start_kwh"]) for entry in owners]) for case, end in ends.items()
    }


def _less(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other


def _sum_of(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known, 0.0) if len(known) == len(values) else None


def is_worse_off(entry: Mapping[str, Any]) -> bool:
    """Whether a prosumer pays noticeably more in the market than without trade, closing values in."""
    change = change_of_cost(entry)
    return change is not None and change > noticeable_money(entry)


def noticeable_money(entry: Mapping[str, Any]) -> float:
    """From where on a prosumer notices a change of its cost, which is known without trade."""
    return max(NOTICEABLE_MONEY, NOTICEABLE_SHARE * abs(float(entry[ALONE])))


def operator_account(results: Results, networks: Sequence[str]) -> dict[str, Any]:
    """What the operator takes in charges, of trades and of places, and surcharges, and what the losses that count cost
    it.

    The cost of losses is None where no loss has a price, or none that counts is known; `losses` says so by network.
    The cost is that of losses and networks (fixed), the balance what the revenue leaves after it; None where losses
    that have a price are not known, or nothing has one.
    """
    rows = results.settled(IN_MARKET)
    rows = rows[rows["party"] == OPERATOR]
    charges, places, surcharges, returned = (_money(rows, item) for item in REVENUE_ITEMS)
    known = pricing(results, networks)
    is_told = {PRICED, PARTLY_KNOWN} & set(known.values()) and NOT_KNOWN not in known.values()
    losses = 0.0 - _money(rows, LOSS) if is_told else None
    revenue, fixed = charges + places + surcharges + returned, 0.0 - _money(rows, FIXED_COST)
    cost = _cost_in_all(losses, fixed, known)
    return {
        "charges": charges,
        "place_charges": places,
        "surcharges": surcharges,
        "surcharges_returned": 0.0 - returned,
        "revenue": revenue,
        "cost_of_losses": losses,
        "losses": known,
        "fixed_cost": fixed,
        "cost": cost,
        "balance": None if cost is None else revenue - cost,
    }


def _cost_in_all(losses: float | None, fixed: float, known: Mapping[str, str]) -> float | None:
    if losses is None:
        return fixed if fixed and NOT_KNOWN not in known.values() else None
    return losses + fixed


def parties(results: Results, networks: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """What operator, utility and heat supplier receive net, without trade and in the market, and the change.

    None of a case that was not settled, or whose losses count and are not known in every interval.
    """
    received = {case: _received(results, networks, case) for case in (ALONE, IN_MARKET)}
    found: dict[str, dict[str, float | None]] = {}
    for party in (OPERATOR, UTILITY, HEAT_SUPPLIER):
        alone, market = (None if known is None else known.get(party, 0.0) for known in received.values())
        found[party] = {"alone": alone, "in_market": market, "change": _less(market, alone)}
    return found


def _received(results: Results, networks: Sequence[str], case: str) -> dict[str, float] | None:
    rows = results.settled(case)
    if rows.empty or {NOT_KNOWN, PARTLY_KNOWN} & set(pricing(results, networks, case).values()):
        return None
    return {str(party): float(money) for party, money in rows.groupby("party")["money"].sum().items()}


def reputation_account(results: Results, dt_h: float) -> dict[str, Any] | None:
    """What the traders' mutual reputation is worth to them, and where it was cut; None without reputation.

    A benefit and no payment: it stands in no one's account, and no cost counts it.
    """
    if not results.facts.has_reputation:
        return None
    trades, clipped = results["trades"], results.clearings["clipped_pairs"].fillna(0)
    return {
        "benefit": float((trades["benefit_per_kwh"] * trades["power_kw"]).sum() * dt_h),
        "clipped_clearings": int((clipped > 0).sum()),
        "clipped_pairs": int(clipped.max()) if len(clipped) else 0,
    }


def _money(rows: pd.DataFrame, item: str) -> float:
    return float(rows.loc[rows["item"] == item, "money"].sum()) + 0.0


def _cost_by_party(results: Results, case: str) -> dict[str, float]:
    rows = results.settled(case)
    received = rows[rows["item"] != CLOSING_VALUE].groupby("party")["money"].sum()
    return {str(party): -float(money) for party, money in received.items()}


def _final_levels(rows: pd.DataFrame) -> dict[str, float]:
    """By owner of a storage; a vehicle that is away counts nothing."""
    owners = rows.dropna(subset=["level_kwh"])["prosumer"].unique()
    last = rows[(rows["time"] == rows["time"].max()) & rows["prosumer"].isin(owners)]
    levels = last.groupby("prosumer")["level_kwh"].sum()
    return {str(name): float(level) for name, level in levels.items()}


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)

"""Whether what the operator takes covers what it costs: interval by interval, by network and in all.

The revenue is all that prosumers pay the operator, less what they get back. The cost is that of the losses that count
(pumping with heat), where they have a price, and what the networks cost whatever flows in them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mosaik_p2p.results.accounts.losses import PARTLY_KNOWN, cost_of_losses
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.settlement.ledger import FIXED_COST, IN_MARKET, LOSS, OPERATOR

REVENUE, OF_LOSSES, FIXED = "revenue", "cost_of_losses", "fixed_cost"
COLUMNS = (REVENUE, OF_LOSSES, FIXED)


def operator_by_interval(results: Results, networks: Sequence[str]) -> pd.DataFrame:
    """By time and network, money of the columns COLUMNS; NaN where losses are not known.

    Surcharges that go back at the end of the run are of no network, and stand in no interval.
    """
    index = pd.MultiIndex.from_product([results.binding["time"], networks], names=["time", "network"])
    rows = results.settled(IN_MARKET)
    rows = rows[rows["party"] == OPERATOR]
    is_fixed = rows["item"] == FIXED_COST
    taken = rows[~is_fixed & (rows["item"] != LOSS)]
    return pd.DataFrame(
        {
            REVENUE: _by_network(taken).reindex(index, fill_value=0.0),
            OF_LOSSES: cost_of_losses(results, IN_MARKET).reindex(index),
            FIXED: -_by_network(rows[is_fixed]).reindex(index, fill_value=0.0) + 0.0,
        }
    )


def whole_account(by_interval: pd.DataFrame) -> pd.DataFrame:
    """By time, the networks of `operator_by_interval` together; NaN where one of them is."""
    networks = by_interval.index.get_level_values("network").nunique()
    return by_interval.groupby(level="time").sum(min_count=max(networks, 1))


def recovery(results: Results, networks: Sequence[str], account: Mapping[str, Any]) -> dict[str, Any]:
    """For `summary.json`; `account` is the operator's, see `operator_account`.

    A `ratio` is revenue per cost; None where the cost is not known in every interval, or nothing.
    """
    by_interval = operator_by_interval(results, networks)
    in_all = whole_account(by_interval)
    cost = in_all[OF_LOSSES] + in_all[FIXED]
    known = cost.notna()
    is_open = PARTLY_KNOWN in account["losses"].values()
    return {
        "ratio": _ratio(account[REVENUE], None if is_open else account["cost"]),
        "hours": float(known.sum() * results.facts.dt_h),
        "recovered_hours": float((in_all[REVENUE] >= cost)[known].sum() * results.facts.dt_h),
        "by_network": {network: _of_network(by_interval, network) for network in networks},
    }


def _of_network(by_interval: pd.DataFrame, network: str) -> dict[str, float | None]:
    own = by_interval[by_interval.index.get_level_values("network") == network]
    revenue, losses, fixed = (_known_sum(own[column]) for column in COLUMNS)
    cost = None if losses is None or fixed is None else losses + fixed
    return {REVENUE: revenue, OF_LOSSES: losses, FIXED: fixed, "ratio": _ratio(revenue, cost)}


def _by_network(rows: pd.DataFrame) -> "pd.Series[float]":
    known = rows.dropna(subset=["carrier"])
    return known.groupby(["time", "carrier"])["money"].sum().rename_axis(["time", "network"])


def _known_sum(values: "pd.Series[float]") -> float | None:
    return float(values.sum()) if len(values) and values.notna().all() else None


def _ratio(revenue: float | None, cost: float | None) -> float | None:
    return None if revenue is None or cost is None or cost <= 0.0 else revenue / cost

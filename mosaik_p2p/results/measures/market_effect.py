"""What the market adds to the violated limits of the day without peers, and what it relieves.

The verdict says whether limits are kept; this says whether it is the market that breaks them. Both days are compared
limit by limit and interval by interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd

from mosaik_p2p.errors import Status
from mosaik_p2p.results.accounts.losses import FLOWS, VIOLATIONS
from mosaik_p2p.results.labels.quantities import kind_of, name_of, place
from mosaik_p2p.results.store.cases import ALONE_WITHIN_LIMITS
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.settlement.ledger import ALONE

AS_MUCH = 1.01
"""An excess up to this multiple of that without trade is the same one."""
MOST_NAMED = 3
CHANGES = ("added", "deepened", "relieved")
KEYS = ["time", "network", "element", "quantity", "is_upper"]


class MarketEffect(StrEnum):
    """The market's part in violated limits, against the day without trade."""

    NONE_BROKEN = "none_broken"
    ADDS_NONE = "adds_none"
    ADDS = "adds"
    RELIEVES = "relieves"
    MIXED = "mixed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Difference:
    """Violated limits of both days, and which of them only one has: tables with the columns of `KEYS`."""

    market: pd.DataFrame
    alone: pd.DataFrame
    added: pd.DataFrame
    """Violated in the market only."""
    deepened: pd.DataFrame
    """Broken on both days, and by more in the market."""
    relieved: pd.DataFrame
    """Violated without trade only."""


def market_effect(results: Results, networks: Sequence[str]) -> dict[str, Any]:
    """For `summary.json`: the effect, hours with violated limits on both days, and which limits make the difference."""
    if not _is_known(results, networks):
        nothing: dict[str, Any] = dict.fromkeys(("hours_alone", "hours_market", "hours_both"))
        return {"effect": MarketEffect.UNKNOWN.value, **nothing, **{key: [] for key in CHANGES}}
    found = _difference(results)
    alone, market = set(found.alone["time"]), set(found.market["time"])
    dt_h = results.facts.dt_h
    return {
        "effect": _effect(found).value,
        "hours_alone": len(alone) * dt_h,
        "hours_market": len(market) * dt_h,
        "hours_both": len(alone & market) * dt_h,
        "added": by_limit(found.added, dt_h),
        "deepened": by_limit(found.deepened, dt_h),
        "relieved": by_limit(found.relieved, dt_h),
    }


def violations_alone(results: Results, networks: Sequence[str]) -> pd.DataFrame | None:
    """Violated limits on the day without peers; None where not every network was solved throughout."""
    return _of_alone(results) if _has_flows(results, networks) else None


def hours_by_network(violations: pd.DataFrame, networks: Sequence[str], dt_h: float) -> dict[str, float]:
    """Hours in which a limit is violated, by network."""
    return {
        network: float(violations.loc[violations["network"] == network, "time"].nunique() * dt_h)
        for network in networks
    }


def _is_known(results: Results, networks: Sequence[str]) -> bool:
    """Whether every network has a solution in every interval of both days."""
    in_market = results.of_binding_round("flows")
    unsolved = (in_market["status"] == Status.NOT_CONVERGED).any()
    return bool(len(in_market)) and not unsolved and _has_flows(results, networks)


def _has_flows(results: Results, networks: Sequence[str]) -> bool:
    rows = results[FLOWS]
    rows = rows[(rows["case"] == ALONE) & (rows["status"] != Status.NOT_CONVERGED)]
    times = len(results.binding)
    return times > 0 and all(int((rows["network"] == network).sum()) == times for network in networks)


def _of_alone(results: Results) -> pd.DataFrame:
    rows = results[VIOLATIONS]
    return rows[rows["case"] == ALONE]


def _difference(results: Results) -> Difference:
    alone, market = (_by_key(rows) for rows in (_of_alone(results), results.of_binding_round("violations")))
    both = market.merge(alone, on=KEYS, how="outer", suffixes=("", "_alone"))
    only_market, only_alone = both["excess_alone"].isna(), both["excess"].isna()
    grown = both["excess"] > AS_MUCH * both["excess_alone"]
    return Difference(market, alone, both[only_market], both[grown], both[only_alone])


def _by_key(rows: pd.DataFrame) -> pd.DataFrame:
    """The excess of each limit in each interval."""
    sided = rows.assign(is_upper=rows["value"] > rows["limit"])
    return sided.groupby(KEYS)["excess"].max().reset_index()


def _effect(found: Difference) -> MarketEffect:
    if found.market.empty and found.alone.empty:
        return MarketEffect.NONE_BROKEN
    if found.added.empty and found.deepened.empty:
        return MarketEffect.ADDS_NONE if found.relieved.empty else MarketEffect.RELIEVES
    return MarketEffect.ADDS if found.relieved.empty else MarketEffect.MIXED


def by_limit(rows: pd.DataFrame, dt_h: float) -> list[dict[str, Any]]:
    """One entry per limit with its hours, most hours first."""
    counts = rows.groupby(["network", "element", "quantity"])["time"].nunique().reset_index()
    listed = counts.sort_values(["time", "network", "element", "quantity"], ascending=[False, True, True, True])
    return [
        {"network": row["network"], "element": row["element"], "quantity": row["quantity"], "hours": row["time"] * dt_h}
        for row in listed.to_dict("records")
    ]


def effect_sentence(summary: Mapping[str, Any]) -> str | None:
    """The effect in words; None in summaries that do not know it."""
    found = summary.get("market_effect_details")
    if found is None or not summary["steps_computed"]:
        return None
    return _SENTENCES[MarketEffect(summary["market_effect"])](found)


def _none_broken(_: Mapping[str, Any]) -> str:
    return "No limit is violated, neither with the market nor without trade"


def _unknown(_: Mapping[str, Any]) -> str:
    return (
        "What the market adds to violated limits is not known: not every network was solved in every interval with "
        "trade and without it (settlement.through_networks says whether the latter is computed)"
    )


def _adds_none(found: Mapping[str, Any]) -> str:
    both = _hours(found["hours_market"])
    return f"Limits are violated in {both}, the same {found['hours_alone']:g} without trade: the market adds none"


def _changed(found: Mapping[str, Any]) -> str:
    return f"{_beside(found)}: the market {_changes(found)}"


_SENTENCES = {
    MarketEffect.NONE_BROKEN: _none_broken,
    MarketEffect.ADDS_NONE: _adds_none,
    MarketEffect.ADDS: _changed,
    MarketEffect.RELIEVES: _changed,
    MarketEffect.MIXED: _changed,
    MarketEffect.UNKNOWN: _unknown,
}


def _changes(found: Mapping[str, Any]) -> str:
    """Like `adds voltage at bus 13 (2 h), and relieves line loading at line 1-2 (1 h)`."""
    verbs = {"added": "adds {}", "deepened": "worsens {}", "relieved": "relieves {}"}
    parts = [verb.format(_limits(found[key])) for key, verb in verbs.items() if found[key]]
    return ", and ".join(parts)


def _beside(found: Mapping[str, Any]) -> str:
    market, alone = found["hours_market"], found["hours_alone"]
    return f"Limits are violated in {_hours(market)}, in {alone:g} without trade"


def _hours(hours: float) -> str:
    return f"{hours:g} hour{'' if hours == 1 else 's'}"


def still_broken_sentence(summary: Mapping[str, Any]) -> str | None:
    """Which limits stay violated without trade, though everyone is held to them; None where none, or nobody asked."""
    within = summary["without_peers"].get(ALONE_WITHIN_LIMITS)
    if within is None or not within["limits"]:
        return None
    return f"Without trade, within limits, these stay violated: {_limits(within['limits'])}"


def _limits(entries: Sequence[Mapping[str, Any]]) -> str:
    """Like `voltage at bus 13 (2 h) and 4 more`."""
    named = [
        f"{name_of(entry['quantity'])} at {place(kind_of(entry['quantity']), entry['element'])} ({entry['hours']:g} h)"
        for entry in entries[:MOST_NAMED]
    ]
    more = len(entries) - len(named)
    return f"{', '.join(named)}{f' and {more} more' if more else ''}"

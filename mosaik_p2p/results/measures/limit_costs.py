"""What each limit costs: an estimate out of the negotiation, and for the dearest ones a run without that limit.

A limit is one side of one quantity of one element over the whole run. Its estimate is the sum over the intervals of
the final multiplier (money per hour and unit) times the excess of the first round, before anything was negotiated: what
the limit would cost if the last unit were as dear as the others. The checked cost is what the system costs more with
the limit than in a run of its own without it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mosaik_p2p.results.accounts.system_cost import MARKET
from mosaik_p2p.results.labels.numbers import plain
from mosaik_p2p.results.labels.quantities import kind_of, name_of, place
from mosaik_p2p.results.store.cases import lifted_case
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.scenario.lifting import can_be_lifted
from mosaik_p2p.scenario.schema import LIFTS_LIMIT

LIMIT = ["network", "element", "quantity", "is_upper"]
MOST_SAID = 3


@dataclass(frozen=True)
class LimitCost:
    """A limit that the negotiation paid for: estimate in money, hours in which it had a price."""

    network: str
    element: str
    quantity: str
    is_upper: bool
    estimate: float
    hours: float


def ranked_limits(results: Results) -> list[LimitCost]:
    """Those that can be lifted, the dearest first."""
    held = results.of_binding_round("negotiation").dropna(subset=["element", "multiplier"])
    first = results["violations"]
    first = first[first["round"] == 0].dropna(subset=["value", "limit"])
    first = first.assign(is_upper=first["value"] > first["limit"])
    joined = held.assign(is_upper=held["is_upper"].astype(bool)).merge(first, on=["time", *LIMIT], suffixes=("", "_"))
    joined = joined[(joined["multiplier"] > 0.0) & joined["quantity"].map(can_be_lifted)]
    dt_h = results.facts.dt_h
    joined = joined.assign(estimate=joined["multiplier"] * joined["excess"] * dt_h)
    sums = joined.groupby(LIMIT, as_index=False).agg(estimate=("estimate", "sum"), hours=("time", "nunique"))
    order = sums.sort_values(["estimate", *LIMIT], ascending=[False, True, True, True, True], kind="stable")
    return [_limit_cost(row, dt_h) for row in order.to_dict("records")]


def _limit_cost(row: Mapping[Any, Any], dt_h: float) -> LimitCost:
    return LimitCost(
        network=str(row["network"]),
        element=str(row["element"]),
        quantity=str(row["quantity"]),
        is_upper=bool(row["is_upper"]),
        estimate=float(row["estimate"]),
        hours=float(row["hours"]) * dt_h,
    )


def limit_costs(results: Results, system_cost: Mapping[str, float | None]) -> list[dict[str, Any]]:
    """For `summary.json`: the dearest limits; `cost` is None where no run without the limit is there."""
    return [
        {
            **{name: getattr(limit, name) for name in (*LIMIT, "hours", "estimate")},
            "cost": _more(system_cost.get(MARKET), system_cost.get(lifted_case(number))),
        }
        for number, limit in enumerate(ranked_limits(results)[:LIFTS_LIMIT], start=1)
    ]


def _more(with_limit: float | None, without: float | None) -> float | None:
    return None if with_limit is None or without is None else with_limit - without


def limit_lines(summary: Mapping[str, Any]) -> list[str]:
    """Like `Limit that costs: voltage at bus 13 in 2 h, about 3.10 CNY; without it 2.87 CNY less (run)`."""
    return list(_lines(summary["limit_costs"], summary["currency"]))


def _lines(costs: Sequence[Mapping[str, Any]], currency: str) -> Iterator[str]:
    said = max(MOST_SAID, sum(entry["cost"] is not None for entry in costs))
    for entry in costs[:said]:
        where = place(kind_of(entry["quantity"]), entry["element"])
        side = "highest" if entry["is_upper"] else "lowest"
        checked = "" if entry["cost"] is None else f"; in a run without it the system costs {plain(entry['cost'])} less"
        yield (
            f"Limit of the {side} {name_of(entry['quantity'])} at {where} ({entry['hours']:g} h): "
            f"about {plain(entry['estimate'])} {currency}{checked}"
        )

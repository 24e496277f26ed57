"""The same days in every case that is known: no trade, within limits, without charges, with them, and negotiated.

Beside how often limits are violated stands what each case costs: the system's cost, what the prosumers pay of it, and
what the operator takes in charges and surcharges, which only change hands.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mosaik_p2p.results.labels.quantities import name_of, unit_of
from mosaik_p2p.results.store.cases import ALONE_WITHIN_LIMITS, WITHOUT_CHARGES, WITHOUT_NEGOTIATION
from mosaik_p2p.settlement.ledger import ALONE, IN_MARKET

LABELS = {
    "without_charges": "without charges",
    "with_charges": "with charges",
    "negotiated": "with charges, negotiated",
}
WITHOUT_PEERS = {ALONE: "no trade", ALONE_WITHIN_LIMITS: "no trade, within limits"}
COST_OF = {"without_charges": WITHOUT_CHARGES, "with_charges": WITHOUT_NEGOTIATION}
"""Which counterfactual run, and case of the costs, belongs to which violations, where they are not the run's own."""


@dataclass(frozen=True)
class ComparisonRow:
    """One case: hours with violated limits by network, the worst violation of each quantity, and the money."""

    label: str
    hours: Mapping[str, float]
    worst: Mapping[str, str]
    """By the quantity's name, like `0.9312 (limit 0.95) p.u., bus 13`."""
    system_cost: float | None
    """Of the case all together, see `system_cost`; None where it is not known."""
    cost: float | None
    """Of all prosumers; None where it is not known."""
    operator: float | None
    """What the operator takes in charges and surcharges, before losses; None where it is not known."""


def comparison_rows(summary: Mapping[str, Any]) -> list[ComparisonRow]:
    """The cases that were computed; none where there is nothing to compare with."""
    rows = [*_without_peers(summary), *_of_the_market(summary)]
    return rows if len(rows) > 1 else []


def _without_peers(summary: Mapping[str, Any]) -> Iterator[ComparisonRow]:
    for case, label in WITHOUT_PEERS.items():
        broken = summary["without_peers"].get(case)
        if broken is not None:
            cost = summary["cost_total"].get(case)
            yield _row(label, broken, summary["system_cost"].get(case), cost, None if cost is None else 0.0)


def _of_the_market(summary: Mapping[str, Any]) -> Iterator[ComparisonRow]:
    own = "negotiated" if summary["violations"]["negotiated"] is not None else "with_charges"
    for case, broken in summary["violations"].items():
        if broken is not None:
            cost, operator = _money(case if case != own else None, summary)
            system = summary["system_cost"].get("market" if case == own else COST_OF[case])
            yield _row(LABELS[case], broken, system, cost, operator)


def _row(
    label: str, broken: Mapping[str, Any], system: float | None, cost: float | None, operator: float | None
) -> ComparisonRow:
    return ComparisonRow(
        label=label,
        hours=broken["hours_by_network"],
        worst={name_of(quantity): _worst(entry) for quantity, entry in broken["worst"].items()},
        system_cost=system,
        cost=cost,
        operator=operator,
    )


def _money(case: str | None, summary: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Cost of all prosumers and revenue of the operator in a case; None: in the run itself."""
    if case is None:
        return summary["cost_total"][IN_MARKET], summary["operator"]["revenue"]
    account = (summary.get("counterfactuals") or {}).get(COST_OF[case], {}).get("operator") or {}
    return summary["cost_total"].get(COST_OF[case]), account.get("revenue")


def _worst(entry: Mapping[str, Any]) -> str:
    if entry["value"] is None or entry["limit"] is None:
        return str(entry["where"])
    return f"{entry['value']:.4g} (limit {entry['limit']:.4g}) {unit_of(entry['unit'])}, {entry['where']}"

"""How often and how far limits are broken without charges, with charges, and after negotiation, and who pays for it.

Charges and surcharges are a transfer from the prosumers to the operator: what the prosumers pay more, it may have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mosaik_p2p.results.counterfactuals import WITHOUT_CHARGES, WITHOUT_NEGOTIATION
from mosaik_p2p.results.naming import name_of, unit_of
from mosaik_p2p.settlement.ledger import IN_MARKET

LABELS = {
    "without_charges": "without charges",
    "with_charges": "with charges",
    "negotiated": "with charges, negotiated",
}
COST_OF = {"without_charges": WITHOUT_CHARGES, "with_charges": WITHOUT_NEGOTIATION}
"""Which counterfactual run, and case of the costs, belongs to which violations, where they are not the run's own."""


@dataclass(frozen=True)
class ComparisonRow:
    """One case: hours with broken limits by network, the worst breach of each quantity, and the money."""

    label: str
    hours: Mapping[str, float]
    worst: Mapping[str, str]
    """By the quantity's name, like `0.9312 (limit 0.95) p.u., bus 13`."""
    cost: float | None
    """Of all prosumers; None where it is not known."""
    operator: float | None
    """What the operator takes in charges and surcharges, before losses; None where it is not known."""


def comparison_rows(summary: Mapping[str, Any]) -> list[ComparisonRow]:
    """The cases that were computed; none where there is nothing to compare with."""
    found = {case: broken for case, broken in summary["violations"].items() if broken is not None}
    return [_row(case, broken, summary) for case, broken in found.items()] if len(found) > 1 else []


def _row(case: str, broken: Mapping[str, Any], summary: Mapping[str, Any]) -> ComparisonRow:
    own = "negotiated" if summary["violations"]["negotiated"] is not None else "with_charges"
    cost, operator = _money(case if case != own else None, summary)
    return ComparisonRow(
        label=LABELS[case],
        hours=broken["hours_by_network"],
        worst={name_of(quantity): _worst(entry) for quantity, entry in broken["worst"].items()},
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

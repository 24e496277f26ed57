"""How often and how far limits are broken without charges, with charges, and after negotiation, side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mosaik_p2p.results.naming import name_of, unit_of
from mosaik_p2p.settlement.ledger import IN_MARKET

LABELS = {
    "without_charges": "without charges",
    "with_charges": "with charges",
    "negotiated": "with charges, negotiated",
}
COST_OF = {"without_charges": "without_charges", "with_charges": "without_negotiation"}
"""Which case of the costs belongs to which violations, where they are not the run's own."""


@dataclass(frozen=True)
class ComparisonRow:
    """One case: hours with broken limits by network, the worst breach of each quantity, and everybody's cost."""

    label: str
    hours: Mapping[str, float]
    worst: Mapping[str, str]
    """By the quantity's name, like `0.9312 (limit 0.95) p.u., bus 13`."""
    cost: float | None


def comparison_rows(summary: Mapping[str, Any]) -> list[ComparisonRow]:
    """The cases that were computed; none where there is nothing to compare with."""
    found = {case: broken for case, broken in summary["violations"].items() if broken is not None}
    return [_row(case, broken, summary) for case, broken in found.items()] if len(found) > 1 else []


def _row(case: str, broken: Mapping[str, Any], summary: Mapping[str, Any]) -> ComparisonRow:
    total = summary["cost_total"]
    own = "negotiated" if summary["violations"]["negotiated"] is not None else "with_charges"
    return ComparisonRow(
        label=LABELS[case],
        hours=broken["hours_by_network"],
        worst={name_of(quantity): _worst(entry) for quantity, entry in broken["worst"].items()},
        cost=total[IN_MARKET] if case == own else total.get(COST_OF[case]),
    )


def _worst(entry: Mapping[str, Any]) -> str:
    if entry["value"] is None or entry["limit"] is None:
        return str(entry["where"])
    return f"{entry['value']:.4g} (limit {entry['limit']:.4g}) {unit_of(entry['unit'])}, {entry['where']}"

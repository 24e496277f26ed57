"""What runs came to: every figure of their summaries, with its unit."""

from collections.abc import Mapping, Sequence
from typing import Any

from mosaik_p2p.results.differences.flat import Different, differing, flat
from mosaik_p2p.results.in_hand.run_results import RunResults
from mosaik_p2p.results.tables.columns import UNITS

LEFT_OUT = frozenset({"schema", "name", "title", "versions", "scenario_hash", "wall_s"})
"""What is no outcome: it is told as an input, or is another time every time."""
FIRST = (
    *("complete", "verdict", "system_cost.alone", "system_cost.market", "welfare_gain"),
    *("welfare_gain_after_closing_value", "hours_broken.alone.electricity", "hours_broken.alone.heat"),
    *("hours_broken.market.electricity", "hours_broken.market.heat", "traded_kwh.electricity", "traded_kwh.heat"),
    *("operator.balance", "unserved_kwh.electricity", "unserved_kwh.heat", "missed_kwh"),
)
"""Figures that are shown whether they differ or not, before all others."""
MONEY = frozenset(
    {
        *("cost", "cost_total", "closing_value", "system_cost", "system_cost_parts", "welfare_gain"),
        *("welfare_gain_after_closing_value", "operator", "parties", "revenue", "cost_of_losses", "fixed_cost"),
        *("charges", "place_charges", "surcharges", "surcharges_returned"),
    }
)
"""Parts of a key that make an amount of money of what stands below them."""
PURE = frozenset({"ratio", "steps", "steps_computed", "seed", "clearings", "relative_gap", "losses"})
"""Ends of keys without a unit."""
HOURS = "h"


def figures(run: RunResults) -> dict[str, Any]:
    """Every figure of the summary by its key, dots between the names."""
    return dict(flat({name: value for name, value in run.summary.items() if name not in LEFT_OUT}))


def figures_that_differ(runs: Sequence[RunResults]) -> tuple[Different, ...]:
    """Those of which not all runs have the same."""
    return differing([figures(run) for run in runs])


def unit_of(key: str, all_figures: Mapping[str, Any], currency: str) -> str:
    """Of a figure; empty of counts, shares and words."""
    above, _, last = key.rpartition(".")
    if last in ("value", "limit", "excess") and f"{above}.unit" in all_figures:
        return str(all_figures[f"{above}.unit"] or "")
    if last in PURE:
        return ""
    for name in reversed(key.split(".")):
        if name.startswith("hours") or name.endswith("_hours"):
            return HOURS
        known = next((unit for ending, unit in UNITS.items() if name.endswith(ending)), None)
        if known is not None:
            return known.replace("currency", currency)
        if name in MONEY:
            return currency
    return HOURS if last.endswith("_h") else ""

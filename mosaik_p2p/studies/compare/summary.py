"""What a comparison says beyond its table, as `compare.json` holds it: JSON types, null for what is not known."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import pandas as pd

from mosaik_p2p.studies.compare.baseline import Baseline
from mosaik_p2p.studies.compare.columns import fairness_of, paid_back, plain_row
from mosaik_p2p.studies.compare.outcome import RowOutcome
from mosaik_p2p.studies.compare.plan import Plan


def summary_of(
    plan: Plan, outcomes: Sequence[RowOutcome], baseline: Baseline | None, table: pd.DataFrame
) -> dict[str, Any]:
    """Everything that page and terminal show beside the runs' own tables."""
    scenario = plan.base.scenario
    rows = [plain_row({str(key): value for key, value in row.items()}) for row in table.to_dict("records")]
    return {
        "scenario": scenario.name,
        "title": scenario.title or scenario.name,
        "currency": scenario.currency,
        "intervals": scenario.time.steps,
        "hours": scenario.time.steps * plan.base.dt_h,
        "networks": list(plan.networks),
        "negotiation": plan.within_limits,
        "added": plan.added,
        "baseline": None if baseline is None else asdict(baseline),
        "best": best_of(rows),
        "rows": [
            {
                **row,
                **_of_run(outcome, baseline),
                "reveals": outcome.checked.row.design.kind.reveals,
                "conceals": outcome.checked.row.design.kind.conceals,
            }
            for row, outcome in zip(rows, outcomes, strict=True)
        ],
        "version": version("mosaik-p2p"),
    }


def best_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The label of the row that keeps all limits at the least system cost, or else breaks them in the fewest hours.

    `kept` says which of both, `cost` whether closing values are in. None where no row is complete.
    """
    known = [row for row in rows if row["complete"]]
    kept = [row for row in known if not row["hours_infeasible"] and not row["hours_unknown"]]
    priced = [row for row in kept if row["system_cost"] is not None]
    if priced:
        closed = all(row["closing_value"] is not None for row in priced)
        costs = {row["label"]: row["system_cost"] + (row["closing_value"] if closed else 0.0) for row in priced}
        best = min(costs, key=lambda label: costs[label])
        return {"label": best, "kept": True, "of": len(kept), "system_cost": costs[best], "closing_value_in": closed}
    if not known:
        return None
    fewest = min(known, key=lambda row: (row["hours_infeasible"] + row["hours_unknown"], row["worst_excess"] or 0.0))
    return {"label": fewest["label"], "kept": False, "hours": fewest["hours_infeasible"] + fewest["hours_unknown"]}


def _of_run(outcome: RowOutcome, baseline: Baseline | None) -> dict[str, Any]:
    """What the table has no column for."""
    told = outcome.summary
    if told is None or not outcome.is_complete:
        return {"hours_broken": None, "caused_loss_kwh": None, "money": None, "savings": None, "savings_returned": None}
    paid, returned = fairness_of(outcome, baseline), fairness_of(outcome, baseline, paid_back)
    return {
        "hours_broken": told["hours_broken"]["market"],
        "caused_loss_kwh": told["caused_loss_kwh"],
        "money": _money(told),
        "savings": None if paid is None else dict(paid.saving),
        "savings_returned": None if returned is None else dict(returned.saving),
    }


def _money(told: Mapping[str, Any]) -> dict[str, float | None]:
    """To whom goes what the prosumers pay; what their own devices cost them goes to nobody."""
    parts = told["system_cost_parts"]["market"] or {}
    own = [parts.get(item) for item in ("device", "fuel", "imbalance")]
    known = [money for money in own if money is not None]
    return {
        "devices": sum(known) if len(known) == len(own) else None,
        **{party: received["in_market"] for party, received in told["parties"].items()},
    }

"""A row of `compare.parquet`: what a run came to, beside the day without trade.

Of a run that is not complete only hours, iterations and times are told: sums over a part of the time would look like
less cost.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mosaik_p2p.errors import Verdict
from mosaik_p2p.results.accounts.fairness import Fairness, fairness
from mosaik_p2p.results.accounts.losses import cost_of_caused_losses
from mosaik_p2p.results.measures.district import MARKET
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.settlement.ledger import ALONE, CLOSING_VALUE, IN_MARKET
from mosaik_p2p.settlement.returns import surcharges_returned
from mosaik_p2p.studies.compare.baseline import Baseline
from mosaik_p2p.studies.compare.outcome import RowOutcome
from mosaik_p2p.units import CARRIERS

PER_CARRIER = ("traded_kwh", "self_consumption", "self_sufficiency")
TEXTS = ("label", "design", "charges_electricity", "charges_heat", "baseline", "cause", "command")
WHOLE_NUMBERS = ("worse_off", "worse_off_returned", "iterations", "exchanges", "sent_bytes", "rounds")
COLUMNS = (
    *("label", "design", "charges_electricity", "charges_heat", "complete"),
    *("hours_feasible", "hours_infeasible", "hours_unknown", "worst_excess"),
    *(f"traded_kwh_{carrier}" for carrier in CARRIERS),
    *("system_cost", "closing_value", "welfare_gain", "welfare_gain_after_closing_value", "baseline"),
    *("cost_of_members", "charges", "surcharges", "surcharges_returned", "place_charges", "caused_loss_cost"),
    "operator_balance",
    *("jain", "worse_off", "least_saving_percent", "median_saving_percent", "most_saving_percent"),
    *("jain_returned", "worse_off_returned", "least_saving_percent_returned"),
    *(f"{share}_{carrier}" for share in PER_CARRIER[1:] for carrier in CARRIERS),
    *("iterations", "exchanges", "sent_bytes", "sent_bytes_per_prosumer_and_interval", "rounds", "wall_s"),
    *("cause", "command"),
)


def table_of(rows: Sequence[RowOutcome], baseline: Baseline | None, *, hours: float) -> pd.DataFrame:
    """The columns COLUMNS, a row each; `hours` is the time that each was to cover."""
    table = pd.DataFrame([columns_of(row, baseline, hours=hours) for row in rows], columns=list(COLUMNS))
    numbers = [name for name in COLUMNS if name not in (*TEXTS, *WHOLE_NUMBERS, "complete")]
    types = {**dict.fromkeys(numbers, "float64"), **dict.fromkeys(WHOLE_NUMBERS, "Int64")}
    return table.astype({**types, "complete": "bool"})


def columns_of(row: RowOutcome, baseline: Baseline | None, *, hours: float) -> dict[str, Any]:
    """One row; what is not known is None."""
    about = {
        "label": row.label,
        "design": row.checked.row.design.name,
        **{f"charges_{carrier}": row.checked.charges.get(carrier) for carrier in CARRIERS},
        "complete": row.is_complete,
        "cause": row.cause,
        "command": row.command,
    }
    if row.summary is None or row.results is None:
        return {**about, "hours_unknown": hours}
    known = {**about, **_hours(row.summary, hours), **_work(row.results), "wall_s": sum(row.summary["wall_s"].values())}
    if not row.is_complete:
        return known
    return {**known, **_money(row.summary, row.results, baseline), **_use(row.summary), **_fairness(row, baseline)}


def _hours(told: Mapping[str, Any], hours: float) -> dict[str, float]:
    """By verdict; what was never computed is unknown."""
    known = {kind: told["verdict_counts"][kind.value] * told["dt_h"] for kind in (Verdict.FEASIBLE, Verdict.INFEASIBLE)}
    left = {Verdict.UNKNOWN: max(hours - sum(known.values()), 0.0)}
    return {f"hours_{kind.value}": value for kind, value in (known | left).items()}


def _work(results: Results) -> dict[str, float | None]:
    """What the clearings took; a clearing that later intervals follow counts once, and so does one offered again."""
    own = results["clearing"]
    own = own[own["since_clearing"].fillna(0) == 0]
    exchanges, sent = own["exchanges"], own["sent_bytes"]
    told = bool(exchanges.notna().all()) and len(own) > 0
    whole = len(results.binding) * len(results.prosumers)
    return {
        "iterations": float(own.loc[exchanges.fillna(1) > 0, "iterations"].fillna(0).sum()),
        "exchanges": float(exchanges.sum()) if told else None,
        "sent_bytes": float(sent.sum()) if told else None,
        "sent_bytes_per_prosumer_and_interval": float(sent.sum()) / whole if told and whole else None,
        "rounds": float(own.groupby("time")["round"].max().sum() + own["further_clearings"].fillna(0).sum()),
        "worst_excess": _worst_excess(results),
    }


def _worst_excess(results: Results) -> float | None:
    """By how much a limit is broken at the most, as a share of it; none where nothing was solved."""
    if results.binding.empty or not results.facts.networks:
        return None
    broken = results.of_binding_round("violations")
    limit = broken["limit"].abs().where(broken["limit"] != 0.0)
    shares = (broken["excess"].abs() / limit).fillna(0.0)
    return float(shares.max()) if len(shares) else 0.0


def _money(told: Mapping[str, Any], results: Results, baseline: Baseline | None) -> dict[str, Any]:
    operator, system = told["operator"], told["system_cost"][MARKET]
    closing = told[CLOSING_VALUE].get(IN_MARKET)
    gain = None if baseline is None else _less(baseline.system_cost, system)
    more = None if baseline is None else _less(closing, baseline.closing_value)
    return {
        "system_cost": system,
        "closing_value": closing,
        "welfare_gain": gain,
        "welfare_gain_after_closing_value": _less(gain, more),
        "baseline": None if baseline is None else baseline.case,
        "cost_of_members": told["cost_total"][IN_MARKET],
        **{key: operator[key] for key in ("charges", "surcharges", "surcharges_returned", "place_charges")},
        "caused_loss_cost": cost_of_caused_losses(results),
        "operator_balance": operator["balance"],
    }


def _use(told: Mapping[str, Any]) -> dict[str, float | None]:
    """Energy traded, and how far the members serve themselves, by carrier."""
    of_market = told["district"].get(MARKET, {})
    shares = {
        f"{share}_{carrier}": of_market.get(carrier, {}).get(share) for share in PER_CARRIER[1:] for carrier in CARRIERS
    }
    return {**{f"traded_kwh_{carrier}": told["traded_kwh"].get(carrier) for carrier in CARRIERS}, **shares}


def _fairness(row: RowOutcome, baseline: Baseline | None) -> dict[str, Any]:
    paid, returned = fairness_of(row, baseline), fairness_of(row, baseline, paid_back)
    if paid is None:
        return {}
    after = (
        {}
        if returned is None
        else {
            "jain_returned": returned.jain,
            "worse_off_returned": len(returned.worse_off),
            "least_saving_percent_returned": returned.least_percent,
        }
    )
    return {
        "jain": paid.jain,
        "worse_off": len(paid.worse_off),
        "least_saving_percent": paid.least_percent,
        "median_saving_percent": paid.median_percent,
        "most_saving_percent": paid.most_percent,
        **after,
    }


PaidBack = Callable[[Mapping[str, Any]], Mapping[str, float] | None]
"""From a summary what each prosumer gets back beside what it paid; None where that is not known."""


def nothing_back(told: Mapping[str, Any]) -> dict[str, float]:
    """As everybody has paid."""
    return dict.fromkeys(told["cost"], 0.0)


def paid_back(told: Mapping[str, Any]) -> dict[str, float] | None:
    """The operator's surplus of surcharges in proportion to |cost alone|, equally where all are zero."""
    alone = {name: entry[ALONE] for name, entry in told["cost"].items()}
    if any(money is None for money in alone.values()):
        return None
    surplus = told["operator"]["surcharges"] - told["operator"]["surcharges_returned"]
    return {payment.payee: payment.money for payment in surcharges_returned(surplus, alone)}


def fairness_of(row: RowOutcome, baseline: Baseline | None, back_of: PaidBack = nothing_back) -> Fairness | None:
    """The savings of a complete row against the baseline; None where there is none."""
    if baseline is None or row.summary is None or not row.is_complete:
        return None
    back = back_of(row.summary)
    if back is None:
        return None
    return fairness({name: _entry(name, entry, baseline, back[name]) for name, entry in row.summary["cost"].items()})


def _entry(name: str, entry: Mapping[str, Any], baseline: Baseline, back: float) -> dict[str, Any]:
    """As an entry of the summary's `cost`, with the baseline in the place of the life alone."""
    own = (entry.get(CLOSING_VALUE) or {}).get(IN_MARKET)
    return {
        ALONE: baseline.cost.get(name),
        IN_MARKET: _less(entry[IN_MARKET], back),
        CLOSING_VALUE: {ALONE: baseline.closing.get(name), IN_MARKET: own},
    }


def _less(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value - other


def plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the table as JSON has it: null for what is not known."""
    return {name: None if pd.isna(value) else _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value

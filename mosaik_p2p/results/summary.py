"""The summary of a run, computed from its stored tables alone, and written as `summary.json`."""

import importlib.metadata
import json
import platform
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_p2p.errors import Status
from mosaik_p2p.results.accounts.arbitrage import ARBITRAGE, arbitrage_kwh
from mosaik_p2p.results.accounts.closing import closing_by_prosumer, closing_in_all
from mosaik_p2p.results.accounts.counterfactuals import counterfactual_results, counterfactual_summaries
from mosaik_p2p.results.accounts.loss_shares import loss_allocation
from mosaik_p2p.results.accounts.money import (
    costs,
    is_worse_off,
    operator_account,
    parties,
    reputation_account,
    stored_change,
    total_cost,
)
from mosaik_p2p.results.accounts.recovery import recovery
from mosaik_p2p.results.accounts.system_cost import gain_after_closing, system_costs
from mosaik_p2p.results.measures.district import curtailed_by_prosumer, district
from mosaik_p2p.results.measures.limit_costs import limit_costs
from mosaik_p2p.results.measures.missed_deadlines import missed_by_prosumer, missed_in_all
from mosaik_p2p.results.measures.networks import of_networks, rows_of
from mosaik_p2p.results.measures.unserved_energy import (
    surplus_by_prosumer,
    surplus_in_all,
    unserved_by_prosumer,
    unserved_in_all,
    worst_shortages,
)
from mosaik_p2p.results.measures.unsolved import without_solution
from mosaik_p2p.results.measures.verdicts import (
    CLEARED,
    clearing_status_counts,
    infeasible_intervals,
    interval_verdicts,
    overall_of_run,
    status_counts,
    verdict_counts,
)
from mosaik_p2p.results.quantities.registry import NamedQuantity
from mosaik_p2p.results.store.completeness import gaps
from mosaik_p2p.results.store.facts import Facts, read_facts
from mosaik_p2p.results.store.folder import SUMMARY_FILE
from mosaik_p2p.results.store.mark import result_folder
from mosaik_p2p.results.store.reading import Results, read_results
from mosaik_p2p.settlement.ledger import ALONE, IN_MARKET
from mosaik_p2p.units import CARRIERS, HEAT

SCHEMA = 1

NOT_ENDED = "the run has not ended"
"""The cause in the summary of a run that goes on, or was killed."""

PACKAGES = ("mosaik-p2p", "mosaik", "mosaik-api-v3", "pandapower", "pandapipes", "numpy", "pandas", "pyarrow", "piqp")


@dataclass(frozen=True)
class RunMeta:
    """What the tables of a run do not say about it."""

    name: str
    title: str
    complete: bool
    """Whether the run reached its regular end; the summary says so only where no interval is missing either."""
    steps: int
    """Number of intervals that were to be computed."""
    networks: tuple[str, ...]
    """The networks that were to be solved: `electricity`, `heat`."""
    currency: str
    dt_h: float
    seed: int | None
    scenario_hash: str | None
    versions: Mapping[str, str]
    wall_s: Mapping[str, float]
    """Seconds of wall time by part of the run."""
    initial_stored_kwh: Mapping[str, float]
    """Energy in all storages of a prosumer at the start."""
    networks_elsewhere: tuple[str, ...] = ()
    """Networks of the scenario that a simulator of somebody else solves: nothing is known of them here."""
    quantities: tuple[NamedQuantity, ...] = ()
    """The result quantities that the scenario names."""


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that shape the results; one that is not installed is left out."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def summarise(folder: Path, meta: RunMeta, *, beside: Collection[str] | None = None) -> dict[str, Any]:
    """The summary of the result folder, ready for JSON: null where something is not known, never NaN.

    `beside` are the counterfactual runs that count; None: all that are there and complete.
    """
    return summary_of(read_results(folder), meta, beside=beside)


def summary_of(results: Results, meta: RunMeta, *, beside: Collection[str] | None = None) -> dict[str, Any]:
    """The same of results that were read already."""
    folder = results.folder
    others = {case: run for case, run in counterfactual_results(folder).items() if beside is None or case in beside}
    return {
        "schema": SCHEMA,
        **_state(results, meta),
        **of_networks(results, others, meta.networks, meta.dt_h),
        **_market(results, meta),
        **_money(results, others, meta),
        "counterfactuals": counterfactual_summaries(folder),
        "scenario_hash": meta.scenario_hash,
        "versions": dict(meta.versions),
        "wall_s": {part: float(seconds) for part, seconds in meta.wall_s.items()},
    }


def _state(results: Results, meta: RunMeta) -> dict[str, Any]:
    """What was run, how far it got, and the verdict."""
    verdicts = interval_verdicts(results, meta.networks, elsewhere=meta.networks_elsewhere)
    counts = verdict_counts(verdicts, meta.steps)
    return {
        "name": meta.name,
        "title": meta.title,
        "complete": meta.complete and not gaps(results, meta.networks, meta.steps),
        "steps": meta.steps,
        "steps_computed": len(verdicts),
        "dt_h": meta.dt_h,
        "currency": meta.currency,
        "seed": meta.seed,
        "verdict": overall_of_run(counts).value,
        "verdict_counts": counts,
        "networks_elsewhere": list(meta.networks_elsewhere),
        "infeasible_intervals": infeasible_intervals(verdicts, meta.networks),
        "status_counts": {network: status_counts(rows_of(results, network)) for network in meta.networks},
        "clearing_status_counts": clearing_status_counts(results.cleared),
        "without_solution": without_solution(results, meta.networks),
        "not_converged": _not_converged(results),
        "gap_open": _gap_open(results),
        "thinned": dict(results.facts.thinned),
    }


def _market(results: Results, meta: RunMeta) -> dict[str, Any]:
    """What was traded, curtailed and cleared."""
    carriers = _carriers(meta)
    return {
        "traded_kwh": {carrier: _traded_kwh(results, carrier, meta.dt_h) for carrier in carriers},
        "mean_trade_price_per_kwh": {carrier: _mean_price(results, carrier) for carrier in carriers},
        ARBITRAGE: arbitrage_kwh(results, carriers, meta.dt_h),
        "unserved_worst": worst_shortages(results),
        "curtailed_kwh": curtailed_by_prosumer(results),
        "district": district(results, carriers),
        "reputation": reputation_account(results, meta.dt_h),
        "clearing": results.facts.clearing,
        "clearings": len(results.clearings),
        "iterations": _mean_and_max(results.clearings["iterations"]),
        "relative_gap": _mean_and_max(results.clearings["relative_gap"]),
    }


def _money(results: Results, others: Mapping[str, Results], meta: RunMeta) -> dict[str, Any]:
    """Who pays what, prosumer by prosumer and all together, with what they had to do without."""
    carriers = _carriers(meta)
    unserved = unserved_by_prosumer(results, meta.dt_h)
    surplus = surplus_by_prosumer(results, meta.dt_h)
    missed = missed_by_prosumer(results)
    closing = closing_by_prosumer(results, others)
    entries = costs(results, meta.initial_stored_kwh, others=tuple(others))
    cost = {name: {**entry, **closing[name]} for name, entry in entries.items()}
    system, after_run = system_costs(results, meta.networks, others), closing_in_all(results, others)
    operator = operator_account(results, meta.networks)
    return {
        **unserved_in_all(unserved, carriers),
        **surplus_in_all(surplus, carriers),
        **missed_in_all(missed),
        "cost": {name: {**entry, **unserved[name], **surplus[name], **missed[name]} for name, entry in cost.items()},
        "cost_total": {case: total_cost(cost, case) for case in (ALONE, IN_MARKET, *others)},
        "closing_value": after_run,
        "welfare_gain_after_closing_value": gain_after_closing(system, after_run),
        "worse_off": [name for name, entry in cost.items() if is_worse_off(entry)],
        "stored_change_kwh": stored_change(cost),
        "operator": operator,
        "recovery": recovery(results, meta.networks, operator),
        "loss_allocation": loss_allocation(results),
        "parties": parties(results, meta.networks),
        **system,
        "limit_costs": limit_costs(results, system["system_cost"]),
    }


def write_summary(folder: Path, summary: Mapping[str, Any]) -> Path:
    """Write `summary.json` whole or not at all; ValueError where a number is not finite, NotWritten where it cannot."""
    text = json.dumps(summary, allow_nan=False, indent=2, ensure_ascii=False)
    return result_folder(folder).write(SUMMARY_FILE, f"{text}\n".encode())


def read_summary(folder: Path) -> dict[str, Any]:
    """The folder's summary; of a run that died before it wrote one, what its tables and scenario tell.

    ValueError where the file is no summary.
    """
    path = folder / SUMMARY_FILE
    if not path.exists():
        return summarise(folder, _meta_of_dead_run(read_facts(folder)))
    try:
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no summary: {error}") from error
    if not (isinstance(summary, dict) and summary.get("cause") == NOT_ENDED):
        return summary
    return {**summarise(folder, meta_of_summary(summary, read_facts(folder))), "cause": NOT_ENDED}


def meta_of_summary(summary: Mapping[str, Any], facts: Facts) -> RunMeta:
    """What a stored summary tells of its run beyond tables and scenario."""
    stored = {name: entry.get("stored_start_kwh") for name, entry in summary.get("cost", {}).items()}
    return replace(
        _meta_of_dead_run(facts),
        networks_elsewhere=tuple(summary.get("networks_elsewhere", ())),
        scenario_hash=summary.get("scenario_hash"),
        versions=summary.get("versions", {}),
        initial_stored_kwh={name: level for name, level in stored.items() if level is not None},
    )


def _not_converged(results: Results) -> dict[str, Any]:
    """In how many computed intervals the market did not converge, and the commonest cause."""
    failed = results.binding[~results.binding["status"].isin(CLEARED)]
    causes = failed["cause"].dropna().value_counts(sort=True)
    return {"intervals": len(failed), "cause": None if causes.empty else str(causes.index[0])}


def _gap_open(results: Results) -> dict[str, Any]:
    """In how many computed intervals the bound did not close to what was asked, and the largest gap that was left."""
    left = results.binding[results.binding["status"] == Status.GAP_OPEN]["relative_gap"].astype(float)
    return {"intervals": len(left), "relative_gap": None if left.empty else float(left.max())}


def _meta_of_dead_run(facts: Facts) -> RunMeta:
    return RunMeta(
        name=facts.name,
        title=facts.title,
        complete=False,
        steps=facts.steps or 0,
        networks=facts.networks,
        currency=facts.currency,
        dt_h=facts.dt_h,
        seed=facts.seed,
        scenario_hash=None,
        versions={},
        wall_s={},
        initial_stored_kwh={},
    )


def _carriers(meta: RunMeta) -> tuple[str, ...]:
    return tuple(carrier for carrier in CARRIERS if carrier != HEAT or HEAT in meta.networks)


def _traded_kwh(results: Results, carrier: str, dt_h: float) -> float:
    trades = results["trades"]
    return float(trades.loc[trades["carrier"] == carrier, "power_kw"].sum() * dt_h)


def _mean_price(results: Results, carrier: str) -> float | None:
    """The mean price of the trades, weighted by their energy."""
    trades = results["trades"]
    trades = trades[(trades["carrier"] == carrier) & trades["price_per_kwh"].notna()]
    power = trades["power_kw"].sum()
    return float((trades["price_per_kwh"] * trades["power_kw"]).sum() / power) if power > 0 else None


def _mean_and_max(column: pd.Series) -> dict[str, float | None]:
    known = column.dropna()
    if known.empty:
        return {"mean": None, "max": None}
    return {"mean": float(known.mean()), "max": float(known.max())}

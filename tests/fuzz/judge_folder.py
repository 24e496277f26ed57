"""What a result folder claims, held against its own tables; and which files were there before and are not now."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import outsider
from fuzz import one_way
from fuzz.findings import Finding

EVERY_INTERVAL = ("inputs", "prosumers", "devices", "alone", "flows", "settlement")
"""Tables with rows in every interval of any run."""
LONGER = frozenset({"inputs", "charges"})
"""Tables that reach beyond the run."""
WHERE_SOLVED = {"electricity": ("buses", "lines"), "heat": ("junctions", "pipes", "plants")}
"""Tables with rows in every interval that the network's solver solved."""
SOLVED = ("ok", "not_deliverable")
PLAUSIBLE = 1e15
UNSERVED_KW = 1e-2
ROUNDING = 1e-6
GAP_ROUNDING = 1e-6
"""What two solvers may differ by, of the scale of the gap."""
TRACEBACK = "Traceback"
BAD_LATE = ("KeyError", "TypeError", "IndexError", "AttributeError", "ValueError", "BadInput", "ZeroDivisionError")
"""What stops a run that `check` should have stopped."""


def of_run(folder: Path, summary: Mapping[str, Any], exit_code: int) -> Iterator[Finding]:
    """What is wrong with the outcome of a run."""
    if exit_code not in (0, 1, 3):
        yield Finding("exit", f"exit code {exit_code}")
    log = folder / "error.log"
    if log.exists() and TRACEBACK in log.read_text(encoding="utf-8", errors="replace"):
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        yield Finding("late", f"check accepts it and the run ends with {_last_frame(lines)}", lines[-1][:300])
    if exit_code == 1 and not (summary["cause"] or "").strip():
        yield Finding("message", "incomplete without a cause")
    if summary["complete"]:
        yield from of_complete(folder)


def _last_frame(lines: list[str]) -> str:
    ours = [line for line in lines if line.strip().startswith("File") and ("mosaik_p2p" in line or "networks" in line)]
    where = ours[-1].split(" in ")[-1].strip() if ours else "?"
    return f"{lines[-1].split(':')[0].strip()} in {where}"


def of_complete(folder: Path) -> Iterator[Finding]:
    """What a folder that says it is complete owes: all intervals in all tables, sums that add up, finite numbers."""
    text = (folder / "summary.json").read_text(encoding="utf-8")
    if any(word in text for word in ("NaN", "Infinity")):
        yield Finding("folder", "the summary holds NaN or Infinity")
    results = outsider.read(folder)
    tables, summary = results.tables, results.summary
    yield from _gaps_in_time(tables, summary["steps"])
    yield from _numbers(tables)
    if missing := sorted({"trades", "prosumers", "clearing", "settlement", "devices"} - set(tables)):
        yield Finding("folder", f"complete without the tables {', '.join(missing)}")
        return
    yield from _sums(results)
    yield from _verdict(tables, summary)
    yield from _certificates(tables, results.scenario)


def _gaps_in_time(tables: Mapping[str, pd.DataFrame], steps: int) -> Iterator[Finding]:
    flows = tables.get("flows", pd.DataFrame({"network": [], "status": [], "time": []}))
    owed = dict.fromkeys(EVERY_INTERVAL, steps)
    for network, names in WHERE_SOLVED.items():
        solved = flows[(flows["network"] == network) & flows["status"].isin(SOLVED)]["time"].nunique()
        owed |= dict.fromkeys(names, solved)
    for name, count in owed.items():
        found = tables[name]["time"].nunique() if name in tables else 0
        if found < count:
            yield Finding("folder", f"complete, and table {name} lacks intervals", f"{found} of {count}")
    for name in sorted(set(tables) - LONGER):
        found = tables[name]["time"].nunique()
        if found > steps:
            yield Finding("folder", "complete, with intervals of another run", f"{name}: {found} of {steps}")


def _numbers(tables: Mapping[str, pd.DataFrame]) -> Iterator[Finding]:
    for name, table in tables.items():
        for column in table.select_dtypes("number"):
            values = table[column].dropna().to_numpy(dtype=float)
            if not np.isfinite(values).all() or (len(values) and np.abs(values).max() > PLAUSIBLE):
                yield Finding("folder", f"implausible numbers in {name}.{column}", str(np.abs(values).max()))


def _sums(results: outsider.Results) -> Iterator[Finding]:
    energy, money = outsider.energy_errors(results), outsider.money_errors(results)
    off = energy[energy["error_kw"] > ROUNDING * energy["total_kw"].clip(lower=1e-2)]
    for carrier in off["carrier"].unique():
        worst = off[off["carrier"] == carrier].iloc[0]
        yield Finding("folder", f"{carrier} does not balance", f"{worst['error_kw']:g} of {worst['total_kw']:g} kW")
    limit = ROUNDING * money["turnover"].clip(lower=1e-2)
    if (money["error"] > limit).any() or (money["trade_error"] > limit).any():
        yield Finding("folder", "money does not sum up, or trades are not paid as agreed")


def _verdict(tables: Mapping[str, pd.DataFrame], summary: Mapping[str, Any]) -> Iterator[Finding]:
    short = -tables["prosumers"]["imbalance_kw"].clip(upper=0.0).sum()
    if summary["verdict"] == "feasible" and short > UNSERVED_KW:
        yield Finding("folder", "feasible with loads that are not served", f"{short:g} kW in all")
    if summary["verdict"] == "feasible" and len(tables.get("violations", ())):
        last = tables["violations"].merge(
            tables["clearing"].loc[tables["clearing"]["binding"], ["time", "round"]], on=["time", "round"]
        )
        if len(last):
            yield Finding("folder", "feasible with violations in the binding round", f"{len(last)}")


def _certificates(tables: Mapping[str, pd.DataFrame], scenario: Mapping[str, Any]) -> Iterator[Finding]:
    clearing = tables["clearing"]
    asked = float(scenario["market"].get("relative_gap", 1e-3))
    ok = clearing[clearing["status"] == "ok"]
    loose = ok[ok["relative_gap"].fillna(np.inf) > asked]
    if len(loose):
        kinds = "repaired" if loose["repaired"].fillna(False).any() else "as cleared"
        yield Finding("folder", f"ok above the gap that was asked for ({kinds})", f"{loose['relative_gap'].max():g}")


def of_gaps(folder: Path) -> Iterator[Finding]:
    """The clearings of a complete run against the central optimum that an outsider computes from the tables."""
    results = outsider.read(folder)
    try:
        table = outsider.gaps(results)
    except (RuntimeError, KeyError, ValueError, IndexError):
        return  # beyond the outsider's model
    told = results.binding["relative_gap"].reindex(table["time"]).to_numpy(dtype=float)
    status = results.binding["status"].reindex(table["time"])
    # The outsider knows no limits of networks: what was negotiated is dearer.
    free = results.binding["round"].reindex(table["time"]).eq(0) & (status == "ok")
    worse = (table["cost_above_optimum"].to_numpy() > told + GAP_ROUNDING) & free.to_numpy()
    for row in np.flatnonzero(worse):
        above, optimum = float(table["cost_above_optimum"].iloc[row]), float(table["optimum"].iloc[row])
        cost = float(results.binding["cost"].loc[table["time"].iloc[row]])
        scale = (cost - optimum) / above
        # The table's optimum lets a store charge and discharge at once.
        exact = one_way.optimum(results, table["time"].iloc[row], within=GAP_ROUNDING * scale)
        if exact is not None and (cost - exact) / scale > told[row] + 2 * GAP_ROUNDING:
            text = f"{(cost - exact) / scale:g} where {told[row]:g} is told"
            yield Finding("folder", "the true gap is above the reported one", text)
            return


Snapshot = dict[str, str]
"""Path inside a folder to what is there: a link's target, or a digest of the bytes."""


def snapshot(folder: Path, *, only: Iterable[Path] | None = None) -> Snapshot:
    """What lies in a folder, links not followed."""
    found = [Path(where) / name for where, folders, names in os.walk(folder) for name in (*folders, *names)]
    chosen = found if only is None else list(only)
    return {str(path.relative_to(folder)): _print(path) for path in chosen}


def _print(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    if path.is_dir():
        return "folder"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "gone"


def of_files(before: Snapshot, folder: Path, what: str) -> Iterator[Finding]:
    """Files that were nobody's but the user's, and are changed or gone."""
    for name, was in before.items():
        now = _print(folder / name)
        if now != was:
            verb = "lost" if now == "gone" else "replaced"
            yield Finding("lost", f"{what}: {verb} {'/'.join(Path(name).parts[-2:])}", name)


def told(folder: Path) -> dict[str, Any]:
    """The summary; empty where there is none to be read."""
    try:
        summary: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return summary

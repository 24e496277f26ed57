"""What a run says about its point: whether it holds, which limit breaks, and what was given up to keep limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_p2p.errors import Verdict
from mosaik_p2p.prosumers.device import Family
from mosaik_p2p.results.measures.worst_values import is_broken, label_and_digits
from mosaik_p2p.settlement.ledger import ALONE
from mosaik_p2p.studies.hosting.search import Held
from mosaik_p2p.studies.sweep.table import RunStatus, Stored
from mosaik_p2p.units import ELECTRICITY

NOTICEABLE = 5e-4
"""Share that is told: less is 0.0 %."""
DEVICE_TABLES = {"market": "devices", ALONE: "alone_devices"}


@dataclass(frozen=True)
class Limit:
    """What does not hold, in the place and at the time where it is worst."""

    name: str
    where: str = ""
    when: str = ""
    """ISO 8601, on the scenario's clock."""
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    digits: int = 3

    @property
    def excess(self) -> float:
        """As a share of the limit, where it has one that is not zero."""
        if self.value is None or self.limit is None:
            return 0.0
        return abs(self.value - self.limit) / (abs(self.limit) or 1.0)


@dataclass(frozen=True)
class Judged:
    """A run as a point of the search."""

    held: Held
    limits: tuple[Limit, ...] = ()
    """What does not hold, worst first."""
    given_up: float | None = None
    """Share of what sun and wind offered that is curtailed, or of what vehicles were to have that is missed."""
    cause: str | None = None
    """Why nothing is known."""


def judged(found: Stored, folder: Path, *, most_given_up: float) -> Judged:
    """What stands in the folder of a run."""
    if found.status not in (RunStatus.COMPLETE, RunStatus.NO_SOLUTION):
        return Judged(Held.FAILED, cause=found.cause or found.status.value)
    summary = found.summary
    given_up, anyway = _given_up(summary, folder)
    if summary["verdict"] == Verdict.INFEASIBLE:
        return Judged(Held.BREAKS, _limits(summary), given_up)
    if summary["verdict"] != Verdict.FEASIBLE:
        return Judged(Held.NO_SOLUTION, given_up=given_up, cause=_unsolved(summary))
    if given_up > most_given_up:
        name = f"Share given up ({100 * anyway:.1f} % without trade)" if anyway > NOTICEABLE else "Share given up"
        lost = Limit(name, value=100 * given_up, limit=100 * most_given_up, unit="%", digits=1)
        return Judged(Held.BREAKS, (lost,), given_up)
    return Judged(Held.HOLDS, given_up=given_up)


def _limits(summary: Mapping[str, Any]) -> tuple[Limit, ...]:
    broken = [
        _of_worst(key, entry) for key, entry in summary["worst"].items() if entry is not None and is_broken(entry)
    ]
    unserved = [
        Limit(f"{carrier.capitalize()} not served", entry["prosumer"], entry["time"], entry["power_kw"], 0.0, "kW", 2)
        for carrier, entry in summary["unserved_worst"].items()
    ]
    found = sorted(broken, key=lambda limit: -limit.excess)
    return (*found, *unserved) or (Limit("Not feasible, see the run's own summary"),)


def _of_worst(key: str, entry: Mapping[str, Any]) -> Limit:
    name, digits = label_and_digits(key, entry)
    place = (entry["where"], entry["time"], entry["value"], entry["limit"], entry["unit"])
    return Limit(name, *place, digits)


def _unsolved(summary: Mapping[str, Any]) -> str:
    hours = summary["verdict_counts"][Verdict.UNKNOWN.value] * summary["dt_h"]
    return f"no solution in {hours:g} h"


def _given_up(summary: Mapping[str, Any], folder: Path) -> tuple[float, float]:
    """The larger of both shares, of what is curtailed and of what vehicles miss; what of it is so without trade.

    What is curtailed counts whatever the reason: sun that contracts do not take is hosted by no network. Of missed
    charging that does which a day without trade would not miss: whoever comes too late cannot be served.
    """
    curtailed, anyway = _curtailed(summary, "market"), _curtailed(summary, ALONE)
    late = max(_missed(summary, folder, "market") - _missed(summary, folder, ALONE), 0.0)
    return (late, 0.0) if late > curtailed else (curtailed, min(anyway, curtailed))


def _curtailed(summary: Mapping[str, Any], case: str) -> float:
    """Of the electricity that sun and wind offered."""
    found = summary["district"].get(case, {}).get(ELECTRICITY)
    return 0.0 if found is None or not found["available_kwh"] else found["curtailed_kwh"] / found["available_kwh"]


def _missed(summary: Mapping[str, Any], folder: Path, case: str) -> float:
    """Of what vehicles took from the network and what they lacked when they left."""
    columns = ["family", "el_kw", "missed_kwh"]
    rows = pd.read_parquet(folder / f"{DEVICE_TABLES[case]}.parquet", columns=columns)
    rows = rows[rows["family"] == Family.VEHICLE]
    missed = float(rows["missed_kwh"].clip(lower=0.0).sum())
    wanted = missed + max(-float(rows["el_kw"].sum()) * summary["dt_h"], 0.0)
    return missed / wanted if wanted > 0.0 else 0.0

"""Whether each interval, and the run, stayed feasible: for the networks, and for the loads that were to be served."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

import pandas as pd

from mosaik_p2p.errors import Status, Verdict
from mosaik_p2p.limits.violation import Violation, verdict
from mosaik_p2p.results.measures.unserved_energy import intervals_not_served
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.units import ELECTRICITY, HEAT

LOADS = "loads"
"""Stands beside the networks where verdicts are told."""
SOLVED = (Status.OK, Status.IDLE)
CLEARED = (*SOLVED, Status.GAP_OPEN, Status.NO_ENVELOPE)
"""Of a market: its dispatch holds, however good it is."""
OF_MARKETS = (Status.GAP_OPEN, Status.NO_ENVELOPE, Status.NO_EQUILIBRIUM)
"""No network has these."""
ELEMENTS = {ELECTRICITY: "buses", HEAT: "pipes"}
"""Where a solved network shows that it was looked at."""
VIOLATION_FIELDS = tuple(field.name for field in fields(Violation))


def interval_verdicts(results: Results, networks: Sequence[str], *, elsewhere: Sequence[str] = ()) -> pd.DataFrame:
    """Columns time, then one per network, then `loads` and verdict, for every computed interval.

    A network that left no row in an interval is unknown there, or none of its elements though it was solved, as are the
    loads of an interval whose market was not cleared. Loads that are not served make an interval infeasible, like a
    violated limit: else a district could be made to fit its networks by cutting it off. A network that is solved
    `elsewhere` leaves every interval undecided.
    """
    flows = results.of_binding_round("flows")
    # Of several rows the first one counts.
    statuses = dict(zip(_keys(flows)[::-1], flows["status"].tolist()[::-1], strict=True))
    elements = {name: frozenset(results.rows_by_time(table).index) for name, table in ELEMENTS.items()}
    broken = _violations(results.of_binding_round("violations"))
    binding, not_served = results.binding, intervals_not_served(results)
    rows = []
    for moment, market in zip(binding["time"], binding["status"], strict=True):
        found = {
            network: _judge(statuses, broken, (moment, network), has_elements=moment in elements[network])
            for network in networks
        }
        found[LOADS] = _of_loads(market, served=moment not in not_served)
        unseen = [Verdict.UNKNOWN] * len(elsewhere)
        rows.append({"time": moment, **found, "verdict": overall_of_interval([*found.values(), *unseen])})
    return pd.DataFrame(rows, columns=["time", *networks, LOADS, "verdict"])


def infeasible_intervals(verdicts: pd.DataFrame, networks: Sequence[str]) -> dict[str, int]:
    """Number of infeasible intervals in which limits are violated, and in which loads are not served; some are both."""
    bad = verdicts[verdicts["verdict"] == Verdict.INFEASIBLE]
    broken = (bad[list(networks)] == Verdict.INFEASIBLE).any(axis=1)
    return {"limits": int(broken.sum()), LOADS: int((bad[LOADS] == Verdict.INFEASIBLE).sum())}


def overall_of_interval(found: Iterable[Verdict]) -> Verdict:
    """One interval: without a solution of every network it is not known; else one violated limit breaks it."""
    kinds = set(found)
    return next((kind for kind in (Verdict.UNKNOWN, Verdict.INFEASIBLE) if kind in kinds), Verdict.FEASIBLE)


def overall_of_run(counts: dict[str, int]) -> Verdict:
    """The run: one infeasible interval makes it infeasible, else one unknown makes it unknown."""
    return next((kind for kind in (Verdict.INFEASIBLE, Verdict.UNKNOWN) if counts[kind.value]), Verdict.FEASIBLE)


def verdict_counts(verdicts: pd.DataFrame, steps: int) -> dict[str, int]:
    """Number of intervals by verdict, adding up to `steps`: one that was never computed is unknown."""
    counts = Counter(str(kind) for kind in verdicts["verdict"])
    counts[Verdict.UNKNOWN.value] += max(0, steps - len(verdicts))
    return {kind.value: counts[kind.value] for kind in Verdict}


def status_counts(rows: pd.DataFrame) -> dict[str, int]:
    """Number of a network's rows by status, every status that a network can have named."""
    return {name: count for name, count in clearing_status_counts(rows).items() if name not in OF_MARKETS}


def clearing_status_counts(rows: pd.DataFrame) -> dict[str, int]:
    """Number of rows by status, every status named."""
    counts = Counter(str(status) for status in rows["status"])
    return {status.value: counts[status.value] for status in Status}


def _judge(
    statuses: dict[Any, str], broken: dict[Any, list[Violation]], key: tuple[Any, str], *, has_elements: bool
) -> Verdict:
    if key not in statuses:
        return Verdict.UNKNOWN
    status = Status(statuses[key])
    if status is Status.OK and not has_elements:
        return Verdict.UNKNOWN
    return verdict(status, broken.get(key, ()))


def _of_loads(status: str | None, *, served: bool) -> Verdict:
    if status not in CLEARED:
        return Verdict.UNKNOWN
    return Verdict.FEASIBLE if served else Verdict.INFEASIBLE


def _keys(rows: pd.DataFrame) -> list[tuple[Any, str]]:
    """Time and network of each row. Of a whole table at once: pandas takes long to make a table for each interval."""
    return list(zip(rows["time"], rows["network"], strict=True))


def _violations(rows: pd.DataFrame) -> dict[Any, list[Violation]]:
    """By time and network."""
    found: dict[Any, list[Violation]] = {}
    for key, fields_of in zip(_keys(rows), rows[list(VIOLATION_FIELDS)].to_dict("records"), strict=True):
        found.setdefault(key, []).append(Violation(**{str(name): value for name, value in fields_of.items()}))
    return found

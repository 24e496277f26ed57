"""The command `hosting-capacity`, and the same in Python: search under three markets at once, and write it all down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_p2p.cosim import ExitCode
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading import load
from mosaik_p2p.loading.runs.resolved import Resolved, resolved
from mosaik_p2p.loading.source import scenario_path
from mosaik_p2p.studies.engine.choice import engine_for
from mosaik_p2p.studies.hosting.files import write_answer
from mosaik_p2p.studies.hosting.growth import Growth, growth_of, key_faults, plain_text, range_of
from mosaik_p2p.studies.hosting.page import page
from mosaik_p2p.studies.hosting.per_feeder import growth_by_feeder, per_faults
from mosaik_p2p.studies.hosting.plan import LEAN
from mosaik_p2p.studies.hosting.points import Judged
from mosaik_p2p.studies.hosting.search import Answer, Found, Held
from mosaik_p2p.studies.hosting.searching import Key, Search, searched
from mosaik_p2p.studies.hosting.summary import Asked, summary_of, table_of
from mosaik_p2p.studies.sweep.plan import Wanted

GIVEN_UP = "--given-up"
CURTAILED_BY_LAW = 0.03
"""Share of a year's energy by which operators in Germany may plan to curtail each plant of wind or sun (EnWG, § 11)."""
MOST_JOBS = 256


@dataclass(frozen=True)
class HostingCapacity:
    """What was found, and where it lies."""

    folder: Path
    summary: dict[str, Any]
    """As in `hosting.json`."""
    points: pd.DataFrame
    """As in `points.parquet`: a row per point that was tried."""
    exit_code: ExitCode


def hosting_capacity(
    scenario: str | Path,
    grow: str,
    *,
    per: str | None = None,
    low: float = 0.0,
    high: float | None = None,
    within: float | None = None,
    given_up: float | None = None,
    out: str | Path | None = None,
    steps: int | None = None,
    overrides: Sequence[str] = (),
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool = True,
    allow_code: bool = False,
) -> HostingCapacity:
    """How far something may grow before a limit breaks: without market, with market, and with a negotiated one.

    `grow` is `pv`, `heat_pump` or `ev`: what the scenario has of it is multiplied by factors from `low` to `high` (10);
    or a key of the scenario, which takes values from `low` to `high` itself. With `per="feeder"` it grows on one feeder
    at a time, and there are three answers for each. The answer is known to `within` (a hundredth of the range). A run
    holds if it is feasible, and if no more than the share `given_up` (0.03) of what sun and wind offer is curtailed,
    and of what vehicles are to have missed that they would have without trade. `out` (results/NAME-hosting-GROW, or
    -feeders behind it) gets a result folder `runs/run=ID` for each point, `points.parquet`, `hosting.json` and
    `index.html`; the same call goes on where an earlier one was stopped. The other arguments are those of `sweep`.

    Raises BadInput where what is asked for, the scenario, or an end of the range is at fault.
    """
    sought, faults = range_of(grow, low, high, within)
    most_given_up = CURTAILED_BY_LAW if given_up is None else given_up
    faults += [*key_faults(grow), *per_faults(grow, per), *_number_faults(most_given_up, jobs)]
    if sought is None or faults:
        raise BadInput(faults)
    wanted = Wanted(scenario=scenario, overrides=(*LEAN, *overrides), steps=steps, allow_code=allow_code)
    base, growths = _base(wanted, grow, per)
    source = scenario_path(scenario)
    search = Search(_folder(out, source, grow, per), wanted, growths, sought, most_given_up)
    search.refuse_bad_ends()
    question = {"grow": growths[0].key, "own": plain_text(growths[0].own), "scenario": base.identity}
    with engine_for(jobs=jobs, scheduler=scheduler) as engine:
        demand = searched(search, question, source, engine=engine, progress=progress)
    found = _told(search, base, per)
    if demand is not None:
        raise demand
    return found


def _folder(out: str | Path | None, source: Path, grow: str, per: str | None) -> Path:
    divided = "" if per is None else f"-{per}s"
    return Path("results") / f"{source.stem}-hosting-{grow}{divided}" if out is None else Path(out)


def _number_faults(given_up: float, jobs: int | None) -> list[Fault]:
    faults = []
    if not 0.001 <= given_up <= 1.0:
        problem = "must lie between 0.001 and 1, as a share"
        faults.append(Fault(GIVEN_UP, f"{given_up}", problem, "Give 0.03, or 1 if it does not matter what is lost."))
    if jobs is not None and not 1 <= jobs <= MOST_JOBS:
        faults.append(Fault("--jobs", f"{jobs}", f"must lie between 1 and {MOST_JOBS}", "Leave it out."))
    return faults


def _base(wanted: Wanted, grow: str, per: str | None) -> tuple[Resolved, tuple[Growth, ...]]:
    """The scenario before anything grows, and what is to: in one piece, or on one feeder after the other."""
    stated = [] if wanted.steps is None else [f"time.steps={wanted.steps}"]
    overrides = [*wanted.overrides, *stated]
    base = resolved(wanted.scenario, overrides, allow_code=wanted.allow_code)
    whole, faults = growth_of(grow, base.scenario)
    growths: tuple[Growth, ...] = (whole,)
    if per is not None and not faults:
        growths, faults = growth_by_feeder(whole, load(wanted.scenario, overrides, allow_code=wanted.allow_code))
    if faults:
        raise BadInput(faults)
    return base, growths


def _told(search: Search, base: Resolved, per: str | None) -> HostingCapacity:
    points = [(point, search.judged[key]) for key, point in search.points.items() if key in search.judged]
    table = table_of(points, search.growths)
    answers = search.answers()
    asked = Asked(base.scenario, per, search.growths, search.sought, search.given_up)
    summary = summary_of(asked, answers, points)
    write_answer(search.folder, summary, table, page(summary, table))
    return HostingCapacity(search.folder, summary, table, _exit_code(answers, search.judged))


def _exit_code(answers: Mapping[tuple[Growth, str], Answer], points: Mapping[Key, Judged]) -> ExitCode:
    """0 where each answer lies between two runs; 1 where a run that one depends on is not complete."""
    for of, found in answers.items():
        above = None if found.above is None else points[*of, found.above]
        if found.found is Found.NOT_ENDED or (above is not None and above.held is Held.FAILED):
            return ExitCode.INCOMPLETE
    is_between = all(found.found is Found.BETWEEN for found in answers.values())
    return ExitCode.COMPLETE if is_between else ExitCode.NO_SOLUTION

"""The command `hosting-capacity`, and the same in Python: search under three markets at once, and write it all down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_p2p.cosim import ExitCode
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.runs.resolved import Resolved, resolved
from mosaik_p2p.loading.source import scenario_path
from mosaik_p2p.sims.world.progress import tell
from mosaik_p2p.studies.engine.running import Ran
from mosaik_p2p.studies.hosting.files import prepared, write_answer
from mosaik_p2p.studies.hosting.growth import (
    FROM,
    TO,
    Growth,
    growth_of,
    key_faults,
    plain_text,
    range_of,
    value_faults,
)
from mosaik_p2p.studies.hosting.page import page
from mosaik_p2p.studies.hosting.plan import LEAN, VARIANTS, Point, Variant, point_of
from mosaik_p2p.studies.hosting.points import Judged, judged
from mosaik_p2p.studies.hosting.search import Answer, Found, Held, Range, answer, next_values
from mosaik_p2p.studies.hosting.summary import summary_of, table_of
from mosaik_p2p.studies.sweep.missing import run_missing
from mosaik_p2p.studies.sweep.plan import Row, Wanted
from mosaik_p2p.studies.sweep.table import RunStatus, Stored, stored

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
    or a key of the scenario, which takes values from `low` to `high` itself. The answer is known to `within` (a
    hundredth of the range). A run holds if it is feasible, and if no more than the share `given_up` (0.03) of what sun
    and wind offer is curtailed, and of what vehicles are to have missed that they would have without trade. `out`
    (results/NAME-hosting-GROW) gets a result folder `runs/run=ID` for each point, `points.parquet`, `hosting.json` and
    `index.html`; the same call goes on where an earlier one was stopped. The other arguments are those of `sweep`.

    Raises BadInput where what is asked for, the scenario, or an end of the range is at fault.
    """
    sought, faults = range_of(grow, low, high, within)
    most_given_up = CURTAILED_BY_LAW if given_up is None else given_up
    faults += [*key_faults(grow), *_number_faults(most_given_up, jobs)]
    if sought is None or faults:
        raise BadInput(faults)
    wanted = Wanted(scenario=scenario, overrides=(*LEAN, *overrides), steps=steps, allow_code=allow_code)
    base, growth = _base(wanted, grow)
    source = scenario_path(scenario)
    folder = Path("results") / f"{source.stem}-hosting-{grow}" if out is None else Path(out)
    search = _Search(folder, wanted, growth, sought, most_given_up)
    search.refuse_bad_ends()
    question = {"grow": growth.key, "own": plain_text(growth.own), "scenario": base.identity}
    demand = _searched(search, question, source, jobs=jobs, scheduler=scheduler, progress=progress)
    found = _told(search, base)
    if demand is not None:
        raise demand
    return found


def _number_faults(given_up: float, jobs: int | None) -> list[Fault]:
    faults = []
    if not 0.001 <= given_up <= 1.0:
        problem = "must lie between 0.001 and 1, as a share"
        faults.append(Fault(GIVEN_UP, f"{given_up}", problem, "Give 0.03, or 1 if it does not matter what is lost."))
    if jobs is not None and not 1 <= jobs <= MOST_JOBS:
        faults.append(Fault("--jobs", f"{jobs}", f"must lie between 1 and {MOST_JOBS}", "Leave it out."))
    return faults


def _base(wanted: Wanted, grow: str) -> tuple[Resolved, Growth]:
    """The scenario before anything grows."""
    stated = [] if wanted.steps is None else [f"time.steps={wanted.steps}"]
    base = resolved(wanted.scenario, [*wanted.overrides, *stated], allow_code=wanted.allow_code)
    growth, faults = growth_of(grow, base.scenario)
    if faults:
        raise BadInput(faults)
    return base, growth


@dataclass
class _Search:
    """The points that are known so far."""

    folder: Path
    wanted: Wanted
    growth: Growth
    sought: Range
    given_up: float
    points: dict[tuple[str, Decimal], Point] = field(default_factory=dict)
    judged: dict[tuple[str, Decimal], Judged] = field(default_factory=dict)

    def refuse_bad_ends(self) -> None:
        """Raise BadInput where an end of the range can be no value of what grows."""
        for value, option in ((self.sought.low, FROM), (self.sought.high, TO)):
            faults = self.point(VARIANTS[0], value).row.faults
            if faults:
                raise BadInput(value_faults(faults, self.growth, value, option))

    def point(self, variant: Variant, value: Decimal) -> Point:
        """The point with its run."""
        key = (variant.name, value)
        if key not in self.points:
            self.points[key] = point_of(self.wanted, self.growth, variant, value)
        return self.points[key]

    def known(self, variant: Variant) -> dict[Decimal, Held]:
        """What is known under one of the markets, by value."""
        return {value: found.held for (name, value), found in self.judged.items() if name == variant.name}

    def missing(self) -> list[Point]:
        """What has to be tried next, under all markets."""
        return [
            self.point(variant, value)
            for variant in VARIANTS
            for value in next_values(self.sought, self.known(variant))
        ]

    def learn(self, points: Sequence[Point], ran: Mapping[str, Ran]) -> None:
        """Judge the runs of the points; of those that are neither complete nor in `ran` nothing is known."""
        for point in points:
            found = _outcome(self.folder, point.row, ran.get(point.row.run))
            if found is not None:
                run = self.folder / point.row.folder
                self.judged[point.variant, point.value] = judged(found, run, most_given_up=self.given_up)

    def answers(self) -> dict[str, Answer]:
        """By market."""
        return {variant.name: answer(self.sought, self.known(variant)) for variant in VARIANTS}


def _outcome(folder: Path, row: Row, ran: Ran | None) -> Stored | None:
    """What a run came to; None where it has not ended."""
    if row.faults:
        cause = "; ".join(" ".join(str(fault).split()) for fault in row.faults)
        return Stored(RunStatus.BAD_INPUT, cause, {})
    found = stored(folder / row.folder)
    if found.status in (RunStatus.COMPLETE, RunStatus.NO_SOLUTION):
        return found
    if ran is None:
        return None
    return Stored(RunStatus.INCOMPLETE, ran.failure or found.cause or ran.last_said, found.summary)


def _searched(
    search: _Search,
    question: Mapping[str, str],
    source: Path,
    *,
    jobs: int | None,
    scheduler: str | None,
    progress: bool,
) -> BaseException | None:
    """Try values until nothing is left to be tried; the interrupt that ended it, if one did."""
    while missing := search.missing():
        allow_code = search.wanted.allow_code
        prepared(search.folder, [point.row for point in search.points.values()], question, allow_code=allow_code)
        rows = [point.row for point in missing if not point.row.faults]
        ran = run_missing(
            search.folder, source, rows, jobs=jobs, scheduler=scheduler, progress=progress, allow_code=allow_code
        )
        # What an interrupt has ended says nothing: the same call goes on with it.
        search.learn(missing, {} if ran.demand is not None else ran.rows)
        if ran.demand is not None or search.missing() == missing:
            return ran.demand
        if progress:
            tell("; ".join(_so_far(variant, search) for variant in VARIANTS))
    return None


def _so_far(variant: Variant, search: _Search) -> str:
    found = answer(search.sought, search.known(variant))
    below = "nothing holds" if found.below is None else f"holds at {plain_text(found.below)}"
    above = "" if found.above is None else f", does not at {plain_text(found.above)}"
    return f"{variant.called}: {below}{above}"


def _told(search: _Search, base: Resolved) -> HostingCapacity:
    points = [(point, search.judged[key]) for key, point in search.points.items() if key in search.judged]
    table = table_of(points, search.growth)
    answers = search.answers()
    summary = summary_of(base.scenario, search.growth, search.sought, search.given_up, answers, points)
    write_answer(search.folder, summary, table, page(summary, table))
    return HostingCapacity(search.folder, summary, table, _exit_code(answers, search.judged))


def _exit_code(answers: Mapping[str, Answer], points: Mapping[tuple[str, Decimal], Judged]) -> ExitCode:
    """0 where each answer lies between two runs; 1 where a run that one depends on is not complete."""
    for name, found in answers.items():
        above = None if found.above is None else points[name, found.above]
        if found.found is Found.NOT_ENDED or (above is not None and above.held is Held.FAILED):
            return ExitCode.INCOMPLETE
    is_between = all(found.found is Found.BETWEEN for found in answers.values())
    return ExitCode.COMPLETE if is_between else ExitCode.NO_SOLUTION

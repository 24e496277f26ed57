"""A whole run: load the scenario, co-simulate it, and leave a result folder that says what it is worth.

Nothing that failed looks like a result: `complete` is true only where the co-simulation reached its regular end and
every interval stands in the stored tables. Whatever stops a run, the intervals written before are kept, the cause is
in the summary, and its traceback in `error.log`.
"""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property, partial
from pathlib import Path
from time import perf_counter
from typing import Any

from mosaik_p2p.errors import RunFailed, Verdict
from mosaik_p2p.jit.modes import JIT_IS_OFF
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.in_python import Source, kept_file, named
from mosaik_p2p.loading.runs.inputs import input_files
from mosaik_p2p.loading.runs.place import Place, claimed, claimed_beside
from mosaik_p2p.loading.runs.run_meta import begin_folder, run_meta
from mosaik_p2p.market.warm_up import ANNOUNCEMENT, WITHOUT_KERNEL, compile_kernel, kernel_is_cold
from mosaik_p2p.results.accounts.counterfactuals import counterfactual_folder
from mosaik_p2p.results.conclusion import add_report, compare, conclude
from mosaik_p2p.results.in_hand.run_results import RunResults, read
from mosaik_p2p.results.measures.limit_costs import ranked_limits
from mosaik_p2p.results.measures.market_effect import violations_alone
from mosaik_p2p.results.resuming import Stopped, added
from mosaik_p2p.results.store.cases import ALONE_WITHIN_LIMITS, WITHOUT_CHARGES, WITHOUT_NEGOTIATION, lifted_case
from mosaik_p2p.results.store.folder import ERROR_FILE, RESUME_FILE
from mosaik_p2p.results.store.mark import NotWritten, ResultFolder
from mosaik_p2p.results.store.reading import read_results
from mosaik_p2p.results.store.resume_point import Phase, ResumePoint, begin_point
from mosaik_p2p.scenario.in_python import Overrides, override_texts
from mosaik_p2p.scenario.lifting import lifted
from mosaik_p2p.sims.world.after_run import followed
from mosaik_p2p.sims.world.ending import cause_of
from mosaik_p2p.sims.world.interrupts import is_loop_running, signals_heeded
from mosaik_p2p.sims.world.life import End, Surroundings, co_simulate
from mosaik_p2p.sims.world.progress import progress_shown, tell
from mosaik_p2p.sims.world.watching import ANSWER_LIMIT_S
from mosaik_p2p.sims.world.wiring import StartConfig, simulator_config
from mosaik_p2p.units import CARRIERS, ELECTRICITY, HEAT

RESULTS = Path("results")
PLAIN = (
    *('settlement.counterfactuals=["alone"]', "settlement.lift_limits=0", 'settlement.through_networks=["nobody"]'),
    *('negotiation.revenue="operator"', 'settlement.loss_allocation="none"'),
)
"""Of every counterfactual run: nothing beside it but what tells the losses."""
NO_NEGOTIATION = "negotiation.enabled=false"
NO_CHARGES = tuple(f"charges.{carrier}={{}}" for carrier in CARRIERS)
LIFTED_WITH_COUNTERFACTUALS = 3
ALL_COUNTERFACTUALS = f'settlement.counterfactuals=["alone", "{WITHOUT_CHARGES}", "{WITHOUT_NEGOTIATION}"]'


class ExitCode(IntEnum):
    """What a command reports to the shell."""

    COMPLETE = 0
    INCOMPLETE = 1
    """The run, or a counterfactual run beside it."""
    BAD_INPUT = 2
    NO_SOLUTION = 3
    """Complete, but some intervals have no solution."""


@dataclass(frozen=True)
class RunOutcome:
    """Where the results lie and what they amount to."""

    folder: Path
    summary: dict[str, Any]
    exit_code: ExitCode

    @cached_property
    def results(self) -> RunResults:
        """The tables as data frames, and the figures that a planner asks for."""
        return read(self.folder)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be run, see `run`."""

    scenario: Source
    out: str | Path | None = None
    steps: int | None = None
    overrides: Overrides = ()
    overwrite: bool = False
    counterfactuals: bool = False
    progress: bool = True
    simulators: Mapping[str, StartConfig] | None = None
    answer_limit_s: float | None = ANSWER_LIMIT_S
    allow_code: bool = False
    resume: bool = False
    report: bool = True


def run(
    scenario: Source,
    *,
    out: str | Path | None = None,
    steps: int | None = None,
    overrides: Overrides = (),
    overwrite: bool = False,
    counterfactuals: bool = False,
    progress: bool = True,
    simulators: Mapping[str, StartConfig] | None = None,
    answer_limit_s: float | None = ANSWER_LIMIT_S,
    allow_code: bool = False,
    resume: bool = False,
    report: bool = True,
) -> RunOutcome:
    """Co-simulate a scenario and write its result folder.

    `scenario` is a file, the name of one that ships, or one made in Python (a dictionary with the file's keys, see
    `write_scenario`: it is written beside the results, into `OUT-scenario`); `out` defaults to `results/NAME`; `steps`
    shortens the run; `overrides` are `key=value` as on the command line, or a dictionary; `counterfactuals` runs the
    scenario once more without charges and, where it negotiates, without negotiation and without each of the three
    limits that it paid most for, and sets their violations and costs beside the run's own (as the scenario's keys
    `settlement.counterfactuals` and `settlement.lift_limits` do); where a negotiating run violates a limit without
    trade, so does one in which nobody trades; `simulators` replaces how simulators are started, by name (`market`,
    `electric_grid`, `heat_grid`, `profiles`, `recorder`); one in another process that takes longer than
    `answer_limit_s` for an answer (None: as long as it likes) ends the run. With `allow_code` what the scenario names
    as `package.module:name` is imported, which runs it (simulators in other processes need the environment variable
    MOSAIK_P2P_ALLOW_CODE=1). `resume` goes on with the same run where it was stopped in that folder, by whatever: its
    tables are then those of a run that was not; what is complete is left as it is, and what never began begins.
    Without `report` no report.html is built, which `mosaik_p2p.report` does later.

    Raises BadInput with every fault of the input, and RunFailed where not one interval was computed; a run that broke
    off later is an incomplete outcome with its cause. Ctrl-C, SIGTERM and SIGHUP in the main thread end the run: what
    was computed is written, and then KeyboardInterrupt raised (Terminated, which is one, for the signals). Works where
    an event loop runs, as in a notebook, and in any thread.
    """
    outcome, demand = conduct(
        Order(
            scenario=scenario,
            out=out,
            steps=steps,
            overrides=overrides,
            overwrite=overwrite,
            counterfactuals=counterfactuals,
            progress=progress,
            simulators=simulators,
            answer_limit_s=answer_limit_s,
            allow_code=allow_code,
            resume=resume,
            report=report,
        )
    )
    if demand is not None:
        raise demand
    if outcome.exit_code is ExitCode.INCOMPLETE and not outcome.summary["steps_computed"]:
        raise RunFailed(f"nothing was computed: {outcome.summary['cause']} (folder: {outcome.folder})")
    return outcome


def conduct(order: Order) -> tuple[RunOutcome, BaseException | None]:
    """As `run`, but whatever ended the run is an outcome, with the interrupt or exit that the caller is to pass on."""
    with signals_heeded() as interrupts:
        config = simulator_config(order.simulators or {})
        around = Surroundings(config, interrupts, order.answer_limit_s, order.progress, order.report)
        work = partial(_conducted, order, around)
        return interrupts.in_own_thread(work) if is_loop_running() else work()


def _conducted(order: Order, around: Surroundings) -> tuple[RunOutcome, BaseException | None]:
    started = perf_counter()
    source = kept_file(order.scenario, _results(order))
    overrides = [*override_texts(order.overrides), *([] if order.steps is None else [f"time.steps={order.steps}"])]
    asked = [*overrides, *([ALL_COUNTERFACTUALS] if order.counterfactuals else [])]
    with around.interrupts.break_off():
        case = load(source, asked, results=order.out, allow_code=order.allow_code)
    folder = RESULTS / case.scenario.name if order.out is None else Path(order.out)
    with ExitStack() as claims:
        place = Place(folder, input_files(case, overrides), overwrite=order.overwrite, resume=order.resume)
        claim, stopped = claimed(case, place, claims)
        is_told = stopped is not None and stopped.is_complete
        summary, demand = _run(case, claim, around, stopped, started=started, title=case.scenario.name)
        others = _counterfactual_overrides(case, folder, order) if summary["complete"] else {}
        if others and not _has_all(summary, others):
            changed = {name: (source, [*overrides, *changes]) for name, changes in others.items()}
            demand = _run_others(case, around, changed, claims, replace(place, inputs=()), allow_code=order.allow_code)
            meta = run_meta(case, complete=True, wall_s=summary["wall_s"])
            summary = compare(claim, meta, summary)
            is_told = False
        if order.report and not is_told:
            summary = add_report(claim, case.quantities, summary)
        if _has_all(summary, others):
            _end_point(claim)
    return RunOutcome(folder, summary, exit_code(summary)), demand or around.interrupts.first


def _results(order: Order) -> Path:
    """Where the results of a scenario made in Python go."""
    return RESULTS / named(order.scenario) if order.out is None else Path(order.out)


def _end_point(folder: ResultFolder) -> None:
    """Nothing is left to go on with."""
    # What is complete stays so where the file cannot be removed.
    with suppress(NotWritten):
        folder.withdraw(RESUME_FILE)


def _has_all(summary: Mapping[str, Any], others: Iterable[str]) -> bool:
    """Whether a run is complete, and all those beside it."""
    beside = summary["counterfactuals"]
    return summary["complete"] and all(beside.get(name, {}).get("complete") for name in others)


def _run_others(
    case: Case,
    around: Surroundings,
    others: Mapping[str, tuple[str | Path, list[str]]],
    claims: ExitStack,
    place: Place,
    *,
    allow_code: bool,
) -> BaseException | None:
    """Run the counterfactuals of the run at `place`, scenario and overrides by name; what ended them is returned."""
    for name, (scenario, overrides) in others.items():
        started = perf_counter()
        try:
            with around.interrupts.break_off():
                other = load(scenario, overrides, allow_code=allow_code)
        except KeyboardInterrupt as interrupt:
            return interrupt
        beside, stopped = claimed_beside(
            other, replace(place, folder=counterfactual_folder(place.folder, name)), claims
        )
        counterfactual, demand = _run(other, beside, around, stopped, started=started, title=_title(case, name))
        if around.report and not (stopped is not None and stopped.is_complete):
            counterfactual = add_report(beside, other.quantities, counterfactual)
        if not counterfactual["complete"]:
            # An interrupt is meant for all that was asked for, and what stopped this one would stop the next.
            return demand
        _end_point(beside)
    return None


def _counterfactual_overrides(case: Case, folder: Path, order: Order) -> dict[str, list[str]]:
    """What changes in each counterfactual run that follows the complete run in `folder`, as overrides."""
    scenario = case.scenario
    changes: dict[str, list[str]] = {WITHOUT_CHARGES: [*PLAIN, NO_NEGOTIATION, *NO_CHARGES]}
    if scenario.negotiation.enabled:
        # Without negotiation, the run itself is the counterfactual.
        changes[WITHOUT_NEGOTIATION] = [*PLAIN, NO_NEGOTIATION]
    wanted = frozenset[str](scenario.settlement.counterfactuals)
    asked = {name: made for name, made in changes.items() if name in wanted}
    return {**_alone_within_limits(case, folder), **asked, **_without_limits(case, folder, order)}


def _alone_within_limits(case: Case, folder: Path) -> dict[str, list[str]]:
    """Where a negotiated market is to be compared with a day without trade that violates limits: the same day within
    them."""
    scenario = case.scenario
    if not scenario.negotiation.enabled or not scenario.market.chosen_design.has_trades:
        return {}
    alone = violations_alone(read_results(folder), _networks(case))
    if alone is None or alone.empty:
        return {}
    # Alone nobody pays charges, not even those on what a place injects.
    return {ALONE_WITHIN_LIMITS: [*PLAIN, *NO_CHARGES, 'market.design="none"', 'market.form="auto"']}


def _without_limits(case: Case, folder: Path, order: Order) -> dict[str, list[str]]:
    """A run without each of the limits that the negotiation paid most for, as many as are asked for."""
    scenario = case.scenario
    count = scenario.settlement.lift_limits or (LIFTED_WITH_COUNTERFACTUALS if order.counterfactuals else 0)
    dearest = ranked_limits(read_results(folder))[:count] if count else []
    return {
        lifted_case(number): [
            *PLAIN,
            lifted(scenario, element=limit.element, quantity=limit.quantity, is_upper=limit.is_upper),
        ]
        for number, limit in enumerate(dearest, start=1)
    }


def _title(case: Case, counterfactual: str) -> str:
    return f"{case.scenario.name} {counterfactual.replace('_', ' ')}"


def _run(
    case: Case, folder: ResultFolder, around: Surroundings, stopped: Stopped | None, *, started: float, title: str
) -> tuple[dict[str, Any], BaseException | None]:
    """Co-simulate into a folder that this run has claimed, from where it was stopped if it was; its summary, and the
    interrupt or exit that ended it."""
    if stopped is not None and stopped.is_complete:
        tell_if(around, f"{title}: complete, there is nothing to resume")
        return dict(stopped.summary), None
    loading_s = perf_counter() - started
    point = None if stopped is None else stopped.point
    if point is None and around.config == simulator_config({}):
        begin_point(folder)
    spent_s = {} if stopped is None else stopped.spent_s
    begun = begin_folder(folder, case, spent_s)
    end = _ended(case, folder, around, title, point)
    parts = {"loading": loading_s, **end.wall_s}
    wall_s = added(spent_s, {**parts, "other": perf_counter() - started - sum(parts.values())})
    meta = run_meta(case, complete=end.cause is None, wall_s=wall_s)
    return conclude(folder, meta, end.cause, begun), end.demand


def _ended(case: Case, folder: ResultFolder, around: Surroundings, title: str, point: ResumePoint | None) -> End:
    """The end of what is still to be done."""
    phase = Phase.RUNNING if point is None else point.phase
    if point is not None:
        what = {Phase.RUNNING: f"goes on with interval {point.interval + 1} of {case.scenario.time.steps}"}
        tell_if(around, f"{title}: {what.get(phase, 'all intervals are stored, the rest follows')}")
    if phase is Phase.FOLLOWED:
        return End(None, {})
    is_recorded = phase is Phase.RECORDED
    end = End(None, {}) if is_recorded else _lived(case, folder.path, around, title, point)
    return followed(case, folder, around, end)


def _lived(case: Case, folder: Path, around: Surroundings, title: str, point: ResumePoint | None) -> End:
    try:
        with around.interrupts.break_off():
            _have_kernel(progress=around.progress)
    except KeyboardInterrupt as interrupt:
        return End(cause_of(interrupt, log=folder / ERROR_FILE), {}, interrupt)
    done = 0 if point is None else point.interval
    with progress_shown(title, case.scenario.time.steps, visible=around.progress) as on_interval:
        for _ in range(done):
            on_interval()
        return co_simulate(case, folder, around, on_interval=on_interval, point=point)


def tell_if(around: Surroundings, text: str) -> None:
    """A line on stderr, where progress is shown."""
    if around.progress:
        tell(text)


def _have_kernel(*, progress: bool) -> None:
    is_cold = kernel_is_cold()
    if progress and (is_cold or JIT_IS_OFF):
        tell(ANNOUNCEMENT if is_cold else WITHOUT_KERNEL)
    if is_cold:
        compile_kernel()


def exit_code(summary: Mapping[str, Any]) -> ExitCode:
    """What a summary means for the shell."""
    if not all(told["complete"] for told in (summary, *summary["counterfactuals"].values())):
        return ExitCode.INCOMPLETE
    return ExitCode.NO_SOLUTION if summary["verdict_counts"][Verdict.UNKNOWN.value] else ExitCode.COMPLETE


def _networks(case: Case) -> tuple[str, ...]:
    return tuple(name for name, net in ((ELECTRICITY, case.electric), (HEAT, case.heat)) if net is not None)

"""A whole run: load the scenario, co-simulate it, and leave a result folder that says what it is worth.

Nothing that failed looks like a result: `complete` is true only where the co-simulation reached its regular end and
every interval stands in the stored tables. Whatever stops a run, the intervals written before are kept, the cause is
in the summary, and its traceback in `error.log`.
"""

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from mosaik import World
from mosaik.async_scenario import SimConfig

from mosaik_p2p.errors import BadInput, Status, Verdict
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.market.first_use import ANNOUNCEMENT, compile_kernel, kernel_is_cold
from mosaik_p2p.prosumers.devices import Prosumer
from mosaik_p2p.prosumers.state import initial_state
from mosaik_p2p.results.counterfactuals import (
    WITHOUT_CHARGES,
    WITHOUT_NEGOTIATION,
    add_to_settlement,
    counterfactual_folder,
)
from mosaik_p2p.results.folder import ELECTRIC_NET_FILE, ERROR_FILE, HEAT_NET_FILE, SCENARIO_FILE, prepare_folder
from mosaik_p2p.results.report import build_report
from mosaik_p2p.results.store import ResultStore, read_table
from mosaik_p2p.results.summary import NOT_ENDED, RunMeta, package_versions, summarise, write_summary
from mosaik_p2p.scenario import Scenario, resolved_toml
from mosaik_p2p.sims.ending import Ending, cause_of, run_to_end, shut_down, termination_as_interrupt
from mosaik_p2p.sims.progress import progress_shown
from mosaik_p2p.sims.wiring import StartConfig, Wiring, simulator_config, wire
from mosaik_p2p.units import CARRIERS, ELECTRICITY, HEAT

RESULTS = Path("results")
ALL_COUNTERFACTUALS = f'settlement.counterfactuals=["alone", "{WITHOUT_CHARGES}", "{WITHOUT_NEGOTIATION}"]'
START_TIMEOUT_S = 120.0
"""For a simulator that is a process of its own: most of it is importing the network libraries."""
NET_FILES = {"electric_grid": ELECTRIC_NET_FILE, "heat_grid": HEAT_NET_FILE}
PART_OF = {"market": "market", "electric_grid": "electric", "heat_grid": "heat"}
"""Simulator to the part of the wall time that it stands for."""


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


@dataclass(frozen=True)
class _End:
    """How the co-simulation ended (None as cause: regularly), and the seconds of computing by part."""

    cause: str | None
    wall_s: dict[str, float]


def run(
    scenario: str | Path,
    *,
    out: str | Path | None = None,
    steps: int | None = None,
    overrides: Sequence[str] = (),
    overwrite: bool = False,
    counterfactuals: bool = False,
    progress: bool = True,
    simulators: Mapping[str, StartConfig] | None = None,
) -> RunOutcome:
    """Co-simulate a scenario and write its result folder.

    `scenario` is a file or the name of one that ships; `out` defaults to `results/NAME`; `steps` shortens the run;
    `overrides` are `key=value` as on the command line; `counterfactuals` runs the scenario once more without charges
    and, where it negotiates, without negotiation, and sets their violations and costs beside the run's own (as the
    scenario's key `settlement.counterfactuals` does); `simulators` replaces how simulators are started, by name
    (`market`, `electric_grid`, `heat_grid`, `profiles`, `recorder`). Raises BadInput with every fault of the input.
    An interrupt, or SIGTERM in the main thread, ends the run as incomplete.
    """
    started = perf_counter()
    config = simulator_config(simulators or {})
    with termination_as_interrupt():
        overrides = [*overrides, *([] if steps is None else [f"time.steps={steps}"])]
        asked = [*overrides, *([ALL_COUNTERFACTUALS] if counterfactuals else [])]
        case = load(scenario, asked, results=out)
        folder = RESULTS / case.scenario.name if out is None else Path(out)
        prepare_folder(folder, overwrite=overwrite)
        _begin(folder, case)
        summary = _run(case, folder, config, started=started, title=case.scenario.name, progress=progress)
        others = _counterfactual_overrides(case.scenario) if summary["complete"] else {}
        for name, changes in others.items():
            other, inner = load(scenario, [*overrides, *changes]), counterfactual_folder(folder, name)
            prepare_folder(inner, overwrite=True)
            _begin(inner, other)
            lived = _run(other, inner, config, started=perf_counter(), title=_title(case, name), progress=progress)
            if not lived["complete"]:
                # An interrupt is meant for all that was asked for, and what stopped this one would stop the next.
                break
        if others:
            summary = _compare(folder, case, summary)
        return RunOutcome(folder, summary, exit_code(summary))


def _begin(folder: Path, case: Case) -> None:
    """Mark the folder as that of a run which has not ended, before anything else stands in it."""
    summary = summarise(folder, _meta(case, complete=False, wall_s={}))
    write_summary(folder, {**summary, "cause": NOT_ENDED})
    (folder / SCENARIO_FILE).write_text(resolved_toml(case.scenario, folder), encoding="utf-8")


def _counterfactual_overrides(scenario: Scenario) -> dict[str, list[str]]:
    """What changes in each counterfactual run that the scenario asks for, as overrides."""
    plain = ['settlement.counterfactuals=["alone"]', "negotiation.enabled=false"]
    charged = [carrier for carrier in CARRIERS if getattr(scenario.charges, carrier) is not None]
    changes = {WITHOUT_CHARGES: [*plain, *(f"charges.{carrier}.rate=0" for carrier in charged)]}
    if scenario.negotiation.enabled:
        # Without negotiation, the run itself is the counterfactual.
        changes[WITHOUT_NEGOTIATION] = plain
    return {name: made for name, made in changes.items() if name in scenario.settlement.counterfactuals}


def _title(case: Case, counterfactual: str) -> str:
    return f"{case.scenario.name} {counterfactual.replace('_', ' ')}"


def _compare(folder: Path, case: Case, summary: dict[str, Any]) -> dict[str, Any]:
    """Set the counterfactual runs beside the complete run in `folder`: settlement, summary and report."""
    add_to_settlement(folder)
    compared = summarise(folder, _meta(case, complete=True, wall_s=summary["wall_s"]))
    compared = {**compared, "cause": summary["cause"]}
    write_summary(folder, compared)
    build_report(folder)
    return compared


def _run(
    case: Case, folder: Path, config: Mapping[str, StartConfig], *, started: float, title: str, progress: bool
) -> dict[str, Any]:
    """Co-simulate into a folder that `_begin` has marked, and return its summary."""
    loading_s = perf_counter() - started
    if kernel_is_cold():
        if progress:
            print(ANNOUNCEMENT, file=sys.stderr, flush=True)
        compile_kernel()
    with progress_shown(title, case.scenario.time.steps, visible=progress) as on_interval:
        end = _co_simulate(case, folder, config, on_interval=on_interval)
    parts = {"loading": loading_s, **end.wall_s}
    wall_s = {**parts, "other": perf_counter() - started - sum(parts.values())}
    summary = _conclude(folder, _meta(case, complete=end.cause is None, wall_s=wall_s), end.cause)
    build_report(folder)
    return summary


def exit_code(summary: Mapping[str, Any]) -> ExitCode:
    """What a summary means for the shell."""
    if not all(told["complete"] for told in (summary, *summary["counterfactuals"].values())):
        return ExitCode.INCOMPLETE
    return ExitCode.NO_SOLUTION if summary["verdict_counts"][Verdict.UNKNOWN.value] else ExitCode.COMPLETE


def _co_simulate(
    case: Case, folder: Path, config: Mapping[str, StartConfig], *, on_interval: Callable[[], object]
) -> _End:
    """Run mosaik; whatever happens in it becomes the cause of the end, and what can be kept is kept."""
    log = folder / ERROR_FILE
    world = World(
        cast(SimConfig, dict(config)),
        mosaik_config={"start_timeout": START_TIMEOUT_S},
        skip_greetings=True,
        configure_logging=False,
    )
    try:
        wiring = wire(world, case, config, folder=folder, on_interval=on_interval)
    except BadInput:
        shut_down(world, log=log)
        raise
    except (KeyboardInterrupt, SystemExit, Exception) as error:  # noqa: BLE001 (starting simulators may raise anything)
        cause = cause_of(error, log=log)
        shut_down(world, log=log)
        return _End(cause, {})
    ending = run_to_end(world, wiring.until, log=log)
    end = _keep(wiring, folder) if ending.cause is None else _rescue(wiring, ending, log=log)
    failed = shut_down(world, log=log)
    return _End(end.cause or failed, end.wall_s)


def _keep(wiring: Wiring, folder: Path) -> _End:
    """Write the last interval and the networks as they were solved, after a regular end."""
    try:
        wiring.recorder.finish()
        for name, grid in wiring.grids.items():
            # Another simulator in the place of ours need not know how to show its net.
            if hasattr(grid, "get_net_json"):
                (folder / NET_FILES[name]).write_text(grid.get_net_json(), encoding="utf-8")
        return _End(None, _parts(wiring.recorder.wall_s()))
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 (other simulators may be anything)
        return _End(cause_of(error, log=folder / ERROR_FILE), {})


def _rescue(wiring: Wiring, ending: Ending, *, log: Path) -> _End:
    """Write the intervals that were finished before the run broke off."""
    if "recorder" not in wiring.local:
        # Nobody knows whether the other process still answers; it writes what it has when it is stopped.
        return _End(ending.cause, {})
    try:
        wiring.recorder.drop_unfinished(ending.reached["market"])
        wiring.recorder.finish()
        return _End(ending.cause, _parts(wiring.recorder.wall_s()))
    except Exception as error:  # noqa: BLE001 (the recorder itself may be what failed)
        return _End(f"{ending.cause}; then {cause_of(error, log=log)}", {})


def _parts(wall_s: Mapping[str, float]) -> dict[str, float]:
    return {part: wall_s[name] for name, part in PART_OF.items() if name in wall_s}


def _conclude(folder: Path, meta: RunMeta, cause: str | None) -> dict[str, Any]:
    """Judge the folder by what is stored, merge its tables if the run is whole, and write the summary."""
    summary = summarise(folder, meta)
    if summary["complete"]:
        ResultStore(folder).close()
    elif cause is None:
        cause = (
            _failed_clearing(folder) or f"only {summary['steps_computed']} of {meta.steps} intervals are in the tables"
        )
    summary = {**summary, "cause": cause}
    write_summary(folder, summary)
    return summary


def _failed_clearing(folder: Path) -> str | None:
    """Why the last clearing failed; None where it did not."""
    clearing = read_table(folder, "clearing")
    failed = clearing[clearing["status"] != Status.OK.value]
    return None if failed.empty else f"a clearing failed: {failed['cause'].iloc[-1]}"


def _meta(case: Case, *, complete: bool, wall_s: Mapping[str, float]) -> RunMeta:
    scenario = case.scenario
    # Relative to its own place, the same scenario has the same hash wherever its results go.
    text = resolved_toml(scenario, case.path.parent)
    return RunMeta(
        name=scenario.name,
        title=scenario.title,
        complete=complete,
        steps=scenario.time.steps,
        networks=tuple(name for name, net in ((ELECTRICITY, case.electric), (HEAT, case.heat)) if net is not None),
        currency=scenario.currency,
        dt_h=case.dt_h,
        seed=scenario.seed,
        scenario_hash=hashlib.sha256(text.encode()).hexdigest(),
        versions=package_versions(),
        wall_s=wall_s,
        initial_stored_kwh={prosumer.name: _stored_kwh(prosumer) for prosumer in case.prosumers},
    )


def _stored_kwh(prosumer: Prosumer) -> float:
    return sum(initial_state(prosumer, day=0).level_kwh.values(), 0.0)

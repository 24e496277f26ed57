"""The command `compare`, and the same in Python: check all rows, run them, and put what they came to side by side."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_p2p.cosim import ExitCode
from mosaik_p2p.results.claiming import claimed_folder
from mosaik_p2p.results.store.mark import COMPARISON, ResultFolder
from mosaik_p2p.sims.world.progress import tell
from mosaik_p2p.studies.compare.baseline import baseline_of
from mosaik_p2p.studies.compare.columns import table_of
from mosaik_p2p.studies.compare.outcome import RowOutcome, outcome_of
from mosaik_p2p.studies.compare.plan import Plan, Wanted, planned
from mosaik_p2p.studies.compare.runs.rows import Asked
from mosaik_p2p.studies.compare.shown.page import page
from mosaik_p2p.studies.compare.summary import summary_of
from mosaik_p2p.studies.engine.choice import engine_for
from mosaik_p2p.studies.engine.running import AllRan

TABLE_FILE, SUMMARY_FILE, PAGE_FILE = "compare.parquet", "compare.json", "compare.html"


@dataclass(frozen=True)
class Comparison:
    """What was compared, and where it lies."""

    folder: Path
    table: pd.DataFrame
    """As in `compare.parquet`."""
    summary: dict[str, Any]
    """As in `compare.json`."""
    exit_code: ExitCode


def compare(
    scenario: str | Path,
    designs: str | Sequence[str],
    *,
    charges: str | Sequence[str] = (),
    out: str | Path | None = None,
    steps: int | None = None,
    overrides: Sequence[str] = (),
    overwrite: bool = False,
    jobs: int | None = None,
    progress: bool = True,
    allow_code: bool = False,
) -> Comparison:
    """Market designs, and charges, side by side on one scenario: an ordinary run for each.

    `designs` are names of `market.design`, `charges` what `--charges` takes, such as `uniform:0.02` (none: the
    scenario's own). `out` (results/NAME-compare) gets a folder for each run, `compare.parquet`, `compare.json` and
    `compare.html`. `jobs` runs go on at once, each in a process of its own (None: as many as there are processors);
    with 1 they follow each other in this process. The other arguments are those of `run`.

    Raises BadInput with the faults of all rows before any is run. A row that fails stops no other, and is told as not
    complete. An interrupt ends them all; what there is by then is written, and then the interrupt raised.
    """
    wanted = Wanted(
        Asked(scenario, steps, allow_code),
        tuple(designs.split(",")) if isinstance(designs, str) else tuple(designs),
        (charges,) if isinstance(charges, str) else tuple(charges),
        tuple(overrides),
        out,
        overwrite,
        jobs,
    )
    plan = planned(wanted)
    with claimed_folder(plan.folder, overwrite=overwrite, inputs=plan.inputs, what=COMPARISON) as claim:
        ran = _run(plan, wanted, progress=progress)
        outcomes = [
            outcome_of(row, plan.folder / row.row.label, wanted.asked.command(row.row), ran.rows.get(row.row.label))
            for row in plan.rows
        ]
        comparison = _compared(plan, outcomes)
        _write(claim, comparison, outcomes)
    if ran.demand is not None:
        raise ran.demand
    return comparison


def _run(plan: Plan, wanted: Wanted, *, progress: bool) -> AllRan:
    if progress and plan.added is not None:
        tell(f"no design says what a day without trade within the limits costs: {plan.added} is run too")
    orders = {row.row.label: plan.order(row, wanted, progress=progress) for row in plan.rows}
    with engine_for(jobs=wanted.jobs) as engine:
        return engine.run_all(orders)


def _compared(plan: Plan, outcomes: Sequence[RowOutcome]) -> Comparison:
    baseline = baseline_of(outcomes, within_limits=plan.within_limits)
    hours = plan.base.scenario.time.steps * plan.base.dt_h
    table = table_of(outcomes, baseline, hours=hours)
    summary = summary_of(plan, outcomes, baseline, table)
    return Comparison(plan.folder, table, summary, _exit_code(outcomes))


def _exit_code(outcomes: Sequence[RowOutcome]) -> ExitCode:
    codes = {outcome.exit_code for outcome in outcomes}
    worst = (ExitCode.INCOMPLETE, ExitCode.NO_SOLUTION)
    return next((code for code in worst if code in codes), ExitCode.COMPLETE)


def _write(claim: ResultFolder, comparison: Comparison, outcomes: Sequence[RowOutcome]) -> None:
    buffer = BytesIO()
    comparison.table.to_parquet(buffer, index=False)
    claim.write(TABLE_FILE, buffer.getvalue(), rows=len(comparison.table))
    told = json.dumps(comparison.summary, indent=1, allow_nan=False, ensure_ascii=False)
    claim.write(SUMMARY_FILE, f"{told}\n".encode())
    claim.write(PAGE_FILE, page(comparison.summary, outcomes).encode())

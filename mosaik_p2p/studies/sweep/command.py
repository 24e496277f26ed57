"""The command `sweep`, and the same in Python: plan the rows, run those that are not there yet, and collect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_p2p.cosim import ExitCode
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.source import scenario_path
from mosaik_p2p.studies.engine.choice import engine_for
from mosaik_p2p.studies.engine.worker import Ran
from mosaik_p2p.studies.sweep.files import prepare, read_plan, write_outcome
from mosaik_p2p.studies.sweep.missing import run_missing
from mosaik_p2p.studies.sweep.page import page
from mosaik_p2p.studies.sweep.plan import Row, Wanted, distinct, part_of, planned
from mosaik_p2p.studies.sweep.remarks import remarks_of
from mosaik_p2p.studies.sweep.table import FAILED, RunStatus, table_of

WHOLE = "1/1"


@dataclass(frozen=True)
class Sweep:
    """A sweep, and where it lies."""

    folder: Path
    table: pd.DataFrame
    """As in `runs.parquet`: a row per row of the plan."""
    remarks: tuple[str, ...]
    """What is to be known about it."""
    exit_code: ExitCode


def sweep(
    scenario: str | Path,
    *,
    vary: str | Sequence[str] = (),
    table: str | Path | None = None,
    sample: int | None = None,
    out: str | Path | None = None,
    steps: int | None = None,
    overrides: Sequence[str] = (),
    jobs: int | None = None,
    part: str = WHOLE,
    scheduler: str | None = None,
    progress: bool = True,
    allow_code: bool = False,
) -> Sweep:
    """Run a scenario many times with other values of some keys; what is there already is not run again.

    `vary` is `KEY=0:0.1:0.02`, `KEY=1..20` or `KEY=1,2,3`; several are combined with each other, and with the rows of
    `table`, a CSV file with a column per key. `sample` draws so many of all rows, always the same. `out`
    (results/NAME-sweep) gets `plan.parquet`, a result folder `runs/run=ID` for each run, `runs.parquet` and
    `index.html`. The ID follows from the scenario and what its files hold, so that the same call goes on where an
    earlier one was stopped, in the middle of a run too.

    `jobs` runs go on at once, in so many processes beside this one (None: as many as there are processors); with 1
    they follow each other in this process. With `scheduler`, the address of a Dask scheduler, they are run by its
    workers, which need this package and the folder; whoever reaches a Dask scheduler can run code on its workers.
    `part` (`2/4`) runs every fourth run only, so that jobs that know nothing of each other share a sweep.

    Raises BadInput where what varies or the scenario is at fault; a row that is at fault is told in the table. One that
    fails stops no other. An interrupt ends them all; what there is is collected, and then the interrupt raised.
    """
    wanted = Wanted(
        scenario=scenario,
        vary=(vary,) if isinstance(vary, str) else tuple(vary),
        table=table,
        sample=sample,
        overrides=tuple(overrides),
        steps=steps,
        allow_code=allow_code,
    )
    rows = planned(wanted)
    source = scenario_path(scenario)
    folder = Path("results") / f"{source.stem}-sweep" if out is None else Path(out)
    own = part_of(list(distinct(rows)), part)
    prepare(folder, rows, {"scenario": str(scenario), "allow_code": allow_code})
    with engine_for(jobs=jobs, scheduler=scheduler) as engine:
        ran = run_missing(folder, source, own, engine=engine, progress=progress, allow_code=allow_code)
    collected = _collected(folder, rows, ran.rows, {row.run for row in own})
    if ran.demand is not None:
        raise ran.demand
    return collected


def collected_or_run(scenario: str | None, collected: Path | None, **options: Any) -> Sweep:
    """As the command line asks: `sweep` with its `options`, or `collect`, which takes none of them."""
    if collected is None and scenario is None:
        raise BadInput([Fault("sweep", "(nothing)", "names no scenario", "Name one, or give --collect DIR.")])
    if collected is None:
        return sweep(str(scenario), **options)
    said = [name for name in ("vary", "table", "sample", "out", "steps", "overrides", "scheduler") if options[name]]
    if scenario is not None or said:
        named = ", ".join([*([scenario] if scenario else []), *(f"--{name}" for name in said)])
        problem = "collects what is there, and runs nothing"
        raise BadInput([Fault("--collect", named, problem, "Leave the scenario and its options out.")])
    return collect(collected)


def collect(folder: str | Path) -> Sweep:
    """Put together what the runs of a sweep have come to by now. Raises BadInput where the folder holds none."""
    rows, _ = read_plan(Path(folder))
    return _collected(Path(folder), rows, {}, {row.run for row in rows})


def _collected(folder: Path, rows: Sequence[Row], ran: Mapping[str, Ran], own: set[str]) -> Sweep:
    table = table_of(rows, folder, ran)
    varied = list(dict.fromkeys(key for row in rows for key in row.varied))
    remarks = remarks_of(table, varied)
    write_outcome(folder, table, page(folder.name, table, varied, remarks))
    return Sweep(folder, table, remarks, _exit_code(table, own))


def _exit_code(table: pd.DataFrame, own: set[str]) -> ExitCode:
    """Of the runs that this call was about, and of the rows that cannot be run."""
    about = table[table["run"].isin(own) | table["run"].isna()]
    states = {RunStatus(status) for status in about["status"]}
    return ExitCode.INCOMPLETE if states & {*FAILED, RunStatus.PLANNED} else ExitCode.COMPLETE

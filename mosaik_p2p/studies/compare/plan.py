"""What is to be compared, checked before anything runs: every fault of every row at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mosaik_p2p.cosim import RESULTS, Order
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.files import result_place_faults
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.results.claiming import claim_faults
from mosaik_p2p.results.store.mark import COMPARISON
from mosaik_p2p.studies.compare.baseline import NOBODY_TRADES
from mosaik_p2p.studies.compare.runs.charges import OPTION as CHARGES_OPTION
from mosaik_p2p.studies.compare.runs.charges import OWN_CHARGES, ChargesChange, parsed_charges
from mosaik_p2p.studies.compare.runs.designs import NamedDesign, named_designs
from mosaik_p2p.studies.compare.runs.rows import Asked, CheckedRow, checked, networks_of, override_faults, rows_of

MOST_JOBS = 256
MOST_ROWS = 100


@dataclass(frozen=True)
class Wanted:
    """What the user asks for."""

    asked: Asked
    designs: tuple[str, ...]
    charges: tuple[str, ...]
    """Empty: the scenario's own."""
    overrides: tuple[str, ...]
    out: str | Path | None
    overwrite: bool
    jobs: int | None


@dataclass(frozen=True)
class Plan:
    """Rows that can be run, where they go, and what their scenario says."""

    rows: tuple[CheckedRow, ...]
    folder: Path
    base: Case
    """The scenario before its rows differ."""
    within_limits: bool
    """Whether the day without trade that all are compared with keeps the networks' limits."""
    added: str | None
    """A row that was not asked for, which the others are compared with."""

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The files that rows are made from."""
        return tuple(dict.fromkeys(path for row in self.rows for path in row.inputs))

    @property
    def networks(self) -> tuple[str, ...]:
        """The carriers whose network the scenario has."""
        return networks_of(self.base)

    def order(self, row: CheckedRow, wanted: Wanted, *, progress: bool) -> Order:
        """The run of a row."""
        return Order(
            scenario=wanted.asked.scenario,
            out=self.folder / row.row.label,
            steps=wanted.asked.steps,
            overrides=row.row.overrides,
            overwrite=wanted.overwrite,
            progress=progress,
            allow_code=wanted.asked.allow_code,
        )


def planned(wanted: Wanted) -> Plan:
    """The rows, each loaded. Raises BadInput with the faults of all of them, of options and of folders."""
    asked = wanted.asked
    asked_for, faults = named_designs(wanted.designs, allow_code=asked.allow_code)
    changes, faults_of_charges = _changes(wanted.charges, allow_code=asked.allow_code)
    faults += [*faults_of_charges, *override_faults(wanted.overrides), *_number_faults(wanted, asked_for, changes)]
    base, faults_of_scenario = _loaded(asked, wanted.overrides, wanted.out)
    completed = _with_baseline(asked_for, base, allow_code=asked.allow_code)
    rows, faults_of_rows = _rows(wanted, completed, changes, base)
    faults += faults_of_rows or faults_of_scenario
    if base is None or faults:
        raise BadInput(faults)
    folder = RESULTS / f"{base.scenario.name}-compare" if wanted.out is None else Path(wanted.out)
    added = completed[-1].name if len(completed) > len(asked_for) else None
    plan = Plan(tuple(rows), folder, base, base.scenario.negotiation.enabled, added)
    faults_of_folders = _folder_faults(plan, overwrite=wanted.overwrite)
    if faults_of_folders:
        raise BadInput(faults_of_folders)
    return plan


def _changes(texts: Sequence[str], *, allow_code: bool) -> tuple[list[ChargesChange], list[Fault]]:
    changes, faults = [], []
    for text in dict.fromkeys(text.strip() for text in texts):
        change, wrong = parsed_charges(text, allow_code=allow_code)
        faults += wrong
        changes += [] if wrong else [change]
    if len(set(map(str.strip, texts))) < len(texts):
        faults.append(Fault(CHARGES_OPTION, ", ".join(texts), "says the same twice", "Name every charge once."))
    return changes if texts else [OWN_CHARGES], faults


def _number_faults(wanted: Wanted, designs: Sequence[object], changes: Sequence[object]) -> list[Fault]:
    faults = []
    if wanted.jobs is not None and not 1 <= wanted.jobs <= MOST_JOBS:
        faults.append(Fault("--jobs", str(wanted.jobs), f"must lie between 1 and {MOST_JOBS}", "Leave it out."))
    count = len(designs) * len(changes)
    if count > MOST_ROWS:
        problem = f"make {count} rows, and {MOST_ROWS} are the most"
        faults.append(Fault("--designs and --charges", f"{len(designs)} and {len(changes)}", problem, "Compare less."))
    return faults


def _loaded(asked: Asked, overrides: Sequence[str], out: str | Path | None) -> tuple[Case | None, tuple[Fault, ...]]:
    """The scenario before its rows differ, and its faults."""
    try:
        return load(asked.scenario, asked.overrides(overrides), results=out, allow_code=asked.allow_code), ()
    except BadInput as bad:
        return None, bad.faults


def _with_baseline(designs: Sequence[NamedDesign], base: Case | None, *, allow_code: bool) -> list[NamedDesign]:
    """The designs, and nobody's trade where no row would say what a day without trade costs within limits."""
    negotiates = base is not None and base.scenario.negotiation.enabled
    if not designs or not negotiates or any(design.kind.negotiates for design in designs):
        return list(designs)
    return [*designs, *named_designs([NOBODY_TRADES], allow_code=allow_code)[0]]


def _rows(
    wanted: Wanted, designs: Sequence[NamedDesign], changes: Sequence[ChargesChange], base: Case | None
) -> tuple[list[CheckedRow], tuple[Fault, ...]]:
    if len(designs) * len(changes) > MOST_ROWS:
        return [], ()
    rows = rows_of(designs, changes, wanted.overrides, base)
    try:
        return checked(wanted.asked, rows, out=wanted.out), ()
    except BadInput as bad:
        return [], bad.faults


def _folder_faults(plan: Plan, *, overwrite: bool) -> list[Fault]:
    """Why results cannot go where they are to go; of a folder that nobody may take, nothing is said of its rows."""
    whole = claim_faults(plan.folder, overwrite=overwrite, inputs=plan.inputs, what=COMPARISON)
    if whole:
        return list(whole)
    folders = [(plan.folder / row.row.label, row.inputs) for row in plan.rows]
    return [
        fault
        for folder, inputs in folders
        for fault in (
            *result_place_faults(folder),
            *claim_faults(folder, overwrite=overwrite, inputs=inputs),
        )
    ]

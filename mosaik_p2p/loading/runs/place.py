"""Where the results of a run go: into a folder that it claims, as a new run or as one that goes on."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.runs.run_meta import run_meta
from mosaik_p2p.results.claiming import claimed_counterfactual, claimed_folder, input_checksums, refuse_inside_a_run
from mosaik_p2p.results.resuming import Asked, Stopped, resumed_folder, stopped_run
from mosaik_p2p.results.store.mark import ResultFolder
from mosaik_p2p.scenario import resolved_toml


@dataclass(frozen=True)
class Place:
    """A folder, the files that the run is made from, and what may be done with what lies there."""

    folder: Path
    inputs: tuple[Path, ...]
    overwrite: bool
    resume: bool


def claimed(case: Case, place: Place, claims: ExitStack) -> tuple[ResultFolder, Stopped | None]:
    """The folder for this run alone, as long as `claims` hold, and the stopped run that goes on in it; None: a new one.

    Raises BadInput and NotWritten as `claimed_folder` and `resumed_folder`.
    """
    if place.resume:
        refuse_inside_a_run(place.folder)
    stopped = _stopped(case, place)
    if stopped is not None:
        return claims.enter_context(resumed_folder(place.folder, stopped)), stopped
    # Of the same run, what lies there is no more than a begin.
    new = claimed_folder(
        place.folder,
        overwrite=place.overwrite or place.resume,
        inputs=place.inputs,
        more_names=case.quantity_files,
    )
    return claims.enter_context(new), None


def claimed_beside(case: Case, place: Place, claims: ExitStack) -> tuple[ResultFolder, Stopped | None]:
    """The same for a counterfactual run, whose folder belongs to the run above it."""
    stopped = _stopped(case, place)
    if stopped is not None:
        return claims.enter_context(resumed_folder(place.folder, stopped)), stopped
    return claims.enter_context(claimed_counterfactual(place.folder, overwrite=place.resume)), None


def _stopped(case: Case, place: Place) -> Stopped | None:
    if place.resume and place.overwrite:
        remedy = "Give one of them: --resume goes on, --overwrite begins anew"
        raise BadInput([Fault("--resume", "true", "contradicts --overwrite", remedy)])
    if not place.resume:
        return None
    meta = run_meta(case, complete=False, wall_s={})
    scenario = resolved_toml(case.scenario, place.folder)
    asked = Asked(scenario, meta.scenario_hash, meta.versions, input_checksums(place.inputs))
    return stopped_run(place.folder, asked)

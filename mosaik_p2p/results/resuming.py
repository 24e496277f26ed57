"""How a run takes a folder in which it was stopped, to go on there.

Only the same run goes on: the same scenario with the same overrides, from the same input files, computed by the same
versions. What it had stored when it last said from where it can go on is kept, whatever it has written since removed.
"""

import contextlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from mosaik_p2p.errors import BadInput, Fault, shown
from mosaik_p2p.results.claiming import impossible, in_use
from mosaik_p2p.results.store.folder import RESUME_FILE, SCENARIO_FILE, SUMMARY_FILE, TABLE_NAMES, parts_folder
from mosaik_p2p.results.store.integrity import CHANGED, MISSING, damages
from mosaik_p2p.results.store.lock import InUse, is_lock, is_locked, locked
from mosaik_p2p.results.store.mark import (
    RUN,
    Mark,
    ResultFolder,
    Written,
    checksum,
    go_on_with_mark,
    read_mark,
)
from mosaik_p2p.results.store.resume_point import Phase, ResumePoint, move_point, read_point
from mosaik_p2p.results.summary import NOT_ENDED

ANEW = "Run it anew with --overwrite, or choose another folder with --out"
MOST_NAMED = 5
"""Keys of which it is said that they differ."""


@dataclass(frozen=True)
class Asked:
    """The run that is to go on."""

    scenario: str
    """As TOML, resolved, with paths relative to the result folder."""
    scenario_hash: str | None
    versions: Mapping[str, str]
    inputs: Mapping[str, str] | None
    """Checksums by name; None of a run beside another one, which has the same."""


@dataclass(frozen=True)
class Stopped:
    """The run that a folder holds."""

    mark: Mark
    point: ResumePoint | None
    """None of a run that is complete."""
    summary: Mapping[str, Any]

    @property
    def is_complete(self) -> bool:
        """Whether nothing of it is left to be done (runs beside it aside)."""
        return bool(self.summary.get("complete"))

    @property
    def spent_s(self) -> dict[str, float]:
        """Seconds that it took so far, by part: of all its processes that ended and could say so, and of one that was
        killed what it computed up to the point."""
        spent = {part: float(seconds) for part, seconds in self.summary.get("wall_s", {}).items()}
        if self.point is None or self.summary.get("cause") != NOT_ENDED:
            return spent
        return added(spent, self.point.wall_s)


def added(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Seconds of two processes of a run, by part."""
    return {part: before.get(part, 0.0) + after.get(part, 0.0) for part in {**before, **after}}


def stopped_run(folder: Path, asked: Asked) -> Stopped | None:
    """The run in `folder` that can go on, or is complete; None where there is nothing to go on with.

    Raises BadInput where the folder holds another run than `asked`, one that goes on, or one whose files were changed.
    """
    try:
        mark = _mark_of_run(folder)
        if mark is None:
            return None
        if is_locked(folder):
            raise in_use(folder)
        return _stopped(folder, mark, asked)
    except (OSError, ValueError) as error:
        raise impossible(folder, error) from error


def _mark_of_run(folder: Path) -> Mark | None:
    """The mark of a run that has begun; whatever else there may be is for those to judge who begin one."""
    if not folder.is_dir() or not any(not is_lock(path) for path in folder.iterdir()):
        return None
    mark = read_mark(folder)
    is_begun = mark is not None and mark.what == RUN and (folder / SUMMARY_FILE).exists()
    return mark if is_begun and (folder / SCENARIO_FILE).exists() else None


def _stopped(folder: Path, mark: Mark, asked: Asked) -> Stopped | None:
    # As it was written: to count the tables of a run that was killed takes long, and they may be damaged.
    summary: Mapping[str, Any] = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
    faults = [*_other_scenario(folder, summary, asked), *_other_inputs(mark, asked), *_other_versions(summary, asked)]
    if faults:
        raise BadInput(faults)
    if summary.get("complete"):
        _refuse(folder, [(str(found), "") for found in damages(folder)])
        return Stopped(mark, None, summary)
    point = read_point(folder)
    if point is None:
        problem = "says nothing about from where its run can go on: an earlier version or other simulators made it"
        raise BadInput([Fault("result folder", str(folder), problem, ANEW)])
    if point.is_begin:
        return None
    lost = _lost(folder, mark, point) if point.phase is not Phase.FOLLOWED else damages(folder)
    _refuse(folder, [(str(found), "") for found in lost])
    return Stopped(mark, point, summary)


def _refuse(folder: Path, problems: list[tuple[str, str]]) -> None:
    if problems:
        raise BadInput([Fault("result folder", str(folder), problem, ANEW) for problem, _ in problems])


def _lost(folder: Path, mark: Mark, point: ResumePoint) -> Iterator[str]:
    """What the run had stored and is no longer there as it was."""
    for name in sorted(point.files):
        place = _place(folder, name)
        if not place.is_file():
            yield f"{place} {MISSING}"
        elif checksum(place.read_bytes()) not in mark.checksums.get(name, frozenset()):
            yield f"{place} {CHANGED}"


def _place(folder: Path, name: str) -> Path:
    """Where a file lies that the mark names; the parts of a table may be aside."""
    table, _, part = name.partition("/")
    parts = parts_folder(folder, table.removesuffix(".parquet")) if part and table in TABLE_NAMES else None
    return folder / name if parts is None else parts / part


def _other_scenario(folder: Path, summary: Mapping[str, Any], asked: Asked) -> Iterator[Fault]:
    if summary.get("scenario_hash") == asked.scenario_hash:
        return
    there = _flat(tomllib.loads((folder / SCENARIO_FILE).read_text(encoding="utf-8")))
    here = _flat(tomllib.loads(asked.scenario))
    different = [key for key in sorted({*there, *here}) if there.get(key) != here.get(key)]
    different = [key for key in different if not _is_moved(there.get(key), here.get(key), key)]
    remedy = f"Give the same scenario and the same options. {ANEW}"
    for key in different[:MOST_NAMED] or ["scenario"]:
        problem = f"the run in {folder} has {_told(there, key)}: another scenario cannot go on with it"
        yield Fault(key, _told(here, key), problem, remedy)


def _is_moved(there: Any, here: Any, key: str) -> bool:
    """Whether it is the same file seen from a folder that was moved; what it holds is compared by itself."""
    is_file = key.rpartition(".")[2] == "file" and isinstance(there, str) and isinstance(here, str)
    return is_file and PurePosixPath(there).name == PurePosixPath(here).name


def _told(tables: Mapping[str, Any], key: str) -> str:
    return shown(tables[key]) if key in tables else "nothing"


def _flat(tables: Any, name: str = "") -> dict[str, Any]:
    """Values by their keys, with dots between, and places in lists."""
    entries = tables.items() if isinstance(tables, dict) else enumerate(tables) if isinstance(tables, list) else None
    if entries is None or not tables:
        return {name: tables}
    found: dict[str, Any] = {}
    for key, value in entries:
        found |= _flat(value, f"{name}.{key}" if name else str(key))
    return found


def _other_inputs(mark: Mark, asked: Asked) -> Iterator[Fault]:
    if asked.inputs is None or mark.inputs is None:
        return
    for name in sorted({*asked.inputs, *mark.inputs}):
        if asked.inputs.get(name) != mark.inputs.get(name):
            yield Fault("input file", name, "is not as it was when the run began", f"Put it back. {ANEW}")


def _other_versions(summary: Mapping[str, Any], asked: Asked) -> Iterator[Fault]:
    before = summary.get("versions", {})
    for name in sorted({*before, *asked.versions}):
        there, here = before.get(name, "none"), asked.versions.get(name, "none")
        if there != here:
            problem = f"the run began with {there}: the rest of it would have other digits"
            yield Fault(f"version of {name}", here, problem, f"Install that version. {ANEW}")


@contextlib.contextmanager
def resumed_folder(folder: Path, stopped: Stopped) -> Iterator[ResultFolder]:
    """The folder for the same run alone, with what it had stored at its point, until the context ends.

    Raises BadInput where another run has taken it in the meantime, NotWritten where nothing can be written.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(locked(folder))
        except InUse:
            raise in_use(folder) from None
        except OSError as error:
            raise impossible(folder, error) from error
        mark = read_mark(folder)
        if mark is None or mark.run != stopped.mark.run:
            raise in_use(folder)
        try:
            claimed = _taken_back(folder, mark, stopped.point)
        except OSError as error:
            raise impossible(folder, error) from error
        yield claimed


def _taken_back(folder: Path, mark: Mark, point: ResumePoint | None) -> ResultFolder:
    # What follows the point stays where only tables were merged since, which can be done again.
    is_whole = point is None or point.phase is Phase.FOLLOWED
    kept = set(mark.written) if point is None or is_whole else {*point.files, RESUME_FILE}
    for name in set(mark.checksums) - kept:
        _place(folder, name).unlink(missing_ok=True)
    for place in (folder, *(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())):
        for hidden in place.glob(f".*.{mark.run}.tmp"):
            hidden.unlink()
    found = {name: _as_it_is(folder, name, mark) for name in mark.written if name in kept}
    go_on_with_mark(folder, replace(mark, written={name: entry for name, entry in found.items() if entry is not None}))
    claimed = ResultFolder(folder, mark.run)
    if point is not None:
        # Also says that its seconds are counted: the summary has them from now on.
        move_point(claimed, point.phase, interval=point.interval, state=point.state)
    return claimed


def _as_it_is(folder: Path, name: str, mark: Mark) -> Written | None:
    """What the mark is to say of a file that was written more than once, or is merged into another one."""
    place = _place(folder, name)
    if not place.is_file():
        return mark.written[name]
    data = place.read_bytes()
    last, found = mark.written[name], checksum(data)
    return last if found == last.sha256 or found not in mark.checksums[name] else Written(len(data), found)

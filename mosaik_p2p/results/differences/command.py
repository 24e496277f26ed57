"""The command `diff`, and the same in Python."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from json import dumps
from pathlib import Path
from typing import Any

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.files import target_faults, write_whole
from mosaik_p2p.results.differences.flat import Different
from mosaik_p2p.results.differences.inputs import (
    files_that_differ,
    keys_that_differ,
    unknown_files,
    versions_that_differ,
)
from mosaik_p2p.results.differences.outcomes import FIRST, figures, figures_that_differ, unit_of
from mosaik_p2p.results.differences.tables import TableDifference, table_differences
from mosaik_p2p.results.in_hand.run_results import RunResults, read

JSON_OPTION = "--json"


@dataclass(frozen=True)
class Figure:
    """A figure of the summaries side by side."""

    key: str
    unit: str
    values: tuple[Any, ...]
    """One per run; None where it is not known."""
    changes: tuple[float | None, ...]
    """Against the first run, one per other run; None where it is no number."""


@dataclass(frozen=True)
class Differences:
    """What differs between runs; the first of them is what the others are compared with."""

    folders: tuple[str, ...]
    keys: tuple[Different, ...]
    """Of the scenarios."""
    files: tuple[Different, ...]
    """Checksums of what the files held that scenarios name."""
    files_not_known: tuple[str, ...]
    """Runs that do not say from which files they were made."""
    versions: tuple[Different, ...]
    outcomes: tuple[Figure, ...]
    """The figures that differ."""
    first_figures: tuple[Figure, ...]
    """The figures that are asked for first, whether they differ or not."""
    tables: tuple[tuple[TableDifference, ...], ...]
    """Of every other run, those that are not as the first run's."""

    @property
    def is_none(self) -> bool:
        """Whether nothing differs."""
        return not (self.keys or self.files or self.versions or self.outcomes or any(self.tables))


def diff(folders: Sequence[str | Path], *, json: str | Path | None = None) -> Differences:
    """What differs between the runs in two or more result folders, the first being what others are compared with.

    Inputs: keys of the scenarios as they were run, files by their content, versions of programs. Outcomes: every figure
    of the summaries. Tables: rows and columns. Where folders and files lie, and how long a run took, is no difference.
    `json` is a file to be written with all of it.

    Raises BadInput with the faults of all folders that hold no run, or one that was changed since.
    """
    runs, faults = _read(folders)
    faults += [] if json is None else target_faults(JSON_OPTION, json)
    if len(folders) < 2:
        faults.append(Fault("diff", f"{len(folders)} folders", "are too few to be compared", "Name two or more."))
    if faults:
        raise BadInput(faults)
    found = differences_of(runs)
    if json is not None:
        # What JSON has no type for, such as a day of a scenario, is written as text.
        text = dumps(asdict(found), indent=2, ensure_ascii=False, default=str)
        write_whole(JSON_OPTION, Path(json), f"{text}\n")
    return found


def _read(folders: Sequence[str | Path]) -> tuple[list[RunResults], list[Fault]]:
    runs: list[RunResults] = []
    faults: list[Fault] = []
    for folder in folders:
        try:
            runs.append(read(folder))
        except BadInput as bad:
            faults += bad.faults
    return runs, faults


def differences_of(runs: Sequence[RunResults]) -> Differences:
    """Of runs in hand."""
    all_figures = [figures(run) for run in runs]
    first = [key for key in FIRST if any(key in found for found in all_figures)]
    return Differences(
        folders=tuple(str(run.folder) for run in runs),
        keys=keys_that_differ(runs),
        files=files_that_differ(runs),
        files_not_known=unknown_files(runs),
        versions=versions_that_differ(runs),
        outcomes=tuple(_figure(one.key, one.values, all_figures, runs) for one in figures_that_differ(runs)),
        first_figures=tuple(
            _figure(key, tuple(found.get(key) for found in all_figures), all_figures, runs) for key in first
        ),
        tables=tuple(table_differences(runs[0], other) for other in runs[1:]),
    )


def _figure(
    key: str, values: tuple[Any, ...], all_figures: Sequence[dict[str, Any]], runs: Sequence[RunResults]
) -> Figure:
    units = dict.fromkeys(unit_of(key, found, run.currency) for found, run in zip(all_figures, runs, strict=True))
    begin, *others = values
    return Figure(key, " / ".join(units), values, tuple(_change(begin, value) for value in others))


def _change(begin: Any, value: Any) -> float | None:
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in (begin, value)):
        return float(value - begin)
    return None

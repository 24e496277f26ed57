"""What runs were made from: the keys of their scenarios, the files that these name, and the versions of programs."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from mosaik_p2p.results.differences.flat import Different, differing, flat
from mosaik_p2p.results.in_hand.run_results import RunResults
from mosaik_p2p.results.store.folder import SCENARIO_FILE
from mosaik_p2p.results.store.mark import read_mark

FILE, FILE_ENDING = "file", "_file"
"""Keys that name a file: where it lies is no difference, and what it holds is compared by itself."""
DIGITS = 12
"""Of a checksum, as many as are shown."""


def keys_that_differ(runs: Sequence[RunResults]) -> tuple[Different, ...]:
    """Of the scenarios as they were run, defaults and overrides worked in."""
    return differing([_keys(run.folder) for run in runs])


def files_that_differ(runs: Sequence[RunResults]) -> tuple[Different, ...]:
    """By name as seen from the scenario file, which is compared by its keys: checksums of what they held."""
    return differing([_files(run.folder) for run in runs])


def versions_that_differ(runs: Sequence[RunResults]) -> tuple[Different, ...]:
    """Of Python and of the packages that shape results."""
    return differing([dict(run.summary.get("versions") or {}) for run in runs])


def unknown_files(runs: Sequence[RunResults]) -> tuple[str, ...]:
    """The runs that do not say from which files they were made."""
    return tuple(str(run.folder) for run in runs if _checksums(run.folder) is None)


def _keys(folder: Path) -> dict[str, Any]:
    tables = tomllib.loads((folder / SCENARIO_FILE).read_text(encoding="utf-8"))
    return {key: _without_folder(key, value) for key, value in flat(tables)}


def _without_folder(key: str, value: Any) -> Any:
    last = key.rpartition(".")[2]
    names_file = last == FILE or last.endswith(FILE_ENDING)
    return PurePosixPath(value).name if names_file and isinstance(value, str) else value


def _files(folder: Path) -> dict[str, str]:
    _, *named = (_checksums(folder) or {"": ""}).items()
    return {name: checksum[:DIGITS] for name, checksum in named}


def _checksums(folder: Path) -> Mapping[str, str] | None:
    mark = read_mark(folder)
    return None if mark is None else mark.inputs

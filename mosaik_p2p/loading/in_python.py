"""Scenarios made in Python, written where a run can read them: a file with its profiles beside it."""

import contextlib
import io
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import tomli_w

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.files import NAME_BYTES, reason_of, result_place_faults
from mosaik_p2p.scenario.in_python import in_python
from mosaik_p2p.sections.base import Section

Source: TypeAlias = str | Path | Mapping[str, Any] | Section
"""A scenario file, the name of one that ships, or a scenario made in Python."""
FIRST_LINE = "# Made in Python, and written by mosaik_p2p: the next time it is written over."
UNNAMED = "scenario"
PLACE = "folder of the scenario"


def write_scenario(scenario: Mapping[str, Any] | Section, folder: str | Path) -> Path:
    """Write a scenario made in Python into a folder, with its profiles beside it; the path of its file.

    An earlier one that this function has written is replaced, and nothing else. Paths in the scenario are relative to
    the folder. Raises BadInput where a value cannot be held by a file, or the folder not be written to; what the values
    mean is checked when the file is loaded.
    """
    made, place = in_python(scenario), Path(folder)
    path = place / f"{_stem(made.tables)}.toml"
    try:
        faults = [*result_place_faults(place), *_foreign(path, made.frames)]
        if faults:
            raise BadInput(faults)
        place.mkdir(parents=True, exist_ok=True)
        # The marked file comes first: what lies beside it is then known as ours, whatever stops this.
        path.write_text(f"{FIRST_LINE}\n{tomli_w.dumps(made.tables)}", encoding="utf-8")
        for name, frame in made.frames.items():
            buffer = io.BytesIO()
            frame.to_parquet(buffer, index=False)
            (place / name).write_bytes(buffer.getvalue())
    except (OSError, ValueError) as error:
        problem = f"cannot be written to: {reason_of(error)}"
        raise BadInput([Fault(PLACE, str(place), problem, "Choose another folder")]) from error
    return path


@contextlib.contextmanager
def as_file(source: Source) -> Iterator[str | Path]:
    """The source as a file or a name; of a scenario made in Python a file that lasts as long as the context."""
    if isinstance(source, str | Path):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="mosaik_p2p_") as folder:
        yield write_scenario(source, folder)


def kept_file(source: Source, results: Path) -> str | Path:
    """The same for a run with that result folder: what was made in Python lies beside it, to be run again."""
    if isinstance(source, str | Path):
        return source
    return write_scenario(source, results.with_name(f"{results.name}-scenario"))


def named(source: Source) -> str:
    """The name of a scenario made in Python, by which its results are called."""
    return _stem(source if isinstance(source, Mapping) else {"name": getattr(source, "name", UNNAMED)})


def _stem(tables: Mapping[str, Any]) -> str:
    name = tables.get("name", UNNAMED)
    is_usable = isinstance(name, str) and name.strip(" .") and not set(name) & set('/\\:*?"<>|\0\n')
    return name if is_usable and len(f"{name}.toml".encode()) <= NAME_BYTES else UNNAMED


def _foreign(path: Path, frames: Mapping[str, Any]) -> Iterator[Fault]:
    """What is there already and was not written here."""
    is_ours = path.is_file() and path.read_bytes().startswith(FIRST_LINE.encode())
    there = [place for place in (path, *(path.parent / name for name in frames)) if place.exists()]
    for place in [] if is_ours else there:
        yield Fault(PLACE, str(place), "is there already, and was not made in Python", "Choose another folder")

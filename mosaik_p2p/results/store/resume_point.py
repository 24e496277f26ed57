"""From where a run can go on that was stopped: `resume.json`, there as long as its run has not come to its end.

It says how far the run has come, how long the folder's mark was then, and what the market starts its next interval
from. The mark only grows: its begin of that length names the files that stood in the folder. Whatever else the run has
written since is made again, with the same digits.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from mosaik_p2p.results.store.folder import RESUME_FILE
from mosaik_p2p.results.store.mark import MARK_FILE, ResultFolder, first_line, mark_size, read_mark

FORMAT = 2


class Phase(StrEnum):
    """What of a run is done."""

    RUNNING = "running"
    """The intervals before a certain one."""
    RECORDED = "recorded"
    """All intervals; the days without the market and the last accounts are not."""
    FOLLOWED = "followed"
    """All but the summary."""


@dataclass(frozen=True)
class ResumePoint:
    """Where a run can go on."""

    phase: Phase
    interval: int
    """The next one, counted from the begin of the run."""
    state: str | None
    """What the market starts it from; None before the first interval and after the last."""
    files: frozenset[str]
    """That the run had written by then, by name."""
    wall_s: Mapping[str, float] = field(default_factory=dict)
    """Seconds of computing from where this process began or went on, by part."""

    @property
    def is_begin(self) -> bool:
        """Whether nothing is gained by going on."""
        return self.phase is Phase.RUNNING and self.interval == 0


def begin_point(folder: ResultFolder) -> None:
    """Say that the run of the folder can be resumed. Raises NotWritten."""
    _write(folder, Phase.RUNNING, 0, None, {})


def move_point(
    folder: ResultFolder,
    phase: Phase,
    *,
    interval: int = 0,
    state: str | None = None,
    wall_s: Mapping[str, float] | None = None,
) -> None:
    """Say how far the run has come, with all that it has written so far; of a run that never began a point, nothing.

    Raises NotWritten.
    """
    if (folder.path / RESUME_FILE).exists():
        _write(folder, phase, interval, state, wall_s or {})


def read_point(folder: Path) -> ResumePoint | None:
    """From where the run of the folder can go on; None where it has left no point. Raises ValueError, OSError."""
    path = folder / RESUME_FILE
    if not path.is_file():
        return None
    try:
        said: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if said["format"] != FORMAT:
            raise ValueError(f"it is of format {said['format']}")
        wall_s = {part: float(seconds) for part, seconds in said.get("wall_s", {}).items()}
        files = _files(folder, int(said["mark_bytes"]), int(said["times_resumed"]))
        return ResumePoint(Phase(said["phase"]), int(said["interval"]), said["state"], files, wall_s)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ValueError(f"{path} does not say from where a run can go on: {error}") from error


def _files(folder: Path, size: int, times_resumed: int) -> frozenset[str]:
    """What the run had written when its mark was so long. Raises ValueError where the mark does not say it."""
    mark, whole = read_mark(folder, size=size), mark_size(folder)
    if mark is None or whole is None:
        raise ValueError("there is no mark beside it")
    if mark.times_resumed == times_resumed + 1:
        # Killed while it was about to go on: the mark is new, and holds just these files.
        mark = read_mark(folder) or mark
    elif mark.times_resumed != times_resumed or size > whole or mark.is_damaged or not _ends_a_line(folder, size):
        raise ValueError("it does not fit the mark beside it")
    return frozenset(mark.written) - {RESUME_FILE}


def _ends_a_line(folder: Path, size: int) -> bool:
    with (folder / MARK_FILE).open("rb") as file:
        file.seek(max(size - 1, 0))
        return file.read(1) == b"\n"


def _write(folder: ResultFolder, phase: Phase, interval: int, state: str | None, wall_s: Mapping[str, float]) -> None:
    header = first_line(folder.path) or {}
    content = {
        "format": FORMAT,
        "phase": phase.value,
        "interval": interval,
        "state": state,
        "mark_bytes": mark_size(folder.path) or 0,
        "times_resumed": int(header.get("times_resumed", 0)),
        "wall_s": dict(wall_s),
    }
    folder.write(RESUME_FILE, json.dumps(content, separators=(",", ":")).encode())

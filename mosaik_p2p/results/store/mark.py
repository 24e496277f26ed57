"""The mark of a result folder: `run.jsonl`, which only a run writes, with an entry for every file that it has written.

Its first line says which run that was (process, host, since when), each further line a file with its size, checksum
and, of a table, the number of its rows. Of a run it
says, too, from which input files it was made. By the mark `--overwrite` knows the files that it may remove, a run
whether all that it stored is still there at its end, `--resume` whether it still has the same inputs, and `report`
whether a file has been changed since.

Files are written beside their place under a hidden name, entered here, and renamed: a file under its own name is whole,
whatever stops the run, and nothing is ever written through a link.
"""

import contextlib
import errno
import hashlib
import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mosaik_p2p.errors import RunFailed

MARK_FILE = "run.jsonl"
MADE_BY, FORMAT = "mosaik_p2p result folder", 1
RUN, COMPARISON = "run", "comparison"
"""What a folder with a mark is of."""
ALL = "all"
"""Withdrawn: not only what was written last."""
_NEVER_FOLLOWED = getattr(os, "O_NOFOLLOW", 0)


class NotWritten(RunFailed):
    """A file of the result folder could not be written; nothing of it stands under its name."""


@dataclass(frozen=True)
class Written:
    """A file as a run has written it."""

    size: int
    sha256: str
    rows: int | None = None
    """Of a table, or a part of one."""


@dataclass(frozen=True)
class Mark:
    """What stands in the mark."""

    run: str
    pid: int
    host: str
    since: str
    written: Mapping[str, Written]
    """By the file's name inside the folder, with `/`: as it was written last."""
    checksums: Mapping[str, frozenset[str]]
    """By name: of all that was ever written there."""
    is_damaged: bool
    """Whether there are lines, apart from a last one that was cut off, that no run has written."""
    what: str = RUN
    """What the folder is of: a `run`, or a `comparison` with runs below it."""
    inputs: Mapping[str, str] | None = None
    """Checksums of the files that the run is made from, by name; None where nobody has said so."""
    times_resumed: int = 0
    """How often the run has gone on; the mark is written anew each time."""

    @property
    def holder(self) -> str:
        """The process for a message."""
        return f"process {self.pid} on {self.host}, since {self.since}"

    def hidden(self, place: Path) -> Path:
        """Where a file lies before it is whole."""
        return _hidden(place, self.run)


def start_mark(folder: Path, *, what: str = RUN, inputs: Mapping[str, str] | None = None) -> str:
    """Mark the folder, which exists, as that of a new run (or of `what`), made from `inputs`; returns the run's own id.
    Raises NotWritten."""
    run = secrets.token_hex(8)
    _replace(folder / MARK_FILE, run, _line(_header(run, what, inputs)), None)
    return run


def go_on_with_mark(folder: Path, mark: Mark) -> None:
    """Mark the folder as that of the same run, which goes on in this process with what `mark` says to be written.
    Raises NotWritten."""
    entries = [_line(_entry(name, found.size, found.sha256, found.rows)) for name, found in mark.written.items()]
    header = _line(_header(mark.run, mark.what, mark.inputs) | {"times_resumed": mark.times_resumed + 1})
    _replace(folder / MARK_FILE, mark.run, b"".join([header, *entries]), None)


def _header(run: str, what: str, inputs: Mapping[str, str] | None) -> dict[str, Any]:
    return {
        "made_by": MADE_BY,
        "format": FORMAT,
        "run": run,
        "what": what,
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        **({} if inputs is None else {"inputs": dict(inputs)}),
    }


def _entry(name: str, size: int, sha256: str, rows: int | None) -> dict[str, Any]:
    return {"file": name, "bytes": size, "sha256": sha256, **({} if rows is None else {"rows": rows})}


def read_mark(folder: Path, *, size: int | None = None) -> Mark | None:
    """The mark of the folder, or its first `size` bytes; None where no run has left one. Raises OSError where it cannot
    be read."""
    path = folder / MARK_FILE
    if path.is_symlink() or not path.is_file():
        return None
    lines = path.read_bytes()[:size].split(b"\n")
    header = _own_header(lines[0])
    if header is None:
        return None
    entries = [_parsed(line) for line in lines[1:] if line]
    cut = bool(lines[-1]) and bool(entries) and entries[-1] is None
    known = [entry for entry in entries if entry is not None]
    try:
        return _mark(header, known, is_damaged=len(known) + cut < len(entries))
    except (KeyError, TypeError, IndexError):
        return None


def _own_header(line: bytes) -> dict[str, Any] | None:
    """The first line of a mark; None where it is none of ours."""
    header = _parsed(line)
    is_own = header is not None and header.get("made_by") == MADE_BY and header.get("format") == FORMAT
    return header if is_own else None


def first_line(folder: Path) -> dict[str, Any] | None:
    """What the mark begins with; None where no run has left one. Raises OSError where it cannot be read."""
    path = folder / MARK_FILE
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        return _own_header(file.readline())


def mark_size(folder: Path) -> int | None:
    """How many bytes the mark has, which says what it held for all time to come; None where there is none."""
    path = folder / MARK_FILE
    return None if path.is_symlink() or not path.is_file() else path.stat().st_size


def _mark(header: Mapping[str, Any], entries: list[dict[str, Any]], *, is_damaged: bool) -> Mark:
    standing: dict[str, list[Written]] = {}
    checksums: dict[str, frozenset[str]] = {}
    for entry in entries:
        name = str(entry["file"])
        if entry.get("withdrawn"):
            standing[name] = [] if entry["withdrawn"] == ALL else standing[name][:-1]
            continue
        standing.setdefault(name, []).append(Written(entry["bytes"], entry["sha256"], entry.get("rows")))
        checksums[name] = checksums.get(name, frozenset()) | {entry["sha256"]}
    written = {name: versions[-1] for name, versions in standing.items() if versions}
    about = {key: header[key] for key in ("run", "pid", "host", "since")}
    what = str(header.get("what", RUN))
    more: dict[str, Any] = {"inputs": header.get("inputs"), "times_resumed": int(header.get("times_resumed", 0))}
    return Mark(**about, written=written, checksums=checksums, is_damaged=is_damaged, what=what, **more)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False).encode() + b"\n"


@dataclass(frozen=True)
class ResultFolder:
    """A result folder as one run writes to it.

    Every write makes sure that the folder is still this run's: one that was removed, or that another run has taken in
    the meantime, gets no file. The mark's first line says so: what a write costs does not grow with the mark.
    """

    path: Path
    run: str | None
    """The run that writes; None: there is no mark, as in folders of earlier versions."""

    def is_there(self) -> bool:
        """Whether the folder is there and still belongs to the run, by a mark that can be read to its end."""
        return _run_of(read_mark(self.path)) == self.run and self.path.is_dir()

    def _is_ours(self) -> bool:
        """The same by the first line alone."""
        header = first_line(self.path)
        return (None if header is None else header.get("run")) == self.run and self.path.is_dir()

    def write(self, name: str, data: bytes, *, rows: int | None = None) -> Path:
        """Write a file whole or not at all, and enter it in the mark. Raises NotWritten.

        `name` is relative to the folder, and at most one folder deep, as for a part of a table.
        """
        if not self._is_ours():
            raise NotWritten(f"the result folder {self.path} was removed, or taken by another run, in mid-run")
        place = self.path / name
        if place.parent != self.path:
            _make_inner(place.parent)
        entry = _entry(name, len(data), checksum(data), rows)
        _replace(place, self.run or "new", data, None if self.run is None else (self.path / MARK_FILE, entry))
        return place

    def enter(self, name: str) -> None:
        """Enter a file that was written for the run by other means, such as a log, if any. Raises NotWritten."""
        place = self.path / name
        if self.run is None or place.is_symlink() or not place.is_file() or not self._is_ours():
            return
        try:
            data = place.read_bytes()
            _append(self.path / MARK_FILE, _entry(name, len(data), checksum(data), None))
        except OSError as error:
            raise _not_written(self.path / MARK_FILE, error) from error

    def withdraw(self, name: str) -> None:
        """Remove a file that the run has written and nobody needs any more. Raises NotWritten."""
        place = self.path / name
        if self.run is None or not place.is_file() or not self._is_ours():
            return
        try:
            _append(self.path / MARK_FILE, {"file": name, "withdrawn": ALL})
            place.unlink()
        except OSError as error:
            raise _not_written(place, error) from error


def result_folder(path: Path) -> ResultFolder:
    """The folder for the run that it belongs to at present. Raises OSError where its mark cannot be read."""
    return ResultFolder(path, _run_of(read_mark(path)))


def _run_of(mark: Mark | None) -> str | None:
    return None if mark is None else mark.run


def checksum(data: bytes) -> str:
    """The checksum that the mark holds of a file."""
    return hashlib.sha256(data).hexdigest()


def _hidden(place: Path, run: str) -> Path:
    return place.with_name(f".{place.name}.{run}.tmp")


def _make_inner(folder: Path) -> None:
    """A folder for the parts of a table; one that is a link would lead elsewhere."""
    if folder.is_symlink():
        raise NotWritten(f"{folder} is a link, and nothing is written through links")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise _not_written(folder, error) from error


def _replace(place: Path, run: str, data: bytes, noted: tuple[Path, dict[str, Any]] | None) -> None:
    """Write beside, note in the mark (its file, and the entry), rename; nothing stays of what did not come so far."""
    hidden = _hidden(place, run)
    try:
        _write_new(hidden, data)
        if noted is not None:
            _append(*noted)
    except OSError as error:
        _discard(hidden)
        raise _not_written(place, error) from error
    try:
        hidden.replace(place)
    except OSError as error:
        _discard(hidden)
        if noted is not None:
            with contextlib.suppress(OSError):
                _append(noted[0], {"file": noted[1]["file"], "withdrawn": True})
        raise _not_written(place, error) from error


def _discard(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _not_written(place: Path, error: OSError) -> NotWritten:
    return NotWritten(f"{place} could not be written: {error.strerror or error}")


def _write_new(path: Path, data: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _append(path: Path, entry: Mapping[str, Any]) -> None:
    """Add a line whole or not at all, so that a disk that fills leaves no half of one."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | _NEVER_FOLLOWED | getattr(os, "O_BINARY", 0))
    try:
        size = os.fstat(descriptor).st_size
        line = _line(entry)
        if os.write(descriptor, line) < len(line):
            os.ftruncate(descriptor, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)

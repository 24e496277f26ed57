"""What lies in the folder of an earlier run: what it wrote, and what is not its own and would be in the way."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mosaik_p2p.results.store.cases import CASES
from mosaik_p2p.results.store.folder import COUNTERFACTUALS_FOLDER, ERROR_FILE, OWN_NAMES, TABLE_NAMES
from mosaik_p2p.results.store.lock import LOCK_FILE, InUse, is_lock, is_locked
from mosaik_p2p.results.store.mark import MARK_FILE, Mark, checksum, read_mark

LOG_BEGINNINGS = (b"Traceback (most recent call last):", b"  + Exception Group Traceback", b"simulator ")
"""Of `error.log`. A run that is killed, or whose disk is full, could not enter it in the mark."""


@dataclass(frozen=True)
class Leftovers:
    """Of an earlier run."""

    files: tuple[Path, ...] = ()
    """That it wrote and nobody has changed since."""
    folders: tuple[Path, ...] = ()
    """That it made, the inner ones first; they may hold files of others."""
    in_the_way: tuple[Path, ...] = ()
    """Under names that a run writes, or among its parts, but not as a run has written it."""

    def __add__(self, other: "Leftovers") -> "Leftovers":
        return Leftovers(
            (*self.files, *other.files), (*self.folders, *other.folders), (*self.in_the_way, *other.in_the_way)
        )


def leftovers(folder: Path, mark: Mark) -> Leftovers:
    """What lies in a folder with the mark of an earlier run, the mark and the lock aside. Raises InUse where a
    counterfactual run below it goes on, and OSError.
    """
    return _sum(_entry(path, mark) for path in sorted(folder.iterdir()))


def _entry(path: Path, mark: Mark) -> Leftovers:
    table = path.name.removeprefix(".").removesuffix(".parts")
    if path.name in (MARK_FILE, LOCK_FILE):
        return Leftovers()
    if path.name == COUNTERFACTUALS_FOLDER:
        return _counterfactuals(path)
    if table in TABLE_NAMES and path.is_dir() and not path.is_symlink():
        return _parts(path, table, mark)
    if _is_own(path, path.name, mark):
        return Leftovers(files=(path,))
    is_named = path.name in OWN_NAMES or path.name in mark.written or table in TABLE_NAMES
    return Leftovers(in_the_way=(path,)) if is_named else Leftovers()


def _parts(parts: Path, table: str, mark: Mark) -> Leftovers:
    inner = [(path, _is_own(path, f"{table}/{path.name}", mark)) for path in sorted(parts.iterdir())]
    own, others = (tuple(path for path, is_own in inner if is_own is kind) for kind in (True, False))
    return Leftovers(own, (parts,), others)


def _counterfactuals(folder: Path) -> Leftovers:
    if folder.is_symlink() or not folder.is_dir():
        return Leftovers(in_the_way=(folder,))
    found = _sum(_counterfactual(inner) for inner in sorted(folder.iterdir()))
    return found + Leftovers(folders=(folder,))


def _counterfactual(folder: Path) -> Leftovers:
    is_folder = folder.is_dir() and not folder.is_symlink()
    mark = read_mark(folder) if is_folder else None
    if mark is None:
        return Leftovers(in_the_way=(folder,)) if folder.name in CASES else Leftovers()
    if is_locked(folder):
        raise InUse(folder)
    own = tuple(path for path in (folder / LOCK_FILE, folder / MARK_FILE) if path.name == MARK_FILE or is_lock(path))
    return leftovers(folder, mark) + Leftovers(files=own, folders=(folder,))


def _is_own(path: Path, name: str, mark: Mark) -> bool:
    """Whether a file is as a run has written it, or what a killed run left of one that was not whole."""
    if path.is_symlink() or not path.is_file():
        return False
    if path.name.startswith(".") and path.name.endswith(f".{mark.run}.tmp"):
        return True
    if name in mark.checksums and checksum(path.read_bytes()) in mark.checksums[name]:
        return True
    return name == ERROR_FILE and name not in mark.written and path.read_bytes().startswith(LOG_BEGINNINGS)


def _sum(found: Iterator[Leftovers]) -> Leftovers:
    return sum(found, Leftovers())

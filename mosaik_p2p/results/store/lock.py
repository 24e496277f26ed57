"""One run at a time in a folder: a lock of the operating system, which vanishes with the process that holds it.

The lock is on an empty file in the folder that stays there when the run has ended; whether somebody holds it is known
to the system alone, so that a killed run leaves nothing to clear away.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

LOCK_FILE = ".lock"
_NEVER_FOLLOWED = getattr(os, "O_NOFOLLOW", 0)

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class InUse(Exception):
    """Another process, or another run of this one, holds the lock."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder that exists. Raises InUse at once where it is held, OSError where there can be none."""
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | _NEVER_FOLLOWED, 0o644)
    try:
        try:
            _take(descriptor)
        except OSError as error:
            raise InUse from error
        yield
    finally:
        os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Whether somebody holds the lock of the folder; a folder that was never locked has none."""
    if not is_lock(folder / LOCK_FILE):
        return False
    try:
        with locked(folder):
            return False
    except InUse:
        return True
    except OSError:  # a folder that cannot be written to has no run in it
        return False


def is_lock(path: Path) -> bool:
    """Whether this is a lock file: empty, and no link to anything."""
    if path.name != LOCK_FILE or path.is_symlink() or not path.is_file():
        return False
    state = path.stat()
    return state.st_size == 0 and state.st_nlink == 1

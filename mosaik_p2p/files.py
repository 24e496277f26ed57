"""What a user's path names: why it cannot be read or written, in words; never an exception of the system's own.

A path may hold what no system takes (a NUL, half of a surrogate pair, hundreds of letters), or lie behind a folder that
nobody may enter; Python answers with three kinds of errors, and differently from version to version.
"""

import os
from pathlib import Path

from mosaik_p2p.errors import Fault

NAME_BYTES = 255
"""Of one name in a folder, on all usual systems."""
SHOWN = 60
FILE_REMEDY = "Paths are relative to the scenario file."


def shown_path(path: str | Path) -> str:
    """A path for a message, cut where it is long."""
    text = repr(str(path))
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 4]}...'"


def why_no_path(path: str | Path) -> str | None:
    """Why the text is no path at all; None where it may be one."""
    text = str(path)
    if "\0" in text:
        return "holds a NUL, which no name of a file has"
    try:
        names = [os.fsencode(part) for part in Path(text).parts]
    except UnicodeEncodeError:
        return "holds signs that no name of a file has"
    if any(len(name) > NAME_BYTES for name in names):
        return f"has a name of more than {NAME_BYTES} bytes in it"
    return None


def why_not_readable(path: str | Path) -> str | None:
    """Why the path cannot be read as a regular file; None where it can."""
    why = why_no_path(path)
    if why is not None:
        return why
    try:
        os.stat(path)  # noqa: PTH116 (a path of its own class would hide some of the errors)
        if not Path(path).is_file():
            return "is no regular file"
        with Path(path).open("rb"):
            return None
    except (OSError, ValueError) as error:
        return f"cannot be read ({reason_of(error)})"


def exists_as_file(path: str | Path) -> bool:
    """Whether a regular file of this path is known to exist; False where nobody can say."""
    if why_no_path(path) is not None:
        return False
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def result_place_fault(folder: str | Path, *, place: str = "result folder") -> Fault | None:
    """Why results cannot be written to the folder, before anything is computed; None where they can."""
    why = why_no_path(folder)
    if why is None and str(folder) == "":
        why = "is no path"
    if why is None:
        why = _why_not_writable(Path(folder))
    return None if why is None else Fault(place, shown_path(folder), why, "Choose another folder with --out")


def _why_not_writable(path: Path) -> str | None:
    """Looks at the nearest thing above (or at) the path that exists: it must be a folder that may be written to."""
    try:
        there = next(parent for parent in (path, *path.absolute().parents) if os.path.lexists(parent))
        if there != path and not there.is_dir():
            return f"lies below {shown_path(there)}, which is no folder"
        if there.is_dir() and not os.access(there, os.W_OK | os.X_OK):
            return f"cannot be written to (no permission for {shown_path(there)})"
    except (OSError, ValueError) as error:
        return f"cannot be prepared ({reason_of(error)})"
    return None


def reason_of(error: BaseException) -> str:
    """What the system says, in its own words."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

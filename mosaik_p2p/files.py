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
NO_SUCH_FILE = "cannot be read (No such file or directory)"
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
        Path(path).stat()
        if Path(path).is_dir():
            return "is a folder, no regular file"
        if not Path(path).is_file():
            return "is no regular file"
        with Path(path).open("rb"):
            return None
    except FileNotFoundError:
        return NO_SUCH_FILE
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


def result_place_faults(folder: str | Path) -> list[Fault]:
    """Why results cannot be written to the folder, before anything is computed; none where they can."""
    why = why_no_path(folder)
    if why is None and str(folder) == "":
        why = "is no path"
    if why is None:
        why = _why_not_writable(Path(folder))
    return [] if why is None else [Fault("result folder", shown_path(folder), why, "Choose another folder with --out")]


def target_faults(place: str, file: str | Path) -> list[Fault]:
    """Why a single file cannot be written, before anything is computed; none where it can."""
    why = why_no_path(file) or _why_not_writable(Path(file).absolute().parent)
    if why is None and Path(file).is_dir():
        why = "is a folder"
    remedy = "Name a file in a folder that exists and may be written to"
    return [] if why is None else [Fault(place, shown_path(file), why, remedy)]


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

"""What a user's path names: its text, or why it cannot be read or written; never an exception of the system's own.

A path may hold what no system takes (a NUL, half of a surrogate pair, hundreds of letters), or lie behind a folder that
nobody may enter; Python answers with three kinds of errors, and differently from version to version.
"""

import os
import tempfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

from mosaik_p2p.errors import BadInput, Fault

NAME_BYTES = 255
"""Of one name in a folder, on all usual systems."""
SHOWN = 60
NO_SUCH_FILE = "cannot be read (No such file or directory)"
FILE_LIMIT_BYTES = 256 * 2**20
"""Of one table once it is unpacked."""
TABLE_REMEDY = "Give a CSV file in UTF-8 with a header: commas between the columns, decimals with a point"
FILE = "file"
"""Place of what is wrong with a file as a whole."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_OTHER_FORMATS = {
    b"PAR1": "is a Parquet file: give its name the ending .parquet",
    b"PK": "is a spreadsheet or a zip archive: save the sheet as CSV in UTF-8",
    b"BZh": "is compressed (bzip2): unpack it",
    b"\xfd7zXZ": "is compressed (xz): unpack it",
    b"\x28\xb5\x2f\xfd": "is compressed (zstd): unpack it",
}
NAME_ANOTHER = "Name another file"
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
    folder = Path(file).absolute().parent
    why = why_no_path(file) or _why_not_writable(folder)
    if why is None and Path(file).is_dir():
        why = "is a folder"
    elif why is None and not folder.is_dir():
        why = "cannot be written: its folder does not exist"
    remedy = "Name a file in a folder that exists and may be written to"
    return [] if why is None else [Fault(place, shown_path(file), why, remedy)]


def output_faults(
    place: str, path: Path, *, is_ours: Callable[[str], bool], what: str, inputs: Iterable[Path]
) -> list[Fault]:
    """Why an outcome may not be written to the file; none where it may.

    It is a new file, an empty one, no file on a disk at all (`/dev/stdout`), or an earlier outcome, which `is_ours`
    says of its text and `what` calls: nothing else is replaced, least of all one of the `inputs`.
    """
    try:
        if any(path.exists() and source.exists() and path.samefile(source) for source in inputs):
            return [Fault(place, str(path), f"is an input of this {what.split()[-1]}", NAME_ANOTHER)]
        if path.is_file() and path.stat().st_size and not is_ours(_text_or_nothing(path)):
            return [Fault(place, str(path), f"exists and is not {what}", NAME_ANOTHER)]
        if path.is_dir() or not path.resolve().parent.is_dir():
            problem = "is a folder" if path.is_dir() else "cannot be written: its folder does not exist"
            return [Fault(place, str(path), problem, NAME_ANOTHER)]
    except (OSError, ValueError, RuntimeError) as error:
        return [_unwritable(place, path, error)]
    return []


def _text_or_nothing(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def write_whole(place: str, path: Path, text: str) -> None:
    """Write a text to a file, whole or not at all. Raises BadInput where that cannot be.

    An earlier file is replaced, not written into: where another name stands for the same file, it keeps what it had.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        # Of a link, what it leads to is what was named.
        replace_whole(path.resolve(), text.encode())
    except (OSError, ValueError) as error:
        raise BadInput([_unwritable(place, path, error)]) from error


def replace_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it: whoever reads it finds the old one or the new one, whole.

    Raises OSError; then nothing of it is left.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".tmp", delete=False) as file:
        hidden = Path(file.name)
        try:
            file.write(content)
            file.flush()
        except OSError:
            hidden.unlink()
            raise
    hidden.chmod(0o666 & ~_umask())
    hidden.replace(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unwritable(place: str, path: Path, error: Exception) -> Fault:
    reason = getattr(error, "strerror", None) or str(error)
    remedy = "Name a file in a folder that exists and may be written to"
    return Fault(place, str(path), f"cannot be written: {reason}", remedy)


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
    if isinstance(error, UnicodeDecodeError):
        line = error.object.count(b"\n", 0, error.start) + 1
        return f"is not text in UTF-8, line {line}"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def read_text(path: Path) -> str:
    """The text of a table, unpacked where it is gzip. Raises BadInput (place `file`)."""
    data = _unpacked(path, _content(path))
    for mark, told in _OTHER_FORMATS.items():
        if data.startswith(mark):
            what, _, remedy = told.partition(": ")
            raise refused(path, what, remedy[:1].upper() + remedy[1:])
    if data.startswith(_UTF16) or b"\0" in data[:1000]:
        raise refused(path, "is not text in UTF-8, but in UTF-16, or no text", "Save it as CSV in UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise refused(path, f"is not text in UTF-8 (line {line}: {error.reason})", "Save it as CSV in UTF-8") from None
    if "\0" in text:
        raise refused(path, f"holds a NUL (line {text[: text.index(chr(0))].count(chr(10)) + 1})", TABLE_REMEDY)
    return text


def _content(path: Path) -> bytes:
    """The bytes of the file, one more than the limit at most."""
    why = why_no_path(path)
    if why is not None:
        raise refused(path, why, "Name a CSV file")
    try:
        with path.open("rb") as file:
            data = file.read(FILE_LIMIT_BYTES + 1)
    except (OSError, ValueError) as error:
        raise refused(path, f"cannot be read: {reason_of(error)}", "Name a CSV file in UTF-8 with a header") from error
    return _limited(path, data)


def _unpacked(path: Path, data: bytes) -> bytes:
    """What a gzip file holds; of other files what they are."""
    if not data.startswith(b"\x1f\x8b"):
        return data
    whole = bytearray()
    try:
        while data.startswith(b"\x1f\x8b"):
            inflater = zlib.decompressobj(wbits=31)
            whole += inflater.decompress(data, FILE_LIMIT_BYTES + 1 - len(whole))
            _limited(path, whole)
            if not inflater.eof:
                raise refused(path, "is a gzip file that breaks off", "Pack it again")
            data = inflater.unused_data
    except zlib.error as error:
        raise refused(path, f"is a damaged gzip file ({error})", "Pack it again") from error
    return bytes(whole)


def _limited(path: Path, data: bytes | bytearray) -> bytes:
    if len(data) > FILE_LIMIT_BYTES:
        raise refused(path, f"holds more than {FILE_LIMIT_BYTES >> 20} MiB", "Give a smaller file, or Parquet")
    return bytes(data)


def refused(path: Path, problem: str, remedy: str) -> BadInput:
    """The fault of a file as a whole."""
    return BadInput([Fault(FILE, shown_path(path.name), problem, remedy)])

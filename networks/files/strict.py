"""JSON read strictly: each key once, sizes bounded, and no text inside that would be code for another reader.

The JSON of pandapower and pandapipes names modules and classes (`_module`, `_class`, `_object`) that their own readers
import and call. Here such a table is only a table. Texts that hold JSON are read with the same rules, since the
libraries read some of them again, and write others out as if they were tables.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mosaik_p2p.errors import BadInput, Fault, shown
from mosaik_p2p.files import shown_path, why_not_readable

MOST_BYTES = 256 * 2**20
"""Size of a file; 100 000 buses with lines and loads are about 60 MB."""
MOST_LEVELS = 40
"""Depth of tables and lists in each other; what the libraries write has about 12."""
LARGEST_INTEGER = 2**63 - 1
MARKS = frozenset({"_module", "_class", "_object", "_state"})
"""Keys by which the libraries' readers know an object."""


class Unusable(Exception):
    """The content cannot be used as it is written; says what is wrong and how to mend it."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


def file_bytes(path: Path, key: str, writer: str) -> bytes:
    """What stands in a regular file of bearable size, which `writer` writes. Raises BadInput at the place `key`."""
    why = why_not_readable(path)
    if why is not None:
        remedy = f"Check the path; the file is written with {writer}"
        raise BadInput([Fault(key, shown_path(path), why, remedy)])
    size = path.stat().st_size
    if size > MOST_BYTES:
        problem = f"has {size / 2**20:.0f} MiB; at most {MOST_BYTES // 2**20} are read"
        raise BadInput([Fault(key, str(path), problem, "Leave results and what the net does not need out of it")])
    return path.read_bytes()


def text_of(content: bytes) -> str:
    """The content as text. Raises Unusable where it is no UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unusable("is not JSON: it is not in UTF-8", "Write the file in UTF-8") from error


def parsed(text: str) -> Any:
    """The value that the JSON text stands for. Raises Unusable where it is no JSON, or a key is repeated in a table."""
    remedy = "Write the file with the library's own to_json"
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecursionError as error:
        raise Unusable("is not JSON that can be read: it is nested too deeply", remedy) from error
    except ValueError as error:
        raise Unusable(f"is not JSON ({error})", remedy) from error


def check_text(text: str, level: int = 0) -> None:
    """Raises Unusable where the text holds JSON that names an object to be made of it, however deep."""
    if text.lstrip()[:1] not in ("{", "[", '"') or len(text) < len("{}"):
        return
    try:
        value = json.loads(text, object_pairs_hook=_pairs)
    except RecursionError as error:
        raise Unusable(f"holds a text nested too deeply: {shown(text)}", "Remove this text") from error
    except ValueError:
        return
    _check_inside(value, level + 1)


class _Pairs(list[tuple[str, Any]]):
    """A table with all its keys, repeated ones as well."""


def _pairs(pairs: Sequence[tuple[str, Any]]) -> "_Pairs":
    return _Pairs(pairs)


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise Unusable(f"has the key {shown(double)} twice in one table", "Keep one of the two")
    return table


def _check_inside(value: Any, level: int) -> None:
    if level > MOST_LEVELS:
        raise Unusable(f"holds a text nested deeper than {MOST_LEVELS} levels", "Remove this text")
    if isinstance(value, _Pairs):
        marked = sorted({key for key, _ in value} & MARKS)
        if marked:
            problem = f"would have classes called on loading: a text names {', '.join(marked)}"
            raise Unusable(problem, "Remove this text")
    if isinstance(value, str):
        check_text(value, level)
    elif isinstance(value, list):
        for item in value:
            _check_inside(item[1] if isinstance(value, _Pairs) else item, level + 1)

"""Sees whether reading a file does more than reading it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

CALLS = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "shutil.rmtree",
    "os.remove",
    "os.mkdir",
)
WRITES = "wax+"


@dataclass
class _Watch:
    is_on: bool = False
    modules: frozenset[str] = frozenset()
    folder: str = ""
    seen: list[str] = field(default_factory=list)


_watch = _Watch()
_installed: list[bool] = []


@contextmanager
def watching(folder: str, modules: tuple[str, ...]) -> Iterator[list[str]]:
    """What happens inside that a reader has no business with: calls, writing in the folder, importing the modules."""
    if not _installed:
        # A hook cannot be taken away again; there is one, and it looks whether anybody watches.
        sys.addaudithook(_hook)
        _installed.append(True)
    for name in modules:
        sys.modules.pop(name, None)
    _watch.is_on, _watch.modules, _watch.folder, _watch.seen = True, frozenset(modules), folder, []
    try:
        yield _watch.seen
    finally:
        _watch.is_on = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watch.is_on:
        return
    if event in CALLS:
        _watch.seen.append(event)
    elif event == "import" and arguments[0] in _watch.modules:
        _watch.seen.append(f"import of {arguments[0]}")
    elif event == "open" and _is_writing(arguments) and str(arguments[0]).startswith(_watch.folder):
        _watch.seen.append("writing a file")


def _is_writing(arguments: tuple[Any, ...]) -> bool:
    mode = arguments[1]
    return isinstance(mode, str) and any(letter in mode for letter in WRITES)

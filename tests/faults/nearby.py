"""The tests that stand near a fault, without having measured which tests run its line: by imports and by wing.

Nearest first: files of tests that import the faulty module, or one that imports it; the wing of the same name; all.
Fast tests everywhere come before the slow ones of the nearer two. A fault that these do not find may still be found by
the slow tests of another wing: what survives here is at least what survives.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from copies import CHECKOUT, imports_of, installed_path, source_files
from drawing import Fault

OF_THE_CHECKOUT = ("test_front_door", "test_packaging", "test_completion")
"""Of how the program is laid out and installed, which a copy is not."""
FAST = ("-m", "not slow and not once", *(f"--ignore=tests/{name}.py" for name in OF_THE_CHECKOUT))
EVERYWHERE = [*FAST, "tests"]
WINGS = {
    "networks": ("networks",),
    "sims": ("sims",),
    "limits": ("networks", "results"),
    "settlement": ("sims", "results"),
}
"""Folders of tests by that of the source, where they have not one and the same name."""


def nearby(fault: Fault) -> Iterator[list[str]]:
    """Arguments for pytest, nearest tests first."""
    importing = _importing(fault.file)
    wing = [f"tests/{name}" for name in _wings(fault.file)]
    if importing:
        yield [*FAST, *importing]
    yield [*FAST, *wing]
    yield EVERYWHERE
    yield [*importing, *wing]


def _wings(file: str) -> tuple[str, ...]:
    parts = Path(file).parts
    name = parts[1] if parts[0] == "mosaik_p2p" else parts[0]
    return WINGS.get(name, (name,))


def _importing(file: str) -> list[str]:
    module = _module(file)
    near = {module, *(_module(other) for other in source_files() if module in imports_of(CHECKOUT / other))}
    return [test for test in _tests() if near & imports_of(CHECKOUT / test)]


def _module(file: str) -> str:
    return ".".join(installed_path(file).with_suffix("").parts).removesuffix(".__init__")


@cache
def _tests() -> list[str]:
    return sorted(path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "tests").rglob("test_*.py"))

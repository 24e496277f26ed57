"""What other packages bring, by the entry points that they declare."""

import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from mosaik_p2p.errors import Fault


def points_of(group: str) -> tuple[EntryPoint, ...]:
    """The entry points of a group, by name; the same one once: a package may lie twice on the path."""
    return _points_on(tuple(sys.path), group)


def loaded(group: str, faults: list[Fault]) -> Iterator[tuple[EntryPoint, Any]]:
    """Each with the object that it names; what cannot be loaded is left out, and joins `faults`."""
    for point in points_of(group):
        try:
            found = point.load()
        except Exception as error:  # noqa: BLE001 (a module of others may raise anything as it is imported)
            faults.append(entry_point_fault(point, f"cannot be loaded ({type(error).__name__}: {error})"))
        else:
            yield point, found


def package_of(point: EntryPoint) -> str:
    """The package that brings it, or where it lies in Python."""
    return point.value if point.dist is None else point.dist.name


def entry_point_fault(point: EntryPoint, problem: str) -> Fault:
    """A fault of something that another package brings."""
    package = "its package" if point.dist is None else f"the package {point.dist.name!r}"
    remedy = f"Mend {package} (see docs/extending.md), or uninstall it."
    return Fault(f"entry point {point.group}: {point.name}", repr(point.value), problem, remedy)


@lru_cache
def _points_on(_path: tuple[str, ...], group: str) -> tuple[EntryPoint, ...]:
    """Reading what all packages declare takes its time."""
    found = {(point.name, point.value): point for point in entry_points(group=group)}
    return tuple(found[key] for key in sorted(found))

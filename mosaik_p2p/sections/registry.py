"""Kinds behind an interface, and where they come from: files that ship, installed packages, a scenario's words.

A kind is a class under a common base. Nothing else lists kinds: whoever needs them asks the registry. A foreign kind is
found by an entry point of an installed package, or by its place in Python, `package.module:name`. Such a place is
imported only where the user allows it, since importing runs code: a scenario may come from somebody else.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint
from inspect import getmro, isabstract
from pkgutil import iter_modules
from typing import Generic, TypeVar

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.sections.entry_points import package_of, points_of
from mosaik_p2p.sections.names import did_you_mean

ALLOW_CODE = "MOSAIK_P2P_ALLOW_CODE"
"""Set to 1, this environment variable allows what `--allow-code` does; simulators in other processes need it."""
_PLACE_IN_PYTHON = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")

Base = TypeVar("Base")


class KindRefused(Exception):
    """There is no such kind, or it cannot be used: what is wrong, and the remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}")
        self.problem, self.remedy = problem, remedy


class KindUnknown(KindRefused):
    """There is none of this name."""


def _nothing(_name: str, _kind: object) -> None:
    """Wrong with any name."""


@dataclass(frozen=True)
class Registry(Generic[Base]):
    """The kinds of one sort: their names, and the class behind each name.

    `package` holds the kinds that ship, a module each, which bears the kind's name. `lacking` says what a class that is
    none of the abstract ones still lacks, `misnamed` what keeps it from being registered under a name; None: nothing.
    """

    sort: str
    """Such as "charge mechanism"."""
    group: str
    """Of entry points."""
    package: str
    base: type[Base]
    lacking: Callable[[type[Base]], str | None]
    misnamed: Callable[[str, type[Base]], str | None] = _nothing
    adapted: Callable[[object], object] = lambda found: found
    """Makes a kind of what was found in its place, such as a function. May raise KindRefused."""

    def names(self) -> tuple[str, ...]:
        """The kinds that ship, by name, then those of installed packages, by name; nothing is imported."""
        shipped = self.shipped()
        return (*shipped, *sorted({point.name for point in points_of(self.group)} - set(shipped)))

    def shipped(self) -> tuple[str, ...]:
        """The kinds that ship, by name; none is imported."""
        package = import_module(self.package)
        return tuple(sorted(module.name for module in iter_modules(package.__path__)))

    def known(self) -> Mapping[str, type[Base]]:
        """All kinds in the order of `names`. Raises BadInput with a fault for each that cannot be used."""
        found: dict[str, type[Base]] = {}
        faults = []
        for name in self.names():
            try:
                found[name] = self.find(name)
            except KindRefused as refused:
                faults += self._faults(name, refused)
        if faults:
            raise BadInput(faults)
        return found

    def usable(self) -> Mapping[str, type[Base]]:
        """As `known`, without those that cannot be used."""
        found: dict[str, type[Base]] = {}
        for name in self.names():
            try:
                found[name] = self.find(name)
            except KindRefused:
                continue
        return found

    def find(self, name: str, *, allow_code: bool = False) -> type[Base]:
        """The kind `name`, or the one at `package.module:name` where code is allowed. Raises KindRefused."""
        if ":" in name:
            return self._checked(self._at_place(name, allow_code=allow_code))
        points = [point for point in points_of(self.group) if point.name == name]
        is_shipped = name in self.shipped()
        if len(points) + is_shipped > 1:
            packages = ", ".join(sorted({package_of(point) for point in points}))
            raise KindRefused(
                f"there is more than one {self.sort} {name!r}", f"Uninstall or rename that of {packages}."
            )
        if not (is_shipped or points):
            raise KindUnknown(f"there is no {self.sort} {name!r}", did_you_mean(name, self.names()))
        return self._of_module(name) if is_shipped else self._checked(_loaded(points[0]), name)

    def _faults(self, name: str, refused: KindRefused) -> list[Fault]:
        """One for each package that brings a kind that cannot be used."""
        points = [point for point in points_of(self.group) if point.name == name]
        return [
            Fault(
                f"entry point {self.group}: {name}",
                repr(point.value),
                refused.problem,
                f"{refused.remedy} Or uninstall the package {package_of(point)!r}.",
            )
            for point in points
        ] or [Fault(self.sort, name, refused.problem, refused.remedy)]

    def _of_module(self, name: str) -> type[Base]:
        module = import_module(f"{self.package}.{name}")
        own = [value for value in vars(module).values() if self._is_kind(value) and value.__module__ == module.__name__]
        if len(own) != 1:
            raise KindRefused(f"{module.__name__} holds {len(own)} kinds", "A file holds one kind.")
        return self._checked(own[0], name)

    def _is_kind(self, value: object) -> bool:
        return isinstance(value, type) and self.base in getmro(value) and value is not self.base

    def _at_place(self, place: str, *, allow_code: bool) -> object:
        if not _PLACE_IN_PYTHON.fullmatch(place):
            raise KindRefused("is no place in Python", "Write it as package.module:name.")
        if not code_is_allowed(allow_code=allow_code):
            raise KindRefused(
                "names code to import, which runs it",
                f"If you know what it does: --allow-code, allow_code=True in Python, or {ALLOW_CODE}=1.",
            )
        module, _, name = place.partition(":")
        return _loaded(EntryPoint(name=place, value=f"{module}:{name}", group=self.group))

    def _checked(self, value: object, name: str | None = None) -> type[Base]:
        """The class `value`, where it is all that a kind has to be; registered under `name`, if it has one."""
        value = self.adapted(value)
        base = f"{self.base.__module__}.{self.base.__name__}"
        if not (isinstance(value, type) and issubclass(value, self.base)):
            raise KindRefused(f"is no {self.sort}", f"Name a class that is derived from {base}.")
        if isabstract(value):
            missing = ", ".join(f"`{method}`" for method in sorted(getattr(value, "__abstractmethods__", ())))
            raise KindRefused(f"{value.__name__} lacks {missing}", f"Write it, as {base} describes it.")
        wrong = [None if name is None else self.misnamed(name, value), self.lacking(value)]
        if any(wrong):
            told = ", ".join(problem for problem in wrong if problem)
            raise KindRefused(f"{value.__name__} {told}", "docs/extending.md shows a whole example.")
        return value


def code_is_allowed(*, allow_code: bool) -> bool:
    """Whether a place in Python that a scenario names may be imported: the caller's word, or the environment's."""
    return allow_code or os.environ.get(ALLOW_CODE) == "1"


def _loaded(point: EntryPoint) -> object:
    try:
        loaded: object = point.load()
    except Exception as error:
        told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        remedy = "Mend or install it: it has to be where Python finds it, such as a folder of PYTHONPATH."
        raise KindRefused(f"{point.value} cannot be imported ({told})", remedy) from error
    return loaded

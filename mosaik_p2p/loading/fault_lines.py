"""Faults with the line of the scenario file on which they stand, where they stand on one."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mosaik_p2p.errors import Fault

_CUTS = re.compile(r"[.\[ ]")
NAMED = ("prosumers", "profiles", "tariffs", "templates")
"""Tables of things with names: what is wrong with one of them does not stand where another one begins."""


def with_lines(faults: Iterable[Fault], path: Path, overridden: Sequence[str]) -> tuple[Fault, ...]:
    """The faults with their lines; none for what overrides put there (`overridden` are their keys), or another file."""
    from mosaik_p2p.scenario.lines import lines_of_places  # only where there are faults: the grammar takes its time

    faults = tuple(faults)
    try:
        lines = lines_of_places(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):  # it is gone, or is no TOML, which has a fault of its own
        return faults
    return tuple(_with_line(fault, path.name, lines, overridden) for fault in faults)


def _with_line(fault: Fault, file: str, lines: Mapping[str, int], overridden: Sequence[str]) -> Fault:
    if any(
        fault.place == key or _CUTS.match(fault.place, len(key)) for key in overridden if fault.place[: len(key)] == key
    ):
        return fault
    ends = [*(cut.start() for cut in _CUTS.finditer(fault.place)), len(fault.place)]
    for end in reversed(ends):
        place = fault.place[:end]
        if place in lines and (place not in NAMED or place == fault.place):
            return replace(fault, source=f"{file}:{lines[place]}")
    return fault

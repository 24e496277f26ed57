"""Faults and warnings with the line of the scenario file on which they stand, where they stand on one."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from mosaik_p2p.errors import Fault, InputWarning

Remark = TypeVar("Remark", Fault, InputWarning)
_CUTS = re.compile(r"[.\[ ]")
NAMED = ("prosumers", "profiles", "tariffs", "templates")
"""Tables of things with names: what is wrong with one of them does not stand where another one begins."""


def with_lines(remarks: Iterable[Remark], path: Path, overridden: Sequence[str]) -> tuple[Remark, ...]:
    """Faults or warnings with their lines; none for what overrides put there (`overridden` are their keys), or another
    file."""
    remarks = tuple(remarks)
    if not remarks:
        return ()
    from mosaik_p2p.scenario.lines import lines_of_places  # only where there are any: the grammar takes its time

    try:
        lines = lines_of_places(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):  # it is gone, or is no TOML, which has a fault of its own
        return remarks
    return tuple(_with_line(remark, path.name, lines, overridden) for remark in remarks)


def _with_line(remark: Remark, file: str, lines: Mapping[str, int], overridden: Sequence[str]) -> Remark:
    whole: str = remark.place
    if any(whole == key or _CUTS.match(whole, len(key)) for key in overridden if whole[: len(key)] == key):
        return remark
    ends = [*(cut.start() for cut in _CUTS.finditer(whole)), len(whole)]
    for end in reversed(ends):
        place = whole[:end]
        if place in lines and (place not in NAMED or place == whole):
            return replace(remark, source=f"{file}:{lines[place]}")
    return remark

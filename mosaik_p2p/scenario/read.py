"""From the scenario as written to a checked one, with every fault on the way and not only the first.

pydantic skips the checks across a table as soon as one of its values is wrong, and gives no object at all for the
others to go on with. So what is faulty is taken out, the rest is read again, until it holds; files, profiles and
networks are then checked for what is left.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.scenario.placed_tables import (
    Path,
    PlacedList,
    PlacedTable,
    existing,
    has,
    joined,
    place_at,
    value_at,
    without,
)
from mosaik_p2p.scenario.problems import ABSENT, DEFAULT, bare_tag, explained, tag_key
from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.sections.base import ALLOW_CODE_KEY, REFUSED, REFUSED_KIND

START = {"start": datetime(2001, 1, 1, tzinfo=UTC)}
_SEPARATOR = re.compile(r"[.\[]")
STAND_INS: dict[str, Any] = {"name": "unnamed", "time": START}
"""What replaces a required part of the scenario that is missing or faulty, so that the rest can be checked."""


@dataclass(frozen=True)
class Reading:
    """What could be read: the scenario without its faulty parts, the faults, and the places taken out."""

    scenario: Scenario
    faults: tuple[Fault, ...]
    dropped: frozenset[str]
    pair_places: tuple[str, ...] = ()
    """Of each of `market.partners`: a line of a file, or an entry of the scenario."""
    preference_places: tuple[str, ...] = ()
    """The same of each of `market.preferences`."""
    columns: tuple[str, ...] = ()
    """Of `profiles_file`: profiles that need no table."""

    def lost(self, place: str) -> bool:
        """Whether something at or below `place` was taken out, so that nothing can be said about the whole of it."""
        return place in self._above_dropped

    @cached_property
    def _above_dropped(self) -> frozenset[str]:
        return at_or_above(self.dropped)


def _places_of(tree: PlacedTable, key: str) -> tuple[str, ...]:
    market = tree.get("market")
    pairs = market.get(key) if isinstance(market, PlacedTable) else None
    return pairs.places if isinstance(pairs, PlacedList) else ()


def at_or_above(places: Iterable[str]) -> frozenset[str]:
    """The places and all that hold them: `a`, `a.b` and `a.b[0]` of `a.b[0]`."""
    return frozenset(
        place[:end] for place in places for end in (*(sign.start() for sign in _SEPARATOR.finditer(place)), len(place))
    )


def read_tree(tree: PlacedTable, *, allow_code: bool = False) -> Reading:
    """Checks the tables one by one and as a whole; never raises for a user's mistake.

    With `allow_code` places in Python that the scenario names are imported, which runs what stands there.

    It ends because every round but the last takes something out of the tree.
    """
    faults: dict[tuple[str, str], Fault] = {}
    dropped: frozenset[str] = frozenset()
    while True:
        sections: dict[Any, Any] = {ALLOW_CODE_KEY: allow_code}
        try:
            scenario = Scenario.model_validate(tree, context=sections)
        except ValidationError as error:
            errors = error.errors(include_url=False)
        else:
            places = (_places_of(tree, key) for key in ("partners", "preferences"))
            return Reading(scenario, tuple(faults.values()), dropped, *places)
        for fault in _new_faults(tree, errors, sections, dropped):
            faults.setdefault((fault.place, fault.problem), fault)
        paths = {_path(tree, item) for item in errors}
        dropped |= {place_at(tree, path) for path in paths}
        tree = _without_faulty(tree, paths)


def _new_faults(
    tree: PlacedTable, errors: Iterable[Any], sections: Mapping[Any, Any], dropped: frozenset[str]
) -> Iterator[Fault]:
    """The faults behind pydantic's errors; not those of a whole whose faulty part was taken out before."""
    known = at_or_above(dropped)
    for error in errors:
        path = _path(tree, error)
        if place_at(tree, path) not in known:
            yield _fault(tree, path, error, sections)


def _without_faulty(tree: PlacedTable, paths: set[Path]) -> PlacedTable:
    """The tree without what is wrong or lacks something, and with stand-ins for what no scenario can be without."""
    gone = {existing(tree, path) for path in paths}
    tree = without(tree, gone - {()})
    for key, value in STAND_INS.items():
        if key not in tree:
            tree = tree.with_entry(key, value, place=key)
    if "start" not in tree["time"]:
        tree = tree.with_entry("time", {**START, **tree["time"]}, place="time")
    return tree


def _path(tree: PlacedTable, error: Mapping[str, Any]) -> Path:
    """Where in the tree an error belongs: its location without the marks that pydantic puts in for unions."""
    path: list[str | int] = []
    node: Any = tree
    for part in error["loc"]:
        last_and_missing = error["type"] == "missing" and part == error["loc"][-1] and isinstance(node, dict)
        if has(node, part):
            node = node[part]
        elif not last_and_missing:
            continue
        path.append(part)
    if error["type"] == REFUSED and error["ctx"]["key"]:
        path.extend(error["ctx"]["key"].split("."))
    return tuple(path)


def _fault(tree: PlacedTable, path: Path, error: Mapping[str, Any], sections: Mapping[Any, Any]) -> Fault:
    table = value_at(tree, existing(tree, path[:-1]))
    problem, remedy = explained(error, sections.get(id(table)))
    place = place_at(tree, path)
    if error["type"] == "union_tag_invalid":
        return Fault(joined(place, tag_key(error)), shown(bare_tag(error)), problem, remedy)
    if error["type"] == REFUSED_KIND:
        key = error["ctx"]["key"]
        return Fault(joined(place, key), shown(value_at(tree, (*path, key))), problem, remedy)
    if existing(tree, path) == path:
        return Fault(place, shown(value_at(tree, path)), problem, remedy)
    return Fault(place, ABSENT if error["type"] == "missing" else DEFAULT, problem, remedy)

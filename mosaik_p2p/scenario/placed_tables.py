"""The scenario as written: plain TOML tables that remember where each of their values stands.

Templates, tables of houses and overrides move values about before they are checked; a message must still name the
place where the user wrote the value. Trees are never changed: every function returns a new one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str | int, ...]


DEPTH_LIMIT = 50
"""How deep a scenario may be nested: the format itself needs less than ten levels."""


class PlacedTable(dict[str, Any]):
    """A table with the place of itself and of each of its values."""

    def __init__(self, entries: Mapping[str, Any], *, place: str, places: Mapping[str, str]) -> None:
        super().__init__(entries)
        self.place = place
        self.places = dict(places)

    def place_of(self, key: str) -> str:
        """Where the value of `key` stands, or would stand."""
        return self.places.get(key, joined(self.place, key))

    def with_entry(self, key: str, value: Any, *, place: str) -> "PlacedTable":
        """This table with one value more, or another one, that stands at `place`."""
        entries = {**self, key: placed(value, place)}
        return PlacedTable(entries, place=self.place, places={**self.places, key: place})

    def without(self, keys: Iterable[str]) -> "PlacedTable":
        """This table without some of its values."""
        gone = set(keys)
        kept = {key: value for key, value in self.items() if key not in gone}
        return PlacedTable(kept, place=self.place, places=self.places)


class PlacedList(list[Any]):
    """An array with the place of itself and of each of its entries."""

    def __init__(self, entries: Sequence[Any], *, place: str, places: Sequence[str]) -> None:
        super().__init__(entries)
        self.place = place
        self.places = tuple(places)


def too_deep(value: Any) -> bool:
    """Whether tables and arrays are nested deeper than DEPTH_LIMIT; without recursion, which that would exhaust."""
    level = [value]
    for _ in range(DEPTH_LIMIT):
        inner = [list(entry.values()) if isinstance(entry, dict) else entry for entry in level]
        level = [entry for entries in inner if isinstance(entries, list) for entry in entries]
        if not level:
            return False
    return any(isinstance(entry, dict | list) for entry in level)


def joined(place: str, key: str) -> str:
    """The place of a value of the table at `place`."""
    return f"{place}.{key}" if place else key


def placed(value: Any, place: str = "") -> Any:
    """The value with places, those of an array of named tables by their names: `prosumers.A.battery`."""
    if isinstance(value, PlacedTable | PlacedList):
        return value
    if isinstance(value, dict):
        entries = {key: placed(entry, joined(place, key)) for key, entry in value.items()}
        return PlacedTable(entries, place=place, places={})
    if isinstance(value, list):
        places = [_place_of_entry(place, position, entry) for position, entry in enumerate(value)]
        return PlacedList([placed(*pair) for pair in zip(value, places, strict=True)], place=place, places=places)
    return value


def label(entry: Any) -> str | None:
    """The name by which an entry of an array is addressed: `name`, else `type`."""
    if not isinstance(entry, dict):
        return None
    name = entry.get("name", entry.get("type"))
    return name if isinstance(name, str) and name else None


def _place_of_entry(place: str, position: int, entry: Any) -> str:
    name = label(entry)
    owner, _, key = place.rpartition(".")
    if name is None or key not in ("prosumers", "devices"):
        return f"{place}[{position}]"
    return joined(place if key == "prosumers" else owner, name)


def merged(own: PlacedTable, under: PlacedTable) -> PlacedTable:
    """`own` with what only `under` has; tables that both have are merged too. Values keep the place they came from."""
    entries, places = dict(own), dict(own.places)
    for key, value in under.items():
        if key not in own:
            entries[key], places[key] = value, under.place_of(key)
        elif isinstance(value, PlacedTable) and isinstance(own[key], PlacedTable):
            entries[key] = merged(own[key], value)
    return PlacedTable(entries, place=own.place, places=places)


def value_at(tree: Any, path: Path) -> Any:
    """The value at the end of `path`; KeyError or IndexError where there is none."""
    for part in path:
        tree = tree[part]
    return tree


def place_at(tree: Any, path: Path) -> str:
    """Where the user wrote, or would write, the value at the end of `path`."""
    place = ""
    for part in path:
        if isinstance(tree, PlacedTable):
            place = tree.place_of(str(part))
        elif isinstance(tree, PlacedList) and isinstance(part, int):
            place = tree.places[part]
        else:
            place = joined(place, str(part))
        tree = tree[part] if has(tree, part) else None
    return place


def has(node: Any, part: str | int) -> bool:
    """Whether `node` is a table with this key, or an array with this position."""
    if isinstance(node, dict):
        return part in node
    return isinstance(node, list) and isinstance(part, int) and part < len(node)


def existing(tree: Any, path: Path) -> Path:
    """As much of `path` as the tree has."""
    for depth, part in enumerate(path):
        if not has(tree, part):
            return path[:depth]
        tree = tree[part]
    return path


def replaced(tree: Any, path: Path, value: Any) -> Any:
    """The tree with another value at the end of `path`."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    inner = replaced(tree[first], rest, value) if rest else value
    if isinstance(tree, PlacedTable):
        return PlacedTable({**tree, str(first): inner}, place=tree.place, places=tree.places)
    entries = [inner if position == first else entry for position, entry in enumerate(tree)]
    return PlacedList(entries, place=tree.place, places=tree.places)


def without(tree: Any, paths: Iterable[Path]) -> Any:
    """The tree without the values at the ends of `paths`; what stays keeps its place. Every table is built once."""
    inner: dict[str | int, list[Path]] = {}
    for first, *rest in paths:
        inner.setdefault(first, []).append(tuple(rest))
    gone = {part for part, rests in inner.items() if () in rests}
    kept = {part: without(tree[part], rests) for part, rests in inner.items() if part not in gone}
    if isinstance(tree, PlacedTable):
        entries = {key: kept.get(key, value) for key, value in tree.items() if key not in gone}
        return PlacedTable(entries, place=tree.place, places=tree.places)
    positions = [position for position in range(len(tree)) if position not in gone]
    return PlacedList(
        [kept.get(position, tree[position]) for position in positions],
        place=tree.place,
        places=[tree.places[position] for position in positions],
    )

"""On which line of a scenario file each of its values stands; read only where there is something to complain about.

The values come from the standard library's reader, which keeps no positions. These come from tree-sitter's grammar of
TOML, and for a file that is sound.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

from mosaik_p2p.scenario.placed_tables import Path, place_at, placed

_KEYS = ("bare_key", "quoted_key", "dotted_key")


def lines_of_places(text: str) -> dict[str, int]:
    """The line (from 1) of each value, by its place as faults name it, such as `prosumers.A.pv.peak_kw`."""
    tree = placed(tomllib.loads(text))
    return {place_at(tree, path): line for path, line in lines_of_paths(text).items()}


def lines_of_paths(text: str) -> dict[Path, int]:
    """The line (from 1) on which each key or entry of a list begins; of a table that several lines make, the first."""
    root = Parser(Language(tree_sitter_toml.language())).parse(text.encode()).root_node
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    for node in root.named_children:
        at: Path = ()
        if node.type in ("table", "table_array_element"):
            at = _header(node, lines, counts)
        pairs = [node] if node.type == "pair" else [inner for inner in node.named_children if inner.type == "pair"]
        for pair in pairs:
            _note_pair(pair, at, lines)
    return lines


def _header(node: Node, lines: dict[Path, int], counts: dict[Path, int]) -> Path:
    """The path of a table's header; below a list of tables it means the last of them."""
    key = next(inner for inner in node.named_children if inner.type in _KEYS)
    path: Path = ()
    *above, last = _names(key)
    for name in above:
        path = _within((*path, name), counts)
        lines.setdefault(path, _line(node))
    path = (*path, last)
    lines.setdefault(path, _line(node))
    if node.type == "table":
        return path
    counts[path] = counts.get(path, -1) + 1
    path = _within(path, counts)
    lines.setdefault(path, _line(node))
    return path


def _within(path: Path, counts: Mapping[Path, int]) -> Path:
    return (*path, counts[path]) if path in counts else path


def _note_pair(pair: Node, at: Path, lines: dict[Path, int]) -> None:
    key, value = pair.named_children[0], pair.named_children[-1]
    path = at
    for name in _names(key):
        path = (*path, name)
        lines.setdefault(path, _line(pair))
    _note_value(value, path, lines)


def _note_value(value: Node, path: Path, lines: dict[Path, int]) -> None:
    if value.type == "inline_table":
        for pair in value.named_children:
            if pair.type == "pair":
                _note_pair(pair, path, lines)
    elif value.type == "array":
        entries = [entry for entry in value.named_children if entry.type != "comment"]
        for position, entry in enumerate(entries):
            lines.setdefault((*path, position), _line(entry))
            _note_value(entry, (*path, position), lines)


def _names(key: Node) -> list[str]:
    """The names that a key is made of, unquoted as the standard library has them."""
    assert key.text is not None
    return list(_way(tomllib.loads(f"{key.text.decode()} = 0")))


def _way(tables: Any) -> Iterator[str]:
    while isinstance(tables, dict):
        (name, tables), *_ = tables.items()
        yield name


def _line(node: Node) -> int:
    return node.start_point.row + 1

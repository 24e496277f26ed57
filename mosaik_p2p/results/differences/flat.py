"""Nested tables as one, so that two of them can be compared key by key."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mosaik_p2p.scenario.placed_tables import label

NOT_THERE = None
"""In the place of a value that a run does not have."""


@dataclass(frozen=True)
class Different:
    """A key of which not all runs have the same value."""

    key: str
    values: tuple[Any, ...]
    """One per run, in their order; None where a run has none."""


def flat(tree: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its key; entries of lists go by their name, where they have one of their own, else by number."""
    entries = _entries(tree)
    if entries is None:
        yield above, tree
        return
    for name, entry in entries:
        yield from flat(entry, f"{above}.{name}" if above else name)


def _entries(tree: Any) -> list[tuple[str, Any]] | None:
    if isinstance(tree, Mapping):
        return [(str(key), entry) for key, entry in tree.items()]
    if not isinstance(tree, list) or not any(isinstance(entry, dict | list) for entry in tree):
        return None
    names = [label(entry) for entry in tree]
    has_own = None not in names and len(set(names)) == len(names)
    return list(zip(names if has_own else map(str, range(len(tree))), tree, strict=True))  # type: ignore[arg-type]


def differing(trees: Sequence[Mapping[str, Any]]) -> tuple[Different, ...]:
    """The keys of flat tables whose values are not all the same, in the order in which they come."""
    keys = dict.fromkeys(key for tree in trees for key in tree)
    found = (Different(key, tuple(tree.get(key, NOT_THERE) for tree in trees)) for key in keys)
    return tuple(one for one in found if any(not is_same(value, one.values[0]) for value in one.values[1:]))


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are: 1 and 1.0 are, 1 and true are not."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)

"""Mutations of parsed input (TOML, JSON): tables in tables and lists, changed at a place that is drawn."""

import copy
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from fuzz.dice import hostile

Place = tuple[str | int, ...]
Tree = Any


def places(tree: Tree, at: Place = ()) -> Iterator[Place]:
    """The place of every value below the root, tables and lists included."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield (*at, key)
        yield from places(value, (*at, key))


def value_at(tree: Tree, place: Place) -> Any:
    """What stands there."""
    for key in place:
        tree = tree[key]
    return tree


def leaves(tree: Tree) -> list[Place]:
    """The places of values that are neither tables nor lists."""
    return [place for place in places(tree) if not isinstance(value_at(tree, place), dict | list)]


def mutated(dice: Random, tree: Tree, *, times: int = 1) -> Tree:
    """A copy of the tree with so many changes."""
    changed = copy.deepcopy(tree)
    for _ in range(times):
        here = list(places(changed))
        if here:
            *way, key = dice.choice(here)
            dice.choices(CHANGES, weights=WEIGHTS)[0](dice, value_at(changed, tuple(way)), key, changed)
    return changed


def _replace(dice: Random, parent: Any, key: Any, _: Tree) -> None:
    parent[key] = copy.deepcopy(hostile(dice))


def _scale(dice: Random, parent: Any, key: Any, tree: Tree) -> None:
    """A number by a factor; anything else is replaced."""
    value = parent[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        _replace(dice, parent, key, tree)
        return
    parent[key] = type(value)(value * dice.choice((-1, 0, 2, 10, 1000, 10**6, 10**9)))


def _shrink(dice: Random, parent: Any, key: Any, tree: Tree) -> None:
    value = parent[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        _replace(dice, parent, key, tree)
        return
    parent[key] = value * dice.choice((0.5, 1e-3, 1e-6, 1e-9, -1e-3))


def _drop(_: Random, parent: Any, key: Any, __: Tree) -> None:
    del parent[key]


def _rename(dice: Random, parent: Any, key: Any, tree: Tree) -> None:
    """A key under another name; an entry of a list is repeated."""
    if isinstance(parent, list):
        parent.insert(dice.randrange(len(parent) + 1), copy.deepcopy(parent[key]))
        return
    names = [place[-1] for place in places(tree) if isinstance(place[-1], str)]
    parent[dice.choice([f"{key}s", key[:-1], key.upper(), f" {key}", dice.choice(names)])] = parent.pop(key)


def _transplant(dice: Random, parent: Any, key: Any, tree: Tree) -> None:
    """What stands somewhere else in its place."""
    parent[key] = copy.deepcopy(value_at(tree, dice.choice(list(places(tree)))))


def _wrap(dice: Random, parent: Any, key: Any, _: Tree) -> None:
    parent[key] = [parent[key]] if dice.random() < 0.5 else {"value": parent[key]}


def _as_text(_: Random, parent: Any, key: Any, __: Tree) -> None:
    parent[key] = str(parent[key])[:200]


Change = Callable[[Random, Any, Any, Tree], None]
CHANGES: tuple[Change, ...] = (_replace, _scale, _shrink, _drop, _rename, _transplant, _wrap, _as_text)
WEIGHTS = (8, 5, 3, 4, 2, 3, 1, 1)

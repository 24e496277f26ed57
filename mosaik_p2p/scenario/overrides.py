"""Overrides from the command line: `time.steps=3`, `scale.load=1.2`, `prosumers.A.battery.power_kw=5`.

With nothing behind the sign of equality a key is taken away: `prosumers.A.battery.final=`, or the whole battery.
"""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.scenario.placed_tables import (
    DEPTH_LIMIT,
    Path,
    PlacedList,
    PlacedTable,
    label,
    replaced,
    too_deep,
    value_at,
    without,
)
from mosaik_p2p.scenario.schema import ProsumerSpec
from mosaik_p2p.sections.names import did_you_mean, is_index

PROSUMERS = "prosumers"
DEVICES = "devices"
_KEY_SHOWN = 60
_KEY_LONGEST = 300
"""Names of a scenario, a prosumer and a device have 150 bytes at most; what is longer addresses nothing."""


class _Nothing:
    """Instead of a value: the key is taken away."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = _Nothing()


@dataclass(frozen=True)
class Override:
    """A value for the place `key`; prosumers and devices are addressed by name."""

    key: str
    value: Any

    @property
    def parts(self) -> tuple[str, ...]:
        """The names along the way."""
        return tuple(self.key.split("."))

    @property
    def of_prosumers(self) -> bool:
        """Whether it can only be placed once templates and tables of houses have been worked in."""
        return self.parts[0] == PROSUMERS


class _MisplacedError(Exception):
    """Carries the fault of an override that addresses nothing."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def parsed(overrides: Iterable[str]) -> tuple[tuple[Override, ...], tuple[Fault, ...]]:
    """The overrides `key=value`; values are TOML, and text that is no TOML is taken as a string."""
    good: list[Override] = []
    faults: list[Fault] = []
    for text in overrides:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not all(key.split(".")):
            remedy = "Write it as key=value, such as time.steps=3 or prosumers.A.battery.power_kw=5."
            faults.append(Fault("--set", shown(text), "is not an override", remedy))
            continue
        override = Override(key, value_of_text(value) if value else NOTHING)
        if override.value is None or key.count(".") >= DEPTH_LIMIT or too_deep(override.value):
            problem = "holds a number of thousands of digits, or is nested too deep"
            faults.append(Fault(key[:_KEY_SHOWN], shown(value), problem, "Give a plain value."))
        else:
            good.append(override)
    return tuple(good), tuple(faults)


def overridden(tree: PlacedTable, overrides: Sequence[Override]) -> tuple[PlacedTable, tuple[Fault, ...]]:
    """The scenario with the overrides, and the faults of those that address nothing."""
    faults: list[Fault] = []
    for override in overrides:
        try:
            tree = _with(tree, override)
        except _MisplacedError as misplaced:
            faults.append(misplaced.fault)
    return tree, tuple(faults)


def value_of_text(text: str) -> Any:
    """The value that the text stands for; None where Python refuses to read it."""
    try:
        tables = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    except (ValueError, RecursionError):
        return None
    return tables["value"] if len(tables) == 1 else text


def _with(tree: PlacedTable, override: Override) -> PlacedTable:
    if override.value is NOTHING:
        return _without(tree, override)
    path: Path = ()
    node: Any = tree
    *way, last = override.parts
    for depth, part in enumerate(way):
        step = _step(node, part, override)
        if step is None:
            return _set(tree, path, _with_new_tables(node, depth, override))
        path += step
        node = value_at(node, step)
    if _step(node, last, override) in (None, (last,)) and isinstance(node, PlacedTable):
        return _set(tree, path, node.with_entry(last, override.value, place=override.key))
    raise _misplaced(override, last, "is a whole prosumer, device or entry of a list", "Address a value inside it.")


def _without(tree: PlacedTable, override: Override) -> PlacedTable:
    """The scenario without what stands there: a key, a device, a prosumer."""
    path: Path = ()
    node: Any = tree
    for part in override.parts:
        step = _step(node, part, override)
        if step is None:
            problem = "is not stated, so that there is nothing to take away"
            raise _misplaced(override, part, problem, did_you_mean(part, list(node)))
        path += step
        node = value_at(node, step)
    result = without(tree, [path])
    assert isinstance(result, PlacedTable)
    return result


def _with_new_tables(table: PlacedTable, depth: int, override: Override) -> PlacedTable:
    """The table with the value inside tables that the scenario does not have yet."""
    value = override.value
    for name in reversed(override.parts[depth + 1 :]):
        value = {name: value}
    return table.with_entry(override.parts[depth], value, place=".".join(override.parts[: depth + 1]))


def _set(tree: PlacedTable, path: Path, value: Any) -> PlacedTable:
    result = replaced(tree, path, value)
    assert isinstance(result, PlacedTable)
    return result


def _step(node: Any, part: str, override: Override) -> Path | None:
    """The way from `node` to its entry `part`; None where a table may get it as a new key."""
    if isinstance(node, PlacedTable):
        return (part,) if part in node else _device(node, part, override)
    if isinstance(node, PlacedList):
        return _entry(node, part, override)
    raise _misplaced(override, part, "is inside of something that is no table", "Address a value of a table.")


def _entry(array: PlacedList, part: str, override: Override) -> Path:
    labels = [label(entry) for entry in array]
    if part in labels:
        return (labels.index(part),)
    if is_index(part) and int(part) < len(array):
        return (int(part),)
    known = [name for name in labels if name]
    raise _misplaced(override, part, "there is nothing of this name", did_you_mean(part, known))


def _device(table: PlacedTable, part: str, override: Override) -> Path | None:
    """A prosumer's devices are addressed without saying `devices`."""
    if not (override.of_prosumers and override.parts.index(part) == 2) or part in _PROSUMER_KEYS:
        return None
    devices = table.get(DEVICES)
    labels = [label(device) for device in devices] if isinstance(devices, PlacedList) else []
    if part in labels:
        return (DEVICES, labels.index(part))
    known = [*(name for name in labels if name), *_PROSUMER_KEYS]
    problem = "the prosumer has neither a device nor a key of this name"
    raise _misplaced(override, part, problem, did_you_mean(part, known))


def _misplaced(override: Override, part: str, problem: str, remedy: str) -> _MisplacedError:
    key = override.key if len(override.key) <= _KEY_LONGEST else override.key[:_KEY_SHOWN] + "..."
    return _MisplacedError(Fault(key, shown(part), problem, remedy))


_PROSUMER_KEYS = tuple(ProsumerSpec.model_fields)

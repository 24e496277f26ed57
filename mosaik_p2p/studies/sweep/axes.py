"""What `--vary` says: a key of the scenario and the values that it takes in turn.

charges.electricity.rate=0:0.1:0.02   from 0 to 0.1 in steps of 0.02, both ends included
seed=1..20                            whole numbers, both ends included
scale.pv=1,2,3                        these values, as after --set
"""

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.scenario.overrides import parsed

OPTION = "--vary"
REMEDY = "Write it as KEY=0:0.1:0.02, KEY=1..20 or KEY=1,2,3."
MOST_VALUES = 100_000
_WHOLE = re.compile(r"\s*([+-]?\d+)\s*\.\.\s*([+-]?\d+)\s*")


@dataclass(frozen=True)
class Axis:
    """A key and its values, each as the text that `--set` takes."""

    key: str
    values: tuple[str, ...]


class _Misstated(Exception):
    pass


def parsed_axes(texts: Iterable[str]) -> tuple[tuple[Axis, ...], list[Fault]]:
    """The axes that the texts describe, and what is wrong with them."""
    axes: dict[str, Axis] = {}
    faults = []
    for text in texts:
        key, equals, values = (part.strip() for part in text.partition("="))
        try:
            if not equals or not all(key.split(".")):
                raise _Misstated("is no key with values")
            if key in axes:
                raise _Misstated(f"varies {key} twice")
            axes[key] = Axis(key, _values(values))
        except _Misstated as wrong:
            faults.append(Fault(OPTION, shown(text), str(wrong), REMEDY))
    return tuple(axes.values()), faults


def _values(text: str) -> tuple[str, ...]:
    values = _whole_numbers(text) or _steps(text) or _listed(text)
    _, faults = parsed(f"key={value}" for value in values)
    if faults or not all(values):
        raise _Misstated("has a value that is none")
    if len(set(values)) < len(values):
        raise _Misstated("has a value twice")
    return values


def _whole_numbers(text: str) -> tuple[str, ...]:
    found = _WHOLE.fullmatch(text)
    if found is None:
        return ()
    first, last = (int(end) for end in found.groups())
    _refuse_count(last - first + 1)
    return tuple(str(value) for value in range(first, last + 1))


def _steps(text: str) -> tuple[str, ...]:
    """In decimal numbers, so that the values are those that were meant: 0.06 and not 0.060000000000000005."""
    try:
        ends = [Decimal(part.strip()) for part in text.split(":")]
    except InvalidOperation:
        return ()
    if len(ends) != 3 or not all(end.is_finite() for end in ends):
        return ()
    first, last, step = ends
    if not step:
        raise _Misstated("has a step of 0")
    count = int((last - first) / step) + 1
    _refuse_count(count)
    return tuple(f"{(first + number * step).normalize():f}" for number in range(count))


def _refuse_count(count: int) -> None:
    if count < 1:
        raise _Misstated("has no value between its ends")
    if count > MOST_VALUES:
        raise _Misstated(f"has {count} values, at most {MOST_VALUES} can be planned")


def _listed(text: str) -> tuple[str, ...]:
    try:
        values: Sequence[object] = tomllib.loads(f"values = [{text}]")["values"]
    except tomllib.TOMLDecodeError:
        return tuple(part.strip() for part in text.split(","))
    if not values:
        raise _Misstated("has no values")
    if not all(isinstance(value, str | int | float) for value in values):
        raise _Misstated("has values that are neither numbers nor words")
    return tuple(json.dumps(value, ensure_ascii=False) for value in values)

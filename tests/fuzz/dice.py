"""What is drawn: numbers and texts that break programs, and the dice they are drawn with."""

import math
from collections.abc import Sequence
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

ABSURD = 1e15
"""No quantity of a district is so large in any unit of ours."""

NUMBERS: tuple[float, ...] = (
    *(0, -0.0, 1, -1, 2, 0.5, 1.0000001, -1e-9, 1e-9, 1e-6, 1e-163, 1e-308, 5e-324),
    *(99, -99, 1e4, -1e4, 1e6, 999999, 1e8, -1e8, 1e9, 1e12, 1e14, 1e15, 1e18, 1e300, 1e308, -1e308),
    *(math.inf, -math.inf, math.nan, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63), 10**30),
)
TEXTS: tuple[str, ...] = (
    *("", " ", "²", "٣", "nan", "inf", "-1", "0", "1,5", "1.5", "1e308", "true", "None", "null", "\x00", "A\x00B"),
    *(
        "x" * 300,
        "1" * 4301,
        "²" * 40,
        "../../etc/passwd",
        "/dev/zero",
        "/",
        ".",
        "..",
        "~",
        "C:\\x",
        "é",
        "😀",
        "\u202e",
    ),
    *("a.b", "a/b", "<script>alert(1)</script>", "{{7*7}}", "%s%n%d", "'", '"', "\n", "\t", "A", "B", "day", "load_a"),
    *("series.csv", "made.toml", "grid.json", "24:00", "25:61", "2017-13-45T00:00:00", "2017-03-21T00:00:00+01:00"),
)
OTHERS: tuple[Any, ...] = (
    True,
    False,
    [],
    {},
    [[]],
    [1, 2, 3],
    ["A", "A"],
    {"file": "series.csv"},
    {"min": 2, "max": 1},
)


def dice_for(surface: str, seed: int, number: int) -> Random:
    """The dice of one try: the same on every machine, and no try depends on another."""
    return Random(f"{surface}/{seed}/{number}")


def hostile(dice: Random) -> Any:
    """A value that may stand anywhere."""
    return dice.choice(dice.choices((NUMBERS, TEXTS, OTHERS), weights=(5, 3, 1))[0])


def chance(dice: Random, probability: float) -> bool:
    """True so often."""
    return dice.random() < probability


def some_of(dice: Random, options: Sequence[T], *, most: int) -> list[T]:
    """One to `most` of them, in the order drawn."""
    return dice.sample(options, k=dice.randint(1, min(most, len(options))))

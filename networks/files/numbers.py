"""Numbers in the tables of users' networks that the libraries take and then crash on, or compute nonsense from."""

import math
from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mosaik_p2p.errors import Fault

SHOWN = 5
"""How many elements a message names before it only counts."""


def general_faults(path: Path, net: Mapping[str, Any], keys: Sequence[str]) -> list[Fault]:
    """Numbers of the net as a whole that are not finite and positive."""
    return [
        Fault(f"{path}, {key}", repr(net.get(key)), "is no finite number greater than 0", f"Set {key} of the net")
        for key in keys
        if not _is_positive(net.get(key))
    ]


def numbers(column: "pd.Series[Any]") -> npt.NDArray[np.float64]:
    """The column as numbers, NaN for what is none."""
    return np.asarray(pd.to_numeric(column, errors="coerce"), dtype=np.float64)


def in_service(elements: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Which rows of a table are in service."""
    if "in_service" not in elements:
        return np.ones(len(elements), dtype=np.bool_)
    return np.asarray(elements["in_service"], dtype=np.bool_)


def element_fault(path: Path, table: str, wrong: pd.DataFrame, problem: str, remedy: str) -> Fault:
    """One fault of several elements of a table."""
    return Fault(f"{path}, table {table}", some(named(wrong)), problem, remedy)


def any_fault(path: Path, table: str, wrong: pd.DataFrame, problem: str, remedy: str) -> Iterator[Fault]:
    """The same where there are any."""
    if not wrong.empty:
        yield element_fault(path, table, wrong, problem, remedy)


def named(elements: pd.DataFrame) -> list[str]:
    """Names and indices of elements."""
    names = elements["name"] if "name" in elements else [None] * len(elements)
    return [f"{name} (index {index})" for name, index in zip(names, elements.index, strict=True)]


def some(names: Sequence[str]) -> str:
    """The first of the names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _is_positive(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    return math.isfinite(value) and float(value) > 0.0

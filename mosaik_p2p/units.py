"""Units. Inside all is kW, kWh, degC and currency per kWh; MW and K exist only where other libraries are called."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

Table: TypeAlias = dict[str, list[Any]]
"""A table on its way to the results store: column name to a list of built-in values, all lists of one length."""

KW_PER_MW = 1000.0
KELVIN_AT_ZERO_C = 273.15
M_PER_KM = 1000.0
MM_PER_M = 1000.0
W_PER_KW = 1000.0
PA_PER_BAR = 1e5
SECONDS_PER_HOUR = 3600.0
MINUTES_PER_HOUR = 60.0

ELECTRICITY = "electricity"
HEAT = "heat"
CARRIERS = (ELECTRICITY, HEAT)

SETTLEMENT_CASES = ("in_market", "alone")
"""The cases that every run settles side by side: with trade, and without it (contracts only)."""


def table_of(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Rows as a table of these columns. ValueError where a row has more or fewer values: none is to vanish."""
    listed = list(rows)
    wrong = next((row for row in listed if len(row) != len(columns)), None)
    if wrong is not None:
        raise ValueError(f"a row of {len(wrong)} values for the {len(columns)} columns {', '.join(columns)}")
    return {name: [row[n] for row in listed] for n, name in enumerate(columns)}


def mw(power_kw: float) -> float:
    """Power in MW."""
    return power_kw / KW_PER_MW


def kw(power_mw: float) -> float:
    """Power in kW."""
    return power_mw * KW_PER_MW


def kelvin(t_c: float) -> float:
    """Temperature in K."""
    return t_c + KELVIN_AT_ZERO_C

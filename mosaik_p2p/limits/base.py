"""What a limited quantity says of itself: where it is measured, where its limit stands, how it moves, how it is told.

A row is one side of one quantity: the least voltage is a row, the largest one another. Checks, limit rows, worst
values, figures, names, the keys of `[networks.*.limits]`, their faults and their reference all follow from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import numpy as np

from mosaik_p2p.limits.response import Response
from mosaik_p2p.units import BoolArray, FloatArray

Columns: TypeAlias = Mapping[str, np.ndarray[Any, Any]]
"""Columns of a table by name; numbers that are not there are NaN."""

ELEMENTS: Mapping[str, tuple[str, ...]] = {
    "electricity": ("bus", "line", "transformer"),
    "heat": ("pipe", "prosumer", "plant", "junction"),
}
"""By network: the kinds of element that limits are of."""


class Shown(Enum):
    """When the worst value of a quantity is told."""

    ALWAYS = "always"
    WHERE_LIMITED = "where the scenario sets a limit"
    WHEN_BROKEN = "when the limit is violated"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A limit that pandapower's own table of the element may hold, in a column of it."""

    column: str
    least: float
    most: float
    """Values outside are none."""
    none: tuple[float, ...] = ()
    """Values by which the library says that there is none."""
    factor: float = 1.0
    """From the column's unit to ours."""


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """What a quantity of a network is called where people read of it."""

    key: str
    """Its name in the summary (`worst`), of this side alone: `voltage_min`."""
    quantity: str
    """Its name in the tables `violations` and `negotiation`, of both sides: `voltage_pu`."""
    network: str
    element: str
    """Kind of element, one of `ELEMENTS`."""
    name: str
    """Without its unit: `voltage`."""
    label: str
    """Of its worst value: `Lowest voltage`."""
    unit: str
    digits: int
    """After the point, at least."""


@dataclass(frozen=True, kw_only=True)
class LimitedQuantity(Quantity):
    """One side of a quantity that has a limit."""

    is_upper: bool
    """Whether the limit is the largest value allowed."""
    margin: float = 0.0
    """A value is near its limit within this, in `unit`, plus `margin_share` of the limit's size."""
    margin_share: float = 0.0

    # Where it is measured.
    table: str
    """Table of the results."""
    element_column: str
    """Column with the names of the elements."""
    columns: tuple[str, ...]
    """Columns that the value is made of."""
    value: Callable[..., FloatArray] | None = None
    """The value out of these columns, in their order; None: the one column is the value."""
    beside: tuple[str, ...] = ()
    """Columns that `counts` looks at."""
    counts: Callable[[Columns], BoolArray] | None = None
    """The rows in which the value is one; None: all."""

    # Where its limit stands.
    all_key: str = ""
    """Key of the limit of all elements in `[networks.NETWORK.limits]`, such as `voltage_pu.min`; empty: none."""
    meaning: str = ""
    """Of `all_key`, for the reference, with its unit."""
    own_key: str = ""
    """Key of an element's own limit in `[[networks.NETWORK.limits.element]]`; empty: none."""
    own_meaning: str = ""
    """Of `own_key`, where no other row with this key has it."""
    least: float = -np.inf
    most: float = np.inf
    """Range that a limit may have."""
    usual: float | None = None
    """The limit where nobody states one; None: not checked then."""
    stored: Stored | None = None
    """Where the network's file may state it."""
    fixed: float | None = None
    """A limit that nature sets and no scenario."""

    # How it moves.
    response: Callable[[Any], Response] | None = None
    """How it answers to injections, out of the network's `ElectricSensitivities` or `HeatSensitivities`. Without one
    it is checked, and cannot be negotiated."""

    # How it is told.
    shown: Shown = Shown.WHERE_LIMITED
    title: str = ""
    """Of its figure; empty: it has none. Rows of one quantity share that of the first."""
    note: str = ""
    """Below the figure."""

    def near(self, value: float, limit: float) -> bool:
        """Whether a value breaks this limit or is near it."""
        room = limit - value if self.is_upper else value - limit
        return room <= self.margin + self.margin_share * abs(limit)

    def excess(self, value: float, limit: float) -> float:
        """By how much a value breaks this limit, in `unit`; negative where there is room."""
        return value - limit if self.is_upper else limit - value


class UnknownColumn(LookupError):
    """A limited quantity is measured in a column that its table does not have."""


def measured(of: LimitedQuantity, table: Mapping[str, Any]) -> tuple[BoolArray, FloatArray]:
    """Where the quantity counts, and its values there, NaN for none: of a table's rows, in their order.

    Raises UnknownColumn.
    """
    wanted = (of.element_column, *of.columns, *of.beside)
    missing = [column for column in wanted if column not in table]
    if missing:
        raise UnknownColumn(f"the limit {of.key!r} is measured in {of.table}.{missing[0]}, which is not there")
    beside = {column: np.asarray(table[column], dtype=object) for column in of.beside}
    kept = np.ones(len(table[of.element_column]), dtype=np.bool_)
    if of.counts is not None:
        kept = np.asarray(of.counts(beside), dtype=np.bool_)
    parts = [np.asarray(table[column], dtype=np.float64)[kept] for column in of.columns]
    return kept, parts[0] if of.value is None else np.asarray(of.value(*parts), dtype=np.float64)

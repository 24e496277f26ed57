"""Posted charges without the square table: looked up by place, or along a tree, for the pairs that are asked for.

Both behave as (N, N) arrays where N is small: `table[i, j]` for numbers or index arrays, `numpy.asarray(table)` and any
other index for the whole.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mosaik_p2p.charges.charge_tree import ChargeTree
from mosaik_p2p.units import FloatArray, IntArray


class PairTable(ABC):
    """A symmetric (N, N) table of money per kWh."""

    factor: float

    @property
    @abstractmethod
    def count(self) -> int:
        """N."""

    @abstractmethod
    def _between(self, i: IntArray, j: IntArray) -> FloatArray:
        """Entries of pairs, before the factor; zero from or to a prosumer without a place."""

    @abstractmethod
    def __mul__(self, factor: float) -> "PairTable":
        """Everything times a number."""

    @property
    def shape(self) -> tuple[int, int]:
        """(N, N)."""
        return self.count, self.count

    @property
    def T(self) -> "PairTable":  # noqa: N802 (numpy's name)
        """The table is symmetric."""
        return self

    def __getitem__(self, index: Any) -> Any:
        """Entries of pairs, without making the whole table where two index arrays or numbers are given."""
        if isinstance(index, tuple) and len(index) == 2 and all(_plain(part) for part in index):
            i, j = np.broadcast_arrays(*(np.asarray(part) for part in index))
            found = self._between(i.ravel(), j.ravel()).reshape(i.shape) * self.factor
            return found if found.shape else float(found)
        return self._dense[index]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """The whole table."""
        return np.array(self._dense, dtype=dtype, copy=True if copy is None else copy)

    @cached_property
    def _dense(self) -> FloatArray:
        every = np.arange(self.count)
        result: FloatArray = self[every[:, None], every[None, :]]
        return result


def _plain(part: Any) -> bool:
    return not isinstance(part, slice) and np.asarray(part).dtype.kind in "iu"


@dataclass(frozen=True)
class PlaceTable(PairTable):
    """Entries by place: `values` (P, P) and the `place` (N,) of each prosumer, -1 without one."""

    values: FloatArray
    place: IntArray
    factor: float = 1.0

    @property
    def count(self) -> int:
        """See PairTable."""
        return len(self.place)

    def _between(self, i: IntArray, j: IntArray) -> FloatArray:
        a, b = self.place[i], self.place[j]
        found: FloatArray = np.where((a < 0) | (b < 0), 0.0, self.values[a, b])
        return found

    def __mul__(self, factor: float) -> "PlaceTable":
        """See PairTable."""
        return PlaceTable(self.values, self.place, self.factor * factor)


@dataclass(frozen=True)
class TreeTable(PairTable):
    """Entries as lengths of the paths on a tree."""

    tree: ChargeTree
    factor: float = 1.0

    @property
    def count(self) -> int:
        """See PairTable."""
        return len(self.tree.place)

    def _between(self, i: IntArray, j: IntArray) -> FloatArray:
        a, b = self.tree.place[i], self.tree.place[j]
        nowhere = (a < 0) | (b < 0)
        found: FloatArray = self.tree.length_between(np.where(nowhere, 0, a), np.where(nowhere, 0, b))
        return np.where(nowhere, 0.0, found)

    def __mul__(self, factor: float) -> "TreeTable":
        """See PairTable."""
        return TreeTable(self.tree, self.factor * factor)


@dataclass(frozen=True)
class SumTable(PairTable):
    """The sum of several tables."""

    tables: tuple[PairTable, ...]
    factor: float = 1.0

    @property
    def count(self) -> int:
        """See PairTable."""
        return self.tables[0].count

    def _between(self, i: IntArray, j: IntArray) -> FloatArray:
        result = np.zeros(len(i))
        for table in self.tables:
            result = result + table[i, j]
        return result

    def __mul__(self, factor: float) -> "SumTable":
        """See PairTable."""
        return SumTable(self.tables, self.factor * factor)


def looked_up(posted: FloatArray | PairTable) -> PairTable:
    """An array as such a table, so that a multiple of it takes no room."""
    return posted if isinstance(posted, PairTable) else PlaceTable(posted, np.arange(len(posted)))


def amiss_in(posted: FloatArray | PairTable) -> str | None:
    """What in a table of charges no market can use, in words; None: nothing."""
    if isinstance(posted, TreeTable):
        paid = posted.tree.charge[1:] * posted.factor
        return (
            None if (np.isfinite(paid) & (paid >= 0.0)).all() else "a charge of an edge that is negative or no number"
        )
    if isinstance(posted, SumTable):
        return next((amiss for table in posted.tables if (amiss := amiss_in(table)) is not None), None)
    if isinstance(posted, PlaceTable):
        if len(posted.place) and posted.place.max() >= len(posted.values):
            return f"a place {posted.place.max()} beyond the {len(posted.values)} of its table"
        values = np.asarray(posted.values, dtype=float) * posted.factor
    else:
        values = np.asarray(posted, dtype=float)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        return f"a table of shape {values.shape}, which is not square"
    for wrong, what in (
        (~np.isfinite(values), "is no number"),
        (values < 0.0, "is negative"),
        (~np.isclose(values, values.T, rtol=1e-9, atol=0.0), "is another one back"),
    ):
        if wrong.any():
            i, j = np.argwhere(wrong)[0].tolist()
            return f"a charge that {what}: {values[i, j]:g} from row {i} to {j} of its table, {values[j, i]:g} back"
    return None

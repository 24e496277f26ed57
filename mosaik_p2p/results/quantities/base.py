"""What a result quantity is: a table that follows from stored tables, and figures of it. One file per kind.

Quantities are computed after the run, each in one call over all intervals, and not in parts while it goes on. So each
one sees what is final (the round that binds, the last entries of the settlement, the days without the market) and may
look at the interval before; nothing that fails in it can stop a run, and the same code gives the same table from the
stored folder. It costs memory for all intervals at once, which summary and report need as well.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.results.tables.columns import TableShape

if TYPE_CHECKING:
    from mosaik_p2p.results.figures.style import Clock, Panel


class ResultQuantity(ABC):
    """A quantity of every interval that follows from what a run has stored."""

    name: ClassVar[str]
    """Of its table, `NAME.parquet`; the entry point that registers the quantity has the same."""
    shape: ClassVar[TableShape]
    """The columns of its table, made by `table`; the key begins with `time`."""
    source: ClassVar[str]
    """The shipped table from which its rows follow: what stands in it, by the key columns that both have, must stand
    in the quantity's table, and nothing else."""
    section: ClassVar[str] = "Further quantities"
    """Title of the report's section that shows its figures."""

    @abstractmethod
    def rows(self, results: Results) -> pd.DataFrame:
        """The rows, with the columns of `shape`, in any order. A number that is not known (NaN) may stand only where
        the column says what null means."""

    def panels(self, clock: "Clock", rows: pd.DataFrame) -> Iterable["Panel"]:  # noqa: ARG002 (figures are a choice)
        """Figures for the report, drawn from its `rows`; none unless a kind has some."""
        return ()

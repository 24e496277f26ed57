"""Which rows the table of a result quantity has to have: those that the table has from which they follow.

A quantity says from which shipped table its rows follow. Every interval, prosumer or element of that table, by the key
columns that both have, must stand in the quantity's table, and nobody else.
"""

from collections.abc import Iterator, Sequence

import pandas as pd

from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.units import SETTLEMENT_CASES

COMPARED = "settlement"
"""The one table that counterfactual runs join after the quantities have been computed."""


def due_keys(results: Results, source: str, order: Sequence[str]) -> pd.DataFrame:
    """The key columns that `source` has too, a row each for what has to be there, of the computed intervals."""
    rows = results[source]
    shared = [name for name in order if name in rows.columns]
    rows = rows[rows["time"].isin(results.binding["time"])]
    if source == COMPARED:
        rows = rows[rows["case"].isin(SETTLEMENT_CASES)]
    return rows[shared].dropna().drop_duplicates()


def key_gaps(rows: pd.DataFrame, due: pd.DataFrame, source: str) -> Iterator[str]:
    """What of `due` has no row, and which rows are about nothing that is due, in words; nothing: they fit."""
    found = rows[list(due.columns)].drop_duplicates()
    both = due.merge(found, how="outer", indicator="where")
    for where, problem in (("left_only", f"lacks {{}} of {len(due)} that {source} has"), ("right_only", "has {} more")):
        apart = both[both["where"] == where]
        if len(apart):
            example = ", ".join(f"{name} {value}" for name, value in apart.iloc[0, :-1].items())
            intervals = apart["time"].nunique()
            yield f"{problem.format(_counted(len(apart)))} (in {intervals} intervals), such as {example}"


def _counted(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"

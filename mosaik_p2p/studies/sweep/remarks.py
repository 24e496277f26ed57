"""What is to be known about a sweep beside its numbers."""

from collections.abc import Sequence

import pandas as pd

from mosaik_p2p.studies.sweep.table import RunStatus

SEED = "seed"
COST = "system_cost.market"
COMPLETE = frozenset({RunStatus.COMPLETE.value, RunStatus.NO_SOLUTION.value})


def remarks_of(table: pd.DataFrame, varied: Sequence[str]) -> tuple[str, ...]:
    """In whole sentences."""
    return tuple(text for text in (_counts(table), _nothing_drawn(table, varied)) if text)


def complete_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows whose numbers are those of whole runs."""
    return table[table["status"].isin(COMPLETE)]


def _counts(table: pd.DataFrame) -> str:
    counts = table["status"].value_counts()
    parts = [f"{counts[state.value]} {state.value.replace('_', ' ')}" for state in RunStatus if state.value in counts]
    return f"{len(table)} rows: {', '.join(parts)}."


def _nothing_drawn(table: pd.DataFrame, varied: Sequence[str]) -> str:
    there = complete_rows(table)
    if SEED not in varied or COST not in there or len(there) < 2:
        return ""
    others = [key for key in varied if key != SEED]
    groups = there.groupby(others, dropna=False)[COST] if others else there.assign(_=0).groupby("_")[COST]
    if (groups.nunique() > 1).any():
        return ""
    return (
        "Runs that differ in their seed alone came to the same cost: nothing here is drawn from the seed. "
        "A table [uncertainty] in the scenario says what is to be."
    )

"""Tables that a scenario names by their files: found, read, and with the columns that there are to be."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.files import FILE_REMEDY, shown_path, why_not_readable
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.tabular import TextTable, read_csv_table, within


def nearest(column: str, columns: Sequence[str]) -> str:
    """The remedy of an unknown column."""
    return did_you_mean(column, columns, what="columns")


def table_beside(
    path: Path,
    key: str,
    columns: Sequence[str],
    *,
    needed: Mapping[str, str],
    remedy_of: Callable[[str, Sequence[str]], str] = nearest,
    is_known: Callable[[str], bool] = lambda _: False,
) -> tuple[TextTable | None, tuple[Fault, ...]]:
    """The table, or its faults at the place `key`: it may have `columns`, and must have those in `needed`, which says
    the remedy where one is not there; `remedy_of` says that of a column that is unknown, and `is_known` may know more
    columns than can be listed."""
    why = why_not_readable(path)
    if why is not None:
        return None, (Fault(key, shown_path(path.name), why, FILE_REMEDY),)
    try:
        table = read_csv_table(path)
    except BadInput as bad:
        return None, within(key, bad).faults
    found = list(table.frame.columns)
    problems = {
        f"has an unknown column {column!r}": remedy_of(column, columns)
        for column in found
        if column not in columns and not is_known(column)
    } | {f"has no column {column!r}": remedy for column, remedy in needed.items() if column not in found}
    faults = tuple(Fault(key, repr(path.name), problem, remedy) for problem, remedy in problems.items())
    return (None if faults else table), faults

"""What differs, for a reader at a terminal."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from mosaik_p2p.results.differences.command import Differences, Figure
from mosaik_p2p.results.differences.flat import Different
from mosaik_p2p.results.differences.tables import ColumnDifference, TableDifference
from mosaik_p2p.results.tables.columns import ONE

MOST_ROWS = 25
"""Of a list; the rest is counted."""
LONGEST = 34
"""Letters of a value."""
ROUNDING = 1e-6
"""Changes of less come last, whatever share of a figure they are."""
NO_UNIT = ("", ONE)
SAME = "="
NOT_KNOWN = "-"


def render(found: Differences) -> str:
    """All sections that have something to say."""
    names = [chr(ord("a") + number) if number < 26 else str(number) for number in range(len(found.folders))]
    lines = [f"{name}: {folder}" for name, folder in zip(names, found.folders, strict=True)]
    if found.is_none:
        return "\n".join([*lines, *_not_known(found), "Nothing differs."])
    lines += _values("Scenario keys that differ", found.keys, names)
    lines += _values("Files that differ (checksums of what they held)", found.files, names)
    lines += _not_known(found)
    lines += _values("Versions that differ", found.versions, names)
    lines += _figures(found, names)
    for name, tables in zip(names[1:], found.tables, strict=True):
        lines += _tables(f"Tables of {name} against {names[0]}", tables)
    return "\n".join(lines)


def _not_known(found: Differences) -> Iterator[str]:
    if found.files_not_known:
        yield f"From which files they were made is not known of: {', '.join(found.files_not_known)}"


def _values(title: str, rows: Sequence[Different], names: Sequence[str]) -> list[str]:
    if not rows:
        return []
    cells = [[one.key, *map(_short, one.values)] for one in rows[:MOST_ROWS]]
    return [title, *_aligned([["", *names], *cells], left=len(names) + 1), *_rest(len(rows))]


def _figures(found: Differences, names: Sequence[str]) -> list[str]:
    others = [figure for figure in found.outcomes if figure not in found.first_figures]
    shown = [*found.first_figures, *sorted(others, key=_share, reverse=True)[:MOST_ROWS]]
    head = ["", "unit", *names, *(f"{name} - {names[0]}" for name in names[1:])]
    cells = [[one.key, one.unit, *map(_short, one.values), *map(_change, one.changes)] for one in shown]
    return ["Outcomes", *_aligned([head, *cells], left=2), *_rest(len(others))]


def _share(figure: Figure) -> float:
    """By how much it changes at the most, as a share; words come first, and last what is no more than rounding."""
    changes = [abs(change) for change in figure.changes if change is not None]
    if not changes:
        return float("inf")
    if max(changes) < ROUNDING:
        return 0.0
    return max(changes) / max(float(abs(value)) for value in figure.values if value is not None)


def _tables(title: str, tables: Sequence[TableDifference]) -> list[str]:
    if not tables:
        return [f"{title}: the same"]
    lines = [title]
    for one in tables:
        rows = [f"{one.only_first} rows gone"] * bool(one.only_first) + [f"{one.only_other} new"] * bool(one.only_other)
        columns = [f"columns of one only: {', '.join(one.columns_of_one)}"] * bool(one.columns_of_one)
        what = f"{one.table} (intervals that both have stored)" if one.in_part else one.table
        lines.append(f"  {what}: {'; '.join([*rows, *columns]) or 'the same rows'}")
        lines += [f"    {text}" for text in map(_column, one.columns)]
    return lines


def _column(one: ColumnDifference) -> str:
    where = ", ".join(one.where.values())
    unit = "" if one.unit in NO_UNIT else f" {one.unit}"
    largest = "" if one.largest is None else f", at the most by {one.largest:.6g}{unit}"
    return f"{one.column}: in {one.rows} row{'s' if one.rows > 1 else ''}{largest} ({where})"


def _short(value: Any) -> str:
    if value is None:
        return NOT_KNOWN
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.8g}"
    text = str(value) if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _change(value: float | None) -> str:
    if value is None:
        return ""
    return SAME if value == 0.0 else f"{value:+.4g}"


def _rest(count: int) -> Iterator[str]:
    if count > MOST_ROWS:
        yield f"  and {count - MOST_ROWS} more: --json FILE has all of them"


def _aligned(cells: Sequence[Sequence[str]], *, left: int) -> list[str]:
    """Columns, the first `left` of them to the left."""
    widths = [max(len(row[number]) for row in cells) for number in range(len(cells[0]))]
    return [
        "  "
        + "  ".join(
            text.ljust(width) if number < left else text.rjust(width)
            for number, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]

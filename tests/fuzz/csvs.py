"""Mutations of CSV files by cell, row, column and dialect, and what is wrong with a file whoever reads it."""

import csv
import io
from collections.abc import Callable
from random import Random

from fuzz.dice import hostile
from fuzz.texts import mangled

Rows = list[list[str]]


def parsed(text: str, separator: str = ",") -> Rows:
    """The rows as a plain reader sees them."""
    return list(csv.reader(io.StringIO(text), delimiter=separator))


def written(rows: Rows, separator: str = ",") -> str:
    """The rows as text, without any quotes that are not needed."""
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\n").writerows(rows)
    return out.getvalue()


def mutated(dice: Random, text: str) -> bytes:
    """The file after one to three changes of its cells, rows or columns, and now and then of its bytes."""
    rows = parsed(text)
    for _ in range(dice.randint(1, 3)):
        rows = dice.choices(CHANGES, weights=WEIGHTS)[0](dice, rows)
    if dice.random() < 0.1:
        data = decimal_commas(dice, rows).encode()
    else:
        data = written(rows, ";" if dice.random() < 0.05 else ",").encode("utf-8", errors="replace")
    return mangled(dice, data) if dice.random() < 0.15 else data


def decimal_commas(dice: Random, rows: Rows) -> str:
    """As a spreadsheet of another country writes numbers, all or some, the separators staying what they were."""
    share = dice.choice((1.0, 0.3))
    lines = [
        ",".join(cell.replace(".", ",") if line and dice.random() < share else cell for cell in row)
        for line, row in enumerate(rows)
    ]
    return "\n".join(lines) + "\n"


def _cell(dice: Random, rows: Rows) -> Rows:
    row = dice.randrange(len(rows))
    if rows[row]:
        rows[row][dice.randrange(len(rows[row]))] = str(hostile(dice))
    return rows


def _swap(dice: Random, rows: Rows) -> Rows:
    first, second = (dice.choice(rows) for _ in range(2))
    if first and second:
        first[dice.randrange(len(first))] = dice.choice(second)
    return rows


def _more_values(dice: Random, rows: Rows) -> Rows:
    """Rows longer than the header: one, or all of them."""
    wide = rows[1:] if dice.random() < 0.4 else [dice.choice(rows)]
    for row in wide:
        row.insert(dice.randrange(len(row) + 1), dice.choice(["", "0", "25", "x"]))
    return rows


def _fewer_values(dice: Random, rows: Rows) -> Rows:
    row = dice.choice(rows)
    if row:
        del row[dice.randrange(len(row))]
    return rows


def _header_twice(dice: Random, rows: Rows) -> Rows:
    """A column again under the same name, with other numbers, before or after the first."""
    if not rows[0]:
        return rows
    column = dice.randrange(len(rows[0]))
    at = dice.choice([column, len(rows[0])])
    for line, row in enumerate(rows):
        if column < len(row):
            row.insert(at, row[column] if line == 0 else dice.choice(["0", "7", row[column]]))
    return rows


def _drop_column(dice: Random, rows: Rows) -> Rows:
    column = dice.randrange(max(len(rows[0]), 1))
    return [row[:column] + row[column + 1 :] for row in rows]


def _repeat_row(dice: Random, rows: Rows) -> Rows:
    return [*rows, list(dice.choice(rows))] if dice.random() < 0.5 else [rows[0], list(rows[-1]), *rows[1:]]


def _drop_row(dice: Random, rows: Rows) -> Rows:
    del rows[dice.randrange(len(rows))]
    return rows or [[]]


def _shuffle(dice: Random, rows: Rows) -> Rows:
    rest = rows[1:]
    dice.shuffle(rest)
    return [rows[0], *rest]


Change = Callable[[Random, Rows], Rows]
CHANGES: tuple[Change, ...] = (
    *(_cell, _swap, _more_values, _fewer_values, _header_twice),
    *(_drop_column, _repeat_row, _drop_row, _shuffle),
)
WEIGHTS = (8, 2, 3, 2, 3, 1, 2, 1, 1)


def too_long_row(text: str) -> int | None:
    """Line of the first row with more values than the header, or None; by commas, as the format says."""
    rows = [row for row in parsed(text.removeprefix("\ufeff")) if row]
    return next((line for line, row in enumerate(rows, 1) if rows and len(row) > len(rows[0])), None)


def header_twice(text: str) -> str | None:
    """A name that stands twice in the header."""
    rows = parsed(text.removeprefix("\ufeff"))
    names = [name.strip() for name in rows[0]] if rows else []
    return next((name for name in names if name and names.count(name) > 1), None)

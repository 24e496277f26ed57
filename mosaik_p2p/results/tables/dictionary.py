"""What every table and column of a result folder means, out of the tables' own declarations: for docs/tables.md."""

from collections.abc import Iterator

from mosaik_p2p.results.tables.columns import CURRENCY, NEVER_NEGATIVE, Column, TableShape
from mosaik_p2p.results.tables.schema import TABLES

INTRODUCTION = f"""\
# The result tables

Every table of a result folder and every column, generated from their one declaration. The same words are metadata of
each field in the Parquet files: `pyarrow.parquet.read_schema("trades.parquet").field("power_kw").metadata`.

Columns with *key* sort the rows, and tell them apart in every table but `settlement`. *Sign* says what a positive value
means (`+`), or that none is negative (`{NEVER_NEGATIVE}`). *Null* says what an empty entry stands for; a column without
it is never null. A unit `{CURRENCY}` is the scenario's own, `1` is that of counts and ratios. Numbers are never NaN.
"""
HEADING = "| column | type | unit | sign | key | meaning | null |\n|---|---|---|---|---|---|---|"
TYPES = {"timestamp[us, tz=UTC]": "time", "string": "text", "double": "real", "int64": "whole", "bool": "flag"}
"""What Arrow's types are called here."""


def tables_markdown() -> str:
    """The whole dictionary as Markdown."""
    return "\n".join([INTRODUCTION, *(_section(name, shape) for name, shape in TABLES.items())])


def _section(name: str, shape: TableShape) -> str:
    return "\n".join([f"## `{name}`", "", shape.meaning, "", HEADING, *_rows(shape)]) + "\n"


def _rows(shape: TableShape) -> Iterator[str]:
    for name, column in shape.columns.items():
        yield f"| {' | '.join((f'`{name}`', *_cells(column, is_key=name in shape.order)))} |"


def _cells(column: Column, *, is_key: bool) -> tuple[str, ...]:
    about = (TYPES[str(column.type)], column.unit, column.sign)
    # A bar would begin the next cell.
    meaning = column.meaning.replace("|", "\\|")
    return (*about, "yes" if is_key else "", meaning, column.null)

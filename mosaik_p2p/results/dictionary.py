"""What every table and column of a result folder means, out of the tables' own declarations: for docs/tables.md."""

from collections.abc import Iterator
from inspect import cleandoc

import pandas as pd
import pyarrow as pa

from mosaik_p2p.results.quantities.registry import find_quantity, known_quantities
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


QUANTITIES = """\
# Result quantities

Tables of their own, which follow from those above. They are computed after the run where the scenario names them
(`results.quantities = ["verdicts"]`), and their files say from which table they follow (`source`) and who made them
(`made_by`). `mosaik-p2p list` has those that are installed; docs/extending.md shows how to write one.
"""


def tables_markdown() -> str:
    """The whole dictionary as Markdown. Raises BadInput where a result quantity that is installed cannot be used."""
    tables = [_section(name, shape) for name, shape in TABLES.items()]
    quantities = [_section(named.of.name, named.of.shape) for named in known_quantities().values()]
    return "\n".join([INTRODUCTION, *tables, QUANTITIES, *quantities])


def column_frame(schema: pa.Schema, currency: str) -> pd.DataFrame:
    """What the columns of a table mean: a row per column, with the scenario's own currency in the units."""
    rows = [_said(field, currency) for field in schema]
    return pd.DataFrame(rows, index=pd.Index(schema.names, name="column"))


def _said(field: pa.Field, currency: str) -> dict[str, str]:
    said = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    unit = said.get("unit", "").replace(CURRENCY, currency)
    about = {key: said.get(key, "") for key in ("sign", "key", "meaning", "null")}
    return {"type": TYPES.get(str(field.type), str(field.type)), "unit": unit, **about}


def quantity_text(name: str) -> str:
    """What the result quantity of this name is, and its table. Raises KindRefused."""
    of = find_quantity(name).of
    return f"{cleandoc(type(of).__doc__ or '')} Its source is the table {of.source}.\n\n{_section(name, of.shape)}"


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

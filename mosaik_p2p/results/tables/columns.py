"""What a column of a result table is: its type, unit, sign and meaning, and when it is null.

The same words stand in docs/tables.md, and as metadata of each field in the Parquet files. The unit follows from the
column's name (`power_kw`) wherever the name has one; a column without a meaning, and a number without a unit, cannot be
declared.
"""

from dataclasses import dataclass, replace

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")
TEXT = pa.string()
REAL = pa.float64()
WHOLE = pa.int64()
FLAG = pa.bool_()

CURRENCY = "currency"
"""The scenario's own."""
ONE = "1"
"""The unit of counts and ratios."""
UNITS = {
    "_per_kwh": f"{CURRENCY}/kWh",
    "_kg_per_s": "kg/s",
    "_pa_per_m": "Pa/m",
    "_m_per_s": "m/s",
    "_percent": "%",
    "_degree": "°",
    "_kvar": "kvar",
    "_kwh": "kWh",
    "_bar": "bar",
    "_kw": "kW",
    "_ka": "kA",
    "_pu": "p.u.",
    "_c": "°C",
}
"""By how a column's name ends; the first that fits counts."""
NEVER_NEGATIVE = "≥ 0"


@dataclass(frozen=True)
class Column:
    """One column; a text, flag or time has neither unit nor sign."""

    type: pa.DataType
    meaning: str
    null: str = ""
    """What null says; empty where the column is never null."""
    unit: str = ""
    sign: str = ""
    """What a positive value says, or that none is negative; empty where the meaning leaves no doubt."""

    @property
    def is_number(self) -> bool:
        """Whether it has a unit."""
        return bool(pa.types.is_floating(self.type) or pa.types.is_integer(self.type))


@dataclass(frozen=True)
class TableShape:
    """The columns of a table, by which of them its rows are sorted (its key), and what it is about.

    `schema` is that of the Parquet files: the unit, sign and meaning of a column are metadata of its field.
    """

    meaning: str
    columns: dict[str, Column]
    order: tuple[str, ...]
    schema: pa.Schema


def text(meaning: str, *, null: str = "") -> Column:
    """A name or a word."""
    return Column(TEXT, meaning, null)


def flag(meaning: str, *, null: str = "") -> Column:
    """True or false."""
    return Column(FLAG, meaning, null)


def count(meaning: str, *, null: str = "") -> Column:
    """A whole number from 0 on."""
    return Column(WHOLE, meaning, null, ONE, NEVER_NEGATIVE)


def amount(meaning: str, *, unit: str = "", null: str = "") -> Column:
    """A number that is never negative."""
    return Column(REAL, meaning, null, unit, NEVER_NEGATIVE)


def signed(meaning: str, *, positive: str, unit: str = "", null: str = "") -> Column:
    """A number of either sign, with what it says where it is positive."""
    return Column(REAL, meaning, null, unit, f"+ {positive}")


def number(meaning: str, *, unit: str = "", null: str = "") -> Column:
    """A number whose sign needs no rule: a price, a temperature."""
    return Column(REAL, meaning, null, unit)


BEGIN = Column(TIME, "Begin of the interval, UTC.")


def table(meaning: str, order: str, **columns: Column) -> TableShape:
    """A table, sorted by `order`. ValueError where it or a column lacks a meaning, a number its unit, or `order` a
    column."""
    named = {name: _with_unit(name, column) for name, column in columns.items()}
    keys = tuple(order.split())
    if not meaning.strip() or not set(keys) <= set(named):
        raise ValueError(f"a table of the columns {', '.join(named)} has no meaning, or is sorted by others: {order}")
    fields = [_field(name, column, is_key=name in keys) for name, column in named.items()]
    return TableShape(meaning, named, keys, pa.schema(fields, metadata={"meaning": meaning}))


def _with_unit(name: str, column: Column) -> Column:
    if not column.meaning.strip():
        raise ValueError(f"column {name!r} has no meaning")
    if not column.is_number:
        return column
    of_name = next((unit for ending, unit in UNITS.items() if name.endswith(ending)), column.unit)
    if not of_name or column.unit not in ("", of_name):
        raise ValueError(f"column {name!r}: neither its name nor `unit` says its unit, or they differ")
    return replace(column, unit=of_name)


def _field(name: str, column: Column, *, is_key: bool) -> pa.Field:
    said = {"unit": column.unit, "sign": column.sign, "meaning": column.meaning, "null": column.null}
    metadata = {key: value for key, value in said.items() if value} | ({"key": "yes"} if is_key else {})
    return pa.field(name, column.type, nullable=bool(column.null), metadata=metadata)

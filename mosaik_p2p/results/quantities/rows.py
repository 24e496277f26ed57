"""The rows that a quantity has computed, as a table to store: or why they are none."""

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.api.types import infer_dtype

from mosaik_p2p.results.quantities.registry import NamedQuantity
from mosaik_p2p.results.store.due import key_gaps
from mosaik_p2p.results.store.quantity_tables import stated_schema
from mosaik_p2p.results.tables.columns import FLAG, NEVER_NEGATIVE, TIME, Column

ROUNDING = 1e-9
"""Of the largest value of a column: by so much a value that is never negative may miss zero."""


class UnfitRows(Exception):
    """What a quantity computed is not what it declares."""


def stored_rows(named: NamedQuantity, computed: object, due: pd.DataFrame) -> pa.Table:
    """The rows sorted by their key, with the columns that the quantity declares. `due` as of `due_keys`.

    Raises UnfitRows where columns, types, nulls, signs or keys are not those declared, or rows lack.
    """
    of, shape = named.of, named.of.shape
    if not isinstance(computed, pd.DataFrame):
        raise UnfitRows(f"gave {type(computed).__name__} and no data frame")
    given = [str(name) for name in computed.columns]
    if sorted(given) != sorted(shape.columns):
        raise UnfitRows(f"gave the columns {', '.join(given)}; it declares {', '.join(shape.columns)}")
    frame = computed.sort_values(list(shape.order), kind="stable") if len(computed) else computed
    arrays = [_column(name, column, frame[name]) for name, column in shape.columns.items()]
    doubled = int(frame.duplicated(list(shape.order)).sum())
    if doubled:
        raise UnfitRows(f"gave {doubled} rows twice, by the key {', '.join(shape.order)}")
    for gap in key_gaps(frame, due, f"table {of.source}"):
        raise UnfitRows(gap)
    schema = stated_schema(shape, quantity=named.word, source=of.source, made_by=named.made_by)
    return pa.table(arrays, schema=schema)


def _column(name: str, column: Column, values: pd.Series) -> pa.Array:
    # Arrow would take times without a zone for UTC, and flags for numbers.
    has_zone, has_flags = isinstance(values.dtype, pd.DatetimeTZDtype), infer_dtype(values) == "boolean"
    if values.notna().any() and (has_zone is not (column.type == TIME) or has_flags is not (column.type == FLAG)):
        raise UnfitRows(f"gave the column {name!r} as {values.dtype}, which is not {column.type}")
    try:
        array = pa.Array.from_pandas(values, type=column.type)
    except (pa.ArrowException, OverflowError) as error:
        raise UnfitRows(f"gave the column {name!r} as {values.dtype}, which is not {column.type}: {error}") from error
    _refuse_values(name, column, array)
    return array


def _refuse_values(name: str, column: Column, array: pa.Array) -> None:
    """Values that the column never has."""
    if array.null_count and not column.null:
        raise UnfitRows(
            f"gave no value (NaN or None) in {array.null_count} of {len(array)} rows of the column {name!r}, "
            "which does not say what null means there"
        )
    if not column.is_number:
        return
    known = array.drop_null().cast(pa.float64())
    if pc.any(pc.invert(pc.is_finite(known))).as_py():
        raise UnfitRows(f"gave a number without bounds in the column {name!r}")
    if column.sign == NEVER_NEGATIVE and len(known):
        lowest, highest = pc.min(known).as_py(), pc.max(known).as_py()
        if lowest < -ROUNDING * max(highest, -lowest, 1.0):
            raise UnfitRows(f"gave {lowest:g} in the column {name!r}, which is declared as never negative")

"""Tables of result quantities in a result folder, by what their files say of themselves.

The file of a quantity's table says beside its columns which quantity it is of, who made it, and from which table its
rows follow. So it is read and judged where the package that made it is not installed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mosaik_p2p.results.store.folder import TABLE_NAMES, table_path
from mosaik_p2p.results.store.mark import ResultFolder, read_mark
from mosaik_p2p.results.store.parts import DamagedTable
from mosaik_p2p.results.tables.columns import TIME, TableShape
from mosaik_p2p.results.tables.schema import TABLES

QUANTITY, SOURCE, MADE_BY = b"quantity", b"source", b"made_by"
KEY = b"key"


@dataclass(frozen=True)
class QuantityTable:
    """What the file of a quantity's table says of it."""

    table: str
    quantity: str
    """As the scenario names it."""
    source: str
    """The table from which its rows follow."""
    made_by: str
    """The package that computed it, with its version where it is known."""
    schema: pa.Schema

    @property
    def order(self) -> tuple[str, ...]:
        """The columns that sort its rows and tell them apart."""
        return tuple(field.name for field in self.schema if KEY in (field.metadata or {}))


def stated_schema(shape: TableShape, *, quantity: str, source: str, made_by: str) -> pa.Schema:
    """The schema of the file: that of the table, with what it is of."""
    said = {QUANTITY: quantity.encode(), SOURCE: source.encode(), MADE_BY: made_by.encode()}
    return shape.schema.with_metadata({**(shape.schema.metadata or {}), **said})


def write_quantity_table(folder: ResultFolder, table: str, rows: pa.Table) -> Path:
    """Write the table whole or not at all. Raises NotWritten."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink)
    return folder.write(f"{table}.parquet", sink.getvalue().to_pybytes(), rows=rows.num_rows)


def quantity_tables(folder: Path) -> Mapping[str, QuantityTable]:
    """The tables of result quantities in the folder, by name; of one with the mark of a run those that it wrote."""
    return {found.table: found for found in _found(folder)}


def _found(folder: Path) -> Iterator[QuantityTable]:
    mark = read_mark(folder)
    for path in sorted(folder.glob("*.parquet")):
        is_own = path.name not in TABLE_NAMES and path.is_file() and (mark is None or path.name in mark.written)
        schema = _schema(path, is_named=mark is not None) if is_own else None
        said = {} if schema is None else schema.metadata or {}
        if schema is not None and QUANTITY in said:
            quantity, source, made_by = (said.get(key, b"").decode() for key in (QUANTITY, SOURCE, MADE_BY))
            yield _sound(path, QuantityTable(path.stem, quantity, source, made_by, schema))


def _schema(path: Path, *, is_named: bool) -> pa.Schema | None:
    """None where it cannot be read and no mark says that it is a run's."""
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        if not is_named:
            return None
        raise DamagedTable(path.stem, path, f"cannot be read: {error}") from error


def _sound(path: Path, found: QuantityTable) -> QuantityTable:
    """The table, where it can be judged at all. Raises DamagedTable."""
    if found.source not in TABLES:
        raise DamagedTable(found.table, path, f"says that it follows from {found.source!r}, which is no table")
    if "time" not in found.order or found.schema.field("time").type != TIME:
        raise DamagedTable(found.table, path, "has no key `time` in UTC")
    return found


def read_quantity_table(folder: Path, found: QuantityTable) -> pd.DataFrame:
    """Its rows. Raises DamagedTable where they cannot be read."""
    path = table_path(folder, found.table)
    try:
        frame: pd.DataFrame = pq.read_table(path, partitioning=None).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise DamagedTable(found.table, path, f"cannot be read: {error}") from error
    return frame

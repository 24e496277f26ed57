"""The tables of a run on disk: written in parts while it goes on, merged into one file each at its end.

A Parquet file without its end cannot be read, so a part is written under a hidden name and renamed when it is whole: a
run that dies leaves every part that it had flushed, readable.
"""

import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mosaik_p2p.results.folder import prepare_folder, table_path
from mosaik_p2p.results.tables import TABLES
from mosaik_p2p.units import Table

__all__ = ["ResultStore", "prepare_folder", "read_arrow", "read_table", "replace_table"]


LAST_WRITTEN = "clearing"


class ResultStore:
    """Collects rows per table; `flush` writes them as parts, `close` merges the parts."""

    def __init__(self, folder: Path) -> None:
        """`folder` exists and holds no tables yet (see `prepare_folder`)."""
        self.folder = folder
        self._pending: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
        self._parts: dict[str, int] = dict.fromkeys(TABLES, 0)

    def append(self, table: str, rows: Table) -> None:
        """Add rows; ValueError where columns, lengths or types differ from the table's, or a value is NaN."""
        checked = to_arrow(table, rows)
        if checked.num_rows:
            self._pending[table].append(checked)

    def flush(self) -> None:
        """Write what was appended since the last flush, one part per table that has rows.

        `clearing` is the last one: an interval that stands there stands in all tables, whenever the process is killed.
        """
        for name in sorted(self._pending, key=LAST_WRITTEN.__eq__):
            pending = self._pending[name]
            if not pending:
                continue
            path = table_path(self.folder, name)
            path.mkdir(exist_ok=True)
            _write_whole(_sorted(name, pa.concat_tables(pending)), path / f"part-{self._parts[name]:05d}.parquet")
            self._parts[name] += 1
            pending.clear()

    def close(self) -> None:
        """Flush, then turn every table into one file; a table without rows becomes an empty file."""
        self.flush()
        for name in TABLES:
            path = table_path(self.folder, name)
            hidden = _write_hidden(read_arrow(self.folder, name), path)
            if path.is_dir():
                # A folder cannot be replaced by a file in one step; the parts stay at hand until the file is there.
                aside = path.rename(path.with_name(f".{path.name}.parts"))
                hidden.replace(path)
                shutil.rmtree(aside)
            else:
                hidden.replace(path)


def to_arrow(table: str, rows: Table) -> pa.Table:
    """Rows as an Arrow table of exactly the table's columns; ValueError where they are not."""
    if table not in TABLES:
        raise ValueError(f"there is no table {table!r}; the tables are {', '.join(TABLES)}")
    schema = TABLES[table].schema
    missing, unknown = set(schema.names) - set(rows), set(rows) - set(schema.names)
    if missing or unknown:
        raise ValueError(f"table {table!r}: missing columns {sorted(missing)}, unknown columns {sorted(unknown)}")
    lengths = {name: len(column) for name, column in rows.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"table {table!r}: columns of different length {lengths}")
    if any(moment is None or moment.tzinfo is None for moment in rows["time"]):
        raise ValueError(f"table {table!r}: every time needs a time zone")
    return pa.table([_column(table, field, rows[field.name]) for field in schema], schema=schema)


def _column(table: str, field: pa.Field, values: list[object]) -> pa.Array:
    try:
        column = pa.array(values, type=field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise ValueError(f"table {table!r}, column {field.name!r} does not hold {field.type}: {error}") from error
    if pa.types.is_floating(field.type) and pc.any(pc.is_nan(column)).as_py():
        raise ValueError(f"table {table!r}, column {field.name!r} holds NaN; null is meant for what is not known")
    return column


def read_arrow(folder: Path, table: str) -> pa.Table:
    """A table in its own order, whether it lies there in parts, as one file or not at all (then without rows).

    ValueError where a file does not have the table's columns.
    """
    path, schema = table_path(folder, table), TABLES[table].schema
    if path.is_dir():
        parts = [_read(part, table) for part in sorted(path.glob("part-*.parquet"))]
        return _sorted(table, pa.concat_tables([schema.empty_table(), *parts]))
    if path.exists():
        return _sorted(table, _read(path, table))
    return schema.empty_table()


def _read(path: Path, table: str) -> pa.Table:
    schema = TABLES[table].schema
    found = pq.read_schema(path)
    # Arrow would fill a missing column with nulls.
    types = dict(zip(found.names, found.types, strict=True))
    wrong = [field.name for field in schema if types.get(field.name) != field.type]
    if wrong:
        raise ValueError(f"table {table!r} lacks columns, or holds them in another type: {', '.join(wrong)}")
    return pq.read_table(path, schema=schema)


def read_table(folder: Path, table: str) -> pd.DataFrame:
    """A table as a data frame of the table's columns, without rows where nothing was written."""
    frame: pd.DataFrame = read_arrow(folder, table).to_pandas()
    return frame


def replace_table(folder: Path, table: str, rows: pa.Table) -> None:
    """Put other rows in the place of a table that is one file already."""
    _write_whole(_sorted(table, rows), table_path(folder, table))


def _sorted(table: str, rows: pa.Table) -> pa.Table:
    # Arrow's sort is stable: rows equal in all keys keep the order in which they were appended.
    order = pc.sort_indices(rows, sort_keys=[(key, "ascending") for key in TABLES[table].order])
    return rows.take(order)


def _write_whole(rows: pa.Table, path: Path) -> None:
    _write_hidden(rows, path).replace(path)


def _write_hidden(rows: pa.Table, path: Path) -> Path:
    hidden = path.with_name(f".{path.name}.tmp")
    pq.write_table(rows, hidden)
    return hidden

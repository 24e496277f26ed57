"""The tables of a run on disk: written in parts while it goes on, merged into one file each at its end.

A Parquet file without its end cannot be read, so every file is written beside its place and renamed when it is whole: a
run that dies leaves every part that it had flushed, readable. The parts of a table are those that the folder's mark
names; other files in the table's folder are nobody's rows.
"""

import contextlib
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.results.store.folder import TABLE_NAMES, aside_path, is_part, parts_folder, table_path
from mosaik_p2p.results.store.mark import Mark, NotWritten, ResultFolder, read_mark, result_folder, start_mark
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.units import Table

LAST_WRITTEN = "clearing"
SHORT = 400
"""Rows of a column that is looked through value by value."""


class DamagedTable(ValueError):
    """A table that cannot be read, or does not hold what it is to hold."""

    def __init__(self, table: str, path: Path, problem: str) -> None:
        self.table, self.path, self.problem = table, path, problem
        super().__init__(f"table {table!r} ({path}) {problem}")


class ResultStore:
    """Collects rows per table; `flush` writes them as parts, `close` merges the parts."""

    def __init__(self, folder: Path) -> None:
        """`folder` exists and holds no tables yet: a run has claimed it, or nobody has, and then it is marked here.

        Raises BadInput where it holds tables already: their rows and those of this store would be taken for one run's.
        """
        self.folder = self._opened(folder)
        self._pending: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
        mark = read_mark(folder)
        self._parts = {name: _number_of_parts(mark, folder, name) for name in TABLES}

    def _opened(self, folder: Path) -> ResultFolder:
        return _own_folder(folder)

    def append(self, table: str, rows: Table) -> None:
        """Add rows; ValueError where columns, lengths or types differ from the table's, or a value is NaN."""
        checked = to_arrow(table, rows)
        if checked.num_rows:
            self._pending[table].append(checked)

    def flush(self) -> None:
        """Write what was appended since the last flush, one part per table that has rows. Raises NotWritten.

        `clearing` is the last one: an interval that stands there stands in all tables, whenever the process is killed.
        """
        for name in sorted(self._pending, key=LAST_WRITTEN.__eq__):
            pending = self._pending[name]
            if not pending:
                continue
            rows = _sorted(name, pa.concat_tables(pending))
            part = f"{table_path(Path(), name)}/part-{self._parts[name]:05d}.parquet"
            _write(self.folder, part, rows)
            self._parts[name] += 1
            pending.clear()

    def close(self) -> None:
        """Flush, then turn every table into one file; a table without rows becomes an empty file."""
        self.flush()
        merge_tables(self.folder)


class ContinuedStore(ResultStore):
    """Adds to the parts that the folder's mark names: those of the same run, which was stopped."""

    def _opened(self, folder: Path) -> ResultFolder:
        return result_folder(folder)


def _number_of_parts(mark: Mark | None, folder: Path, table: str) -> int:
    parts = parts_folder(folder, table)
    return 0 if parts is None else len(_named_by(mark, table, parts))


def _own_folder(folder: Path) -> ResultFolder:
    mark = read_mark(folder)
    if mark is None:
        if any((folder / name).exists() for name in TABLE_NAMES):
            raise _occupied(folder)
        return ResultFolder(folder, start_mark(folder))
    if any(name.startswith(TABLE_NAMES) for name in mark.written):
        raise _occupied(folder)
    return ResultFolder(folder, mark.run)


def _occupied(folder: Path) -> BadInput:
    problem = "holds tables of an earlier run, which would be mixed with those of this one"
    return BadInput([Fault("result folder", str(folder), problem, "Name an empty folder")])


def merge_tables(folder: ResultFolder) -> None:
    """Turn every table of the folder into one file. Raises NotWritten; what was not merged by then stays in parts."""
    mark = read_mark(folder.path)
    for name in TABLES:
        rows = _read_by(mark, folder.path, name)
        parts = parts_folder(folder.path, name)
        if parts is not None and parts != aside_path(folder.path, name):
            # A folder cannot be replaced by a file in one step; the parts stay at hand until the file is there.
            parts = _moved_aside(folder, name)
        _write(folder, f"{name}.parquet", rows)
        # Those that a run left which was killed right here.
        left = aside_path(folder.path, name) if parts is None else parts
        if left.is_dir():
            _clear_parts(folder, name, left, mark)


def _moved_aside(folder: ResultFolder, table: str) -> Path:
    path, aside = table_path(folder.path, table), aside_path(folder.path, table)
    try:
        return path.rename(aside)
    except OSError as error:
        raise NotWritten(f"{path} could not be replaced: {error.strerror}") from error


def _clear_parts(folder: ResultFolder, table: str, parts: Path, mark: Mark | None) -> None:
    """Remove the parts that are merged; files of others among them stay, in a folder named after the table."""
    for part in _named_by(mark, table, parts):
        part.unlink()
    try:
        parts.rmdir()
    except OSError:
        kept = folder.path / f"{table}.parquet.kept"
        with contextlib.suppress(OSError):
            parts.rename(kept)


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
    if any(moment is None or moment.tzinfo is None for moment in set(rows["time"])):
        raise ValueError(f"table {table!r}: every time needs a time zone")
    columns = [(_moments if field.name == "time" else _column)(table, field, rows[field.name]) for field in schema]
    return pa.table(columns, schema=schema)


def _moments(table: str, field: pa.Field, values: list[object]) -> pa.Array:
    """The same as `_column`, which takes longer for a moment than for all else that stands beside it, of few moments
    each of which many rows have."""
    place: dict[object, int] = {}
    at = [place.setdefault(value, len(place)) for value in values]
    each = _column(table, field, list(place))
    return pa.repeat(each[0], len(at)) if len(place) == 1 else each.take(pa.array(at, type=pa.int64()))


def _column(table: str, field: pa.Field, values: list[object]) -> pa.Array:
    try:
        column = pa.array(values, type=field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise ValueError(f"table {table!r}, column {field.name!r} does not hold {field.type}: {error}") from error
    if pa.types.is_floating(field.type) and _holds_nan(values, column):
        raise ValueError(f"table {table!r}, column {field.name!r} holds NaN; null is meant for what is not known")
    if column.null_count and not field.nullable:
        raise ValueError(f"table {table!r}, column {field.name!r} holds null, which it never does")
    return column


def _holds_nan(values: list[object], column: pa.Array) -> bool:
    # Arrow takes longer to begin than a short column takes. Only NaN differs from itself.
    return any(value != value for value in values) if len(values) < SHORT else bool(pc.any(pc.is_nan(column)).as_py())


def read_arrow(folder: Path, table: str) -> pa.Table:
    """A table in its own order, whether it lies there in parts, as one file or not at all (then without rows).

    DamagedTable where a file cannot be read, or does not have the table's columns.
    """
    return _read_by(read_mark(folder), folder, table)


def _read_by(mark: Mark | None, folder: Path, table: str) -> pa.Table:
    path, schema = table_path(folder, table), TABLES[table].schema
    parts = parts_folder(folder, table)
    if parts is not None:
        read = [_read(part, table) for part in _named_by(mark, table, parts)]
        return _sorted(table, pa.concat_tables([schema.empty_table(), *read]))
    if path.exists():
        return _sorted(table, _read(path, table))
    return schema.empty_table()


def _named_by(mark: Mark | None, table: str, parts: Path) -> list[Path]:
    """The parts of a table that are there: those that the mark names, or all where there is no mark."""
    named = [part for part in sorted(parts.iterdir()) if is_part(part) and part.is_file()]
    return named if mark is None else [part for part in named if f"{table}.parquet/{part.name}" in mark.written]


def _read(path: Path, table: str) -> pa.Table:
    schema = TABLES[table].schema
    try:
        # Of a single file, without the machinery for many, which takes longer than the file.
        with pq.ParquetFile(path) as file:
            found = file.schema_arrow
            # Arrow would fill a missing column with nulls.
            types = dict(zip(found.names, found.types, strict=True))
            wrong = [field.name for field in schema if types.get(field.name) != field.type]
            if wrong:
                raise DamagedTable(table, path, f"lacks columns, or holds them in another type: {', '.join(wrong)}")
            # It would leave out a column that the table does not declare.
            unknown = sorted(set(types) - set(schema.names))
            if unknown:
                raise DamagedTable(table, path, f"holds columns that are not the table's: {', '.join(unknown)}")
            return file.read(use_threads=False).select(schema.names).cast(schema)
    except (OSError, pa.ArrowException) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DamagedTable(table, path, f"cannot be read: {first_line}") from error


def read_table(folder: Path, table: str) -> pd.DataFrame:
    """A table as a data frame of the table's columns, without rows where nothing was written."""
    return read_tables(folder, [table])[table]


def read_tables(folder: Path, names: Iterable[str]) -> dict[str, pd.DataFrame]:
    """The same of several tables, by name."""
    mark = read_mark(folder)
    return {name: _as_frame(mark, folder, name) for name in names}


def _as_frame(mark: Mark | None, folder: Path, table: str) -> pd.DataFrame:
    frame: pd.DataFrame = _read_by(mark, folder, table).to_pandas()
    # Arrow would keep several times the table, which it needed on the way, for the next one.
    pa.default_memory_pool().release_unused()
    return frame


def add_rows(folder: ResultFolder, table: str, rows: Table) -> None:
    """One more part of a table that is still in parts, whatever its number of rows. Raises NotWritten."""
    checked = to_arrow(table, rows)
    if checked.num_rows:
        number = _number_of_parts(read_mark(folder.path), folder.path, table)
        _write(folder, f"{table_path(Path(), table)}/part-{number:05d}.parquet", _sorted(table, checked))


def replace_table(folder: Path, table: str, rows: pa.Table) -> None:
    """Put other rows in the place of a table that is one file already. Raises NotWritten."""
    _write(result_folder(folder), f"{table}.parquet", _sorted(table, rows))


def _sorted(table: str, rows: pa.Table) -> pa.Table:
    # Arrow's sort is stable: rows equal in all keys keep the order in which they were appended.
    order = pc.sort_indices(rows, sort_keys=[(key, "ascending") for key in TABLES[table].order])
    return rows.take(order)


def _write(folder: ResultFolder, name: str, rows: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink)
    folder.write(name, sink.getvalue().to_pybytes(), rows=rows.num_rows)

"""Tables of users: CSV files, read strictly, and numbers out of columns of any kind. The one reader of the project.

A spreadsheet saves `0,25` where `0.25` was meant, a second header of the same name, UTF-16, or a comment: what is not
read as it was meant is refused, with file, line, column and value. Nothing is padded, cut or guessed.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mosaik_p2p.errors import BadInput, Fault, shown
from mosaik_p2p.files import FILE, FILE_LIMIT_BYTES, TABLE_REMEDY, read_text, refused, shown_path
from mosaik_p2p.units import BoolArray, FloatArray, IntArray

CELL_LIMIT = 25_000_000
COLUMN_LIMIT = 10_000
LINE_LIMIT = 1_000_000
"""Signs of one line."""
TOLD_LINES = 10
"""Lines with a wrong number of values that are told one by one."""
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
DECIMAL_REMEDY = "Write decimals with a point, such as 0.25, and no separators of thousands"
_ROWS_AT_ONCE = 20_000
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+", re.ASCII)


@dataclass(frozen=True)
class TextTable:
    """A CSV file as it stands: cells as texts without spaces around them, and the line of the file of each row."""

    name: str
    frame: pd.DataFrame
    lines: IntArray
    """(rows,) numbers of lines, the header's being 1."""


def read_csv_table(path: Path) -> TextTable:
    """The file's rows but those that are empty. Raises BadInput with places such as `loads.csv, line 3`.

    Commas separate, or semicolons or tabs throughout; a quoted cell ends on its line; gzip is unpacked. A pipe is read
    once.
    """
    lines = _Lines(path.name, read_text(path))
    header = _header(path.name, lines)
    reader = csv.reader(lines, delimiter=lines.separator, strict=True, skipinitialspace=True)
    parts, numbers, faults = [], [], _Ragged(path.name, header, lines.separator)
    rows = _rows(reader, lines, faults)
    while block := list(islice(rows, _ROWS_AT_ONCE)):
        numbers += [number for number, _ in block]
        columns = zip(*(cells for _, cells in block), strict=True)
        arrays = [pc.utf8_trim_whitespace(pa.array(column, pa.string())) for column in columns]
        parts.append(pa.table(arrays, names=header))
        if len(numbers) * len(header) > CELL_LIMIT:
            raise refused(path, f"has more than {CELL_LIMIT:,} cells", "Give a smaller file")
    faults.raise_any()
    table = pa.concat_tables(parts) if parts else pa.table([pa.array([], pa.string())] * len(header), names=header)
    found = TextTable(path.name, table.to_pandas(types_mapper=pd.ArrowDtype), np.array(numbers, dtype=np.int64))
    if lines.separator != ",":
        _refuse_thousands(found)
    return found


def read_parquet_table(path: Path) -> pd.DataFrame:
    """The columns of a Parquet file, an index among them. Its size is looked at before it is read. Raises BadInput."""
    try:
        with pq.ParquetFile(path) as file:
            about = file.metadata
            faults = _parquet_faults(path, about)
        if faults:
            raise BadInput(faults)
        texts = [field.name for field in about.schema.to_arrow_schema() if _is_text(field.type)]
        table = pq.read_table(path, partitioning=None, read_dictionary=texts)
        frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    except (OSError, ValueError, LookupError, TypeError, MemoryError, pa.ArrowException) as error:
        raise refused(path, f"cannot be read: {error}", "Give a Parquet file of numbers") from error
    return frame


def _is_text(kind: pa.DataType) -> bool:
    return any(is_such(kind) for is_such in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary))


def _parquet_faults(path: Path, about: pq.FileMetaData) -> list[Fault]:
    fields = list(about.schema.to_arrow_schema())
    doubles = twice([field.name for field in fields])
    faults = [double_fault(f"{path.name}, columns", doubles)] if doubles else []
    for field in fields:
        if pa.types.is_nested(field.type):
            place = f"{path.name}, column {shown(field.name)}"
            faults.append(Fault(place, str(field.type), "a cell holds more than one value", "Give one value in a cell"))
    size = sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))
    if about.num_rows * about.num_columns > CELL_LIMIT or size > FILE_LIMIT_BYTES:
        problem = f"has {about.num_rows:,} rows and {about.num_columns:,} columns, {size >> 20} MiB"
        remedy = f"Give at most {CELL_LIMIT:,} cells and {FILE_LIMIT_BYTES >> 20} MiB"
        faults.append(Fault(FILE, shown_path(path.name), problem, remedy))
    return faults


def numbers_of(column: "pd.Series[str]") -> tuple[FloatArray, BoolArray]:
    """Numbers of a column of texts or numbers, and where a cell holds none: both (rows,); NaN where there is none.

    True is no number, nor is a date; infinity is one, and the caller refuses it.
    """
    if isinstance(column.dtype, pd.ArrowDtype) and pa.types.is_string(column.dtype.pyarrow_dtype):
        return _numbers_of_texts(column)
    plain = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if plain and not pd.api.types.is_complex_dtype(column):
        values: FloatArray = column.to_numpy(dtype=float, na_value=np.nan)
    else:
        values = np.array([_number_of(cell) for cell in column.tolist()], dtype=float)
    return values, np.isnan(values)


def number_remedy(cell: object) -> str:
    """What to write in place of a cell that is no number."""
    text = str(cell).strip()
    if "," in text and _NUMBER.fullmatch(text.replace(",", "").replace(".", "") or "-"):
        return f"{text!r} has a comma in it. {DECIMAL_REMEDY}"
    return "Write a finite number with a decimal point, such as 0.25"


def twice(names: Iterable[object]) -> list[str]:
    """Names that stand more than once, each once."""
    texts = [str(name).strip() for name in names]
    return sorted({text for text in texts if texts.count(text) > 1}) if len(texts) != len(set(texts)) else []


def double_fault(place: str, names: Sequence[str]) -> Fault:
    """The fault of columns that share a name: nobody can say which one is meant."""
    return Fault(place, ", ".join(names), "stands more than once", "Give each column a name of its own")


def within(key: str, bad: BadInput) -> BadInput:
    """The faults of a file as those of the scenario's key that names it."""
    return BadInput(
        replace(fault, place=key if fault.place == FILE else f"{key} ({fault.place})") for fault in bad.faults
    )


class _Lines:
    """The lines of a text for the reader of CSV, counted, none of them too long."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._stream = io.StringIO(text, newline=None)
        self.number = 0
        self.last = ""
        self.separator = ","

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(LINE_LIMIT + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > LINE_LIMIT:
            place = f"{self._name}, line {self.number}"
            raise BadInput([Fault(place, line[:40], f"has more than {LINE_LIMIT:,} signs", TABLE_REMEDY)])
        self.last = line
        return line


class _Ragged:
    """Lines that have more or fewer values than the header."""

    def __init__(self, name: str, header: Sequence[str], separator: str) -> None:
        self._name = name
        self._separator = separator
        self.columns = len(header)
        self._faults: list[Fault] = []
        self._more = 0

    def tell(self, number: int, line: str, count: int) -> None:
        """Note a line of another number of values; beyond the first few they are only counted."""
        if len(self._faults) == TOLD_LINES:
            self._more += 1
            return
        problem = f"has {count} value{'' if count == 1 else 's'}, and the header {self.columns}"
        remedy = "Give every line the header's number of values; a comment is none"
        if count > self.columns and self._separator == ",":
            remedy += ". " + DECIMAL_REMEDY
        self._faults.append(Fault(f"{self._name}, line {number}", _cut(line), problem, remedy))

    def broken(self, number: int, line: str, problem: str) -> None:
        """A line after which nothing can be read."""
        remedy = "Close every quote on its line, and let nothing but a separator follow it"
        self._faults.append(Fault(f"{self._name}, line {number}", _cut(line), problem, remedy))

    def raise_any(self) -> None:
        if self._more:
            problem = "have another number of values than the header"
            self._faults.append(Fault(self._name, f"{self._more} lines more", problem, "Mend them in the same way"))
        if self._faults:
            raise BadInput(self._faults)


def _header(name: str, lines: _Lines) -> list[str]:
    """The names of the columns; sets the separator of the lines."""
    first = next(lines, "")
    place = f"{name}, header"
    if not first.strip():
        problem = "begins with an empty line" if any(line.strip() for line in lines) else "is empty"
        raise BadInput([Fault(FILE, name, problem, TABLE_REMEDY)])
    outside = re.sub(r'"[^"]*"', "", first)
    used = [separator for separator in SEPARATORS if separator in outside]
    if len(used) > 1:
        which = " and ".join(SEPARATORS[separator] for separator in used)
        raise BadInput([Fault(place, _cut(first), f"is separated by {which}", "Use one separator throughout: commas")])
    lines.separator = used[0] if used else ","
    try:
        rows = list(csv.reader([first], delimiter=lines.separator, strict=True, skipinitialspace=True))
    except csv.Error as error:
        remedy = "Close every quote on its line"
        raise BadInput([Fault(place, _cut(first), f"cannot be read: {error}", remedy)]) from error
    header = [cell.strip() for cell in rows[0]]
    faults = _header_faults(place, first, header)
    if faults:
        raise BadInput(faults)
    return header


def _header_faults(place: str, first: str, header: list[str]) -> list[Fault]:
    faults = []
    if first.lstrip().startswith("#"):
        faults.append(Fault(place, _cut(first), "is a comment", "Begin with the names of the columns"))
    elif not all(header):
        position = header.index("") + 1
        remedy = "Name every column, and end no line with a separator"
        faults.append(Fault(place, _cut(first), f"has no name for column {position}", remedy))
    if len(header) > COLUMN_LIMIT:
        faults.append(Fault(place, _cut(first), f"has more than {COLUMN_LIMIT:,} columns", TABLE_REMEDY))
    elif doubles := [name for name in twice(header) if name]:
        faults.append(double_fault(place, doubles))
    return faults


def _rows(reader: Iterator[list[str]], lines: _Lines, faults: _Ragged) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every row that is not empty and has the header's number of values."""
    while True:
        begin = lines.number + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            faults.broken(begin, lines.last, f"is no row of a table ({error})")
            return
        if lines.number > begin:
            faults.broken(begin, row[0] if row else "", "has a quote that is not closed on its line")
            return
        if len(row) in (0, 1, faults.columns) and not any(cell and not cell.isspace() for cell in row):
            continue
        if len(row) == faults.columns:
            yield begin, row
        else:
            faults.tell(begin, lines.last, len(row))


def _refuse_thousands(table: TextTable) -> None:
    """Where semicolons separate, 1.234 may be the thousands of a spreadsheet: refuse a column that has only such."""
    faults = []
    for name in table.frame.columns:
        dotted = [cell for cell in table.frame[name].tolist() if "." in cell and _NUMBER.fullmatch(cell)]
        if dotted and all(_THOUSANDS.fullmatch(cell) for cell in dotted):
            problem = "may have points between thousands, or before decimals"
            remedy = "Separate the columns by commas, or write 1234 or 1.2340"
            faults.append(Fault(f"{table.name}, column {name}", _cut(dotted[0]), problem, remedy))
    if faults:
        raise BadInput(faults)


def _numbers_of_texts(column: "pd.Series[str]") -> tuple[FloatArray, BoolArray]:
    texts = pc.utf8_trim_whitespace(pa.chunked_array([pa.array(column.array)]))
    try:
        numbers = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:  # some cell is no number, and it does not say which
        plain = pc.match_substring_regex(texts, rf"^(?:{_NUMBER.pattern})$".replace(r"\d", "[0-9]"))
        numbers = pc.cast(pc.if_else(plain, texts, None), pa.float64())
    values: FloatArray = numbers.to_numpy().astype(float)
    return values, np.isnan(values)


def _number_of(cell: object) -> float:
    """The number that a cell of a data frame holds, NaN where it holds none."""
    if isinstance(cell, str):
        return float(cell) if _NUMBER.fullmatch(cell.strip()) else np.nan
    if isinstance(cell, bool | np.bool_ | complex) or not hasattr(cell, "__float__"):
        return np.nan
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        return np.nan


def _cut(line: str) -> str:
    text = line.strip()
    return text if len(text) <= 60 else text[:57] + "..."

"""Tables of a network file: JSON in a text, as pandas writes it, with every cell looked at before pandas reads it.

pandas turns 3.5 into 3 without a word where a column is declared as integers, and "no" into True where it holds truth
values; so each cell has to fit the declared type of its column.
"""

import io
import json
import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geojson
import numpy as np
import pandas as pd

from mosaik_p2p.errors import Fault, shown
from mosaik_p2p.networks.files.numbers import some
from mosaik_p2p.networks.files.shapes import PLAIN_SHAPES, At, Class, Decoder, Shape, Stored, own_keys
from mosaik_p2p.networks.files.strict import LARGEST_INTEGER, Unusable, parsed

_INTEGERS = {np.dtype(f"{sign}int{bits}").name for sign in ("", "u") for bits in (8, 16, 32, 64)}
_NULLABLE_INTEGERS = {name.replace("i", "I", 1).replace("uI", "UI") for name in _INTEGERS}
_FLOATS = {"float16", "float32", "float64", "Float32", "Float64"}
_TEXTS = {"object", "str", "string", "string[python]", "string[pyarrow]", "category"}
_TIMES = {"datetime64[ns]", "datetime64[ns, UTC]", "timedelta64[ns]"}
DTYPES = frozenset(_INTEGERS | _NULLABLE_INTEGERS | _FLOATS | _TEXTS | _TIMES | {"bool", "boolean"})
"""Types that a column may be declared as."""

GEOMETRIES = frozenset(
    {"Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection"}
)
GEO = "geo"
_WORDS = {"name", "type", "zone", "std_type"}
"""The columns of texts that the libraries look through while they still convert a net to their present version."""

_FRAME_KEYS = frozenset(
    {"orient", "dtype", "is_multiindex", "is_multicolumn", "index_name", "index_names", "column_name", "column_names"}
)
_SERIES_KEYS = frozenset({"orient", "dtype", "is_multiindex", "index_name", "index_names", "typ"})


@dataclass(frozen=True)
class _Grid:
    """A table as lists."""

    columns: list[Any]
    index: list[Any]
    rows: list[list[Any]]


def data_frame(decoder: Decoder, raw: Mapping[str, Any], at: At) -> pd.DataFrame:
    """The table that pandas would read, if every cell fits."""
    own_keys(raw, at, _FRAME_KEYS)
    _one_level(raw, at)
    orient, content = raw.get("orient", "columns"), raw["_object"]
    grid = _grid(_json(content, at), orient, at)
    dtypes = _dtypes(raw.get("dtype", {}), at)
    decoded = dict(_decoded(decoder, grid, at))
    for label, values in decoded.items():
        _check_column(decoder, at, label, list(zip(grid.index, values, strict=True)), dtypes.get(label))
    kinds: Any = dtypes or None
    try:
        frame = pd.read_json(io.StringIO(content), precise_float=True, convert_axes=False, orient=orient, dtype=kinds)
    except (ValueError, OverflowError) as error:
        # Its reader takes no number beyond 1.8e308, none below 2.3e-308 but for 0, and no infinite whole one.
        raise Unusable(f"has numbers at {shown(at.name)} that cannot be read: {error}", "Write null or 0") from None
    if frame.empty or orient == "columns":
        frame = _with_whole_index(frame)
    frame.index.name = _label(raw.get("index_name"), at)
    frame.columns.name = _label(raw.get("column_name"), at)
    return _with_objects(frame, decoded)


def series(decoder: Decoder, raw: Mapping[str, Any], at: At) -> "pd.Series[Any]":
    """A single column."""
    own_keys(raw, at, _SERIES_KEYS)
    _one_level(raw, at)
    body = _json(raw["_object"], at)
    dtype = raw.get("dtype", "object")
    labels, values = (body.get("index"), body.get("data")) if isinstance(body, dict) else (None, None)
    if not isinstance(labels, list) or not isinstance(values, list) or len(labels) != len(values):
        raise Unusable(f"has a series at {shown(at.name)} without its index and data", "Remove it")
    _dtypes({"": dtype}, at)
    cells = [decoder.value(value, at.inner("")) for value in values]
    _check_column(decoder, at, str(body.get("name")), list(zip(labels, cells, strict=True)), dtype)
    result = pd.Series(cells, index=pd.Index(_labels(labels, at)), dtype=object, name=_label(body.get("name"), at))
    result.index.name = _label(raw.get("index_name"), at)
    return result if decoder.faults else result.astype(dtype)


TABLE_SHAPES: Mapping[Class, Shape] = {
    **PLAIN_SHAPES,
    ("pandas.core.frame", "DataFrame"): data_frame,
    ("pandas.core.series", "Series"): series,
}


def column_faults(place: str, column: Hashable, cells: Sequence[tuple[Any, Any]], dtype: str | None) -> Iterable[Fault]:
    """Cells, as pairs of row label and value, that do not fit the declared type; one fault at most."""
    fits, wanted = _TESTS.get(dtype or "", (_is_single, "text") if column in _WORDS else (None, ""))
    wrong = [] if fits is None else [(label, cell) for label, cell in cells if not fits(cell)]
    if wrong:
        named = some([f"{shown(cell)} (index {label})" for label, cell in wrong])
        yield Fault(place, named, f"{column} is declared as {dtype} and holds what is no {wanted}", f"Write a {wanted}")


def check_geometry(value: Any) -> None:
    """Raises Unusable where a cell of a geo column, an object or a text of JSON, is no GeoJSON geometry."""
    for _ in range(2):
        if isinstance(value, str):
            value = parsed(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return
    if not isinstance(value, dict) or value.get("type") not in GEOMETRIES or not _only_numbers(value):
        raise Unusable(f"has a geometry that is none of GeoJSON: {shown(value)}", "Remove it, or write a GeoJSON point")


def _only_numbers(geometry: Mapping[str, Any]) -> bool:
    inner = geometry.get("geometries", [])
    if not isinstance(inner, list) or not geometry.keys() <= {"type", "coordinates", "bbox", "geometries"}:
        return False
    nested = all(isinstance(g, dict) and g.get("type") in GEOMETRIES and _only_numbers(g) for g in inner)
    return nested and _numeric([geometry.get("coordinates", []), geometry.get("bbox", [])])


def _numeric(value: Any) -> bool:
    if isinstance(value, list):
        return all(_numeric(item) for item in value)
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _one_level(raw: Mapping[str, Any], at: At) -> None:
    if raw.get("is_multiindex") or raw.get("is_multicolumn"):
        raise Unusable(f"has a table {shown(at.name)} with labels of several levels", "Leave the table out")


def _json(content: Any, at: At) -> Any:
    if not isinstance(content, str):
        raise Unusable(f"has a table {shown(at.name)} whose content is no text of JSON", "Write it with to_json")
    try:
        return parsed(content)
    except Unusable as error:
        problem = f"would have classes called on loading whose content is unreadable: the table {shown(at.name)}"
        raise Unusable(f"{problem} {error.problem}", error.remedy) from error


def _grid(body: Any, orient: Any, at: At) -> _Grid:
    if not isinstance(body, dict) or orient not in ("split", "columns"):
        raise Unusable(f"has a table {shown(at.name)} that is written in no known way", "Write it with to_json")
    if orient == "columns":
        return _by_columns(body, at)
    columns, index, rows = (body.get(key) for key in ("columns", "index", "data"))
    if (
        not isinstance(columns, list)
        or not isinstance(index, list)
        or not isinstance(rows, list)
        or body.keys() != {"columns", "index", "data"}
        or len(index) != len(rows)
        or any(not isinstance(row, list) or len(row) != len(columns) for row in rows)
    ):
        raise Unusable(f"has a table {shown(at.name)} whose rows are not as long as its columns", "Mend the table")
    if len(set(map(str, columns))) < len(columns):
        double = next(label for label in columns if columns.count(label) > 1)
        raise Unusable(f"has the column {shown(double)} twice in the table {shown(at.name)}", "Keep one of the two")
    return _Grid(_labels(columns, at), _labels(index, at), rows)


def _by_columns(body: Mapping[str, Any], at: At) -> _Grid:
    columns = list(body)
    if any(not isinstance(column, dict) for column in body.values()):
        raise Unusable(f"has a table {shown(at.name)} that is written in no known way", "Write it with to_json")
    index = list(dict.fromkeys(label for column in body.values() for label in column))
    return _Grid(columns, index, [[body[column].get(label) for column in columns] for label in index])


def _labels(labels: list[Any], at: At) -> list[Any]:
    for label in labels:
        sound = label is None or isinstance(label, str | bool | float)
        if not sound and not (isinstance(label, int) and abs(label) <= LARGEST_INTEGER):
            raise Unusable(f"has a label in the table {shown(at.name)} that is none: {shown(label)}", "Use numbers")
    return labels


def _label(label: Any, at: At) -> Any:
    return None if label is None else _labels([label], at)[0]


def _dtypes(declared: Any, at: At) -> dict[str, str]:
    if not isinstance(declared, dict):
        raise Unusable(f"has a table {shown(at.name)} without the types of its columns", "Write it with to_json")
    for column, dtype in declared.items():
        if not isinstance(dtype, str) or dtype not in DTYPES:
            problem = f"declares the column {shown(column)} of the table {shown(at.name)} as {shown(dtype)}"
            raise Unusable(f"{problem}, which is no type of network data", "Use numbers, truth values or texts")
    return declared


def _decoded(decoder: Decoder, grid: _Grid, at: At) -> Iterable[tuple[Any, list[Any]]]:
    for position, label in enumerate(grid.columns):
        if isinstance(label, str):
            decoder.text(label, at)
        if label == GEO:
            yield label, [_geometry(row[position], at) for row in grid.rows]
        else:
            yield label, [decoder.value(row[position], at.inner("")) for row in grid.rows]


def _geometry(raw: Any, at: At) -> Any:
    if isinstance(raw, str) and not raw.lstrip().startswith(("{", '"')):
        raise Unusable(f"has a geometry at {shown(at.name)} that is none of GeoJSON: {shown(raw)}", "Remove it")
    check_geometry(raw)
    return geojson.loads(json.dumps(raw)) if isinstance(raw, dict) else raw


def _check_column(
    decoder: Decoder, at: At, column: Hashable, cells: Sequence[tuple[Any, Any]], dtype: str | None
) -> None:
    decoder.faults.extend(column_faults(f"{decoder.path}, table {at.name}", column, cells, dtype))


def _with_whole_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Labels written as keys are texts; those of elements are whole numbers."""
    try:
        return frame.set_index(frame.index.astype(np.int64))
    except (ValueError, TypeError):
        return frame


def _with_objects(frame: pd.DataFrame, decoded: Mapping[Any, list[Any]]) -> pd.DataFrame:
    """Columns of objects hold what was decoded here, and None for what is absent."""
    for position, (label, dtype) in enumerate(zip(frame.columns, frame.dtypes, strict=True)):
        if not pd.api.types.is_object_dtype(dtype):
            continue
        values = frame.iloc[:, position].to_numpy(dtype=object, copy=True)
        for row, value in enumerate(decoded.get(label, ())):
            if isinstance(value, list | dict | tuple | set | frozenset | np.ndarray | np.generic | Stored):
                values[row] = value
        absent = np.array([value is None or value is pd.NaT or value != value for value in map(_scalar, values)])
        if absent.any():
            values[absent] = None
        frame[label] = pd.Series(values, index=frame.index, dtype=object)
    return frame


def _scalar(value: Any) -> Any:
    return True if isinstance(value, list | dict | tuple | set | frozenset | np.ndarray) else value


def _is_number(cell: Any) -> bool:
    return cell is None or (isinstance(cell, int | float | np.number) and not isinstance(cell, bool | np.bool_))


def _whole_within(dtype: str, *, nullable: bool) -> Callable[[Any], bool]:
    limits = np.iinfo(dtype.lower())

    def fits(cell: Any) -> bool:
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return nullable
        return _is_number(cell) and float(cell).is_integer() and limits.min <= int(cell) <= limits.max

    return fits


def _is_single(cell: Any) -> bool:
    return not isinstance(cell, list | dict | tuple | set | frozenset | np.ndarray)


def _is_flag(cell: Any) -> bool:
    return isinstance(cell, bool | np.bool_) or (_is_number(cell) and cell in (0, 1))


_TESTS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **{name: (_whole_within(name, nullable=False), f"whole number of {name}") for name in _INTEGERS},
    **{name: (_whole_within(name, nullable=True), f"whole number of {name}") for name in _NULLABLE_INTEGERS},
    **dict.fromkeys(_FLOATS, (_is_number, "number")),
    "bool": (_is_flag, "truth value"),
    "boolean": (lambda cell: cell is None or _is_flag(cell), "truth value"),
}

"""Whether the tables of a result folder are what their own metadata say: pyarrow alone, nothing of ours is imported."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SEVERAL_ROWS_ABOUT_THE_SAME = ("settlement",)


def faults(folder: Path) -> list[str]:
    """In words, of all tables."""
    return [fault for path in sorted(folder.glob("*.parquet")) for fault in _faults(path.stem, pq.read_table(path))]


def _faults(name: str, rows: pa.Table) -> Iterator[str]:
    if not (rows.schema.metadata or {}).get(b"meaning"):
        yield f"{name} has no meaning"
    for field in rows.schema:
        yield from (f"{name}.{field.name} {fault}" for fault in _faults_of_column(field, rows[field.name]))
    keys = [field.name for field in rows.schema if b"key" in field.metadata]
    if name not in SEVERAL_ROWS_ABOUT_THE_SAME and rows.group_by(keys).aggregate([]).num_rows != rows.num_rows:
        yield f"{name}: {keys} do not tell the rows apart"


def _faults_of_column(field: pa.Field, values: pa.ChunkedArray) -> Iterator[str]:
    said = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    is_number = pa.types.is_floating(field.type) or pa.types.is_integer(field.type)
    if not said.get("meaning"):
        yield "has no meaning"
    if is_number != bool(said.get("unit")):
        yield "lacks its unit, or has one and is no number"
    if field.nullable != bool(said.get("null")):
        yield "does not say what null means, or does and is never null"
    if values.null_count and not said.get("null"):
        yield "is null"
    if said.get("sign") == "≥ 0" and pc.any(pc.less(values, 0)).as_py():
        yield f"is negative: {pc.min(values)}"

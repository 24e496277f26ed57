"""Whether the files of a result folder are still as its run has written them, by the folder's mark."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mosaik_p2p.results.store.folder import (
    ERROR_FILE,
    REPORT_FILE,
    TABLE_NAMES,
    is_part,
    parts_folder,
    table_path,
)
from mosaik_p2p.results.store.mark import MARK_FILE, Mark, checksum, read_mark
from mosaik_p2p.results.tables.schema import TABLES

NOT_READ = (REPORT_FILE, ERROR_FILE)
"""Files that no result is computed from."""
MISSING = "is missing: it was removed after the run had written it"
CHANGED = "has been changed since the run wrote it"
FOREIGN = "was not written by the run"


@dataclass(frozen=True)
class Damage:
    """A file that is not as it was written."""

    path: Path
    table: str | None
    """The table that it belongs to."""
    problem: str

    def __str__(self) -> str:
        what = str(self.path) if self.table is None else f"table {self.table} ({self.path})"
        return f"{what} {self.problem}"


def damages(folder: Path) -> list[Damage]:
    """Every file that is missing or was changed or added; none in a folder without a mark, where nobody can know."""
    mark = read_mark(folder)
    if mark is None:
        return []
    of_mark = [Damage(folder / MARK_FILE, None, "holds lines that no run has written")] if mark.is_damaged else []
    of_tables = [damage for table in TABLES for damage in _of_table(folder, table, mark)]
    return [*of_mark, *of_tables, *_of_others(folder, mark)]


def _of_table(folder: Path, table: str, mark: Mark) -> Iterator[Damage]:
    path, parts = table_path(folder, table), parts_folder(folder, table)
    prefix = f"{path.name}/"
    if parts is None and path.is_file():
        yield from _of_file(path, path.name, mark, table)
        return
    named = [name for name in mark.written if name.startswith(prefix)]
    if parts is None:
        if named or path.name in mark.written:
            yield Damage(path, table, MISSING)
        return
    for name in named:
        yield from _of_file(parts / name.removeprefix(prefix), name, mark, table)
    for inner in sorted(parts.iterdir()):
        if is_part(inner) and f"{prefix}{inner.name}" not in mark.written:
            yield Damage(inner, table, FOREIGN)


def _of_file(path: Path, name: str, mark: Mark, table: str | None) -> Iterator[Damage]:
    if name not in mark.written:
        yield Damage(path, table, FOREIGN)
        return
    # A run that was killed between two steps may have left a file as it was before, or none, and the new one beside it.
    was_under_way = mark.hidden(path).exists()
    if not path.is_file():
        if not was_under_way:
            yield Damage(path, table, MISSING)
        return
    accepted = mark.checksums[name] if was_under_way else {mark.written[name].sha256}
    if checksum(path.read_bytes()) not in accepted:
        yield Damage(path, table, CHANGED)


def _of_others(folder: Path, mark: Mark) -> Iterator[Damage]:
    for name in mark.written:
        if "/" not in name and name not in TABLE_NAMES and name not in NOT_READ:
            # The tables of result quantities are the only other ones.
            table = name.removesuffix(".parquet") if name.endswith(".parquet") else None
            yield from _of_file(folder / name, name, mark, table)

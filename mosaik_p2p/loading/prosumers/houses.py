"""Many prosumers from one CSV file.

Its columns and what they mean: `mosaik_p2p.scenario.parts.houses.COLUMNS`, and `DEVICE.KEY` for what a house has
otherwise than its template; only `name` is needed. Where no scale or shift stands, a house has its profile as it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mosaik_p2p.errors import Fault
from mosaik_p2p.loading.prosumers.beside import nearest, table_beside
from mosaik_p2p.scenario.own_devices import addressed, device_names
from mosaik_p2p.scenario.parts.houses import COLUMNS, drawn
from mosaik_p2p.scenario.placed_tables import PlacedList, PlacedTable, joined
from mosaik_p2p.sections.names import did_you_mean, is_index

KEY = "prosumers_file"
RANDOM = "random"


@dataclass(frozen=True)
class Houses:
    """The scenario with its houses, and what they say of their devices themselves."""

    tree: PlacedTable
    own_devices: Mapping[int, PlacedTable]
    """By the position among all prosumers: the filled cells of the columns `DEVICE.KEY`."""
    faults: tuple[Fault, ...]


def with_houses(tree: PlacedTable, folder: Path) -> Houses:
    """The scenario with the houses of its `prosumers_file` after its own prosumers; templates are not worked in yet."""
    name = tree.get(KEY)
    if not isinstance(name, str) or not name:
        return Houses(tree, {}, ())
    rows, faults = _rows(folder / name, device_names(tree.get("templates")))
    own = tree.get("prosumers", PlacedList([], place="prosumers", places=[]))
    if not isinstance(own, PlacedList):
        return Houses(tree, {}, faults)
    lines = [f"{Path(name).name}:{line}" for line, _ in rows]
    houses = [_house(row, place, _seed(tree), _step_minutes(tree)) for place, (_, row) in zip(lines, rows, strict=True)]
    places = [*own.places, *(house.place for house in houses)]
    both = PlacedList([*own, *houses], place="prosumers", places=places)
    cells = (_own_cells(row, place) for place, (_, row) in zip(lines, rows, strict=True))
    own_devices = {position: found for position, found in enumerate(cells, len(own)) if found}
    whole = PlacedTable({**tree, "prosumers": both}, place=tree.place, places=tree.places)
    return Houses(whole, own_devices, faults)


def _own_cells(row: Mapping[str, str], place: str) -> PlacedTable:
    cells = {column: cell for column, cell in row.items() if column not in COLUMNS}
    return PlacedTable(cells, place=place, places={column: f"{place}.{column}" for column in cells})


def _seed(tree: PlacedTable) -> int:
    seed = tree.get("seed", 1)
    return seed if isinstance(seed, int) and seed >= 0 else 1


def _step_minutes(tree: PlacedTable) -> int:
    time = tree.get("time")
    step = time.get("step_minutes", 60) if isinstance(time, dict) else 60
    return step if isinstance(step, int) and 0 < step <= 60 else 60


def _rows(path: Path, devices: Sequence[str]) -> tuple[list[tuple[int, dict[str, str]]], tuple[Fault, ...]]:
    """Line number and filled cells of each row; a file without the right columns has none."""

    def is_known(column: str) -> bool:
        address = addressed(column)
        return address is not None and address[0] in devices

    def remedy_of(column: str, columns: Sequence[str]) -> str:
        address = addressed(column)
        return nearest(column, columns) if address is None else did_you_mean(address[0], devices, what="devices")

    needed = {"name": "Name every house."}
    table, faults = table_beside(path, KEY, tuple(COLUMNS), needed=needed, remedy_of=remedy_of, is_known=is_known)
    if table is None:
        return [], faults
    faults = tuple(_nested_columns(path.name, [str(column) for column in table.frame.columns]))
    if faults:
        return [], faults
    rows = zip(table.lines, table.frame.to_dict("records"), strict=True)
    return [(int(line), {str(key): cell for key, cell in row.items() if cell}) for line, row in rows], ()


def _nested_columns(file: str, columns: Sequence[str]) -> Iterator[Fault]:
    """Columns for a key and for what is inside it: one of both would be lost."""
    for column in columns:
        inner = next((other for other in columns if other.startswith(f"{column}.")), None)
        if inner is not None:
            problem = f"has the column {column!r} and {inner!r} inside of it"
            yield Fault(KEY, repr(file), problem, "Leave one of them out: each key can be said once.")


def _house(row: Mapping[str, str], place: str, seed: int, step_minutes: int) -> PlacedTable:
    """The prosumer of one row, as the scenario file would have it."""
    entries: dict[str, Any] = {column: _CELLS[column](row[column]) for column in _CELLS if column in row}
    entries |= _drawn(row, seed, step_minutes)
    places = {column: f"{place}.{column}" for column in COLUMNS}
    junction = {key: _place(row[f"junction_{key}"]) for key in ("supply", "return") if f"junction_{key}" in row}
    if junction:
        columns = {key: f"{place}.junction_{key}" for key in ("supply", "return")}
        pair = PlacedTable(junction, place=f"{place}.junction", places=columns)
        entries["junction"] = pair if "return" in junction else junction["supply"]
        places["junction"] = columns["supply"]
    name = row.get("name")
    return PlacedTable(entries, place=joined("prosumers", name) if name else place, places=places)


def _drawn(row: Mapping[str, str], seed: int, step_minutes: int) -> dict[str, float]:
    """Scale and shift where the row asks for random ones. A house without a name, a fault of its own, draws none."""
    if "name" not in row:
        return {}
    draw = drawn(seed=seed, name=row["name"], step_minutes=step_minutes)
    values = {"scale": draw.scale, "shift_minutes": draw.shift_minutes}
    return {column: value for column, value in values.items() if row.get(column) == RANDOM}


def _place(cell: str) -> str | int:
    return int(cell[1:]) if cell.startswith("#") and is_index(cell[1:]) else cell


def _number(kind: Callable[[str], float]) -> Callable[[str], Any]:
    def parse(cell: str) -> Any:
        try:
            return kind(cell)
        except ValueError:
            return cell  # the schema reports it

    return parse


_CELLS: dict[str, Callable[[str], Any]] = {
    "name": str,
    "bus": _place,
    "replaces_load": _place,
    "replaces_generator": _place,
    "replaces_consumer": _place,
    "template": str,
    "scale": _number(float),
    "shift_minutes": _number(int),
}

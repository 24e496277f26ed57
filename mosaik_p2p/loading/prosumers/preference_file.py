"""Preferences of pairs from a CSV file: the columns `carrier`, `i`, `j`, `a` and `b`, one pair a line."""

from pathlib import Path
from typing import Any

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.files import FILE_REMEDY, shown_path, why_not_readable
from mosaik_p2p.scenario.placed_tables import PlacedList, PlacedTable
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.tabular import number_remedy, numbers_of, read_csv_table, within

COLUMNS = ("carrier", "i", "j", "a", "b")
KEY = "preferences_file"
PLACE = f"market.{KEY}"
LISTED = "market.preferences"


def with_preferences(tree: PlacedTable, folder: Path) -> tuple[PlacedTable, tuple[Fault, ...]]:
    """The scenario with the preferences of its `market.preferences_file` after those that it lists itself."""
    market = tree.get("market")
    name = market.get(KEY) if isinstance(market, PlacedTable) else None
    if not isinstance(market, PlacedTable) or not isinstance(name, str) or not name:
        return tree, ()
    found, places, faults = _preferences(folder / name)
    own = market.get("preferences", PlacedList([], place=LISTED, places=[]))
    if faults or not isinstance(own, PlacedList):
        return tree, faults
    both = PlacedList([*own, *found], place=LISTED, places=[*own.places, *places])
    whole = market.without([KEY]).with_entry("preferences", both, place=LISTED)
    return tree.with_entry("market", whole, place=tree.place_of("market")), ()


def _preferences(path: Path) -> tuple[list[PlacedTable], list[str], tuple[Fault, ...]]:
    """The entries of the file with their places, and its faults."""
    why = why_not_readable(path)
    if why is not None:
        return [], [], (Fault(PLACE, shown_path(path.name), why, FILE_REMEDY),)
    try:
        table = read_csv_table(path)
    except BadInput as bad:
        return [], [], within(PLACE, bad).faults
    columns = list(table.frame.columns)
    remedy = f"Give the columns {', '.join(COLUMNS)}."
    faults = [
        Fault(PLACE, repr(path.name), f"has no column {name!r}", remedy) for name in COLUMNS if name not in columns
    ]
    faults += [
        Fault(PLACE, repr(path.name), f"has an unknown column {name!r}", did_you_mean(name, COLUMNS, what="columns"))
        for name in columns
        if name not in COLUMNS
    ]
    if faults:
        return [], [], tuple(faults)
    places = [f"{path.name}:{line}" for line in table.lines.tolist()]
    numbers = {name: numbers_of(table.frame[name]) for name in ("a", "b")}
    faults = [
        Fault(f"{place}.{name}", repr(cell), "is no number", f"{number_remedy(cell)}.")
        for name, (_, lacks) in numbers.items()
        for place, cell, is_none in zip(places, table.frame[name].tolist(), lacks.tolist(), strict=True)
        if is_none
    ]
    if faults:
        return [], [], tuple(faults)
    texts = zip(*(table.frame[name].tolist() for name in ("carrier", "i", "j")), strict=True)
    values = zip(*(numbers[name][0].tolist() for name in ("a", "b")), strict=True)
    rows = zip(places, texts, values, strict=True)
    return [_entry(place, *named, *factors) for place, named, factors in rows], places, ()


def _entry(place: str, carrier: str, i: str, j: str, a: float, b: float) -> PlacedTable:
    pair = PlacedList([i, j], place=place, places=[f"{place}.i", f"{place}.j"])
    entries: dict[str, Any] = {"carrier": carrier, "pair": pair, "a": a, "b": b}
    return PlacedTable(entries, place=place, places={key: f"{place}.{key}" for key in entries})

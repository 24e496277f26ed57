"""Who may trade with whom, from a CSV file: the columns `i` and `j`, one pair a line, in either order."""

from pathlib import Path

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.files import FILE_REMEDY, shown_path, why_not_readable
from mosaik_p2p.scenario.placed_tables import PlacedList, PlacedTable
from mosaik_p2p.sections.names import did_you_mean
from mosaik_p2p.tabular import read_csv_table, within

COLUMNS = ("i", "j")
KEY = "partners_file"
PLACE = f"market.{KEY}"


def with_partners(tree: PlacedTable, folder: Path) -> tuple[PlacedTable, tuple[Fault, ...]]:
    """The scenario with the pairs of its `market.partners_file` after those that it lists itself."""
    market = tree.get("market")
    name = market.get(KEY) if isinstance(market, PlacedTable) else None
    if not isinstance(market, PlacedTable) or not isinstance(name, str) or not name:
        return tree, ()
    pairs, places, faults = _pairs(folder / name)
    own = market.get("partners", PlacedList([], place="market.partners", places=[]))
    if faults or not isinstance(own, PlacedList):
        return tree, faults
    both = PlacedList([*own, *pairs], place="market.partners", places=[*own.places, *places])
    whole = market.without([KEY]).with_entry("partners", both, place="market.partners")
    return tree.with_entry("market", whole, place=tree.place_of("market")), ()


def _pairs(path: Path) -> tuple[list[PlacedList], list[str], tuple[Fault, ...]]:
    """The pairs of the file with their places, and its faults."""
    why = why_not_readable(path)
    if why is not None:
        return [], [], (Fault(PLACE, shown_path(path.name), why, FILE_REMEDY),)
    try:
        table = read_csv_table(path)
    except BadInput as bad:
        return [], [], within(PLACE, bad).faults
    columns = list(table.frame.columns)
    faults = [
        Fault(PLACE, repr(path.name), f"has no column {column!r}", "Name the two ends of each pair, as i and j.")
        for column in COLUMNS
        if column not in columns
    ]
    faults += [_unknown(path, column) for column in columns if column not in COLUMNS]
    if faults:
        return [], [], tuple(faults)
    places = [f"{path.name}:{line}" for line in table.lines.tolist()]
    rows = zip(places, table.frame["i"].tolist(), table.frame["j"].tolist(), strict=True)
    pairs = [PlacedList([i, j], place=place, places=[f"{place}.i", f"{place}.j"]) for place, i, j in rows]
    return pairs, places, ()


def _unknown(path: Path, column: str) -> Fault:
    remedy = did_you_mean(column, COLUMNS, what="columns")
    if column in ("charge_i", "charge_j"):
        remedy = "Charges of a scenario stand in [charges]: leave the column out."
    return Fault(PLACE, repr(path.name), f"has an unknown column {column!r}", remedy)

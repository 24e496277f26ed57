"""Who may trade with whom, from a CSV file: the columns `i` and `j`, one pair a line, in either order."""

from collections.abc import Sequence
from pathlib import Path

from mosaik_p2p.errors import Fault
from mosaik_p2p.loading.prosumers.beside import nearest, table_beside
from mosaik_p2p.scenario.placed_tables import PlacedList, PlacedTable

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
    needed = dict.fromkeys(COLUMNS, "Name the two ends of each pair, as i and j.")
    table, faults = table_beside(path, PLACE, COLUMNS, needed=needed, remedy_of=_remedy)
    if table is None:
        return [], [], faults
    places = [f"{path.name}:{line}" for line in table.lines.tolist()]
    rows = zip(places, table.frame["i"].tolist(), table.frame["j"].tolist(), strict=True)
    pairs = [PlacedList([i, j], place=place, places=[f"{place}.i", f"{place}.j"]) for place, i, j in rows]
    return pairs, places, ()


def _remedy(column: str, columns: Sequence[str]) -> str:
    """Of an unknown column."""
    is_charge = column in ("charge_i", "charge_j")
    return "Charges of a scenario stand in [charges]: leave the column out." if is_charge else nearest(column, columns)

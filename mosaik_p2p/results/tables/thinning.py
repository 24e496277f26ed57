"""Which intervals of the tables of network elements are kept, where a scenario does not ask for all of them.

These tables are by far the largest ones, and all that the summary takes from them are worst values. So they may be
kept in part: every other table is always whole, and of these the intervals are kept, whatever was asked for, in which a
worst value was worse than in all intervals before. Worst values then follow from what is kept as they would from all.
Table `thinned` counts the rows of every interval before any is left out.
"""

from collections.abc import Collection, Mapping
from itertools import groupby

from mosaik_p2p.units import ELECTRICITY, HEAT

ELEMENT_TABLES = {
    ELECTRICITY: ("buses", "lines", "transformers"),
    HEAT: ("heat_exchanges", "plants", "junctions", "pipes"),
}
"""By network: the tables that may be kept in part."""
NETWORK_OF = {table: network for network, tables in ELEMENT_TABLES.items() for table in tables}
THINNED = "thinned"
"""The table that says what was there."""
ONLY_WORST = 0
"""In place of a number: no intervals but those of worst values."""
ALSO = "Always stored are intervals in which a worst value of the network was worse than ever before."


def thinned_tables(asked: Collection[str] | None, every: int) -> dict[str, int]:
    """By table that is kept in part: of so many intervals one is kept, or `ONLY_WORST`.

    `asked` are the tables that are wanted, None: all; and of these every `every`th interval.
    """
    numbers = {name: every if asked is None or name in asked else ONLY_WORST for name in NETWORK_OF}
    return {name: number for name, number in numbers.items() if number != 1}


def thinned_sentences(thinned: Mapping[str, int], tables: Collection[str] | None = None) -> list[str]:
    """What is kept, in words, of all tables that are kept in part or of those of them that are among `tables`."""
    kept = sorted((number, name) for name, number in thinned.items() if tables is None or name in tables)
    found = []
    for number, group in groupby(kept, key=lambda entry: entry[0]):
        names = ", ".join(name for _, name in group)
        what = f"one interval in {number}" if number else "only the intervals of worst values"
        found.append(f"Stored of {names}: {what}.")
    return [*found, ALSO] if found else []

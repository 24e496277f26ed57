"""Charges out of a user's CSV file, by prosumer or by place: for each pair, or for entering and leaving.

The first column is called `prosumer` or `place` and names the rows. A square table has a column for each of its rows,
and the row of the seller holds what a kWh sold to the column's costs; the other form has the columns `entry` and
`exit`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mosaik_p2p.charges.base import NetworkView
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.files import FILE_REMEDY, shown_path, why_not_readable
from mosaik_p2p.sections.names import did_you_mean, listed
from mosaik_p2p.sections.ranges import MOST_PRICE
from mosaik_p2p.tabular import TextTable, number_remedy, numbers_of, read_csv_table, within
from mosaik_p2p.units import FloatArray, IntArray

KEY = "file"
BY = ("prosumer", "place")
ENDS = ("entry", "exit")
REMEDY = "Name the rows in a first column `prosumer` or `place`, then give a column for each of them, or `entry,exit`."


@dataclass(frozen=True)
class ChargeTable:
    """The file for N prosumers: `values` of R rows, and the row of each prosumer, -1 where it is not connected."""

    names: tuple[str, ...]
    """(R,) of the rows."""
    values: FloatArray
    """(R, R) by seller and buyer, or (R, 2) entry and exit; currency per kWh."""
    is_square: bool
    row: IntArray
    """(N,)"""


def read_charge_table(path: Path, view: NetworkView) -> ChargeTable:
    """The file's charges, laid out for the prosumers. Raises BadInput with every fault of it."""
    why = why_not_readable(path)
    if why is not None:
        raise BadInput([Fault(KEY, shown_path(path.name), why, FILE_REMEDY)])
    try:
        table = read_csv_table(path)
    except BadInput as bad:
        raise within(KEY, bad) from None
    by, columns = str(table.frame.columns[0]), [str(name) for name in table.frame.columns[1:]]
    if by not in BY:
        raise BadInput([Fault(KEY, repr(by), f"is the first column of {table.name}", REMEDY)])
    names = tuple(str(name) for name in table.frame[by].tolist())
    is_square = tuple(columns) != ENDS
    faults = [*_shape_faults(table.name, names, columns), *_name_faults(by, names, view)]
    if faults:
        raise BadInput(faults)
    values = _numbers(table, names, ENDS if not is_square else names)
    return ChargeTable(names, values, is_square, _rows(by, names, view))


def _shape_faults(name: str, names: Sequence[str], columns: Sequence[str]) -> list[Fault]:
    doubles = sorted({row for row in names if names.count(row) > 1})
    if doubles:
        return [Fault(KEY, listed(doubles), f"stands in more than one row of {name}", "Leave one of them.")]
    if tuple(columns) == ENDS:
        return []
    missing, unknown = [n for n in names if n not in columns], [n for n in columns if n not in names]
    faults = [Fault(KEY, listed(missing), f"has a row in {name} and no column", REMEDY)] if missing else []
    return faults + ([Fault(KEY, listed(unknown), f"has a column in {name} and no row", REMEDY)] if unknown else [])


def _name_faults(by: str, names: Sequence[str], view: NetworkView) -> list[Fault]:
    """Rows that nothing in the scenario is called, and prosumers without a row."""
    if by == "prosumer":
        known: Sequence[str] = view.prosumers
        strangers = [name for name in names if name not in known]
        wanted = [name for name, here in zip(view.prosumers, view.is_connected, strict=True) if here]
        missing = [name for name in wanted if name not in names]
    else:
        known = tuple(view.names.values())
        strangers = [name for name in names if view.node(name) is None]
        at = [view.node(name) for name in names]
        doubles = [name for name, node in zip(names, at, strict=True) if node is not None and at.count(node) > 1]
        if doubles:
            return [Fault(KEY, listed(doubles), "are one place (closed switches join them)", "Leave one of them.")]
        missing = [view.graph.node_names[k] for k in sorted({*view.place[view.is_connected].tolist()} - {*at})]
    what = f"no {by} of the {'scenario' if by == 'prosumer' else 'network'}"
    faults = [Fault(KEY, repr(name), f"is {what}", did_you_mean(name, known)) for name in strangers]
    if missing:
        faults.append(Fault(KEY, listed(missing), "has no row", f"Give a row to every {by} that takes part."))
    return faults


def _numbers(table: TextTable, names: Sequence[str], columns: Sequence[str]) -> FloatArray:
    """(R, columns), the columns in the order given; the diagonal may be empty. Raises BadInput."""
    values, faults = np.zeros((len(names), len(columns))), []
    for k, column in enumerate(columns):
        numbers, _ = numbers_of(table.frame[column])
        for row in np.flatnonzero(~(np.abs(numbers) <= MOST_PRICE)).tolist():
            cell = str(table.frame[column].iloc[row])
            if column == names[row] and not cell.strip() and columns is names:
                numbers[row] = 0.0
                continue
            place = f"{KEY} ({table.name}, line {table.lines[row]}, column {column})"
            problem = f"is no charge from -{MOST_PRICE:g} to {MOST_PRICE:g} per kWh"
            faults.append(Fault(place, repr(cell), problem, number_remedy(cell)))
        values[:, k] = numbers
    if faults:
        raise BadInput(faults)
    return values


def _rows(by: str, names: Sequence[str], view: NetworkView) -> IntArray:
    """(N,) the row of each prosumer, -1 where it is not connected."""
    if by == "prosumer":
        at = {name: row for row, name in enumerate(names)}
        rows = [at.get(name, -1) for name in view.prosumers]
    else:
        of_node = {view.node(name): row for row, name in enumerate(names)}
        rows = [of_node.get(node, -1) for node in view.place.tolist()]
    return np.where(view.is_connected, np.array(rows, dtype=np.int64), -1)

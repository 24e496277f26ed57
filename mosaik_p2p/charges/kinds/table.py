"""Charges that somebody else has computed, out of a file."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from mosaik_p2p.charges.base import AppliesTo, ChargeParts, NetworkView, Payer, PlaceChargeMechanism
from mosaik_p2p.charges.chains import cheapest_chains
from mosaik_p2p.charges.charge_table import KEY, ChargeTable, read_charge_table
from mosaik_p2p.charges.directed import NotSplit, split_directed
from mosaik_p2p.charges.mechanisms import star_charges, table_charges
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.sections.base import Name
from mosaik_p2p.units import BoolArray, FloatArray

SAME = 1e-9
"""Part of a charge by which that of the other direction may differ: a file rounds."""


class TableCharge(PlaceChargeMechanism):
    """Charges of pairs out of a CSV file, by prosumer or by place, the same in both directions or not.

    The first column, `prosumer` or `place`, names the rows. Either each row has a column of its name, and its row holds
    what both ends together pay per kWh that it sells to the column's; or the columns are `entry` and `exit`: what a kWh
    pays where it enters and where it leaves the network.
    """

    example: ClassVar[str] = '{ mechanism = "table", file = "charges.csv" }'
    file: Name
    """The CSV file, relative to the scenario; currency per kWh."""
    directed: bool = False
    """Whether a pair may have another charge in the other direction, even a negative one. Differences between
    directions have to be those of a value at each place: they are charged by `applies_to`."""
    closed: bool = False
    """Whether a pair pays no more than the cheapest chain of pairs does, over others that would buy and sell on."""
    applies_to: AppliesTo = "trades"
    """As for `nodal`, for `directed` charges and those of `entry` and `exit`."""
    payer: Payer = "split"
    """Who pays what both directions have in common, as for `uniform`; `both` doubles it."""

    def faults(self, view: NetworkView) -> Iterator[Fault]:
        """What is wrong with the file, or with its charges."""
        try:
            self.parts(view)
        except BadInput as bad:
            yield from bad.faults
        except NotSplit as error:
            remedy = "Mend the table: D(i to j) = K(i, j) + v(i) - v(j), with one K for both directions and one v each."
            yield Fault(KEY, repr(self.file), str(error), remedy)

    def parts(self, view: NetworkView) -> ChargeParts:
        """See ChargeMechanism. Raises BadInput and NotSplit."""
        table = read_charge_table(view.folder / self.file, view)
        if not table.is_square:
            return self._of_ends(table, view)
        if self.directed:
            return self._of_directions(table, view)
        _refuse(table, table.values < 0.0, "is negative: a trade to and fro would earn")
        _refuse(table, ~np.isclose(table.values, table.values.T, rtol=SAME, atol=0.0), "is another one back")
        values = self._closed((table.values + table.values.T) / 2.0, np.ones(table.values.shape, dtype=np.bool_))
        return ChargeParts(pair=table_charges(values, table.row, payer=self.payer))

    def _of_ends(self, table: ChargeTable, view: NetworkView) -> ChargeParts:
        entry, exit_ = np.where(table.row[:, None] >= 0, table.values[table.row], 0.0).T
        _refuse(table, table.values.sum(axis=1, keepdims=True) < 0.0, "and the other end in sum is negative")
        pair = star_charges((entry + exit_) / 2.0, table.row, payer=self.payer)
        return ChargeParts(pair=pair, place=_always((entry - exit_) / 2.0, view))

    def _of_directions(self, table: ChargeTable, view: NetworkView) -> ChargeParts:
        count, connected = len(view.prosumers), np.flatnonzero(table.row >= 0)
        charged, at = np.zeros((count, count)), np.ix_(connected, connected)
        charged[at] = table.values[np.ix_(table.row[connected], table.row[connected])]
        open_ = np.zeros((count, count), dtype=np.bool_)
        open_[at] = True if view.partners is None else view.partners[at]
        split = split_directed(charged, view.prosumers, open_)
        everyone = np.where(table.row >= 0, np.arange(count), -1)
        pair = table_charges(self._closed(split.pair, open_), everyone, payer=self.payer)
        return ChargeParts(pair=pair, place=_always(split.place, view))

    def _closed(self, values: FloatArray, may_trade: BoolArray) -> FloatArray:
        if not self.closed:
            return values
        chain = cheapest_chains(values, may_trade)
        # Two at one place pay what their table says: a chain from a place to itself is none.
        return np.where(np.eye(len(values), dtype=np.bool_), values, np.minimum(values, chain))


def _refuse(table: ChargeTable, wrong: BoolArray, problem: str) -> None:
    if not wrong.any():
        return
    i, j = np.argwhere(wrong)[0].tolist()
    where = f"{table.names[i]} to {table.names[j]}" if table.is_square else f"{table.names[i]}, entry"
    value = f"{table.values[i, j]:g}"
    back = f" ({table.values[j, i]:g} back)" if table.is_square else f" (exit {table.values[i, 1]:g})"
    remedy = "Mend the file." if not table.is_square else "Mend the file, or say directed = true."
    raise BadInput([Fault(f"{KEY} ({where})", value + back, problem, remedy)])


def _always(place: FloatArray, view: NetworkView) -> FloatArray:
    """(T, N) the same in every interval."""
    return np.repeat(place[None, :], len(view.begins), axis=0)

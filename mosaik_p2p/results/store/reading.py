"""A result folder read as a whole: its tables and its scenario's facts."""

import re
from collections.abc import Callable, Collection, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from mosaik_p2p.results.store.facts import Facts, read_facts
from mosaik_p2p.results.store.parts import read_tables
from mosaik_p2p.results.store.quantity_tables import QuantityTable, quantity_tables, read_quantity_table
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.results.tables.thinning import THINNED
from mosaik_p2p.sections.names import is_index

SAYING = frozenset({"clearing", "prosumers", "flows"})
"""Tables by which an interval counts as computed."""
KEPT_WHOLE = frozenset({"inputs", "charges", "clearing"})
Made = TypeVar("Made")


@dataclass(frozen=True)
class Results:
    """The tables by name, each with `time` in UTC, and the facts of the scenario."""

    folder: Path
    facts: Facts
    tables: Mapping[str, pd.DataFrame]
    """Those that every run has, and those of result quantities."""
    quantities: Mapping[str, QuantityTable] = field(default_factory=dict)
    """What the tables of result quantities say of themselves, by their names."""

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self.tables[table]

    def rows_by_time(self, table: str) -> pd.Series:
        """How many rows the table had in each interval in which it had some, those that were not kept among them."""
        if table not in self.facts.thinned:
            counted: pd.Series = self.tables[table]["time"].value_counts()
            return counted
        rows = self.tables[THINNED]
        found: pd.Series = rows[(rows["table"] == table) & (rows["rows"] > 0)].set_index("time")["rows"]
        return found

    @property
    def cleared(self) -> pd.DataFrame:
        """The rows of `clearing` that bind, also of intervals that did not get any further."""
        clearing = self.tables["clearing"]
        return clearing[clearing["binding"].fillna(False).astype(bool)]

    @cached_property
    def binding(self) -> pd.DataFrame:
        """The rows of `clearing` that bind, one per computed interval: one that has a dispatch and its flows."""
        cleared, flows = self.cleared, self.tables["flows"]
        networks = {*self.facts.networks, *flows["network"].unique()}
        needed = [self.tables["prosumers"], *(flows[flows["network"] == network] for network in networks)]
        is_whole = [cleared["time"].isin(table["time"]) for table in needed]
        return cleared[np.logical_and.reduce(is_whole)]

    @property
    def clearings(self) -> pd.DataFrame:
        """The binding rows that are clearings of their own, without those of intervals that follow an earlier one."""
        binding = self.binding
        return binding[binding["since_clearing"].fillna(0) == 0]

    def of_binding_round(self, table: str) -> pd.DataFrame:
        """The rows of a table with rounds that belong to the round that binds."""
        return once(self, ("binding round", table), lambda: self._of_binding_round(table))

    def _of_binding_round(self, table: str) -> pd.DataFrame:
        return self.tables[table].merge(self.binding[["time", "round"]], on=["time", "round"])

    @cached_property
    def made(self) -> dict[object, Any]:
        """What was made of the tables, for `once`."""
        return {}

    def computed(self) -> "Results":
        """The same without what a run that broke off left of other intervals.

        Inputs stay, as those of a look-ahead belong to later intervals, and so do charges, which hold from their time
        on, and the clearing itself.
        """
        times = self.binding["time"]
        tables = {name: table if name in KEPT_WHOLE else _at(times, table) for name, table in self.tables.items()}
        return replace(self, tables=tables)

    def settled(self, case: str) -> pd.DataFrame:
        """The settlement's rows of one case."""
        settlement = self.tables["settlement"]
        return settlement[settlement["case"] == case]

    @property
    def prosumers(self) -> list[str]:
        """The names of the prosumers, in the order of `natural`."""
        return sorted(self.tables["prosumers"]["prosumer"].unique(), key=natural)


def _at(times: pd.Series, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of these times; no copy where there are no others, since tables of a long run are large."""
    is_inside = table["time"].isin(times)
    return table if is_inside.all() else table[is_inside].reset_index(drop=True)


def once(results: Results, key: object, make: Callable[[], Made]) -> Made:
    """What `make` makes of these results, made when it is first asked for by that key; a copy, so that it stays as it
    is."""
    if key not in results.made:
        results.made[key] = make()
    found: Made = copy(results.made[key])
    return found


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key by which `P2` comes before `P10`."""
    return [(int(part), "") if is_index(part) else (-1, part) for part in re.split(r"(\d+)", name)]


def read_results(folder: Path) -> Results:
    """What a result folder holds of the intervals that were computed.

    ValueError where a file in it is damaged; of a table it is a DamagedTable.
    """
    return read_raw(folder).computed()


def read_some(folder: Path, names: Collection[str]) -> Results:
    """The same with these tables of a run, those that say which intervals were computed, and no others."""
    return Results(folder, read_facts(folder), read_tables(folder, sorted({*names, *SAYING}))).computed()


def read_raw(folder: Path) -> Results:
    """The same with what a run that broke off left of other intervals."""
    quantities = quantity_tables(folder)
    tables = read_tables(folder, TABLES)
    tables |= {name: read_quantity_table(folder, of) for name, of in quantities.items()}
    return Results(folder, read_facts(folder), tables, quantities)

"""A result folder read as a whole: its tables and its scenario's facts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mosaik_p2p.results.facts import Facts, read_facts
from mosaik_p2p.results.store import read_table
from mosaik_p2p.results.tables import TABLES


@dataclass(frozen=True)
class Results:
    """The tables by name, each with `time` in UTC, and the facts of the scenario."""

    folder: Path
    facts: Facts
    tables: Mapping[str, pd.DataFrame]

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self.tables[table]

    @property
    def binding(self) -> pd.DataFrame:
        """The rows of `clearing` that bind, one per computed interval."""
        clearing = self.tables["clearing"]
        return clearing[clearing["binding"].fillna(False).astype(bool)]

    def of_binding_round(self, table: str) -> pd.DataFrame:
        """The rows of a table with rounds that belong to the round that binds."""
        return self.tables[table].merge(self.binding[["time", "round"]], on=["time", "round"])

    def settled(self, case: str) -> pd.DataFrame:
        """The settlement's rows of one case."""
        settlement = self.tables["settlement"]
        return settlement[settlement["case"] == case]

    @property
    def prosumers(self) -> list[str]:
        """The names of the prosumers, in the order of `natural`."""
        return sorted(self.tables["prosumers"]["prosumer"].unique(), key=natural)


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key by which `P2` comes before `P10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def read_results(folder: Path) -> Results:
    """Everything that a result folder holds, complete or not."""
    return Results(folder, read_facts(folder), {name: read_table(folder, name) for name in TABLES})

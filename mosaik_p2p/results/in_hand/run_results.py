"""The results of a run in hand: its tables as frames, and at the top the figures that a planner asks for.

    results = mosaik_p2p.read("results/network1")
    results.hours_broken                 # hours with violated limits, by case and network
    results["trades"]                    # a table, times in UTC
    results.local["trades"]              # the same, times on the scenario's clock
    results.columns("trades")            # what its columns mean, with units and signs

Tables are read when they are first asked for. Whoever changes a frame changes their own copy.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.results.accounts.counterfactuals import counterfactual_folder, counterfactual_summaries
from mosaik_p2p.results.dictionary import column_frame
from mosaik_p2p.results.in_hand.shown import html_of, text_of
from mosaik_p2p.results.rebuilding import UNREADABLE, changed_files, refuse_without_results
from mosaik_p2p.results.store.facts import Facts, read_facts
from mosaik_p2p.results.store.parts import DamagedTable, read_table
from mosaik_p2p.results.store.quantity_tables import quantity_tables, read_quantity_table
from mosaik_p2p.results.store.reading import Results, read_results
from mosaik_p2p.results.store.soundness import REMEDY
from mosaik_p2p.results.summary import read_summary
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.sections.names import did_you_mean


def read(folder: str | Path) -> "RunResults":
    """The results in a folder that a run has written, complete or not.

    Raises BadInput where there are none, or where a file was changed since, naming it.
    """
    path = Path(folder)
    refuse_without_results(path)
    faults = list(changed_files(path))
    if faults:
        raise BadInput(faults)
    with _readable(path):
        return RunResults(path, read_summary(path), read_facts(path))


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    """Inside, what cannot be read is told as a fault."""
    try:
        yield
    except DamagedTable as damage:
        raise BadInput([Fault(f"table {damage.table}", str(damage.path), damage.problem, REMEDY)]) from damage
    except UNREADABLE as error:
        problem = f"cannot be read ({type(error).__name__}: {error})"
        raise BadInput([Fault("result folder", str(folder), problem, REMEDY)]) from error


class RunResults(Mapping[str, pd.DataFrame]):
    """The tables of one run by name, times in UTC; see the head of this file."""

    def __init__(self, folder: Path, summary: Mapping[str, Any], facts: Facts) -> None:
        self.folder = folder
        self.summary: Mapping[str, Any] = summary
        """All that `summary.json` says."""
        self._facts = facts
        self._frames: dict[str, pd.DataFrame] = {}

    @property
    def name(self) -> str:
        """Of the scenario."""
        return self._facts.name

    @property
    def title(self) -> str:
        """Of the scenario, in one line."""
        return self._facts.title

    @property
    def currency(self) -> str:
        """Of all money."""
        return self._facts.currency

    @property
    def dt_h(self) -> float:
        """Length of an interval in hours."""
        return self._facts.dt_h

    @property
    def complete(self) -> bool:
        """Whether the run, and all that it stored, is whole; else `cause` says why not."""
        return bool(self.summary["complete"])

    @property
    def cause(self) -> str | None:
        """Why the run is not complete."""
        return self.summary.get("cause")

    @property
    def verdict(self) -> str:
        """`feasible`, `infeasible` or `unknown`."""
        return str(self.summary["verdict"])

    @property
    def thinned(self) -> Mapping[str, int]:
        """The tables of which not every interval is stored: of so many one is, 0: only those of worst values."""
        return self._facts.thinned

    @property
    def hours_broken(self) -> pd.DataFrame:
        """Hours in which limits are violated: a row per case that was computed, a column per network."""
        cases = {case: hours for case, hours in self.summary["hours_broken"].items() if hours is not None}
        return pd.DataFrame.from_dict(cases, orient="index").rename_axis(index="case", columns="network")

    @property
    def system_cost(self) -> "pd.Series[float]":
        """By case: what all together pay to the world outside, in the currency; transfers are none of it."""
        return pd.Series(self.summary["system_cost"], dtype=float, name=self.currency).rename_axis("case")

    @property
    def curtailed_kwh(self) -> pd.DataFrame:
        """Energy of sun and the like that was there and not used: a row per prosumer, a column per case."""
        cases = {case: found for case, found in self.summary["curtailed_kwh"].items() if found is not None}
        return pd.DataFrame(cases, dtype=float).rename_axis(index="prosumer", columns="case")

    @property
    def cost(self) -> pd.DataFrame:
        """What each prosumer pays: a row per prosumer, a column per case, in the currency."""
        cases = self.summary["cost_total"]
        rows = {name: {case: entry.get(case) for case in cases} for name, entry in self.summary["cost"].items()}
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=list(cases), dtype=float)
        return frame.rename_axis(index="prosumer", columns="case")

    @property
    def welfare_gain(self) -> float | None:
        """What the market saves all together against no trade, in the currency; None where it is not known."""
        found = self.summary["welfare_gain"]
        return None if found is None else float(found)

    @property
    def counterfactuals(self) -> Mapping[str, "RunResults"]:
        """The results of the runs beside this one, by case."""
        return {case: read(counterfactual_folder(self.folder, case)) for case in counterfactual_summaries(self.folder)}

    @property
    def zone(self) -> str:
        """Of the scenario's clock, as `local` has it."""
        return self._facts.zone_name or self._facts.axis_label

    @property
    def local(self) -> "LocalTables":
        """The same tables with times on the scenario's clock."""
        return LocalTables(self, self._facts)

    def of_binding_round(self, table: str) -> pd.DataFrame:
        """The rows of `flows`, `violations` or `negotiation` that belong to the round that stands."""
        clearing = self["clearing"]
        standing = clearing.loc[clearing["binding"].fillna(False).astype(bool), ["time", "round"]]
        return self[table].merge(standing, on=["time", "round"])

    def columns(self, table: str) -> pd.DataFrame:
        """What the columns of a table mean: a row per column, with type, unit, sign, key, meaning and null.

        Raises KeyError for a table that there is not.
        """
        if table in self._quantities:
            return column_frame(self._quantities[table].schema, self.currency)
        return column_frame(TABLES[self._known(table)].schema, self.currency)

    def __getitem__(self, table: str) -> pd.DataFrame:
        known = self._known(table)
        if known not in self._frames:
            with _readable(self.folder):
                self._frames[known] = self._read(known)
        return self._frames[table].copy()

    def __iter__(self) -> Iterator[str]:
        return iter([*TABLES, *self._quantities])

    def __len__(self) -> int:
        return len(TABLES) + len(self._quantities)

    def __repr__(self) -> str:
        return text_of(self.folder, self.summary)

    def _repr_html_(self) -> str:
        return html_of(self.folder, self.summary, list(self))

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    @cached_property
    def _quantities(self) -> Mapping[str, Any]:
        with _readable(self.folder):
            return quantity_tables(self.folder)

    @cached_property
    def computed(self) -> Results:
        """What figures are drawn of; of a run that broke off, without what it left of unfinished intervals."""
        return read_results(self.folder)

    def _read(self, table: str) -> pd.DataFrame:
        if not self.complete:
            return self.computed[table]
        if table in self._quantities:
            return read_quantity_table(self.folder, self._quantities[table])
        return read_table(self.folder, table)

    def _known(self, table: str) -> str:
        if table not in list(self):
            raise KeyError(f"there is no table {table!r}. {did_you_mean(table, list(self), what='tables')}")
        return table


class LocalTables(Mapping[str, pd.DataFrame]):
    """Tables with their times on the scenario's clock, each with its offset: an hour that comes twice stays two."""

    def __init__(self, tables: RunResults, facts: Facts) -> None:
        self._tables, self._facts = tables, facts

    def __getitem__(self, table: str) -> pd.DataFrame:
        frame = self._tables[table]
        return frame.assign(time=frame["time"].dt.tz_convert(self._facts.zone))

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def __repr__(self) -> str:
        return f"tables of {self._tables.folder}, times in {self._tables.zone}"

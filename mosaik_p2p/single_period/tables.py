"""Plain markets from tables: `name,p_min_kw,p_max_kw,a,b` and `i,j,charge_i,charge_j`, with every fault at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.single_period.model import Assets, Pairs, PlainMarket
from mosaik_p2p.single_period.one_sided import one_sided
from mosaik_p2p.tabular import double_fault, number_remedy, numbers_of, read_csv_table, twice
from mosaik_p2p.units import BoolArray, FloatArray, IntArray

AGENT_COLUMNS = ("name", "p_min_kw", "p_max_kw", "a", "b")
PAIR_COLUMNS = ("i", "j", "charge_i", "charge_j")
TOLD = 20
"""Faults of one kind and column that are listed one by one; the rest of them are counted."""
LARGEST = 1e18
"""Numbers beyond are mistakes, and their products no numbers."""
LEAST = 1e-18
"""Numbers nearer to zero, but not zero, are mistakes, too: their squares and products are nothing."""


@dataclass(frozen=True)
class Source:
    """A table, what to call it and its rows, and the faults found so far (a list that the checks fill)."""

    label: str
    table: pd.DataFrame
    rows: tuple[str, ...]
    faults: list[Fault] = field(default_factory=list)

    def add_faults(self, wrong: BoolArray, column: str, problem: str, remedy: str | Callable[[str], str]) -> None:
        """One fault per row in `wrong` (rows,), showing what stands in `column`; the remedy may depend on it."""
        at = np.flatnonzero(wrong)
        for row in at[:TOLD]:
            shown = _cell_text(self.table[column].iloc[row]) or "(nothing)"
            told = remedy if isinstance(remedy, str) else remedy(shown)
            self.faults.append(Fault(f"{self.label}, {self.rows[row]}, column {column}", shown, problem, told))
        if len(at) > TOLD:
            more = f"{len(at) - TOLD} rows more"
            told = remedy if isinstance(remedy, str) else "Mend them in the same way"
            self.faults.append(Fault(f"{self.label}, column {column}", more, problem, told))


def read_market(agents: pd.DataFrame | str | Path, pairs: pd.DataFrame | str | Path) -> PlainMarket:
    """The market of two tables, or of two CSV files. Raises BadInput with every fault of both."""
    faults: list[Fault] = []
    sources = [
        _source(table, label, columns, faults)
        for table, label, columns in ((agents, "agents", AGENT_COLUMNS), (pairs, "pairs", PAIR_COLUMNS))
    ]
    agent_source, pair_source = sources
    names: tuple[str, ...] = ()
    assets = links = None
    if agent_source is not None:
        names, assets = _assets(agent_source)
        faults += agent_source.faults
    if pair_source is not None:
        links = _pairs(pair_source, names if agent_source is not None else None, assets)
        faults += pair_source.faults
    if faults or assets is None or links is None:
        raise BadInput(faults)
    return PlainMarket(names, assets, links)


def _source(
    given: pd.DataFrame | str | Path, label: str, columns: tuple[str, ...], faults: list[Fault]
) -> Source | None:
    """The table with its columns; None, with faults, where it cannot be had."""
    if isinstance(given, pd.DataFrame):
        rows = tuple(f"row {row}" for row in given.index)
        source = Source(label, given.set_axis([str(name).strip() for name in given.columns], axis="columns"), rows)
    elif isinstance(given, str | Path):
        try:
            read = read_csv_table(Path(given))
        except BadInput as bad:
            faults += bad.faults
            return None
        source = Source(read.name, read.frame, tuple(f"line {line}" for line in read.lines))
    else:
        remedy = f"Give a data frame with the columns {','.join(columns)}, or the path of a CSV file"
        faults.append(Fault(label, type(given).__name__, "is neither a data frame nor a path", remedy))
        return None
    have = list(source.table.columns)
    missing = [name for name in columns if name not in have]
    for name in missing:
        near = get_close_matches(name, [str(known) for known in have if known not in columns], n=1)
        remedy = f"Rename the column {near[0]!r}" if near else f"The columns must be {','.join(columns)}"
        faults.append(Fault(f"{source.label}, header", ",".join(map(str, have)), f"has no column {name!r}", remedy))
    doubles = twice(have)
    if doubles:
        faults.append(double_fault(f"{source.label}, header", doubles))
    return None if missing or doubles else source


def _cell_text(value: object) -> str:
    """What stands in a cell; nothing where a data frame has a missing value."""
    missing = value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value))
    return "" if missing else str(value).strip()


def _texts(source: Source, column: str) -> list[str]:
    found = [_cell_text(value) for value in source.table[column].tolist()]
    source.add_faults(np.array([not text for text in found], dtype=bool), column, "is no name", "Name the agent")
    return found


def _numbers(source: Source, column: str) -> FloatArray:
    """(rows,) finite numbers; zero where a fault was found."""
    values, nothing = numbers_of(source.table[column])
    source.add_faults(nothing, column, "is not a number", number_remedy)
    limitless = ~nothing & ~(np.abs(values) <= LARGEST)
    source.add_faults(limitless, column, "is not a finite number", f"Write a number of at most {LARGEST:g}")
    tiny = (values != 0.0) & (np.abs(values) < LEAST)
    source.add_faults(tiny, column, "is next to nothing", f"Write 0, or a number of at least {LEAST:g}")
    return np.where(nothing | limitless | tiny, 0.0, values)


def _assets(source: Source) -> tuple[tuple[str, ...], Assets]:
    """Names in the order in which they appear, and one asset per row."""
    if not len(source.table):
        source.faults.append(Fault(source.label, "no rows", "has no agent", "Add a row for each asset of each agent"))
    texts = _texts(source, "name")
    number = {name: at for at, name in enumerate(dict.fromkeys(texts))}
    p_min, p_max, a, b = (_numbers(source, column) for column in AGENT_COLUMNS[1:])
    limits = _sound(source, ("p_min_kw", "p_max_kw"))
    source.add_faults(limits & (p_min > p_max), "p_min_kw", "is above p_max_kw", "Exchange the two limits")
    source.add_faults(a < 0, "a", "makes the cost a/2 p^2 + b p fall ever faster", "Use 0 or a positive number")
    return tuple(number), Assets(np.array([number[name] for name in texts], dtype=np.int64), p_min, p_max, a, b)


def _sound(source: Source, columns: tuple[str, ...]) -> BoolArray:
    """(rows,): where all the columns hold finite numbers; so that a fault is told once."""
    numbers = [numbers_of(source.table[column])[0] for column in columns]
    result: BoolArray = np.all([np.abs(values) <= LARGEST for values in numbers], axis=0)
    return result


def _pairs(source: Source, names: tuple[str, ...] | None, assets: Assets | None) -> Pairs:
    """Pairs sorted by their ends. Without `names`, the agents' table being unreadable, ends are not looked up."""
    ends = {column: _texts(source, column) for column in ("i", "j")}
    known = names if names is not None else tuple(dict.fromkeys(ends["i"] + ends["j"]))
    number = {name: at for at, name in enumerate(known)}
    i, j = (np.array([number.get(name, -1) for name in ends[column]], dtype=np.int64) for column in ("i", "j"))
    for column, at in (("i", i), ("j", j)):
        _add_unknown_agents(source, column, ends[column], at, known)
    charge_i, charge_j = (_numbers(source, column) for column in ("charge_i", "charge_j"))
    real = (i >= 0) & (j >= 0)
    source.add_faults(real & (i == j), "j", "is the same agent as i", "Remove the row: nobody trades with itself")
    negative = _sound(source, ("charge_i", "charge_j")) & (charge_i + charge_j < 0)
    remedy = "Raise charge_i or charge_j to a sum of 0 or more, unless one end can only sell and the other only buy"
    problem = "and charge_j together are negative: power sent in a circle would earn"
    source.add_faults(negative & real & ~_one_way(assets, known, i, j), "charge_i", problem, remedy)
    source.add_faults(_repeated(i, j, real), "j", "is a partner of i in an earlier row", "Keep one row for each pair")
    turned = i > j
    first, second = np.where(turned, j, i), np.where(turned, i, j)
    at_first, at_second = np.where(turned, charge_j, charge_i), np.where(turned, charge_i, charge_j)
    order = np.lexsort((second, first))
    return Pairs(first[order], second[order], at_first[order], at_second[order])


def _one_way(assets: Assets | None, known: tuple[str, ...], i: IntArray, j: IntArray) -> BoolArray:
    """(rows,): whether one end can only sell and the other only buy; taken for true where the agents are not known."""
    if assets is None:
        return np.ones(len(i), dtype=np.bool_)
    limits = (assets.p_min_kw, assets.p_max_kw)
    sides = one_sided(*(np.bincount(assets.agent, limit, len(known)).astype(float) for limit in limits))
    # The last entry is for ends that are no agents.
    sells, buys = (np.append(side, np.False_) for side in sides)
    result: BoolArray = (sells[i] & buys[j]) | (buys[i] & sells[j])
    return result


def _add_unknown_agents(source: Source, column: str, texts: list[str], at: IntArray, known: tuple[str, ...]) -> None:
    unknown = (at < 0) & np.array([bool(text) for text in texts], dtype=bool)
    if not unknown.any():
        return
    near = get_close_matches(texts[int(np.flatnonzero(unknown)[0])], known, n=1) if len(known) <= 10_000 else []
    remedy = f"Did you mean {near[0]!r}?" if near else "Add it to the agents, or remove the row"
    source.add_faults(unknown, column, "is no agent", remedy)


def _repeated(i: IntArray, j: IntArray, real: BoolArray) -> BoolArray:
    """(rows,): whose pair, in either direction, stands in an earlier row."""
    key = np.minimum(i, j) * (max(int(i.max(initial=0)), int(j.max(initial=0))) + 1) + np.maximum(i, j)
    result: BoolArray = pd.Series(key).duplicated().to_numpy() & real & (i != j)
    return result

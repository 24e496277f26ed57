"""Plain markets from tables: `name,p_min_kw,p_max_kw,a,b` and `i,j,charge_i,charge_j`, with every fault at once."""

from dataclasses import dataclass, field
from difflib import get_close_matches
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.plain.model import Assets, Pairs, PlainMarket
from mosaik_p2p.units import BoolArray, FloatArray, IntArray

AGENT_COLUMNS = ("name", "p_min_kw", "p_max_kw", "a", "b")
PAIR_COLUMNS = ("i", "j", "charge_i", "charge_j")
TOLD = 20
"""Faults of one kind and column that are listed one by one; the rest of them are counted."""
LARGEST = 1e18
"""Numbers beyond are mistakes, and their products no numbers."""
LEAST = 1e-18
"""Numbers nearer to zero, but not zero, are mistakes, too: their squares and products are nothing."""
FIRST_LINE = 2
"""Of a file, below its header."""


@dataclass(frozen=True)
class Source:
    """A table, what to call it and its rows, and the faults found so far (a list that the checks fill)."""

    label: str
    table: pd.DataFrame
    rows: tuple[str, ...]
    faults: list[Fault] = field(default_factory=list)

    def blame(self, wrong: BoolArray, column: str, problem: str, remedy: str) -> None:
        """One fault per row in `wrong` (rows,), showing what stands in `column`."""
        at = np.flatnonzero(wrong)
        for row in at[:TOLD]:
            shown = str(self.table[column].iloc[row]) or "(nothing)"
            self.faults.append(Fault(f"{self.label}, {self.rows[row]}, column {column}", shown, problem, remedy))
        if len(at) > TOLD:
            more = f"{len(at) - TOLD} rows more"
            self.faults.append(Fault(f"{self.label}, column {column}", more, problem, remedy))


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
        links = _pairs(pair_source, names if agent_source is not None else None)
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
        source = Source(label, given.rename(columns=lambda name: str(name).strip()), rows)
    else:
        read = _read(Path(given))
        if isinstance(read, Fault):
            faults.append(read)
            return None
        source = read
    have = list(source.table.columns)
    missing = [name for name in columns if name not in have]
    for name in missing:
        near = get_close_matches(name, [str(known) for known in have if known not in columns], n=1)
        remedy = f"Rename the column {near[0]!r}" if near else f"The columns must be {','.join(columns)}"
        faults.append(Fault(f"{source.label}, header", ",".join(map(str, have)), f"has no column {name!r}", remedy))
    twice = sorted({str(name) for name in columns if have.count(name) > 1})
    faults += [
        Fault(f"{source.label}, header", ",".join(map(str, have)), f"has the column {name!r} twice", "Keep one of them")
        for name in twice
    ]
    return None if missing or twice else source


def _read(path: Path) -> Source | Fault:
    """A CSV file as texts, its empty lines left out; separated by commas, or by semicolons throughout."""
    remedy = "Name a CSV file in UTF-8 with a header"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"is not text in UTF-8 ({error.reason})"
        return Fault("file", str(path), f"cannot be read: {reason}", remedy)
    header = text.split("\n", 1)[0]
    if not header.strip():
        return Fault("file", str(path), "is empty" if not text.strip() else "begins with an empty line", remedy)
    separator = ";" if ";" in header and "," not in header else ","
    try:
        # What was read, since a pipe can be read only once.
        table = pd.read_csv(
            StringIO(text),
            sep=separator,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            index_col=False,
            on_bad_lines="error",
        )
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
        return Fault(
            "file", str(path), f"is not a table: {str(error).strip()}", "Give every line the header's number of values"
        )
    table = table.fillna("").rename(columns=lambda name: str(name).strip())
    filled = np.zeros(len(table), dtype=bool)
    for column in range(table.shape[1]):
        filled |= (table.iloc[:, column] != "").to_numpy()
    lines = np.flatnonzero(filled) + FIRST_LINE
    return Source(path.name, table[filled], tuple(f"line {line}" for line in lines))


def _texts(source: Source, column: str) -> list[str]:
    found = [str(value).strip() for value in source.table[column].tolist()]
    source.blame(np.array([not text for text in found], dtype=bool), column, "is no name", "Name the agent")
    return found


def _numbers(source: Source, column: str) -> FloatArray:
    """(rows,) finite numbers; zero where a fault was found."""
    series = source.table[column]
    values: FloatArray = pd.to_numeric(series, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    nothing = np.isnan(values)
    source.blame(nothing, column, "is not a number", "Write a number with a decimal point, such as 0.25")
    limitless = ~nothing & ~(np.abs(values) <= LARGEST)
    source.blame(limitless, column, "is not a finite number", f"Write a number of at most {LARGEST:g}")
    tiny = (values != 0.0) & (np.abs(values) < LEAST)
    source.blame(tiny, column, "is next to nothing", f"Write 0, or a number of at least {LEAST:g}")
    return np.where(nothing | limitless | tiny, 0.0, values)


def _assets(source: Source) -> tuple[tuple[str, ...], Assets]:
    """Names in the order in which they appear, and one asset per row."""
    if not len(source.table):
        source.faults.append(Fault(source.label, "no rows", "has no agent", "Add a row for each asset of each agent"))
    texts = _texts(source, "name")
    number = {name: at for at, name in enumerate(dict.fromkeys(texts))}
    p_min, p_max, a, b = (_numbers(source, column) for column in AGENT_COLUMNS[1:])
    limits = _sound(source, ("p_min_kw", "p_max_kw"))
    source.blame(limits & (p_min > p_max), "p_min_kw", "is above p_max_kw", "Exchange the two limits")
    source.blame(a < 0, "a", "makes the cost a/2 p^2 + b p fall ever faster", "Use 0 or a positive number")
    return tuple(number), Assets(np.array([number[name] for name in texts], dtype=np.int64), p_min, p_max, a, b)


def _sound(source: Source, columns: tuple[str, ...]) -> BoolArray:
    """(rows,): where all the columns hold finite numbers; so that a fault is told once."""
    numbers = [pd.to_numeric(source.table[column], errors="coerce").to_numpy(dtype=float) for column in columns]
    result: BoolArray = np.all([np.abs(values) <= LARGEST for values in numbers], axis=0)
    return result


def _pairs(source: Source, names: tuple[str, ...] | None) -> Pairs:
    """Pairs sorted by their ends. Without `names`, the agents' table being unreadable, ends are not looked up."""
    ends = {column: _texts(source, column) for column in ("i", "j")}
    known = names if names is not None else tuple(dict.fromkeys(ends["i"] + ends["j"]))
    number = {name: at for at, name in enumerate(known)}
    i, j = (np.array([number.get(name, -1) for name in ends[column]], dtype=np.int64) for column in ("i", "j"))
    for column, at in (("i", i), ("j", j)):
        _blame_unknown(source, column, ends[column], at, known)
    charge_i, charge_j = (_numbers(source, column) for column in ("charge_i", "charge_j"))
    real = (i >= 0) & (j >= 0)
    source.blame(real & (i == j), "j", "is the same agent as i", "Remove the row: nobody trades with itself")
    negative = _sound(source, ("charge_i", "charge_j")) & (charge_i + charge_j < 0)
    remedy = "Raise charge_i or charge_j: their sum must be 0 or more"
    source.blame(negative, "charge_i", "and charge_j together are negative: power sent in a circle would earn", remedy)
    source.blame(_repeated(i, j, real), "j", "is a partner of i in an earlier row", "Keep one row for each pair")
    turned = i > j
    first, second = np.where(turned, j, i), np.where(turned, i, j)
    at_first, at_second = np.where(turned, charge_j, charge_i), np.where(turned, charge_i, charge_j)
    order = np.lexsort((second, first))
    return Pairs(first[order], second[order], at_first[order], at_second[order])


def _blame_unknown(source: Source, column: str, texts: list[str], at: IntArray, known: tuple[str, ...]) -> None:
    unknown = (at < 0) & np.array([bool(text) for text in texts], dtype=bool)
    if not unknown.any():
        return
    near = get_close_matches(texts[int(np.flatnonzero(unknown)[0])], known, n=1) if len(known) <= 10_000 else []
    remedy = f"Did you mean {near[0]!r}?" if near else "Add it to the agents, or remove the row"
    source.blame(unknown, column, "is no agent", remedy)


def _repeated(i: IntArray, j: IntArray, real: BoolArray) -> BoolArray:
    """(rows,): whose pair, in either direction, stands in an earlier row."""
    key = np.minimum(i, j) * (max(int(i.max(initial=0)), int(j.max(initial=0))) + 1) + np.maximum(i, j)
    result: BoolArray = pd.Series(key).duplicated().to_numpy() & real & (i != j)
    return result

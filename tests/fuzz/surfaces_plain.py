"""Surfaces of the plain market: `clear` on changed tables, and on sound ones under stress."""

import io
import json
import math
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd

import plain_markets
from fuzz import csvs
from fuzz.findings import Finding, attempt
from fuzz.judge_input import of_faults
from fuzz.judge_market import of_clearing
from mosaik_p2p.single_period.clearing import PlainClearing, clear_plain
from mosaik_p2p.single_period.report import as_json, render

AGENTS_FILE, PAIRS_FILE = "agents.csv", "pairs.csv"


def tables(dice: Random, folder: Path) -> list[Finding]:
    """Changed CSV files. What is cleared has to be the market that a plain reader sees in them."""
    agents, pairs = plain_markets.random_tables(dice.randrange(10**6))
    texts = {AGENTS_FILE: agents.to_csv(index=False), PAIRS_FILE: pairs.to_csv(index=False)}
    changed = dice.choice(list(texts))
    for name, text in texts.items():
        (folder / name).write_bytes(csvs.mutated(dice, text) if name == changed else text.encode())
    tried = attempt(lambda: _clear(folder, dice.choice(("admm", "admm", "central"))))
    if tried.value is None:
        return [*tried.findings, *of_faults(tried.faults)]
    return [*_misread(folder / changed), *_judged(folder, tried.value, gap=1e-4)]


def _clear(folder: Path, method: Any) -> PlainClearing:
    cleared = clear_plain(folder / AGENTS_FILE, folder / PAIRS_FILE, method=method)
    render(cleared)
    return cleared


def _misread(path: Path) -> list[Finding]:
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    if ";" in text.split("\n", 1)[0]:
        return []
    line, name = csvs.too_long_row(text), csvs.header_twice(text)
    long = [] if line is None else [Finding("accepted", f"a row of {path.name} with more values than the header")]
    return long + ([] if name is None else [Finding("accepted", f"a column of {path.name} that stands twice")])


def _judged(folder: Path, cleared: PlainClearing, *, gap: float) -> list[Finding]:
    told = as_json(cleared)
    findings = list(_not_finite(told))
    try:
        agents, pairs = (_read(folder / name) for name in (AGENTS_FILE, PAIRS_FILE))
        return [*findings, *of_clearing(agents, pairs, told, gap=gap)]
    except (ValueError, KeyError, TypeError):
        # The plain reader cannot make a market of it.
        return findings


def _not_finite(told: dict[str, Any]) -> list[Finding]:
    try:
        json.dumps(told, allow_nan=False)
    except ValueError:
        return [Finding("market", "a number of the outcome is not finite", str(told)[:300])]
    return []


def _read(path: Path) -> pd.DataFrame:
    text = path.read_text(encoding="utf-8-sig")
    separator = ";" if ";" in text.split("\n", 1)[0] else ","
    rows = [[cell.strip() for cell in row] for row in csvs.parsed(text, separator) if any(cell for cell in row)]
    return pd.read_csv(
        io.StringIO(csvs.written(rows)), dtype=dict.fromkeys(("name", "i", "j"), str), keep_default_na=False
    )


def stressed(dice: Random, folder: Path) -> list[Finding]:
    """Sound markets with limits up to 1e8 that bind nobody, negative prices, no limits or charges that are zero."""
    agents, pairs = plain_markets.random_tables(dice.randrange(10**6), straight=dice.random() < 0.7)
    stress = dice.sample(STRESSES, k=dice.randint(1, 3))
    for change in stress:
        agents, pairs = change(dice, agents, pairs)
    for name, frame in ((AGENTS_FILE, agents), (PAIRS_FILE, pairs)):
        frame.to_csv(folder / name, index=False)
    gap = dice.choice((1e-3, 1e-4, 1e-5))
    tried = attempt(lambda: clear_plain(agents, pairs, gap=gap))
    if tried.value is None:
        # Powers that are next to nothing may be refused.
        refused = [] if _tiny in stress else [Finding("refused", fault.problem) for fault in tried.faults]
        return [*tried.findings, *refused]
    return [*_not_finite(as_json(tried.value)), *of_clearing(agents, pairs, as_json(tried.value), gap=gap)]


Frames = tuple[pd.DataFrame, pd.DataFrame]


def _wide(dice: Random, agents: pd.DataFrame, pairs: pd.DataFrame) -> Frames:
    """Some producers could produce almost anything, at a price at which nobody buys or at their own."""
    agents = agents.copy()
    for row in agents.index[agents["p_max_kw"] > 0]:
        if dice.random() < 0.5:
            agents.loc[row, "p_max_kw"] = dice.choice((1e4, 999999.0, 1e8))
            agents.loc[row, "b"] += dice.choice((0.0, 0.0, 1.0, 50.0))
    return agents, pairs


def _idle(dice: Random, agents: pd.DataFrame, pairs: pd.DataFrame) -> Frames:
    """Somebody more who could do almost anything, and at its price will do nothing."""
    row = {
        "name": "idle",
        "p_min_kw": 0.0,
        "p_max_kw": dice.choice((1e6, 1e8, 1e12)),
        "a": 0.0,
        "b": dice.choice((5, 1e3)),
    }
    link = {"i": "idle", "j": agents["name"].iloc[0], "charge_i": 0.0, "charge_j": 0.0}
    return pd.concat([agents, pd.DataFrame([row])]), pd.concat([pairs, pd.DataFrame([link])])


def _wide_demand(dice: Random, agents: pd.DataFrame, pairs: pd.DataFrame) -> Frames:
    """Some consumers could take almost anything, with falling utility."""
    agents = agents.copy()
    for row in agents.index[(agents["p_min_kw"] < 0) & (agents["p_min_kw"] < agents["p_max_kw"])]:
        if dice.random() < 0.5:
            agents.loc[row, ["p_min_kw", "a"]] = [-dice.choice((1e4, 999999.0, 1e8)), dice.choice((1e-3, 0.02))]
    return agents, pairs


def _negative(dice: Random, agents: pd.DataFrame, pairs: pd.DataFrame) -> Frames:
    return agents.assign(b=agents["b"] - dice.choice((0.3, 1.0, 20.0))), pairs


def _free(_: Random, agents: pd.DataFrame, pairs: pd.DataFrame) -> Frames:
    return agents, pairs.assign(charge_i=0.0, charge_j=0.0)


def _dear(dice: Random, agents: pd.DataFrame, pairs: pd.DataFrame) -> Frames:
    return agents, pairs.assign(charge_i=pairs["charge_i"] * dice.choice((10, 1e3)))


def _units(dice: Random, agents: pd.DataFrame, pairs: pd.DataFrame) -> Frames:
    """The same market in other units of money."""
    factor = dice.choice((1e-6, 1e-3, 1e3, 1e6))
    scaled = pairs.assign(charge_i=pairs["charge_i"] * factor, charge_j=pairs["charge_j"] * factor)
    return agents.assign(a=agents["a"] * factor, b=agents["b"] * factor), scaled


def _straight(_: Random, agents: pd.DataFrame, pairs: pd.DataFrame) -> Frames:
    return agents.assign(a=0.0), pairs


def _tiny(dice: Random, agents: pd.DataFrame, pairs: pd.DataFrame) -> Frames:
    factor = math.pow(10.0, dice.choice((-163, -12, -6)))
    return agents.assign(p_min_kw=agents["p_min_kw"] * factor, p_max_kw=agents["p_max_kw"] * factor), pairs


STRESSES = (_wide, _idle, _wide_demand, _negative, _free, _dear, _units, _straight, _tiny)

"""Surfaces that end at `check`: scenario files, overrides, profiles, houses, network files."""

import gzip
import os
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import tomli_w

from fuzz import bases, csvs, judge_input, netfiles
from fuzz.bases import Base
from fuzz.dice import NUMBERS, TEXTS, chance, hostile
from fuzz.findings import Finding, attempt
from fuzz.texts import mangled
from fuzz.trees import leaves, mutated, value_at
from mosaik_p2p.loading import check

LONG = "n" * 300
BOMB_MEMBERS, BOMB_MEMBER_BYTES = 500, 10_000_000
"""5 GB of zeros in 5 MB: gzip files may be joined."""


def judged(path: Path, overrides: Sequence[str] = (), tables: Any = None) -> list[Finding]:
    """What `check` makes of it, and what that is worth."""
    tried = attempt(lambda: check(path, list(overrides)))
    if tried.findings:
        return list(tried.findings)
    faults = tried.faults or tried.value or ()
    if faults:
        return list(judge_input.of_faults(faults))
    return list(judge_input.of_accepted(path.parent, tables))


def scenario(dice: Random, folder: Path) -> list[Finding]:
    """A scenario file with changed tables, and now and then changed bytes."""
    base = bases.drawn(dice)
    path, tables = write_scenario(dice, folder, base)
    return judged(path, tables=tables)


def write_scenario(dice: Random, folder: Path, base: Base) -> tuple[Path, Any]:
    """A mutant of the base's scenario in the folder, and its tables where they still are what the file says."""
    path = bases.write(folder, base)
    tables: Any = mutated(dice, base.tables, times=dice.choices((1, 2, 3), weights=(4, 2, 1))[0])
    data = tomli_w.dumps(tables).encode("utf-8", errors="replace")
    if chance(dice, 0.15):
        data, tables = mangled(dice, data, times=dice.randint(1, 3)), None
    path.write_bytes(data)
    return path, tables


def override(dice: Random, folder: Path) -> list[Finding]:
    """One to three overrides of a sound scenario."""
    base = bases.drawn(dice)
    path = bases.write(folder, base)
    return judged(path, [_override(dice, base) for _ in range(dice.randint(1, 3))])


def _override(dice: Random, base: Base) -> str:
    place = dice.choice(leaves(base.tables))
    key = _key(base.tables, place)
    value = value_at(base.tables, place)
    if isinstance(value, int | float) and chance(dice, 0.5):
        return f"{key}={value * dice.choice((-1, 0, 1e-6, 1e3, 1e6, 1e12))}"
    if chance(dice, 0.15):
        key = dice.choice(
            [key.rpartition(".")[0] or key, f"{key}.x", f"{key}s", dice.choice(TEXTS) + key, "", ".", key[:-1]]
        )
    text = str(hostile(dice))
    return dice.choice([f"{key}={text}", f"{key}='{text}'", f"{key}=[{text}]", f"{key}={{x={text}}}", key])


def _key(tables: Any, place: Sequence[str | int]) -> str:
    """As on the command line: prosumers and devices by name."""
    parts = []
    for depth, part in enumerate(place):
        if isinstance(part, int):
            entry = value_at(tables, tuple(place[: depth + 1]))
            part = entry.get("name", entry.get("type", part)) if isinstance(entry, dict) else part
        if part != "devices":
            parts.append(str(part))
    return ".".join(parts)


def nonsense(dice: Random, folder: Path) -> list[Finding]:
    """A value that no district can mean has to be refused."""
    path = bases.write(folder, bases.cases())
    text = dice.choice(judge_input.NONSENSE)
    tried = attempt(lambda: check(path, [text]))
    if tried.findings or tried.faults or tried.value:
        return list(tried.findings)
    return [Finding("accepted", f"nonsense: {text}")]


def profile(dice: Random, folder: Path) -> list[Finding]:
    """A changed profile file: as text, packed, as Parquet, or something that is no file of profiles at all."""
    base = dice.choice([bases.cases, bases.everything])()
    path = bases.write(folder, base)
    way = dice.choices([_csv_profile, _packed_profile, _parquet_profile, _odd_file], weights=(8, 1, 3, 1))[0]
    name = way(dice, folder)
    return judged(path, [f"profiles.{key}.file={_quoted(name)}" for key in ("day", "load_a", "heat_a")])


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\x00", "\\u0000").replace("\n", "\\n") + '"'


def _csv_profile(dice: Random, folder: Path) -> str:
    (folder / bases.SERIES_FILE).write_bytes(csvs.mutated(dice, bases.series_text()))
    return bases.SERIES_FILE


def _packed_profile(dice: Random, folder: Path) -> str:
    """A sound file, packed; or one that unpacks to more than any machine holds."""
    (folder / bases.SERIES_FILE).unlink()
    data = gzip.compress(bases.series_text().encode())
    if chance(dice, 0.15):
        data = gzip.compress(b"time,background\n") + gzip.compress(b"0" * BOMB_MEMBER_BYTES) * BOMB_MEMBERS
    name = dice.choice(["series.csv.gz", "series.gz", "series.csv.GZ", "series.zip", "series.csv.xz"])
    (folder / name).write_bytes(data)
    return name


def _parquet_profile(dice: Random, folder: Path) -> str:
    frame = pd.read_csv(folder / bases.SERIES_FILE)
    column = dice.choice(list(frame.columns))
    change = dice.choice(
        ["text", "null", "category", "index", "naive", "times", "nested", "bool", "huge", "bytes", "bomb"]
    )
    if change == "times" or column == "time":
        frame["time"] = pd.to_datetime(frame["time"])
    if change == "naive":
        frame["time"] = pd.to_datetime(frame["time"]).dt.tz_localize(None)
    elif change == "index":
        frame = frame.set_index(column)
    elif change == "bomb":
        frame = pd.DataFrame({"time": frame["time"].iloc[0], "background": 0.0}, index=range(5_000_000))
    elif change != "times":
        values: dict[str, Any] = {
            "text": "1,5",
            "null": None,
            "nested": [1.0],
            "bool": True,
            "huge": 1e308,
            "bytes": b"1",
        }
        frame[column] = [values.get(change, 1.0)] * len(frame)
        frame[column] = frame[column].astype("category") if change == "category" else frame[column]
    target = folder / "series.parquet"
    frame.to_parquet(target)
    if chance(dice, 0.3):
        target.write_bytes(mangled(dice, target.read_bytes()))
    return target.name


def _odd_file(dice: Random, folder: Path) -> str:
    """Names and things that are no files."""
    kind = dice.choice(["folder", "loop", "nul", "long", "pipe", "null", "empty", "name"])
    target = folder / "odd.csv"
    if kind == "folder":
        target.mkdir()
    elif kind == "loop":
        target.symlink_to(target)
    elif kind == "pipe":
        os.mkfifo(target)
    elif kind == "empty":
        target.touch()
    named = {"nul": "a\x00b.csv", "long": LONG + ".csv", "null": "/dev/null", "name": dice.choice(TEXTS)}
    return named.get(kind, target.name)


def houses(dice: Random, folder: Path) -> list[Finding]:
    """A changed table of houses."""
    path = bases.write(folder, bases.houses())
    target = folder / bases.HOUSES_FILE
    if chance(dice, 0.1):
        target.unlink()
        return judged(path, [f"prosumers_file={_quoted(_odd_file(dice, folder))}"])
    target.write_bytes(csvs.mutated(dice, bases.HOUSES))
    return judged(path)


def network(dice: Random, folder: Path) -> list[Finding]:
    """A changed network file of either kind."""
    path = bases.write(folder, bases.files())
    write_network(dice, folder)
    return judged(path)


def write_network(dice: Random, folder: Path) -> None:
    """A mutant of one of the two network files."""
    kind = dice.choice(("electric", "heat"))
    name, text = {
        "electric": (bases.ELECTRIC_FILE, bases.electric_text()),
        "heat": (bases.HEAT_FILE, bases.heat_text()),
    }[kind]
    (folder / name).write_bytes(netfiles.mutated(dice, text, kind))


def place(dice: Random, folder: Path) -> list[Finding]:
    """Names, places and options of the program itself: where a prosumer stands, what the scenario is called."""
    path = bases.write(folder, bases.files())
    text = dice.choice([*TEXTS, *map(str, NUMBERS), LONG])
    target = dice.choice(
        [
            *("prosumers.A.bus={}", "prosumers.A.junction={{ supply = {}, return = 'R2' }}", "name={}", "title={}"),
            *(
                "prosumers.A.junction={{ supply = 'S2', return = {} }}",
                "prosumers.A.junction={}",
                "prosumers.B.name={}",
            ),
            *("networks.electricity.file={}", "networks.heat.file={}", "weather.file={}", "prosumers_file={}"),
            *("prosumers.A.pv.name={}", "prosumers.B.replaces_load={}", "time.start={}", "time.steps={}"),
        ]
    )
    return judged(path, [target.format(dice.choice([_quoted(text), text]))])

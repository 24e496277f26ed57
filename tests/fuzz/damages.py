"""What can happen to the files of a result folder."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from fuzz.texts import mangled
from fuzz.trees import mutated

WITH_ROWS = ("clearing", "prosumers", "devices", "alone", "flows", "settlement", "buses", "lines", "junctions", "pipes")


@dataclass(frozen=True)
class Damage:
    """What was done to which file (its table's or its own name), and whether a reader of the folder can see it."""

    what: str
    name: str
    is_visible: bool


def _remove(dice: Random, out: Path, _: Path) -> Damage:
    name = dice.choice(sorted(path.stem for path in out.glob("*.parquet")))
    (out / f"{name}.parquet").unlink()
    return Damage("a table removed", name, True)


def _bytes(dice: Random, out: Path, _: Path) -> Damage:
    """Bytes changed; where the table still reads as it was, nothing has happened."""
    name = dice.choice(WITH_ROWS)
    path = out / f"{name}.parquet"
    before = pd.read_parquet(path)
    path.write_bytes(mangled(dice, path.read_bytes(), times=dice.randint(1, 3)))
    try:
        return Damage("bytes of a table changed", name, not pd.read_parquet(path).equals(before))
    except Exception:  # noqa: BLE001 (whatever Arrow raises: the table cannot be read)
        return Damage("bytes of a table changed", name, True)


def _rewritten(change: Callable[[Random, pd.DataFrame], pd.DataFrame], what: str) -> "Action":
    def act(dice: Random, out: Path, _: Path) -> Damage:
        name = dice.choice(WITH_ROWS)
        path = out / f"{name}.parquet"
        schema = pq.read_schema(path)
        changed = change(dice, pd.read_parquet(path))
        is_same = list(changed.columns) == schema.names
        changed.to_parquet(path, index=False, schema=schema if is_same and what != RETYPED else None)
        return Damage(what, name, True)

    return act


def _twice(_: Random, table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table])


def _one_row_twice(dice: Random, table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([table, table.iloc[[dice.randrange(len(table))]]])


def _later(dice: Random, table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(time=table["time"] + pd.Timedelta(hours=dice.choice((1, -1, 24, 0.5))))


def _shorter(dice: Random, table: pd.DataFrame) -> pd.DataFrame:
    return table[table["time"] != dice.choice(sorted(table["time"].unique()))]


def _no_rows(_: Random, table: pd.DataFrame) -> pd.DataFrame:
    return table.iloc[:0]


def _without_column(dice: Random, table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=dice.choice(list(table.columns)))


def _column_renamed(dice: Random, table: pd.DataFrame) -> pd.DataFrame:
    name = dice.choice(list(table.columns))
    return table.rename(columns={name: f"{name}_x"})


def _column_as_text(dice: Random, table: pd.DataFrame) -> pd.DataFrame:
    name = dice.choice(list(table.select_dtypes("number").columns))
    return table.assign(**{name: table[name].astype(str)})


def _null_times(_: Random, table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(time=pd.Series(pd.NaT, index=table.index, dtype=table["time"].dtype))


def _infinite(dice: Random, table: pd.DataFrame) -> pd.DataFrame:
    name = dice.choice(list(table.select_dtypes("float").columns))
    return table.assign(**{name: np.inf})


def _another_table(dice: Random, out: Path, _: Path) -> Damage:
    name, other = dice.sample(WITH_ROWS, k=2)
    shutil.copy(out / f"{other}.parquet", out / f"{name}.parquet")
    return Damage("another table's file in its place", name, True)


def _older_parts(dice: Random, out: Path, broken: Path) -> Damage:
    """A table in parts, of a run that broke off."""
    name = dice.choice([path.stem for path in broken.glob("*.parquet") if path.is_dir() and path.stem in WITH_ROWS])
    (out / f"{name}.parquet").unlink()
    shutil.copytree(broken / f"{name}.parquet", out / f"{name}.parquet")
    return Damage("a broken run's table in its place", name, True)


def _text_file(dice: Random, out: Path, _: Path) -> Damage:
    """Summary, scenario or a net: removed or cut; whether that matters is the program's to say."""
    name = dice.choice(["summary.json", "scenario.toml", "electric_net.json", "heat_net.json"])
    path = out / name
    if dice.random() < 0.3:
        path.unlink()
    else:
        path.write_bytes(mangled(dice, path.read_bytes(), times=dice.randint(1, 4)))
    return Damage(f"{name} changed", name, False)


def _summary(dice: Random, out: Path, _: Path) -> Damage:
    path = out / "summary.json"
    path.write_text(json.dumps(mutated(dice, json.loads(path.read_text(encoding="utf-8")), times=2)), encoding="utf-8")
    return Damage("values of the summary changed", "summary", False)


Action = Callable[[Random, Path, Path], Damage]
RETYPED = "a column of a table as text"
DAMAGES: tuple[Action, ...] = (
    *(_remove, _bytes, _bytes, _another_table, _older_parts, _text_file, _summary),
    _rewritten(_twice, "all rows of a table twice"),
    _rewritten(_one_row_twice, "a row of a table twice"),
    _rewritten(_later, "times of a table shifted"),
    _rewritten(_shorter, "an interval of a table missing"),
    _rewritten(_no_rows, "no rows in a table"),
    _rewritten(_without_column, "a column of a table missing"),
    _rewritten(_column_renamed, "a column of a table renamed"),
    _rewritten(_column_as_text, RETYPED),
    _rewritten(_null_times, "times of a table empty"),
    _rewritten(_infinite, "infinite numbers in a table"),
)

"""Result folders that somebody has damaged: `report` names the table and the file, and builds nothing from nonsense."""

import contextlib
import itertools
import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from made_results import BROKEN_OFF, SMALL, write_made
from mosaik_p2p import api
from mosaik_p2p.errors import BadInput
from mosaik_p2p.results.store.folder import REPORT_FILE, SCENARIO_FILE, SUMMARY_FILE
from mosaik_p2p.results.store.mark import MARK_FILE
from mosaik_p2p.results.summary import NOT_ENDED, read_summary, write_summary
from mosaik_p2p.results.tables.schema import TABLES

EDITED_FOLDERS = 25
UNMARKED_FOLDERS = 60 if "MOSAIK_P2P_LONG" in os.environ else 20
"""Each kind of damage is drawn several times."""
FILLED = (
    *("inputs", "clearing", "trades", "prosumers", "devices"),
    *("flows", "heat_exchanges", "buses", "lines", "settlement"),
)
"""Tables that have rows in a made folder, in every interval or almost."""


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A whole run, one of another district to take files from, and one that died, in parts."""
    made = {"whole": SMALL, "other": replace(SMALL, prosumers=4, buses=7), "dead": BROKEN_OFF}
    return {name: write_made(tmp_path_factory.mktemp(name), what) for name, what in made.items()}


def some_file(folder: Path, table: str) -> Path:
    """The table's file, or its last part."""
    path = folder / f"{table}.parquet"
    return sorted(path.iterdir())[-1] if path.is_dir() else path


def rewritten(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def truncate(path: Path, draw: random.Random, _: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: draw.randrange(len(data))])


def flip(path: Path, draw: random.Random, _: Path) -> None:
    data = bytearray(path.read_bytes())
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    path.write_bytes(data)


def empty(path: Path, _draw: random.Random, _: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path, _draw: random.Random, _: Path) -> None:
    path.unlink()


def swap(path: Path, _draw: random.Random, other: Path) -> None:
    table = path.name if path.name.removesuffix(".parquet") in TABLES else path.parent.name
    shutil.copy(other / table, path)


def double(path: Path, _draw: random.Random, _: Path) -> None:
    rewritten(path, lambda rows: pa.concat_tables([rows, rows]))


def shift(path: Path, draw: random.Random, _: Path) -> None:
    by = timedelta(minutes=draw.choice([-600, -90, -60, -1, 1, 30, 60, 24 * 60]))

    def later(rows: pa.Table) -> pa.Table:
        times = pa.array([moment + by for moment in rows["time"].to_pylist()], type=rows.schema.field("time").type)
        return rows.set_column(0, rows.schema.field("time"), times)

    rewritten(path, later)


def drop_rows(path: Path, draw: random.Random, _: Path) -> None:
    rewritten(path, lambda rows: rows.slice(0, draw.randrange(rows.num_rows)))


def drop_column(path: Path, draw: random.Random, _: Path) -> None:
    rewritten(path, lambda rows: rows.drop_columns([draw.choice(rows.schema.names)]))


def other_type(path: Path, draw: random.Random, _: Path) -> None:
    def as_text(rows: pa.Table) -> pa.Table:
        at = draw.randrange(1, rows.num_columns)
        column = pa.array([str(value) for value in rows.column(at).to_pylist()], type=pa.large_string())
        return rows.set_column(at, rows.schema.names[at], column)

    rewritten(path, as_text)


TABLE_DAMAGES = (truncate, flip, empty, remove, swap, double, shift, drop_rows, drop_column, other_type)
SURE_WITHOUT_MARK = (empty, double, shift, drop_column, other_type)
"""What is seen in the table itself and beside the others; a bit that was flipped may be any number's."""


def edit(path: Path, draw: random.Random) -> None:
    """Change the text of a summary or a scenario: a digit, a key, a line."""
    text = path.read_text(encoding="utf-8")
    digits = [at for at, char in enumerate(text) if char.isdigit()]
    at = draw.choice(digits)
    lines = text.splitlines(keepends=True)
    line = draw.randrange(len(lines))
    changed = [
        f"{text[:at]}{(int(text[at]) + 1) % 10}{text[at + 1 :]}",
        "".join(lines[:line] + lines[line + 1 :]),
        text[: draw.randrange(len(text))],
        text.replace("true", "false"),
        "[]",
    ]
    path.write_text(draw.choice([new for new in changed if new != text]), encoding="utf-8")


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were read and found good enough for a report; nothing is drawn."""
    good: list[Path] = []

    def noted(folder: Path, _: object) -> Path:
        good.append(folder)
        return folder / REPORT_FILE

    monkeypatch.setattr("mosaik_p2p.results.rebuilding.build_report", noted)
    return good


def refusal(folder: Path) -> str:
    """What `report` says of a folder that it must refuse, without leaving anything in it."""
    with pytest.raises(BadInput) as refused:
        api.report(folder)
    assert not (folder / REPORT_FILE).exists()
    return str(refused.value)


def test_every_damage_is_refused_and_named(originals: dict[str, Path], tmp_path: Path) -> None:
    draw = random.Random(8)
    for number, (table, damage) in enumerate(itertools.product(FILLED, TABLE_DAMAGES)):
        folder = shutil.copytree(originals[draw.choice(["whole", "whole", "dead"])], tmp_path / str(number))
        path = some_file(folder, table)
        before = path.read_bytes()
        damage(path, draw, originals["other"])
        if path.exists() and path.read_bytes() == before:
            # The other district has the same clearings.
            assert (damage, table) in ((swap, "clearing"), (swap, "flows")), (damage, table)
            continue
        told = refusal(folder)
        assert f"table {table}" in told, (number, damage, told)
        assert str(path) in told, (number, damage, told)


def test_every_edited_text_is_refused_and_named(originals: dict[str, Path], tmp_path: Path) -> None:
    draw = random.Random(9)
    for number in range(EDITED_FOLDERS):
        source, name = draw.choice([("whole", SCENARIO_FILE), ("whole", SUMMARY_FILE), ("dead", SCENARIO_FILE)])
        folder = shutil.copytree(originals[source], tmp_path / str(number))
        edit(folder / name, draw)
        assert str(folder / name) in refusal(folder), (number, name)


@pytest.mark.once
@pytest.mark.usefixtures("undrawn")
def test_without_the_mark_what_shows_in_the_tables_is_refused(originals: dict[str, Path], tmp_path: Path) -> None:
    draw = random.Random(80)
    for number in range(UNMARKED_FOLDERS):
        folder = shutil.copytree(originals["whole"], tmp_path / str(number))
        (folder / MARK_FILE).unlink()
        table, damage = draw.choice(FILLED), TABLE_DAMAGES[number % len(TABLE_DAMAGES)]
        damage(some_file(folder, table), draw, originals["other"])
        with contextlib.ExitStack() as expected:
            # Prices of the look-ahead may reach as far as they like; everything else has its hours.
            is_sure = damage in SURE_WITHOUT_MARK and (damage, table) != (shift, "inputs")
            refused = expected.enter_context(pytest.raises(BadInput) if is_sure else contextlib.suppress(BadInput))
            api.report(folder)
        assert not is_sure or table in str(refused.value), (number, damage, table)


def test_a_folder_without_a_mark_that_nobody_damaged_is_read(
    originals: dict[str, Path], tmp_path: Path, undrawn: list[Path]
) -> None:
    for name in ("whole", "dead"):
        folder = shutil.copytree(originals[name], tmp_path / name)
        (folder / MARK_FILE).unlink()
        api.report(folder)
        assert undrawn[-1] == folder


def test_a_part_that_stands_twice_is_refused(originals: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(originals["dead"], tmp_path / "run")
    parts = sorted((folder / "lines.parquet").iterdir())
    shutil.copy(parts[0], folder / "lines.parquet" / "part-00099.parquet")
    told = refusal(folder)
    assert "table lines" in told
    assert "part-00099.parquet" in told


def test_a_summary_is_held_against_the_tables_also_without_a_mark(originals: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(originals["whole"], tmp_path / "run")
    (folder / MARK_FILE).unlink()
    path = folder / SUMMARY_FILE
    path.write_text(
        path.read_text().replace('"feasible": 3', '"feasible": 5').replace('"feasible": 4', '"feasible": 5')
    )
    assert "summary: verdict_counts" in refusal(folder)


def test_trades_of_other_hours_are_refused_also_without_a_mark(originals: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(originals["whole"], tmp_path / "run")
    (folder / MARK_FILE).unlink()
    path = folder / "trades.parquet"
    trades = pd.read_parquet(path)
    hours = sorted(trades["time"].unique())
    trades["time"] = trades["time"].map(dict(zip(hours, [*hours[1:], hours[0]], strict=True)))
    pq.write_table(pa.Table.from_pandas(trades, schema=TABLES["trades"].schema, preserve_index=False), path)
    assert "does not add up to the net sales" in refusal(folder)


@pytest.mark.usefixtures("undrawn")
def test_the_report_of_a_killed_run_counts_what_is_stored(originals: dict[str, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(originals["dead"], tmp_path / "run")
    write_summary(folder, {**read_summary(folder), "cause": NOT_ENDED, "steps_computed": 0})
    api.report(folder)
    assert json.loads((folder / SUMMARY_FILE).read_text())["steps_computed"] == BROKEN_OFF.steps_computed


@pytest.mark.parametrize("kind", ["link", "own"])
def test_a_report_that_is_not_ours_is_not_replaced(originals: dict[str, Path], tmp_path: Path, kind: str) -> None:
    folder = shutil.copytree(originals["whole"], tmp_path / "run")
    mine = tmp_path / "mine.html"
    mine.write_text("mine")
    if kind == "link":
        (folder / REPORT_FILE).symlink_to(mine)
    else:
        (folder / REPORT_FILE).write_text("mine")
    with pytest.raises(BadInput, match=r"report\.html"):
        api.report(folder)
    assert mine.read_text() == (folder / REPORT_FILE).read_text() == "mine"


def test_a_report_of_ours_is_replaced_and_its_other_names_keep_it(
    originals: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mosaik_p2p.results.report.page._page", lambda *_: "a page, whatever stands in it")
    folder = shutil.copytree(originals["whole"], tmp_path / "run")
    first = api.report(folder)
    (tmp_path / "kept.html").hardlink_to(first)
    inode = first.stat().st_ino
    assert api.report(folder).stat().st_ino != inode
    assert (tmp_path / "kept.html").stat().st_ino == inode

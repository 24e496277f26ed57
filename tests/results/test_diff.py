"""What differs between runs: inputs, outcomes, tables; and the command's exit codes."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from made_results import Made, meta, write_made, write_tables
from mosaik_p2p.cli import app
from mosaik_p2p.cli.entry import main
from mosaik_p2p.errors import BadInput
from mosaik_p2p.results.differences.command import diff
from mosaik_p2p.results.differences.flat import differing, flat, is_same
from mosaik_p2p.results.differences.outcomes import unit_of
from mosaik_p2p.results.differences.tables import differences
from mosaik_p2p.results.store.mark import result_folder, start_mark
from mosaik_p2p.results.summary import summarise, write_summary

MADE = Made(prosumers=2, steps=2, steps_computed=2, has_heat=False)
SCENARIO_OF_FILES = '\n[profiles.load]\nsource = "file"\nfile = "{}/loads.csv"\ncolumn = "a"\n'


def asked(*folders: Path, **options: Path) -> Result:
    stated = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    return CliRunner().invoke(app, ["diff", *map(str, folders), *stated])


def changed(folder: Path) -> Path:
    """A run in whose second interval somebody imports more, and a row of the settlement is missing."""

    def change(tables: dict[str, list[dict[str, Any]]], k: int) -> None:
        if k == 1:
            tables["prosumers"][0]["import_kw"] += 2.5
            tables["settlement"].pop()

    folder.mkdir()
    write_tables(folder, MADE, change)
    scenario = (write_made(folder.with_name("as it was"), MADE) / "scenario.toml").read_bytes()
    result_folder(folder).write("scenario.toml", scenario)
    write_summary(folder, summarise(folder, meta(MADE)))
    return folder


def test_the_same_run_differs_in_nothing(tmp_path: Path) -> None:
    first, second = (write_made(tmp_path / name, MADE) for name in ("one", "two"))
    found = asked(first, second)
    assert found.exit_code == 0
    assert found.output.splitlines()[-1] == "Nothing differs."


def test_tables_and_figures_that_differ(tmp_path: Path) -> None:
    first, second = write_made(tmp_path / "one", MADE), changed(tmp_path / "two")
    found = asked(first, second, json=tmp_path / "diff.json")
    assert found.exit_code == 1
    told = json.loads((tmp_path / "diff.json").read_text())
    (tables,) = told["tables"]
    assert [table["table"] for table in tables] == ["prosumers", "settlement"]
    (column,) = tables[0]["columns"]
    assert (column["column"], column["rows"], column["unit"]) == ("import_kw", 1, "kW")
    assert column["largest"] == pytest.approx(2.5)
    assert column["where"]["prosumer"] == "P1"
    assert (tables[1]["only_first"], tables[1]["only_other"]) == (1, 0)
    assert not told["keys"]
    assert "import_kw: in 1 row, at the most by 2.5 kW" in found.output
    assert "1 rows gone" in found.output


def test_scenario_keys_files_and_versions_that_differ(tmp_path: Path) -> None:
    folders = [write_made(tmp_path / name, MADE) for name in ("one", "deep/two", "three")]
    for number, folder in enumerate(folders):
        toml = (folder / "scenario.toml").read_text().replace("seed = 1", f"seed = {1 + number // 2}")
        lies_at = ("..", "../..", "..")[number]
        start_mark(folder, inputs={f"{number}.toml": str(number), "loads.csv": ("aa", "aa", "bb")[number]})
        result_folder(folder).write("scenario.toml", (toml + SCENARIO_OF_FILES.format(lies_at)).encode())
        for path in (*folder.glob("*.parquet"), folder / "summary.json"):
            result_folder(folder).enter(path.name)
    same, other = diff(folders[:2]), diff([folders[0], folders[2]])
    assert same.is_none
    assert [(one.key, one.values) for one in other.keys] == [("seed", (1, 2))]
    assert [(one.key, one.values) for one in other.files] == [("loads.csv", ("aa", "bb"))]
    assert asked(folders[0], folders[2]).exit_code == 1


def test_files_are_unknown_where_nobody_has_said(tmp_path: Path) -> None:
    folders = [write_made(tmp_path / name, MADE) for name in ("one", "two")]
    assert "is not known of" in asked(*folders).output


def test_several_runs_are_compared_with_the_first(tmp_path: Path) -> None:
    first, second = write_made(tmp_path / "one", MADE), changed(tmp_path / "two")
    found = diff([first, second, first])
    assert [bool(tables) for tables in found.tables] == [True, False]
    (cost,) = (figure for figure in found.first_figures if figure.key == "system_cost.market")
    assert cost.unit == "CNY"
    assert len(cost.values) == 3
    assert cost.changes[1] == 0.0


def test_what_is_no_run_is_refused_with_all_its_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_made(tmp_path / "run", MADE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput) as refused:
        diff([run, tmp_path / "empty", tmp_path / "nowhere"], json=tmp_path)
    assert [fault.problem for fault in refused.value.faults[:2]] == ["holds no results", "is no folder"]
    assert refused.value.faults[2].place == "--json"
    with pytest.raises(BadInput, match="too few"):
        diff([run])
    monkeypatch.setattr("sys.argv", ["mosaik-p2p", "diff", str(run), str(tmp_path / "empty")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "holds no results" in capsys.readouterr().err


def test_rows_go_by_their_key_and_numbers_by_their_distance() -> None:
    one = pd.DataFrame({"time": [1, 2, 3, 3], "x_kw": [1.0, None, 3.0, 4.0], "word": ["a", "b", "c", None]})
    two = pd.DataFrame({"time": [3, 2, 4, 3], "x_kw": [3.1, 2.0, 9.0, 4.5], "word": ["c", "b", "c", None]})
    found = differences("made", one, two, ["time"], {"x_kw": "kW"})
    assert (found.only_first, found.only_other) == (1, 1)
    (column,) = found.columns
    assert (column.column, column.rows, column.largest, column.where) == ("x_kw", 3, 0.5, {"time": "3"})
    (word,) = differences("made", one, one.assign(word="a"), ["time"], {}).columns
    assert (word.rows, word.largest, word.where) == (3, None, {"time": "2"})
    of_one = differences("made", one, two.drop(columns="word"), ["time"], {})
    assert of_one.columns_of_one == ("word",)


def test_keys_of_nested_tables() -> None:
    tree = {"a": {"b": 1}, "c": [{"name": "x", "v": 1}, {"name": "y", "v": 2}], "d": [1, 2], "e": [{"type": "pv"}] * 2}
    assert dict(flat(tree)) == {
        **{"a.b": 1, "c.x.name": "x", "c.x.v": 1, "c.y.name": "y", "c.y.v": 2, "d": [1, 2]},
        **{"e.0.type": "pv", "e.1.type": "pv"},
    }
    assert [one.key for one in differing([{"a": 1, "b": 1}, {"a": 1.0, "c": 1}])] == ["b", "c"]
    assert not is_same(1, True)


@pytest.mark.parametrize(
    ("key", "unit"),
    [
        ("traded_kwh.electricity", "kWh"),
        ("cost.A.in_market", "EUR"),
        ("cost.A.stored_end_kwh", "kWh"),
        ("hours_broken.market.heat", "h"),
        ("mean_trade_price_per_kwh.heat", "EUR/kWh"),
        ("worst.voltage_min.value", "p.u."),
        ("operator.losses", ""),
        ("recovery.ratio", ""),
        ("closing_value.hours", "h"),
        ("iterations.max", ""),
    ],
)
def test_figures_have_units(key: str, unit: str) -> None:
    assert unit_of(key, {"worst.voltage_min.unit": "p.u."}, "EUR") == unit

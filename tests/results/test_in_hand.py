"""Results in hand, of one run and of many, and what other programs get of them."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import made_scenario
import mosaik_p2p
from mosaik_p2p.cli import app
from mosaik_p2p.cosim import RunOutcome, run
from mosaik_p2p.errors import BadInput
from mosaik_p2p.results import conclusion
from mosaik_p2p.results.export import excel
from mosaik_p2p.results.export.coordinates import Branch, coordinates_of
from mosaik_p2p.results.tables.schema import TABLES

pytestmark = pytest.mark.slow
BERLIN = "Europe/Berlin"
FORMULA = "=1+1"
SOFFICE = shutil.which("soffice")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    """Two hours in which a limit is violated."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conclusion, "build_report", lambda *_: None)
        return run(made_scenario.write(folder, edited), out=folder / "out", progress=False)


def edited(scenario: dict[str, Any]) -> None:
    scenario["time"] |= {"steps": 2, "horizon_steps": 2, "zone": BERLIN}
    scenario["networks"]["electricity"]["limits"]["voltage_pu"]["min"] = 0.9999


def test_tables_and_figures(outcome: RunOutcome) -> None:
    results, summary = outcome.results, outcome.summary
    assert set(results) == set(TABLES)
    for table in results:
        pd.testing.assert_frame_equal(results[table], pq.read_table(outcome.folder / f"{table}.parquet").to_pandas())
        local = results.local[table]["time"]
        assert str(local.dtype) == f"datetime64[us, {BERLIN}]"
        assert (local == results[table]["time"]).all()
        assert list(results.columns(table).index) == list(results[table].columns)
    assert results.columns("trades").loc["price_per_kwh", "unit"] == "CNY/kWh"
    hours = summary["hours_broken"]["market"]["electricity"]
    assert hours > 0
    assert results.hours_broken.loc["market", "electricity"] == hours
    assert results.system_cost["market"] == summary["system_cost"]["market"]
    assert results.curtailed_kwh["market"].to_dict() == summary["curtailed_kwh"]["market"]
    assert results.cost["in_market"].sum() == pytest.approx(summary["cost_total"]["in_market"])
    assert results.welfare_gain == summary["welfare_gain"]
    text = repr(results)
    assert f"made: {results.verdict}, 2 intervals, hours with violated limits of electricity" in text
    assert f"market {hours:g}" in text
    assert "hours with violated limits of electricity" in results._repr_html_()
    with pytest.raises(KeyError, match="Did you mean 'trades'"):
        results["trade"]


def test_a_frame_belongs_to_whoever_asked_for_it(outcome: RunOutcome) -> None:
    results = outcome.results
    results["trades"]["power_kw"] = 0.0
    results.local["buses"]["vm_pu"] = 0.0
    assert results["buses"]["vm_pu"].min() > 0.9


def test_what_was_changed_is_refused(outcome: RunOutcome, tmp_path: Path) -> None:
    shutil.copytree(outcome.folder, tmp_path / "out")
    table = tmp_path / "out" / "trades.parquet"
    table.write_bytes((tmp_path / "out" / "buses.parquet").read_bytes())
    with pytest.raises(BadInput, match=r"table trades = .* has been changed since the run wrote it"):
        mosaik_p2p.read(tmp_path / "out")
    with pytest.raises(BadInput, match="holds no results"):
        mosaik_p2p.read(tmp_path)
    with pytest.raises(BadInput, match="is no folder"):
        mosaik_p2p.read(tmp_path / "nowhere")


def test_one_table_of_many_runs(outcome: RunOutcome, tmp_path: Path) -> None:
    for name in ("one", "deep/two", "broken_off", "one/counterfactuals/without_charges"):
        shutil.copytree(outcome.folder, tmp_path / name)
    summary = tmp_path / "broken_off" / "summary.json"
    (tmp_path / "broken_off" / "run.jsonl").write_text(
        "".join(line for line in _lines(tmp_path / "broken_off" / "run.jsonl") if '"summary.json"' not in line)
    )
    summary.write_text(json.dumps({**json.loads(summary.read_text()), "complete": False, "cause": "killed"}))
    with pytest.warns(UserWarning, match="left out, since their runs are not complete: broken_off"):
        rows = mosaik_p2p.read_runs(tmp_path, "buses")
    assert list(rows.columns[:2]) == ["run", "time"]
    count = len(outcome.results["buses"])
    assert rows["run"].value_counts().to_dict() == {"one": count, "deep/two": count}
    several = mosaik_p2p.read_runs([tmp_path / "one", outcome.folder], "buses")
    assert len(several) == 2 * count
    with pytest.raises(BadInput, match="holds no complete run"):
        mosaik_p2p.read_runs(tmp_path / "one" / "counterfactuals" / "nothing", "buses")


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True)


def test_the_excel_file_has_a_sheet_per_table(outcome: RunOutcome, tmp_path: Path) -> None:
    done = mosaik_p2p.export(outcome.folder, "xlsx", out=tmp_path / "all.xlsx")
    book = openpyxl.load_workbook(done.path)
    assert book.sheetnames == ["about", "units", *TABLES]
    sheets = {name: _frame(book[name]) for name in TABLES}
    for name, shape in TABLES.items():
        frame = outcome.results[name]
        assert len(sheets[name]) == len(frame)
        for column in (name for name, about in shape.columns.items() if about.is_number):
            assert sheets[name][column].sum() == pytest.approx(frame[column].sum(), rel=1e-12, abs=1e-12)
    buses = outcome.results.local["buses"]
    times = zip(sheets["buses"]["time [UTC]"], sheets["buses"][f"time [{BERLIN}]"], buses["time"], strict=True)
    for utc, local, moment in times:
        assert pd.Timestamp(utc, tz="UTC") == moment
        assert pd.Timestamp(local) == moment.tz_localize(None)
    units = _frame(book["units"]).set_index(["table", "column"])
    assert units.loc[("prosumers", "marginal_price_per_kwh"), "unit"] == "CNY/kWh"


@pytest.mark.skipif(SOFFICE is None, reason="wants LibreOffice")
def test_the_excel_file_opens_in_libreoffice(outcome: RunOutcome, tmp_path: Path) -> None:
    done = mosaik_p2p.export(outcome.folder, "xlsx", out=tmp_path / "all.xlsx")
    every_sheet_as_csv = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
    own = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [SOFFICE or "", own, "--headless", "--convert-to", every_sheet_as_csv, "--outdir", str(tmp_path / "csv")]
    subprocess.run([*command, str(done.path)], check=True, capture_output=True)
    sheets = {file.stem.removeprefix("all-"): pd.read_csv(file) for file in (tmp_path / "csv").iterdir()}
    assert set(sheets) == {"about", "units", *TABLES}
    for name, shape in TABLES.items():
        frame = outcome.results[name]
        assert len(sheets[name]) == len(frame)
        for column in (name for name, about in shape.columns.items() if about.is_number):
            # It writes fifteen digits.
            assert sheets[name][column].sum() == pytest.approx(frame[column].sum(), rel=1e-9, abs=1e-9)
    written = [pd.Timestamp(text, tz="UTC") for text in sheets["buses"]["time [UTC]"]]
    assert written == list(outcome.results["buses"]["time"])


def _frame(sheet: Any) -> pd.DataFrame:
    heading, *rows = sheet.iter_rows()
    assert not any(cell.data_type == "f" for row in rows for cell in row)
    return pd.DataFrame([[cell.value for cell in row] for row in rows], columns=[cell.value for cell in heading])


def test_a_text_stays_a_text(tmp_path: Path) -> None:
    book = openpyxl.Workbook(write_only=True)
    excel._fill(book, "bus", iter([["name"], [FORMULA], ["a\x01b"]]))
    book.save(tmp_path / "texts.xlsx")
    cells = [row[0] for row in openpyxl.load_workbook(tmp_path / "texts.xlsx")["bus"].iter_rows()]
    assert [(cell.value, cell.data_type) for cell in cells[1:]] == [(FORMULA, "s"), ("a\ufffdb", "s")]


def test_a_table_that_no_sheet_can_hold(outcome: RunOutcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excel, "MOST_ROWS", len(outcome.results["buses"]))
    with pytest.raises(BadInput, match=r"table buses = \d+ rows: has more rows"):
        mosaik_p2p.export(outcome.folder, "xlsx", out=tmp_path / "all.xlsx")
    assert not list(tmp_path.iterdir())


def test_csv_files_have_all_digits(outcome: RunOutcome, tmp_path: Path) -> None:
    done = mosaik_p2p.export(outcome.folder, "csv", out=tmp_path / "csv")
    for table in outcome.results:
        found = pd.read_csv(done.path / f"{table}.csv", float_precision="round_trip")
        frame = outcome.results[table]
        assert (pd.to_datetime(found["time"], utc=True) == frame["time"]).all()
        for column in frame.select_dtypes("float"):
            assert (found[column].dropna() == frame[column].dropna()).all()
    assert set(pd.read_csv(done.path / "columns.csv")["table"]) == set(TABLES)


def test_geojson_has_every_element_with_its_worst_values(outcome: RunOutcome, tmp_path: Path) -> None:
    done = mosaik_p2p.export(outcome.folder, "geojson", out=tmp_path / "nets.geojson")
    assert [remark.partition(":")[0] for remark in done.remarks] == ["electricity", "heat"]
    found = json.loads(done.path.read_text())["features"]
    by_kind = {(entry["properties"]["kind"], entry["properties"]["name"]): entry["properties"] for entry in found}
    tables = {"bus": ("buses", "bus"), "line": ("lines", "element"), "junction": ("junctions", "junction")}
    for kind, (table, column) in (*tables.items(), ("pipe", ("pipes", "pipe"))):
        assert {name for of, name in by_kind if of == kind} == set(outcome.results[table][column])
    violations = outcome.results.of_binding_round("violations")
    bus = violations.loc[violations["quantity"] == "voltage_pu", "element"].iloc[0]
    buses = outcome.results["buses"]
    worst = buses[buses["bus"] == bus]["vm_pu"]
    told = by_kind["bus", bus]
    assert (told["lowest_vm_pu"], told["highest_vm_pu"]) == (worst.min(), worst.max())
    assert pd.Timestamp(told["lowest_vm_pu_at"]) == buses.loc[worst.idxmin(), "time"]
    assert told["hours_violated"] == violations[violations["element"] == bus]["time"].nunique()
    assert told["hours_violated"] > 0


NODES = {0: (7.8790, 48.4602), 1: (7.8850, 48.4602), 2: (7.8850, 48.4622)}
LENGTHS_KM = {0: 0.4424, 1: 0.2224}
"""On the parallel of 48.4602 degrees 0.006 degrees are 442 m, on a meridian 0.002 degrees 222 m."""


def coordinates(points: Mapping[int, Any]) -> Any:
    geo = [json.dumps({"type": "Point", "coordinates": list(point)}) for point in points.values()]
    lines = {index: Branch((index, index + 1), km) for index, km in LENGTHS_KM.items()}
    return coordinates_of(pd.DataFrame({"geo": geo}), None, pd.DataFrame(index=[0, 1]), lines)


def test_degrees_are_believed_where_they_fit_the_lengths() -> None:
    assert coordinates(NODES).nodes == NODES
    # As pandapipes ships a net: latitude first.
    assert coordinates({index: point[::-1] for index, point in NODES.items()}).nodes == NODES
    drawn = {index: (index, 2.0 * index) for index in NODES}
    assert "drawn by hand" in coordinates(drawn).problem
    metres = {index: (3416947.6 + index, 5369956.6) for index in NODES}
    assert "no degrees" in coordinates(metres).problem


@pytest.mark.parametrize(
    ("to", "out", "problem"),
    [
        ("pdf", "x.pdf", "is no format"),
        ("xlsx", "out/x.xlsx", "lies in a result folder"),
        ("csv", "out", "lies in a result folder"),
        ("xlsx", "there", "is there already"),
        ("geojson", "nowhere/x.geojson", "its folder does not exist"),
    ],
)
def test_an_export_replaces_nothing(outcome: RunOutcome, to: str, out: str, problem: str) -> None:
    there = outcome.folder.parent / "there"
    there.write_text("mine")
    before = {path: path.read_bytes() for path in outcome.folder.parent.rglob("*") if path.is_file()}
    with pytest.raises(BadInput, match=problem):
        mosaik_p2p.export(outcome.folder, to, out=outcome.folder.parent / out)
    assert before == {path: path.read_bytes() for path in outcome.folder.parent.rglob("*") if path.is_file()}


def test_the_command(outcome: RunOutcome, tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["export", str(outcome.folder), "--to", "geojson", "--out", str(tmp_path / "a")])
    assert told.exit_code == 0
    assert f"Exported: {tmp_path / 'a'}" in told.output
    assert "the net has no coordinates" in told.output

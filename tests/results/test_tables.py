"""The result tables say themselves what they hold: on their page, in their files, and by refusing all else."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import declared
from made_results import SMALL, columns, interval, write_made
from mosaik_p2p import run
from mosaik_p2p.loading import load
from mosaik_p2p.results.dictionary import tables_markdown
from mosaik_p2p.results.quantities.registry import known_quantities
from mosaik_p2p.results.store.parts import DamagedTable, ResultStore, read_table, replace_table, to_arrow
from mosaik_p2p.results.tables.columns import Column, amount, number, signed, table, text
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.sims import recorder
from mosaik_p2p.units import table_of
from whereabouts import DOCS

PAGE = DOCS / "tables.md"
HINT = "write it anew: .venv/bin/nox -s pages"
NOON = datetime(2017, 3, 21, 12, tzinfo=UTC)


@pytest.mark.skipif(not PAGE.parent.is_dir(), reason="docs/ is not part of the installed package")
def test_the_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == tables_markdown(), HINT


def test_every_table_and_column_stands_on_the_page() -> None:
    sections = tables_markdown().split("\n## ")[1:]
    shapes = {**TABLES, **{named.of.name: named.of.shape for named in known_quantities().values()}}
    assert set(shapes) == {*TABLES, "storage_levels", "verdicts"}
    assert [section.partition("\n")[0] for section in sections] == [f"`{name}`" for name in shapes]
    for section, shape in zip(sections, shapes.values(), strict=True):
        rows = [line for line in section.splitlines() if line.startswith("| `")]
        assert [row.split("`")[1] for row in rows] == list(shape.columns)
        assert all(row.replace("\\|", "").count("|") == 8 for row in rows)


@pytest.mark.parametrize(
    ("order", "wrong"),
    [
        ("a", {"a": text("")}),
        ("a", {"a": text(" ")}),
        ("a", {"a": number("Size.")}),
        ("a", {"a": amount("Size.", unit="")}),
        ("a_kw", {"a_kw": signed("Power.", positive="drawn", unit="MW")}),
        ("b", {"a": text("Name.")}),
    ],
)
def test_half_a_declaration_is_refused(order: str, wrong: dict[str, Column]) -> None:
    with pytest.raises(ValueError, match=r"meaning|unit"):
        table("A table.", order, **wrong)


def test_a_unit_is_that_of_the_name() -> None:
    names = {
        "p_kw": "kW",
        "e_kwh": "kWh",
        "price_per_kwh": "currency/kWh",
        "m_kg_per_s": "kg/s",
        "v_m_per_s": "m/s",
        "dp_pa_per_m": "Pa/m",
    }
    made = table("A table.", "p_kw", **{name: number("Size.") for name in names})
    assert {name: column.unit for name, column in made.columns.items()} == names


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run with both networks and everything that may follow it."""
    made = tmp_path_factory.mktemp("declared") / "run"
    return run("network1", out=made, steps=1, progress=False, report=False).folder


def test_a_run_holds_what_its_files_say(folder: Path) -> None:
    assert {path.stem for path in folder.glob("*.parquet")} == set(TABLES)
    assert declared.faults(folder) == []


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("trades", {"power_kw": [-1.0]}, "is negative"),
        ("trades", {"power_kw": [None]}, "is null"),
        ("flows", {}, "do not tell the rows apart"),
    ],
)
def test_what_its_files_say_can_be_found_wrong(
    folder: Path, tmp_path: Path, name: str, change: dict[str, list[Any]], fault: str
) -> None:
    rows = pq.read_table(folder / f"{name}.parquet").slice(0, 1)
    for column, values in change.items():
        place = rows.schema.get_field_index(column)
        field = pa.field(column, rows.schema.field(column).type, metadata=rows.schema.field(column).metadata)
        rows = rows.set_column(place, field, [pa.array(values, type=field.type)])
    doubled = rows if change else pa.concat_tables([rows, rows])
    pq.write_table(doubled, tmp_path / f"{name}.parquet")
    assert any(fault in found for found in declared.faults(tmp_path))


def test_the_files_carry_units_and_meanings_and_read_as_before(tmp_path: Path) -> None:
    store = ResultStore(tmp_path)
    for name, rows in interval(SMALL, 0).items():
        store.append(name, columns(name, rows))
    store.flush()
    in_parts = pq.read_schema(tmp_path / "trades.parquet" / "part-00000.parquet")
    store.close()
    whole = pq.read_schema(tmp_path / "trades.parquet")
    for schema in (in_parts, whole):
        assert schema.equals(TABLES["trades"].schema, check_metadata=False)
        said = schema.field("power_kw").metadata
        assert said[b"unit"] == b"kW"
        assert said[b"meaning"].decode() == TABLES["trades"].columns["power_kw"].meaning
    for name in TABLES:
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / f"{name}.parquet"), read_table(tmp_path, name))


def test_files_that_say_nothing_are_read_too(tmp_path: Path) -> None:
    """Such as those of an earlier version, or that somebody has written with pandas."""
    write_made(tmp_path, SMALL)
    before = read_table(tmp_path, "trades")
    before.to_parquet(tmp_path / "trades.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path, "trades"), before)
    replace_table(tmp_path, "trades", to_arrow("trades", before.to_dict("list")))
    assert pq.read_schema(tmp_path / "trades.parquet").field("power_kw").metadata[b"unit"] == b"kW"


def test_null_stands_only_where_it_means_something() -> None:
    rows = columns("buses", [{"time": NOON, "bus": "a"}])
    assert to_arrow("buses", rows)["vm_pu"].null_count == 1
    with pytest.raises(ValueError, match="'bus' holds null"):
        to_arrow("buses", {**rows, "bus": [None]})


def test_a_file_with_a_column_of_its_own_is_not_read(tmp_path: Path) -> None:
    """Arrow would leave it out."""
    write_made(tmp_path, SMALL)
    read_table(tmp_path, "trades").assign(bonus=1.0).to_parquet(tmp_path / "trades.parquet")
    with pytest.raises(DamagedTable, match="bonus"):
        read_table(tmp_path, "trades")


FLOW: dict[str, Any] = {"network": ["electricity"], "status": ["ok"], "cause": [None], "iterations": [3]} | {
    name: [1.0] for name in ("slack_kw", "loss_kw", "pump_kw")
}
LACKING = {name: values for name, values in FLOW.items() if name != "loss_kw"}


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        ({"flows": FLOW | {"heat_of_pumps_kw": [1.0]}}, "grid.Grid sent table 'flows'.*heat_of_pumps_kw"),
        ({"pumps": FLOW}, "grid.Grid sent a table 'pumps'"),
        ({"flows": LACKING}, "missing columns.*loss_kw"),
    ],
)
def test_the_recorder_takes_only_what_it_stores(tmp_path: Path, tables: dict[str, Any], problem: str) -> None:
    simulator: Any = recorder.Simulator()
    simulator.init("recorder")
    simulator.create(1, "Recorder", scenario=load("network1_electric"), folder=tmp_path)
    message = {"round": 0, "wall_s": 0.0, "tables": tables}

    def record() -> None:
        simulator.step(0, {"Recorder": {"tables": {"grid.Grid": message}}}, 0)
        simulator.finish()

    with pytest.raises(ValueError, match=problem):
        record()


def test_no_value_of_a_row_vanishes() -> None:
    assert table_of(("a", "b"), iter([(1, 2), (3, 4)])) == {"a": [1, 3], "b": [2, 4]}
    assert table_of(("a", "b"), []) == {"a": [], "b": []}
    for row in ((1,), (1, 2, 3)):
        with pytest.raises(ValueError, match=f"a row of {len(row)} values for the 2 columns a, b"):
            table_of(("a", "b"), [(1, 2), row])


def test_rows_of_two_sources_have_the_same_columns() -> None:
    assert recorder.joined(FLOW, FLOW)["status"] == ["ok", "ok"]
    for first, second in ((FLOW, LACKING), (LACKING, FLOW)):
        with pytest.raises(ValueError, match="different columns"):
            recorder.joined(first, second)

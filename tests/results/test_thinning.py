"""Tables of network elements kept in part: what is said of the run stays what all intervals say."""

import json
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from made_results import Made, columns, interval, meta, write_made
from mosaik_p2p.loading import check
from mosaik_p2p.results.differences.command import diff
from mosaik_p2p.results.export.command import export
from mosaik_p2p.results.figures.networks.durations import duration_curve
from mosaik_p2p.results.figures.networks.limits import voltages
from mosaik_p2p.results.in_hand.run_results import read
from mosaik_p2p.results.measures.thinning import Thinner
from mosaik_p2p.results.measures.worst_values import worst_values
from mosaik_p2p.results.rebuilding import rebuild_report
from mosaik_p2p.results.report.terminal import render
from mosaik_p2p.results.store.completeness import gaps
from mosaik_p2p.results.store.facts import read_facts
from mosaik_p2p.results.store.mark import result_folder
from mosaik_p2p.results.store.parts import ResultStore
from mosaik_p2p.results.store.reading import Results, read_results
from mosaik_p2p.results.summary import summarise, write_summary
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.results.tables.thinning import ELEMENT_TABLES, NETWORK_OF, THINNED, thinned_tables

MADE = Made(prosumers=2, steps=9, steps_computed=9)
ORDER = (5, 7, 2, 0, 8, 1, 3, 6, 4)
"""In which the states of the networks come, which are the worse the later."""
MOVED = {*NETWORK_OF, "flows", "violations"}
ASKED = '\n[results]\nevery = 4\ntables = ["trades", "buses", "lines", "pipes", "plants", "heat_exchanges"]\n'
"""Of transformers and junctions nothing is asked for."""
OWN_LIMIT = '\n[[networks.electricity.limits.element]]\ntable = "bus"\nname = "3"\nvoltage_pu = { min = 0.99 }\n'


def run_in(folder: Path, asked: str) -> Path:
    """The run of `MADE`, thinned as the recorder does it; its networks do not grow worse hour by hour."""
    scenario = (write_made(folder / "made", MADE) / "scenario.toml").read_text() + asked
    folder /= "run"
    folder.mkdir()
    store = ResultStore(folder)
    result_folder(folder).write("scenario.toml", scenario.encode())
    thinner = Thinner(read_facts(folder), {})
    for k, other in enumerate(ORDER):
        rows_of = {name: interval(MADE, other if name in MOVED else k).get(name, []) for name in TABLES}
        times = {"time": interval(MADE, k)["clearing"][0]["time"]}
        tables = [(name, columns(name, [{**row, **times} for row in rows])) for name, rows in rows_of.items()]
        for name, kept in thinner.kept(k, tables) if asked else tables:
            store.append(name, kept)
    store.close()
    write_summary(folder, summarise(folder, meta(MADE)))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_in(tmp_path_factory.mktemp("thinned"), ASKED)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_in(tmp_path_factory.mktemp("whole"), "")


def test_the_summary_is_that_of_all_intervals(folder: Path, whole: Path) -> None:
    thinned, all_of_them = (json.loads((path / "summary.json").read_text()) for path in (folder, whole))
    said = thinned.pop("thinned")
    assert said == {**dict.fromkeys(("buses", "lines", "pipes", "plants", "heat_exchanges"), 4), **SILENT}
    assert all_of_them.pop("thinned") == {}
    assert thinned == all_of_them
    assert thinned["complete"]


SILENT = dict.fromkeys(("transformers", "junctions"), 0)


def test_what_was_asked_for_is_stored_and_the_rest_is_counted(folder: Path, whole: Path) -> None:
    run, other = read(folder), read(whole)
    asked = run["buses"]["time"].unique()
    begins = other["buses"]["time"].unique()
    assert set(begins[::4]) <= set(asked) < set(begins)
    counted = run[THINNED].set_index(["table", "time"])
    for name in NETWORK_OF:
        there, found = (one[name]["time"].value_counts().sort_index() for one in (other, run))
        if not len(there):
            continue
        pd.testing.assert_series_equal(counted.loc[name, "rows"], there, check_names=False)
        rows = counted.loc[name]
        pd.testing.assert_series_equal(rows.loc[rows["stored"], "rows"], found, check_names=False)
        shared = other[name][other[name]["time"].isin(found.index)].reset_index(drop=True)
        pd.testing.assert_frame_equal(run[name], shared)
    assert run.thinned == run.summary["thinned"]
    for name in set(run) - set(NETWORK_OF) - {THINNED}:
        pd.testing.assert_frame_equal(run[name], other[name])


def test_it_is_said_wherever_results_are_told(folder: Path, whole: Path, tmp_path: Path) -> None:
    text = rebuild_report(folder).path.read_text()
    assert "Stored of junctions, transformers: only the intervals of worst values" in text
    assert "Stored of buses, heat_exchanges, lines, pipes, plants: one interval in 4." in render(read(folder).summary)
    assert "one interval in 4" in read(folder)._repr_html_()
    assert "one interval in 4" not in render(read(whole).summary) + read(whole)._repr_html_()
    for form in ("csv", "geojson"):
        exported = export(folder, form, out=tmp_path / f"out.{form}")
        assert any("one interval in 4" in remark for remark in exported.remarks)
    panel, all_of_them = voltages(read(folder)), voltages(read(whole))
    assert panel is not None
    assert all_of_them is not None
    assert panel.note.startswith(all_of_them.note)
    assert "Stored of buses: one interval in 4." in panel.note
    assert duration_curve(read(folder), "voltage_min") is None, "for how many hours is not known"
    assert duration_curve(read(whole), "voltage_min") is not None


def test_only_what_both_have_stored_is_compared(folder: Path, whole: Path) -> None:
    (found,) = diff([whole, folder]).tables
    assert [(one.table, one.only_first, one.columns) for one in found] == [(THINNED, 0, ())]
    assert not diff([folder, folder]).tables[0]


@pytest.mark.parametrize(
    ("table", "change", "problem"),
    [
        ("buses", lambda rows: rows[rows["time"] != rows["time"].iloc[0]], "other rows than table thinned says in 1"),
        ("lines", lambda rows: rows.iloc[:-1], "other rows than table thinned says in 1"),
        (
            THINNED,
            lambda rows: rows[rows["time"] != rows["time"].iloc[-1]],
            "table buses: 1 of 9 intervals are missing",
        ),
        (
            THINNED,
            lambda rows: rows.assign(rows=rows["rows"] - ((rows["table"] == "pipes") & ~rows["stored"])),
            "table pipes: ",
        ),
    ],
)
def test_what_is_lost_is_missed(folder: Path, table: str, change: Any, problem: str) -> None:
    results = read_results(folder)
    assert not gaps(results, MADE.networks, MADE.steps)
    damaged = replace(results, tables={**results.tables, table: change(results[table]).reset_index(drop=True)})
    assert any(problem in gap for gap in gaps(damaged, MADE.networks, MADE.steps))


def test_an_interval_that_was_to_be_kept_has_to_be_there(folder: Path) -> None:
    results = read_results(folder)
    rows = results[THINNED]
    fifth = rows["time"].drop_duplicates().iloc[4]
    said = rows.assign(stored=rows["stored"] & (rows["time"] != fifth))
    without = {name: results[name][results[name]["time"] != fifth] for name in NETWORK_OF}
    damaged = replace(results, tables={**results.tables, **without, THINNED: said})
    assert "table buses: 1 intervals that were to be kept are not stored" in gaps(damaged, MADE.networks, MADE.steps)


def noisy(results: Results, seed: int) -> Results:
    """Voltages, loadings and temperatures at random, some of them equal, some not known."""
    rng = np.random.default_rng(seed)
    tables = dict(results.tables)
    begins = list(results["clearing"]["time"])
    for name in NETWORK_OF:
        order = dict(zip(begins, [begins[k] for k in rng.permutation(len(begins))], strict=True))
        moved = tables[name].assign(time=tables[name]["time"].map(order))
        tables[name] = moved.sort_values(list(TABLES[name].order), ignore_index=True)
    for name, column, low, high in (("buses", "vm_pu", 0.9, 1.1), ("lines", "loading_percent", 0, 120)):
        values = rng.uniform(low, high, len(tables[name])).round(2)
        tables[name] = tables[name].assign(**{column: np.where(rng.random(len(values)) < 0.1, np.nan, values)})
    return replace(results, tables=tables)


def until(results: Results, end: Any) -> Results:
    return replace(results, tables={name: rows[rows["time"] <= end] for name, rows in results.tables.items()})


def as_lists(results: Results, names: Iterable[str], times: Collection[Any]) -> dict[str, Any]:
    """Of tables what stands in some intervals, as it is sent."""
    rows = {name: results[name][results[name]["time"].isin(times)] for name in names}
    return {name: {column: list(values) for column, values in frame.items()} for name, frame in rows.items()}


@pytest.mark.parametrize("seed", range(5))
def test_worst_values_of_any_beginning_follow_from_what_is_kept(tmp_path: Path, seed: int) -> None:
    """Also where a bus has a limit of its own, and for a thinner that begins in mid-run with what is stored."""
    scenario = write_made(tmp_path, MADE) / "scenario.toml"
    scenario.write_text(scenario.read_text().replace("[market]", f"{OWN_LIMIT}[market]"))
    results = noisy(read_results(tmp_path), seed)
    facts = replace(results.facts, thinned=thinned_tables([], 1))
    thinner, kept = Thinner(facts, {}), {name: list[Any]() for name in facts.thinned}
    for k, begin in enumerate(results["clearing"]["time"]):
        if k == MADE.steps // 2:
            stored = {name: as_lists(results, [name], times)[name] for name, times in kept.items()}
            thinner = Thinner(facts, stored)
        for name, rows in thinner.kept(k, list(as_lists(results, facts.thinned, [begin]).items())):
            if name in kept and rows["time"]:
                kept[name].append(begin)
        part = until(results, begin)
        thinned = {name: rows[rows["time"].isin(kept.get(name, rows["time"]))] for name, rows in part.tables.items()}
        found = worst_values(replace(part, facts=facts, tables=thinned), MADE.networks)
        assert found == worst_values(part, MADE.networks)
    assert len(kept["buses"]) < MADE.steps


def test_every_limited_table_of_elements_may_be_thinned() -> None:
    assert set(NETWORK_OF) == {name for tables in ELEMENT_TABLES.values() for name in tables}
    assert thinned_tables(None, 1) == {}
    assert thinned_tables(list(NETWORK_OF), 1) == {}
    assert thinned_tables(["buses"], 2)["buses"] == 2


def test_tables_and_quantities_that_cannot_be_are_refused() -> None:
    asked = ['results.tables=["busses", "trades"]', "time.steps=2"]
    (fault,) = check("network1_electric", overrides=asked)
    assert (fault.place, fault.value) == ("results.tables", "'busses'")
    assert fault.remedy.startswith("Did you mean 'buses'? Known tables: buses, lines, transformers,")
    (fault,) = check("network1_electric", overrides=["results.every=0"])
    assert fault.place == "results.every"

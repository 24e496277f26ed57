"""What a sweep plans: values of keys, the run of each row, and what is refused."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading import shipped_scenarios
from mosaik_p2p.studies.sweep.axes import parsed_axes
from mosaik_p2p.studies.sweep.files import PLAN_FILE, prepare, read_plan
from mosaik_p2p.studies.sweep.pictures import panels_of
from mosaik_p2p.studies.sweep.plan import Row, Wanted, distinct, part_of, planned

SCENARIO = "network1_electric"
RATE = "charges.electricity.rate"


def values(text: str) -> tuple[str, ...]:
    (axis,), faults = parsed_axes([f"key={text}"])
    assert not faults
    return axis.values


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("0:0.1:0.02", ("0", "0.02", "0.04", "0.06", "0.08", "0.1")),
        ("1:0:-0.5", ("1", "0.5", "0")),
        ("1e3:3e3:1e3", ("1000", "2000", "3000")),
        ("1..4", ("1", "2", "3", "4")),
        ("-1..1", ("-1", "0", "1")),
        ("1,2.5,3", ("1", "2.5", "3")),
        ("p2p,none", ("p2p", "none")),
        ('"a,b","c"', ('"a,b"', '"c"')),
        ("true,false", ("true", "false")),
        ("7", ("7",)),
    ],
)
def test_values_are_those_that_are_meant(text: str, meant: tuple[str, ...]) -> None:
    assert values(text) == meant


@given(st.integers(-1000, 1000), st.integers(0, 50), st.integers(1, 999))
def test_steps_end_where_they_are_told_to(first: int, count: int, step: int) -> None:
    found = values(f"{first / 1000}:{(first + count * step) / 1000}:{step / 1000}")
    assert [round(float(value) * 1000) for value in found] == [first + number * step for number in range(count + 1)]


@pytest.mark.parametrize(
    "text", ["key", "=1", "a..b=1", "key=", "key=1,,2", "key=1,1", "key=0:1:0", "key=1:0:1", "key=5..1", "key=[1],[2]"]
)
def test_what_cannot_be_meant_is_a_fault(text: str) -> None:
    axes, faults = parsed_axes([text])
    assert not axes
    assert [fault.place for fault in faults] == ["--vary"]


def test_rows_are_all_combinations() -> None:
    rows = planned(Wanted(SCENARIO, (f"{RATE}=0,0.1", "scale.pv=1,2,3")))
    assert [tuple(row.varied.values()) for row in rows] == [(a, b) for a in ("0", "0.1") for b in ("1", "2", "3")]
    assert len({row.run for row in rows}) == len(rows)


def test_a_sample_is_the_same_every_time() -> None:
    wanted = Wanted(SCENARIO, (f"{RATE}=0:0.1:0.02", "scale.pv=1..3"), sample=4)
    first, second = planned(wanted), planned(wanted)
    assert first == second
    assert len(first) == 4
    assert {row.run for row in first} <= {row.run for row in planned(Wanted(SCENARIO, wanted.vary))}


def test_rows_of_a_table_leave_out_what_is_empty(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    table.write_text(f"{RATE},scale.pv\n0.05,\n,2\n", encoding="utf-8")
    rows = planned(Wanted(SCENARIO, table=table))
    assert [row.varied for row in rows] == [{RATE: "0.05"}, {"scale.pv": "2"}]


def test_the_run_follows_from_what_files_hold_and_not_from_where_they_lie(tmp_path: Path) -> None:
    ids = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        shipped = shipped_scenarios()[SCENARIO]
        for path in (shipped, shipped.with_name("network1.csv")):
            shutil.copy(path, folder)
        ids.append(planned(Wanted(folder / shipped.name, ("scale.pv=1",)))[0].run)
    assert ids[0] == ids[1]
    with (tmp_path / "two" / "network1.csv").open("a", encoding="utf-8") as file:
        file.write("\n")
    assert planned(Wanted(tmp_path / "two" / shipped.name, ("scale.pv=1",)))[0].run != ids[0]


def test_a_row_with_a_fault_is_a_row() -> None:
    good, bad = planned(Wanted(SCENARIO, ("scale.pv=1,-1",)))
    assert not good.faults
    assert bad.run == ""
    assert bad.faults
    assert list(distinct([good, bad])) == [good]


def test_where_no_row_can_be_run_the_scenario_is_at_fault() -> None:
    with pytest.raises(BadInput, match="nonsense"):
        planned(Wanted(SCENARIO, ("scale.pv=1,2",), overrides=("nonsense=1",)))


@pytest.mark.parametrize("wanted", [Wanted(SCENARIO), Wanted(SCENARIO, ("scale.pv=1",), sample=0)])
def test_what_varies_nothing_is_refused(wanted: Wanted) -> None:
    with pytest.raises(BadInput):
        planned(wanted)


def test_parts_are_the_whole() -> None:
    rows = [Row({}, (), str(number)) for number in range(7)]
    parts = [part_of(rows, f"{number}/3") for number in (1, 2, 3)]
    assert sorted(row.run for part in parts for row in part) == [row.run for row in rows]
    for text in ("0/3", "4/3", "1", "a/b", "1/0"):
        with pytest.raises(BadInput, match="--part"):
            part_of(rows, text)


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = planned(Wanted(SCENARIO, ("scale.pv=1,-1",)))
    prepare(tmp_path / "sweep", rows, {"scenario": SCENARIO})
    assert read_plan(tmp_path / "sweep") == (rows, {"scenario": SCENARIO})


def test_more_rows_go_on_with_a_sweep_and_others_do_not(tmp_path: Path) -> None:
    few, more, others = (planned(Wanted(SCENARIO, (f"scale.pv={text}",))) for text in ("1", "1,2", "2,3"))
    prepare(tmp_path, few, {})
    prepare(tmp_path, more, {})
    before = (tmp_path / PLAN_FILE).read_bytes()
    with pytest.raises(BadInput, match="another sweep: 1 of its 2 rows"):
        prepare(tmp_path, others, {})
    assert (tmp_path / PLAN_FILE).read_bytes() == before


def test_a_folder_with_anything_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="holds no sweep"):
        prepare(tmp_path, planned(Wanted(SCENARIO, ("scale.pv=1",))), {})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_seeds_alone_are_points_and_a_band() -> None:
    cost = [float(number) for number in range(11)]
    table = pd.DataFrame({"run": "r", "status": "complete", "seed": range(11), "system_cost.market": cost})
    panel = next(panel for panel in panels_of(table, ["seed"], "EUR") if panel.title == "System cost")
    high, low, middle, points = panel.figure.data
    assert (list(low.y), list(middle.y), list(high.y)) == ([1.0, 1.0], [5.0, 5.0], [9.0, 9.0])
    assert points.mode == "markers"
    assert list(points.y) == cost
    assert "band" in panel.note


def test_seeds_under_another_key_are_its_bands() -> None:
    rows = [(seed, scale, 10.0 * scale + seed) for seed in range(11) for scale in (1, 2)]
    table = pd.DataFrame(rows, columns=["seed", "scale.pv", "system_cost.market"]).assign(status="complete")
    panel = next(panel for panel in panels_of(table, ["seed", "scale.pv"], "EUR") if panel.title == "System cost")
    high, low, middle = panel.figure.data
    assert (list(low.y), list(middle.y), list(high.y)) == ([11.0, 21.0], [15.0, 25.0], [19.0, 29.0])

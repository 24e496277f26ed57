"""A run takes its folder: alone, and nobody's file is lost."""

import functools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from made_results import BROKEN_OFF, SMALL, Made, write_made, write_tables
from mosaik_p2p.errors import BadInput
from mosaik_p2p.results.accounts.counterfactuals import counterfactual_folder
from mosaik_p2p.results.claiming import claimed_counterfactual, claimed_folder
from mosaik_p2p.results.store.cases import WITHOUT_CHARGES
from mosaik_p2p.results.store.completeness import gaps
from mosaik_p2p.results.store.folder import COUNTERFACTUALS_FOLDER, PLAIN_FILES, TABLE_NAMES
from mosaik_p2p.results.store.integrity import damages
from mosaik_p2p.results.store.lock import LOCK_FILE, locked
from mosaik_p2p.results.store.mark import MARK_FILE, NotWritten, ResultFolder, read_mark, result_folder, start_mark
from mosaik_p2p.results.store.parts import ResultStore, merge_tables, read_table
from mosaik_p2p.results.store.reading import read_results
from mosaik_p2p.results.summary import NOT_ENDED, read_summary, write_summary

FOREIGN_FOLDERS = 60
TINY = replace(SMALL, prosumers=2, steps=2, steps_computed=2, buses=2)
DEAD = replace(TINY, steps=3, is_closed=False)


def claim(folder: Path, *, inputs: tuple[Path, ...] = ()) -> None:
    with claimed_folder(folder, overwrite=True, inputs=inputs):
        pass


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {MARK_FILE, LOCK_FILE}


def test_a_new_folder_is_created_with_its_parents(tmp_path: Path) -> None:
    with claimed_folder(tmp_path / "a" / "b", overwrite=False) as folder:
        assert folder.is_there()
    mark = read_mark(tmp_path / "a" / "b")
    assert mark is not None
    assert mark.pid == os.getpid()


@pytest.mark.parametrize("name", ["notes.txt", "scenario.toml", "summary.json", "inputs.parquet", "run.jsonl", ".lock"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_others_is_refused_and_overwriting_is_not_offered(
    tmp_path: Path, name: str, overwrite: bool
) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(BadInput, match="is not empty") as refused, claimed_folder(tmp_path, overwrite=overwrite):
        pass
    assert "--overwrite" not in str(refused.value)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "mine"}


def test_an_earlier_run_is_replaced_only_if_that_is_asked_for(tmp_path: Path) -> None:
    write_made(tmp_path, TINY)
    before = names(tmp_path)
    with pytest.raises(BadInput, match=r"holds the results of an earlier run.*report .*--overwrite"):  # noqa: SIM117
        with claimed_folder(tmp_path, overwrite=False):
            pass
    assert names(tmp_path) == before
    (tmp_path / "notes.txt").write_text("mine")
    claim(tmp_path)
    assert names(tmp_path) == {"notes.txt"}


@pytest.mark.parametrize("made", [TINY, DEAD, replace(DEAD, steps_computed=0)])
def test_nothing_of_an_earlier_run_stays(tmp_path: Path, made: Made) -> None:
    write_made(tmp_path, made)
    mark = read_mark(tmp_path)
    assert mark is not None
    (tmp_path / f".report.html.{mark.run}.tmp").write_text("half a repo")
    (tmp_path / "error.log").write_text("Traceback (most recent call last):\n")
    claim(tmp_path)
    assert names(tmp_path) == set()


def test_results_without_a_mark_are_read_but_not_removed(tmp_path: Path) -> None:
    write_made(tmp_path, TINY)
    (tmp_path / MARK_FILE).unlink()
    before = names(tmp_path)
    with pytest.raises(BadInput, match="without the mark of a run") as refused:
        claim(tmp_path)
    assert "--overwrite" not in str(refused.value)
    assert names(tmp_path) == before
    assert len(read_table(tmp_path, "clearing")) == TINY.steps


def test_a_dead_run_says_how_far_it_got_and_its_summary_counts(tmp_path: Path) -> None:
    write_made(tmp_path, BROKEN_OFF)
    write_summary(tmp_path, {**read_summary(tmp_path), "cause": NOT_ENDED, "steps_computed": 0})
    with pytest.raises(BadInput, match=r"broke off in it, 4 of 6 intervals.*mosaik-p2p report.*--overwrite"):  # noqa: SIM117
        with claimed_folder(tmp_path, overwrite=False):
            pass
    assert json.loads((tmp_path / "summary.json").read_text())["steps_computed"] == 4


@functools.cache
def original(made: Made) -> Path:
    """A made folder to copy, which is faster than making one."""
    return write_made(Path(tempfile.mkdtemp()) / "made", made)


def copied(folder: Path, made: Made) -> Path:
    return shutil.copytree(original(made), folder)


def own_folder(folder: Path, draw: random.Random) -> list[Path]:
    """A folder of the user's with names that a run has too."""
    folder.mkdir()
    some = draw.sample([*PLAIN_FILES, *TABLE_NAMES, MARK_FILE, "notes.txt"], k=draw.randint(1, 4))
    return [folder / name for name in some]


def among_results(folder: Path, draw: random.Random) -> list[Path]:
    """Beside the results of a run."""
    copied(folder, draw.choice([TINY, DEAD]))
    (folder / "plots").mkdir()
    return [folder / draw.choice(["notes.txt", "my.parquet", ".DS_Store", "run.json"]), folder / "plots" / "a.png"]


def under_a_name_of_a_run(folder: Path, draw: random.Random) -> list[Path]:
    """Instead of a file that the run has written, or one that it could have."""
    copied(folder, TINY)
    return [folder / draw.choice([*PLAIN_FILES, *TABLE_NAMES])]


def in_a_table(folder: Path, draw: random.Random) -> list[Path]:
    """Among the parts of a run that died."""
    copied(folder, DEAD)
    inner = folder / draw.choice(["lines.parquet", "trades.parquet", "clearing.parquet"])
    return [inner / draw.choice([".DS_Store", "notes.txt", "part-00007.parquet", ".part-00003.parquet.tmp"])]


def in_counterfactuals(folder: Path, draw: random.Random) -> list[Path]:
    """In the folder of counterfactual runs, or of one of them."""
    copied(folder, TINY)
    inner = copied(counterfactual_folder(folder, WITHOUT_CHARGES), TINY)
    return [draw.choice([inner, inner.parent]) / draw.choice(["notes.txt", "without_negotiation", "summary.json"])]


PLACES: tuple[Callable[[Path, random.Random], list[Path]], ...] = (
    own_folder,
    among_results,
    under_a_name_of_a_run,
    in_a_table,
    in_counterfactuals,
)


def test_no_foreign_file_is_lost(tmp_path: Path) -> None:
    """Refused or not: every file is where it was, and a folder that was taken has no row of the earlier run."""
    draw, taken = random.Random(50), 0
    for number in range(FOREIGN_FOLDERS):
        folder = tmp_path / str(number)
        foreign = PLACES[number % len(PLACES)](folder, draw)
        for path in foreign:
            path.unlink(missing_ok=True)
            path.write_text(f"mine {number}")
        try:
            claim(folder)
        except BadInput as refused:
            assert str(folder) in str(refused)  # noqa: PT017
        else:
            taken += 1
            store = ResultStore(folder)
            store.close()
            assert read_table(folder, "lines").empty
        assert [path.read_text() for path in foreign] == [f"mine {number}"] * len(foreign), folder
    assert 0 < taken < FOREIGN_FOLDERS


def test_what_others_put_among_the_parts_is_neither_read_nor_lost(tmp_path: Path) -> None:
    write_made(tmp_path, DEAD)
    part = tmp_path / "lines.parquet" / "part-00099.parquet"
    part.write_bytes((tmp_path / "lines.parquet" / "part-00000.parquet").read_bytes())
    rows = len(read_table(tmp_path, "lines"))
    assert rows == 2 * (TINY.buses - 1)
    merge_tables(result_folder(tmp_path))
    assert len(read_table(tmp_path, "lines")) == rows
    assert [path.name for path in (tmp_path / "lines.parquet.kept").iterdir()] == ["part-00099.parquet"]


def linked_by_name(folder: Path, _: Path) -> Path:
    return folder / "inputs.csv"


def linked_by_case(folder: Path, elsewhere: Path) -> Path:
    (elsewhere / "link").symlink_to(folder)
    return elsewhere / "link" / "inputs.csv"


def linked_by_dots(folder: Path, elsewhere: Path) -> Path:
    return elsewhere / ".." / folder.name / "inputs.csv"


def linked_from_outside(folder: Path, elsewhere: Path) -> Path:
    (elsewhere / "inputs.csv").symlink_to(folder / "inputs.csv")
    return elsewhere / "inputs.csv"


@pytest.mark.parametrize("way", [linked_by_name, linked_by_case, linked_by_dots, linked_from_outside])
def test_a_folder_that_holds_an_input_is_refused(tmp_path: Path, way: Callable[[Path, Path], Path]) -> None:
    folder, elsewhere = write_made(tmp_path / "run", TINY), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "inputs.csv").write_text("mine")
    before = names(folder)
    with pytest.raises(BadInput, match="is an input of this run"):
        claim(folder, inputs=(way(folder, elsewhere),))
    assert names(folder) == before
    with pytest.raises(BadInput) as refused, claimed_folder(folder, overwrite=False, inputs=(folder / "inputs.csv",)):
        pass
    assert "--overwrite" not in str(refused.value)


@pytest.mark.parametrize("name", ["summary.json", "report.html", "lines.parquet", COUNTERFACTUALS_FOLDER, LOCK_FILE])
def test_nothing_is_written_or_removed_through_a_link(tmp_path: Path, name: str) -> None:
    folder, target = write_made(tmp_path / "run", TINY), tmp_path / "target"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    where = target if name in ("lines.parquet", COUNTERFACTUALS_FOLDER) else target / "mine.txt"
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(where)
    with pytest.raises(BadInput):
        claim(folder)
    assert (folder / name).is_symlink()
    assert (target / "mine.txt").read_text() == "mine"


def test_other_names_of_a_file_keep_what_it_held(tmp_path: Path) -> None:
    folder, other = write_made(tmp_path / "run", TINY), tmp_path / "kept.json"
    other.hardlink_to(folder / "summary.json")
    kept = other.read_text()
    claim(folder)
    result_folder(folder).write("summary.json", b"new")
    assert other.read_text() == kept


def test_two_runs_of_one_folder_are_told_apart(tmp_path: Path) -> None:
    with claimed_folder(tmp_path / "run", overwrite=False):
        with pytest.raises(BadInput, match=rf"in use by another run \(process {os.getpid()} on .*, since 2") as refused:
            claim(tmp_path / "run")
        inner = counterfactual_folder(tmp_path / "run", WITHOUT_CHARGES)
        with pytest.raises(BadInput, match="in use by another run"):
            claim(inner)
        with claimed_counterfactual(inner) as beside:
            assert beside.is_there()
    assert "--overwrite" not in str(refused.value)
    claim(tmp_path / "run")


def test_a_counterfactual_run_that_goes_on_is_not_removed(tmp_path: Path) -> None:
    write_made(tmp_path, TINY)
    inner = write_made(counterfactual_folder(tmp_path, WITHOUT_CHARGES), TINY)
    with locked(inner), pytest.raises(BadInput, match="in use"):
        claim(tmp_path)
    assert (tmp_path / "summary.json").exists()


def test_the_lock_of_a_killed_process_is_nobodys(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from mosaik_p2p.results.claiming import claimed_folder\n"
        "with claimed_folder(Path(sys.argv[1]), overwrite=False):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BadInput, match=f"process {holder.pid} on"):
            claim(tmp_path / "run")
        holder.kill()
    claim(tmp_path / "run")


def test_a_folder_that_was_removed_or_taken_gets_no_file(tmp_path: Path) -> None:
    store = ResultStore(write_made(tmp_path / "run", replace(DEAD, steps_computed=0)))
    (tmp_path / "run").rename(tmp_path / "away")
    with pytest.raises(NotWritten, match="was removed"):
        store.folder.write("summary.json", b"{}")
    (tmp_path / "run").mkdir()
    start_mark(tmp_path / "run")
    with pytest.raises(NotWritten, match="taken by another run"):
        store.folder.write("summary.json", b"{}")
    assert names(tmp_path / "run") == set()


def test_a_file_that_cannot_be_written_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ResultFolder(tmp_path, start_mark(tmp_path))
    folder.write("summary.json", b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    for step in ("replace", "_append"):
        with monkeypatch.context() as patched:
            owner: object = Path if step == "replace" else sys.modules["mosaik_p2p.results.store.mark"]
            patched.setattr(owner, step, full)
            with pytest.raises(NotWritten, match=r"summary\.json could not be written: No space left"):
                folder.write("summary.json", b"new")
        assert names(tmp_path) == {"summary.json"}
        assert (tmp_path / "summary.json").read_bytes() == b"old"
        assert damages(tmp_path) == []


def test_a_line_of_the_mark_that_was_cut_off_is_none(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path, start_mark(tmp_path))
    folder.write("summary.json", b"old")
    path = tmp_path / MARK_FILE
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"file": "scen')
    assert damages(tmp_path) == []
    path.write_bytes(whole.replace(b'"bytes"', b'"bytes'))
    assert [damage.path for damage in damages(tmp_path)] == [path]


@pytest.mark.parametrize(
    "table", ["prosumers", "devices", "inputs", "flows", "buses", "lines", "pipes", "heat_exchanges"]
)
def test_a_table_without_an_interval_is_a_gap(tmp_path: Path, table: str) -> None:
    write_tables(tmp_path, SMALL, lambda tables, k: tables[table].clear() if k == 3 else None)
    found = gaps(read_results(tmp_path), SMALL.networks, SMALL.steps)
    # Without its dispatch or its flows, an interval is none that was computed.
    told = "only 5 of 6" if table in ("prosumers", "flows") else f"table {table}"
    assert any(told in text for text in found), found


def test_a_whole_run_has_no_gap(tmp_path: Path) -> None:
    write_made(tmp_path, SMALL)
    assert gaps(read_results(tmp_path), SMALL.networks, SMALL.steps) == []

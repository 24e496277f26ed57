"""What an interval costs to store does not grow with the intervals before it; counted, not timed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from made_results import SMALL, write_made
from mosaik_p2p.results.store import mark, parts
from mosaik_p2p.results.store.mark import MARK_FILE, ResultFolder, start_mark
from mosaik_p2p.results.store.parts import ResultStore, read_table
from mosaik_p2p.results.store.reading import read_raw
from mosaik_p2p.results.store.resume_point import Phase, begin_point, move_point, read_point
from mosaik_p2p.sims import recorder

START = datetime(2017, 1, 1, tzinfo=UTC)
HUNDREDS = 250


class Work:
    """Counts lines of marks that are parsed, and bytes of files that are read and written whole."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.lines = self.bytes = 0
        parse, read, put = mark._parsed, Path.read_bytes, mark._write_new

        def parsed(line: bytes) -> Any:
            self.lines += 1
            return parse(line)

        def read_whole(path: Path) -> bytes:
            data = read(path)
            self.bytes += len(data)
            return data

        def put_new(path: Path, data: bytes) -> None:
            self.bytes += len(data)
            put(path, data)

        patch.setattr(mark, "_parsed", parsed)
        patch.setattr(Path, "read_bytes", read_whole)
        patch.setattr(mark, "_write_new", put_new)

    def done(self) -> tuple[int, int]:
        """Since the last call."""
        found, self.lines, self.bytes = (self.lines, self.bytes), 0, 0
        return found


def row(interval: int) -> dict[str, list[Any]]:
    return {
        "time": [START + timedelta(hours=interval)],
        "network": ["heat"],
        "round": [0],
        "status": ["ok"],
        "cause": [None],
        "iterations": [1],
        "slack_kw": [1.5],
        "loss_kw": [0.5],
        "pump_kw": [None],
    }


def test_a_write_costs_the_same_after_hundreds_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ResultFolder(tmp_path, start_mark(tmp_path))
    begin_point(folder)
    store, work, found = ResultStore(tmp_path), Work(monkeypatch), []
    for interval in range(HUNDREDS):
        store.append("flows", row(interval))
        store.flush()
        move_point(folder, Phase.RUNNING, interval=interval, state="{}")
        found.append(work.done())
    # Two writes, each with a look at the first line of the mark, and another for the point.
    assert {lines for lines, _ in found} == {3}
    # The point says how long the mark is: a few digits more.
    assert max(size for _, size in found) - min(size for _, size in found) < 100
    assert read_table(tmp_path, "flows")["time"].nunique() == HUNDREDS


def test_a_point_names_what_was_stored_by_then(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path, start_mark(tmp_path))
    begin_point(folder)
    store = ResultStore(tmp_path)
    for interval in range(3):
        store.append("flows", row(interval))
        store.flush()
        if interval == 1:
            move_point(folder, Phase.RUNNING, interval=2, state="{}")
    point = read_point(tmp_path)
    assert point is not None
    assert sorted(point.files) == ["flows.parquet/part-00000.parquet", "flows.parquet/part-00001.parquet"]


@pytest.mark.parametrize("harm", ["cut", "shifted", "edited"])
def test_a_mark_that_does_not_fit_the_point_is_refused(tmp_path: Path, harm: str) -> None:
    folder = ResultFolder(tmp_path, start_mark(tmp_path))
    begin_point(folder)
    store = ResultStore(tmp_path)
    store.append("flows", row(0))
    store.flush()
    move_point(folder, Phase.RUNNING, interval=1, state="{}")
    path = tmp_path / MARK_FILE
    header, begun, part, moved = path.read_bytes().splitlines(keepends=True)
    lines = {
        "cut": [header, begun],
        "shifted": [header, begun.replace(b'"bytes": ', b'"bytes":   '), part, moved],
        "edited": [header, begun, part.replace(b"{", b"["), moved],
    }
    path.write_bytes(b"".join(lines[harm]))
    with pytest.raises(ValueError, match="does not fit the mark"):
        read_point(tmp_path)


def test_a_long_run_is_stored_in_a_bounded_number_of_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    def parts(steps: int) -> float:
        monkeypatch.setattr(recorder, "anew_intervals", lambda _: 12)
        time = type("Time", (), {"steps": steps})
        case: Any = type("Case", (), {"scenario": type("Scenario", (), {"time": time})})
        every = recorder.flush_intervals(case)
        assert every % 12 == 0
        return steps / every

    assert [parts(steps) for steps in (12, 720)] == [1, 60]
    assert all(parts(steps) <= recorder.MOST_PARTS for steps in (732, 8760, 35040, 87600))


def test_tables_are_read_with_one_look_at_the_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_made(tmp_path, replace(SMALL, steps_computed=2, is_closed=False))
    looks: list[Path] = []
    read = parts.read_mark
    monkeypatch.setattr(parts, "read_mark", lambda folder: looks.append(folder) or read(folder))
    read_raw(tmp_path)
    assert looks == [tmp_path]

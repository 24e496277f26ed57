"""A run that goes on where it was stopped: its tables are those of a run that was not, to the last digit.

What a killed process leaves is what lay in the folder at that moment: instead of killing one, the folder is copied
before each of its files takes its place.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import made_scenario
from mosaik_p2p import cosim
from mosaik_p2p.cosim import ExitCode, RunOutcome, run
from mosaik_p2p.errors import BadInput
from mosaik_p2p.market.over_time.kept_state import NotKept, state_of, text_of
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.results import conclusion, resuming
from mosaik_p2p.results.resuming import Stopped
from mosaik_p2p.results.store import mark
from mosaik_p2p.results.store.resume_point import Phase, read_point
from mosaik_p2p.results.summary import NOT_ENDED
from mosaik_p2p.sims import shared

takes_minutes = pytest.mark.skipif("MOSAIK_P2P_LONG" not in os.environ, reason="takes minutes: MOSAIK_P2P_LONG=1")
EVERY = 2
"""Intervals from one begin to the next, instead of twelve."""
pytestmark = [pytest.mark.slow, pytest.mark.once]
OURS = frozenset({"mosaik_p2p"})


@dataclass(frozen=True)
class Whole:
    """A run that nobody has stopped, and what lay in its folder before each of its files took its place."""

    scenario: Path
    outcome: RunOutcome
    before: tuple[Path, ...]

    def at(self, phase: Phase, interval: int = 0) -> list[Path]:
        """The copies made while the run could have gone on from there."""
        points = [(path, read_point(path)) for path in self.before]
        return [path for path, point in points if point and (point.phase, point.interval) == (phase, interval)]


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    quickly(monkeypatch)


def quickly(patch: pytest.MonkeyPatch) -> None:
    """A begin anew soon, and no report, which takes longer than the run and is read off what is compared here."""
    patch.setattr(shared, "ANEW_INTERVALS", EVERY)
    patch.setattr(conclusion, "build_report", lambda *_: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Two intervals, a begin anew, and a last one, towards noon; partners remember each other."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        quickly(patch)
        yield watched(folder, made_scenario.write(folder, remembering, frame=made_scenario.series(20)), patch)


def remembering(scenario: dict[str, Any]) -> None:
    scenario["market"]["reputation"] = {"benefit_per_kwh": 0.01, "growth": 0.1}
    # What is left out of the second interval on depends on the worst values before.
    scenario["results"] = {"tables": ["buses"], "every": 2}
    scenario["time"] |= {"start": datetime.fromisoformat("2017-03-21T10:00:00+01:00"), "steps": 3}
    del scenario["networks"]["heat"]
    made_scenario.device(scenario, "A", "pv")["peak_kw"] = 400.0


def watched(folder: Path, scenario: Path, patch: pytest.MonkeyPatch, **options: Any) -> Whole:
    """The run of a scenario, its folder copied before each of its files takes its place."""
    copies: list[Path] = []
    put, out = mark._replace, folder / "out"

    def copying(place: Path, run_id: str, data: bytes, noted: Any) -> None:
        copies.append(folder / f"before-{len(copies):03d}")
        shutil.copytree(out, copies[-1])
        put(place, run_id, data, noted)

    patch.setattr(mark, "_replace", copying)
    outcome = run(scenario, out=out, progress=False, **options)
    patch.setattr(mark, "_replace", put)
    assert outcome.exit_code is ExitCode.COMPLETE
    return Whole(scenario, outcome, tuple(copies))


def resumed(whole: Whole, copy: Path, folder: Path, **options: Any) -> RunOutcome:
    shutil.copytree(copy, folder / "out")
    return run(whole.scenario, out=folder / "out", resume=True, progress=False, **options)


def assert_same(whole: RunOutcome, other: RunOutcome) -> None:
    """The same files, tables and summaries, the time that was taken aside."""
    names = [{path.relative_to(run.folder) for path in run.folder.rglob("*")} for run in (whole, other)]
    assert names[0] == names[1]
    for path in whole.folder.rglob("*.parquet"):
        assert pq.read_table(path).equals(pq.read_table(other.folder / path.relative_to(whole.folder))), path.name
    summaries = [{**run.summary, "wall_s": None} for run in (whole, other)]
    assert summaries[0] == summaries[1]


@pytest.mark.parametrize(
    ("phase", "interval", "which"),
    [
        (Phase.RUNNING, 2, 0.9),
        (Phase.RECORDED, 0, 0.8),
        pytest.param(Phase.FOLLOWED, 0, 0.3, marks=takes_minutes),
    ],
)
def test_tables_are_those_of_a_run_that_was_not_stopped(
    whole: Whole, phase: Phase, interval: int, which: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = whole.at(phase, interval)
    begun: list[int] = []
    take = cosim.co_simulate

    def noting(*args: Any, **options: Any) -> Any:
        begun.append(options["point"].interval)
        return take(*args, **options)

    monkeypatch.setattr(cosim, "co_simulate", noting)
    assert_same(whole.outcome, resumed(whole, copies[int(which * len(copies))], tmp_path))
    assert begun == ([interval] if phase is Phase.RUNNING else [])


def test_a_run_that_was_interrupted_goes_on(whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        # Two intervals are written then; what broke off has a summary, and its tables stay in parts.
        patch.setattr(cosim, "progress_shown", interrupting)
        with pytest.raises(KeyboardInterrupt):
            run(whole.scenario, out=tmp_path / "out", progress=False)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["steps_computed"], summary["cause"]) == (2, "interrupted by the user")
    assert_same(whole.outcome, run(whole.scenario, out=tmp_path / "out", resume=True, progress=False))


@contextlib.contextmanager
def interrupting(*_: Any, **__: Any) -> Iterator[Any]:
    """In the place of what shows progress: an interrupt in the second interval that is told."""
    told: list[None] = []

    def on_interval() -> None:
        told.append(None)
        if len(told) == 2:
            raise KeyboardInterrupt

    yield on_interval


def test_what_is_complete_stays_as_it_is(whole: Whole, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(whole.outcome.folder, tmp_path / "out")
    written = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.parquet")}
    outcome = run(whole.scenario, out=tmp_path / "out", resume=True)
    assert outcome.exit_code is ExitCode.COMPLETE
    assert "made: complete, there is nothing to resume" in capfd.readouterr().err
    assert written == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.parquet")}


@pytest.mark.parametrize(
    ("options", "place", "problem", "is_complete"),
    [
        ({"steps": 4}, "time.steps", "has 3: another scenario cannot go on with it", True),
        ({"overrides": ["scale.load=1.5"]}, "scale.load", "has 1.0: another scenario", False),
        ({"overwrite": True}, "--resume", "contradicts --overwrite", False),
    ],
)
def test_another_run_is_refused(
    whole: Whole, options: dict[str, Any], place: str, problem: str, is_complete: bool, tmp_path: Path
) -> None:
    copy = whole.outcome.folder if is_complete else whole.at(Phase.RUNNING, 2)[0]
    with pytest.raises(BadInput) as refused:
        resumed(whole, copy, tmp_path, **options)
    assert [(fault.place, problem in fault.problem) for fault in refused.value.faults] == [(place, True)]


def test_other_inputs_versions_and_files_are_refused(whole: Whole, tmp_path: Path) -> None:
    copy = whole.at(Phase.RUNNING, 2)[0]
    series = whole.scenario.parent / "series.csv"
    text = series.read_text()
    try:
        series.write_text(text.replace("10.0", "10.5", 1))
        with pytest.raises(BadInput, match=r"input file = series.csv: is not as it was when the run began"):
            resumed(whole, copy, tmp_path / "inputs")
    finally:
        series.write_text(text)
    shutil.copytree(copy, tmp_path / "other")
    summary = json.loads((tmp_path / "other" / "summary.json").read_text())
    summary["versions"]["numpy"] = "0.9"
    (tmp_path / "other" / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(BadInput, match=r"version of numpy = .*: the run began with 0.9"):
        resumed(whole, tmp_path / "other", tmp_path / "versions")
    shutil.copytree(copy, tmp_path / "damaged")
    part = next((tmp_path / "damaged" / "prosumers.parquet").iterdir())
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(BadInput, match=r"part-00000.parquet has been changed"):
        resumed(whole, tmp_path / "damaged", tmp_path / "files")


def test_simulators_of_others_leave_nothing_to_go_on_from(whole: Whole, tmp_path: Path) -> None:
    shutil.copytree(whole.at(Phase.RUNNING, 2)[0], tmp_path / "without")
    (tmp_path / "without" / "resume.json").unlink()
    with pytest.raises(BadInput, match="says nothing about from where its run can go on"):
        resumed(whole, tmp_path / "without", tmp_path)


@takes_minutes
@pytest.mark.parametrize(
    "changes",
    [
        ["time.clearing=day_ahead", "time.horizon_steps=2"],
        ["market.design=envelopes"],
        ["market.form=auto", "negotiation.enabled=true", "settlement.counterfactuals=['alone', 'without_charges']"],
    ],
)
def test_every_market_goes_on(changes: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = made_scenario.write(tmp_path, made_scenario.own_everything)
    stopped = watched(tmp_path, scenario, monkeypatch, overrides=[*changes, "time.steps=5"])
    # Also within the runs beside it, and while tables are merged.
    copies = random.Random(1).sample(stopped.before, 4)
    for number, copy in enumerate([stopped.at(Phase.RUNNING, 4)[0], *copies]):
        other = resumed(stopped, copy, tmp_path / f"again-{number}", overrides=[*changes, "time.steps=5"])
        assert_same(stopped.outcome, other)


def test_time_is_that_of_all_parts(whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = whole.at(Phase.RUNNING, 2)[-1]
    point = read_point(copy)
    assert point is not None
    assert 0.0 < point.wall_s["market"] < whole.outcome.summary["wall_s"]["market"]
    # Of a part that ended, its summary has all; of one that was killed the point has what follows.
    own = mark.read_mark(copy)
    assert own is not None
    killed = {"cause": NOT_ENDED, "wall_s": {"market": 1000.0, "other": 5.0}}
    assert Stopped(own, point, {**killed, "cause": "interrupted"}).spent_s == killed["wall_s"]
    spent_s = Stopped(own, point, killed).spent_s
    assert spent_s == {"other": 5.0, **point.wall_s, "market": 1000.0 + point.wall_s["market"]}
    long_before = replace(point, wall_s={"market": 1000.0, "electric": 500.0})
    monkeypatch.setattr(resuming, "read_point", lambda _: long_before)
    found = resumed(whole, copy, tmp_path).summary["wall_s"]
    assert (found["market"] > 1000.0, found["electric"] > 500.0, 0.0 < found["other"] < 500.0) == (True, True, True)


def test_a_report_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the runs beside it, which it shows."""
    built: list[Path] = []
    monkeypatch.setattr(conclusion, "build_report", lambda folder, _: built.append(folder))
    scenario = made_scenario.write(tmp_path, remembering, frame=made_scenario.series(20))
    alone = ["settlement.counterfactuals=['alone']", "time.steps=1"]
    run(scenario, out=tmp_path / "alone", progress=False, overrides=alone)
    assert built == [tmp_path / "alone"]
    beside = ["settlement.counterfactuals=['without_charges']", "time.steps=1"]
    run(scenario, out=tmp_path / "out", progress=False, overrides=beside)
    assert [folder.name for folder in built[1:]] == ["without_charges", "out"]
    run(scenario, out=tmp_path / "none", progress=False, report=False, overrides=beside)
    assert len(built) == 3


def test_a_state_is_read_as_it_was_written() -> None:
    numbers = np.random.default_rng(1).normal(size=(2, 3)).T
    state = {"a": (ProsumerState({"battery": 0.1 + 0.2}, {}, 3), Phase.RUNNING), 2: [numbers, None, frozenset({"b"})]}
    found = state_of(text_of(state), packages=OURS)
    assert found["a"] == state["a"]
    assert type(found["a"][1]) is Phase
    array, nothing, names = found[2]
    assert (array.tobytes(), nothing, names) == (np.ascontiguousarray(numbers).tobytes(), None, frozenset({"b"}))


@pytest.mark.parametrize(
    "text",
    [
        '{"kind":"dataclass","class":"subprocess:Popen","fields":{"args":"true"}}',
        '{"kind":"dataclass","class":"mosaik_p2p.files:write_whole","fields":{}}',
        '{"kind":"array","dtype":"|O","shape":[1],"data":"AAAAAAAAAAA="}',
        '{"kind":"other"}',
        "[",
    ],
)
def test_a_stored_state_makes_values_and_nothing_else(text: str) -> None:
    with pytest.raises(NotKept):
        state_of(text, packages=OURS)


def test_what_has_no_text_is_refused() -> None:
    with pytest.raises(NotKept, match="a object cannot be stored"):
        text_of((1, object()))


@takes_minutes
@pytest.mark.parametrize(
    ("name", "steps"), [("network2_congested", 24), ("schutterwald_winter", 48)], ids=["congested", "village"]
)
def test_killed_at_random_moments(name: str, steps: int, tmp_path: Path) -> None:
    """The process itself is killed, by a signal that nobody can answer; negotiated, as the scenario states it."""
    command = [sys.executable, "-m", "mosaik_p2p", "run", name, "--quiet", f"--steps={steps}"]
    draw, whole = random.Random(1), tmp_path / "whole"
    subprocess.run([*command, "--out", str(whole)], check=True)
    for number in range(20):
        out = tmp_path / f"killed-{number}"
        kill_after([*command, "--out", str(out)], out / "run.jsonl", draw.randrange(2, _lines(whole / "run.jsonl")))
        subprocess.run([*command, "--out", str(out), "--resume"], check=True)
        for path in whole.rglob("*.parquet"):
            assert pq.read_table(path).equals(pq.read_table(out / path.relative_to(whole))), path.name


def kill_after(command: list[str], journal: Path, entries: int) -> None:
    """Run the command until that many files stand in the folder's mark, and kill it."""
    with subprocess.Popen(command) as process:
        while process.poll() is None and _lines(journal) < entries:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0

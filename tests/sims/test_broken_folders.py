"""Runs whose folder or streams come to harm: a message, the right exit code, nothing half-written under its name."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import flooded_folder
from mosaik_p2p import api
from mosaik_p2p.cli import main
from mosaik_p2p.cosim import ExitCode, RunOutcome, run
from mosaik_p2p.errors import BadInput, RunFailed
from mosaik_p2p.results.store.folder import REPORT_FILE, SCENARIO_FILE, SUMMARY_FILE
from mosaik_p2p.results.store.mark import MARK_FILE
from mosaik_p2p.sims.world import wiring
from whereabouts import SUPPORT

pytestmark = pytest.mark.once

MAIN = "from mosaik_p2p.cli import main; main()"
SHORT = ("time.start=2017-03-28T11:00:00+01:00", "time.horizon_steps=2")
ARGUMENTS = ("run", "network1_electric", "--steps", "3", *(part for key in SHORT for part in ("--set", key)))
HARMED = (
    "import sys; sys.path.insert(0, {tests!r}); from mosaik_p2p import cosim\n"
    "from mosaik_p2p.sims.world.wiring import SIMULATORS\n"
    "SIMULATORS['recorder'] = {{'python': 'flooded_folder:{kind}'}}\n"
)


def harmed_run(folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> RunOutcome:
    monkeypatch.setenv(flooded_folder.FOLDER, str(folder))
    recorder = {"recorder": {"python": f"flooded_folder:{kind}"}}
    return run("network1_electric", out=folder, steps=3, overrides=SHORT, progress=False, simulators=recorder)


def short_run(folder: Path) -> RunOutcome:
    """Of one interval, in the place of an earlier run."""
    return run("network1_electric", out=folder, steps=1, overrides=SHORT, progress=False, report=False, overwrite=True)


def command(folder: Path, before: str = "", shell: str = "", *options: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own; `before` is Python, `shell` redirections."""
    arguments = [sys.executable, "-c", before + MAIN, *ARGUMENTS, *options, "--out", str(folder)]
    environment = {**os.environ, flooded_folder.FOLDER: str(folder)}
    if shell:
        arguments = ["sh", "-c", f'exec "$@" {shell}', "sh", *arguments]
    return subprocess.run(arguments, env=environment, check=False, capture_output=True, text=True)


@dataclass(frozen=True)
class Told:
    """How a command ended, and what it said."""

    code: int
    stderr: str


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[Path], Told]:
    """The command line in this process: one of its own takes longer to begin than the run."""

    def run_here(folder: Path) -> Told:
        monkeypatch.setattr(sys, "argv", ["mosaik-p2p", *ARGUMENTS, "--out", str(folder)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Told(int(ended.value.code or 0), capsys.readouterr().err)

    return run_here


def assert_nothing_is_half(folder: Path) -> None:
    """Every file under its own name can be read, and no file of a run that ended is left under a hidden one."""
    for path in (path for path in folder.rglob("*") if path.is_file()):
        assert not path.name.endswith(".tmp"), path
        if path.suffix == ".parquet":
            pq.read_table(path)
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.name == REPORT_FILE:
            assert path.read_text().rstrip().endswith("</html>")
    summary = json.loads((folder / SUMMARY_FILE).read_text())
    assert not summary["complete"]


def test_trades_that_vanish_in_mid_run_are_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = harmed_run(tmp_path / "run", "WithoutTrades", monkeypatch)
    assert outcome.exit_code is ExitCode.INCOMPLETE
    assert not outcome.summary["complete"]
    assert "table trades" in outcome.summary["cause"]
    assert "is missing" in outcome.summary["cause"]
    assert json.loads((outcome.folder / SUMMARY_FILE).read_text())["complete"] is False


def test_a_folder_that_vanishes_in_mid_run_is_told_and_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RunFailed, match="was removed"):
        harmed_run(tmp_path / "run", "WithoutFolder", monkeypatch)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_another_run_has_taken_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunFailed, match="taken by another run"):
        harmed_run(tmp_path / "run", "Taken", monkeypatch)
    assert [path.name for path in (tmp_path / "run").iterdir()] == [MARK_FILE]
    assert len((tmp_path / "run" / MARK_FILE).read_text().splitlines()) == 1


def test_a_second_run_in_mid_run_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def try_it(folder: Path) -> None:
        with pytest.raises(BadInput) as refused:
            short_run(folder)
        told.append(str(refused.value))

    monkeypatch.setattr(flooded_folder.Slow, "tried", staticmethod(try_it))
    outcome = harmed_run(tmp_path / "run", "Slow", monkeypatch)
    assert outcome.exit_code is ExitCode.COMPLETE
    assert f"is in use by another run (process {os.getpid()} on " in told[0]


@pytest.mark.slow
def test_a_folder_that_vanishes_is_told_on_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: Callable[[Path], Told]
) -> None:
    monkeypatch.setenv(flooded_folder.FOLDER, str(tmp_path / "run"))
    monkeypatch.setitem(wiring.SIMULATORS, "recorder", {"python": "flooded_folder:WithoutFolder"})
    ended = here(tmp_path / "run")
    assert ended.code == 1
    assert "Incomplete: " in ended.stderr
    assert "was removed" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "kept" not in ended.stderr.replace("nothing is kept", "")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_killed_run_says_at_the_next_how_far_it_got(tmp_path: Path, here: Callable[[Path], Told]) -> None:
    folder = tmp_path / "run"
    assert command(folder, HARMED.format(tests=str(SUPPORT), kind="Killed")).returncode == 137
    again = here(folder)
    assert again.code == 2
    assert "2 of 3 intervals are stored" in again.stderr
    for remedy in (f"mosaik-p2p report {folder}", "--overwrite", "--out"):
        assert remedy in again.stderr
    assert json.loads((folder / SUMMARY_FILE).read_text())["steps_computed"] == 2
    api.report(folder)
    outcome = run(
        "network1_electric", out=folder, steps=1, overrides=SHORT, progress=False, report=False, overwrite=True
    )
    assert outcome.exit_code is ExitCode.COMPLETE
    assert outcome.summary["steps_computed"] == 1


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("limit", [100, 4500, 1_000_000])
def test_files_that_may_not_grow(tmp_path: Path, limit: int, here: Callable[[Path], Told]) -> None:
    """The same error as of a full disk, at the scenario, the tables, the net or the report; needs no rights."""
    resource: Any = pytest.importorskip("resource")
    folder = tmp_path / "run"
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, usual[1]))
    try:
        ended = here(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert ended.code == 1
    assert "could not be written: File too large" in ended.stderr
    assert "Traceback" not in ended.stderr
    if limit > 100:
        assert_nothing_is_half(folder)
        assert not (folder / REPORT_FILE).exists()


@contextlib.contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Path]:
    """A file system of that size; skips where none may be mounted."""
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
    if sys.platform != "linux" or subprocess.run(["mount", *options], check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [120, 2000])
def test_a_disk_that_fills(tmp_path: Path, kilobytes: int, here: Callable[[Path], Told]) -> None:
    with small_disk(tmp_path / "disk", kilobytes) as disk:
        ended = here(disk / "run")
        assert ended.code == 1
        assert "No space left on device" in ended.stderr
        assert "Traceback" not in ended.stderr
        assert_nothing_is_half(disk / "run")
        assert not (disk / "run" / REPORT_FILE).exists()
        # With room again, the folder is that of an earlier run like any other.
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        outcome = run(
            "network1_electric",
            out=disk / "run",
            steps=1,
            overrides=SHORT,
            progress=False,
            report=False,
            overwrite=True,
        )
        assert outcome.exit_code is ExitCode.COMPLETE


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["2>&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full", "2>&1 | true"])
def test_streams_that_nobody_reads_stop_no_run(tmp_path: Path, shell: str) -> None:
    if "/dev/full" in shell and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    once = ("--steps", "1")
    if shell.endswith("| true"):
        # The shell reports the last command of a pipe; its first one tells its own code in a file.
        shell = f"{shell.removesuffix('| true')}; echo $? > {tmp_path / 'code'}"
        arguments = [sys.executable, "-c", MAIN, *ARGUMENTS, *once, "--out", str(tmp_path / "run")]
        subprocess.run(["sh", "-c", f'{{ "$@" {shell}; }} | true', "sh", *arguments], check=True, capture_output=True)
        code = int((tmp_path / "code").read_text())
    else:
        code = command(tmp_path / "run", "", shell, *once).returncode
    assert code == 0
    summary = json.loads((tmp_path / "run" / SUMMARY_FILE).read_text())
    assert summary["complete"]
    for name in (SCENARIO_FILE, MARK_FILE, REPORT_FILE):
        assert (tmp_path / "run" / name).stat().st_size > 0


@pytest.mark.slow
def test_faults_that_nobody_reads_keep_their_exit_code(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "mine.txt").write_text("mine")
    assert command(tmp_path, shell="2>/dev/full").returncode == 2


@pytest.mark.slow
def test_what_cannot_be_printed_is_no_success_where_it_is_all_there_is() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    arguments = ["sh", "-c", 'exec "$@" >/dev/full', "sh", sys.executable, "-c", MAIN, "list"]
    ended = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "No space left" in ended.stderr
    assert "Traceback" not in ended.stderr

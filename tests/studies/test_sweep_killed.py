"""Twenty runs of which one loses its process and the sweep its own: the same command again completes it.

Run by hand, with MOSAIK_P2P_LONG=1: it takes minutes.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mosaik_p2p.studies.engine import child
from mosaik_p2p.studies.sweep.command import collect
from mosaik_p2p.studies.sweep.table import is_complete

pytestmark = [
    pytest.mark.slow,
    pytest.mark.once,
    pytest.mark.skipif("MOSAIK_P2P_LONG" not in os.environ, reason="takes minutes: MOSAIK_P2P_LONG=1"),
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes where Linux has them"),
]
RUNS, WORKER_DIES_AT, COMMAND_DIES_AT = 20, 5, 10
PATIENCE_S = 1800.0


def command(out: Path) -> list[str]:
    varied = f"charges.electricity.rate=0:{(RUNS - 1) / 100}:0.01"
    short = ["--set", "time.start=2017-03-28T10:00:00+01:00", "--set", "time.horizon_steps=4", "--steps", "1"]
    own = ["sweep", "network1", "--vary", varied, *short, "--jobs", "2", "--out", str(out)]
    return [sys.executable, "-m", "mosaik_p2p", *own]


def begun(out: Path) -> subprocess.Popen[bytes]:
    # A shell starts what goes on in its background deaf to Ctrl-C, and so would be what that starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(command(out), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def complete(out: Path) -> dict[Path, int]:
    """The folders of complete runs, and when their summaries were written."""
    folders = [path for path in out.glob("runs/run=*") if is_complete(path)]
    return {folder: (folder / "summary.json").stat().st_mtime_ns for folder in folders}


def wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def workers() -> set[int]:
    """Every process that runs runs of a sweep in the folder of this test, whoever its parent is by now."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words, place = (folder / "cmdline").read_bytes(), (folder / "cwd").readlink()
        except OSError:
            continue
        if child.MODULE.encode() in words and place == Path.cwd():
            found.add(int(folder.name))
    return found


def test_a_killed_worker_and_a_killed_command_cost_no_complete_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    with begun(out) as process:
        wait_until(lambda: len(complete(out)) >= WORKER_DIES_AT and bool(workers()))
        os.kill(min(workers()), signal.SIGKILL)
        wait_until(lambda: len(complete(out)) >= COMMAND_DIES_AT)
        process.kill()
    wait_until(lambda: not workers())
    before = complete(out)
    assert COMMAND_DIES_AT <= len(before) < RUNS
    assert subprocess.run(command(out), check=False, capture_output=True).returncode == 0
    after = complete(out)
    assert len(after) == RUNS
    assert {folder: after[folder] for folder in before} == before
    assert collect(out).table["status"].tolist() == ["complete"] * RUNS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_it_and_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    with begun(out) as process:
        wait_until(lambda: bool(complete(out)) and len(workers()) == 2)
        sent = time.monotonic()
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 1
        print(f"{number.name}: ended after {time.monotonic() - sent:.1f} s")
    assert not workers()
    assert 0 < len(complete(out)) < RUNS
    assert "planned" in set(collect(out).table["status"])

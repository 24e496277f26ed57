"""Several runs at once share the processors: each process knows its part, and so do the libraries that it loads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mosaik_p2p.cosim import Order
from mosaik_p2p.jit import share
from mosaik_p2p.studies.engine import choice, cluster, running, worker

NAMES = (share.THREADS_VARIABLE, *share.OTHERS)


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def allowed(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """A process that may use so many processors of a machine with 64."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(count)), raising=False)


def run_all(rows: int, *, jobs: int | None) -> None:
    with choice.engine_for(jobs=jobs) as engine:
        engine.run_all({str(number): Order(scenario="network1") for number in range(rows)})


def test_affinity_says_how_many_processors_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed(monkeypatch, 3)
    assert share.processors() == share.threads() == 3
    monkeypatch.setenv(share.THREADS_VARIABLE, "2")
    assert share.threads() == 2
    monkeypatch.setenv(share.THREADS_VARIABLE, "8")
    assert share.threads() == 3
    monkeypatch.setenv(share.THREADS_VARIABLE, "many")
    assert share.threads() == 3


def test_what_the_environment_says_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    assert share.shares(2) == dict.fromkeys(NAMES, "2")
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert share.shares(2) == dict.fromkeys((name for name in NAMES if name != "OMP_NUM_THREADS"), "2")
    monkeypatch.setenv(share.THREADS_VARIABLE, "3")
    assert share.shares(2) == dict.fromkeys(share.MATRIX_THREADS, "3")


@pytest.mark.parametrize(("jobs", "rows", "each"), [(8, 20, 1), (4, 20, 2), (3, 20, 2), (4, 2, 4), (20, 20, 1)])
def test_all_runs_together_have_the_processors_there_are(
    monkeypatch: pytest.MonkeyPatch, jobs: int, rows: int, each: int
) -> None:
    allowed(monkeypatch, 8)
    given: list[int] = []

    def refused(threads: int) -> None:
        given.append(threads)
        raise OSError

    monkeypatch.setattr(running, "kernel_is_cold", lambda: False)
    monkeypatch.setattr(worker, "started", refused)
    run_all(rows, jobs=jobs)
    assert given == [each] * rows


def test_without_a_number_there_are_as_many_runs_as_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed(monkeypatch, 4)
    asked: list[int] = []
    monkeypatch.setattr(running, "run_apart", lambda *_, **options: asked.append(options["jobs"]))
    run_all(9, jobs=None)
    assert asked == [4]


def test_a_run_on_a_cluster_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []

    def refused(threads: int) -> None:
        given.append(threads)
        raise OSError

    monkeypatch.setattr(worker, "started", refused)
    with pytest.raises(OSError):  # noqa: PT011 (our own)
        cluster.run_one({})
    assert given == [1]


def test_limited_threads_are_those_of_linear_algebra_as_well() -> None:
    """Before anything is loaded that reads them; what is said of them stays."""
    said = {"OMP_NUM_THREADS": "7"}
    program = f"import mosaik_p2p, os, sys; print('numpy' in sys.modules, *(os.environ.get(n) for n in {NAMES}))"
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    told = []
    for more in ({}, {share.THREADS_VARIABLE: "2"} | said):
        found = subprocess.run(
            [sys.executable, "-c", program], env=environment | more, capture_output=True, text=True, check=True
        )
        told.append(found.stdout.split())
    unsaid, limited = dict.fromkeys(NAMES, "None"), dict.fromkeys(NAMES, "2") | said
    assert told == [["False", *unsaid.values()], ["False", *limited.values()]]


def test_commands_have_one_thread_for_matrices_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in share.MATRIX_THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    share.one_thread_for_matrices()
    assert [os.environ[name] for name in share.MATRIX_THREADS] == ["1", "3", "1"]


def test_machine_code_is_made_once_before_any_run_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    def noted(_threads: int, module: str = "run") -> None:
        events.append(module.rpartition(".")[2])
        raise OSError

    monkeypatch.setattr(running, "kernel_is_cold", lambda: True)
    monkeypatch.setattr(running, "compile_kernel", lambda: events.append("kernel"))
    monkeypatch.setattr(running, "started", noted)
    monkeypatch.setattr(worker, "started", noted)
    run_all(3, jobs=2)
    assert events == ["kernel", "warm_up", "run", "run", "run"]


def test_no_more_runs_at_once_than_memory_is_left_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       64000000 kB\nMemAvailable:    5242880 kB\n")
    assert share._available_bytes(meminfo) == 5 * 2**30
    assert share._available_bytes(tmp_path / "none") is None
    for most, left in (("max", None), (str(3 * 2**30), 2 * 2**30), ("5", 0)):
        (tmp_path / "memory.max").write_text(f"{most}\n")
        (tmp_path / "memory.current").write_text(f"{2**30}\n")
        assert share._left_to_the_group(tmp_path) == left
    allowed(monkeypatch, 8)
    for available, left, fit in ((5, None, 5), (5, 2, 2), (0, None, 1), (64, None, 8), (None, None, 8)):
        monkeypatch.setattr(share, "_available_bytes", lambda free=available: None if free is None else free * 2**30)
        monkeypatch.setattr(share, "_left_to_the_group", lambda free=left: None if free is None else free * 2**30)
        assert running._as_many_as_fit() == fit

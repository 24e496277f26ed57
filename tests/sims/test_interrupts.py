"""Runs in loops, notebooks and threads: where they work, and that an interrupt ends all that was asked for."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

import dying_grid
from mosaik_p2p.cosim import ExitCode, RunOutcome, run
from mosaik_p2p.errors import Terminated
from mosaik_p2p.results import conclusion
from mosaik_p2p.results.summary import write_summary
from mosaik_p2p.sims.world import interrupts
from mosaik_p2p.sims.world.interrupts import Interrupts, signals_heeded
from notebook_cells import CELLS
from whereabouts import SUPPORT

NOON = ("time.start=2017-03-28T11:00:00+01:00", "time.horizon_steps=4")
WAITING = {"electric_grid": {"python": "dying_grid:Waiting"}}
LOOP = f"""
import asyncio, signal, sys
# A shell's background process is started with interrupts ignored, and Python leaves that so.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {str(SUPPORT)!r})
import mosaik_p2p

def main():
    for number in range(3):
        mosaik_p2p.run("network1", steps=3, overrides={NOON!r}, out=str(number), simulators={WAITING!r}, progress=False)

async def main_in_loop():
    main()

"""
PATIENCE_S = 120.0


@pytest.fixture(autouse=True)
def _signals_as_in_a_terminal() -> Iterator[None]:
    """Whoever has started the tests may have had signals ignored (nohup, a shell's background), which is inherited."""
    asked = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in asked.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def short_run(folder: Path, **options: Any) -> RunOutcome:
    return run("network1_electric", out=folder, overrides=NOON, steps=1, progress=False, **options)


def summary_of(folder: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return summary


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "name", "cause"),
    [
        ("main()", "SIGINT", "interrupted by the user"),
        ("asyncio.run(main_in_loop())", "SIGINT", "interrupted by the user"),
        ("asyncio.run(main_in_loop())", "SIGHUP", "ended from outside (SIGHUP)"),
    ],
)
def test_an_interrupt_ends_the_loop_around_the_run(call: str, name: str, cause: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOOP + call]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "waiting\n"
            process.send_signal(signal.Signals[name])
            _, told = process.communicate(timeout=dying_grid.PATIENCE_S / 2)
        finally:
            process.kill()
    last = told.rstrip().splitlines()[-1]
    # An interrupt that nobody catches ends Python by the signal itself; any other error with 1.
    ends = {-signal.SIGINT: "KeyboardInterrupt", 1: f"mosaik_p2p.errors.Terminated: {cause}"}
    assert process.returncode == (-signal.SIGINT if name == "SIGINT" else 1)
    assert last == ends[process.returncode]
    assert [path.name for path in tmp_path.iterdir()] == ["0"]
    summary = summary_of(tmp_path / "0")
    assert (summary["complete"], summary["steps_computed"], summary["cause"]) == (False, 2, cause)
    assert (tmp_path / "0" / "report.html").exists()


@pytest.mark.slow
def test_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    client = NotebookClient(notebook, timeout=PATIENCE_S, resources={"metadata": {"path": str(tmp_path)}})
    with pytest.raises(CellExecutionError) as ended:
        client.execute()
    assert ended.value.ename == "KeyboardInterrupt"

    first, second, third, fourth = (shown(cell) for cell in notebook.cells)
    assert first == {}
    assert second.pop("stdout") == "True 3\n"
    lines = second.pop("stderr", "").splitlines()
    assert lines
    assert all(re.fullmatch(r"network1: \d of 3 intervals after \d+ s", line) for line in lines)
    assert second == {}
    assert third == {"stdout": "3 BadInput 0\n"}
    assert fourth.pop("stdout") == "waiting\n"
    assert set(fourth) == {"error"}
    summary = summary_of(tmp_path / "loop0")
    assert (summary["complete"], summary["steps_computed"]) == (False, 2)
    assert summary["cause"] == "interrupted by the user"
    assert not (tmp_path / "loop1").exists()


def shown(cell: Any) -> dict[str, str]:
    """What stands below a cell, by the stream or kind of output."""
    found: dict[str, str] = {}
    for output in cell.outputs:
        kind = output.get("name") if output.output_type == "stream" else output.output_type
        found[kind] = found.get(kind, "") + output.get("text", "")
    return found


def test_where_a_loop_runs_and_in_threads_a_run_works(tmp_path: Path) -> None:
    async def in_a_loop() -> RunOutcome:
        return short_run(tmp_path / "loop")

    assert asyncio.run(in_a_loop()).exit_code is ExitCode.COMPLETE
    found: list[RunOutcome] = []
    thread = threading.Thread(target=lambda: found.append(short_run(tmp_path / "thread")))
    thread.start()
    thread.join()
    assert [outcome.exit_code for outcome in found] == [ExitCode.COMPLETE]


def test_the_caller_keeps_its_event_loop(tmp_path: Path) -> None:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        short_run(tmp_path / "run")
        assert asyncio.get_event_loop() is loop
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_an_interrupt_while_results_are_written_waits_for_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(folder: Path, summary: Mapping[str, Any]) -> Path:
        monkeypatch.setattr(conclusion, "write_summary", write_summary)
        signal.raise_signal(signal.SIGINT)
        return write_summary(folder, summary)

    monkeypatch.setattr(conclusion, "write_summary", interrupted)
    with pytest.raises(KeyboardInterrupt):
        short_run(tmp_path / "run", counterfactuals=True)
    assert summary_of(tmp_path / "run")["complete"]
    assert (tmp_path / "run" / "report.html").exists()
    assert not (tmp_path / "run" / "counterfactuals").exists()


def test_an_own_handler_that_exits_is_not_swallowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dying_grid.Simulator, "_fail", lambda _: signal.raise_signal(signal.SIGTERM))
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    simulators = {"electric_grid": {"python": "dying_grid:Simulator"}}
    try:
        with pytest.raises(SystemExit) as ended:
            run("network1", out=tmp_path / "run", overrides=NOON, steps=3, progress=False, simulators=simulators)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 143
    summary = summary_of(tmp_path / "run")
    assert (summary["steps_computed"], summary["cause"]) == (2, "the program was told to exit (143)")


class TestInterrupts:
    def test_only_while_it_may_break_off_is_the_first_one_raised(self) -> None:
        found = Interrupts()
        found.arrive(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt), found.break_off():
            pytest.fail("an interrupt had come before")

    def test_a_second_one_is_raised_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = Interrupts()
        found.arrive(KeyboardInterrupt())
        found.arrive(KeyboardInterrupt())
        monkeypatch.setattr(interrupts, "SAME_SIGNAL_S", 0.0)
        with pytest.raises(KeyboardInterrupt):
            found.arrive(KeyboardInterrupt())

    @pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
    def test_a_signal_twice_at_once_is_one(self, name: str) -> None:
        number = signal.Signals[name]
        with signals_heeded() as found, pytest.raises(Terminated, match=name), found.break_off():
            signal.raise_signal(number)
        with signals_heeded() as found, found.break_off():
            with pytest.raises(Terminated):
                signal.raise_signal(number)
            signal.raise_signal(number)

    @pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: None])
    def test_a_handling_of_signals_that_there_is_stays(self, handler: Any) -> None:
        before = signal.signal(signal.SIGTERM, handler)
        try:
            with signals_heeded():
                assert signal.getsignal(signal.SIGTERM) is handler
        finally:
            signal.signal(signal.SIGTERM, before)

    @pytest.mark.parametrize(("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
    def test_they_reach_another_thread(self, number: int, kind: type[BaseException]) -> None:
        with signals_heeded() as found, pytest.raises(kind) as raised:
            found.in_own_thread(self.waiting(found, lambda: os.kill(os.getpid(), number)))
        assert raised.value is found.first

    def waiting(self, found: Interrupts, signalled: Callable[[], None]) -> Callable[[], None]:
        def work() -> None:
            with found.break_off():
                dying_grid.wait_after(signalled)

        return work

    def test_what_is_raised_in_another_thread_is_raised_here(self) -> None:
        def fail() -> None:
            raise ValueError("in there")

        with signals_heeded() as found, pytest.raises(ValueError, match="in there"):
            found.in_own_thread(fail)

"""Processes that serve one run after the other: what a run says is its own, and one that dies costs one run."""

import os
import signal
import time
from dataclasses import fields
from pathlib import Path

import pytest

from mosaik_p2p.cosim import ExitCode, Order
from mosaik_p2p.studies.engine import worker
from mosaik_p2p.studies.engine.worker import Ran, Worker, Workers

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes as POSIX has it")
PATIENCE_S = 120.0

# Takes orders as `child` does and makes other things of them. What a run needs is not loaded, which takes seconds.
ECHO = f"""
import os, sys, time
from dataclasses import make_dataclass
from enum import IntEnum
from types import ModuleType

cosim = sys.modules["mosaik_p2p.cosim"] = ModuleType("mosaik_p2p.cosim")
cosim.ExitCode = IntEnum("ExitCode", "COMPLETE INCOMPLETE BAD_INPUT NO_SOLUTION", start=0)
cosim.Order = make_dataclass("Order", {[field.name for field in fields(Order)]})
Outcome = make_dataclass("Outcome", ["exit_code"])

def conduct(order):
    word = order.scenario
    print(os.getpid(), word, file=sys.stderr, flush=True)
    if word == "die":
        os.kill(os.getpid(), 9)
    if word == "crash":
        raise ZeroDivisionError("by hand")
    if word == "exit":
        raise SystemExit(7)
    try:
        with signals_heeded() as interrupts, interrupts.break_off():
            time.sleep({PATIENCE_S} if word == "wait" else 0)
    except KeyboardInterrupt as demand:
        return Outcome(cosim.ExitCode.INCOMPLETE), demand
    return Outcome(cosim.ExitCode.COMPLETE), None

cosim.conduct = conduct
from mosaik_p2p.sims.world.interrupts import signals_heeded
from mosaik_p2p.studies.engine import child
raise SystemExit(child.main())
"""


@pytest.fixture(autouse=True)
def _echoes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "echoing_child.py").write_text(ECHO)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(worker.started, "__defaults__", ("echoing_child",))


def told(workers: Workers, word: str, *, threads: int = 1) -> tuple[Ran, int]:
    """How the run of this word ended, and the process that had it."""
    lines: list[str] = []
    ran = workers.run(Order(scenario=word), threads=threads, said=lines.append)
    assert lines
    assert lines[0].split()[1] == word
    return ran, int(lines[0].split()[0])


def test_one_process_serves_one_run_after_the_other() -> None:
    with Workers() as workers:
        ran = [told(workers, word) for word in ("first", "second", "third")]
        assert len({process for _, process in ran}) == 1
        assert [found.exit_code for found, _ in ran] == [ExitCode.COMPLETE] * 3
        assert [str(found.last_said).split()[1] for found, _ in ran] == ["first", "second", "third"]
    assert not alive(ran[0][1])


@pytest.mark.parametrize(
    ("word", "failure"), [("die", "its process was ended by signal 9"), ("exit", "its process ended with exit code 7")]
)
def test_a_process_that_dies_costs_its_own_run_and_is_replaced(word: str, failure: str) -> None:
    with Workers() as workers:
        _, before = told(workers, "first")
        ran, during = told(workers, word)
        assert (ran.failure, during) == (failure, before)
        after, another = told(workers, "third")
        assert after.exit_code is ExitCode.COMPLETE
        assert another != before


def test_what_nobody_foresaw_is_told_in_its_last_line() -> None:
    with Workers() as workers:
        ran, _ = told(workers, "crash")
        assert (ran.failure, ran.exit_code) == (None, ExitCode.INCOMPLETE)
        assert ran.last_said == "ZeroDivisionError: by hand"


def test_a_process_killed_while_it_waits_costs_no_run() -> None:
    with Workers() as workers:
        _, before = told(workers, "first")
        os.kill(before, signal.SIGKILL)
        os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
        ran, another = told(workers, "second")
        assert ran.exit_code is ExitCode.COMPLETE
        assert another != before


def test_other_shares_of_the_machine_are_other_processes() -> None:
    with Workers() as workers:
        _, before = told(workers, "first", threads=2)
        workers.keep_only(1)
        assert not alive(before)
        _, another = told(workers, "second", threads=1)
        assert another != before


def test_a_run_is_interrupted_where_its_holder_goes() -> None:
    with Worker(1) as waiting:
        lines: list[str] = []

        def end_at_first(line: str) -> None:
            lines.append(line)
            time.sleep(0.2)  # the run is in its sleep by then
            waiting.end()

        ran = waiting.run(Order(scenario="wait"), end_at_first)
        assert (ran.failure, ran.exit_code) == (None, ExitCode.INCOMPLETE)
        assert waiting.is_over
    assert not alive(int(lines[0].split()[0]))


def test_after_the_end_nothing_begins() -> None:
    with Workers() as workers:
        workers.end_all()
        assert workers.run(Order(scenario="late"), threads=1, said=print) == Ran("it was not begun")


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True

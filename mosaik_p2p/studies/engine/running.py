"""Runs of a study: one after the other in this process, or several at once in processes of their own.

Whatever becomes of one row stops no other; only an interrupt ends them all. What a row came to stands in its folder.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

from mosaik_p2p.cosim import ExitCode, Order, conduct
from mosaik_p2p.errors import BadInput, RunFailed
from mosaik_p2p.files import reason_of
from mosaik_p2p.jit.share import processors, runs_that_fit, shares
from mosaik_p2p.market.warm_up import compile_kernel, kernel_is_cold
from mosaik_p2p.sims.world.interrupts import signals_heeded
from mosaik_p2p.sims.world.progress import tell
from mosaik_p2p.studies.engine import child, warm_up

RUN_BYTES = 2**30
"""Of memory that a run is given when it is judged how many go at once; most take half of it."""


@dataclass(frozen=True)
class Ran:
    """How a row's run ended, beside what stands in its folder."""

    failure: str | None = None
    """Why it ended in no regular way, if it did."""
    last_said: str | None = None
    """The last line of its process."""
    exit_code: ExitCode | None = None
    """That of the run, where it ended as runs do."""


@dataclass(frozen=True)
class AllRan:
    """How all rows ended."""

    rows: dict[str, Ran]
    """By label; a row that was never begun is not there."""
    demand: BaseException | None = None
    """The interrupt that ended them, which is meant for the calling program as well."""


Ended = Callable[[str, Ran], object]
"""Called with a run's label and how it ended, as soon as it has."""


def run_all(orders: dict[str, Order], *, jobs: int | None, ended: Ended = lambda _label, _ran: None) -> AllRan:
    """By label; `jobs` at once (None: as many as there are processors, and as memory is left for), with 1 one after the
    other in this process."""
    most = min(jobs or _as_many_as_fit(), len(orders))
    return run_here(orders, ended=ended) if most <= 1 else run_apart(orders, jobs=most, ended=ended)


def _as_many_as_fit() -> int:
    return min(processors(), runs_that_fit(RUN_BYTES) or processors())


def run_here(orders: dict[str, Order], *, ended: Ended = lambda _label, _ran: None) -> AllRan:
    """One after the other, by label."""
    rows: dict[str, Ran] = {}
    for label, order in orders.items():
        try:
            outcome, demand = conduct(order)
        except (BadInput, RunFailed) as error:
            code = ExitCode.BAD_INPUT if isinstance(error, BadInput) else ExitCode.INCOMPLETE
            rows[label] = Ran(" ".join(str(error).split()), exit_code=code)
            ended(label, rows[label])
            continue
        rows[label] = Ran(exit_code=outcome.exit_code)
        ended(label, rows[label])
        if demand is not None:
            return AllRan(rows, demand)
    return AllRan(rows)


def run_apart(orders: dict[str, Order], *, jobs: int, ended: Ended = lambda _label, _ran: None) -> AllRan:
    """As many at once as `jobs` says, each with its share of the machine's threads."""
    have_machine_code(next(iter(orders.values())))
    children = _Children(max(processors() // min(jobs, len(orders)), 1))
    with signals_heeded() as interrupts, ThreadPoolExecutor(jobs, thread_name_prefix="row") as pool:
        running = {pool.submit(children.run, label, order): label for label, order in orders.items()}
        try:
            with interrupts.break_off():
                _wait_for(running, ended)
        except KeyboardInterrupt:
            for future in running:
                future.cancel()
            children.end_all()
        rows = {label: future.result() for future, label in running.items() if not future.cancelled()}
    return AllRan(rows, interrupts.first)


def have_machine_code(order: Order) -> None:
    """Where none is kept yet, it is made once, before several processes would each make it for themselves."""
    if not kernel_is_cold():
        return
    compile_kernel()
    # Of a process that cannot be started, or fails, the first runs do the work.
    with contextlib.suppress(OSError), started(processors(), warm_up.MODULE) as process:
        process.communicate(_as_line(order))


def _wait_for(running: Mapping[Future[Ran], str], ended: Ended) -> None:
    left = set(running)
    while left:
        # In turns: an interrupt is heeded between two of them.
        done, left = wait(left, timeout=0.5, return_when=FIRST_COMPLETED)
        for future in done:
            ended(running[future], future.result())


class _Children:
    """The processes of rows that go on."""

    def __init__(self, threads: int) -> None:
        self._threads, self._lock = threads, Lock()
        self._going: list[subprocess.Popen[str]] = []
        self._ended = False

    def run(self, label: str, order: Order) -> Ran:
        """Start a process, tell what it says under the row's label, and wait for its end."""
        said: str | None = None
        try:
            with self._begun() as process:
                if process is None:
                    return Ran("it was not begun")
                _give(process, order)
                for line in process.stderr or ():
                    said = line.rstrip() or said
                    tell(f"{label}: {line.rstrip()}")
                code = process.wait()
        except OSError as error:
            return Ran(f"its process could not be started: {reason_of(error)}", said)
        return Ran(_failure(code), said, ExitCode(code) if code in list(ExitCode) else None)

    def end_all(self) -> None:
        """Let every process write what it has, and end."""
        with self._lock:
            self._ended = True
            for process in self._going:
                if process.stdin is not None:
                    with contextlib.suppress(OSError):
                        process.stdin.close()

    @contextlib.contextmanager
    def _begun(self) -> Iterator[subprocess.Popen[str] | None]:
        with self._lock:
            process = None if self._ended else started(self._threads)
            if process is not None:
                self._going.append(process)
        if process is None:
            yield None
            return
        with process:
            yield process
        with self._lock:
            self._going.remove(process)


def started(threads: int, module: str = child.MODULE) -> subprocess.Popen[str]:
    """A process that waits for its order at standard input; of so many threads where the environment says nothing."""
    searched = [str(Path(path or ".").absolute()) for path in sys.path]
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, **shares(threads), "PYTHONPATH": os.pathsep.join(searched)},
        # An interrupt at the terminal is for this process, which hands it on by closing the pipe.
        start_new_session=True,
    )


def _give(process: subprocess.Popen[str], order: Order) -> None:
    if process.stdin is None:
        raise AssertionError("the process was started without a pipe")
    with contextlib.suppress(OSError):  # it has ended already, and says why
        process.stdin.write(_as_line(order))
        process.stdin.flush()


def _as_line(order: Order) -> str:
    return json.dumps(asdict(order), default=str) + "\n"


def _failure(code: int) -> str | None:
    """Why a process ended otherwise than a run does."""
    if code in list(ExitCode):
        return None
    return f"its process was ended by signal {-code}" if code < 0 else f"its process ended with exit code {code}"

"""A process that runs what it is ordered to, and those of them that are kept from one study's runs to the next.

To start one takes seconds, as long as a short run; so each serves many. One that dies costs the run that it had, and
the next run has another one.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType

from mosaik_p2p.cosim import ExitCode, Order
from mosaik_p2p.files import reason_of
from mosaik_p2p.jit.share import shares
from mosaik_p2p.studies.engine import child


@dataclass(frozen=True)
class Ran:
    """How a row's run ended, beside what stands in its folder."""

    failure: str | None = None
    """Why it ended in no regular way, if it did."""
    last_said: str | None = None
    """The last line of its process."""
    exit_code: ExitCode | None = None
    """That of the run, where it ended as runs do."""


class Worker:
    """A process of so many threads, which ends with the context.

    Raises OSError where it cannot be started.
    """

    def __init__(self, threads: int) -> None:
        self._process = started(threads)
        self._is_ended = False

    @property
    def is_over(self) -> bool:
        """Whether it takes no other order."""
        return self._is_ended or self._process.poll() is not None

    def run(self, order: Order, said: Callable[[str], object] = lambda _line: None) -> Ran:
        """Have a run made, and tell `said` each line that it says."""
        last: str | None = None
        self._give(as_line(order))
        for line in self._process.stderr or ():
            text, mark, answer = line.partition(child.MARK)
            if text.strip():
                last = text.rstrip()
                said(last)
            if mark:
                told = json.loads(answer)
                self._is_ended = not told["stays"]
                return Ran(None, last, ExitCode(told["exit_code"]))
        self.end()
        code = self._process.wait()
        return Ran(_failure(code), last, ExitCode(code) if code in list(ExitCode) else None)

    def end(self) -> None:
        """Let it end; a run that goes on writes what it has."""
        self._is_ended = True
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()
        self._process.__exit__(kind, error, at)

    def _give(self, line: str) -> None:
        if self._process.stdin is None:
            raise AssertionError("the process was started without a pipe")
        # It may have ended already, and says why; or be about to, where nothing is to begin any more.
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(line)
            self._process.stdin.flush()


class Workers:
    """Workers that wait for runs, and those that have one. All end with the context."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: list[tuple[int, Worker]] = []
        self._going: list[Worker] = []
        self._ended = False

    def run(self, order: Order, *, threads: int, said: Callable[[str], object]) -> Ran:
        """Have a run made by a worker of so many threads: one that waits, or else a new one."""
        try:
            with self._begun(threads) as worker:
                return Ran("it was not begun") if worker is None else worker.run(order, said)
        except OSError as error:
            return Ran(f"its process could not be started: {reason_of(error)}")

    def keep_only(self, threads: int) -> None:
        """Let those go that wait and have another number of threads: together they would have too many."""
        with self._lock:
            others = [worker for count, worker in self._waiting if count != threads]
            self._waiting = [(count, worker) for count, worker in self._waiting if count == threads]
        for worker in others:
            with worker:
                pass

    def end_all(self) -> None:
        """Let every run write what it has, and end; nothing begins any more."""
        with self._lock:
            self._ended = True
            for worker in self._going:
                worker.end()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.end_all()
        waiting = [worker for _, worker in self._waiting]
        for worker in waiting:
            worker.end()
        for worker in waiting:
            with worker:
                pass

    @contextlib.contextmanager
    def _begun(self, threads: int) -> Iterator[Worker | None]:
        with self._lock:
            worker = None if self._ended else self._waits() or Worker(threads)
            if worker is not None:
                self._going.append(worker)
        if worker is None:
            yield None
            return
        try:
            yield worker
        finally:
            with self._lock:
                self._going.remove(worker)
                if not worker.is_over:
                    self._waiting.append((threads, worker))
        if worker.is_over:
            with worker:
                pass

    def _waits(self) -> Worker | None:
        """One that has not been killed while it waited."""
        while self._waiting:
            _, worker = self._waiting.pop()
            if not worker.is_over:
                return worker
            with worker:
                pass
        return None


def started(threads: int, module: str = child.MODULE) -> subprocess.Popen[str]:
    """A process that waits for orders at standard input; of so many threads where the environment says nothing."""
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


def as_line(order: Order) -> str:
    """An order as a process takes it."""
    return json.dumps(asdict(order), default=str) + "\n"


def _failure(code: int) -> str | None:
    """Why a process ended otherwise than a run does."""
    if code in list(ExitCode):
        return None
    return f"its process was ended by signal {-code}" if code < 0 else f"its process ended with exit code {code}"

"""Workers side by side, and what they find together."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fuzz.findings import Finding
from fuzz.processes import patience
from fuzz.surfaces import SURFACES
from fuzz.worker import PATIENCE

TESTS = Path(__file__).resolve().parents[1]
BATCH = 400
"""Tries per process: a fresh one now and then, as caches and leaks are none of the subject."""
START_S = 180.0
"""Importing, and compiling on first use."""
GRACE_S = 20.0
"""Beyond the time of a try until a worker that does not answer is killed."""


Try = tuple[str, int]
"""Surface and number."""


@dataclass(frozen=True)
class Tried:
    """What became of a try."""

    surface: str
    number: int
    findings: Sequence[Finding]
    seconds: float


@dataclass
class Found:
    """A finding, how often it was met, and by which number first."""

    surface: str
    seed: int
    finding: Finding
    number: int
    times: int = 1

    @property
    def command(self) -> str:
        """What shows it again."""
        return f"python tests/fuzz --surface {self.surface} --seed {self.seed} --first {self.number} --count 1"


@dataclass
class Tally:
    """What all tries of a run have found."""

    found: dict[tuple[str, str, str], Found] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)
    slowest_s: dict[str, float] = field(default_factory=dict)
    with_findings: Counter[str] = field(default_factory=Counter)

    def add(self, seed: int, tried: Tried) -> list[Found]:
        """Count a try; the findings that are new."""
        surface, number, findings = tried.surface, tried.number, tried.findings
        self.tries[surface] += 1
        self.with_findings[surface] += bool(findings)
        self.slowest_s[surface] = max(self.slowest_s.get(surface, 0.0), tried.seconds)
        new = []
        for finding in findings:
            key = (surface, finding.kind, finding.what)
            if key in self.found:
                self.found[key].times += 1
                self.found[key].number = min(self.found[key].number, number)
            else:
                self.found[key] = Found(surface, seed, finding, number)
                new.append(self.found[key])
        return new


def fuzz(
    tries: Sequence[Try],
    *,
    seed: int,
    jobs: int = 1,
    on_new: Callable[[Found], object] = lambda _: None,
    kept: Path | None = None,
) -> Tally:
    """Try these in `jobs` processes side by side."""
    tally, lock = Tally(), threading.Lock()
    batches: queue.SimpleQueue[Sequence[Try]] = queue.SimpleQueue()
    size = max(min(BATCH, -(-len(tries) // jobs)), 1)
    for begin in range(0, len(tries), size):
        batches.put(tries[begin : begin + size])

    def work() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                for tried in _batch(seed, batches.get_nowait(), kept):
                    with lock:
                        for found in tally.add(seed, tried):
                            on_new(found)

    threads = [threading.Thread(target=work) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def _batch(seed: int, tries: Sequence[Try], kept: Path | None) -> Iterator[Tried]:
    """What every try has found; a worker that dies or does not answer is a finding, and the next goes on after it."""
    left = list(tries)
    while left:
        for tried in _process(seed, left, kept):
            left.remove((tried.surface, tried.number))
            yield tried


def _process(seed: int, tries: Sequence[Try], kept: Path | None) -> Iterator[Tried]:
    process, lines = _started(seed, tries, kept)
    begun: Try | None = None
    since_s, limit_s = time.monotonic(), START_S
    try:
        while True:
            try:
                line = lines.get(timeout=max(since_s + limit_s * patience() - time.monotonic(), 0.0))
            except queue.Empty:
                line = "silent"
            word, _, rest = line.partition(" ")
            name, _, told = rest.partition(" ")
            if word == "end":
                found = json.loads(told)
                yield Tried(*_try(name), [Finding(**finding) for finding in found["findings"]], found["seconds"])
                begun = None
            elif word == "begin":
                begun = _try(name)
            else:
                yield from _broken(process, word, begun, tries, time.monotonic() - since_s)
                return
            since_s = time.monotonic()
            limit_s = START_S if begun is None else PATIENCE * SURFACES[begun[0]].limit_s + GRACE_S
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


def _started(
    seed: int, tries: Sequence[Try], kept: Path | None
) -> "tuple[subprocess.Popen[str], queue.SimpleQueue[str]]":
    names = [f"{surface}:{number}" for surface, number in tries]
    command = [sys.executable, "-m", "fuzz.worker", str(seed), str(kept or ""), *names]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS / "support"), os.environ.get("PYTHONPATH", "")]),
    }
    environment |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    return process, lines


def _try(name: str) -> Try:
    surface, _, number = name.partition(":")
    return surface, int(number)


def _read(process: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str]") -> None:
    assert process.stdout is not None
    with process.stdout as told:
        for line in told:
            lines.put(line.rstrip("\n"))
    lines.put("gone")


def _broken(
    process: "subprocess.Popen[str]", word: str, begun: Try | None, tries: Sequence[Try], seconds: float
) -> Iterator[Tried]:
    """What a worker that is gone or silent has found; nothing where it was done."""
    if word == "silent":
        surface, number = tries[0] if begun is None else begun
        finding = Finding("hang", "does not answer, and cannot be interrupted", f"{seconds:.0f} s")
        yield Tried(surface, number, [finding], seconds)
    elif begun is not None:
        yield Tried(*begun, [Finding("died", f"the process ended with {process.wait()}")], seconds)
    elif process.wait():
        raise RuntimeError(f"the worker cannot start (exit code {process.returncode})")

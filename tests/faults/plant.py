"""Plants faults in copies of the sources, runs the tests that concern each, and lists those that no test finds.

    python tests/faults/plant.py --seed 1 --count 60 --jobs 2

Which tests run which lines is measured on the first run, which takes as long as two or three runs of all tests, and
kept in `.faults/`; later runs add what is new, and `--measure` does it all again. `--nearby` measures nothing: it
tries tests by imports and by wing, nearest first, and all fast ones before a fault has survived. A fault is found where
a test fails, or takes far longer than it did. Survivors that change no result are explained in `equivalent.toml`. Ends
with 1 if a survivor is not.
"""

import argparse
import os
import queue
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concerned import concerned
from copies import CHECKOUT, Copy
from drawing import Fault, draw
from nearby import EVERYWHERE, nearby
from reaching import KEPT, keep, kept, up_to_date

EXPLAINED = Path(__file__).with_name("equivalent.toml")
PART_S = 10.0
"""Tests run in parts that took this long when they were measured, so that a fault that hangs is found early."""
START_S, SLOWER = 120.0, 5.0
"""Of processor time: what a part may take to start and compile, and how many times as long as measured its tests."""
WAITING = 10.0
"""How many times as long it may take by the clock: others may be using the processor, or a process waits for ever."""
LIMITED = """
import resource, signal, sys
resource.setrlimit(resource.RLIMIT_CPU, ({0}, {0}))
# Under nohup it would be ignored, and the test of what it does would fail without any fault.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
import pytest
sys.exit(pytest.main(sys.argv[1:]))
"""
FOUND_NOTHING = (0, 5)
"""Exit codes of pytest: all passed, or all that was named is left out here (slow, say), which finds no fault."""
NEARBY_S = 900.0
"""Of processor time, for tests whose own was not measured."""
Part = tuple[list[str], float]
"""Arguments for pytest, and seconds of processor time."""
Order = Callable[[Fault], Iterator[Part]]


@dataclass(frozen=True)
class Outcome:
    """What came of a fault: how it was found, or None; the tests that ran."""

    fault: Fault
    found_by: str | None
    tests: list[str]


def main() -> int:
    """The command."""
    options = _options()
    faults = draw(options.count, options.seed)
    order, control = (_nearest, [(EVERYWHERE, NEARBY_S)]) if options.nearby else _by_measure(_measured(options), faults)
    survivors = []
    numbers = sorted(options.only) or range(1, len(faults) + 1)
    tried = _tried([faults[number - 1] for number in numbers], order, control, options.jobs)
    for number, outcome in zip(numbers, tried, strict=True):
        print(f"{number:3d}/{len(faults)} {_told(outcome)}", flush=True)
        survivors += [] if outcome.found_by else [outcome]
    return _conclusion(survivors, len(numbers), options.seed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=2, help="faults tried side by side")
    parser.add_argument("--measure", action="store_true", help="measure again which tests run which lines")
    parser.add_argument("--nearby", action="store_true", help="by imports and wing, without measuring anything")
    parser.add_argument("--only", type=int, nargs="*", default=[], metavar="N", help="of the faults these, from 1")
    return parser.parse_args()


def _measured(options: argparse.Namespace) -> dict[str, Any]:
    if options.measure:
        KEPT.unlink(missing_ok=True)
    measured = up_to_date(options.jobs, kept())
    keep(measured)
    return measured


def _by_measure(measured: dict[str, Any], faults: list[Fault]) -> tuple[Order, list[Part]]:
    """The tests that run the fault's line, in parts that end early where a fault hangs; and the first of each."""
    first = sorted({tests[0] for fault in faults if (tests := concerned(fault, measured))})
    seconds = measured["seconds"]
    return lambda fault: _parts(concerned(fault, measured), seconds), list(_parts(first, seconds))


def _nearest(fault: Fault) -> Iterator[Part]:
    return ((part, NEARBY_S) for part in nearby(fault))


def _tried(faults: list[Fault], order: Order, control: Iterable[Part], jobs: int) -> Iterator[Outcome]:
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        every = [Copy(Path(scratch) / str(number)) for number in range(jobs)]
        _control(control, every[0])
        copies: queue.SimpleQueue[Copy] = queue.SimpleQueue()
        for copy in every:
            copies.put(copy)

        def one(fault: Fault) -> Outcome:
            copy = copies.get()
            try:
                return _try(fault, copy, order)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(jobs) as pool:
            yield from pool.map(one, faults)


def _control(parts: Iterable[Part], copy: Copy) -> None:
    """Without any fault these tests find nothing; otherwise whatever stops them would look like a find."""
    for part, limit_s in parts:
        if found_by := _run(part, limit_s, copy, copy.environment()):
            raise SystemExit(f"The tests fail without a fault: {found_by}")


def _try(fault: Fault, copy: Copy, order: Order) -> Outcome:
    tests: list[str] = []
    text = (CHECKOUT / fault.file).read_text(encoding="utf-8")
    with copy.planted(fault.file, fault.planted(text)) as environment:
        for part, limit_s in order(fault):
            tests += part
            if found_by := _run(part, limit_s, copy, environment):
                return Outcome(fault, found_by, tests)
    return Outcome(fault, None, tests)


def _parts(tests: list[str], seconds: dict[str, float]) -> Iterator[tuple[list[str], float]]:
    """The tests in parts, each with its limit in seconds."""
    part: list[str] = []
    total = 0.0
    for test in tests:
        part.append(test)
        total += seconds[test]
        if total >= PART_S:
            yield part, START_S + SLOWER * total
            part, total = [], 0.0
    if part:
        yield part, START_S + SLOWER * total


def _run(tests: list[str], limit_s: float, copy: Copy, environment: dict[str, str]) -> str | None:
    """How these tests find the fault, or None."""
    options = ["-x", "-n", "0", "-p", "no:cacheprovider", "--tb", "no"]
    command = [sys.executable, "-c", LIMITED.format(round(limit_s)), *options, *tests]
    child = subprocess.Popen(
        command, cwd=copy.folder, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        told, _ = child.communicate(timeout=WAITING * limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return f"no end within {WAITING * limit_s:.0f} s by the clock"
    if child.returncode in FOUND_NOTHING:
        return None
    if child.returncode == -signal.SIGTERM:
        # Somebody else ended it.
        return _run(tests, limit_s, copy, environment)
    if child.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"no end within {limit_s:.0f} s of processor time"
    lines = told.strip().splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return (failed or lines or ["no word"])[0].split(" - ")[0]


def _lines(fault: Fault) -> tuple[str, str]:
    """The line without and with the fault."""
    text = (CHECKOUT / fault.file).read_text(encoding="utf-8")
    sound, planted = (version.splitlines()[fault.line - 1].strip() for version in (text, fault.planted(text)))
    return sound, planted


def _told(outcome: Outcome) -> str:
    fault, (sound, planted) = outcome.fault, _lines(outcome.fault)
    end = outcome.found_by or f"SURVIVED {len(outcome.tests)} tests"
    return f"{fault.file}:{fault.line} ({fault.kind})\n      - {sound}\n      + {planted}\n      {end}"


def _conclusion(survivors: list[Outcome], count: int, seed: int) -> int:
    entries = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))["fault"]
    reasons = {(entry["file"], entry["sound"], entry["planted"]): entry["why"] for entry in entries}
    unexplained = 0
    print(f"\n{len(survivors)} of {count} faults of seed {seed} survived")
    for outcome in survivors:
        why = reasons.get((outcome.fault.file, *_lines(outcome.fault)))
        unexplained += why is None
        files = sorted({test.partition("::")[0] for test in outcome.tests if test.startswith("tests")})
        print(f"{_told(outcome)} in {', '.join(files) or 'no file'}\n      {why or 'NOT EXPLAINED'}")
    return min(unexplained, 1)


if __name__ == "__main__":
    sys.exit(main())

"""Runs of the program as processes of their own, and what is killed, stopped or taken from them (Linux)."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
LOOK_S = 0.05
CLI = [sys.executable, "-c", "from mosaik_p2p.cli import main; main()"]


def patience() -> float:
    """How many times longer things take on a machine that has more to do than it has processors."""
    return max(1.0, 1.5 * os.getloadavg()[0] / (os.cpu_count() or 1))


@dataclass(frozen=True)
class Ended:
    """How a process ended; None as exit code where it did not in time."""

    exit_code: int | None
    seconds: float
    text: str
    """Both outputs."""


def start(command: list[str], log: Path, *, environment: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
    """A process in a session of its own, its outputs in a file."""
    path = os.pathsep.join([str(TESTS), str(TESTS / "support"), os.environ.get("PYTHONPATH", "")])
    with log.open("wb") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": path, **(environment or {})},
        )


def ended(process: "subprocess.Popen[bytes]", log: Path, *, within_s: float) -> Ended:
    """Wait for it so long, and longer where the machine is busy."""
    within_s = within_s * patience()
    began_s = time.monotonic()
    try:
        exit_code: int | None = process.wait(timeout=within_s)
    except subprocess.TimeoutExpired:
        exit_code = None
    return Ended(exit_code, time.monotonic() - began_s, log.read_text(encoding="utf-8", errors="replace"))


@contextmanager
def all_killed(*processes: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Whatever happens inside, the processes and all that they started are gone afterwards."""
    try:
        yield
    finally:
        for process in processes:
            for child in [*descendants(process.pid), process.pid]:
                try:
                    os.kill(child, 9)
                except ProcessLookupError:
                    continue
            process.wait()


def descendants(pid: int) -> list[int]:
    """The processes below this one."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    below, latest = [], {pid}
    while latest:
        latest = {child for child, parent in parents.items() if parent in latest}
        below += sorted(latest)
    return below


def child_named(pid: int, pattern: str, *, within_s: float) -> int | None:
    """The first process below this one whose command line matches; None where there is none in time."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        for child in descendants(pid):
            if re.search(pattern, _command_line(child)):
                return child
        time.sleep(LOOK_S)
    return None


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def appears(path: Path, *, within_s: float) -> bool:
    """Whether the file comes into being in time."""
    until_s = time.monotonic() + within_s
    while time.monotonic() < until_s:
        if path.exists():
            return True
        time.sleep(LOOK_S)
    return False

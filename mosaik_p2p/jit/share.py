"""A process's share of the machine's processors, for our own threads and for those of linear algebra."""

import os
from pathlib import Path

THREADS_VARIABLE = "MOSAIK_P2P_THREADS"
"""Of the environment: how many threads one process may use; where several runs share a machine."""
MATRIX_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""By which libraries of linear algebra know the same; they read them when they are loaded."""
OTHERS = ("OMP_NUM_THREADS", *MATRIX_THREADS)


def processors() -> int:
    """Those that this process may use: a batch system may have given it a few of the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return max(len(os.sched_getaffinity(0)), 1)
    return os.cpu_count() or 1


def runs_that_fit(each_bytes: int) -> int | None:
    """Processes of so many bytes for which there is memory now, one at least; None where the system does not say."""
    free = [found for found in (_available_bytes(), _left_to_the_group()) if found is not None]
    return max(min(free) // each_bytes, 1) if free else None


def _available_bytes(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, LookupError):
        return None


def _left_to_the_group(group: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Of what a container, or a batch system, has given to its processes together (control groups, version 2)."""
    try:
        most, used = (int((group / name).read_text(encoding="ascii")) for name in ("memory.max", "memory.current"))
    except (OSError, ValueError):  # no such group, or it may have all there is: "max"
        return None
    return max(most - used, 0)


def threads() -> int:
    """As many as the environment says, and at most one per processor."""
    return min(_asked() or processors(), processors())


def shares(of_each: int) -> dict[str, str]:
    """The variables for a process of so many threads, where the environment does not say it already."""
    count = str(_asked() or of_each)
    return {name: count for name in (THREADS_VARIABLE, *OTHERS) if not os.environ.get(name)}


def limit_libraries() -> None:
    """Where our own threads are limited and nothing is said about those of linear algebra, they are limited alike.

    Without effect on libraries that are loaded already.
    """
    asked = _asked()
    for name in OTHERS if asked else ():
        os.environ.setdefault(name, str(asked))


def one_thread_for_matrices() -> None:
    """For this process and those that it starts, unless the environment says otherwise; before numpy is imported.

    Matrices of a few hundred rows gain nothing by threads, and on a busy machine these wait for each other: measured 5
    to 19 times the time.
    """
    for name in MATRIX_THREADS:
        os.environ.setdefault(name, "1")


def _asked() -> int:
    """Threads that the environment asks for; 0: it does not."""
    text = os.environ.get(THREADS_VARIABLE, "")
    return int(text) if text.isdecimal() else 0

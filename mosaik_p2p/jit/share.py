"""A process's share of the machine's processors, for our own threads and for those of linear algebra."""

import os

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

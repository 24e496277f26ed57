"""Threads that share compiled loops, which do not hold the interpreter's lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

THREADS_VARIABLE = "MOSAIK_P2P_THREADS"
"""Of the environment: how many threads one process may use; where several runs share a machine."""
MATRIX_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Of the environment, read by the libraries for matrices when they are loaded."""


def one_thread_for_matrices() -> None:
    """For this process and those that it starts, unless the environment says otherwise; before numpy is imported.

    Matrices of a few hundred rows gain nothing by threads, and on a busy machine these wait for each other: measured 5
    to 19 times the time.
    """
    for variable in MATRIX_THREADS:
        os.environ.setdefault(variable, "1")


def _workers() -> int:
    asked, there = os.environ.get(THREADS_VARIABLE, ""), os.cpu_count() or 1
    return min(int(asked), there) if asked.isdecimal() and int(asked) else there


WORKERS = _workers()
PARTS_EACH = 4
"""Parts per worker: who is done early takes another."""

_pool: ThreadPoolExecutor | None = None


def _forget_pool() -> None:
    """A forked process has none of its parent's threads."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def shared(part: Callable[[int, int], None], count: int, *, few: int) -> None:
    """Run `part(begin, end)` over 0 .. count in threads; in one go where there are fewer than `few`.

    Parts must not write to anything in common, so that neither their number nor their order changes a result.
    """
    global _pool
    if count < few or WORKERS == 1:
        part(0, count)
        return
    if _pool is None:
        _pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="market")
    parts = min(WORKERS * PARTS_EACH, count)
    edges = [count * n // parts for n in range(parts + 1)]
    for done in [_pool.submit(part, a, b) for a, b in pairwise(edges)]:
        done.result()

"""Threads that share compiled loops, which do not hold the interpreter's lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from mosaik_p2p.jit.share import threads

WORKERS = threads()
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

"""Runs of a study: one after the other in this process, several at once in processes of their own, or on a cluster.

Whatever becomes of one row stops no other; only an interrupt ends them all. What a row came to stands in its folder.
"""

import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol

from mosaik_p2p.cosim import ExitCode, Order, conduct
from mosaik_p2p.errors import BadInput, RunFailed
from mosaik_p2p.jit.share import processors, runs_that_fit
from mosaik_p2p.market.warm_up import compile_kernel, kernel_is_cold
from mosaik_p2p.sims.world.interrupts import signals_heeded
from mosaik_p2p.sims.world.progress import tell
from mosaik_p2p.studies.engine import warm_up
from mosaik_p2p.studies.engine.worker import Ran, Workers, as_line, started

RUN_BYTES = 2**30
"""Of memory that a run is given when it is judged how many go at once; most take half of it."""


@dataclass(frozen=True)
class AllRan:
    """How all rows ended."""

    rows: dict[str, Ran]
    """By label; a row that was never begun is not there."""
    demand: BaseException | None = None
    """The interrupt that ended them, which is meant for the calling program as well."""


Ended = Callable[[str, Ran], object]
"""Called with a run's label and how it ended, as soon as it has."""


def nobody_told(_label: str, _ran: Ran) -> None:
    """Where nobody waits for single runs."""


class Engine(Protocol):
    """Runs what it is given, and returns when all have ended."""

    def run_all(self, orders: Mapping[str, Order], *, ended: Ended = nobody_told) -> AllRan:
        """By label."""


class Local:
    """`jobs` runs at once on this machine (None: as many as there are processors, and as memory is left for); where
    that is one, they follow each other in this process. Others keep their processes from call to call."""

    def __init__(self, jobs: int | None, workers: Workers) -> None:
        self._jobs, self._workers = jobs, workers

    def run_all(self, orders: Mapping[str, Order], *, ended: Ended = nobody_told) -> AllRan:
        """By label."""
        most = min(self._jobs or _as_many_as_fit(), len(orders))
        return run_here(orders, ended=ended) if most <= 1 else run_apart(orders, self._workers, jobs=most, ended=ended)


def _as_many_as_fit() -> int:
    return min(processors(), runs_that_fit(RUN_BYTES) or processors())


def run_here(orders: Mapping[str, Order], *, ended: Ended = nobody_told) -> AllRan:
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


def run_apart(orders: Mapping[str, Order], workers: Workers, *, jobs: int, ended: Ended = nobody_told) -> AllRan:
    """As many at once as `jobs` says, each with its share of the machine's threads."""
    have_machine_code(next(iter(orders.values())))
    threads = max(processors() // min(jobs, len(orders)), 1)
    workers.keep_only(threads)

    def run(label: str, order: Order) -> Ran:
        return workers.run(order, threads=threads, said=lambda line: tell(f"{label}: {line}"))

    with signals_heeded() as interrupts, ThreadPoolExecutor(jobs, thread_name_prefix="row") as pool:
        running = {pool.submit(run, label, order): label for label, order in orders.items()}
        try:
            with interrupts.break_off():
                _wait_for(running, ended)
        except KeyboardInterrupt:
            for future in running:
                future.cancel()
            workers.end_all()
        rows = {label: future.result() for future, label in running.items() if not future.cancelled()}
    return AllRan(rows, interrupts.first)


def have_machine_code(order: Order) -> None:
    """Where none is kept yet, it is made once, before several processes would each make it for themselves."""
    if not kernel_is_cold():
        return
    compile_kernel()
    # Of a process that cannot be started, or fails, the first runs do the work.
    with contextlib.suppress(OSError), started(processors(), warm_up.MODULE) as process:
        process.communicate(as_line(order))


def _wait_for(running: Mapping[Future[Ran], str], ended: Ended) -> None:
    left = set(running)
    while left:
        # In turns: an interrupt is heeded between two of them.
        done, left = wait(left, timeout=0.5, return_when=FIRST_COMPLETED)
        for future in done:
            ended(running[future], future.result())

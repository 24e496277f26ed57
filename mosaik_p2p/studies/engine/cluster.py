"""Runs on a Dask cluster that exists: each is a task, computed in a process of its own on the worker that has it.

A worker that is killed costs no more than its run, which Dask gives to another one, where it goes on from what stands
in the folder; what is done is released at once, so that nothing is computed again when a worker goes later.
"""

import importlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mosaik_p2p.cosim import ExitCode, Order
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.sims.world.interrupts import signals_heeded
from mosaik_p2p.studies.engine.running import AllRan, Ended, Ran, have_machine_code, started

OPTION = "--scheduler"
CONNECT_S = 15
THREADS_EACH = 1
"""Threads of a run: a worker has as many runs at once as threads, and nobody knows how many share its machine."""
RETRIES = 3
"""Times that a run is given to another worker after one was lost with it."""


def run_on_cluster(orders: Mapping[str, Order], address: str, *, ended: Ended) -> AllRan:
    """By label, on the workers of the Dask scheduler at `address`. Raises BadInput where it cannot be reached."""
    client = _client(address)
    have_machine_code(next(iter(orders.values())))
    rows: dict[str, Ran] = {}
    with signals_heeded() as interrupts, client:
        as_completed: Any = importlib.import_module("distributed").as_completed
        futures = {
            client.submit(run_one, _plain(order), key=f"run-{label}", pure=False, retries=RETRIES): label
            for label, order in orders.items()
        }
        try:
            with interrupts.break_off():
                for future in as_completed(futures):
                    label = futures[future]
                    rows[label] = _ran(future)
                    ended(label, rows[label])
                    future.release()
        except KeyboardInterrupt:
            client.cancel(list(futures), force=True)
    return AllRan(rows, interrupts.first)


def run_one(order: Mapping[str, Any]) -> tuple[int, str | None]:
    """What a worker does: the run's exit code, and the last line that it said."""
    said = None
    with started(THREADS_EACH) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        # Held open as long as the task lives: the run ends with its worker.
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        for line in process.stderr:
            said = line.rstrip() or said
        code = process.wait()
    return code, said


def _plain(order: Order) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(order), default=str))
    return plain


def _ran(future: Any) -> Ran:
    if future.status != "finished":
        return Ran(f"its worker was lost {RETRIES + 1} times ({future.status})")
    code, said = future.result()
    if code in list(ExitCode):
        return Ran(None, said, ExitCode(code))
    return Ran(f"its process ended with {code}", said)


def _client(address: str) -> Any:
    try:
        connect: Any = importlib.import_module("distributed").Client
    except ImportError as error:
        remedy = 'Install it: pip install "mosaik-p2p[sweep]"'
        raise BadInput([Fault(OPTION, address, "needs Dask, which is not installed", remedy)]) from error
    try:
        return connect(address, timeout=CONNECT_S)
    except (OSError, ValueError, TypeError) as error:
        remedy = "Give the address that the scheduler prints, such as tcp://127.0.0.1:8786"
        raise BadInput([Fault(OPTION, address, f"cannot be reached: {error}", remedy)]) from error

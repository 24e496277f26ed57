"""Runs on a Dask cluster that exists: each is a task, computed in a process of its own on the worker that has it.

A worker that is killed costs no more than its run, which Dask gives to another one, where it goes on from what stands
in the folder; what is done is released at once, so that nothing is computed again when a worker goes later.
"""

import contextlib
import importlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mosaik_p2p.cosim import Order
from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.sims.world.interrupts import signals_heeded
from mosaik_p2p.studies.engine.running import AllRan, Ended, have_machine_code, nobody_told
from mosaik_p2p.studies.engine.worker import Ran, Worker

OPTION = "--scheduler"
CONNECT_S = 15
THREADS_EACH = 1
"""Threads of a run: a worker has as many runs at once as threads, and nobody knows how many share its machine."""
RETRIES = 3
"""Times that a run is given to another worker after one was lost with it."""


class Cluster:
    """The workers of the Dask scheduler at an address, which is called when there is something to run."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Any = None
        self._open = contextlib.ExitStack()

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def run_all(self, orders: Mapping[str, Order], *, ended: Ended = nobody_told) -> AllRan:
        """By label. Raises BadInput where the scheduler cannot be reached."""
        client = self._connected()
        have_machine_code(next(iter(orders.values())))
        rows: dict[str, Ran] = {}
        with signals_heeded() as interrupts:
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

    def _connected(self) -> Any:
        if self._client is None:
            self._client = self._open.enter_context(_client(self._address))
        return self._client


def run_one(order: Mapping[str, Any]) -> Ran:
    """What a worker of Dask does for one run."""
    with Worker(THREADS_EACH) as worker:
        return worker.run(Order(**order))


def _plain(order: Order) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(order), default=str))
    return plain


def _ran(future: Any) -> Ran:
    if future.status != "finished":
        return Ran(f"its worker was lost {RETRIES + 1} times ({future.status})")
    ran: Ran = future.result()
    return ran


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

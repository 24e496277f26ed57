"""Runs of a study in a process of their own, one after the other: each order comes as a line of JSON.

What a run says goes to standard error, and after it a line that begins with `MARK` and says how it ended. Whoever
gives the orders keeps standard input open. When it is closed, or its holder gone, the process ends; a run that goes on
ends as it does when somebody ends it from outside: what was computed is written.
"""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Lock, Thread

from mosaik_p2p.cosim import ExitCode, Order, conduct
from mosaik_p2p.errors import BadInput
from mosaik_p2p.printing import quiet_logs

MODULE = __name__
MARK = "\x1eended "
"""Begins with a control character that nothing else prints: a record separator."""
STDIN, CHUNK = 0, 65536


def main() -> int:
    """Run what is ordered until nobody can order more; the exit code is that of the last run."""
    quiet_logs()
    holder, code = _Holder(), ExitCode.COMPLETE
    while (order := holder.next_order()) is not None:
        with holder.run_goes_on():
            code, stays = _ran(Order(**json.loads(order)))
        print(f"{MARK}{json.dumps({'exit_code': code, 'stays': stays})}", file=sys.stderr, flush=True)
        if not stays:
            break
    return code


def _ran(order: Order) -> tuple[ExitCode, bool]:
    """How a run ended, and whether there may be others: what interrupted it is meant for all."""
    try:
        outcome, demand = conduct(order)
    except BadInput as bad:
        print(bad, file=sys.stderr)
        return ExitCode.BAD_INPUT, True
    return outcome.exit_code, demand is None


class _Holder:
    """Whoever holds the other end of standard input."""

    def __init__(self) -> None:
        self._orders: SimpleQueue[bytes | None] = SimpleQueue()
        self._lock, self._goes_on = Lock(), False
        Thread(target=self._listen, daemon=True, name="holder").start()

    def next_order(self) -> bytes | None:
        """The next one as soon as it is there; None where there will be none."""
        return self._orders.get()

    @contextlib.contextmanager
    def run_goes_on(self) -> Iterator[None]:
        """Inside, this process is interrupted where the holder is gone."""
        with self._lock:
            self._goes_on = True
        try:
            yield
        finally:
            with self._lock:
                self._goes_on = False

    # Read past Python's own buffers: a thread that waits in them would keep the interpreter from ending.
    def _listen(self) -> None:
        rest = b""
        while more := os.read(STDIN, CHUNK):
            *orders, rest = (rest + more).split(b"\n")
            for order in orders:
                self._orders.put(order)
        self._orders.put(None)
        with self._lock:
            if self._goes_on:
                os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    raise SystemExit(main())

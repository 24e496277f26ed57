"""An electric grid that fails in its third interval, in the way that its last argument names."""

import os
import signal
import sys
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

from mosaik_api_v3.types import CreateResult

from mosaik_p2p.sims import electric_grid
from mosaik_p2p.sims.shared import serve

SECONDS_OF_TWO_HOURS = 7200
WAYS = ("raise", "exit", "interrupt")
PATIENCE_S = 60.0
"""For an interrupt that does not come."""


def wait_after(call: Callable[[], None]) -> None:
    """Wait, after the call, for an interrupt that is to come."""
    call()
    until = monotonic() + PATIENCE_S
    while monotonic() < until:
        sleep(0.01)


class Simulator(electric_grid.Simulator):
    """Works for two hours."""

    way = "interrupt"

    def step(self, time: int, inputs: dict[str, Any], max_advance: int) -> int | None:
        if time >= SECONDS_OF_TWO_HOURS:
            self._fail()
        return super().step(time, inputs, max_advance)

    def _fail(self) -> None:
        if self.way == "raise":
            raise ValueError("the transformer burns")
        if self.way == "exit":
            os._exit(1)
        raise KeyboardInterrupt


class Waiting(Simulator):
    """Says that it is there, and waits for the interrupt that is to end it."""

    def _fail(self) -> None:
        print("waiting", flush=True)
        wait_after(lambda: None)


class Interrupting(Simulator):
    """Sends its process the interrupt that Ctrl-C sends, and waits for it."""

    def _fail(self) -> None:
        print("waiting", flush=True)
        wait_after(lambda: os.kill(os.getpid(), signal.SIGINT))


class DiesWithoutCharges(electric_grid.Simulator):
    """Is interrupted at once where people trade and nobody pays a charge, and works otherwise."""

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:
        if model == "Grid":
            scenario = model_params["scenario"].scenario
            self._is_free = scenario.charges.electricity is None and scenario.market.design != "none"
        return super().create(num, model, **model_params)

    def step(self, time: int, inputs: dict[str, Any], max_advance: int) -> int | None:
        if self._is_free:
            raise KeyboardInterrupt
        return super().step(time, inputs, max_advance)


if __name__ == "__main__":
    Simulator.way = sys.argv.pop()
    raise SystemExit(serve(Simulator(), "A grid that dies"))

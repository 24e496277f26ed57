"""An electric grid that fails in its third interval, in the way that its last argument names."""

import os
import sys
from typing import Any

from mosaik_api_v3.types import CreateResult

from mosaik_p2p.sims import electric_grid
from mosaik_p2p.sims.shared import serve

SECONDS_OF_TWO_HOURS = 7200
WAYS = ("raise", "exit", "interrupt")


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


class DiesWithoutCharges(electric_grid.Simulator):
    """Is interrupted at once where nobody pays a charge, and works otherwise."""

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:
        if model == "Grid":
            self._is_free = not model_params["scenario"].scenario.charges.electricity.rate
        return super().create(num, model, **model_params)

    def step(self, time: int, inputs: dict[str, Any], max_advance: int) -> int | None:
        if self._is_free:
            raise KeyboardInterrupt
        return super().step(time, inputs, max_advance)


if __name__ == "__main__":
    Simulator.way = sys.argv.pop()
    raise SystemExit(serve(Simulator(), "A grid that dies"))

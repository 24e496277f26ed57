"""One prosumer of the example `agents`: a mosaik simulator in a process of its own, with everything that is its own.

mosaik's usual life (`init`, `create`, `setup_done`, `finalize`) and four extra methods, in which prices go in and net
sales come out. Of what it knows nothing else leaves it; its costs it tells its owner alone, in a file of its own.

    python -m mosaik_p2p.scenarios.examples.agent_process HOST:PORT
"""

import json
import pickle
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mosaik_api_v3
import numpy as np

from mosaik_p2p.market.agents.prosumer_side import ProsumerSide

META: Any = {
    "type": "event-based",
    "models": {"Agent": {"public": True, "params": ["own", "account"], "attrs": []}},
    "extra_methods": ["begin", "respond", "settle", "commit"],
}


class Simulator(mosaik_api_v3.Simulator):
    """An agent; numbers go over the wire as lists."""

    def __init__(self) -> None:
        super().__init__(META)  # type: ignore[no-untyped-call]  # mosaik's own signature has no types
        self._costs: list[float] = []

    def init(self, sid: str, time_resolution: float = 1.0, **sim_params: Any) -> Any:  # noqa: ARG002 (mosaik's)
        """Takes no parameters."""
        return self.meta

    def create(self, num: int, model: str, **params: Any) -> list[Any]:  # noqa: ARG002
        """The one prosumer, out of its own file: it is there already, and of nobody else's making."""
        own = pickle.loads(Path(params["own"]).read_bytes())
        self._side, self._account = ProsumerSide(own), Path(params["account"])
        # Once, so that no exchange waits for anything to be compiled.
        told = self._side.begin(0)
        self._side.respond(np.zeros_like(told.price_per_kwh), np.ones(len(told.member)))
        return [{"eid": f"Agent-{own.prosumers[0].name}", "type": model}]

    def begin(self, interval: int) -> dict[str, Any]:
        """Plan from an interval on; what it says of itself."""
        return {name: np.asarray(value).tolist() for name, value in vars(self._side.begin(interval)).items()}

    def respond(self, target_kw: list[Any], weight: list[float]) -> Any:
        """What it would sell at these prices."""
        return self._side.respond(np.array(target_kw), np.array(weight)).tolist()

    def settle(self, sale_kw: list[Any]) -> dict[str, Any]:
        """Do what was agreed: what of it cannot be kept, and what goes over its connections."""
        surplus = self._side.settle(np.array(sale_kw))
        return {"surplus_kw": surplus.tolist(), "dispatch": asdict(self._side.dispatch)}

    def commit(self) -> None:
        """The interval is over."""
        self._costs.append(self._side.cost)
        self._side.commit()
        self._account.write_text(json.dumps(self._costs), encoding="utf-8")

    def step(self, time: int, inputs: Any, max_advance: int) -> None:
        """It does nothing by the clock."""

    def get_data(self, outputs: Any) -> Any:  # noqa: ARG002
        """Nothing."""
        return {}


if __name__ == "__main__":
    raise SystemExit(mosaik_api_v3.start_simulation(Simulator(), "A prosumer", configure_logging=False))

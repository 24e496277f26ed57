"""A collector for the examples: a mosaik simulator that keeps whatever it is connected to, as a table.

In one group with a loop it sees every round of an instant, outside only the last one.
"""

from typing import Any

import mosaik_api_v3
import pandas as pd

META: Any = {
    "type": "event-based",
    "models": {"Collector": {"public": True, "any_inputs": True, "params": [], "attrs": []}},
    "extra_methods": ["rows"],
}


class Simulator(mosaik_api_v3.Simulator):
    """Collects until the end, in the order in which values arrive."""

    def __init__(self) -> None:
        super().__init__(META)  # type: ignore[no-untyped-call]  # mosaik's own signature has no types
        self._rows: list[tuple[int, str, str, Any]] = []

    def init(self, sid: str, time_resolution: float = 1.0, **sim_params: Any) -> Any:  # noqa: ARG002 (mosaik's)
        """Takes no parameters."""
        return self.meta

    def create(self, num: int, model: str, **model_params: Any) -> list[Any]:  # noqa: ARG002
        """Any number of collectors, all with one table."""
        return [{"eid": f"{model}-{number}", "type": model} for number in range(num)]

    def step(self, time: int, inputs: Any, max_advance: int) -> None:  # noqa: ARG002
        """Keep what arrived; sorted, because mosaik keeps connections in sets."""
        arrived = [
            (time, source, attribute, value)
            for attributes in inputs.values()
            for attribute, sources in attributes.items()
            for source, value in sources.items()
        ]
        self._rows += sorted(arrived, key=lambda row: row[:3])

    def get_data(self, outputs: Any) -> Any:  # noqa: ARG002
        """Nothing."""
        return {}

    def rows(self) -> pd.DataFrame:
        """All that arrived (only for a simulator in this process)."""
        return pd.DataFrame(self._rows, columns=["time", "source", "attribute", "value"])

"""A source for tests that steps by a clock of its own: one value after the other, of one attribute."""

from typing import Any

import mosaik_api_v3


class Simulator(mosaik_api_v3.Simulator):
    """Says the values in turn, every `step_s` seconds; None is not said at all."""

    def __init__(self) -> None:
        super().__init__({"type": "hybrid", "models": {}})  # type: ignore[no-untyped-call]  # mosaik's own has no types

    def init(self, sid: str, time_resolution: float = 1.0, **params: Any) -> Any:  # noqa: ARG002 (mosaik's)
        """`attribute`, `values`, `step_s`, and whether they are `events` that mosaik forgets."""
        self._attribute, self._values, self._step_s = params["attribute"], params["values"], params["step_s"]
        kind = "non-persistent" if params["events"] else "persistent"
        model = {"public": True, "params": [], "attrs": [self._attribute], kind: [self._attribute]}
        return {**self.meta, "models": {"Source": model}}

    def create(self, num: int, model: str) -> list[Any]:
        """Entities that all say the same."""
        return [{"eid": f"{model}-{k}", "type": model} for k in range(num)]

    def step(self, time: int, inputs: Any, max_advance: int) -> int:  # noqa: ARG002 (mosaik's)
        """On to the next value."""
        self._now = time // self._step_s
        return time + self._step_s

    def get_data(self, outputs: Any) -> Any:
        """The value of now; after the last one, the last one."""
        value = self._values[min(self._now, len(self._values) - 1)]
        return {eid: {} if value is None else {self._attribute: value} for eid in outputs}

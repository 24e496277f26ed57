"""What both network simulators share: rounds, the answer to a dispatch, and the message to the recorder.

A grid answers every dispatch, also with an empty list of violations, and under the dispatch's round. A step that brings
no dispatch (the grid's own step, a change of the background) moves the attributes on but answers nobody: a stale answer
would look like a check that never happened.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

from mosaik_api_v3.types import InputData, Meta, OutputData, OutputRequest

from mosaik_p2p.errors import Status
from mosaik_p2p.feasibility.violation import Violation
from mosaik_p2p.sims.shared import BaseSimulator, in_order, record
from mosaik_p2p.units import Table

GRID_ID = "Grid"
DEFAULT_STEP_SIZE = 900
"""Steps of mosaik between two steps of a grid's own; a scenario's interval takes its place."""
GRID_EVENTS = ("violations", "tables")


@dataclass(frozen=True)
class Answer:
    """What a network made of a dispatch; the tables are those of the result folder, without their time."""

    status: Status
    violations: tuple[Violation, ...]
    tables: dict[str, Table]


class GridSimulator(BaseSimulator):
    """A network that is solved whenever it is stepped."""

    network: str
    """Name of the network in the tables."""

    def __init__(self, meta: Meta) -> None:
        super().__init__(meta)
        self._answer: Answer | None = None
        self._round = -1
        self._time = -1
        self._wall_s = 0.0

    def init(
        self, sid: str, time_resolution: float = 1.0, step_size: int | None = DEFAULT_STEP_SIZE, **sim_params: Any
    ) -> Meta:
        """`step_size` in steps of mosaik; None or 0: only inputs make the grid step."""
        if sim_params:
            raise TypeError(f"simulator {sid!r} knows the parameter step_size, but got {sorted(sim_params)}")
        self._time_resolution = time_resolution
        self._step_size = step_size
        return self.meta

    def _use_interval(self, steps: int) -> None:
        """The scenario's interval becomes the step, unless the user chose another or none."""
        if self._step_size == DEFAULT_STEP_SIZE:
            self._step_size = steps

    def step(self, time: int, inputs: InputData, max_advance: int) -> int | None:  # noqa: ARG002 (mosaik's signature)
        """Solve with the dispatch that arrived, or else with the last one."""
        is_dispatch = self._read(time, inputs)
        started = perf_counter()
        answer = self._solve(time)
        self._wall_s = perf_counter() - started
        self._answer = answer if is_dispatch else None
        if is_dispatch:
            self._count_round(time, inputs.get(GRID_ID, {}).get("round", {}))
        return time + self._step_size if self._step_size else None

    def _count_round(self, time: int, stated: Mapping[str, int]) -> None:
        following = self._round + 1 if time == self._time else 0
        self._round = in_order(stated)[0] if stated else following
        self._time = time

    @abstractmethod
    def _read(self, time: int, inputs: InputData) -> bool:
        """Take the inputs over; whether a dispatch was among them."""

    @abstractmethod
    def _solve(self, time: int) -> Answer:
        """Solve and check with what was read."""

    @abstractmethod
    def _element_values(self, eid: str, attributes: Sequence[str]) -> dict[str, Any]:
        """Attributes of an element as it was solved last; None where there is no solution."""

    def get_data(self, outputs: OutputRequest) -> OutputData:
        """The answer, if there was a dispatch, and the state of the elements."""
        return {
            eid: self._grid_events(attributes) if eid == GRID_ID else self._element_values(eid, attributes)
            for eid, attributes in outputs.items()
        }

    def _grid_events(self, attributes: Sequence[str]) -> dict[str, Any]:
        if self._answer is None:
            return {}
        items = [asdict(violation) for violation in self._answer.violations]
        events = {
            "violations": {"round": self._round, "status": str(self._answer.status), "items": items},
            "tables": record(self._round, self._answer.tables, wall_s=self._wall_s),
        }
        return {name: events[name] for name in attributes if name in events}


def violation_rows(network: str, violations: Sequence[Violation]) -> Table:
    """The table `violations` without time and round."""
    columns = ("element", "quantity", "value", "limit", "unit", "excess")
    rows: Table = {column: [getattr(violation, column) for violation in violations] for column in columns}
    # Whether prosumers can do anything about it is known once there is a negotiation.
    return {"network": [network] * len(violations), **rows, "prosumers_can_influence": [None] * len(violations)}


def flow_row(
    network: str,
    status: Status,
    *,
    iterations: int | None,
    slack_kw: float | None,
    loss_kw: float | None,
    pump_kw: float | None,
) -> Table:
    """The table `flows` without time and round, one row."""
    return {
        "network": [network],
        "status": [str(status)],
        "iterations": [iterations],
        "slack_kw": [slack_kw],
        "loss_kw": [loss_kw],
        "pump_kw": [pump_kw],
    }

"""What both network simulators share: rounds, the answer to a dispatch, and the message to the recorder.

A grid answers every dispatch, also with an empty list of violations, and under the dispatch's round. A step that brings
no dispatch (the grid's own step, a change of the background) moves the attributes on but answers nobody: a stale answer
would look like a check that never happened.

A network is solved only where something that its solution depends on has changed: a round that leaves one carrier as it
was gets that carrier's last solution again, under the new round.

With limit rows an answer also says, for every limit that is violated or near, how far each source of the dispatch moves
it. A row that was once in an answer stays in every answer of the same instant: a market that forgets a limit because it
looks slack breaks it again in the next round.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict
from time import perf_counter
from typing import Any

from mosaik_api_v3.types import InputData, Meta, OutputData, OutputRequest

from mosaik_p2p.limits.answer import Answer, Solution, answer_with_rows, answer_without_rows, unsolved_answer
from mosaik_p2p.limits.rows import LimitKey, Movers, as_message
from mosaik_p2p.limits.violation import Violation
from mosaik_p2p.loading.case import Case
from mosaik_p2p.sims.shared import BaseSimulator, begins_anew, in_order, interval_steps, record
from mosaik_p2p.sims.sources import LastValues
from mosaik_p2p.units import Table

GRID_ID = "Grid"
DEFAULT_STEP_SIZE = 900
"""Steps of mosaik between two steps of a grid's own; a scenario's interval takes its place."""
GRID_EVENTS = ("violations", "tables")


class GridSimulator(BaseSimulator):
    """A network that is solved whenever it is stepped."""

    network: str
    """Name of the network in the tables."""

    def __init__(self, meta: Meta) -> None:
        super().__init__(meta)
        self._answer: Answer | None = None
        self._solution: Solution | None = None
        self._solved_for: Hashable = None
        self._limit_rows = False
        self._kept: frozenset[LimitKey] = frozenset()
        self._kept_time = -1
        self._inputs = LastValues()
        self._round = -1
        self._time = -1
        self._case: Case | None = None
        self._first = 0
        self._made_in = 0
        """Interval before which the solver was made anew last."""
        self._last_begin: int | None = None
        """When the scenario's last interval begins; without a scenario nobody knows."""
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

    def _use_time(self, case: Case, first_interval: int) -> None:
        """The scenario's interval becomes the step, unless the user chose another or none; the world begins with
        `first_interval`."""
        steps = interval_steps(case, self._time_resolution)
        self._case, self._first, self._made_in = case, first_interval, first_interval
        self._steps_per_interval = steps
        self._last_begin = (case.scenario.time.steps - 1 - first_interval) * steps
        if self._step_size == DEFAULT_STEP_SIZE:
            self._step_size = steps

    def _use_limit_rows(self, stated: bool | None, case: Case | None) -> None:
        """What the user stated, or else whether the scenario negotiates; without either no rows are computed."""
        negotiates = case is not None and bool(case.scenario.negotiation.enabled)
        self._limit_rows = negotiates if stated is None else stated

    def step(self, time: int, inputs: InputData, max_advance: int) -> int | None:  # noqa: ARG002 (mosaik's signature)
        """Solve with the dispatch that arrived, or else with the last one."""
        is_dispatch = self._read(time, inputs)
        started = perf_counter()
        if is_dispatch:
            self._begin_anew(time)
        solution = self._solution_now(time)
        self._answer = self._judge(solution, time) if is_dispatch else None
        self._wall_s = perf_counter() - started
        if is_dispatch:
            self._count_round(time, inputs.get(GRID_ID, {}).get("round", {}))
        return time + self._step_size if self._step_size else None

    def _begin_anew(self, time: int) -> None:
        """Forget what the solver keeps, once before each interval from which a run can go on."""
        if self._case is None:
            return
        interval = self._first + time // self._steps_per_interval
        if interval != self._made_in and begins_anew(self._case, interval):
            self._made_in, self._solution, self._solved_for = interval, None, None
            self._forget()

    def solve_ahead(self, steps: Sequence[InputData]) -> None:
        """What the following steps will bring, each of them everything: a network may solve them together."""

    def _count_round(self, time: int, stated: Mapping[str, int]) -> None:
        following = self._round + 1 if time == self._time else 0
        self._round = in_order(stated)[0] if stated else following
        self._time = time

    def _solution_now(self, time: int) -> Solution:
        """The last solution if it still is one, else a new one."""
        inputs = self._solver_inputs()
        if self._solution is None or inputs != self._solved_for:
            # Forgotten first: a solver that raises must not leave an old solution behind that looks like this one.
            self._solution = None
            self._solution = self._solve(time)
            self._solved_for = inputs
        return self._solution

    def _judge(self, solution: Solution, time: int) -> Answer:
        if not self._limit_rows:
            return answer_without_rows(solution)
        if time != self._kept_time:
            self._kept, self._kept_time = frozenset(), time
        if not solution.is_solved:
            return unsolved_answer(solution)
        answer = answer_with_rows(solution, self._movers(), kept=self._kept)
        self._kept |= {row.key for row in answer.rows or ()}
        return answer

    def _places_of_sources(self) -> dict[str, tuple[str, Mapping[str, float]]]:
        """By name of a source: the one entity that it feeds, and with what, in the order of the names.

        The name is the source's entity id, as its own simulator knows it; where two simulators use the same one, the
        full id of each. A source that feeds several entities has no one response and is left out.
        """
        sources = self._inputs.by_source()
        single = {source: next(iter(sent.items())) for source, sent in sources.items() if len(sent) == 1}
        short = {source: source.partition(".")[2] or source for source in single}
        uses = Counter(short.values())
        named = {short[source] if uses[short[source]] == 1 else source: place for source, place in single.items()}
        return dict(sorted(named.items()))

    @abstractmethod
    def _read(self, time: int, inputs: InputData) -> bool:
        """Take the inputs over; whether a dispatch was among them."""

    @abstractmethod
    def _solver_inputs(self) -> Hashable:
        """All that a solution depends on, to be compared with what it was."""

    @abstractmethod
    def _solve(self, time: int) -> Solution:
        """Solve with what was read and put the values beside their limits."""

    @abstractmethod
    def _forget(self) -> None:
        """Solve next as a simulator does that has never solved anything, with what was read."""

    @abstractmethod
    def _movers(self) -> Movers:
        """How the last solution answers to the sources of the dispatch."""

    @abstractmethod
    def get_net_json(self) -> str:
        """The net of the last solution, in a form that its library reads."""

    @abstractmethod
    def _element_values(self, eid: str, attributes: Sequence[str]) -> dict[str, Any]:
        """Attributes of an element as it was solved last; None where there is no solution."""

    def get_data(self, outputs: OutputRequest) -> OutputData:
        """The answer, if there was a dispatch, and the state of the elements."""
        return {
            eid: self._grid_events(attributes) if eid == GRID_ID else self._element_values(eid, attributes)
            for eid, attributes in outputs.items()
        }

    def answer_tables(self) -> dict[str, Table]:
        """The tables of the last answer, without their time; none without one."""
        if self._answer is None:
            return {}
        return self._answer.solution.tables | {"violations": violation_rows(self.network, self._answer.violations)}

    def _grid_events(self, attributes: Sequence[str]) -> dict[str, Any]:
        if self._answer is None:
            return {}
        answer, tables = self._answer, self.answer_tables()
        events: dict[str, Any] = {}
        if "violations" in attributes:
            events["violations"] = {"round": self._round, "status": str(answer.solution.status)} | _plain(answer)
        if "tables" in attributes:
            # Nobody can ask for the net when the world has ended: it goes with the answers of the last interval.
            net = self.get_net_json() if self._time == self._last_begin else None
            events["tables"] = record(self._round, tables, wall_s=self._wall_s, net=net)
        return events


def _plain(answer: Answer) -> dict[str, Any]:
    """Violations, rows and the answer of the slack with JSON types only."""
    items = {"items": [asdict(violation) for violation in answer.violations]}
    if answer.rows is None:
        return items
    return items | {"rows": [as_message(row) for row in answer.rows], "slack": answer.slack}


def violation_rows(network: str, violations: Sequence[Violation]) -> Table:
    """The table `violations` without time and round."""
    columns = ("element", "quantity", "value", "limit", "unit", "excess", "prosumers_can_influence")
    rows: Table = {column: [getattr(violation, column) for violation in violations] for column in columns}
    return {"network": [network] * len(violations), **rows}

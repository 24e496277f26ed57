"""Collects every round's tables from the market and the grids, and writes them to the result folder.

It belongs into the group of the market and the grids: outside it would see the last round only. Of an interval with
several rounds the last one is binding; `clearing`, `flows`, `violations` and `negotiation` keep the others too.

In a run of this package the folder is the run's, which begins and concludes it. In a world of somebody's own the
recorder does that itself: see `own_folder`.
"""

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mosaik_api_v3.types import CreateResult, InputData, Meta, OutputData, OutputRequest

from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.uncertainty.draw import draws_table
from mosaik_p2p.results.measures.thinning import Thinner
from mosaik_p2p.results.store.facts import read_facts
from mosaik_p2p.results.store.folder import ELECTRIC_NET_FILE, HEAT_NET_FILE
from mosaik_p2p.results.store.parts import ContinuedStore, ResultStore, read_table
from mosaik_p2p.results.store.resume_point import Phase, move_point
from mosaik_p2p.results.tables.schema import TABLES
from mosaik_p2p.settlement import settle
from mosaik_p2p.sims.expected import LateValue
from mosaik_p2p.sims.own_folder import OwnFolder, claimed
from mosaik_p2p.sims.shared import (
    API_VERSION,
    ScenarioSimulator,
    ScenarioSource,
    anew_intervals,
    by_part,
    interval_steps,
    open_case,
    serve,
)
from mosaik_p2p.units import ELECTRICITY, HEAT, Table

RECORDER_ID = "Recorder"
NET_FILE_OF = {ELECTRICITY: ELECTRIC_NET_FILE, HEAT: HEAT_NET_FILE}
ALL_ROUNDS = frozenset({"clearing", "flows", "violations", "negotiation"})
OFFSET = "offset"
"""The one column that is sent and not stored: by how many intervals later a row is about."""
STAMPS = ("time", "round", "binding")
"""Columns that only the recorder knows."""
MOST_PARTS = 60
"""About as many parts a table has at most: of a long run more intervals lie between two writes. They are what a killed
process can lose, against one small file per table and write."""

META: Meta = {
    "api_version": API_VERSION,
    "type": "hybrid",
    "models": {
        "Recorder": {
            "public": True,
            "params": ["scenario", "folder", "overwrite", "on_interval", "first_interval"],
            "attrs": ["tables"],
            "trigger": ["tables"],
            "non-persistent": ["tables"],
            "any_inputs": False,
        },
    },
    "extra_methods": ["finish", "drop_unfinished", "wall_s"],
}


class Simulator(ScenarioSimulator):
    """Writes through the results store: an interval when the next one begins, the last one in `finalize`."""

    def __init__(self) -> None:
        super().__init__(META)
        self._store: ResultStore | None = None
        self._thinner: Thinner | None = None
        self._own: OwnFolder | None = None
        self._rounds: dict[int, dict[str, dict[str, Table]]] = {}
        """By round and source: the tables of the open interval."""
        self._nets: dict[str, str] = {}
        """By network, as it was sent last."""
        self._has_warned = False
        self._interval = self._first = 0
        self._flush_every = 1
        self._wall_s: dict[str, float] = {}
        self._on_interval: Callable[[], object] | None = None

    def create(self, num: int, model: str, **model_params: Any) -> list[CreateResult]:
        """The one recorder."""
        if model != "Recorder" or num != 1 or self._store is not None:
            raise ValueError(f"there is exactly one Recorder in this simulator, asked for {num} {model}")
        self._open(**model_params)
        return [{"eid": RECORDER_ID, "type": "Recorder", "rel": []}]

    def _open(
        self,
        scenario: ScenarioSource,
        folder: str | Path,
        overwrite: bool = False,
        on_interval: Callable[[], object] | None = None,
        first_interval: int = 0,
    ) -> None:
        """The world begins with `first_interval`: the folder has the intervals before it."""
        self._case: Case = open_case(scenario)
        self._steps_per_interval = interval_steps(self._case, self._time_resolution)
        self._own = claimed(Path(folder), self._case, overwrite=overwrite)
        self._interval = self._first = first_interval
        self._flush_every = flush_intervals(self._case)
        self._store = (ContinuedStore if first_interval else ResultStore)(Path(folder))
        self._thinner = thinner_of(Path(folder))
        self._on_interval = on_interval

    def step(self, time: int, inputs: InputData, max_advance: int) -> int | None:  # noqa: ARG002 (mosaik's signature)
        """Keep what arrived; when time has advanced, write the interval before."""
        interval = self._first + time // self._steps_per_interval
        messages = inputs.get(RECORDER_ID, {}).get("tables", {})
        if interval != self._interval:
            self._write_open()
            self._interval = interval
            self._move_point(messages)
        if time % self._steps_per_interval:
            self._warn_of(messages)
            messages = {}
        for source in sorted(messages):
            self._keep(source, messages[source])
        following = interval + 1
        is_last = following >= self._case.scenario.time.steps
        return None if is_last else (following - self._first) * self._steps_per_interval

    def _move_point(self, messages: Mapping[str, Any]) -> None:
        """Where the market says what it starts this interval from, the run can go on from here."""
        states = [message["state"] for message in messages.values() if "state" in message]
        if states and self._store is not None and self._interval % self._flush_every == 0:
            self._store.flush()
            spent = by_part(self.wall_s())
            move_point(self._store.folder, Phase.RUNNING, interval=self._interval, state=states[0], wall_s=spent)

    def _keep(self, source: str, message: Mapping[str, Any]) -> None:
        refuse_other_columns(source, message["tables"])
        self._wall_s[source] = self._wall_s.get(source, 0.0) + message["wall_s"]
        # A source that answers a round once more means to replace its answer.
        self._rounds.setdefault(message["round"], {})[source] = message["tables"]
        if "net" in message:
            self._nets.update(dict.fromkeys(message["tables"]["flows"]["network"], message["net"]))

    def _warn_of(self, messages: Mapping[str, Any]) -> None:
        """Between the begins of two intervals the tables have no place for what a network finds."""
        if messages and not self._has_warned:
            self._has_warned = True
            message = (
                f"{', '.join(sorted(messages))}: sent tables while an interval runs, on account of inputs that change "
                "within it. They are not kept: the result folder holds every interval as it stands at its begin. "
                "A shorter time.step_minutes keeps more."
            )
            warnings.warn(message, LateValue, stacklevel=2)

    def _write_open(self) -> None:
        """Write the open interval with its last round as the binding one."""
        if not self._rounds or self._store is None:
            return
        rounds = {number: _together(sources) for number, sources in self._rounds.items()}
        tables: Iterable[tuple[str, Table]] = interval_tables(rounds, self._case, self._interval)
        if self._thinner is not None:
            tables = self._thinner.kept(self._interval, list(tables))
        for table, rows in tables:
            self._store.append(table, rows)
        self._rounds = {}
        if (self._interval + 1) % self._flush_every == 0:
            self._store.flush()
        if self._on_interval is not None:
            self._on_interval()

    def finish(self) -> None:
        """Write what is still open. A run that ended regularly calls this; `finalize` does it for one that did not."""
        self._write_open()
        if self._store is not None:
            self._store.flush()
            for network, net in self._nets.items():
                self._store.folder.write(NET_FILE_OF[network], net.encode())
        self._nets = {}

    def drop_unfinished(self, market_time: int) -> None:
        """After a failure: forget the open interval, unless the market had gone beyond it.

        Otherwise nobody knows whether its last round would have been binding.
        """
        if market_time < (self._interval + 1 - self._first) * self._steps_per_interval:
            self._rounds, self._nets = {}, {}

    def wall_s(self) -> dict[str, float]:
        """Seconds of computing so far, by the name of the simulator."""
        return {source.partition(".")[0]: seconds for source, seconds in self._wall_s.items()}

    def get_data(self, outputs: OutputRequest) -> OutputData:
        """Nothing: the recorder only listens."""
        return {eid: {} for eid in outputs}

    def finalize(self) -> None:
        """Write the last interval; a folder that is the recorder's own is concluded."""
        self.finish()
        if self._own is not None:
            self._own.conclude(self.wall_s())
            self._own = None


def flush_intervals(case: Case) -> int:
    """Intervals between two writes: as many as between two begins anew, or a multiple of it in a long run."""
    every = anew_intervals(case)
    return every * max(1, math.ceil(case.scenario.time.steps / (every * MOST_PARTS)))


def thinner_of(folder: Path) -> Thinner | None:
    """What leaves out what the folder's scenario does not want to keep; None where it wants all of it.

    It begins with the intervals that are stored already.
    """
    facts = read_facts(folder)
    tables = {name: read_table(folder, name) for name in facts.thinned}
    stored = {name: {str(column): list(values) for column, values in rows.items()} for name, rows in tables.items()}
    return Thinner(facts, stored) if stored else None


def refuse_other_columns(source: str, tables: Mapping[str, Table]) -> None:
    """Raises ValueError where a table that was sent has no place in the result folder, or other columns than declared.

    What is not stored would be missed by nobody: a column that the tables do not declare, or one that lacks, is a
    mistake of the sender.
    """
    for name, rows in tables.items():
        if name not in TABLES:
            raise ValueError(f"{source} sent a table {name!r}; the result folder has {', '.join(TABLES)}")
        unknown = set(rows) - set(TABLES[name].columns) - {OFFSET}
        if unknown:
            raise ValueError(f"{source} sent table {name!r} with columns that it does not have: {sorted(unknown)}")
        missing = set(TABLES[name].columns) - set(rows) - set(STAMPS)
        if missing and rows:
            raise ValueError(f"{source} sent table {name!r} with missing columns: {sorted(missing)}")


def _together(sources: Mapping[str, Mapping[str, Table]]) -> dict[str, Table]:
    """The tables of all sources, in the order of their names."""
    tables: dict[str, Table] = {}
    for source in sorted(sources):
        for name, rows in sources[source].items():
            tables[name] = joined(tables[name], rows) if name in tables else rows
    return tables


def joined(first: Table, second: Table) -> Table:
    """The rows of both tables. ValueError where their columns differ."""
    if set(first) != set(second):
        raise ValueError(f"rows of one table with different columns: {sorted(first)} and {sorted(second)}")
    return {column: [*values, *second[column]] for column, values in first.items()}


def interval_tables(rounds: Mapping[int, Mapping[str, Table]], case: Case, interval: int) -> list[tuple[str, Table]]:
    """An interval's tables as they are stored, settlement included; the highest round is the binding one."""
    binding = max(rounds)
    rounds = marked_by_means(rounds)
    stored = [
        (name, _stamped(name, rows, case, interval, number, binding))
        for number in sorted(rounds)
        for name, rows in rounds[number].items()
        if number == binding or name in ALL_ROUNDS
    ]
    paid = _settlement(rounds[binding], case)
    drawn = draws_table(case.draws) if interval == 0 and case.draws else None
    beside = {name: rows for name, rows in (("settlement", paid), ("draws", drawn)) if rows is not None}
    return [*stored, *((name, _stamped(name, rows, case, interval, 0, 0)) for name, rows in beside.items())]


def marked_by_means(rounds: Mapping[int, Mapping[str, Table]]) -> Mapping[int, Mapping[str, Table]]:
    """The rounds, with what the negotiation found last of each violated limit, in all of them: whether it is within the
    prosumers' means."""
    place = ("network", "element", "quantity")
    held = [tables["negotiation"] for _, tables in sorted(rounds.items()) if "negotiation" in tables]
    if not held:
        return rounds
    within: dict[tuple[Any, ...], bool] = {}
    *keys, means = (held[-1][name] for name in (*place, "within_means"))
    for *key, is_within in zip(*keys, means, strict=True):
        # A line's other side is a row of its own; what cannot be kept on either side cannot be kept.
        if is_within is not None:
            within[tuple(key)] = is_within and within.get(tuple(key), True)

    def marked(table: Table) -> Table:
        keys = zip(*(table[name] for name in place), strict=True)
        flags = zip(keys, table["prosumers_can_influence"], strict=True)
        return {**table, "prosumers_can_influence": [within.get(key, flag) for key, flag in flags]}

    return {
        number: {name: marked(table) if name == "violations" else table for name, table in tables.items()}
        for number, tables in rounds.items()
    }


def _settlement(tables: Mapping[str, Table], case: Case) -> Table | None:
    """What everybody pays; None where a dispatch is missing to settle or its flows to price the losses."""
    if not {"trades", "prosumers", "alone", "flows"} <= set(tables):
        return None
    stated = case.scenario.settlement
    # What prosumers cause of the losses is known only after the run.
    counted = {name: rows for name, rows in tables.items() if name != "flows" or stated.losses == "whole"}
    return settle(counted, dt_h=case.dt_h, loss_price_per_kwh=stated.loss_price_per_kwh)


def _stamped(name: str, rows: Table, case: Case, interval: int, number: int, binding: int) -> Table:
    """The stored columns of the rows, with those that only the recorder knows: time, round, whether it is binding."""
    length = len(next(iter(rows.values()), []))
    # Inputs of later intervals say how much later.
    offsets = rows.get(OFFSET, [0] * length)
    moments = {offset: case.times[interval + offset].to_pydatetime() for offset in set(offsets)}
    times = [moments[offset] for offset in offsets]
    values = (times, [number] * length, [number == binding] * length)
    known: Table = dict(zip(STAMPS, values, strict=True))
    stamps = {column: values for column, values in known.items() if column in TABLES[name].columns}
    return stamps | {column: values for column, values in rows.items() if column != OFFSET}


def main() -> int:
    """Entry point of `python -m mosaik_p2p.sims.recorder HOST:PORT`."""
    return serve(Simulator(), "Recorder of results")


if __name__ == "__main__":
    raise SystemExit(main())

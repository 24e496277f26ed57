"""What the simulators have in common: opening a scenario, reading inputs in a fixed order, talking to the recorder."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import mosaik_api_v3
from mosaik_api_v3.types import Meta

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading import load
from mosaik_p2p.loading.case import Case
from mosaik_p2p.streams import open_missing_streams
from mosaik_p2p.units import MINUTES_PER_HOUR, SECONDS_PER_HOUR, Table

API_VERSION: Final = "3.0"
LOAD_SCALING: Final = "load_scaling[1]"
"""Factor on all that the electric network's own elements draw and no prosumer replaces."""
GENERATION_SCALING: Final = "generation_scaling[1]"
"""Factor on the electric network's static generators that no prosumer replaces."""

PART_OF = {"market": "market", "electric_grid": "electric", "heat_grid": "heat"}
"""Simulator to the part of the wall time that it stands for."""
ANEW_INTERVALS = 12
"""Intervals, or the blocks that cover as many, from one beginning to the next."""

ScenarioSource: TypeAlias = str | Path | Case
"""The name or path of a scenario, or the loaded scenario (only for a simulator in this process)."""

Sources: TypeAlias = Mapping[str, Any]
"""What mosaik hands over for one input attribute: the value by the full id of its source."""


class BaseSimulator(mosaik_api_v3.Simulator):
    """mosaik's base class, with types."""

    def __init__(self, meta: Meta) -> None:
        super().__init__(meta)  # type: ignore[no-untyped-call]  # mosaik's own signature has no types


class ScenarioSimulator(BaseSimulator):
    """A simulator that takes everything from its scenario, so that starting it needs no parameters."""

    def init(self, sid: str, time_resolution: float = 1.0, **sim_params: Any) -> Meta:
        """`time_resolution`: seconds per step of mosaik."""
        self._time_resolution = time_resolution
        if sim_params:
            raise TypeError(f"simulator {sid!r} takes no parameters, but got {sorted(sim_params)}")
        return self.meta


def open_case(scenario: ScenarioSource) -> Case:
    """The loaded scenario; BadInput where it has faults."""
    return scenario if isinstance(scenario, Case) else load(scenario)


def interval_steps(case: Case, time_resolution: float) -> int:
    """The scenario's interval in mosaik steps of `time_resolution` seconds; BadInput where it is no whole number."""
    seconds = case.dt_h * SECONDS_PER_HOUR
    steps = round(seconds / time_resolution)
    if steps < 1 or not math.isclose(steps * time_resolution, seconds):
        raise BadInput([_odd_resolution(seconds, time_resolution)])
    return steps


def _odd_resolution(seconds: float, time_resolution: float) -> Fault:
    minutes = seconds / MINUTES_PER_HOUR
    return Fault(
        place="mosaik world: time_resolution",
        value=f"{time_resolution} s",
        problem=f"an interval of {minutes:g} min is no whole number of mosaik steps",
        remedy="Choose a time resolution that divides the interval",
    )


def anew_intervals(case: Case) -> int:
    """Intervals from one begin anew to the next. A block that is cleared ahead is whole."""
    time = case.scenario.time
    block = time.horizon_steps if time.clearing == "day_ahead" else 1
    return block * math.ceil(ANEW_INTERVALS / block)


def begins_anew(case: Case, interval: int) -> bool:
    """Whether networks and market forget what they have solved before this interval.

    A run can go on from there, with what the market hands on as its only memory: so that its digits are those of a run
    that was never stopped, every run forgets there whatever else solvers keep.
    """
    return interval > 0 and interval % anew_intervals(case) == 0


def in_order(sources: Sources) -> list[Any]:
    """The values by the name of their source: mosaik keeps connections in sets, whose order changes from run to run."""
    return [sources[source] for source in sorted(sources)]


def only_value(sources: Sources) -> Any:
    """The value of an attribute that one source provides; with several, that of the first name."""
    return in_order(sources)[0]


def record(
    round_number: int, tables: Mapping[str, Table], *, wall_s: float, net: str | None = None, state: str | None = None
) -> dict[str, Any]:
    """One round's tables as a message to the recorder, JSON types only.

    `net`: the network as it was solved; `state`: what the market starts this interval from.
    """
    message = {"round": round_number, "wall_s": wall_s, "tables": dict(tables)}
    more = {"net": net, "state": state}
    return message | {name: text for name, text in more.items() if text is not None}


def serve(simulator: mosaik_api_v3.Simulator, description: str) -> int:
    """Run a simulator as a process of its own, for mosaik's `cmd` and `connect` starts; returns the exit code."""
    open_missing_streams()
    return int(mosaik_api_v3.start_simulation(simulator, description, configure_logging=False))


def same_length(series: Sequence[Sequence[float]]) -> list[float]:
    """Element-wise sum of lists of one length."""
    return [math.fsum(values) for values in zip(*series, strict=True)]


def by_part(wall_s: Mapping[str, float]) -> dict[str, float]:
    """Seconds by simulator as seconds by part of the run."""
    return {PART_OF[name]: seconds for name, seconds in wall_s.items() if name in PART_OF}

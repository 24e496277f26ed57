"""The days without the market in the networks: everyone alone, and nobody there at all.

What everyone would exchange alone is stored with a run. After it, these exchanges go through the grids' own simulators,
outside of mosaik but fed as the market feeds them, so that both days are judged as the market's is. With nobody the
prosumers are at zero: what the networks lose then is not of their making.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import pandas as pd

from mosaik_p2p.loading.case import Case
from mosaik_p2p.market.over_time.outcome import ProsumerDispatch
from mosaik_p2p.prosumers.prosumer import Prosumer
from mosaik_p2p.results.accounts.losses import FLOWS, VIOLATIONS
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.settlement.ledger import ALONE
from mosaik_p2p.sims import electric_grid, heat_grid
from mosaik_p2p.sims.grids.rounds import GRID_ID, GridSimulator
from mosaik_p2p.sims.market import events_of
from mosaik_p2p.sims.shared import GENERATION_SCALING, LOAD_SCALING
from mosaik_p2p.sims.world.wiring import ELECTRIC_DISPATCH, HEAT_DISPATCH
from mosaik_p2p.units import ELECTRICITY, HEAT, SECONDS_PER_HOUR, Table

ATTRIBUTES: Mapping[str, Sequence[str]] = {ELECTRICITY: ELECTRIC_DISPATCH, HEAT: (HEAT_DISPATCH,)}
GRIDS: Mapping[str, Callable[[], GridSimulator]] = {ELECTRICITY: electric_grid.Simulator, HEAT: heat_grid.Simulator}


def solved_days(
    case: Case, results: Results, *, days: Sequence[str], networks: Sequence[str]
) -> Iterator[tuple[str, Table]]:
    """Rows of both tables for the intervals that `results` holds, network by network and day by day."""
    for network in networks:
        for step, answer in _answered(case, network, _steps(case, results, days, network)):
            yield FLOWS, _stamped(answer["flows"], step)
            broken = {name: column for name, column in answer["violations"].items() if name != _INFLUENCE}
            yield VIOLATIONS, _stamped(broken, step)


def answers_of(
    case: Case, network: str, exchanged: Sequence[Mapping[str, ProsumerDispatch]]
) -> Iterator[dict[str, Table]]:
    """A network's tables for the first intervals of the run, one after the other, given what each prosumer exchanges.

    Who is not named is at rest.
    """
    inputs = ((n, _inputs(case, network, n, each)) for n, each in enumerate(exchanged))
    steps = (_Step("", case.times[n], n, each) for n, each in inputs)
    return (answer for _, answer in _answered(case, network, steps))


Inputs = dict[str, dict[str, dict[str, float]]]
"""What mosaik would hand over to a network: value by source, by attribute, by entity."""


TOGETHER = 480
"""Intervals whose answers a network may know before they are asked for: those of a year would fill the memory."""


def _answered(case: Case, network: str, steps: Iterator["_Step"]) -> Iterator[tuple["_Step", dict[str, Table]]]:
    """The steps with the network's answers; it is opened for the first of them."""
    grid: GridSimulator | None = None
    while some := list(islice(steps, TOGETHER)):
        grid = grid or _opened(case, network)
        grid.solve_ahead([step.inputs for step in some])
        for step in some:
            grid.step(step.interval, step.inputs, 0)
            yield step, grid.answer_tables()


@dataclass(frozen=True)
class _Step:
    """An interval of a day, and what a network then gets."""

    day: str
    begin: pd.Timestamp
    interval: int
    inputs: Inputs


def _steps(case: Case, results: Results, days: Sequence[str], network: str) -> Iterator[_Step]:
    places = dict(zip(case.times, range(len(case.times)), strict=True))
    for day in days:
        exchanged = _exchanged(case, results["alone"] if day == ALONE else results["alone"].head(0))
        for begin in results.binding["time"]:
            interval = places[begin]
            yield _Step(day, begin, interval, _inputs(case, network, interval, exchanged.get(begin, {})))


_INFLUENCE = "prosumers_can_influence"
"""Nobody negotiates on these days."""


def _opened(case: Case, network: str) -> GridSimulator:
    """The grid's simulator with one interval of the scenario per step."""
    grid = GRIDS[network]()
    grid.init(network, time_resolution=case.dt_h * SECONDS_PER_HOUR)
    grid.create(1, "Grid", scenario=case, limit_rows=False)
    grid.setup_done()
    return grid


def _exchanged(case: Case, alone: pd.DataFrame) -> dict[pd.Timestamp, dict[str, ProsumerDispatch]]:
    """By begin of the interval and name: what everyone puts on the networks alone."""
    connected = {prosumer.name: prosumer for prosumer in case.prosumers}
    columns = ("time", "prosumer", "carrier", "injection_kw", "q_injection_kvar")
    found: dict[pd.Timestamp, dict[str, dict[str, tuple[float, float]]]] = {}
    for time, name, carrier, power, reactive in zip(*(alone[column] for column in columns), strict=True):
        entry = (float(power), 0.0 if pd.isna(reactive) else float(reactive))
        found.setdefault(time, {}).setdefault(name, {})[carrier] = entry
    return {
        time: {name: _dispatch(connected[name], by_carrier) for name, by_carrier in by_name.items()}
        for time, by_name in found.items()
    }


def _dispatch(prosumer: Prosumer, injected: Mapping[str, tuple[float, float]]) -> ProsumerDispatch:
    nothing = (0.0, 0.0)
    power, reactive = nothing if prosumer.bus is None else injected.get(ELECTRICITY, nothing)
    heat, _ = nothing if prosumer.junctions is None else injected.get(HEAT, nothing)
    return ProsumerDispatch(prosumer.name, power, reactive, 0.0 - heat)


def _inputs(case: Case, network: str, interval: int, exchanged: Mapping[str, ProsumerDispatch]) -> Inputs:
    inputs: Inputs = {GRID_ID: {"round": {"market": 0}}}
    if network == ELECTRICITY:
        inputs[GRID_ID][LOAD_SCALING] = {"profiles": case.load_scaling(interval)}
        inputs[GRID_ID][GENERATION_SCALING] = {"profiles": case.generation_scaling(interval)}
    for prosumer in case.prosumers:
        at_rest = ProsumerDispatch(prosumer.name, 0.0, 0.0, 0.0)
        events = events_of(exchanged.get(prosumer.name, at_rest))
        entity = _entity(prosumer, network)
        if entity is not None:
            for attribute in ATTRIBUTES[network]:
                inputs.setdefault(entity, {}).setdefault(attribute, {})[prosumer.name] = events[attribute]
    return inputs


def _entity(prosumer: Prosumer, network: str) -> str | None:
    """Where a prosumer stands in a network, as its grid names it; None where it is not connected."""
    if network == ELECTRICITY:
        return None if prosumer.bus is None else f"Bus-{prosumer.bus}"
    return None if prosumer.junctions is None else f"Consumer-{prosumer.name}"


def _stamped(rows: Table, step: _Step) -> Table:
    length = len(rows["network"])
    return {"time": [step.begin.to_pydatetime()] * length, "case": [step.day] * length, **rows}

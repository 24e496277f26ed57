"""The co-simulation as a graph: which simulators there are, in which group, and what flows between them.

    profiles ──> market ──> electric grid ──> recorder
                   │  └───> heat grid ───────────┘
                   └<─ violations (weak) ─ both grids

Market, grids and recorder are one same-time group: the grids' answer reaches the market within the same instant.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

from mosaik import World
from mosaik.async_scenario import Entity
from mosaik.scenario import ModelFactory
from mosaik.starters import PythonStarter, Starter

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.case import Case
from mosaik_p2p.results.store.folder import SCENARIO_FILE
from mosaik_p2p.results.store.resume_point import ResumePoint
from mosaik_p2p.sims.market import ANSWERS
from mosaik_p2p.sims.profiles import BACKGROUND_ID
from mosaik_p2p.sims.shared import GENERATION_SCALING, LOAD_SCALING, interval_steps
from mosaik_p2p.units import ELECTRICITY, HEAT

StartConfig: TypeAlias = Mapping[str, Any] | Starter
"""How mosaik starts a simulator: `{"python": "module:Class"}`, `{"cmd": ...}`, `{"connect": ...}`, or a starter."""

SIMULATORS: dict[str, StartConfig] = {
    name: {"python": f"mosaik_p2p.sims.{name}:Simulator"}
    for name in ("profiles", "market", "electric_grid", "heat_grid", "recorder")
}
NETWORK_OF = {"electric_grid": ELECTRICITY, "heat_grid": HEAT}
ELECTRIC_DISPATCH = ("P_load[MW]", "P_gen[MW]", "Q_load[MVar]")
HEAT_DISPATCH = "Q_heat[kW]"


class RecorderCalls(Protocol):
    """The recorder's extra methods, see there."""

    def finish(self) -> None: ...
    def drop_unfinished(self, market_time: int) -> None: ...
    def wall_s(self) -> dict[str, float]: ...


@dataclass(frozen=True)
class Wiring:
    """The simulators of a world that is ready to run."""

    recorder: RecorderCalls
    grids: Mapping[str, ModelFactory]
    """By the simulator's name; a network that the scenario lacks has none."""
    local: frozenset[str]
    """Names of the simulators that run in this process."""
    until: int
    """Time in mosaik steps at which the last interval ends."""


def simulator_config(simulators: Mapping[str, StartConfig]) -> dict[str, StartConfig]:
    """mosaik's start configuration, with some simulators replaced; BadInput for a name that there is not."""
    unknown = sorted(set(simulators) - set(SIMULATORS))
    if unknown:
        remedy = f"The simulators are {', '.join(SIMULATORS)}"
        raise BadInput([Fault("simulators", name, "there is no such simulator", remedy) for name in unknown])
    return {**SIMULATORS, **simulators}


def wire(
    world: World,
    case: Case,
    config: Mapping[str, StartConfig],
    *,
    folder: Path,
    on_interval: Callable[[], object] | None = None,
    point: ResumePoint | None = None,
) -> Wiring:
    """Start the simulators and connect them; results go to `folder`.

    A simulator in this process gets the loaded scenario, one that is a process of its own reads the resolved scenario
    from `folder`. `on_interval` is called for every interval that is written, if the recorder runs in this process.
    With a `point` the world begins with its interval.
    """
    local = frozenset(name for name, start in config.items() if _is_local(start))

    def scenario_for(name: str) -> Case | str:
        return case if name in local else str((folder / SCENARIO_FILE).resolve())

    # Who stands in for a simulator of ours need not know that a world can begin later.
    first = 0 if point is None else point.interval
    since = {"first_interval": first} if first else {}
    held = {"state": point.state} if point is not None and first else {}
    profiles = world.start("profiles", sim_id="profiles").Profiles(scenario=scenario_for("profiles"), **since)
    grids: dict[str, ModelFactory] = {}
    entities: dict[str, Entity] = {}
    with world.group("market and networks"):
        market = world.start("market", sim_id="market").Market(scenario=scenario_for("market"), **since, **held)
        for name, network in (("electric_grid", case.electric), ("heat_grid", case.heat)):
            if network is not None:
                grids[name] = event_driven(name, world.start(name, sim_id=name))
                entities[name] = grids[name].Grid(scenario=scenario_for(name), **since)
        recorder = world.start("recorder", sim_id="recorder")
        callback = {"on_interval": on_interval} if on_interval is not None and "recorder" in local else {}
        sink = recorder.Recorder(scenario=scenario_for("recorder"), folder=str(folder.resolve()), **callback, **since)
    _connect_profiles(world, profiles, market, entities)
    _connect_dispatch(world, market, entities)
    for source in (market, *entities.values()):
        world.connect(source, sink, "tables")
    until = (case.scenario.time.steps - first) * interval_steps(case, world.time_resolution)
    return Wiring(cast(RecorderCalls, recorder), grids, local, until)


def _is_local(config: StartConfig) -> bool:
    return isinstance(config, PythonStarter) or (not isinstance(config, Starter) and "python" in config)


def event_driven(name: str, factory: ModelFactory) -> ModelFactory:
    """The simulator of a network as it is; BadInput where it steps by the clock alone.

    Such a one would check the first dispatch of an interval and none that the market corrects it to. `name` is that of
    the simulator, for the message. Whoever writes the wiring of a world of their own finds the mistake with it.
    """
    if factory.type == "time-based":
        problem = "is time-based: in the loop with the market it would check only the first dispatch of an interval"
        raise BadInput([Fault(f"simulators.{name}", factory.type, problem, "Use a hybrid or event-based simulator")])
    return factory


def _connect_profiles(world: World, profiles: Entity, market: Entity, grids: Mapping[str, Entity]) -> None:
    sources = _by_eid(profiles)
    for eid, prosumer in _by_eid(market).items():
        attributes = sources[eid].extra_info["attributes"]
        if attributes:
            world.connect(sources[eid], prosumer, *attributes)
    if "electric_grid" in grids:
        world.connect(sources[BACKGROUND_ID], grids["electric_grid"], LOAD_SCALING, GENERATION_SCALING)


def _connect_dispatch(world: World, market: Entity, grids: Mapping[str, Entity]) -> None:
    answer_to = {network: attribute for attribute, network in ANSWERS.items()}
    elements = {name: _by_eid(grid) for name, grid in grids.items()}
    for prosumer in market.children:
        for name, eid, attributes in _places(prosumer):
            if name in elements:
                world.connect(prosumer, elements[name][eid], *attributes)
    for name, grid in grids.items():
        world.connect(market, grid, "round")
        world.connect(grid, market, ("violations", answer_to[NETWORK_OF[name]]), weak=True)


def _places(prosumer: Entity) -> Iterator[tuple[str, str, Iterable[str]]]:
    """Grid, element and attributes that a prosumer's dispatch goes to."""
    info = prosumer.extra_info
    if info["bus"] is not None:
        yield "electric_grid", f"Bus-{info['bus']}", ELECTRIC_DISPATCH
    if info["junction"] is not None:
        yield "heat_grid", f"Consumer-{info['name']}", [HEAT_DISPATCH]


def _by_eid(entity: Entity) -> dict[str, Entity]:
    return {child.eid: child for child in entity.children}

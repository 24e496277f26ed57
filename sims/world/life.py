"""A world's life: simulators are started, run, heard out and ended, and what they leave is kept.

Whatever happens in it becomes the cause of its end, and no process is left behind.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from mosaik import World
from mosaik.async_scenario import SimConfig

from mosaik_p2p.errors import BadInput
from mosaik_p2p.loading.case import Case
from mosaik_p2p.results.store.folder import ERROR_FILE
from mosaik_p2p.results.store.mark import result_folder
from mosaik_p2p.results.store.resume_point import ResumePoint
from mosaik_p2p.sims.recorder import NET_FILE_OF
from mosaik_p2p.sims.shared import by_part
from mosaik_p2p.sims.world.ending import Ending, cause_of, close_loop, demand_of, run_to_end, shut_down
from mosaik_p2p.sims.world.interrupts import Interrupts
from mosaik_p2p.sims.world.progress import tell
from mosaik_p2p.sims.world.watching import START_LIMIT_S, Watch
from mosaik_p2p.sims.world.wiring import NETWORK_OF, StartConfig, Wiring, wire

NET_FILES = {name: NET_FILE_OF[network] for name, network in NETWORK_OF.items()}


@dataclass(frozen=True)
class End:
    """How the co-simulation ended (None as cause: regularly), and the seconds of computing by part."""

    cause: str | None
    wall_s: Mapping[str, float]
    demand: BaseException | None = None
    """The interrupt or exit that ended it, which is meant for the calling program as well."""


@dataclass(frozen=True)
class Surroundings:
    """What a world is run with, beside its scenario."""

    config: Mapping[str, StartConfig]
    """How each simulator is started."""
    interrupts: Interrupts
    answer_limit_s: float | None
    """For one answer of a simulator in another process; None: no limit."""
    progress: bool
    report: bool = True
    """Whether a report is built at the end."""


def co_simulate(
    case: Case,
    folder: Path,
    around: Surroundings,
    *,
    on_interval: Callable[[], object],
    point: ResumePoint | None = None,
) -> End:
    """Run mosaik with results in `folder`, from a `point` on where it was stopped before; BadInput where the simulators
    do not fit together."""
    watch = Watch(answer_limit_s=around.answer_limit_s, tell=tell if around.progress else _unheard)
    # A loop of this world's own: that of the calling thread stays what it is.
    loop = asyncio.new_event_loop()
    try:
        world = World(
            cast(SimConfig, watch.starters(around.config)),
            mosaik_config={"start_timeout": START_LIMIT_S},
            skip_greetings=True,
            configure_logging=False,
            asyncio_loop=loop,
        )
        return _lived(world, case, folder, around, watch, on_interval, point)
    finally:
        watch.end()
        close_loop(loop)


def _lived(
    world: World,
    case: Case,
    folder: Path,
    around: Surroundings,
    watch: Watch,
    on_interval: Callable[[], object],
    point: ResumePoint | None,
) -> End:
    log = folder / ERROR_FILE
    try:
        with around.interrupts.break_off():
            wiring = wire(world, case, around.config, folder=folder, on_interval=on_interval, point=point)
    except BadInput:
        shut_down(world, log=log)
        raise
    except (KeyboardInterrupt, SystemExit, Exception) as error:  # noqa: BLE001 (starting simulators may raise anything)
        end = End(cause_of(error, log=log), {}, demand_of(error))
        shut_down(world, log=log)
        return end
    ending = run_to_end(world, wiring.until, log=log, interrupts=around.interrupts)
    end = _keep(wiring, folder) if ending.cause is None else _rescue(wiring, ending, log=log)
    failed = shut_down(world, log=log) or next(iter(watch.failures), None)
    return replace(end, cause=end.cause or failed)


def _unheard(_: str) -> None:
    """For a run that is to be quiet."""


def _keep(wiring: Wiring, folder: Path) -> End:
    """Write the last interval and the networks as they were solved, after a regular end."""
    try:
        wiring.recorder.finish()
        for name, grid in wiring.grids.items():
            # Ours have sent their nets; another simulator in their place need not know how to show its own.
            if hasattr(grid, "get_net_json") and not (folder / NET_FILES[name]).exists():
                result_folder(folder).write(NET_FILES[name], grid.get_net_json().encode())
        return End(None, by_part(wiring.recorder.wall_s()))
    except (KeyboardInterrupt, SystemExit, Exception) as error:  # noqa: BLE001 (other simulators may be anything)
        return End(cause_of(error, log=folder / ERROR_FILE), {}, demand_of(error))


def _rescue(wiring: Wiring, ending: Ending, *, log: Path) -> End:
    """Write the intervals that were finished before the run broke off."""
    if "recorder" not in wiring.local:
        # Nobody knows whether the other process still answers; it writes what it has when it is stopped.
        return End(ending.cause, {}, ending.demand)
    try:
        wiring.recorder.drop_unfinished(ending.reached["market"])
        wiring.recorder.finish()
        return End(ending.cause, by_part(wiring.recorder.wall_s()), ending.demand)
    except Exception as error:  # noqa: BLE001 (the recorder itself may be what failed)
        return End(f"{ending.cause}; then {cause_of(error, log=log)}", {}, ending.demand)

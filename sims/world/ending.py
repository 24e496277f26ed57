"""How a mosaik world ends: why, and without leaving anything behind.

mosaik returns normally where a simulator of another process raised an error, and leaves the steps of the other
simulators pending where one of this process did. Here the cause is found and the rest is put to an end, so that
finalising does not let time go on.
"""

import asyncio
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mosaik import World
from mosaik.simmanager import SimRunner
from mosaik_api_v3.connection import RemoteException

from mosaik_p2p.errors import RunFailed, Terminated
from mosaik_p2p.results.store.log import keep_in_log
from mosaik_p2p.sims.world.garbage import left_alone
from mosaik_p2p.sims.world.interrupts import Interrupts
from mosaik_p2p.sims.world.watching import ASKED

INTERRUPTED = "interrupted by the user"
_CONNECTIONS = ("Reader task for", "handle remote requests for", ASKED)
"""How the tasks are named that talk to other processes."""


@dataclass(frozen=True)
class Ending:
    """How a run ended."""

    cause: str | None
    """Why it stopped before its end; None where it did not."""
    reached: Mapping[str, int]
    """The time of the last step that each simulator began."""
    demand: BaseException | None = None
    """What the calling program is to end with as well, see `demand_of`."""


def run_to_end(world: World, until: int, *, log: Path, interrupts: Interrupts) -> Ending:
    """Run the world until that time, or until something stops it; a traceback goes to the file `log`."""
    error: BaseException | None
    try:
        with interrupts.break_off(), left_alone():
            world.run(until=until, print_progress=False, shutdown=False)
            error = _hidden_failure(world)
    except (KeyboardInterrupt, SystemExit, Exception) as raised:  # noqa: BLE001 (a simulator may raise anything)
        error = raised
    _stop_steps(world, error)
    if error is not None and interrupts.first is not None:
        # In another form, or as a consequence, it may be what stopped the world.
        error = interrupts.first
    reached = {name: _reached(runner) for name, runner in world.compile(use_cache=True).items()}
    return Ending(None if error is None else cause_of(error, log=log), reached, demand_of(error))


def shut_down(world: World, *, log: Path) -> str | None:
    """Finalise all simulators; the cause where one of them failed at that, else None."""
    try:
        # mosaik's own way closes the loop on simulators that it does not know yet.
        world.loop.run_until_complete(world._async_world.shutdown())  # type: ignore[no-untyped-call]  # mosaik's
    except Exception as error:  # noqa: BLE001 (as above)
        return cause_of(error, log=log)
    finally:
        # Marked as done: mosaik would complain about it a second time, when the world is collected.
        world._async_world._shutdown_performed = True
    return None


def close_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Let nothing in it go on."""
    while left := asyncio.all_tasks(loop):
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    # Connections that were broken off are closed in the loop's next round.
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def demand_of(error: BaseException | None) -> BaseException | None:
    """The error, where it is not about the run but a demand to end the whole program: an interrupt or an exit."""
    if isinstance(error, SystemExit) and isinstance(error.code, str):
        # mosaik's way to say that a simulator did not start.
        return None
    return error if isinstance(error, KeyboardInterrupt | SystemExit) else None


def cause_of(error: BaseException, *, log: Path) -> str:
    """The error in one line for the summary; what a developer needs is added to the file `log`."""
    match error:
        case Terminated():
            return str(error)
        case KeyboardInterrupt():
            return INTERRUPTED
        case RunFailed():
            return _one_line(str(error))
        case RemoteException():
            keep_in_log(log, f"simulator {error.source}:\n" + "".join(map(str, error.further_args)))
            return _one_line(f"simulator {error.source}: {error.remote_type}: {error.remote_msg}")
        case SystemExit(code=str()):
            return _one_line(f"a simulator could not be started: {error}")
        case SystemExit():
            return f"the program was told to exit ({error.code})"
        case _:
            keep_in_log(log, "".join(traceback.format_exception(error)))
            return _one_line(f"{type(error).__name__}: {error}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _reached(runner: SimRunner) -> int:
    # A step that failed is still the current one.
    return int(runner.last_step.time if runner.current_step is None else runner.current_step.time)


def _hidden_failure(world: World) -> BaseException | None:
    """What mosaik only logged: the first simulator, by name, whose stepping ended with an error or not at all."""
    tasks = {
        name: runner.task for name, runner in sorted(world.compile(use_cache=True).items()) if runner.task is not None
    }
    for task in tasks.values():
        error = task.exception() if task.done() and not task.cancelled() else None
        if error is not None:
            return error
    unfinished = [name for name, task in tasks.items() if task.cancelled() or not task.done()]
    return RunFailed(f"stopped before the end: {', '.join(unfinished)}") if unfinished else None


def _stop_steps(world: World, error: BaseException | None) -> None:
    """Cancel what still waits to step; the connections to other processes are left for mosaik to close.

    An exit comes out of the loop twice: where `error` was raised, and where mosaik waits for what raised it.
    """
    while waiting := [task for task in asyncio.all_tasks(world.loop) if not task.get_name().startswith(_CONNECTIONS)]:
        for task in waiting:
            task.cancel()
        try:
            world.loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
        except (KeyboardInterrupt, SystemExit) as again:
            if again is not error:
                raise

"""How a mosaik world ends: why, and without leaving anything behind.

mosaik returns normally where a simulator of another process raised an error, and leaves the steps of the other
simulators pending where one of this process did. Here the cause is found and the rest is put to an end, so that
finalising does not let time go on.
"""

import asyncio
import contextlib
import signal
import threading
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import FrameType

from mosaik import World
from mosaik.simmanager import SimRunner
from mosaik_api_v3.connection import RemoteException

from mosaik_p2p.errors import RunFailed

INTERRUPTED = "interrupted by the user"
TERMINATED = "ended from outside (SIGTERM)"
SAME_SIGNAL_S = 2.0
"""`timeout` and others send SIGTERM twice, to the process and to its group: within this time it is one."""
_CONNECTIONS = ("Reader task for", "handle remote requests for")
"""How mosaik names the tasks that read from other processes."""


class Terminated(KeyboardInterrupt):
    """SIGTERM; a kind of interrupt, so that it takes the same way out of every library."""


@contextlib.contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """Inside, SIGTERM raises Terminated; another thread's or a program's own handling of it stays as it is."""
    is_free = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not is_free or threading.current_thread() is not threading.main_thread():
        yield
        return
    last_s = -SAME_SIGNAL_S

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal last_s
        before_s, last_s = last_s, monotonic()
        if last_s - before_s >= SAME_SIGNAL_S:
            raise Terminated

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@dataclass(frozen=True)
class Ending:
    """How a run ended."""

    cause: str | None
    """Why it stopped before its end; None where it did not."""
    reached: Mapping[str, int]
    """The time of the last step that each simulator began."""


def run_to_end(world: World, until: int, *, log: Path) -> Ending:
    """Run the world until that time, or until something stops it; a traceback goes to the file `log`."""
    try:
        world.run(until=until, print_progress=False, shutdown=False)
    except (KeyboardInterrupt, SystemExit, Exception) as error:  # noqa: BLE001 (a simulator may raise anything)
        cause: str | None = cause_of(error, log=log)
    else:
        cause = _hidden_failure(world, log)
    _stop_steps(world)
    return Ending(cause, {name: _reached(runner) for name, runner in world.compile(use_cache=True).items()})


def shut_down(world: World, *, log: Path) -> str | None:
    """Finalise all simulators; the cause where one of them failed at that, else None."""
    try:
        world.shutdown()  # type: ignore[no-untyped-call]  # mosaik's own signature has no types
    except (KeyboardInterrupt, SystemExit, Exception) as error:  # noqa: BLE001 (as above)
        # Marked as done: mosaik would complain about it a second time, when the world is collected.
        world._async_world._shutdown_performed = True
        return cause_of(error, log=log)
    return None


def cause_of(error: BaseException, *, log: Path) -> str:
    """The error in one line for the summary; what a developer needs is added to the file `log`."""
    match error:
        case Terminated():
            return TERMINATED
        case KeyboardInterrupt():
            return INTERRUPTED
        case RunFailed():
            return _one_line(str(error))
        case RemoteException():
            _keep(log, f"simulator {error.source}:\n" + "".join(map(str, error.further_args)))
            return _one_line(f"simulator {error.source}: {error.remote_type}: {error.remote_msg}")
        case SystemExit():
            return _one_line(f"a simulator could not be started: {error}")
        case _:
            _keep(log, "".join(traceback.format_exception(error)))
            return _one_line(f"{type(error).__name__}: {error}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _keep(log: Path, text: str) -> None:
    # A full disk may be what stopped the run: the cause is told all the same.
    with contextlib.suppress(OSError), log.open("a", encoding="utf-8") as file:
        file.write(text.rstrip() + "\n\n")


def _reached(runner: SimRunner) -> int:
    # A step that failed is still the current one.
    return int(runner.last_step.time if runner.current_step is None else runner.current_step.time)


def _hidden_failure(world: World, log: Path) -> str | None:
    """What mosaik only logged: the first simulator, by name, whose stepping ended with an error or not at all."""
    tasks = {
        name: runner.task for name, runner in sorted(world.compile(use_cache=True).items()) if runner.task is not None
    }
    for task in tasks.values():
        error = task.exception() if task.done() and not task.cancelled() else None
        if error is not None:
            return cause_of(error, log=log)
    unfinished = [name for name, task in tasks.items() if task.cancelled() or not task.done()]
    return f"stopped before the end: {', '.join(unfinished)}" if unfinished else None


def _stop_steps(world: World) -> None:
    """Cancel what still waits to step; the connections to other processes are left for mosaik to close."""
    waiting = [task for task in asyncio.all_tasks(world.loop) if not task.get_name().startswith(_CONNECTIONS)]
    for task in waiting:
        task.cancel()
    if waiting:
        world.loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))

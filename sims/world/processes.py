"""A simulator's process: how it is started, how it ended, and that it ends.

It runs in a session of its own: an interrupt from the keyboard reaches the run alone, which then ends its simulators in
order, and what a simulator has started in its turn is ended with it.
"""

import asyncio
import contextlib
import os
import shlex
import signal
import subprocess
import sys
from typing import TypeGuard

from mosaik.starters import CmdStarter

from mosaik_p2p.errors import RunFailed

TICK_S = 0.05
"""Between two looks at a process that is about to end."""
LAUNCHER_S = 8.0
"""From the end, with 0, of a command that puts its simulator into the background until the simulator connects."""
TERMINATE_S = 2.0
"""Between SIGTERM and SIGKILL."""


def started(command: CmdStarter, name: str, address: str) -> "subprocess.Popen[bytes]":
    """Start the command of a simulator that is to connect to `address`; RunFailed where there is no such program."""
    line = command.cmd % {"addr": address, "python": sys.executable}
    try:
        return subprocess.Popen(
            shlex.split(line, posix=bool(command.posix)),
            cwd=command.cwd,
            env={**os.environ, **command.env},
            # mosaik 3.6 does not know where the output should go.
            stdout=getattr(command, "stdout", None),
            stderr=getattr(command, "stderr", None),
            start_new_session=True,
        )
    except OSError as error:
        raise RunFailed(f"simulator {name} could not be started: {error.strerror}: {line}") from error


def ends_by_itself(command: CmdStarter) -> bool:
    """Whether the process is to be left alone when the run is over (`auto_terminate = False`)."""
    # mosaik 3.6 has the flag, 3.7 has what it makes of it.
    manager = getattr(command, "termination_manager", None)
    kept = getattr(manager, "__name__", "") == "keep_running"
    return kept or getattr(command, "auto_terminate", True) is False


def end_told(name: str, process: "subprocess.Popen[bytes] | None") -> str:
    """How the process ended, as a sentence; for one that has not, or that nobody here knows: what it did instead."""
    code = None if process is None else exit_code(process)
    if code is None:
        return f"simulator {name} closed its connection"
    if code < 0:
        return f"simulator {name} was killed by {_signal_name(-code)}"
    return f"simulator {name} ended with exit code {code}"


def is_stopped(process: "subprocess.Popen[bytes] | None") -> bool:
    """Whether somebody has stopped the process (SIGSTOP), as far as can be known."""
    return _is_waited_for_here(process) and _seen(process, os.WSTOPPED) is not None


def exit_code(process: "subprocess.Popen[bytes]") -> int | None:
    """As in `Popen.poll`, but the dead process is kept: until it is forgotten nobody else can get its number."""
    if not _is_waited_for_here(process):
        return process.poll()
    seen = _seen(process, os.WEXITED)
    if seen is None:
        return None
    return seen.si_status if seen.si_code == os.CLD_EXITED else -seen.si_status


def _is_waited_for_here(process: "subprocess.Popen[bytes] | None") -> TypeGuard["subprocess.Popen[bytes]"]:
    return process is not None and process.returncode is None and hasattr(os, "waitid")


def _seen(process: "subprocess.Popen[bytes]", what: int) -> "os.waitid_result | None":
    return os.waitid(os.P_PID, process.pid, what | os.WNOHANG | os.WNOWAIT)


async def exited(process: "subprocess.Popen[bytes]", *, within_s: float) -> bool:
    """Whether the process ends within that time."""
    clock = asyncio.get_running_loop().time
    until = clock() + within_s
    while exit_code(process) is None:
        if clock() >= until:
            return False
        await asyncio.sleep(TICK_S)
    return True


async def ended(process: "subprocess.Popen[bytes]", *, within_s: float) -> bool:
    """Wait so long for the process to end, then end it and all that it has started; whether it ended by itself."""
    alone = await exited(process, within_s=within_s)
    _signal(process, signal.SIGTERM)
    await exited(process, within_s=TERMINATE_S)
    kill(process)
    return alone


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End the process and what it has started, at once."""
    if process.returncode is not None:
        # It was ended and forgotten before; its number may be somebody else's by now.
        return
    _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
    process.wait()


def _signal(process: "subprocess.Popen[bytes]", number: int) -> None:
    # The group may outlive its leader.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

"""Simulators in processes of their own that die at a drawn moment; thirty of them: `python killed_children.py`.

Every simulator is started here so that its process can be found again: it notes its number, and dies by its own hand at
the call that was drawn for it, which is the same moment however fast the machine is.
"""

import os
import random
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from mosaik_p2p.cosim import Order, conduct
from mosaik_p2p.sims.shared import serve

SIMULATORS = ("profiles", "market", "electric_grid", "heat_grid", "recorder")
MOMENTS = ("import", "init", "create", "step", "get_data", "finalize")
WAYS = ("SIGKILL", "SIGTERM", "0", "1", "7", "reset")
"""A signal, an exit code, or the connection reset while its process goes on. SIGSTOP is not drawn: it takes long."""
NOON = ("time.start=2017-03-28T11:00:00+01:00", "time.horizon_steps=4")
STEPS = 3
STOPPED_LIMIT_S = 20.0
"""Longer than a simulator takes to start and to answer on a busy machine."""
LIMIT_S = 15.0
"""From the death of a simulator to the end of the run."""


@dataclass(frozen=True)
class Killing:
    """Which simulator dies, when and how."""

    simulator: str
    moment: str
    way: str
    call: int
    """At the how manieth call of that kind, from 0."""

    @property
    def told(self) -> str:
        """What the cause must say."""
        if self.way == "reset":
            return f"simulator {self.simulator} closed its connection"
        code = f"ended with exit code {self.way}" if self.way.isdigit() else f"was killed by {self.way}"
        if self.way == "SIGSTOP":
            limit = f"{STOPPED_LIMIT_S:g} s (answer_limit_s)"
            code = f"did not answer {self.moment!r} within {limit} (its process is stopped)"
        return f"simulator {self.simulator} {code}"


def drawn(seed: int, count: int) -> Iterator[Killing]:
    """As many killings, the same for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        moment = chance.choice(MOMENTS)
        # Before there is a connection none can be reset, and at the end nobody would mind, nor an exit without a fault.
        ways = WAYS[:-1] if moment == "import" else WAYS[:2] + WAYS[3:5] if moment == "finalize" else WAYS
        calls = STEPS if moment == "step" else 1
        simulator = chance.choice(SIMULATORS[1:] if moment == "get_data" else SIMULATORS)
        if simulator == "recorder" and moment == "get_data":
            moment = "step"
        yield Killing(simulator, moment, chance.choice(ways), chance.randrange(calls))


def start_of(killing: Killing, notes: Path) -> dict[str, dict[str, str]]:
    """How its simulator is started; the moment of its death, and its process, are written to the folder `notes`."""
    arguments = f"{killing.simulator} {killing.moment} {killing.way} {killing.call} {notes}"
    return {killing.simulator: {"cmd": f"%(python)s {Path(__file__)} %(addr)s {arguments}"}}


@dataclass(frozen=True)
class Aftermath:
    """What a run made of it."""

    cause: str | None
    complete: bool
    after_s: float
    """From the death of the simulator to the end of the run."""
    is_left: bool
    """Whether the process is still there."""


def aftermath(killing: Killing, folder: Path, **options: Any) -> Aftermath:
    """Run `network1` and kill its simulator; `folder` is a new one."""
    folder.mkdir()
    order = Order(
        scenario="network1",
        out=folder / "run",
        steps=STEPS,
        overrides=NOON,
        progress=False,
        simulators=start_of(killing, folder),
        **options,
    )
    outcome, _ = conduct(order)
    now_s = monotonic()
    died_s = float((folder / "died").read_text())
    process = int((folder / "process").read_text())
    return Aftermath(outcome.summary["cause"], outcome.summary["complete"], now_s - died_s, _is_there(process))


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def die(way: str, notes: Path, simulator: Any = None) -> None:
    """Die, having noted when."""
    (notes / "died").write_text(str(monotonic()))
    if way == "reset":
        # Closed with a linger of nothing, it is reset instead of being ended.
        connection = simulator.mosaik._channel._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.fileno())
        sleep(4 * LIMIT_S)
    elif way.isdigit():
        os._exit(int(way))
    else:
        os.kill(os.getpid(), signal.Signals[way])
        sleep(4 * LIMIT_S)


def _dying(simulator: Any, killing: Killing, notes: Path) -> Any:
    """The simulator, whose method of that name dies at that call."""
    usual, calls = getattr(simulator, killing.moment), iter(range(killing.call, -1, -1))

    def last(*arguments: Any, **named: Any) -> Any:
        if not next(calls):
            die(killing.way, notes, simulator)
        return usual(*arguments, **named)

    setattr(simulator, killing.moment, last)
    return simulator


def main() -> int:
    """As a simulator: serve, and die. Without arguments: kill thirty, and print what became of the runs."""
    if len(sys.argv) > 1:
        name, moment, way, call, notes = sys.argv[-5:]
        del sys.argv[-5:]
        (Path(notes) / "process").write_text(str(os.getpid()))
        if moment == "import":
            die(way, Path(notes))
        simulator = import_module(f"mosaik_p2p.sims.{name}").Simulator()
        return serve(_dying(simulator, Killing(name, moment, way, int(call)), Path(notes)), "A simulator that dies")
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, killing in enumerate(drawn(seed=8, count=30)):
            found = aftermath(killing, Path(folder) / str(number))
            is_good = (
                not found.complete
                and found.after_s < LIMIT_S
                and killing.told in str(found.cause)
                and not found.is_left
            )
            missed += not is_good
            print(f"{'' if is_good else 'MISSED '}{killing} -> {found}", flush=True)
    print(f"{missed} of 30 missed")
    return missed


if __name__ == "__main__":
    raise SystemExit(main())

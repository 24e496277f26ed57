"""Simulators in other processes, watched: one that dies ends the run at once, with the reason.

mosaik waits for an answer for ever where the other process dies between two messages: the task that reads from the
connection ends with an error that nobody looks at. Here it is looked at, whichever simulator is asked just then, as are
the processes themselves; and who takes too long is named.
"""

import asyncio
import subprocess
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from mosaik.proxies import BaseProxy, RemoteProxy
from mosaik.starters import CmdStarter, ConnectStarter, Starter
from mosaik_api_v3.connection import Channel

from mosaik_p2p.errors import RunFailed
from mosaik_p2p.sims.world.processes import (
    LAUNCHER_S,
    TICK_S,
    end_told,
    ended,
    ends_by_itself,
    exit_code,
    exited,
    is_stopped,
    kill,
    started,
)

START_LIMIT_S = 120.0
"""For a simulator to connect, and again to answer the first call: most of it is importing the network libraries."""
LISTENING_S = 10.0
"""For one that somebody else has started to listen: it may have been started just before the run."""
ANSWER_LIMIT_S = 3600.0
"""For any later answer. A step of a hundred thousand prosumers takes minutes; whoever needs an hour says so."""
TOLD_EVERY_S = 60.0
"""Between two messages about a simulator that is waited for."""
SLICE_S = 1.0
"""Waiting is counted in slices, so that the time in which this process was itself stopped does not count."""
STOP_S = 5.0
"""For a simulator to finish when the run is over: it may have something left to write."""
EXIT_S = 2.0
"""From a lost connection to the end of the process behind it."""
ASKED = "Request to"
"""Begin of the name of every task that waits for an answer."""

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Member:
    """A simulator that is a process of its own; one that somebody else has started has no `process` here."""

    name: str
    process: "subprocess.Popen[bytes] | None" = None
    writer: asyncio.StreamWriter | None = None
    """Where there is a connection."""
    is_kept: bool = False
    """Its process is left alone when the run is over."""
    is_lost: bool = False
    is_leaving: bool = False
    """It was told to stop: the end of its connection is no news any more."""


class Watch:
    """Looks after all simulators of one world that are processes of their own."""

    def __init__(self, *, answer_limit_s: float | None, tell: Callable[[str], object]) -> None:
        """`answer_limit_s`: for one answer, None for no limit. `tell` gets a line now and then while one is awaited."""
        self.failures: list[str] = []
        """How simulators ended that should not have, in the order in which it was noticed."""
        self._members: list[Member] = []
        self._limit_s = answer_limit_s
        self._tell = tell
        self._lost = asyncio.Event()
        self._reports: set[asyncio.Task[None]] = set()

    def starters(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """mosaik's start configuration with every `cmd` and `connect` in it watched; anything else stays."""
        return {name: self._starter(start) for name, start in config.items()}

    def _starter(self, start: Any) -> Any:
        described = start
        if not isinstance(start, Starter):
            described = CmdStarter.from_starter_config(start) or ConnectStarter.from_starter_config(start)
        return _Watched(described, self) if isinstance(described, CmdStarter | ConnectStarter) else start

    def add(self, member: Member) -> None:
        """From now on, its process is ended with the others."""
        self._members.append(member)

    def follow(self, member: Member, reading: "asyncio.Task[None]") -> None:
        """Notice when the task that reads from this simulator ends."""

        def gone(task: "asyncio.Task[None]") -> None:
            if not task.cancelled() and not member.is_leaving:
                report = asyncio.create_task(self._report(member, task.exception()), name=f"{ASKED} {member.name}")
                self._reports.add(report)
                report.add_done_callback(self._reports.discard)

        reading.add_done_callback(gone)

    async def _report(self, member: Member, error: BaseException | None) -> None:
        """Find out how a simulator was lost, and say so once."""
        if member.is_lost:
            return
        member.is_lost = True
        if isinstance(error, OSError | asyncio.IncompleteReadError | None):
            if member.process is not None:
                await exited(member.process, within_s=EXIT_S)
            self._note(end_told(member.name, member.process))
        else:
            what = f"{type(error).__name__}: {error}"
            self._note(f"simulator {member.name} sent what is no message of mosaik's ({what})")

    def _note(self, failure: str) -> None:
        self.failures.append(failure)
        self._lost.set()

    async def answer(self, member: Member, method: str, request: Coroutine[Any, Any, Any]) -> Any:
        """What the simulator answers; RunFailed where it or another one is lost meanwhile, or where it is late."""
        asking = _named(request, member)
        losing = _named(self._lost.wait(), member)
        try:
            await self._wait(member, method, {asking, losing})
            if asking.done() and not isinstance(asking.exception(), OSError | asyncio.IncompleteReadError):
                return asking.result()
            await self._report(member, asking.exception() if asking.done() else None)
        finally:
            losing.cancel()
        await self._lost.wait()
        raise RunFailed(self.failures[0])

    async def _wait(self, member: Member, method: str, tasks: "set[asyncio.Task[Any]]") -> None:
        clock = asyncio.get_running_loop().time
        waited_s, tell_s = 0.0, TOLD_EVERY_S
        while True:
            begin = clock()
            limit_s = SLICE_S if self._limit_s is None else min(SLICE_S, max(0.0, self._limit_s - waited_s))
            done, _ = await asyncio.wait(tasks, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return
            waited_s += min(clock() - begin, SLICE_S)
            state = " (its process is stopped)" if is_stopped(member.process) else ""
            if self._limit_s is not None and waited_s >= self._limit_s:
                member.is_lost = True
                limit = f"{self._limit_s:g} s (answer_limit_s)"
                self._note(f"simulator {member.name} did not answer {method!r} within {limit}{state}")
                return
            if waited_s >= tell_s:
                tell_s += TOLD_EVERY_S
                self._tell(f"waiting for simulator {member.name} to answer {method!r} for {waited_s:.0f} s{state}")

    async def leave(self, member: Member) -> None:
        """Let a simulator's process end, end it if it does not, and note an end that is a failure."""
        if member.process is None or member.is_kept:
            return
        alone = await ended(member.process, within_s=0.0 if member.is_lost else STOP_S)
        if alone and member.process.returncode and not member.is_lost:
            self.failures.append(end_told(member.name, member.process))

    def end(self) -> None:
        """No process and no connection is left behind, whatever happened."""
        for member in self._members:
            if member.writer is not None:
                # What is still to be sent has nobody to read it.
                member.writer.transport.abort()
            if member.process is not None and not member.is_kept:
                kill(member.process)


class WatchedProxy(RemoteProxy):
    """mosaik's side of the connection to one simulator."""

    def __init__(self, streams: "Streams", remote: Any, member: Member, watch: Watch) -> None:
        reader, writer = streams
        channel = Channel(reader, writer, name=member.name)
        super().__init__(channel, remote)
        member.writer = writer
        self._member, self._watch = member, watch
        # The library tells nobody when this task ends, and offers no other way to learn it.
        self._reading: asyncio.Task[None] = channel._receiver_task
        watch.follow(member, self._reading)

    async def send(self, request: Any) -> Any:
        """The answer to a call; RunFailed, see `Watch.answer`."""
        return await self._watch.answer(self._member, request[0], self._channel.send(request))

    async def stop(self) -> None:
        """Tell the simulator to stop, wait until it has, and see to it that its process ends. Raises nothing."""
        self._member.is_leaving = True
        if not self._member.is_lost and not self._reading.done():
            asking = _named(self._channel.send(["stop", [], {}]), self._member)
            await asyncio.wait({asking, self._reading}, timeout=STOP_S, return_when=asyncio.FIRST_COMPLETED)
        await self._watch.leave(self._member)
        for task in (self._reading, self._reader_task):
            task.cancel()
        await asyncio.gather(self._reading, self._reader_task, return_exceptions=True)


class _Watched(Starter):
    """Starts what another starter describes."""

    def __init__(self, described: CmdStarter | ConnectStarter, watch: Watch) -> None:
        self.api_version = described.api_version
        self._described = described
        self._watch = watch

    @classmethod
    def from_starter_config(cls, starter_config: Any) -> Starter | None:  # noqa: ARG003 (mosaik's signature)
        """Nothing is described as such in a configuration."""
        return None

    async def start(self, sim_id: str, mosaik_remote: Any, mosaik_config: Any) -> BaseProxy:
        """The connected simulator; RunFailed where it does not get that far."""
        if isinstance(self._described, CmdStarter):
            return await self._command(self._described, sim_id, mosaik_remote, mosaik_config)
        return await self._address(self._described, sim_id, mosaik_remote)

    async def _address(self, described: ConnectStarter, sim_id: str, remote: Any) -> BaseProxy:
        place = f"{described.host}:{described.port}"
        try:
            streams = await asyncio.wait_for(_opened(described.host, described.port), START_LIMIT_S)
        except OSError as error:
            # A timeout is one as well, without further words.
            reason = error.strerror or "nobody answers"
            raise RunFailed(f"simulator {sim_id} cannot be reached at {place}: {reason}") from error
        member = Member(sim_id)
        self._watch.add(member)
        return WatchedProxy(streams, remote, member, self._watch)

    async def _command(self, described: CmdStarter, sim_id: str, remote: Any, config: Any) -> BaseProxy:
        connected: asyncio.Future[Streams] = asyncio.get_running_loop().create_future()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if connected.done():
                writer.close()
            else:
                connected.set_result((reader, writer))

        server = await asyncio.start_server(accept, *(described.bind_addr or config["addr"]))
        try:
            host, port = server.sockets[0].getsockname()[:2]
            process = started(described, sim_id, f"{host}:{port}")
            member = Member(sim_id, process, is_kept=ends_by_itself(described))
            self._watch.add(member)
            await _arrival(connected, member, limit_s=described.connect_timeout or START_LIMIT_S)
        finally:
            server.close()
        return WatchedProxy(connected.result(), remote, member, self._watch)


async def _opened(host: str, port: int) -> Streams:
    """A connection; OSError where there is none."""
    clock = asyncio.get_running_loop().time
    until = clock() + LISTENING_S
    while True:
        try:
            return await asyncio.open_connection(host, port)
        except ConnectionRefusedError:
            if clock() >= until:
                raise
        await asyncio.sleep(TICK_S)


async def _arrival(connected: "asyncio.Future[Any]", member: Member, *, limit_s: float) -> None:
    """Wait until the process has connected; RunFailed where it ends before, or takes too long."""
    assert member.process is not None
    dying = asyncio.create_task(_death(member.process))
    try:
        await asyncio.wait({connected, dying}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        dying.cancel()
    if connected.done():
        return
    if exit_code(member.process) is not None:
        raise RunFailed(f"{end_told(member.name, member.process)} before it connected")
    state = " (its process is stopped)" if is_stopped(member.process) else ""
    raise RunFailed(f"simulator {member.name} did not connect within {limit_s:g} s{state}")


async def _death(process: "subprocess.Popen[bytes]") -> None:
    while not await exited(process, within_s=START_LIMIT_S):
        pass
    if exit_code(process) == 0:
        await asyncio.sleep(LAUNCHER_S)


def _named(request: Coroutine[Any, Any, Any], member: Member) -> "asyncio.Task[Any]":
    """The request as a task that complains to nobody if nobody asks how it ended."""
    task = asyncio.get_running_loop().create_task(request, name=f"{ASKED} {member.name}")
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task

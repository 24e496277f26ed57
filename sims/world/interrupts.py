"""Interrupts of a run: Ctrl-C, SIGTERM and SIGHUP end it in order, whatever thread it runs in.

The first one breaks off the computing; what was computed is then written, and a second one breaks off that too. What
the calling program has itself set up to handle a signal stays as it is.
"""

import asyncio
import contextlib
import contextvars
import ctypes
import functools
import signal
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from types import FrameType
from typing import Any, TypeVar

from mosaik_p2p.errors import Terminated

SAME_SIGNAL_S = 1.0
"""`timeout` and others send a signal twice, to the process and to its group: within this time it is one."""
OUTSIDE = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""The signals that end a process from outside and can be answered; Windows has one of them."""

T = TypeVar("T")


class Interrupts:
    """What has interrupted a run, and what that does to it at the moment."""

    def __init__(self) -> None:
        self.first: KeyboardInterrupt | None = None
        """The interrupt that ends the run; None: there was none."""
        self._may_break_off = False
        self._last_s = -SAME_SIGNAL_S
        self._thread: int | None = None

    @contextlib.contextmanager
    def break_off(self) -> Iterator[None]:
        """Inside, the first interrupt is raised; elsewhere it waits for the next such place, or the end of the run."""
        if self.first is not None:
            raise self.first
        self._may_break_off = True
        try:
            yield
        except KeyboardInterrupt as raised:
            # Another thread can be sent a kind of interrupt only.
            raise self.first or raised from None
        finally:
            self._may_break_off = False

    def arrive(self, interrupt: KeyboardInterrupt) -> None:
        """Take notice of an interrupt, and raise it in the thread of the run if it is to be raised now."""
        before_s, self._last_s = self._last_s, monotonic()
        if self._last_s - before_s < SAME_SIGNAL_S:
            return
        is_second, self.first = self.first is not None, self.first or interrupt
        if not (self._may_break_off or is_second):
            return
        if self._thread is None:
            raise interrupt
        _raise_in(self._thread, type(interrupt))

    def in_own_thread(self, work: Callable[[], T]) -> T:
        """Do the work in another thread, to which interrupts of this one are handed on, and return what it returns."""
        ends: list[Callable[[], T]] = []

        def end() -> None:
            self._thread = threading.get_ident()
            try:
                value = work()
                ends.append(lambda: value)
            except BaseException as error:  # noqa: BLE001 (it is raised in the thread that waits)
                ends.append(functools.partial(_raise, error))

        # In the caller's context, a notebook shows what is printed under the right cell.
        thread = threading.Thread(target=contextvars.copy_context().run, args=(end,), name="mosaik_p2p.run")
        thread.start()
        while thread.is_alive():
            try:
                thread.join()
            except KeyboardInterrupt as interrupt:
                # From a handler that is not ours.
                self.arrive(interrupt)
        if not ends:
            # The interrupt has come between the end of the work and that of the thread.
            raise self.first or KeyboardInterrupt
        return ends[0]()


@contextlib.contextmanager
def signals_heeded() -> Iterator[Interrupts]:
    """Inside, signals arrive at what this yields; only the main thread can be reached by any."""
    interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return

    def heed(number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        interrupts.arrive(Terminated(name) if number in OUTSIDE else KeyboardInterrupt())

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *OUTSIDE)}
    replaced = {number: handler for number, handler in before.items() if _is_usual(handler)}
    for number in replaced:
        signal.signal(number, heed)
    try:
        yield interrupts
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)


def _is_usual(handler: Any) -> bool:
    """Whether nobody but Python has set this handling up: the default, or that of `asyncio.run`, which would wait."""
    owner = getattr(getattr(handler, "func", None), "__self__", None)
    return handler in (signal.SIG_DFL, signal.default_int_handler) or isinstance(owner, asyncio.Runner)


def is_loop_running() -> bool:
    """Whether this thread runs an event loop, as a notebook's does: then no other one can run in it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _raise(error: BaseException) -> Any:
    raise error


def _raise_in(thread: int, kind: type[BaseException]) -> None:
    # Python's own means for this; it works as a signal does in the main thread, between two instructions.
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(kind))

"""How far a run is: a bar on a terminal, a line now and then anywhere else.

Whatever becomes of the stream that shows it (it may be closed, or its terminal gone), the run goes on.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import perf_counter

from tqdm import tqdm

LINE_EVERY_S = 10.0
"""Between two lines; a run that is over sooner prints none."""


def tell(text: str) -> None:
    """A line on stderr, if there is one."""
    if sys.stderr is not None:
        # A stream that somebody has closed raises ValueError.
        with contextlib.suppress(OSError, ValueError):
            print(text, file=sys.stderr, flush=True)


@contextmanager
def progress_shown(
    name: str, steps: int | None, *, visible: bool, unit: str = "interval"
) -> Iterator[Callable[[], object]]:
    """Show on stderr how many intervals (or what `unit` names) are done; call what it yields after each of them.

    `steps` is None where nobody knows how many it will take.
    """
    if not visible or sys.stderr is None or sys.stderr.closed:
        yield lambda: None
    elif sys.stderr.isatty():
        with tqdm(total=steps, unit=unit, desc=name) as bar:
            yield lambda: bar.update()
    else:
        with _lines(name, steps, unit) as count:
            yield count


@contextmanager
def _lines(name: str, steps: int | None, unit: str) -> Iterator[Callable[[], object]]:
    done: list[None] = []
    ended, started, of_all = Event(), perf_counter(), "" if steps is None else f" of {steps}"

    def report() -> None:
        # By the clock and not by intervals: in a large district a single one may take minutes.
        while not ended.wait(LINE_EVERY_S):
            tell(f"{name}: {len(done)}{of_all} {unit}s after {perf_counter() - started:.0f} s")

    teller = Thread(target=report, name="progress", daemon=True)
    teller.start()
    try:
        yield lambda: done.append(None)
    finally:
        ended.set()
        teller.join()

"""What a run prints on its way and at its end; where nobody can read it any more, the run and its exit code stay.

What it came to stands in its folder. Commands whose only result is what they print do not use this.
"""

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from loguru import Record


class Lenient:
    """A text stream that drops what cannot be written: its reader is gone, its disk full, or it was closed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text if that is possible."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush if that is possible."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def say(text: str) -> None:
    """A line on stdout, if anybody can read it."""
    with contextlib.suppress(OSError, ValueError):
        print(text, flush=True)


def settle_streams() -> None:
    """Let nothing that is left in a buffer fail when the interpreter ends: that would change the exit code."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            _to_nowhere(number)


def _to_nowhere(number: int) -> None:
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, number)
        os.close(null)


def quiet_logs() -> None:
    """Warnings and errors only, mosaik's included, without tracebacks."""
    from loguru import logger

    logger.remove()
    logger.add(sys.stderr, level="WARNING", format=_log_format, filter=_is_news)
    logger.enable("mosaik")


def _log_format(_: "Record") -> str:
    # A function instead of a text: loguru adds the traceback to a text by itself.
    return "{level}: {message}\n"


def _is_news(record: "Record") -> bool:
    """Whether a message tells something new: that a simulator stopped the run stands in the run's own last lines."""
    return not (record["level"].name == "ERROR" and record["name"] == "mosaik.async_scenario")

"""Standard streams that the caller has closed (`2>&-`, some services): opened again, on nothing.

Otherwise the next file that anybody opens would get a stream's number, and take in what is meant for the stream.
"""

import os
import sys

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}
"""By their numbers, from 0."""


def open_missing_streams() -> None:
    """See to it that standard input, output and error are open, for this process and those that it starts."""
    for number, (name, mode) in enumerate(_MODES.items()):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is the one that is missing: those below are taken by now.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 (as Python does)

"""The file of tracebacks in a result folder."""

import contextlib
from pathlib import Path


def keep_in_log(log: Path, text: str) -> None:
    """Add a text to the file `log`."""
    # A full disk may be what stopped the run: the cause is told all the same.
    with contextlib.suppress(OSError), log.open("a", encoding="utf-8") as file:
        file.write(text.rstrip() + "\n\n")

"""The log of a run in a file: what mosaik, pandapower and pandapipes say on the way, each line with its time.

What stands on the terminal and in the result folder stays the same.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from mosaik_p2p.errors import BadInput
from mosaik_p2p.files import output_faults, target_faults

if TYPE_CHECKING:
    from loguru import Record

LINE = "{time:YYYY-MM-DDTHH:mm:ss.SSSZ} {level: <8} {name}: {message}"
_A_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\S* [A-Z]+ ")
FLAG = "--log"
LIBRARIES = ("pandapower", "pandapipes")
"""That speak by Python's own logging; mosaik speaks by loguru."""


class Level(StrEnum):
    """How much is told: this and what is graver."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class _Handed(logging.Handler):
    """Hands what libraries say by Python's own logging to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        from loguru import logger

        def named(entry: "Record") -> None:
            entry["name"] = record.name

        logger.patch(named).log(record.levelname, record.getMessage())


@contextmanager
def logged(file: Path | None, level: Level) -> Iterator[None]:
    """Lines go to the end of the file meanwhile; None: nowhere. Raises BadInput where the file is something else."""
    if file is None:
        yield
        return
    from loguru import logger

    faults = target_faults(FLAG, file) or output_faults(
        FLAG, file, is_ours=lambda text: bool(_A_LINE.match(text)), what="an earlier log", inputs=()
    )
    if faults:
        raise BadInput(faults)
    sink = logger.add(file, level=level.upper(), format=LINE, encoding="utf-8", backtrace=False, diagnose=False)
    handed = _Handed()
    before = {name: logging.getLogger(name).level for name in LIBRARIES}
    for name in LIBRARIES:
        logging.getLogger(name).addHandler(handed)
        logging.getLogger(name).setLevel(level.upper())
    try:
        yield
    finally:
        for name in LIBRARIES:
            logging.getLogger(name).removeHandler(handed)
            logging.getLogger(name).setLevel(before[name])
        logger.remove(sink)

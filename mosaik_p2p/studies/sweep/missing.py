"""The runs of a sweep that are not there yet: made, each by itself, and counted."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mosaik_p2p.cosim import ExitCode, Order
from mosaik_p2p.sims.world.progress import tell
from mosaik_p2p.studies.engine.running import AllRan, Engine
from mosaik_p2p.studies.engine.worker import Ran
from mosaik_p2p.studies.sweep.plan import Row
from mosaik_p2p.studies.sweep.table import is_complete

VALUE_LETTERS = 40
"""Of what varies, as it is told while runs go on."""


def run_missing(
    folder: Path,
    source: Path,
    rows: Sequence[Row],
    *,
    engine: Engine,
    progress: bool,
    allow_code: bool,
) -> AllRan:
    """Those of the rows whose folders hold no complete run, by run.

    `folder` is that of the sweep, and `source` the scenario file. Raises BadInput where the engine cannot be reached.
    """
    missing = [row for row in rows if not is_complete(folder / row.folder)]
    if progress and len(missing) < len(rows):
        tell(f"{len(rows) - len(missing)} of {len(rows)} runs are there already")
    orders = {row.run: _order(folder, source, row, allow_code=allow_code) for row in missing}
    if not orders:
        return AllRan({})
    count = _Count({row.run: row for row in missing}, visible=progress)
    return engine.run_all(orders, ended=count)


def _order(folder: Path, source: Path, row: Row, *, allow_code: bool) -> Order:
    return Order(
        scenario=str(source),
        out=str((folder / row.folder).resolve()),
        overrides=row.overrides,
        progress=False,
        allow_code=allow_code,
        resume=True,
        report=False,
    )


class _Count:
    """Says after every run how many are done."""

    def __init__(self, rows: Mapping[str, Row], *, visible: bool) -> None:
        self._rows, self._done, self._visible = rows, 0, visible

    def __call__(self, run: str, ran: Ran) -> None:
        self._done += 1
        if self._visible:
            values = ", ".join(f"{key}={_cut(value)}" for key, value in self._rows[run].varied.items())
            trouble = "" if ran.exit_code in (ExitCode.COMPLETE, ExitCode.NO_SOLUTION) else ": not complete"
            tell(f"{self._done} of {len(self._rows)} runs: {values}{trouble}")


def _cut(value: str) -> str:
    return value if len(value) <= VALUE_LETTERS else f"{value[: VALUE_LETTERS - 3]}..."

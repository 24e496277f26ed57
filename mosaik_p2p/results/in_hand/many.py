"""One table of many runs: the rows of all, with the run that each is of."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from warnings import warn

import pandas as pd

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.results.in_hand.run_results import RunResults, read
from mosaik_p2p.results.store.folder import COUNTERFACTUALS_FOLDER, SUMMARY_FILE
from mosaik_p2p.results.store.mark import RUN, read_mark

RUN_COLUMN = "run"


def read_runs(folder: str | Path | Iterable[str | Path], table: str) -> pd.DataFrame:
    """The rows of `table` of every complete run at or below a folder, or in several folders, times in UTC.

    The first column, `run`, says where a row's run lies, seen from the folder (of several: as they were named). Runs
    beside another one (its counterfactuals) belong to that. Warns (UserWarning) of runs that are not complete, which
    are left out. Raises BadInput where there is no complete run or a file was changed, KeyError for a table that no run
    has.
    """
    found = {name: read(path) for name, path in _folders(folder)}
    _warn_of_incomplete(found)
    complete = {name: results for name, results in found.items() if results.complete}
    if not complete:
        named = folder if isinstance(folder, str | Path) else ", ".join(map(str, folder))
        remedy = "Name a folder that holds result folders"
        raise BadInput([Fault("folder of runs", str(named), "holds no complete run", remedy)])
    having = {name: results for name, results in complete.items() if table in results} or complete
    frames = [results[table].assign(**{RUN_COLUMN: name}) for name, results in having.items()]
    rows = pd.concat(frames, ignore_index=True)
    return rows[[RUN_COLUMN, *(column for column in rows.columns if column != RUN_COLUMN)]]


def _warn_of_incomplete(found: Mapping[str, RunResults]) -> None:
    broken_off = [name for name, results in found.items() if not results.complete]
    if broken_off:
        warn(f"left out, since their runs are not complete: {', '.join(broken_off)}", stacklevel=3)


def _folders(folder: str | Path | Iterable[str | Path]) -> Iterator[tuple[str, Path]]:
    if not isinstance(folder, str | Path):
        yield from ((str(one), Path(one)) for one in folder)
        return
    above = Path(folder)
    for path in sorted(above.rglob(SUMMARY_FILE)):
        run = path.parent
        mark = read_mark(run)
        within = run.relative_to(above)
        if mark is not None and mark.what == RUN and COUNTERFACTUALS_FOLDER not in within.parts:
            yield within.as_posix() if within.parts else above.name, run

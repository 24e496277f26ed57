"""A result folder in a world of somebody's own, where no run of this package begins and concludes it.

It becomes what a run leaves: the resolved scenario, the tables, the summary, the report, and the nets that our grids
have sent. A network of the scenario that another simulator solves leaves no tables: the summary names it
(`networks_elsewhere`), and no interval is judged without it.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.loading.case import Case
from mosaik_p2p.loading.runs.run_meta import begin_folder, run_meta
from mosaik_p2p.results.accounts.last_entries import close_settlement
from mosaik_p2p.results.claiming import claimed_folder
from mosaik_p2p.results.conclusion import add_report, conclude
from mosaik_p2p.results.quantities.computing import compute_quantities
from mosaik_p2p.results.store.integrity import damages
from mosaik_p2p.results.store.lock import is_locked
from mosaik_p2p.results.store.mark import ResultFolder
from mosaik_p2p.results.store.parts import read_table
from mosaik_p2p.results.summary import write_summary


class OwnFolder:
    """A folder that is claimed until it is concluded."""

    def __init__(self, folder: ResultFolder, case: Case, begun: Mapping[str, Any], claim: ExitStack) -> None:
        self._folder, self._case, self._begun, self._claim = folder, case, begun, claim

    def conclude(self, wall_s: Mapping[str, float]) -> dict[str, Any]:
        """Write summary and report, give the folder free, and return the summary."""
        with self._claim:
            meta = run_meta(self._case, complete=True, wall_s=wall_s, networks_elsewhere=self._elsewhere())
            # Which intervals count depends on which networks there are: reading the tables has to know it already.
            begun = {**self._begun, "networks_elsewhere": list(meta.networks_elsewhere)}
            if self._folder.is_there():
                write_summary(self._folder.path, begun)
            summary = conclude(self._folder, meta, self._failed(), begun)
            return add_report(self._folder, meta.quantities, summary)

    def _failed(self) -> str | None:
        """Why what follows the run is not whole; it follows where the tables are as they were written."""
        if not self._folder.is_there() or damages(self._folder.path):
            return None
        close_settlement(self._folder)
        return "; ".join(compute_quantities(self._folder, self._case.quantities)) or None

    def _elsewhere(self) -> tuple[str, ...]:
        """The scenario's networks of which no simulator has told anything."""
        known = set(read_table(self._folder.path, "flows")["network"])
        return tuple(name for name in self._begun["status_counts"] if name not in known)


def claimed(folder: Path, case: Case, *, overwrite: bool) -> OwnFolder | None:
    """The folder, begun; None where it is that of a run that goes on and looks after it.

    Raises BadInput where there is no such folder, or it cannot be used, see `claimed_folder`.
    """
    if not folder.is_dir():
        problem = "is a file" if folder.exists() else "is not there"
        raise BadInput([Fault("Recorder.folder", str(folder), problem, "Make the folder before the world is run")])
    if is_locked(folder):
        return None
    with ExitStack() as claim:
        claimed = claimed_folder(folder, overwrite=overwrite, more_names=case.quantity_files)
        own = claim.enter_context(claimed)
        begun = begin_folder(own, case, {})
        return OwnFolder(own, case, begun, claim.pop_all())

"""The result folder: which names it holds, and how it is made ready without touching anybody's other files."""

import shutil
from pathlib import Path

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.results.tables import TABLES

SUMMARY_FILE = "summary.json"
SCENARIO_FILE = "scenario.toml"
REPORT_FILE = "report.html"
ELECTRIC_NET_FILE = "electric_net.json"
HEAT_NET_FILE = "heat_net.json"
ERROR_FILE = "error.log"
"""Tracebacks of what stopped a run; there only if something did."""
COUNTERFACTUALS_FOLDER = "counterfactuals"
"""Holds a folder for each run of the same scenario without charges or without negotiation."""

PLAIN_FILES = (SUMMARY_FILE, SCENARIO_FILE, REPORT_FILE, ELECTRIC_NET_FILE, HEAT_NET_FILE, ERROR_FILE)
SHARED_NAMES = frozenset({SCENARIO_FILE, REPORT_FILE, ERROR_FILE})
"""Names that a folder of the user's own may well contain; alone they do not make a folder a result folder."""


def table_path(folder: Path, table: str) -> Path:
    """Where a table lies: a folder of parts while the run goes on, one file afterwards."""
    return folder / f"{table}.parquet"


def is_part(path: Path) -> bool:
    """Whether a file inside a table's folder was written by a run."""
    return path.name.lstrip(".").startswith("part-") and path.suffix in {".parquet", ".tmp"}


def prepare_folder(folder: Path, *, overwrite: bool) -> None:
    """Create the folder, or empty it of an earlier result; files that no run writes stay.

    Raises BadInput where the folder cannot be used: it is a file, it is not empty, or (with `overwrite`) it is not the
    folder of an earlier result.
    """
    if folder.exists() and not folder.is_dir():
        raise _refused(folder, "is a file", "Name a folder with --out")
    present = list(folder.iterdir()) if folder.exists() else []
    if present and not overwrite:
        raise _refused(folder, "is not empty", "Choose another folder with --out, or allow --overwrite")
    if present and not _is_result(present):
        raise _refused(folder, "holds files, but not those of an earlier run", "Choose another folder with --out")
    try:
        for path in present:
            _remove(path)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(folder, f"cannot be prepared ({error.strerror})", "Choose another folder with --out") from error


def _refused(folder: Path, problem: str, remedy: str) -> BadInput:
    return BadInput([Fault("result folder", str(folder), problem, remedy)])


def _is_ours(path: Path) -> bool:
    name = path.name.removeprefix(".").removesuffix(".tmp").removesuffix(".parts")
    return name in PLAIN_FILES or name in {f"{table}.parquet" for table in TABLES}


def _is_result(present: list[Path]) -> bool:
    return any(_is_ours(path) and path.name not in SHARED_NAMES for path in present)


def _remove(path: Path) -> None:
    """Remove a file or table of ours; anything else stays."""
    if path.name == COUNTERFACTUALS_FOLDER and path.is_dir() and not path.is_symlink():
        _remove_results_below(path)
    if not _is_ours(path):
        return
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    elif all(is_part(inner) for inner in path.iterdir()):
        shutil.rmtree(path)


def _remove_results_below(folder: Path) -> None:
    """Remove the results of counterfactual runs, and the folders that are empty then."""
    for inner in [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]:
        present = list(inner.iterdir())
        if _is_result(present):
            for path in present:
                _remove(path)
        if not any(inner.iterdir()):
            inner.rmdir()
    if not any(folder.iterdir()):
        folder.rmdir()

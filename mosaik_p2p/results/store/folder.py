"""The result folder: which names it holds."""

from pathlib import Path

from mosaik_p2p.results.store.lock import LOCK_FILE
from mosaik_p2p.results.store.mark import MARK_FILE
from mosaik_p2p.results.tables.schema import TABLES

SUMMARY_FILE = "summary.json"
SCENARIO_FILE = "scenario.toml"
REPORT_FILE = "report.html"
ELECTRIC_NET_FILE = "electric_net.json"
HEAT_NET_FILE = "heat_net.json"
INVENTORY_FILE = "inventory.json"
"""What the scenario held, what of its network files was used, and what may not have been meant."""
ERROR_FILE = "error.log"
"""Tracebacks of what stopped a run; there only if something did."""
RESUME_FILE = "resume.json"
"""From where a run can go on that was stopped; there only until it has come to its end."""
COUNTERFACTUALS_FOLDER = "counterfactuals"
"""Holds a folder for each run of the same scenario without charges or without negotiation."""

PLAIN_FILES = (
    *(SUMMARY_FILE, SCENARIO_FILE, REPORT_FILE, ELECTRIC_NET_FILE, HEAT_NET_FILE, INVENTORY_FILE),
    *(ERROR_FILE, RESUME_FILE),
)
TABLE_NAMES = tuple(f"{table}.parquet" for table in TABLES)
OWN_NAMES = frozenset({*PLAIN_FILES, *TABLE_NAMES, MARK_FILE, LOCK_FILE})
"""What a run may write, besides counterfactual runs."""
SHARED_NAMES = frozenset({SCENARIO_FILE, REPORT_FILE, ERROR_FILE, LOCK_FILE, MARK_FILE})
"""Names that a folder of the user's own may well contain."""


def table_path(folder: Path, table: str) -> Path:
    """Where a table lies: a folder of parts while the run goes on, one file afterwards."""
    return folder / f"{table}.parquet"


def aside_path(folder: Path, table: str) -> Path:
    """Where the parts of a table lie for the moment in which one file takes their place."""
    return folder / f".{table}.parquet.parts"


def parts_folder(folder: Path, table: str) -> Path | None:
    """The folder that holds the parts of a table; None where the table is one file, or not there at all."""
    path, aside = table_path(folder, table), aside_path(folder, table)
    if path.is_dir():
        return path
    return aside if aside.is_dir() and not path.exists() else None


def is_part(path: Path) -> bool:
    """Whether a file inside a table's folder is named like a part of the table."""
    return path.name.startswith("part-") and path.suffix == ".parquet"

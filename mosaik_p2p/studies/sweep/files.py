"""The folder of a sweep: its plan, its table and its page, beside the folders of its runs.

Each file is written beside its place and renamed, so that several commands (`--part`) can share the folder.
"""

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.files import reason_of, replace_whole
from mosaik_p2p.studies.sweep.plan import Row

PLAN_FILE, TABLE_FILE, PAGE_FILE, RUNS_FOLDER = "plan.parquet", "runs.parquet", "index.html", "runs"
MADE_BY = b"mosaik_p2p sweep"
ELSEWHERE = "Choose another folder with --out"
PLACE = "folder of the sweep"


def prepare(folder: Path, rows: Sequence[Row], about: Mapping[str, Any]) -> None:
    """Make the folder that of the sweep with these rows, or go on with it.

    Raises BadInput where it holds anything else, a sweep included that has rows which are not among these.
    """
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            _refuse_others(folder, rows)
        (folder / RUNS_FOLDER).mkdir(parents=True, exist_ok=True)
        replace_whole(folder / PLAN_FILE, _plan_bytes(rows, about))
    except OSError as error:
        raise BadInput([Fault(PLACE, str(folder), f"cannot be used: {reason_of(error)}", ELSEWHERE)]) from error


def _refuse_others(folder: Path, rows: Sequence[Row]) -> None:
    before, _ = read_plan(folder)
    now = {(row.run, row.overrides) for row in rows}
    lost = [row for row in before if (row.run, row.overrides) not in now]
    if lost:
        shown = ", ".join(f"{key}={value}" for key, value in lost[0].varied.items()) or "the scenario as it is"
        problem = f"holds another sweep: {len(lost)} of its {len(before)} rows are not planned here, such as {shown}"
        remedy = f"Give the same scenario, files and options, or more values. {ELSEWHERE}"
        raise BadInput([Fault(PLACE, str(folder), problem, remedy)])


def _plan_bytes(rows: Sequence[Row], about: Mapping[str, Any]) -> bytes:
    table = pa.Table.from_pydict(
        {
            "run": [row.run or None for row in rows],
            "varied": [json.dumps(dict(row.varied), ensure_ascii=False) for row in rows],
            "overrides": [list(row.overrides) for row in rows],
            "faults": [[_fault_text(fault) for fault in row.faults] for row in rows],
        },
        schema=pa.schema(
            [
                ("run", pa.string()),
                ("varied", pa.string()),
                ("overrides", pa.list_(pa.string())),
                ("faults", pa.list_(pa.string())),
            ],
            metadata={b"made_by": MADE_BY, b"about": json.dumps(about).encode()},
        ),
    )
    buffer = BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def read_plan(folder: Path) -> tuple[tuple[Row, ...], dict[str, Any]]:
    """The rows of the sweep in a folder, and what was said about it. Raises BadInput where it holds none."""
    try:
        table = pq.read_table(folder / PLAN_FILE)
        metadata = table.schema.metadata or {}
        if metadata.get(b"made_by") != MADE_BY:
            raise ValueError("it was not written by a sweep")
        rows = tuple(
            Row(
                json.loads(row["varied"]),
                tuple(row["overrides"]),
                row["run"] or "",
                tuple(_fault_of(text) for text in row["faults"]),
            )
            for row in table.to_pylist()
        )
        about: dict[str, Any] = json.loads(metadata[b"about"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        problem = f"holds no sweep: {PLAN_FILE} cannot be read ({reason_of(error)})"
        raise BadInput([Fault(PLACE, str(folder), problem, ELSEWHERE)]) from error
    return rows, about


def write_outcome(folder: Path, table: pd.DataFrame, page: str) -> None:
    """Write the table of the runs, and the page that shows it."""
    buffer = BytesIO()
    table.to_parquet(buffer, index=False)
    replace_whole(folder / TABLE_FILE, buffer.getvalue())
    replace_whole(folder / PAGE_FILE, page.encode())


def _fault_text(fault: Fault) -> str:
    return json.dumps([fault.place, fault.value, fault.problem, fault.remedy], ensure_ascii=False)


def _fault_of(text: str) -> Fault:
    return Fault(*json.loads(text))

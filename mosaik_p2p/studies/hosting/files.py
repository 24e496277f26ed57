"""The folder of a search: that of a sweep over the points that were tried, and beside it the answer."""

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_p2p.errors import BadInput, Fault
from mosaik_p2p.files import reason_of, replace_whole
from mosaik_p2p.studies.sweep.files import ELSEWHERE, PAGE_FILE, PLAN_FILE, prepare, read_plan
from mosaik_p2p.studies.sweep.plan import Row

POINTS_FILE, ANSWER_FILE = "points.parquet", "hosting.json"
PLACE = "folder of the search"
QUESTION = "hosting"


def prepared(folder: Path, rows: Sequence[Row], question: Mapping[str, str], *, allow_code: bool) -> None:
    """Make the folder that of the search for `question`, or go on with it: what was tried before stays in its plan.

    Raises BadInput where the folder holds anything else, the search of another scenario included.
    """
    before: tuple[Row, ...] = ()
    if (folder / PLAN_FILE).exists():
        before, about = read_plan(folder)
        _refuse_others(folder, about.get(QUESTION), question)
    kept = {(row.run, row.overrides): row for row in (*before, *rows)}
    prepare(folder, tuple(kept.values()), {QUESTION: dict(question), "allow_code": allow_code})


def _refuse_others(folder: Path, before: Any, question: Mapping[str, str]) -> None:
    if before == dict(question):
        return
    problem = "holds a sweep"
    if isinstance(before, dict):
        same = before.get("grow") == question["grow"]
        problem = "holds a search of another scenario, or of other files" if same else "holds a search of another key"
    raise BadInput([Fault(PLACE, str(folder), problem, f"Give the same scenario, files and options. {ELSEWHERE}")])


def write_answer(folder: Path, summary: Mapping[str, Any], table: pd.DataFrame, page: str) -> None:
    """Write the table of the points, the answer, and the page that shows both. Raises BadInput."""
    buffer = BytesIO()
    table.to_parquet(buffer, index=False)
    text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        replace_whole(folder / POINTS_FILE, buffer.getvalue())
        replace_whole(folder / ANSWER_FILE, f"{text}\n".encode())
        replace_whole(folder / PAGE_FILE, page.encode())
    except OSError as error:
        raise BadInput([Fault(PLACE, str(folder), f"cannot be used: {reason_of(error)}", ELSEWHERE)]) from error

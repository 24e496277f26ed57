"""The same days in other cases: without charges, without negotiation, without trade but within limits, with a limit
lifted.

Each is a run of its own, in a folder of its own below that of the run it belongs to. What it cost everybody joins the
settlement of that run as one more case, and its violations stand beside the run's own in the summary.
"""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mosaik_p2p.results.store.cases import ALONE_WITHIN_LIMITS, CASES
from mosaik_p2p.results.store.folder import COUNTERFACTUALS_FOLDER, SUMMARY_FILE
from mosaik_p2p.results.store.parts import read_arrow, replace_table
from mosaik_p2p.results.store.reading import Results, read_results
from mosaik_p2p.settlement.ledger import IN_MARKET

BEFORE_SURCHARGES = frozenset({ALONE_WITHIN_LIMITS})
"""Cases whose surcharges do not join the settlement: what keeping limits is worth to those who pay it is no cost."""
SURCHARGE_ITEMS = ("surcharge", "surcharge_return")
KEPT = (
    *("complete", "cause", "verdict_counts", "traded_kwh", "operator", "loss_kwh", "caused_loss_kwh", "unserved_kwh"),
    *("system_cost", "stored_change_kwh", "curtailed_kwh", "negotiation", "closing_value"),
)
"""What a counterfactual's own summary adds to that of the run."""


def counterfactual_folder(folder: Path, case: str) -> Path:
    """Where the results of a counterfactual run lie."""
    return folder / COUNTERFACTUALS_FOLDER / case


def counterfactual_summaries(folder: Path) -> dict[str, dict[str, Any]]:
    """What each counterfactual run came to, by case; only those that were begun."""
    found = {}
    for case in CASES:
        path = counterfactual_folder(folder, case) / SUMMARY_FILE
        if path.exists():
            summary = json.loads(path.read_text(encoding="utf-8"))
            found[case] = {key: summary.get(key) for key in KEPT}
    return found


def counterfactual_results(folder: Path) -> dict[str, Results]:
    """The results of every counterfactual run that is complete, by case."""
    return {
        case: read_results(counterfactual_folder(folder, case))
        for case, summary in counterfactual_summaries(folder).items()
        if summary["complete"]
    }


def add_to_settlement(folder: Path) -> None:
    """Enter what the complete counterfactual runs cost everybody into the settlement of the run in `folder`."""
    own = read_arrow(folder, "settlement")
    # A run that was killed after it had entered them enters them again.
    rows = [own.filter(pc.invert(pc.is_in(own["case"], value_set=pa.array(CASES))))]
    for case, summary in counterfactual_summaries(folder).items():
        if summary["complete"]:
            rows.append(_renamed(read_arrow(counterfactual_folder(folder, case), "settlement"), case))
    replace_table(folder, "settlement", pa.concat_tables(rows))


def _renamed(settlement: pa.Table, case: str) -> pa.Table:
    """The rows of the market of a counterfactual run, under its name."""
    rows = settlement.filter(pc.equal(settlement["case"], IN_MARKET))
    if case in BEFORE_SURCHARGES:
        rows = rows.filter(pc.invert(pc.is_in(rows["item"], value_set=pa.array(SURCHARGE_ITEMS))))
    column = pa.array([case] * rows.num_rows, type=rows.schema.field("case").type)
    return rows.set_column(rows.schema.get_field_index("case"), rows.schema.field("case"), column)

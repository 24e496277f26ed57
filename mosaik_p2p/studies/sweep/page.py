"""The page of a sweep: one HTML file that needs nothing else."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.offline

from mosaik_p2p.results.figures.pages import page_template
from mosaik_p2p.results.labels.numbers import plain
from mosaik_p2p.studies.sweep.pictures import panels_of, shown_figures

MOST_ROWS = 1000


def page(name: str, table: pd.DataFrame, varied: Sequence[str], remarks: Sequence[str]) -> str:
    """The whole page."""
    currency = next(iter(table["currency"].dropna()), "") if "currency" in table else ""
    template = page_template("mosaik_p2p.studies.sweep", "sweep.html.j2", (plain,))
    told: str = template.render(
        name=name,
        remarks=remarks,
        panels=panels_of(table, varied, currency),
        varied=varied,
        figures=[(shown.title, shown.unit) for shown in shown_figures(currency)],
        rows=_rows(table, varied, currency),
        left_out=max(len(table) - MOST_ROWS, 0),
        plotly_js=plotly.offline.get_plotlyjs(),
    )
    return told


def _rows(table: pd.DataFrame, varied: Sequence[str], currency: str) -> list[dict[str, Any]]:
    return [
        {
            "run": row["run"],
            "status": row["status"].replace("_", " "),
            "cause": row["cause"],
            "varied": [None if _is_missing(row.get(key)) else row[key] for key in varied],
            "figures": [_sum(row, shown.columns) for shown in shown_figures(currency)],
        }
        for row in table.head(MOST_ROWS).to_dict("records")
    ]


def _sum(row: dict[Any, Any], columns: Sequence[str]) -> float | None:
    values = [row[column] for column in columns if not _is_missing(row.get(column))]
    return float(sum(values)) if values else None


def _is_missing(value: Any) -> bool:
    return value is None or bool(pd.isna(value))

"""Whether each network, and the loads, stayed feasible."""

from collections.abc import Iterable
from typing import ClassVar

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.errors import Verdict
from mosaik_p2p.results.figures.style import GREEN, GREY, RED, Clock, Panel, blank
from mosaik_p2p.results.measures.verdicts import LOADS, interval_verdicts
from mosaik_p2p.results.quantities.base import ResultQuantity
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.results.tables.columns import BEGIN, TableShape, table, text

STRIP_HEIGHT_PX = 108
STRIP_ROW_PX = 34
VERDICT_COLOURS = {Verdict.FEASIBLE: GREEN, Verdict.INFEASIBLE: RED, Verdict.UNKNOWN: GREY}


class Verdicts(ResultQuantity):
    """The verdict on each network and on the loads."""

    name: ClassVar[str] = "verdicts"
    source: ClassVar[str] = "prosumers"
    section: ClassVar[str] = "Feasibility over time"
    shape: ClassVar[TableShape] = table(
        "The verdict on each network, and on the loads.",
        "time judged",
        time=BEGIN,
        judged=text("`electricity` or `heat`, the network, or `loads`, what was to be served."),
        verdict=text("`feasible`, `infeasible` or `unknown` (no solution)."),
    )

    def rows(self, results: Results) -> pd.DataFrame:
        """A row per network and one for the loads."""
        networks = results.facts.networks
        wide = interval_verdicts(results, networks)[["time", *networks, LOADS]]
        long = wide.melt("time", var_name="judged", value_name="verdict")
        return long.assign(verdict=[str(verdict) for verdict in long["verdict"]])

    def panels(self, clock: Clock, rows: pd.DataFrame) -> Iterable[Panel]:
        """One line per network and one for the loads, one cell per interval."""
        networks = clock.results.facts.networks
        if not networks:
            return ()
        kinds, judged = list(VERDICT_COLOURS), [*networks, LOADS]
        wide = rows.pivot(index="time", columns="judged", values="verdict").reindex(clock.begins, columns=judged)
        cells = [[Verdict.UNKNOWN if pd.isna(kind) else Verdict(kind) for kind in wide[name]] for name in judged]
        figure = blank(clock, "", height_px=STRIP_HEIGHT_PX + STRIP_ROW_PX * len(judged))
        edges = [edge / len(kinds) for edge in range(len(kinds) + 1)]
        scale = [(edges[k + side], VERDICT_COLOURS[kind]) for k, kind in enumerate(kinds) for side in (0, 1)]
        figure.add_trace(
            go.Heatmap(
                x=clock.local_middles(),
                y=judged,
                z=[[kinds.index(kind) for kind in row] for row in cells],
                text=[[kind.value for kind in row] for row in cells],
                hovertemplate="%{x}: %{text}<extra>%{y}</extra>",
                colorscale=scale,
                zmin=-0.5,
                zmax=len(kinds) - 0.5,
                showscale=False,
                # Of many intervals the gaps would hide the cells.
                xgap=0 if clock.is_long else 1,
                ygap=3,
            )
        )
        for kind, colour in VERDICT_COLOURS.items():
            marker = {"color": colour, "symbol": "square", "size": 11}
            figure.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=marker, name=kind.value))
        figure.update_layout(hovermode="closest")
        figure.update_yaxes(autorange="reversed", showgrid=False)
        note = "Infeasible: a limit is violated, heat is not delivered, or loads are not served. Unknown: no solution."
        return (Panel("verdicts", "Verdict per interval", note, figure, is_wide=True),)

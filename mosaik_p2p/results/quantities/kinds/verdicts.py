"""Whether each network, and the loads, stayed feasible."""

from collections.abc import Iterable
from typing import ClassVar

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.errors import Verdict
from mosaik_p2p.results.figures.carpets import carpet_of
from mosaik_p2p.results.figures.style import GREEN, GREY, RED, Clock, Panel, blank
from mosaik_p2p.results.measures.verdicts import LOADS, interval_verdicts
from mosaik_p2p.results.quantities.base import ResultQuantity
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.results.tables.columns import BEGIN, TableShape, table, text

STRIP_HEIGHT_PX = 108
STRIP_ROW_PX = 34
VERDICT_COLOURS = {Verdict.FEASIBLE: GREEN, Verdict.INFEASIBLE: RED, Verdict.UNKNOWN: GREY}
SCALE = {
    "colorscale": [
        ((k + side) / len(VERDICT_COLOURS), colour)
        for k, colour in enumerate(VERDICT_COLOURS.values())
        for side in (0, 1)
    ],
    "zmin": -0.5,
    "zmax": len(VERDICT_COLOURS) - 0.5,
    "showscale": False,
}
"""A colour for each verdict, by its number."""
WORST_FIRST = (Verdict.INFEASIBLE.value, Verdict.UNKNOWN.value, Verdict.FEASIBLE.value)


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
        if clock.is_long:
            return (self._carpet(clock, wide),)
        figure = blank(clock, "", height_px=STRIP_HEIGHT_PX + STRIP_ROW_PX * len(judged))
        figure.add_trace(
            go.Heatmap(
                x=clock.local_middles(),
                y=judged,
                z=[[kinds.index(kind) for kind in row] for row in cells],
                text=[[kind.value for kind in row] for row in cells],
                hovertemplate="%{x}: %{text}<extra>%{y}</extra>",
                **SCALE,
                xgap=1,
                ygap=3,
            )
        )
        _add_legend(figure)
        figure.update_layout(hovermode="closest")
        figure.update_yaxes(autorange="reversed", showgrid=False)
        note = "Infeasible: a limit is violated, heat is not delivered, or loads are not served. Unknown: no solution."
        return (Panel("verdicts", "Verdict per interval", note, figure, is_wide=True),)

    def _carpet(self, clock: Clock, wide: pd.DataFrame) -> Panel:
        """Of a long run the worst of all that is judged, by day and hour."""
        rank = {kind.value: k for k, kind in enumerate(VERDICT_COLOURS)}
        # What is infeasible in one network is so whatever is not known of another.
        worst = wide.apply(
            lambda row: next((kind for kind in WORST_FIRST if (row == kind).any()), WORST_FIRST[1]), axis=1
        )
        figure = carpet_of(clock, worst.map(rank), {**SCALE, "hovertemplate": "%{x}, %{y} h<extra></extra>"})
        _add_legend(figure)
        note = "The worst of networks and loads in each interval. Unknown: no solution."
        return Panel("verdicts", "Verdict by day and hour", note, figure, is_wide=True)


def _add_legend(figure: go.Figure) -> None:
    for kind, colour in VERDICT_COLOURS.items():
        marker = {"color": colour, "symbol": "square", "size": 11}
        figure.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=marker, name=kind.value))

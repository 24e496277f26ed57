"""What is stored."""

from collections.abc import Iterable
from typing import ClassVar

import pandas as pd
import plotly.graph_objects as go

from mosaik_p2p.results.figures.style import COLOURS, Clock, Panel, add_band, add_steps, blank
from mosaik_p2p.results.quantities.base import ResultQuantity
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.results.tables.columns import BEGIN, TableShape, number, table, text


class StorageLevels(ResultQuantity):
    """The energy in every storage, in the market."""

    name: ClassVar[str] = "storage_levels"
    source: ClassVar[str] = "devices"
    section: ClassVar[str] = "Storage"
    shape: ClassVar[TableShape] = table(
        "The energy in every storage, in the market.",
        "time prosumer device",
        time=BEGIN,
        prosumer=text("Its owner."),
        device=text("Its name."),
        level_kwh=number("What it stores at the end of the interval.", null="no storage"),
    )

    def rows(self, results: Results) -> pd.DataFrame:
        """A row per device."""
        return results["devices"][list(self.shape.columns)]

    def panels(self, clock: Clock, rows: pd.DataFrame) -> Iterable[Panel]:
        """Energy stored at the end of each interval."""
        stores = rows.dropna(subset=["level_kwh"])
        if stores.empty:
            return ()
        # Two storages of one name cannot exist at one prosumer, so that the pair of names is a key.
        stores = stores.assign(store=stores["prosumer"] + " " + stores["device"])
        levels = stores.pivot(index="time", columns="store", values="level_kwh").reindex(clock.begins)
        if clock.is_long:
            return (self._long(clock, levels),)
        figure = blank(clock, "stored energy (kWh)")
        ends = [begin + clock.dt for begin in clock.local_begins()]
        is_few = levels.shape[1] <= len(COLOURS)
        total = levels.sum(axis=1, min_count=1).rename(f"all {levels.shape[1]} storages")
        curves = [levels[name] for name in levels.columns] if is_few else [total]
        for colour, curve in zip(COLOURS, curves, strict=False):
            known = [None if pd.isna(level) else float(level) for level in curve]
            marker = {"mode": "lines+markers", "marker": {"size": 4}, "line": {"color": colour, "width": 1.8}}
            figure.add_trace(go.Scatter(x=ends, y=known, name=str(curve.name), **marker))
        figure.update_yaxes(rangemode="tozero")
        return (Panel("storage", "Storage levels", "At the end of each interval.", figure),)

    def _long(self, clock: Clock, levels: pd.DataFrame) -> Panel:
        """All storages together, between the least and the most of each day."""
        total = levels.sum(axis=1, min_count=1)
        figure = blank(clock, "stored energy (kWh)")
        add_band(figure, clock, total, total, "least to most of the day")
        add_steps(figure, clock, total, f"all {levels.shape[1]} storages", line={"color": COLOURS[0]})
        figure.update_yaxes(rangemode="tozero")
        return Panel("storage", "Storage levels", "All storages together, at the ends of intervals.", figure)

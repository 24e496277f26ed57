"""The CO2 of each prosumer, a result quantity of somebody else's."""

from collections.abc import Iterable
from typing import ClassVar

import pandas as pd

from mosaik_p2p.results.figures.style import COLOURS, Clock, Panel, add_steps, blank
from mosaik_p2p.results.quantities.base import ResultQuantity
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.results.tables.columns import BEGIN, TableShape, amount, table, text

KG_PER_KWH = {"electricity": 0.38, "heat": 0.22}
"""Of what comes by contract."""
FUEL_KG_PER_KWH = 0.2
KEY = ["time", "prosumer"]


class ProsumerCo2(ResultQuantity):
    """CO2 of what each prosumer buys by contract and of the fuel that it burns, by fixed factors."""

    name: ClassVar[str] = "prosumer_co2"
    source: ClassVar[str] = "prosumers"
    section: ClassVar[str] = "Climate"
    shape: ClassVar[TableShape] = table(
        "CO2 of what each prosumer buys by contract and burns.",
        "time prosumer",
        time=BEGIN,
        prosumer=text("Its name."),
        bought_kg=amount("Of electricity and heat bought by contract.", unit="kg"),
        burnt_kg=amount("Of the fuel that its devices burn.", unit="kg"),
    )

    def rows(self, results: Results) -> pd.DataFrame:
        """A row per prosumer; one without devices burns nothing."""
        dt_h, exchanged, devices = results.facts.dt_h, results["prosumers"], results["devices"]
        bought_kg = exchanged["import_kw"] * dt_h * exchanged["carrier"].map(KG_PER_KWH)
        burnt_kg = devices["fuel_kw"] * dt_h * FUEL_KG_PER_KWH
        bought = exchanged[KEY].assign(bought_kg=bought_kg).groupby(KEY, as_index=False).sum()
        burnt = devices[KEY].assign(burnt_kg=burnt_kg).groupby(KEY, as_index=False).sum()
        return bought.merge(burnt, how="left", on=KEY).fillna({"burnt_kg": 0.0})

    def panels(self, clock: Clock, rows: pd.DataFrame) -> Iterable[Panel]:
        """A curve for each of the prosumers that come first."""
        figure = blank(clock, "CO2 (kg)")
        total = rows.assign(kg=rows["bought_kg"] + rows["burnt_kg"]).pivot(
            index="time", columns="prosumer", values="kg"
        )
        for colour, name in zip(COLOURS, total.columns, strict=False):
            add_steps(figure, clock, total[name].reindex(clock.begins), str(name), line={"color": colour})
        yield Panel("each", "CO2 of each prosumer", "Of an interval: what it buys by contract, and burns.", figure)

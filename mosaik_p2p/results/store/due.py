"""Which rows the tables of result quantities and of what was drawn have to have.

A quantity says from which shipped table its rows follow. Every interval, prosumer or element of that table, by the key
columns that both have, must stand in the quantity's table, and nobody else.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mosaik_p2p.prosumers.device import AVAILABLE, DEMAND
from mosaik_p2p.results.store.facts import read_prosumers
from mosaik_p2p.results.store.reading import Results
from mosaik_p2p.scenario.parts.uncertainty import GROUPS
from mosaik_p2p.units import SETTLEMENT_CASES

COMPARED = "settlement"
"""The one table that counterfactual runs join after the quantities have been computed."""


def due_keys(results: Results, source: str, order: Sequence[str]) -> pd.DataFrame:
    """The key columns that `source` has too, a row each for what has to be there, of the computed intervals."""
    rows = results[source]
    shared = [name for name in order if name in rows.columns]
    rows = rows[rows["time"].isin(results.binding["time"])]
    if source == COMPARED:
        rows = rows[rows["case"].isin(SETTLEMENT_CASES)]
    return rows[shared].dropna().drop_duplicates()


def key_gaps(rows: pd.DataFrame, due: pd.DataFrame, source: str) -> Iterator[str]:
    """What of `due` has no row, and which rows are about nothing that is due, in words; nothing: they fit."""
    found = rows[list(due.columns)].drop_duplicates()
    both = due.merge(found, how="outer", indicator="where")
    for where, problem in (("left_only", f"lacks {{}} of {len(due)} that {source} has"), ("right_only", "has {} more")):
        apart = both[both["where"] == where]
        if len(apart):
            example = ", ".join(f"{name} {value}" for name, value in apart.iloc[0, :-1].items())
            intervals = apart["time"].nunique()
            yield f"{problem.format(_counted(len(apart)))} (in {intervals} intervals), such as {example}"


def lacking_draws(results: Results) -> Iterator[str]:
    """What the scenario leaves to its seed and the table of what was drawn does not have, in words.

    Of devices that were drawn away only that table knows.
    """
    stated = results.facts.uncertainty
    if not stated or results.binding.empty:
        return
    rows = results["draws"].astype(object).where(results["draws"].notna(), None)
    found = set(zip(rows["prosumer"], rows["device"], rows["quantity"], strict=True))
    due = [*_due_of_scenario(results.folder, stated), *_due_of_devices(results, stated)]
    absent = [one for one in due if one not in found]
    if absent:
        prosumer, device, quantity = absent[0]
        of = "" if prosumer is None else f" of {prosumer}.{device}"
        yield f"table draws: {_counted(len(absent))} of {len(due)} that are due are missing, such as {quantity}{of}"


Due = tuple[str | None, str | None, str]
"""Prosumer, device and quantity of a draw."""


def _due_of_scenario(folder: Path, stated: Mapping[str, Any]) -> Iterator[Due]:
    if stated.get("weather"):
        yield None, None, "weather"
    for name, prosumer in read_prosumers(folder):
        for device in prosumer.get("devices", ()):
            if device.get("type") in stated.get("owners", {}):
                yield name, str(device.get("name")), "owned"


def _due_of_devices(results: Results, stated: Mapping[str, Any]) -> Iterator[Due]:
    inputs = results["inputs"]
    profiled = inputs[inputs["quantity"].isin((DEMAND, AVAILABLE))][["prosumer", "device"]].drop_duplicates()
    kinds = results["devices"][["prosumer", "device", "family", "carrier"]].drop_duplicates()
    asked = {"scale_spread": "scale", "shift_minutes": "shift_minutes", "forecast_error": "forecast_error"}
    for prosumer, device, family, carrier in profiled.merge(kinds).to_numpy(dtype=object).tolist():
        table = stated.get(GROUPS.get((family, carrier), ""), {})
        yield from ((prosumer, device, quantity) for key, quantity in asked.items() if table.get(key))


def _counted(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"

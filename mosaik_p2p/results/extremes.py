"""The quantities that decide whether a network is used within its limits, and their worst values."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from mosaik_p2p.results.facts import Facts, stated_limit
from mosaik_p2p.results.reading import Results
from mosaik_p2p.units import ELECTRICITY, HEAT


@dataclass(frozen=True)
class Quantity:
    """A measured quantity with a limit, and where it stands in the tables."""

    key: str
    label: str
    network: str
    table: str
    element_column: str
    value_column: str
    unit: str
    digits: int
    is_floor: bool
    """Whether the limit is a least value, so that the smallest value is the worst."""
    own_limit: tuple[str, str]
    """Where a limit of one element stands: the kind of element, and the key of the limit."""


_VOLTAGE = (ELECTRICITY, "buses", "bus", "vm_pu", "p.u.", 4)
_LOADING = ("element", "loading_percent", "%", 1, False)
_PIPE = (HEAT, "pipes", "pipe")
_DRAW = (HEAT, "heat_exchanges", "prosumer")

QUANTITIES = (
    Quantity("voltage_min", "Lowest voltage", *_VOLTAGE, True, ("bus", "voltage_pu.min")),
    Quantity("voltage_max", "Highest voltage", *_VOLTAGE, False, ("bus", "voltage_pu.max")),
    Quantity("line_loading", "Highest line loading", ELECTRICITY, "lines", *_LOADING, ("line", "loading_percent")),
    Quantity(
        "transformer_loading",
        "Highest transformer loading",
        ELECTRICITY,
        "transformers",
        *_LOADING,
        ("transformer", "loading_percent"),
    ),
    Quantity(
        "t_supply", "Lowest supply temperature", *_DRAW, "t_supply_c", "°C", 1, True, ("prosumer", "t_supply_min_c")
    ),
    Quantity("velocity", "Highest velocity", *_PIPE, "velocity_m_per_s", "m/s", 2, False, ("pipe", "velocity_m_per_s")),
    Quantity(
        "pressure_gradient",
        "Highest pressure gradient",
        *_PIPE,
        "dp_pa_per_m",
        "Pa/m",
        0,
        False,
        ("pipe", "pressure_gradient_pa_per_m"),
    ),
    Quantity(
        "differential_pressure",
        "Lowest differential pressure",
        *_DRAW,
        "dp_bar",
        "bar",
        2,
        True,
        ("prosumer", "differential_pressure_bar"),
    ),
)
BY_KEY = {quantity.key: quantity for quantity in QUANTITIES}


def measured(results: Results, quantity: Quantity) -> pd.DataFrame:
    """The quantity as columns time, element, value; only where it counts (water flows, heat is drawn)."""
    rows = results[quantity.table]
    if quantity.table == "heat_exchanges":
        # Temperature and pressure are promised to those who draw; where nothing flows they mean nothing.
        rows = rows[(rows["mdot_kg_per_s"].abs() > 0) & rows["mode"].str.startswith("draw")]
    frame = pd.DataFrame(
        {"time": rows["time"], "element": rows[quantity.element_column], "value": rows[quantity.value_column].abs()}
    )
    return frame.dropna(subset=["value"]).reset_index(drop=True)


def worst(results: Results, quantity: Quantity) -> dict[str, Any] | None:
    """The worst value with element, time and limit; None where the quantity was never measured."""
    frame = measured(results, quantity)
    if frame.empty:
        return None
    row = frame.iloc[int(frame["value"].argmin() if quantity.is_floor else frame["value"].argmax())]
    return {
        "network": quantity.network,
        "element": str(row["element"]),
        "time": results.facts.local(row["time"]).isoformat(),
        "value": float(row["value"]),
        "limit": limit_of(results.facts, quantity, str(row["element"])),
        "unit": quantity.unit,
    }


def limit_of(facts: Facts, quantity: Quantity, element: str) -> float | None:
    """The limit of an element: its own where the scenario states one, else the network's."""
    kind, key = quantity.own_limit
    for own in facts.element_limits:
        stated = stated_limit(own, key)
        if own.get("table") == kind and own.get("name") == element and stated is not None:
            return stated
    return facts.limits.get(quantity.key)

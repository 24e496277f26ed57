"""The quantities that decide whether a network is used within its limits, and their worst values.

The worst value is the one that breaks its element's own limit by most, or else comes nearest to it: with limits of
single elements that need not be the lowest or highest of all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mosaik_p2p.feasibility.heat import DRAW
from mosaik_p2p.results.facts import Facts, stated_limit
from mosaik_p2p.results.naming import kind_of, place
from mosaik_p2p.results.reading import Results
from mosaik_p2p.units import ELECTRICITY, HEAT

MOST_DIGITS = 4
"""After the point."""


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


@dataclass(frozen=True)
class Event:
    """A broken limit that is worth a line only when it happens; found in the table `violations`."""

    label: str
    network: str
    quantity: str
    unit: str
    digits: int


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
EVENTS = {
    "line_power": Event("Highest power of a line", ELECTRICITY, "line_power_kw", "kW", 1),
    "delivered": Event("Heat delivered of cleared", HEAT, "delivered_kw", "kW", 2),
    "pressure": Event("Lowest pressure", HEAT, "pressure_bar", "bar", 2),
    "plant_heat": Event("Highest heat of a plant", HEAT, "plant_heat_kw", "kW", 1),
    "pump_head": Event("Highest pump head", HEAT, "pump_head_bar", "bar", 2),
}


def worst_values(results: Results, networks: Sequence[str]) -> dict[str, dict[str, Any] | None]:
    """The worst value of every quantity and event of the networks, by key; None where there is none."""
    quantities = {key: worst(results, quantity) for key, quantity in BY_KEY.items() if quantity.network in networks}
    events = {key: _worst_event(results, event) for key, event in EVENTS.items() if event.network in networks}
    return {**quantities, **events}


def measured(results: Results, quantity: Quantity) -> pd.DataFrame:
    """The quantity as columns time, element, value; only where it counts (water flows, heat is drawn)."""
    rows = results[quantity.table]
    if quantity.table == "heat_exchanges":
        # Temperature and pressure are promised to those who draw; where nothing flows they mean nothing.
        rows = rows[(rows["mdot_kg_per_s"] > 0) & (rows["mode"] == DRAW)]
    values = rows[quantity.value_column]
    frame = pd.DataFrame(
        {
            "time": rows["time"],
            "element": rows[quantity.element_column],
            # In a pipe the direction does not matter; a negative difference of pressure is worse than none.
            "value": values.abs() if quantity.table == "pipes" else values,
        }
    )
    return frame.dropna(subset=["value"]).reset_index(drop=True)


def worst(results: Results, quantity: Quantity) -> dict[str, Any] | None:
    """The value with the worst excess over its limit (or least margin), else the extreme one; None if never measured.

    `excess` is positive where the limit is broken and None without a limit; `is_extreme` tells whether no other value
    is lower (or higher).
    """
    frame = measured(results, quantity)
    if frame.empty:
        return None
    limits = {element: limit_of(results.facts, quantity, str(element)) for element in frame["element"].unique()}
    sign = -1.0 if quantity.is_floor else 1.0
    frame["limit"] = frame["element"].map(limits).astype(float)
    frame["badness"] = sign * frame["value"]
    frame["excess"] = frame["badness"] - sign * frame["limit"]
    row = frame.sort_values(["excess", "badness"], ascending=False, kind="stable").iloc[0]
    is_limited = pd.notna(row["limit"])
    return {
        "network": quantity.network,
        "element": str(row["element"]),
        "where": place(quantity.own_limit[0], str(row["element"])),
        "time": results.facts.local(row["time"]).isoformat(),
        "value": float(row["value"]),
        "limit": float(row["limit"]) if is_limited else None,
        "excess": float(row["excess"]) if is_limited else None,
        "unit": quantity.unit,
        "is_extreme": bool(row["badness"] == frame["badness"].max()),
    }


def _worst_event(results: Results, event: Event) -> dict[str, Any] | None:
    rows = results.of_binding_round("violations")
    rows = rows[(rows["network"] == event.network) & (rows["quantity"] == event.quantity)]
    if rows.empty:
        return None
    row = rows.sort_values("excess", ascending=False, kind="stable").iloc[0]
    return {
        "network": event.network,
        "element": str(row["element"]),
        "where": place(kind_of(event.quantity), str(row["element"])),
        "time": results.facts.local(row["time"]).isoformat(),
        **{name: float(row[name]) for name in ("value", "limit", "excess")},
        "unit": event.unit,
        "is_extreme": True,
    }


def label_and_digits(key: str, entry: Mapping[str, Any]) -> tuple[str, int]:
    """What the value of the summary is called, and its digits after the point: enough for its limit too."""
    shown = EVENTS[key] if key in EVENTS else BY_KEY[key]
    digits = _digits_of(entry["limit"], shown.digits)
    if entry["is_extreme"]:
        return shown.label, digits
    # Another element has a lower (or higher) value and yet more room, by a limit of its own.
    return f"Worst {shown.label.partition(' ')[2]}", digits


def _digits_of(limit: float | None, least: int) -> int:
    """The fewest digits, `least` or more, that show a limit as it was set; a limit of 0.135 is none of 0.14."""
    if limit is None:
        return least
    return next((digits for digits in range(least, MOST_DIGITS) if round(limit, digits) == limit), MOST_DIGITS)


def is_broken(entry: Mapping[str, Any]) -> bool:
    """Whether the value breaks its limit."""
    return entry["excess"] is not None and entry["excess"] > 0


def limit_of(facts: Facts, quantity: Quantity, element: str) -> float | None:
    """The limit of an element: its own where the scenario states one, else the network's."""
    kind, key = quantity.own_limit
    for own in facts.element_limits:
        stated = stated_limit(own, key)
        if own.get("table") == kind and own.get("name") == element and stated is not None:
            return stated
    return facts.limits.get(quantity.key)

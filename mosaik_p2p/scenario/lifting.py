"""A scenario without one limit of one element, as an override: the limit goes as far away as the schema lets it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mosaik_p2p.scenario.schema import Scenario
from mosaik_p2p.units import ELECTRICITY, HEAT


@dataclass(frozen=True)
class _Key:
    """Where the limit of a checked quantity stands in a scenario, and how far away it can go."""

    network: str
    table: str
    name: str
    least: float
    most: float
    band: str = ""
    """The key of the network's own limits, where it is a band with `min` and `max`."""


VOLTAGE = "voltage_pu"
_KEYS: Mapping[str, _Key] = {
    VOLTAGE: _Key(ELECTRICITY, "bus", VOLTAGE, 0.5, 1.5, band=VOLTAGE),
    "line_loading_percent": _Key(ELECTRICITY, "line", "loading_percent", 1.0, 1000.0),
    "transformer_loading_percent": _Key(ELECTRICITY, "transformer", "loading_percent", 1.0, 1000.0),
    "line_power_kw": _Key(ELECTRICITY, "line", "max_kw", 1e-6, 1e9),
    "velocity_m_per_s": _Key(HEAT, "pipe", "velocity_m_per_s", 1e-3, 100.0),
    "pressure_gradient_pa_per_m": _Key(HEAT, "pipe", "pressure_gradient_pa_per_m", 1e-3, 1e6),
    "differential_pressure_bar": _Key(HEAT, "prosumer", "differential_pressure_bar", 0.0, 1000.0),
    "t_supply_c": _Key(HEAT, "prosumer", "t_supply_min_c", -60.0, 250.0),
    "plant_heat_kw": _Key(HEAT, "plant", "plant_heat_max_kw", 1e-6, 1e9),
    "pump_head_bar": _Key(HEAT, "plant", "pump_head_max_bar", 1e-3, 1000.0),
}
"""By quantity as the table `violations` names it; others are no limits that a scenario states."""


def can_be_lifted(quantity: str) -> bool:
    """Whether a limit of this quantity stands in the scenario."""
    return quantity in _KEYS


def lifted(scenario: Scenario, *, element: str, quantity: str, is_upper: bool) -> str:
    """The override that takes one side of an element's limit away. KeyError for what `can_be_lifted` denies."""
    key = _KEYS[quantity]
    limits = getattr(scenario.networks, key.network).limits
    stated = [entry.model_dump(exclude_none=True) for entry in limits.element]
    own = next((entry for entry in stated if _is_of(entry, key, element)), None)
    away = key.most if is_upper else key.least
    if key.band:
        before = limits.voltage_pu.model_dump() if own is None else own[key.name]
        value: Any = {**before, "max" if is_upper else "min": away}
    else:
        value = away
    rest = [entry for entry in stated if entry is not own]
    entry = {**(own or {"table": key.table, "name": element}), key.name: value}
    return f"networks.{key.network}.limits.element={_inline([*rest, entry])}"


def _is_of(entry: Mapping[str, Any], key: _Key, element: str) -> bool:
    return bool((entry["table"], entry["name"]) == (key.table, element) and key.name in entry)


def _inline(value: Any) -> str:
    """TOML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {_inline(entry)}" for name, entry in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_inline(entry) for entry in value) + "]"
    return json.dumps(value)

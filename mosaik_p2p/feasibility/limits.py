"""The limits that a scenario sets for its networks. None means that a quantity has no limit."""

from collections.abc import Sequence
from dataclasses import dataclass

ELECTRIC_LIMIT_NAMES: dict[str, tuple[str, ...]] = {
    "bus": ("voltage_min_pu", "voltage_max_pu"),
    "line": ("loading_percent", "power_kw"),
    "transformer": ("loading_percent",),
}
HEAT_LIMIT_NAMES: dict[str, tuple[str, ...]] = {
    "pipe": ("velocity_m_per_s", "pressure_gradient_pa_per_m"),
    "prosumer": ("differential_pressure_bar", "t_supply_min_c"),
    "plant": ("plant_heat_max_kw", "pump_head_max_bar"),
}
"""Table of an element to the limits of its own that it can have."""


@dataclass(frozen=True)
class ElementLimit:
    """A limit of one element, in place of the general one."""

    table: str
    name: str
    quantity: str
    """One of those that `ELECTRIC_LIMIT_NAMES` or `HEAT_LIMIT_NAMES` give for the table."""
    value: float


@dataclass(frozen=True)
class ElectricLimits:
    """Limits of an electric network."""

    voltage_min_pu: float | None = None
    voltage_max_pu: float | None = None
    line_loading_percent: float | None = None
    transformer_loading_percent: float | None = None
    elements: tuple[ElementLimit, ...] = ()


@dataclass(frozen=True)
class HeatLimits:
    """Limits of a heat network. Pressure and temperature are least values, at prosumers that draw; heat and head are
    the plants' ratings."""

    velocity_m_per_s: float | None = None
    pressure_gradient_pa_per_m: float | None = None
    differential_pressure_bar: float | None = None
    t_supply_min_c: float | None = None
    plant_heat_max_kw: float | None = None
    pump_head_max_bar: float | None = None
    elements: tuple[ElementLimit, ...] = ()


def limits_of(
    names: Sequence[str], *, table: str, quantity: str, general: float | None, elements: Sequence[ElementLimit]
) -> list[float | None]:
    """The limit of every named element of a table: its own where it has one, else the general one."""
    own = {limit.name: limit.value for limit in elements if (limit.table, limit.quantity) == (table, quantity)}
    return [own.get(name, general) for name in names]

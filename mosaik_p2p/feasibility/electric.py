"""The check of an electric network: bus voltages on both sides, loading of lines and transformers."""

from mosaik_p2p.feasibility.limits import ElectricLimits, limits_of
from mosaik_p2p.feasibility.violation import Violation, above, below
from mosaik_p2p.units import Table


def check_electric(buses: Table, lines: Table, transformers: Table, limits: ElectricLimits) -> list[Violation]:
    """Every limit that a solved interval breaks; buses first, then lines, then transformers.

    Takes the tables of a power flow (columns `bus`, `vm_pu`; `element`, `loading_percent`). Empty tables, as of an
    interval without a solution, give an empty list: ask `verdict` what that means.
    """
    names, voltages = buses["bus"], buses["vm_pu"]
    lowest = limits_of(
        names, table="bus", quantity="voltage_min_pu", general=limits.voltage_min_pu, elements=limits.elements
    )
    highest = limits_of(
        names, table="bus", quantity="voltage_max_pu", general=limits.voltage_max_pu, elements=limits.elements
    )
    return [
        *below(names, voltages, lowest, quantity="voltage_pu", unit="p.u."),
        *above(names, voltages, highest, quantity="voltage_pu", unit="p.u."),
        *_overloaded(lines, "line", limits.line_loading_percent, limits),
        *_overloaded(transformers, "transformer", limits.transformer_loading_percent, limits),
    ]


def _overloaded(elements: Table, table: str, general: float | None, limits: ElectricLimits) -> list[Violation]:
    names = elements["element"]
    highest = limits_of(names, table=table, quantity="loading_percent", general=general, elements=limits.elements)
    return above(names, elements["loading_percent"], highest, quantity=f"{table}_loading_percent", unit="%")

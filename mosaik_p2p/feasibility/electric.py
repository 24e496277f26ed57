"""The check of an electric network: bus voltages on both sides, loading of lines and transformers, power of lines."""

from mosaik_p2p.feasibility.checked import Checked, violations
from mosaik_p2p.feasibility.limits import ElectricLimits, limits_of
from mosaik_p2p.feasibility.violation import Violation
from mosaik_p2p.units import Table

POWER = "power_kw"
"""The quantity of a line's own limit in kW."""
VOLTAGE_MARGIN_PU = 0.005
"""A voltage is near its limit within this, a twentieth of the usual band from 0.95 to 1.05."""
LOADING_MARGIN_SHARE = 0.1
"""A loading is near its limit from nine tenths of it on."""


def check_electric(buses: Table, lines: Table, transformers: Table, limits: ElectricLimits) -> list[Violation]:
    """Every limit that a solved interval breaks; buses first, then lines, then transformers.

    Takes the tables of a power flow (columns `bus`, `vm_pu`; `element`, `loading_percent`; of lines with a rating in kW
    `p_from_kw`, `p_to_kw`). Empty tables, as of an
    interval without a solution, give an empty list: ask `verdict` what that means.
    """
    return violations(electric_checks(buses, lines, transformers, limits))


def electric_checks(buses: Table, lines: Table, transformers: Table, limits: ElectricLimits) -> tuple[Checked, ...]:
    """All values with their limits: least and largest voltages, loading of lines and of transformers, and the power of
    lines where any is rated in kW."""
    checks = (
        _voltages(buses, limits, "voltage_min_pu", limits.voltage_min_pu, upper=False),
        _voltages(buses, limits, "voltage_max_pu", limits.voltage_max_pu, upper=True),
        _loadings(lines, "line", limits.line_loading_percent, limits),
        _loadings(transformers, "transformer", limits.transformer_loading_percent, limits),
    )
    rated = any(limit.quantity == POWER for limit in limits.elements)
    return (*checks, _powers(lines, limits)) if rated else checks


def _voltages(buses: Table, limits: ElectricLimits, quantity: str, general: float | None, *, upper: bool) -> Checked:
    names = buses["bus"]
    return Checked(
        quantity="voltage_pu",
        unit="p.u.",
        upper=upper,
        names=names,
        values=buses["vm_pu"],
        limits=limits_of(names, table="bus", quantity=quantity, general=general, elements=limits.elements),
        margin=VOLTAGE_MARGIN_PU,
    )


def _loadings(elements: Table, table: str, general: float | None, limits: ElectricLimits) -> Checked:
    names = elements["element"]
    return Checked(
        quantity=f"{table}_loading_percent",
        unit="%",
        upper=True,
        names=names,
        values=elements["loading_percent"],
        limits=limits_of(names, table=table, quantity="loading_percent", general=general, elements=limits.elements),
        margin=0.0,
        margin_share=LOADING_MARGIN_SHARE,
    )


def _powers(lines: Table, limits: ElectricLimits) -> Checked:
    """The larger active power of both ends: the line has to carry it whichever way it goes."""
    names = lines["element"]
    ends = zip(lines["p_from_kw"], lines["p_to_kw"], strict=True)
    return Checked(
        quantity=f"line_{POWER}",
        unit="kW",
        upper=True,
        names=names,
        values=[None if start is None or end is None else max(abs(start), abs(end)) for start, end in ends],
        limits=limits_of(names, table="line", quantity=POWER, general=None, elements=limits.elements),
        margin=0.0,
        margin_share=LOADING_MARGIN_SHARE,
    )

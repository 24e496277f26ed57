"""The check of a heat network: pipes, pressure and temperature at those who draw, and what was not delivered."""

from mosaik_p2p.feasibility.limits import HeatLimits, limits_of
from mosaik_p2p.feasibility.violation import Violation, above, below
from mosaik_p2p.units import Table

DRAW = "draw"

DELIVERY_TOLERANCE_KW = 0.05
"""To this the mass flows are found; a difference below it says nothing about the network."""


LEAST_PRESSURE_BAR = 0.0
"""Above the atmosphere's: below it a real network draws air or boils, and a computed one is no longer physical."""


def check_heat(heat_exchanges: Table, junctions: Table, pipes: Table, limits: HeatLimits) -> list[Violation]:
    """Every limit that a solved interval breaks; pipes first, then junctions, then prosumers.

    Takes the tables of a heat flow. Differential pressure and supply temperature count only where a prosumer draws
    water: a node at rest has the temperature of the ground, which is no result. A prosumer that shows less heat than it
    was cleared is a violation of its own, with the cleared heat as the limit, so that a missing flow cannot hide
    it. Empty tables, as of an interval without a solution, give an empty list: ask `verdict` what it means.
    """
    names = junctions["junction"]
    return [
        *_pipes(pipes, limits),
        *below(names, junctions["p_bar"], [LEAST_PRESSURE_BAR] * len(names), quantity="pressure_bar", unit="bar"),
        *_consumers(heat_exchanges, limits),
        *_undelivered(heat_exchanges),
    ]


def _pipes(pipes: Table, limits: HeatLimits) -> list[Violation]:
    names = pipes["pipe"]
    fastest = limits_of(
        names, table="pipe", quantity="velocity_m_per_s", general=limits.velocity_m_per_s, elements=limits.elements
    )
    steepest = limits_of(
        names,
        table="pipe",
        quantity="pressure_gradient_pa_per_m",
        general=limits.pressure_gradient_pa_per_m,
        elements=limits.elements,
    )
    return [
        *above(names, pipes["velocity_m_per_s"], fastest, quantity="velocity_m_per_s", unit="m/s"),
        *above(names, pipes["dp_pa_per_m"], steepest, quantity="pressure_gradient_pa_per_m", unit="Pa/m"),
    ]


def _consumers(heat_exchanges: Table, limits: HeatLimits) -> list[Violation]:
    rows = zip(heat_exchanges["mode"], heat_exchanges["mdot_kg_per_s"], strict=True)
    drawing = [row for row, (mode, mdot) in enumerate(rows) if mode == DRAW and mdot > 0.0]
    names, dp_bar, t_supply_c = (
        [heat_exchanges[column][row] for row in drawing] for column in ("prosumer", "dp_bar", "t_supply_c")
    )
    least_dp = limits_of(
        names,
        table="prosumer",
        quantity="differential_pressure_bar",
        general=limits.differential_pressure_bar,
        elements=limits.elements,
    )
    coldest = limits_of(
        names, table="prosumer", quantity="t_supply_min_c", general=limits.t_supply_min_c, elements=limits.elements
    )
    return [
        *below(names, dp_bar, least_dp, quantity="differential_pressure_bar", unit="bar"),
        *below(names, t_supply_c, coldest, quantity="t_supply_c", unit="degC"),
    ]


def _undelivered(heat_exchanges: Table) -> list[Violation]:
    columns = (heat_exchanges[name] for name in ("prosumer", "cleared_kw", "delivered_kw"))
    return [
        Violation(name, "delivered_kw", delivered, cleared, "kW", excess=abs(cleared - delivered))
        for name, cleared, delivered in zip(*columns, strict=True)
        if abs(cleared - delivered) > DELIVERY_TOLERANCE_KW
    ]

"""The check of a heat network: pipes, pressure and temperature at those who draw, plants, undelivered heat."""

from collections.abc import Sequence

from mosaik_p2p.feasibility.checked import Checked, violations
from mosaik_p2p.feasibility.limits import HeatLimits, limits_of
from mosaik_p2p.feasibility.violation import Violation
from mosaik_p2p.units import Table

DRAW = "draw"

DELIVERY_TOLERANCE_KW = 0.05
"""To this the mass flows are found; a difference below it says nothing about the network."""


LEAST_PRESSURE_BAR = 0.0
"""Above the atmosphere's: below it a real network draws air or boils, and a computed one is no longer physical."""

MARGIN_SHARE = 0.1
"""Velocity, pressure gradient and the plants' ratings are near their limit from nine tenths of it on."""
MARGIN_BAR = 0.1
MARGIN_K = 2.0


def check_heat(
    heat_exchanges: Table, plants: Table, junctions: Table, pipes: Table, limits: HeatLimits
) -> list[Violation]:
    """Every limit that a solved interval breaks; pipes first, then junctions, prosumers and plants.

    Takes the tables of a heat flow. Differential pressure and supply temperature count only where a prosumer draws
    water: a node at rest has the temperature of the ground, which is no result. A prosumer that shows less heat than it
    was cleared is a violation of its own, with the cleared heat as the limit, so that a missing flow cannot hide
    it. Empty tables, as of an interval without a solution, give an empty list: ask `verdict` what it means.
    """
    checks = heat_checks(heat_exchanges, plants, junctions, pipes, limits)
    return [*violations(checks), *undelivered(heat_exchanges)]


def heat_checks(
    heat_exchanges: Table, plants: Table, junctions: Table, pipes: Table, limits: HeatLimits
) -> tuple[Checked, ...]:
    """All values with their limits, in the order of `check_heat`; undelivered heat is not among them."""
    names = junctions["junction"]
    pressure = Checked(
        quantity="pressure_bar",
        unit="bar",
        upper=False,
        names=names,
        values=junctions["p_bar"],
        limits=[LEAST_PRESSURE_BAR] * len(names),
        margin=MARGIN_BAR,
    )
    return (*_pipes(pipes, limits), pressure, *_consumers(heat_exchanges, limits), *_plants(plants, limits))


def _largest(
    table: str, names: Sequence[str], values: Sequence[float | None], quantity: str, unit: str, limits: HeatLimits
) -> Checked:
    """A check of largest values whose limit in the scenario bears the name `quantity`, without or with `_max_`."""
    own = {"plant_heat_kw": "plant_heat_max_kw", "pump_head_bar": "pump_head_max_bar"}.get(quantity, quantity)
    return Checked(
        quantity=quantity,
        unit=unit,
        upper=True,
        names=names,
        values=values,
        limits=limits_of(names, table=table, quantity=own, general=getattr(limits, own), elements=limits.elements),
        margin=0.0,
        margin_share=MARGIN_SHARE,
    )


def _pipes(pipes: Table, limits: HeatLimits) -> tuple[Checked, Checked]:
    names = pipes["pipe"]
    return (
        _largest("pipe", names, pipes["velocity_m_per_s"], "velocity_m_per_s", "m/s", limits),
        _largest("pipe", names, pipes["dp_pa_per_m"], "pressure_gradient_pa_per_m", "Pa/m", limits),
    )


def _plants(plants: Table, limits: HeatLimits) -> tuple[Checked, Checked]:
    names = plants["plant"]
    return (
        _largest("plant", names, plants["heat_kw"], "plant_heat_kw", "kW", limits),
        _largest("plant", names, plants["head_bar"], "pump_head_bar", "bar", limits),
    )


def _consumers(heat_exchanges: Table, limits: HeatLimits) -> tuple[Checked, Checked]:
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
    return (
        Checked(
            quantity="differential_pressure_bar",
            unit="bar",
            upper=False,
            names=names,
            values=dp_bar,
            limits=least_dp,
            margin=MARGIN_BAR,
        ),
        Checked(
            quantity="t_supply_c",
            unit="degC",
            upper=False,
            names=names,
            values=t_supply_c,
            limits=coldest,
            margin=MARGIN_K,
        ),
    )


def undelivered(heat_exchanges: Table) -> list[Violation]:
    """Prosumers whose exchanged heat is not what they were cleared."""
    columns = (heat_exchanges[name] for name in ("prosumer", "cleared_kw", "delivered_kw"))
    return [
        Violation(name, "delivered_kw", delivered, cleared, "kW", excess=abs(cleared - delivered))
        for name, cleared, delivered in zip(*columns, strict=True)
        if abs(cleared - delivered) > DELIVERY_TOLERANCE_KW
    ]

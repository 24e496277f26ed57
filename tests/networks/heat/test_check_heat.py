"""The check of a heat network on tables written by hand."""

import pytest

from limit_tables import check_heat, limits
from mosaik_p2p.limits.stated import ElementLimit, NetworkLimits
from mosaik_p2p.limits.violation import Violation
from mosaik_p2p.units import Table

LIMITS = limits(velocity=2.0, pressure_gradient=300.0, differential_pressure=0.5, t_supply=60.0)
JUNCTIONS: Table = {"junction": ["S1"], "side": ["supply"], "p_bar": [6.0], "t_c": [75.0], "flowing": [True]}
NO_PLANTS: Table = {"plant": [], "heat_kw": [], "head_bar": []}


def check(exchanges: Table, junctions: Table, in_pipes: Table, held: NetworkLimits) -> list[Violation]:
    return check_heat(exchanges, NO_PLANTS, junctions, in_pipes, held)


def pipes(velocity: float = 1.0, gradient: float | None = 100.0) -> Table:
    return {"pipe": ["P1"], "velocity_m_per_s": [velocity], "dp_pa_per_m": [gradient]}


def exchange(
    mode: str = "draw",
    cleared_kw: float = 10.0,
    delivered_kw: float = 10.0,
    mdot: float = 0.1,
    t_supply_c: float | None = 70.0,
    dp_bar: float | None = 1.0,
) -> Table:
    return {
        "prosumer": ["A"],
        "mode": [mode],
        "cleared_kw": [cleared_kw],
        "delivered_kw": [delivered_kw],
        "mdot_kg_per_s": [mdot],
        "t_supply_c": [t_supply_c],
        "dp_bar": [dp_bar],
    }


def test_nothing_is_broken() -> None:
    assert check(exchange(), JUNCTIONS, pipes(), LIMITS) == []


@pytest.mark.parametrize(
    ("exchanges", "in_pipes", "expected"),
    [
        (exchange(), pipes(velocity=2.5), Violation("P1", "velocity_m_per_s", 2.5, 2.0, "m/s", 0.5)),
        (exchange(), pipes(gradient=310.0), Violation("P1", "pressure_gradient_pa_per_m", 310.0, 300.0, "Pa/m", 10.0)),
        (exchange(dp_bar=0.25), pipes(), Violation("A", "differential_pressure_bar", 0.25, 0.5, "bar", 0.25)),
        (exchange(t_supply_c=58.0), pipes(), Violation("A", "t_supply_c", 58.0, 60.0, "degC", 2.0)),
        (
            exchange(delivered_kw=0.0, mdot=0.0, t_supply_c=None),
            pipes(),
            Violation("A", "delivered_kw", 0.0, 10.0, "kW", 10.0),
        ),
        (
            exchange(mode="feed", cleared_kw=-8.0, delivered_kw=0.0, mdot=0.0),
            pipes(),
            Violation("A", "delivered_kw", 0.0, -8.0, "kW", 8.0),
        ),
    ],
)
def test_one_limit_is_broken(exchanges: Table, in_pipes: Table, expected: Violation) -> None:
    assert check(exchanges, JUNCTIONS, in_pipes, LIMITS) == [expected]


@pytest.mark.parametrize("mode", ["feed", "idle"])
def test_temperature_and_pressure_count_only_for_those_who_draw(mode: str) -> None:
    """A node at rest has the temperature of the ground, and who feeds in brings his own."""
    still = exchange(mode=mode, cleared_kw=0.0, delivered_kw=0.0, mdot=0.0, t_supply_c=10.0, dp_bar=0.0)
    assert check(still, JUNCTIONS, pipes(), LIMITS) == []


def test_a_cleared_consumer_without_flow_is_not_masked() -> None:
    dry = exchange(delivered_kw=0.0, mdot=0.0, t_supply_c=None, dp_bar=None)
    assert [violation.quantity for violation in check(dry, JUNCTIONS, pipes(), LIMITS)] == ["delivered_kw"]


def test_a_difference_within_the_precision_of_the_flow_is_none() -> None:
    assert check(exchange(delivered_kw=9.96), JUNCTIONS, pipes(), LIMITS) == []


def test_an_element_can_have_a_limit_of_its_own() -> None:
    own = limits(
        ElementLimit("velocity", "P1", 0.8),
        ElementLimit("t_supply", "A", 72.0),
        ElementLimit("velocity", "A", 0.1),
        velocity=2.0,
        t_supply=60.0,
    )
    broken = check(exchange(), JUNCTIONS, pipes(), own)
    assert [(violation.element, violation.limit) for violation in broken] == [("P1", 0.8), ("A", 72.0)]


def test_pressure_below_the_atmosphere_is_broken_without_a_limit_in_the_scenario() -> None:
    low: Table = {**JUNCTIONS, "p_bar": [-0.5]}
    assert check(exchange(), low, pipes(), limits()) == [Violation("S1", "pressure_bar", -0.5, 0.0, "bar", 0.5)]


def test_no_solution_breaks_nothing() -> None:
    empty = [{column: [] for column in table} for table in (exchange(), JUNCTIONS, pipes())]
    assert check(empty[0], empty[1], empty[2], LIMITS) == []


def plants(heat_kw: float = 90.0, head_bar: float = 1.5) -> Table:
    return {"plant": ["one"], "heat_kw": [heat_kw], "head_bar": [head_bar]}


@pytest.mark.parametrize(
    ("rated", "expected"),
    [
        (limits(), []),
        (limits(plant_heat=90.0, pump_head=1.5), []),
        (limits(plant_heat=80.0), [Violation("one", "plant_heat_kw", 90.0, 80.0, "kW", 10.0)]),
        (limits(pump_head=1.0), [Violation("one", "pump_head_bar", 1.5, 1.0, "bar", 0.5)]),
        (
            limits(ElementLimit("plant_heat", "one", 75.0), plant_heat=100.0),
            [Violation("one", "plant_heat_kw", 90.0, 75.0, "kW", 15.0)],
        ),
    ],
)
def test_plants_are_held_to_their_ratings(rated: NetworkLimits, expected: list[Violation]) -> None:
    assert check_heat(exchange(), plants(), JUNCTIONS, pipes(), rated) == expected


def test_a_plant_that_takes_surplus_breaks_no_rating() -> None:
    rated = limits(plant_heat=80.0, pump_head=1.0)
    assert check_heat(exchange(), plants(heat_kw=-200.0, head_bar=0.0), JUNCTIONS, pipes(), rated) == []

"""Where limits begin: values just on either side of them, and of being near them; excess on both sides."""

from dataclasses import replace

import numpy as np
import pytest

from limit_tables import check_electric, check_heat, electric_checks, heat_checks, limits, made_quantity
from mosaik_p2p.limits.checking import Checked, near
from mosaik_p2p.limits.influence import INFLUENCE_SHARE, can_influence
from mosaik_p2p.limits.response import Response
from mosaik_p2p.limits.rows import MissingResponse, Movers, entries, limit_rows
from mosaik_p2p.units import Table

ELECTRIC = limits(voltage_min=0.95, voltage_max=1.05, line_loading=100.0, transformer_loading=80.0)
HEAT = limits(
    velocity=2.0, pressure_gradient=300.0, differential_pressure=0.5, t_supply=60.0, plant_heat=100.0, pump_head=1.5
)
STILL: Table = {"plant": [], "heat_kw": [], "head_bar": []}
SOUND: Table = {"junction": ["S1"], "p_bar": [6.0]}
SLOW: Table = {"pipe": ["P1"], "velocity_m_per_s": [1.0], "dp_pa_per_m": [100.0]}


def exchange(**values: float | str) -> Table:
    """One consumer that draws 10 kW, all of it delivered."""
    usual = {"prosumer": "A", "mode": "draw", "cleared_kw": 10.0, "delivered_kw": 10.0, "mdot_kg_per_s": 0.1}
    return {name: [value] for name, value in {**usual, "t_supply_c": 70.0, "dp_bar": 1.0, **values}.items()}


def close_to(check: Checked, value: float) -> bool:
    """Whether this value would be near the first limit of the check."""
    return near(replace(check, names=check.names[:1], values=[value], limits=check.limits[:1])) == [0]


def named(checks: tuple[Checked, ...], quantity: str, *, upper: bool) -> Checked:
    (found,) = (check for check in checks if check.of.quantity == quantity and check.of.is_upper is upper)
    return found


@pytest.mark.parametrize(
    ("quantity", "upper", "inside", "outside"),
    [
        ("voltage_pu", False, 0.9549, 0.9551),
        ("voltage_pu", True, 1.0451, 1.0449),
        ("line_loading_percent", True, 90.1, 89.9),
        ("transformer_loading_percent", True, 72.1, 71.9),
    ],
)
def test_what_is_near_a_limit_of_the_electric_network(
    quantity: str, upper: bool, inside: float, outside: float
) -> None:
    loaded: Table = {"element": ["one"], "loading_percent": [50.0]}
    check = named(electric_checks({"bus": ["b"], "vm_pu": [1.0]}, loaded, loaded, ELECTRIC), quantity, upper=upper)
    assert close_to(check, inside)
    assert not close_to(check, outside)


@pytest.mark.parametrize(
    ("quantity", "upper", "inside", "outside"),
    [
        ("velocity_m_per_s", True, 1.81, 1.79),
        ("pressure_gradient_pa_per_m", True, 271.0, 269.0),
        ("pressure_bar", False, 0.09, 0.11),
        ("differential_pressure_bar", False, 0.59, 0.61),
        ("t_supply_c", False, 61.9, 62.1),
        ("plant_heat_kw", True, 90.1, 89.9),
        ("pump_head_bar", True, 1.36, 1.34),
    ],
)
def test_what_is_near_a_limit_of_the_heat_network(quantity: str, upper: bool, inside: float, outside: float) -> None:
    plants: Table = {"plant": ["P"], "heat_kw": [50.0], "head_bar": [1.0]}
    check = named(heat_checks(exchange(), plants, SOUND, SLOW, HEAT), quantity, upper=upper)
    assert close_to(check, inside)
    assert not close_to(check, outside)


@pytest.mark.parametrize("upper", [True, False])
def test_the_edge_itself_is_near(upper: bool) -> None:
    of = made_quantity(is_upper=upper, margin_share=0.25)
    check = Checked(of=of, names=["e"], values=[0.0], limits=[8.0])
    edge = 5.5 if upper else 10.5
    assert close_to(check, edge)
    assert not close_to(check, edge + (-0.01 if upper else 0.01))


@pytest.mark.parametrize(
    ("cleared", "delivered", "excess"),
    [(10.0, 4.0, 6.0), (10.0, 13.0, 3.0), (-8.0, -5.0, 3.0), (-8.0, -9.0, 1.0), (3.0, -1.0, 4.0), (0.0, 2.0, 2.0)],
)
def test_undelivered_heat_is_the_difference_on_either_side(cleared: float, delivered: float, excess: float) -> None:
    (broken,) = check_heat(exchange(cleared_kw=cleared, delivered_kw=delivered), STILL, SOUND, SLOW, HEAT)
    assert (broken.value, broken.limit, broken.excess) == (delivered, cleared, pytest.approx(excess))


@pytest.mark.parametrize(("delivered", "count"), [(9.96, 0), (10.04, 0), (9.94, 1), (10.06, 1)])
def test_heat_is_delivered_within_a_twentieth_of_a_kw(delivered: float, count: int) -> None:
    assert len(check_heat(exchange(delivered_kw=delivered), STILL, SOUND, SLOW, HEAT)) == count


def test_the_twentieth_itself_is_within() -> None:
    assert check_heat(exchange(cleared_kw=0.05, delivered_kw=0.0), STILL, SOUND, SLOW, HEAT) == []


@pytest.mark.parametrize(("p_bar", "broken"), [(0.0, False), (0.5, False), (-0.001, True)])
def test_the_least_pressure_is_that_of_the_atmosphere(p_bar: float, broken: bool) -> None:
    junctions: Table = {"junction": ["S1", "S2"], "p_bar": [6.0, p_bar]}
    found = check_heat(exchange(), STILL, junctions, SLOW, HEAT)
    assert [violation.element for violation in found] == ["S2"] * broken


@pytest.mark.parametrize(
    ("mode", "mdot", "counts"),
    [("draw", 1e-6, True), ("draw", 0.0, False), ("draw", -0.1, False), ("feed", 0.1, False)],
)
def test_only_who_draws_water_is_asked_for_its_pressure(mode: str, mdot: float, counts: bool) -> None:
    cold = exchange(mode=mode, mdot_kg_per_s=mdot, dp_bar=0.1, t_supply_c=20.0)
    found = [violation.quantity for violation in check_heat(cold, STILL, SOUND, SLOW, HEAT)]
    assert found == ["differential_pressure_bar", "t_supply_c"] * counts


def test_the_right_consumer_is_named() -> None:
    """Three, of whom the second draws nothing: values must not slip."""
    columns: dict[str, list[float | str]] = {
        "prosumer": ["A", "B", "C"],
        "mode": ["draw", "idle", "draw"],
        "mdot_kg_per_s": [0.1, 0.0, 0.1],
        "dp_bar": [0.3, 0.0, 0.4],
        "t_supply_c": [70.0, 10.0, 50.0],
        "cleared_kw": [10.0, 0.0, 10.0],
        "delivered_kw": [10.0, 0.0, 10.0],
    }
    found = check_heat(columns, STILL, SOUND, SLOW, HEAT)
    assert [(broken.element, broken.value, round(broken.excess, 9)) for broken in found] == [
        ("A", 0.3, 0.2),
        ("C", 0.4, 0.1),
        ("C", 50.0, 10.0),
    ]


def test_limits_without_a_value_and_values_without_a_limit_are_apart() -> None:
    """Each of the two alone is enough to break nothing, on both sides."""
    buses: Table = {"bus": ["a", "b"], "vm_pu": [None, 1.2]}
    nothing: Table = {"element": [], "loading_percent": []}
    low, high = limits(voltage_min=1.3), limits(voltage_max=1.1)
    assert [v.element for v in check_electric(buses, nothing, nothing, low)] == ["b"]
    assert [v.element for v in check_electric(buses, nothing, nothing, high)] == ["b"]
    assert check_electric(buses, nothing, nothing, limits()) == []


@pytest.mark.parametrize(
    ("per_kw", "size_kw", "excess", "expected"),
    [
        (0.00011, 10.0, 1.0, True),  # 10 kW move 0.0011, a thousandth of the excess of 1 and a little
        (0.00009, 10.0, 1.0, False),
        (0.00009, 20.0, 1.0, True),
        (-0.00011, 10.0, 1.0, True),
        (0.00011, 10.0, 2.0, False),
        (1e-9, 10.0, -1.0, True),  # where there is room, whoever moves it at all can break the limit
        (0.0, 10.0, -1.0, False),
        (0.0, 10.0, 0.0, False),
    ],
)
def test_who_moves_a_thousandth_of_the_excess_has_influence(
    per_kw: float, size_kw: float, excess: float, expected: bool
) -> None:
    assert pytest.approx(0.001) == INFLUENCE_SHARE
    assert can_influence(np.array([per_kw]), np.array([size_kw]), excess) is expected


def test_zeros_and_rounding_are_no_entries() -> None:
    assert entries(np.array([0.0, 0.0]), ("A", "B")) == {}
    assert entries(np.array([]), ()) == {}
    assert entries(np.array([0.01, 1e-10]), ("A", "B")) == {"A": 0.01, "B": 1e-10}
    assert entries(np.array([1e-3, -2.0, 1e-9, -1e-12]), ("A", "B", "C", "D")) == {"A": 1e-3, "B": -2.0}


def test_a_row_has_the_entries_of_its_own_element() -> None:
    """The response knows the elements in another order than the check, and not all of them."""
    of = made_quantity(margin=0.0, margin_share=0.0)
    check = Checked(of=of, names=["x", "y", "z"], values=[11.0, 9.0, 13.0], limits=[10.0] * 3)
    response = Response(elements=["z", "x"], per_kw=np.array([[3.0], [1.0]]), per_kvar=np.array([[0.3], [0.1]]))
    movers = Movers(sources=("A",), injection_kw={"A": 1.0}, responses={"q": response})
    assert [(row.element, row.per_kw, row.per_kvar) for row in limit_rows([check], movers)] == [
        ("x", {"A": 1.0}, {"A": 0.1}),
        ("z", {"A": 3.0}, {"A": 0.3}),
    ]
    broken = replace(check, values=[11.0, 12.0, 13.0])
    with pytest.raises(MissingResponse, match="of 'y' moves"):
        limit_rows([broken], movers)

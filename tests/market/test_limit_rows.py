"""Limit rows: which limits have one, what stands in it, and when nobody can do anything about a violation."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from limit_tables import electric_checks, heat_checks, limits, made_quantity
from mosaik_p2p.limits.checking import Checked, violations
from mosaik_p2p.limits.influence import INFLUENCE_SHARE, LEAST_SIZE_KW, beyond_influence, judged
from mosaik_p2p.limits.response import Response
from mosaik_p2p.limits.rows import LimitKey, LimitRow, MissingResponse, Movers, as_message, limit_rows
from mosaik_p2p.limits.violation import Violation

SOURCES = ("A", "B")


def checked(*values: float | None, upper: bool = True, limit: float = 10.0) -> Checked:
    names = [f"e{number}" for number in range(len(values))]
    return Checked(of=made_quantity(is_upper=upper), names=names, values=values, limits=[limit] * len(values))


def movers(matrix: list[list[float]], quantity: str = "q", names: list[str] | None = None) -> Movers:
    per_kw = np.array(matrix, dtype=float)
    elements = names or [f"e{number}" for number in range(len(per_kw))]
    response = Response(elements=elements, per_kw=per_kw, per_kvar=0.5 * per_kw)
    return Movers(sources=SOURCES, injection_kw=dict.fromkeys(SOURCES, 5.0), responses={quantity: response})


def moves_nothing(checks: Sequence[Checked]) -> Movers:
    still = {
        check.of.quantity: Response(
            elements=check.names,
            per_kw=np.zeros((len(check.names), len(SOURCES))),
            per_kvar=np.zeros((len(check.names), len(SOURCES))),
        )
        for check in checks
    }
    return Movers(sources=SOURCES, injection_kw=dict.fromkeys(SOURCES, 5.0), responses=still)


def test_broken_and_near_limits_have_a_row() -> None:
    """Near: within 0.5 plus a tenth of the limit of 10, which is 8.5."""
    check = checked(11.0, 8.6, 8.4, None)
    rows = limit_rows([check], movers([[1.0, -2.0]] * 4))
    assert [row.element for row in rows] == ["e0", "e1"]
    assert rows[0] == LimitRow(
        element="e0",
        quantity="q",
        unit="u",
        value=11.0,
        limit=10.0,
        is_upper=True,
        per_kw={"A": 1.0, "B": -2.0},
        per_kvar={"A": 0.5, "B": -1.0},
    )
    assert [violation.element for violation in violations([check])] == ["e0"]


def test_a_lower_limit_is_near_from_above() -> None:
    rows = limit_rows([checked(11.4, 11.6, 9.0, upper=False)], movers([[1.0, 1.0]] * 3))
    assert [(row.element, row.is_upper) for row in rows] == [("e0", False), ("e2", False)]


def test_a_row_once_held_is_kept_wherever_its_value_goes() -> None:
    check = checked(1.0, 2.0, None)
    kept = {LimitKey("e1", "q", True), LimitKey("e2", "q", True), LimitKey("e0", "q", False)}
    assert [row.element for row in limit_rows([check], movers([[1.0, 1.0]] * 3), kept=kept)] == ["e1"]


def test_what_nobody_moves_has_an_empty_row() -> None:
    known = movers([[0.0, 0.0]])
    (row,) = limit_rows([checked(11.0)], known)
    assert (row.per_kw, row.per_kvar) == ({}, {})
    (violation,) = judged(violations([checked(11.0)]), [row], known.injection_kw)
    assert violation.prosumers_can_influence is False


@pytest.mark.parametrize("value", [11.0, 1.0])
def test_a_quantity_without_a_response_is_told_whatever_its_value(value: float) -> None:
    """An empty row would say that nobody can help it, which is not known."""
    with pytest.raises(MissingResponse, match="how q moves"):
        limit_rows([checked(value)], movers([[1.0, 1.0]], quantity="other"))


def test_an_element_without_a_response_is_told() -> None:
    known = movers([[1.0, 1.0]], names=["someone"])
    assert limit_rows([checked(1.0)], known) == []
    with pytest.raises(MissingResponse, match="how q of 'e0' moves"):
        limit_rows([checked(11.0)], known)


def test_rounding_has_no_entry() -> None:
    (row,) = limit_rows([checked(11.0)], movers([[1.0, 1e-12]]))
    assert set(row.per_kw) == {"A"}


@pytest.mark.parametrize(
    ("per_kw", "injection_kw", "expected"),
    [
        ({"A": 1.0}, {"A": 0.0}, True),
        ({"A": -1.0}, {"A": 0.0}, True),
        ({"A": 0.99 * INFLUENCE_SHARE / LEAST_SIZE_KW}, {"A": 0.0}, False),
        ({"A": 0.99 * INFLUENCE_SHARE / LEAST_SIZE_KW}, {"A": 2 * LEAST_SIZE_KW}, True),
        ({"A": 0.6 * INFLUENCE_SHARE / LEAST_SIZE_KW, "B": -0.6 * INFLUENCE_SHARE / LEAST_SIZE_KW}, {}, True),
        ({}, {"A": 1e6}, False),
    ],
)
def test_influence_is_a_share_of_the_excess(
    per_kw: dict[str, float], injection_kw: Mapping[str, float], expected: bool
) -> None:
    """The excess is 1."""
    row = LimitRow("e0", "q", "u", 11.0, 10.0, True, per_kw)
    (violation,) = judged([Violation("e0", "q", 11.0, 10.0, "u", 1.0)], [row], injection_kw)
    assert violation.prosumers_can_influence is expected


def test_the_sides_of_a_limit_are_judged_apart() -> None:
    """Of one element and quantity one side may be moved, and the other not."""
    rows = [LimitRow("e", "q", "u", 9.0, 10.0, False, {}), LimitRow("e", "q", "u", 9.0, 8.0, True, {"A": 1.0})]
    broken = [Violation("e", "q", 9.0, 10.0, "u", 1.0), Violation("e", "q", 9.0, 8.0, "u", 1.0)]
    assert [found.prosumers_can_influence for found in judged(broken, rows, {})] == [False, True]


def test_what_is_no_matter_of_degree_is_beyond_influence() -> None:
    (violation,) = beyond_influence([Violation("A", "delivered_kw", 0.0, 3.0, "kW", 3.0)])
    assert violation.prosumers_can_influence is False
    # A violated limit that has no row is no such thing.
    with pytest.raises(KeyError):
        judged([Violation("e", "q", 9.0, 8.0, "u", 1.0)], [], {})


def test_a_row_crosses_to_another_process_whole() -> None:
    message = as_message(LimitRow("e", "q", "u", 9.0, 8.0, True, {"A": 1.0}, {"A": 0.5}))
    assert json.loads(json.dumps(message)) == {
        **{"element": "e", "quantity": "q", "unit": "u", "value": 9.0, "limit": 8.0, "upper": True},
        **{"per_kw": {"A": 1.0}, "per_kvar": {"A": 0.5}},
    }


def test_every_quantity_of_the_electric_network_can_have_a_row() -> None:
    held = limits(voltage_min=0.95, voltage_max=1.05, line_loading=100.0, transformer_loading=100.0)
    buses = {"bus": ["low", "high", "fine"], "vm_pu": [0.954, 1.046, 1.0]}
    loaded = {"element": ["one"], "loading_percent": [90.0]}
    checks = electric_checks(buses, loaded, loaded, held)
    rows = limit_rows(checks, moves_nothing(checks))
    assert [(row.element, row.quantity, row.is_upper) for row in rows] == [
        ("low", "voltage_pu", False),
        ("high", "voltage_pu", True),
        ("one", "line_loading_percent", True),
        ("one", "transformer_loading_percent", True),
    ]


def test_every_quantity_of_the_heat_network_can_have_a_row() -> None:
    held = limits(
        velocity=2.0, pressure_gradient=300.0, differential_pressure=0.5, t_supply=60.0, plant_heat=100.0, pump_head=1.5
    )
    exchanges = {"prosumer": ["A"], "mode": ["draw"], "mdot_kg_per_s": [0.1], "dp_bar": [0.55], "t_supply_c": [61.5]}
    plants = {"plant": ["P"], "heat_kw": [95.0], "head_bar": [1.5]}
    junctions = {"junction": ["S1"], "p_bar": [0.05]}
    pipes = {"pipe": ["S1-S2"], "velocity_m_per_s": [1.9], "dp_pa_per_m": [280.0]}
    checks = heat_checks(exchanges, plants, junctions, pipes, held)
    rows = limit_rows(checks, moves_nothing(checks))
    assert [(row.element, row.quantity, row.is_upper) for row in rows] == [
        ("S1-S2", "velocity_m_per_s", True),
        ("S1-S2", "pressure_gradient_pa_per_m", True),
        ("S1", "pressure_bar", False),
        ("A", "differential_pressure_bar", False),
        ("A", "t_supply_c", False),
        ("P", "plant_heat_kw", True),
        ("P", "pump_head_bar", True),
    ]

"""Limits of the electric network: what is violated, by how much, and what the verdict is."""

import pytest

from limit_tables import check_electric, limits
from mosaik_p2p.errors import Status, Verdict
from mosaik_p2p.limits.stated import ElementLimit
from mosaik_p2p.limits.violation import Violation, verdict
from mosaik_p2p.units import Table

LIMITS = limits(voltage_min=0.95, voltage_max=1.05, line_loading=100.0, transformer_loading=80.0)
NOTHING: Table = {"element": [], "loading_percent": []}
BROKEN = Violation("1", "voltage_pu", 0.9, 0.95, "p.u.", 0.05)


def buses(**voltages: float | None) -> Table:
    return {"bus": list(voltages), "vm_pu": list(voltages.values())}


def elements(**loadings: float | None) -> Table:
    return {"element": list(loadings), "loading_percent": list(loadings.values())}


def test_voltage_is_checked_on_both_sides() -> None:
    found = check_electric(buses(low=0.94, fine=1.0, high=1.07), NOTHING, NOTHING, LIMITS)
    assert [(v.element, v.quantity, v.value, v.limit, v.unit) for v in found] == [
        ("low", "voltage_pu", 0.94, 0.95, "p.u."),
        ("high", "voltage_pu", 1.07, 1.05, "p.u."),
    ]
    assert [v.excess for v in found] == pytest.approx([0.01, 0.02])


def test_lines_and_transformers_have_limits_of_their_own() -> None:
    found = check_electric(buses(), elements(a=90.0, b=101.0), elements(t=90.0), LIMITS)
    assert found == [
        Violation("b", "line_loading_percent", 101.0, 100.0, "%", 1.0),
        Violation("t", "transformer_loading_percent", 90.0, 80.0, "%", 10.0),
    ]


def test_a_value_at_its_limit_is_allowed() -> None:
    assert check_electric(buses(a=0.95, b=1.05), elements(l=100.0), elements(t=80.0), LIMITS) == []


def test_an_elements_own_limit_replaces_the_general_one() -> None:
    own = (
        ElementLimit("line_loading", "weak", 50.0),
        ElementLimit("line_loading", "strong", 150.0),
        ElementLimit("transformer_loading", "plain", 10.0),
        ElementLimit("voltage_min", "a", 0.99),
    )
    held = limits(*own, voltage_min=0.95, line_loading=100.0)
    found = check_electric(buses(a=0.98, b=0.98), elements(weak=60.0, strong=120.0, plain=60.0), NOTHING, held)
    assert [(v.element, v.limit) for v in found] == [("a", 0.99), ("weak", 50.0)]


def test_absent_values_and_absent_limits_break_nothing() -> None:
    assert check_electric(buses(a=None), elements(l=None), elements(t=None), LIMITS) == []
    assert check_electric(buses(a=0.1), elements(l=999.0), elements(t=999.0), limits()) == []


@pytest.mark.parametrize(
    ("status", "violations", "expected"),
    [
        (Status.OK, [], Verdict.FEASIBLE),
        (Status.OK, [BROKEN], Verdict.INFEASIBLE),
        (Status.IDLE, [], Verdict.FEASIBLE),
        (Status.NOT_DELIVERABLE, [], Verdict.INFEASIBLE),
        (Status.NOT_CONVERGED, [], Verdict.UNKNOWN),
        (Status.NOT_CONVERGED, [BROKEN], Verdict.UNKNOWN),
    ],
)
def test_verdict(status: Status, violations: list[Violation], expected: Verdict) -> None:
    assert verdict(status, violations) is expected

"""The search for the largest value that holds, and what may grow."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_p2p.loading.runs.resolved import resolved
from mosaik_p2p.studies.hosting.growth import growth_of, key_faults, range_of
from mosaik_p2p.studies.hosting.search import Answer, Found, Held, Range, answer, next_values

RANGE = Range(Decimal(0), Decimal(8), Decimal("0.25"))
SCENARIO = "network1_electric"


def searched(holds: float, sought: Range = RANGE) -> tuple[Answer, dict[Decimal, Held]]:
    """With a threshold below which all hold."""
    known: dict[Decimal, Held] = {}
    while values := next_values(sought, known):
        known |= {value: Held.HOLDS if float(value) <= holds else Held.BREAKS for value in values}
    return answer(sought, known), known


@settings(max_examples=30)
@given(st.floats(0, 7.99))
def test_the_answer_lies_between_two_values_that_were_tried(threshold: float) -> None:
    found, known = searched(threshold)
    assert found.found is Found.BETWEEN
    assert found.below is not None
    assert found.above is not None
    assert float(found.below) <= threshold < float(found.above)
    assert found.above - found.below <= RANGE.within
    assert (known[found.below], known[found.above]) == (Held.HOLDS, Held.BREAKS)
    assert len(known) <= len(RANGE.first) + 3
    assert not found.hold_again


def test_ends_that_hold_or_break() -> None:
    assert searched(8.0)[0] == Answer(Found.HOLDS_THROUGHOUT, Decimal(8), None)
    assert searched(-1.0)[0] == Answer(Found.BREAKS_AT_ONCE, None, Decimal(0))


def test_what_holds_again_is_told_and_counts_for_nothing() -> None:
    known = dict.fromkeys(RANGE.first, Held.HOLDS) | {Decimal(4): Held.BREAKS}
    while values := next_values(RANGE, known):
        known |= dict.fromkeys(values, Held.HOLDS)
    found = answer(RANGE, known)
    assert (found.below, found.above) == (Decimal("3.75"), Decimal(4))
    assert found.hold_again == (Decimal(6), Decimal(8))


@pytest.mark.parametrize("held", [Held.NO_SOLUTION, Held.FAILED])
def test_what_is_not_known_is_no_limit_that_breaks(held: Held) -> None:
    known = {value: Held.HOLDS if value < 4 else held for value in RANGE.first}
    while values := next_values(RANGE, known):
        known |= dict.fromkeys(values, held)
    assert answer(RANGE, known) == Answer(Found.NOT_KNOWN_ABOVE, Decimal(2), Decimal("2.25"))
    assert answer(RANGE, dict.fromkeys(RANGE.first, held)).found is Found.NOT_KNOWN


def test_a_search_that_goes_on_says_so() -> None:
    assert answer(RANGE, {}).found is Found.NOT_ENDED
    assert answer(RANGE, {Decimal(0): Held.HOLDS}).found is Found.NOT_ENDED


def test_a_factor_multiplies_what_the_scenario_has() -> None:
    scenario = resolved(SCENARIO, ["scale.pv=0.1"]).scenario
    growth, faults = growth_of("pv", scenario)
    peak = sum(device.peak_kw for owner in scenario.prosumers for device in owner.devices if device.type == "pv")
    assert not faults
    assert (growth.key, growth.text(Decimal(3)), growth.unit) == ("scale.pv", "0.3", "kWp")
    assert growth.amount(Decimal(3)) == pytest.approx(0.3 * peak)
    key, faults = growth_of("scale.load", scenario)
    assert not faults
    assert (key.text(Decimal("1.50")), key.amount(Decimal(1))) == ("1.5", None)


@pytest.mark.parametrize(("what", "override"), [("ev", "seed=1"), ("pv", "scale.pv=0.0")])
def test_what_is_not_there_cannot_grow(what: str, override: str) -> None:
    _, (fault,) = growth_of(what, resolved(SCENARIO, [override]).scenario)
    assert "nothing can grow" in fault.problem


@pytest.mark.parametrize(
    ("low", "high", "within", "place"),
    [
        (0.0, 0.0, None, "--to"),
        (2.0, 1.0, None, "--to"),
        (-1.0, 1.0, None, "--from"),
        (0.0, 4.0, 5.0, "--within"),
        (0.0, 4.0, 0.0, "--within"),
        (float("nan"), 4.0, None, "--from"),
        (0.0, float("inf"), None, "--to"),
    ],
)
def test_ranges_that_cannot_be_meant(low: float, high: float, within: float | None, place: str) -> None:
    sought, faults = range_of("pv", low, high, within)
    assert sought is None
    assert [fault.place for fault in faults] == [place]


def test_a_key_needs_an_end_and_a_name_has_one() -> None:
    assert range_of("pv", 0.0, None, None) == (Range(Decimal("0.0"), Decimal("10.0"), Decimal("0.1")), [])
    assert range_of("scale.load", 0.0, None, None)[1]
    assert [fault.place for fault in key_faults("wind")] == ["--grow"]
    assert not key_faults("scale.load")

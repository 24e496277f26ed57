"""How evenly savings are shared: Jain's index, and when it says nothing."""

from typing import Any

import pytest

from mosaik_p2p.results.accounts.fairness import fairness, jain_index


def cost(alone: float | None, market: float, *, closing: tuple[float, float] | None = None) -> dict[str, Any]:
    values = {} if closing is None else dict(zip(("alone", "in_market"), closing, strict=True))
    return {"alone": alone, "in_market": market, "closing_value": values}


def test_savings_of_four_two_and_nothing() -> None:
    found = fairness({"A": cost(10.0, 6.0), "B": cost(10.0, 8.0), "C": cost(10.0, 10.0)})
    assert found.saving == {"A": 4.0, "B": 2.0, "C": 0.0}
    assert found.jain == pytest.approx(0.6)
    assert (found.least_percent, found.median_percent, found.most_percent) == (0.0, 20.0, 40.0)
    assert found.worse_off == ()


def test_alike_for_all_is_one_and_all_for_one_is_a_share() -> None:
    assert jain_index([3.0, 3.0, 3.0, 3.0]) == pytest.approx(1.0)
    assert jain_index([3.0, 0.0, 0.0, 0.0]) == pytest.approx(0.25)
    assert jain_index([0.0, 0.0]) is None
    assert jain_index([]) is None


def test_it_says_nothing_where_somebody_loses() -> None:
    found = fairness({"A": cost(10.0, 2.0), "B": cost(10.0, 11.0)})
    assert found.worse_off == ("B",)
    assert found.jain is None
    assert found.least_percent == pytest.approx(-10.0)
    # What nobody notices is neither loss nor gain.
    assert fairness({"A": cost(10.0, 2.0), "B": cost(10.0, 10.001)}).jain == pytest.approx(0.5)
    assert fairness({"A": cost(10.0, 9.999), "B": cost(10.0, 9.998)}).jain is None


def test_closing_values_are_in() -> None:
    found = fairness({"A": cost(10.0, 8.0, closing=(1.0, 4.0))})
    assert found.saving == {"A": -1.0}
    assert found.worse_off == ("A",)


def test_shares_of_next_to_nothing_and_of_incomes_are_left_out() -> None:
    found = fairness({"A": cost(100.0, 90.0), "B": cost(0.1, 5.0), "C": cost(-20.0, -30.0), "D": cost(None, 3.0)})
    assert found.saving_percent == {"A": 10.0}
    assert set(found.saving) == {"A", "B", "C"}

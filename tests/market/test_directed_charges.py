"""Charges that depend on who sells: what splits into pairs and places, and what is refused, by name."""

import numpy as np
import pytest

from mosaik_p2p.charges.directed import NotSplit, split_directed

NAMES = ("A", "B", "C", "D", "E", "F", "G")


def test_what_was_put_together_comes_apart() -> None:
    rng = np.random.default_rng(3)
    pair, place = rng.uniform(0.0, 0.2, (6, 6)), rng.normal(0.0, 1.0, 6)
    pair = pair + pair.T
    np.fill_diagonal(pair, 0.0)
    split = split_directed(pair + place[:, None] - place[None, :], NAMES[:6])
    assert split.pair == pytest.approx(pair, abs=1e-12)
    assert split.place == pytest.approx(place - place.mean(), abs=1e-12)


def test_losses_bought_dear_and_sold_cheap_are_a_value_and_a_chain() -> None:
    """D = p+ max(l_i - l_j, 0) - p- max(l_j - l_i, 0) is (p+ + p-)/2 l_i and (p+ - p-)/2 |l_i - l_j|."""
    factors = np.random.default_rng(0).normal(0.0, 0.04, 7)
    rise = factors[:, None] - factors[None, :]
    split = split_directed(0.30 * np.maximum(rise, 0.0) - 0.08 * np.maximum(-rise, 0.0), NAMES)
    assert split.pair == pytest.approx(0.11 * np.abs(rise), abs=1e-15)
    assert split.place == pytest.approx(0.19 * (factors - factors.mean()), abs=1e-15)


def test_a_pair_that_earns_to_and_fro_is_refused_by_name() -> None:
    directed = np.array([[0.0, 0.1, -0.02], [-0.03, 0.0, 0.05], [-0.1, -0.01, 0.0]])
    with pytest.raises(NotSplit, match=r"from 'A' to 'C' and back earns 0\.12"):
        split_directed(directed, NAMES[:3])


def test_a_circle_is_refused_with_the_three_who_stand_in_it() -> None:
    directed = np.full((4, 4), 0.2)
    directed[1, 2] = 0.3
    with pytest.raises(NotSplit, match=r"by -?0\.05 in sum around .*'A'") as refused:
        split_directed(directed, NAMES[:4])
    assert {name for name in NAMES[:4] if repr(name) in str(refused.value)} == {"A", "B", "C"}


def test_only_those_who_may_trade_are_asked_for() -> None:
    """In a ring of four the circle has four members; without one of its pairs there is none."""
    ring = np.zeros((4, 4), dtype=bool)
    for i, j in ((0, 1), (1, 2), (2, 3), (3, 0)):
        ring[i, j] = ring[j, i] = True
    directed = np.full((4, 4), 0.2)
    directed[2, 3], directed[0, 2] = 0.3, -7.0
    with pytest.raises(NotSplit, match="around") as refused:
        split_directed(directed, NAMES[:4], ring)
    assert all(repr(name) in str(refused.value) for name in NAMES[:4])
    ring[0, 3] = ring[3, 0] = False
    split = split_directed(directed, NAMES[:4], ring)
    told = split.pair + split.place[:, None] - split.place[None, :]
    assert told[ring] == pytest.approx(directed[ring])
    assert not split.pair[~ring].any()


def test_each_part_of_a_market_has_values_of_its_own() -> None:
    apart = np.zeros((4, 4), dtype=bool)
    apart[0, 1] = apart[2, 3] = True
    directed = np.array([[0, 0.3, 9, 9], [0.1, 0, 9, 9], [-9, 9, 0, 0.2], [9, 9, 0.4, 0.0]])
    split = split_directed(directed, NAMES[:4], apart)
    assert split.place == pytest.approx([0.05, -0.05, -0.05, 0.05])

"""The study of the paper: its scales, its judgement of directions, and that every row is told."""

from dataclasses import replace

import numpy as np
import pytest

from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.scenarios.chen_liu_days import (
    CANCELLED_AT_MOST,
    DEAREST_SHARE,
    Traded,
    at_rate,
    day_ahead_case,
    own_rate,
    posted_charge,
    with_printed_reputation,
    with_reputation,
    without_heat_trade,
)
from mosaik_p2p.scenarios.chen_liu_rows import FAR_PAIR, NEAR_PAIR, Sweep, rate_rows, reputation_rows
from mosaik_p2p.scenarios.study_chen_liu import study
from mosaik_p2p.units import ELECTRICITY, HEAT


@pytest.fixture(scope="module")
def network1() -> MarketCase:
    return day_ahead_case("network1", relative_gap=1e-3)


def test_near_and_far_are_those_of_the_network(network1: MarketCase) -> None:
    assert posted_charge(network1, FAR_PAIR, ELECTRICITY) > 2 * posted_charge(network1, NEAR_PAIR, ELECTRICITY)


def test_at_rate_1_the_farthest_pair_pays_half_of_the_mean_import_price(network1: MarketCase) -> None:
    prices = [network1.prosumers[0].contracts[c].import_price_per_kwh[:24].mean() for c in (0, 1)]
    for c, carrier in enumerate((ELECTRICITY, HEAT)):
        assert np.asarray(at_rate(network1, 1.0)[c].total).max() == pytest.approx(DEAREST_SHARE * prices[c])
        same = at_rate(network1, own_rate(network1, carrier))[c].posted
        assert np.asarray(same) == pytest.approx(np.asarray(network1.charges[c].posted))
        assert not np.asarray(at_rate(network1, 0.0)[c].total).any()


def test_full_reputation_leaves_a_tenth_of_one_pairs_charge(network1: MarketCase) -> None:
    for before, after in zip(network1.charges, with_reputation(network1, ("A", "C"), 1.0), strict=True):
        changed = np.zeros((5, 5), dtype=bool)
        changed[0, 2] = changed[2, 0] = True
        assert after.total[~changed] == pytest.approx(before.total[~changed])
        assert after.total[0, 2] == pytest.approx((1 - CANCELLED_AT_MOST) * before.total[0, 2])
    printed = with_printed_reputation(network1, NEAR_PAIR, 0.001)[0]
    assert network1.charges[0].total[1, 4] - printed.total[1, 4] == pytest.approx(0.002)


def test_without_trade_in_heat_needs_stay(network1: MarketCase) -> None:
    alone = without_heat_trade(network1)
    assert all(prosumer.junctions is None for prosumer in alone.prosumers)
    assert [p.devices for p in alone.prosumers] == [p.devices for p in network1.prosumers]


def _day(energy_kwh: float, price: float, cost: float) -> Traded:
    energy = np.full((2, 5, 5), energy_kwh)
    return Traded(("A", "B", "C", "D", "E"), energy, energy * price, cost)


def _sweeps(pairs: list[tuple[str, str]], carriers: list[str], *days: list[Traded]) -> list[Sweep]:
    levels = (0.0, 1.0)
    return [Sweep("x", c, pair, levels, tuple(own)) for c, pair, own in zip(carriers, pairs, days, strict=True)]


def test_directions_are_judged_by_the_published_sign() -> None:
    up, down, none = ([_day(10.0, 0.5, 100.0), _day(end, 0.5, 99.0)] for end in (12.0, 8.0, 10.0))
    carriers = [ELECTRICITY, ELECTRICITY, HEAT]
    pairs = [NEAR_PAIR, ("A", "C"), ("A", "C")]
    told = {row.figure: row for row in reputation_rows(_sweeps(pairs, carriers, up, down, none), (up[0], up[1]))}
    assert told["reputation 0 -> 1: trade B-E, electricity"].same == "yes"
    assert told["reputation 0 -> 1: trade A-C, electricity"].same == "no"
    assert told["reputation 0 -> 1: trade A-C, heat"].same == "no: no change"
    assert "+20.0 %" in told["reputation 0 -> 1: trade B-E, electricity"].ours
    assert told["reputation 0 -> 1: welfare"].same == "no"


def test_the_farther_pair_is_found_in_the_network_and_not_in_the_paper(network1: MarketCase) -> None:
    gone, less = [_day(10.0, 0.5, 1.0), _day(0.0, 0.5, 1.0)], [_day(10.0, 0.5, 1.0), _day(9.0, 0.6, 1.0)]
    pairs = [FAR_PAIR, NEAR_PAIR, ("A", "C"), ("A", "D")]
    carriers = [ELECTRICITY, ELECTRICITY, HEAT, HEAT]
    told = {row.figure: row for row in rate_rows(network1, _sweeps(pairs, carriers, gone, less, less, gone))}
    assert told["charge rate 0 -> 1: the farther pair, electricity"].same == "yes"
    assert told["charge rate 0 -> 1: price A-E, electricity"].same == "cannot be said"
    assert told["charge rate 0 -> 1: price B-E, electricity"].same == "yes"
    # heat8 has its nodes 4 and 5 equally far from node 7.
    assert told["charge rate 0 -> 1: the farther pair, heat"].same == "cannot be said"
    posted = np.array(network1.charges[0].posted)
    posted[1, 4] = posted[4, 1] = 1.0
    other = replace(network1, charges=(replace(network1.charges[0], posted=posted), network1.charges[1]))
    turned = {row.figure: row for row in rate_rows(other, _sweeps(pairs, carriers, gone, less, less, gone))}
    assert turned["charge rate 0 -> 1: the farther pair, electricity"].same == "no"
    assert "B-E is farther" in turned["charge rate 0 -> 1: the farther pair, electricity"].ours


@pytest.mark.once
@pytest.mark.slow
def test_the_study_tells_every_row() -> None:
    text = study(network2="network1", levels=2, relative_gap=1e-3, progress=False)
    figures = [
        "iterations, case 1 -> case 2",
        "iterations, case 2 -> network 2",
        "solve time, case 2 -> network 2",
        "traded, case 1 -> case 2",
        *(f"cost of {name} with heat trade" for name in "ABCDE"),
        "cost of all with heat trade",
        "traded with heat, network 2",
        "cost with heat trade, network 2",
        *(f"reputation 0 -> 1: trade {where}" for where in ("B-E, electricity", "A-C, electricity", "A-C, heat")),
        *(f"reputation 0 -> 1: price {where}" for where in ("B-E, electricity", "A-C, heat")),
        "reputation 0 -> 1: welfare",
        "the printed 0.001 per kWh: trade B-E",
        *(
            f"charge rate 0 -> 1: {what} {where}"
            for where in ("A-E, electricity", "B-E, electricity", "A-C, heat", "A-D, heat")
            for what in ("trade", "price")
        ),
        *(f"charge rate 0 -> 1: the farther pair, {carrier}" for carrier in ("electricity", "heat")),
    ]
    lines = text.splitlines()
    for figure in figures:
        (line,) = [line for line in lines if line.startswith(f"{figure}  ")]
        assert line.rstrip().endswith(("yes", "no", "no change", "cannot be said"))
    assert "not unique" in text
    # What our case cannot but show: both carriers together trade more, and heat trade makes it cheaper.
    (traded,) = [line for line in lines if line.startswith("traded, case 1")]
    (cost,) = [line for line in lines if line.startswith("cost of all")]
    assert traded.endswith("yes")
    assert cost.endswith("yes")

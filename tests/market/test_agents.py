"""The market split into its two sides comes to the same as in one piece, and every side knows its own part only."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mosaik_p2p.charges.over_time import AnyCharges
from mosaik_p2p.errors import Status
from mosaik_p2p.market.agents.network_side import Ask, Keep, absent, agree
from mosaik_p2p.market.agents.prosumer_side import ProsumerSide, own_part
from mosaik_p2p.market.clearing import shifted
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.units import FloatArray
from rolling_markets import STEPS, market_case

CLEARED = 2e-3
"""Relative: both end at a tolerance of 1e-3."""
KEPT = 1e-6
"""kW."""
HERE = np.array([1.0, 0.0, 1.0, 1.0])
"""Everybody but P1."""
Answer = Callable[[ProsumerSide, FloatArray, FloatArray], FloatArray]


def together(sides: list[ProsumerSide], answer: Answer) -> tuple[Ask, Keep]:
    def ask(target_kw: FloatArray, weight: FloatArray) -> FloatArray:
        own = [answer(side, target_kw[:, :, i], weight[:, i]) for i, side in enumerate(sides)]
        return np.stack(own, axis=-1)

    def keep(sale_kw: FloatArray) -> FloatArray:
        return np.stack([side.settle(sale_kw[:, :, i]) for i, side in enumerate(sides)], axis=-1)

    return ask, keep


def sides_of(case: MarketCase) -> list[ProsumerSide]:
    return [ProsumerSide(own_part(case, prosumer.name)) for prosumer in case.prosumers]


def charges_of(case: MarketCase, k: int) -> tuple[AnyCharges, ...]:
    return tuple(own.window(k, case.window(k).horizon) for own in case.charges)


@pytest.mark.parametrize("form", ["network", "bilateral"])
def test_it_costs_what_the_market_in_one_piece_costs(form: str) -> None:
    case = market_case()
    case = replace(case, settings=replace(case.settings, form=form))
    sides, whole, start = sides_of(case), RollingMarket(case), None
    ask, keep = together(sides, ProsumerSide.respond)
    for k in range(STEPS):
        introduced = {p.name: side.begin(k) for p, side in zip(case.prosumers, sides, strict=True)}
        agreed = agree(introduced, charges_of(case, k), case.dt_h, case.settings, ask=ask, keep=keep, start=start)
        assert agreed.status is Status.OK
        cost = sum(side.cost for side in sides) + agreed.charges
        assert cost == pytest.approx(whole.clear(k).tables["clearing"]["cost"][0], rel=CLEARED)
        sold = np.stack([trades.net_sale(len(sides)) for trades in agreed.trades])
        for i, side in enumerate(sides):
            for c, exchange in enumerate(side.realised.exchanges.values()):
                assert exchange.net_sale_kw == pytest.approx(sold[c, i], abs=KEPT)
                assert abs(exchange.imbalance_kw) <= KEPT
            side.commit()
        whole.commit()
        start = shifted(agreed.end)


def test_who_no_longer_answers_is_worked_around() -> None:
    """Its offer stands still from the third exchange on: the others agree with it."""
    case = market_case()
    sides, asked = sides_of(case), [0]

    def deaf(side: ProsumerSide, target_kw: FloatArray, weight: FloatArray) -> FloatArray:
        if side is sides[0]:
            asked[0] += 1
            if asked[0] > 3:
                return last[0]
            last[0] = side.respond(target_kw, weight)
            return last[0]
        return side.respond(target_kw, weight)

    last = [np.zeros((2, case.window(0).horizon))]
    ask, keep = together(sides, deaf)
    introduced = {p.name: side.begin(0) for p, side in zip(case.prosumers, sides, strict=True)}
    agreed = agree(introduced, charges_of(case, 0), case.dt_h, case.settings, ask=ask, keep=keep)
    assert agreed.status is Status.OK
    largest = float(np.abs(agreed.sale_kw).max())
    assert agreed.sale_kw[:, 0, 0] == pytest.approx(last[0][:, 0], abs=1e-2 * largest)


def test_who_is_absent_trades_nothing() -> None:
    case = market_case()
    sides = sides_of(case)
    ask, keep = together(sides, ProsumerSide.respond)
    introduced = {p.name: side.begin(0) for p, side in zip(case.prosumers, sides, strict=True)}
    introduced["P1"] = absent(case.window(0).horizon)

    def without_it(target_kw: FloatArray, weight: FloatArray) -> FloatArray:
        return ask(target_kw, weight) * HERE

    agreed = agree(introduced, charges_of(case, 0), case.dt_h, case.settings, ask=without_it, keep=keep)
    assert agreed.status is Status.OK
    for trades in agreed.trades:
        assert 1 not in {*trades.seller.tolist(), *trades.buyer.tolist()}


def test_a_part_has_nobody_else_in_it() -> None:
    case = market_case()
    own = own_part(case, "P2")
    assert [prosumer.name for prosumer in own.prosumers] == ["P2"]
    assert all(charges.posted.shape == (1, 1) for charges in own.charges)
    with pytest.raises(ValueError, match="'Nobody'"):
        own_part(case, "Nobody")
    with pytest.raises(ValueError, match="4 are given"):
        ProsumerSide(case)


def test_what_an_end_cannot_keep_is_cut_off_at_both() -> None:
    """P0 says of the first trades that it cannot keep 0.2 kW of its electricity."""
    case = market_case()
    sides = sides_of(case)
    ask, keep = together(sides, ProsumerSide.respond)
    sold: list[FloatArray] = []

    def cannot(sale_kw: FloatArray) -> FloatArray:
        surplus = keep(sale_kw)
        sold.append(sale_kw.copy())
        if len(sold) == 1:
            surplus[0, 0] = -0.2 * np.sign(sale_kw[0, 0, 0])
        return surplus

    introduced = {p.name: side.begin(0) for p, side in zip(case.prosumers, sides, strict=True)}
    agreed = agree(introduced, charges_of(case, 0), case.dt_h, case.settings, ask=ask, keep=cannot)
    first, last = sold[0][0, 0], agreed.sale_kw[0, 0]
    assert abs(first[0]) > 0.2
    assert abs(last[0]) == pytest.approx(abs(first[0]) - 0.2, abs=KEPT)
    assert last == pytest.approx(agreed.trades[0].net_sale(len(sides)), abs=KEPT)
    assert last.sum() == pytest.approx(0.0, abs=KEPT)

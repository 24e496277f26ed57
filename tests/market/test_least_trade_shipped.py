"""The least trade in scenarios that come with the package, and among six houses at one place, by all three forms."""

from functools import cache

import numpy as np
import pytest

from least_trade_programme import FORMS, assert_least, at_one_place, with_charges
from markets import random_market
from mosaik_p2p.charges.mechanisms import uniform_charges
from mosaik_p2p.errors import Status
from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.clearing import Clearing, clear
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.over_time.day_ahead import DayAheadMarket
from mosaik_p2p.market.problem import MarketProblem, Settings

GAP = 1e-5
PLACES = ("network1", "network1_electric", "six houses")


@cache
def first_day(name: str, *, charged: bool) -> MarketProblem:
    if name == "six houses":
        houses = with_imbalance_priced(random_market(6, 6, first_hour=0))
        # At one place no way is longer than another: with charges, every pair pays the same.
        rate = 0.02 if charged else 0.0
        places = [np.where(member, 0, -1) for member in houses.member]
        return with_charges(houses, [uniform_charges(place, rate_per_kwh=rate, payer="both") for place in places])
    problem = with_imbalance_priced(DayAheadMarket(market_case(load(name, ("time.clearing=day_ahead",)))).problem(0))
    return problem if charged else at_one_place(problem)


@cache
def cleared(name: str, *, charged: bool, form: str) -> Clearing:
    problem = first_day(name, charged=charged)
    return clear(problem, Settings(form=form, relative_gap=GAP, binding=problem.shape[1]))


def traded_kwh(clearing: Clearing, problem: MarketProblem) -> float:
    trades = [one for by_carrier in (clearing.trades, *clearing.later_trades) for one in by_carrier]
    return problem.dt_h * sum(float(one.power_kw.sum()) for one in trades)


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("charged", [False, True])
@pytest.mark.parametrize("name", PLACES)
def test_every_form_trades_the_least_all_day(name: str, charged: bool) -> None:
    problem = first_day(name, charged=charged)
    for form in FORMS:
        clearing = cleared(name, charged=charged, form=form)
        assert clearing.status is Status.OK
        assert traded_kwh(clearing, problem) > 1.0
        assert_least(problem, clearing)


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.parametrize("charged", [False, True])
@pytest.mark.parametrize("name", PLACES)
def test_forms_agree_on_cost_and_with_charges_on_energy(name: str, charged: bool) -> None:
    problem = first_day(name, charged=charged)
    found = {form: cleared(name, charged=charged, form=form) for form in FORMS}
    for form in FORMS[1:]:
        assert found[form].cost == pytest.approx(found[FORMS[0]].cost, rel=2 * GAP)
        if charged:
            energy = [traded_kwh(found[one], problem) for one in (form, FORMS[0])]
            assert energy[0] == pytest.approx(energy[1], rel=1e-3)

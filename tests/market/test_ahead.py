"""A day-ahead market that negotiates: the operator is asked about the whole block before its first dispatch."""

from dataclasses import replace

import numpy as np

from linear_operator import LinearOperator
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.loading.validate import load
from mosaik_p2p.market.over_time.day_ahead import DayAheadMarket

STEPS = 4
LEAST_KW = -30.0
"""What all together may draw in the third interval; they draw more."""


def test_limits_of_a_later_interval_are_kept_by_surcharges_there() -> None:
    changes = ["time.clearing=day_ahead", "negotiation.enabled=true", f"time.steps={STEPS}", "time.horizon_steps=4"]
    case = market_case(load("network1_electric", overrides=changes))
    assert case.rounds_ahead == 10
    assert case.operator is not None
    names = [prosumer.name for prosumer in case.prosumers]
    operator = LinearOperator(names, {2: [(-np.ones(len(names)), -LEAST_KW)]})
    market, drawn, surcharges = DayAheadMarket(replace(case, operator=operator)), [], []
    for k in range(STEPS):
        outcome = market.clear(k)
        drawn.append(sum(one.injection_kw for one in outcome.dispatch))
        surcharges.append(max(np.abs(outcome.tables["prosumers"]["surcharge_per_kwh"])))
        assert len(outcome.tables["nodal_prices"]["prosumer"]) == len(names)
        market.commit()
    free = DayAheadMarket(replace(case, operator=LinearOperator(names, {})))
    for k in range(2):
        free.clear(k)
        free.commit()
    assert sum(one.injection_kw for one in free.clear(2).dispatch) < LEAST_KW - 1.0
    assert drawn[2] >= LEAST_KW - 0.01
    assert [value > 1e-3 for value in surcharges] == [False, False, True, False]

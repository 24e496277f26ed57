"""Regrets: what everyone would save at the published prices, beside a second solver, and how small they are."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets import equipped_market, random_market, strained
from markets_under_rows import KINDS, made, some_market, some_rows
from mosaik_p2p.errors import Status
from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.clearing import Clearing, clear
from mosaik_p2p.market.imbalance import solvable
from mosaik_p2p.market.negotiation.constrained_clearing import clear_constrained, connected, injections
from mosaik_p2p.market.negotiation.limits import Limits
from mosaik_p2p.market.negotiation.operator_step import without_contracts
from mosaik_p2p.market.network_step.choice import choose_form
from mosaik_p2p.market.over_time.choice import make_market
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import MarketProblem, PreparedProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.prosumer_step.subproblem import Completion, Subproblem
from mosaik_p2p.units import FloatArray

ROUNDING = 5e-6
"""Of everybody's cost, loads that are not served included: tolerance of the programmes whose values are compared."""


def turnover(problem: MarketProblem, cleared: Clearing) -> float:
    return float(np.abs(Fleet(solvable(problem)).alone.cost).sum()) + abs(cleared.cost) + 1.0


def least_costs(ready: PreparedProblem, price_per_kwh: FloatArray) -> FloatArray:
    """(N,) the least cost less sales that each one can have at these prices, by the other solver."""
    fleet = Fleet(ready)
    found = []
    for i, model in enumerate(ready.models):
        one = Subproblem(model, power_kw=float(fleet.power_kw[i]), price_per_kwh=fleet.price_scale)
        one.improve_bound(price_per_kwh[:, :, i])
        found.append(one.bound(price_per_kwh[:, :, i]))
    return np.array(found)


def own_costs(problem: MarketProblem, cleared: Clearing) -> FloatArray:
    """(N,) what everyone pays less what it earns at the published prices."""
    earned = problem.dt_h * (cleared.price_per_kwh * cleared.sale_kw).sum(axis=(0, 1))
    return np.array([done.cost for done in cleared.dispatch]) - earned


@given(seed=st.integers(0, 10_000), kind=st.sampled_from(["houses", "strained", "equipped"]))
@settings(max_examples=15, deadline=None)
def test_they_are_never_negative_and_sum_up_to_the_cost_above_the_bound(seed: int, kind: str) -> None:
    stated = equipped_market(3, seed, horizon=8) if kind == "equipped" else random_market(4, seed, horizon=8)
    problem = strained(stated, seed) if kind == "strained" else stated
    cleared = clear(problem, Settings())
    assert cleared.regrets is not None
    within = ROUNDING * turnover(problem, cleared)
    least = least_costs(solvable(problem), cleared.price_per_kwh)
    form = choose_form(solvable(problem), "auto")
    bound = float(least.sum()) - form.concession(cleared.price_per_kwh)
    if not cleared.repaired:
        assert cleared.regrets.prosumers == pytest.approx(own_costs(problem, cleared) - least, abs=within)
        assert cleared.regrets.total == pytest.approx(cleared.cost - bound, abs=within)
    assert min(cleared.regrets.prosumers.min(), cleared.regrets.network) >= -within


@pytest.mark.parametrize("kind", KINDS)
def test_under_rows_they_are_those_of_injections(kind: str) -> None:
    """At what a kWh injected is worth, surcharge deducted, to who has not the contracts that the network holds."""
    rng = np.random.default_rng(3)
    raw = made(kind, some_market(3), rng)
    problem = connected(raw)
    rows = some_rows(problem, injections(problem, clear(raw, Settings()).dispatch)[:, 0], rng)
    limited = clear_constrained(problem, Limits(rows), Settings(), alone=Fleet(problem).alone)
    cleared, exchanged, fleet = limited.clearing, limited.clearing.sale_kw.copy(), without_contracts(problem)
    exchanged[:, 0] = limited.injection_kw[:, 0]
    earned = problem.dt_h * (cleared.price_per_kwh * exchanged).sum(axis=(0, 1))
    own = [model.cost(done.x) for model, done in zip(fleet.models, _without_contracts(fleet, cleared), strict=True)]
    within = ROUNDING * turnover(raw, cleared)
    assert cleared.regrets is not None
    assert cleared.regrets.prosumers == pytest.approx(
        np.array(own) - earned - least_costs(fleet, cleared.price_per_kwh), abs=within
    )
    assert min(cleared.regrets.prosumers.min(), cleared.regrets.network) >= -within
    assert cleared.regrets.total <= cleared.cost - cleared.lower_bound + within


def _without_contracts(fleet: PreparedProblem, cleared: Clearing) -> list[Completion]:
    """Everyone's dispatch with nothing of the contracts that the network holds."""
    return [
        replace(done, x=np.minimum(done.x, model.upper))
        for model, done in zip(fleet.models, cleared.dispatch, strict=True)
    ]


@pytest.mark.parametrize("name", ["network1", "network2"])
@pytest.mark.parametrize(("relative_gap", "worst"), [(1e-3, 5e-4), (1e-5, 1e-4)])
def test_nobody_of_the_shipped_cases_has_much_to_regret(name: str, relative_gap: float, worst: float) -> None:
    problem = RollingMarket(market_case(load(name))).problem(0)
    cleared = clear(problem, Settings(relative_gap=relative_gap, binding=24))
    alone = Fleet(solvable(problem)).alone.cost
    assert cleared.status is Status.OK
    assert cleared.regrets is not None
    assert (cleared.regrets.prosumers / np.abs(alone)).max() <= worst


@pytest.mark.parametrize("clearing", ["rolling", "day_ahead"])
def test_every_clearing_tells_them_once(clearing: str) -> None:
    case = market_case(load("network1", [f"time.clearing={clearing}", "time.horizon_steps=3"]))
    market, told = make_market(case), []
    for k in range(3):
        table = market.clear(k).tables["regrets"]
        told.append(list(table["prosumer"]))
        assert all(np.isfinite(money) for money in table["money"])
        market.commit()
    everyone = [*(prosumer.name for prosumer in case.prosumers), "operator"]
    assert told == ([everyone] * 3 if clearing == "rolling" else [everyone, [], []])

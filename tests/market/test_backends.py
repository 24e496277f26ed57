"""The compiled kernel against PIQP, prosumer by prosumer, also where problems degenerate."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets import random_market, strained
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.problem import MarketProblem, highest_price, power_scale
from mosaik_p2p.market.prosumer_step.backends import Compiled, Engine, OneByOne
from mosaik_p2p.market.prosumer_step.contracts import offers
from mosaik_p2p.units import FloatArray

OBJECTIVE = {0: 1e-5, 1: 1e-5, 2: 1e-3}
"""Of what a prosumer turns over in the look-ahead. One-sided: neither method may be beaten by more.
With limits of a million (kind 2) a multiplier's last digit already weighs."""


def engines(market: MarketProblem) -> list[Engine]:
    scales = (power_scale(market), highest_price(market))
    return [kind(market.models, *scales) for kind in (OneByOne, Compiled)]


def degenerate(market: MarketProblem, seed: int) -> MarketProblem:
    """No sun, full or missing storage, immovable loads, limits of a million, negative prices: some of each."""
    rng = np.random.default_rng(seed)
    models = []
    for model in market.models:
        upper, linear = model.upper.copy(), model.linear.copy()
        negative = rng.random() < 0.3
        for k, variable in enumerate(model.variables):
            if variable.type in ("pv", "solar_collector") and rng.random() < 0.5:
                upper[k] = 0.0
            elif variable.type == "contract" and negative:
                linear[k] = -0.05 if variable.role == "import" else 0.1
            elif variable.type == "contract" and rng.random() < 0.3:
                upper[k] = 1e6
            elif variable.role in ("charge", "discharge") and rng.random() < 0.3:
                upper[k] = 1e-6
        models.append(replace(model, upper=upper, linear=linear))
    return replace(market, models=tuple(models))


def turnover(market: MarketProblem) -> float:
    return float(power_scale(market).max() * highest_price(market) * market.dt_h * market.shape[1])


def step_value(market: MarketProblem, weight: np.ndarray, target: np.ndarray, sale: np.ndarray) -> np.ndarray:
    """What each prosumer's step costs: its cheapest dispatch for the sale, and the penalty."""
    dispatch = OneByOne(market.models, power_scale(market), highest_price(market)).dispatch_for_sales(sale)
    member = market.member[:, None, :]
    penalty = np.sum(np.where(member, weight[:, None, :] / 2 * (sale - target) ** 2, 0.0), axis=(0, 1))
    return np.array([done.cost for done in dispatch]) + penalty


@given(seed=st.integers(0, 10_000), horizon=st.sampled_from([1, 2, 7, 24]), hard=st.sampled_from([0, 1, 2]))
@settings(max_examples=30, deadline=None)
def test_steps_are_as_good_and_bounds_as_high(seed: int, horizon: int, hard: int) -> None:
    market = random_market(4, seed % 50, horizon=horizon, first_hour=seed % 24)
    market = with_imbalance_priced([market, strained(market, seed), degenerate(market, seed)][hard])
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.001, 0.1, (2, 4))
    one, compiled = engines(market)
    for engine in (one, compiled):
        engine.set_penalty(weight)
    target = rng.normal(size=market.shape) * 5 * market.member[:, None, :]
    for _ in range(3):
        sales = [engine.proximal_step(target) for engine in (one, compiled)]
        values = [step_value(market, weight, target, sale) for sale in sales]
        assert (values[1] <= values[0] + OBJECTIVE[hard] * turnover(market)).all()
        target = target + rng.normal(size=target.shape) * 0.1 * market.member[:, None, :]
    if hard == 2:
        return
    prices = rng.uniform(0.1, 0.6, market.shape)
    for engine in (one, compiled):
        engine.improve_bound(prices)
    floor = one.bounds(prices).sum()
    # Both ways: a bound that is too high would be no bound.
    assert compiled.bounds(prices).sum() == pytest.approx(floor, abs=OBJECTIVE[hard] * (turnover(market) + abs(floor)))


@given(seed=st.integers(0, 10_000), hard=st.sampled_from([0, 2]))
@settings(max_examples=20, deadline=None)
def test_completions_cost_the_same_and_balance(seed: int, hard: int) -> None:
    market = random_market(4, seed % 50, horizon=12, first_hour=seed % 24)
    market = with_imbalance_priced(degenerate(market, seed) if hard else market)
    sale = np.random.default_rng(seed).normal(size=market.shape) * 3 * market.member[:, None, :]
    one, compiled = (engine.dispatch_for_sales(sale) for engine in engines(market))
    for i, (model, a, b) in enumerate(zip(market.models, one, compiled, strict=True)):
        assert b.cost <= a.cost + OBJECTIVE[hard] * turnover(market)
        assert np.abs(model.net_sale(b.x) - sale[:, :, i]).max() <= 1e-6 * max(model.size_kw, 1.0)


def test_what_was_answered_last_serves_for_the_same_question_only() -> None:
    """Sales and prices that were just asked about, and what other ones, and another step in between, make of them."""
    market = with_imbalance_priced(random_market(4, 7, horizon=6, first_hour=9))
    rng, engine = np.random.default_rng(0), Compiled(market.models, power_scale(market), highest_price(market))
    sales = [rng.normal(size=market.shape) * market.member[:, None, :] for _ in range(2)]
    prices = [rng.uniform(0.1, 0.6, market.shape) for _ in range(2)]
    engine.set_penalty(np.full(market.shape[::2], 0.01))
    costs, bounds = [], []
    for n in (0, 1, 0):
        costs.append(engine.cost_for_sales(sales[n]))
        assert engine.dispatch_for_sales(sales[n]).cost == pytest.approx(costs[-1])
        engine.improve_bound(prices[n])
        bounds.append(engine.bounds(prices[n]))
        engine.proximal_step(sales[n])
        loose = engine.bounds(prices[n])
        engine.improve_bound(prices[n])
        assert engine.bounds(prices[n]) == pytest.approx(bounds[-1], abs=1e-4)
        assert loose.sum() < bounds[-1].sum()
    assert costs[0] == pytest.approx(costs[2])
    assert np.abs(costs[0] - costs[1]).max() > 1e-3
    assert bounds[0] == pytest.approx(bounds[2], abs=1e-4)


def test_offers_are_the_nearest_of_everyones_contracts() -> None:
    market = with_imbalance_priced(random_market(6, 3, horizon=4, first_hour=9))
    ceiling, floor = offers(market.table)
    for i, model in enumerate(market.models):
        for c in range(2):
            sides: dict[str, list[FloatArray]] = {"import": [], "export": []}
            for k, variable in enumerate(model.variables):
                if variable.type == "contract" and model.member[c] and model.balance[c, k].any():
                    price = model.balance[c, k] * model.linear[k]
                    sides[variable.role].append(np.where(model.upper[k] > 0.0, price, np.nan))
            for found, side, none in ((ceiling, "import", np.inf), (floor, "export", -np.inf)):
                wanted = sides[side][0] if sides[side] else np.full(4, np.nan)
                assert found[c, :, i] == pytest.approx(np.where(np.isnan(wanted), none, wanted))
    assert np.isfinite(ceiling).any()
    assert np.isfinite(floor).any()


def test_more_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    market = with_imbalance_priced(random_market(40, 1))
    target = np.random.default_rng(0).normal(size=market.shape) * market.member[:, None, :]
    results = []
    for workers in (1, 3):
        monkeypatch.setattr("mosaik_p2p.jit.threads.WORKERS", workers)
        compiled = engines(market)[1]
        compiled.set_penalty(np.full((2, 40), 0.01))
        results.append(compiled.proximal_step(target))
    assert np.array_equal(results[0], results[1])

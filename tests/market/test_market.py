"""The market core against second roads: the central model, the other form, weak duality, changed units and order."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets import random_market, reordered, scaled, strained
from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.errors import Status
from mosaik_p2p.market.certificate import certify
from mosaik_p2p.market.clearing import Clearing, clear, shifted
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.network_step.choice import choose_form
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.prosumer_step.storage_direction import storage_rows
from mosaik_p2p.market.reference.pyomo_model import solve_central

GAP = 1e-3
BALANCE = 1e-6
"""Of what flows: the interior-point method's tolerance, with room."""
FORMS = ("bilateral", "network")


@pytest.fixture(scope="module", params=[0, 1, 2])
def market(request: pytest.FixtureRequest) -> MarketProblem:
    return with_imbalance_priced(random_market(5, request.param))


@pytest.mark.parametrize("form", FORMS)
def test_admm_reaches_the_central_optimum(market: MarketProblem, form: str) -> None:
    cleared = clear(market, Settings(form=form))
    central = solve_central(market)
    assert cleared.status is Status.OK
    assert cleared.form == form
    assert cleared.cost == pytest.approx(central.cost, rel=GAP)
    assert cleared.lower_bound <= central.cost + BALANCE * abs(central.cost)


def test_bound_of_one_form_certifies_the_other(market: MarketProblem) -> None:
    one, other = (clear(market, Settings(form=form)) for form in FORMS)
    for a, b in ((one, other), (other, one)):
        assert (a.cost - b.lower_bound) / abs(a.cost) <= GAP


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("power", "price"), [(1e3, 1.0), (1e-3, 1.0), (1.0, 1e3)])
def test_units_do_not_matter(form: str, power: float, price: float) -> None:
    market = random_market(5, 3)
    plain = clear(market, Settings(form=form))
    other = clear(scaled(market, power=power, price=price), Settings(form=form))
    assert other.iterations == plain.iterations
    assert other.cost / (power * price) == pytest.approx(plain.cost, rel=1e-6)


def test_order_of_prosumers_does_not_matter() -> None:
    market = random_market(5, 4)
    plain, turned = (clear(m, Settings()) for m in (market, reordered(market, [3, 1, 4, 0, 2])))
    assert turned.cost == pytest.approx(plain.cost, rel=GAP)


@pytest.mark.parametrize("form", FORMS)
def test_dispatch_balances_and_trades_are_reciprocal(market: MarketProblem, form: str) -> None:
    cleared = clear(market, Settings(form=form))
    for i, (model, done) in enumerate(zip(market.models, cleared.dispatch, strict=True)):
        left = model.net_sale(done.x) - cleared.sale_kw[:, :, i]
        assert np.abs(left).max() <= BALANCE * max(model.size_kw, 1.0)
        own, right = model.equations
        assert np.abs(own @ done.x.ravel() - right).max() <= BALANCE * np.abs(right).max()
        assert np.all((done.x >= model.lower) & (done.x <= model.upper))
    assert np.abs(cleared.sale_kw.sum(axis=2)).max() <= BALANCE * np.abs(cleared.sale_kw).max()


@pytest.mark.parametrize("form", FORMS)
def test_prices_differ_by_the_charge_where_energy_is_traded(form: str) -> None:
    market = random_market(6, 3, first_hour=10)
    cleared = clear(market, Settings(form=form, relative_gap=1e-5))
    count = 0
    for c, trades in enumerate(cleared.trades):
        own = cleared.price_per_kwh[c, 0]
        way = market.charges[c].total[trades.seller, trades.buyer]
        assert own[trades.buyer] - own[trades.seller] == pytest.approx(way, abs=1e-3)
        keeps = trades.price_per_kwh - market.charges[c].posted[trades.seller, trades.buyer]
        assert keeps == pytest.approx(own[trades.seller], abs=1e-3)
        count += len(trades.seller)
    assert count > 0


def test_without_charges_there_is_one_price() -> None:
    market = random_market(5, 6)
    free = MarketProblem(market.models, tuple(no_charges(np.where(m, 0, -1)) for m in market.member), market.dt_h)
    cleared = clear(free, Settings(relative_gap=1e-4))
    for c, who in enumerate(market.member):
        spread = np.ptp(cleared.price_per_kwh[c][:, who], axis=1)
        assert spread.max() <= 1e-9


def test_trade_pays_everyone_together() -> None:
    """The market's cost is never above that of everyone alone."""
    for seed in range(5):
        market = with_imbalance_priced(random_market(5, seed))
        assert clear(market, Settings()).cost <= Fleet(market).alone.cost.sum() * (1 + GAP)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_any_prices_give_a_valid_lower_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    market = with_imbalance_priced(random_market(4, seed % 7, horizon=6))
    fleet = Fleet(market)
    form = choose_form(market, "network")
    prices = form.agree(rng.normal(-50, 50, form.shape), np.full((2, 4), 0.1)).price_per_kwh
    certificate = certify(fleet, form, np.zeros(form.shape), prices, wanted=0.0)
    optimum = clear(market, Settings(relative_gap=1e-6, max_iterations=2000)).cost
    assert certificate.lower_bound <= optimum + BALANCE * abs(optimum)


def test_a_warm_start_needs_fewer_iterations() -> None:
    market = random_market(8, 1)
    cold = clear(market, Settings())
    again = clear(market, Settings(), start=cold.end)
    assert again.iterations < cold.iterations
    assert again.cost == pytest.approx(cold.cost, rel=GAP)
    assert shifted(cold.end).z.shape == cold.end.z.shape


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(4))
def test_contracts_at_their_limits_and_missing_ones(form: str, seed: int) -> None:
    market = with_imbalance_priced(strained(random_market(5, seed, horizon=8, first_hour=10), seed))
    cleared = clear(market, Settings(form=form, max_iterations=1000))
    central = solve_central(market)
    scale = max(abs(central.cost), np.abs(Fleet(market).alone.cost).sum())
    assert cleared.status is Status.OK
    assert abs(cleared.cost - central.cost) <= GAP * scale
    assert cleared.lower_bound <= central.cost + BALANCE * scale
    for c, trades in enumerate(cleared.trades):
        assert trades.net_sale(5) == pytest.approx(cleared.sale_kw[c, 0], abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_a_load_beyond_all_limits_is_an_imbalance_and_no_failure(form: str) -> None:
    plain = random_market(4, 2, horizon=6, first_hour=18)
    market = MarketProblem(
        tuple(replace(m, fixed=m.fixed + np.array([[60.0], [0.0]])) for m in strained(plain, 2).models),
        plain.charges,
        plain.dt_h,
    )
    cleared = clear(market, Settings(form=form, max_iterations=1000))
    assert cleared.status is Status.OK
    assert cleared.cost == pytest.approx(solve_central(market).cost, rel=GAP)
    short = -sum(done.imbalance_kw[0, 0] for done in cleared.dispatch)
    assert short > 60.0
    # Nobody sells what it lacks itself.
    assert (
        not cleared.trades[0].seller.size
        or min(cleared.dispatch[i].imbalance_kw[0, 0] for i in cleared.trades[0].seller) >= -1e-3
    )


@pytest.mark.parametrize("form", FORMS)
def test_charges_that_forbid_all_trade_take_no_longer(form: str) -> None:
    """Nothing traded leaves one residual at zero and the other at one; the penalty has to move all the same."""
    market = random_market(5, 1, rate=10.0)
    cleared = clear(market, Settings(form=form))
    assert cleared.status is Status.OK
    assert cleared.iterations <= 100
    assert not cleared.sale_kw[0].round(3).any()


@pytest.mark.parametrize("form", FORMS)
def test_two_loads_a_little_above_their_contracts(form: str) -> None:
    plain = random_market(2, 2, horizon=4)
    models = []
    for model in plain.models:
        upper, fixed = model.upper.copy(), np.zeros_like(model.fixed)
        fixed[0] = 5.0
        for k, variable in enumerate(model.variables):
            upper[k] = 4.9 if variable.role == "import" else 0.0
        models.append(replace(model, upper=upper, lower=0 * upper, fixed=fixed, storages=(), totals=(), size_kw=5.0))
    cleared = clear(MarketProblem(tuple(models), plain.charges, 1.0), Settings(form=form))
    assert cleared.status is Status.OK
    assert [done.imbalance_kw[0, 0] for done in cleared.dispatch] == pytest.approx([-0.1, -0.1], abs=1e-3)


def test_charging_and_discharging_at_once_is_repaired() -> None:
    """At a price of -0.2 burning energy in a battery pays; the repaired dispatch goes one way at a time."""
    plain = random_market(3, 0, horizon=6, first_hour=9)
    models = []
    for model in plain.models:
        linear = model.linear.copy()
        for k, variable in enumerate(model.variables):
            if variable.type == "contract":
                linear[k] = -0.2 if variable.role == "import" else 0.25
            elif variable.type == "battery":
                linear[k] = 0.0
        models.append(replace(model, linear=linear))
    cleared = clear(MarketProblem(tuple(models), plain.charges, 1.0), Settings(relative_gap=0.5))
    assert cleared.repaired
    for model, done in zip(models, cleared.dispatch, strict=True):
        for charge, discharge in storage_rows(model):
            assert np.minimum(done.x[charge], done.x[discharge]).max() <= 1e-3


@pytest.mark.parametrize("form", FORMS)
def test_the_only_prosumer_with_heat_keeps_it(form: str) -> None:
    market = random_market(4, 10, horizon=8)
    assert market.member[1].sum() == 1
    cleared = clear(market, Settings(form=form))
    assert cleared.status is Status.OK
    assert not cleared.sale_kw[1].any()


def test_too_few_iterations_are_not_called_success() -> None:
    cleared: Clearing = clear(random_market(8, 1), Settings(max_iterations=2))
    assert cleared.status is Status.NOT_CONVERGED
    assert cleared.cause is not None
    assert "max_iterations" in cleared.cause

"""All forms state one market: the bound of each certifies the cost of the others, whatever the charges are."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from markets import random_prosumer, random_tree
from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.charges.mechanisms import Charges, path_charges, uniform_charges
from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import Clearing, clear
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.network_step.choice import choose_form
from mosaik_p2p.market.network_step.pair_tables import pair_tables
from mosaik_p2p.market.network_step.partner_graph import PartnerForm
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.reference.pyomo_model import solve_central
from mosaik_p2p.prosumers.prosumer import initial_state, prosumer_model
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.units import FloatArray

GAP = 1e-3
SOLVER = 1e-6
"""Of the cost: HiGHS' and the interior-point method's own tolerance, with room."""


def meshed(rng: np.random.Generator, nodes: int) -> PathGraph:
    """A tree with two edges more."""
    tree = random_tree(rng, nodes)
    extra = np.array([rng.choice(nodes, 2, replace=False) for _ in range(2)])
    return replace(
        tree,
        from_node=np.concatenate([tree.from_node, extra[:, 0]]),
        to_node=np.concatenate([tree.to_node, extra[:, 1]]),
        length=np.concatenate([tree.length, rng.uniform(0.1, 0.4, 2)]),
    )


def varied_market(seed: int, *, radial: bool, dt_h: float, with_heat: bool) -> MarketProblem:
    """Four to seven prosumers over four to eight intervals around noon or in the evening."""
    rng = np.random.default_rng(seed)
    count, horizon = int(rng.integers(4, 8)), int(rng.integers(4, 9))
    first_hour = int(rng.choice([9, 15]))
    prosumers = [
        random_prosumer(rng, f"P{i}", span=horizon, with_heat=with_heat and rng.random() < 0.7, first_hour=first_hour)
        for i in range(count)
    ]
    window = Window(0, horizon, np.zeros(horizon, dtype=np.int64))
    models = tuple(
        prosumer_model(p, initial_state(p, day=0), window, dt_h=dt_h, member=(True, p.junctions is not None))
        for p in prosumers
    )
    places = (np.arange(count), np.array([i if p.junctions else -1 for i, p in enumerate(prosumers)]))
    make = random_tree if radial else meshed
    rate = float(rng.choice([0.003, 0.02, 0.1]))
    charges = tuple(path_charges(make(rng, count), place, price_per_length=rate, payer="both") for place in places)
    return with_imbalance_priced(MarketProblem(models, charges, dt_h))


def symmetric(table: FloatArray) -> FloatArray:
    return (table + table.T) / 2


def with_pair_terms(problem: MarketProblem, seed: int) -> MarketProblem:
    """The same prosumers, with any table of charges, some partners only, benefits and preferences of single pairs."""
    rng = np.random.default_rng(seed)
    shape = problem.charges[0].posted.shape
    charges = tuple(
        Charges(
            posted=symmetric(rng.uniform(0, 0.06, shape)),
            seller_share=0.5,
            buyer_share=0.5,
            benefit=symmetric(rng.uniform(-0.01, 0.03, shape)),
            curvature=symmetric(rng.uniform(0, 0.02, shape)) * (symmetric(rng.random(shape)) < 0.5),
            partners=symmetric(rng.random(shape)) < 0.65,
        )
        for _ in problem.charges
    )
    return with_imbalance_priced(replace(problem, charges=charges))


def certified_by_each_other(clearings: list[Clearing], problem: MarketProblem) -> None:
    alone = float(np.abs(Fleet(problem).alone.cost).sum())
    for one, other in permutations(clearings, 2):
        assert one.cost - other.lower_bound <= GAP * max(abs(one.cost), alone)
        assert other.lower_bound <= one.cost + SOLVER * max(abs(one.cost), alone)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_the_bound_of_one_form_certifies_the_other(seed: int) -> None:
    radial = seed % 2 == 0
    problem = varied_market(seed, radial=radial, dt_h=(0.25, 1.0)[seed // 2 % 2], with_heat=seed // 4 % 2 == 0)
    forms = ["partners", "bilateral", "network"] if radial else ["partners", "bilateral"]
    cleared = [clear(problem, Settings(form=form)) for form in forms]
    assert [c.form for c in cleared] == forms
    assert all(c.status is Status.OK for c in cleared)
    certified_by_each_other(cleared, problem)


@pytest.mark.parametrize("seed", range(6))
def test_terms_of_single_pairs_agree_with_the_central_model(seed: int) -> None:
    problem = with_pair_terms(varied_market(seed, radial=True, dt_h=0.5, with_heat=seed % 2 == 0), seed)
    central = solve_central(problem)
    cleared = [clear(problem, Settings(form=form)) for form in ("partners", "bilateral")]
    certified_by_each_other(cleared, problem)
    for c in cleared:
        assert c.status is Status.OK
        assert c.cost == pytest.approx(central.cost, rel=GAP)
        assert c.lower_bound <= central.cost + SOLVER * abs(central.cost)
        for charges, trades in zip(problem.charges, c.trades, strict=True):
            assert charges.may_trade[trades.seller, trades.buyer].all()


def test_preferences_and_benefits_change_what_is_traded() -> None:
    """So that the test above cannot pass by ignoring the terms."""
    problem = with_pair_terms(varied_market(2, radial=True, dt_h=0.5, with_heat=False), 2)
    costs = [
        clear(replace(problem, charges=tuple(replace(c, **change) for c in problem.charges)), Settings()).cost
        for change in ({}, {"benefit": None}, {"curvature": None}, {"partners": None})
    ]
    assert min(np.abs(np.diff(costs))) > GAP * abs(costs[0])


def test_both_ends_compute_one_price_with_preferences() -> None:
    """The price beside own price and own cost, at either end; an end's cost includes 2 a |p| of its preference."""
    problem = with_pair_terms(varied_market(3, radial=True, dt_h=1.0, with_heat=False), 3)
    cleared = clear(problem, Settings(relative_gap=1e-6))
    trades, charges = cleared.trades[0], problem.charges[0]
    own = cleared.price_per_kwh[0, 0]
    i, j = trades.seller, trades.buyer
    assert len(i) > 1
    rise = own[j] - own[i]
    expected = charges.total[i, j] + 2 * charges.preference(i, j) * trades.power_kw
    np.testing.assert_allclose(rise, expected, atol=1e-3)
    # Half of the charge, of what the benefit takes off it, and of the preference's marginal cost at either end.
    posted = charges.posted[i, j] / 2
    taken_off = (charges.posted[i, j] - charges.total[i, j]) / 2
    preferred = charges.preference(i, j) * trades.power_kw
    np.testing.assert_allclose(trades.price_per_kwh - posted + taken_off - preferred, own[i], atol=1e-3)
    np.testing.assert_allclose(trades.price_per_kwh + posted - taken_off + preferred, own[j], atol=1e-3)
    assert (taken_off != 0).any()
    assert (preferred > 0).any()


def test_auto_takes_the_network_only_where_it_states_the_market() -> None:
    radial = varied_market(0, radial=True, dt_h=1.0, with_heat=True)
    looped = varied_market(1, radial=False, dt_h=1.0, with_heat=True)
    assert choose_form(radial, "auto").name == "network"
    assert choose_form(looped, "auto").name == "partners"
    some = np.asarray(radial.charges[0].posted) > 0
    some[0, 1] = some[1, 0] = False
    for term in ({"benefit": 0.001 * some}, {"curvature": 0.1 * some}, {"partners": some}):
        special = replace(radial, charges=tuple(replace(c, **term) for c in radial.charges))
        assert choose_form(special, "auto").name == "partners"
        with pytest.raises(ValueError, match="use form = partners"):
            choose_form(special, "network")
    nothing_yet = replace(radial, charges=tuple(replace(c, benefit=0.0 * some) for c in radial.charges))
    assert choose_form(nothing_yet, "auto").name == "network"


def test_a_benefit_lowers_the_charge_to_nothing_at_most() -> None:
    charges = replace(uniform_charges(np.arange(3), rate_per_kwh=0.01, payer="both"), benefit=np.full((3, 3), 0.03))
    assert charges.total.max() == 0.0
    seller, buyer = charges.end_costs(np.array([0]), np.array([1]), np.array([5.0]))
    assert seller[0] == buyer[0] == 0.0


def test_distances_keep_pairs_that_pay_nothing() -> None:
    problem = varied_market(0, radial=True, dt_h=1.0, with_heat=False)
    free = replace(
        problem,
        charges=tuple(
            uniform_charges(np.arange(len(problem.models)), rate_per_kwh=1e-12, payer="both") for _ in range(2)
        ),
    )
    distance = pair_tables(free).distance[0][0]
    np.testing.assert_allclose(distance, 2e-12 * (1 - np.eye(len(distance))))


def test_flows_are_mended_for_other_net_sales() -> None:
    """Net sales that are not those of the last step still have flows behind them, and so a cost."""
    problem = varied_market(0, radial=True, dt_h=1.0, with_heat=False)
    form = PartnerForm(problem)
    rng = np.random.default_rng(0)
    z = np.zeros(form.shape)
    z[0] = rng.normal(size=z[0].shape)
    z[0] -= z[0].mean(axis=1, keepdims=True)
    trades = form.trades(z, np.zeros(form.shape), min_trade_kw=0.0)[0]
    np.testing.assert_allclose(trades.net_sale(z.shape[2]), z[0, 0], atol=1e-12)
    assert form.charge(z) > 0
    assert form.charge(np.zeros(form.shape)) == 0.0


@pytest.mark.parametrize("form", ["bilateral", "network", "partners"])
def test_a_prosumer_without_any_other_does_what_it_does_alone(form: str) -> None:
    problem = varied_market(3, radial=True, dt_h=1.0, with_heat=True)
    charges = path_charges(
        random_tree(np.random.default_rng(3), 1), np.zeros(1, dtype=np.int64), price_per_length=0.01, payer="both"
    )
    single = replace(problem, models=problem.models[:1], charges=(charges, charges))
    cleared = clear(single, Settings(relative_gap=GAP, form=form))
    assert cleared.status is Status.OK
    assert cleared.cost == pytest.approx(float(Fleet(single).alone.cost.sum()), rel=GAP)
    assert not any(len(trades.power_kw) for trades in cleared.trades)

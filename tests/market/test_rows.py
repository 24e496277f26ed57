"""Clearing under rows: by hand, against the central model with the same rows, and the certificate."""

from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from markets import random_market, random_tree
from mosaik_p2p.charges.mechanisms import no_charges, path_charges
from mosaik_p2p.errors import Status
from mosaik_p2p.limits.rows import LimitRow
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.negotiation.constrained_clearing import clear_constrained, connected, injections, start_from
from mosaik_p2p.market.negotiation.limit_rows import CURVATURE, CURVED, MARGIN, HeldRow, held_row
from mosaik_p2p.market.negotiation.limits import Limits, held_at
from mosaik_p2p.market.negotiation.operator_step import SLACK_PRICE
from mosaik_p2p.market.problem import MarketProblem, Settings, power_scale
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.prosumer_step.injection_bounds import injection_bounds, own_rows
from mosaik_p2p.market.prosumer_step.storage_direction import storage_rows
from mosaik_p2p.market.reference.pyomo_model import build_model
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.units import FloatArray
from one_interval_houses import GAP, cleared, house
from rows_reference import held_imbalances

ROW = 1e-5
"""Of a row's size times a kW-scale of 10: what trades below dust and the interior point leave."""
BY_HAND = 1e-3
TIE_KW = 0.05
"""Without charges, who sells to whom is decided by the small price on resale alone."""
EXACT_DUAL = 0.01
PINNED_KW = 1e-4
ONE_WAY_KW = 1e-5


def row(carrier: int, slope: FloatArray, bound: float, name: str = "line") -> HeldRow:
    return HeldRow(carrier, name, "loading", "%", True, 100.0, 100.0, slope, bound, 1, 0.0)


def central(problem: MarketProblem, rows: tuple[HeldRow, ...]) -> tuple[float, FloatArray]:
    """Optimal cost and multipliers of the rows, by Pyomo and HiGHS; a violated row costs what it does in the market."""
    model = build_model(problem)
    for i, k, most in held_imbalances(problem):
        model.x[i, k, 0].setub(most)
    model.slack = pyo.Var(range(len(rows)), domain=pyo.NonNegativeReals)
    model.limit = pyo.ConstraintList()
    for n, held in enumerate(rows):
        kw = [
            float(held.slope[i]) * _injection(model, problem.models[i], i, held.carrier)
            for i in np.flatnonzero(held.slope)
        ]
        model.limit.add(sum(kw) / held.size - model.slack[n] <= held.bound / held.size)
    price = SLACK_PRICE * problem.scarcity_price_per_kwh * problem.dt_h
    cost = model.total_cost.expr + price * sum(model.slack[n] for n in range(len(rows)))
    model.del_component(model.total_cost)
    model.total_cost = pyo.Objective(expr=cost)
    result = pyo.SolverFactory("highs").solve(model)
    assert result.solver.termination_condition == pyo.TerminationCondition.optimal
    duals = [-model.dual[model.limit[n + 1]] / rows[n].size / problem.dt_h for n in range(len(rows))]
    return float(pyo.value(model.total_cost)), np.array(duals)


def _injection(model: pyo.ConcreteModel, prosumer: ProsumerModel, i: int, c: int) -> Any:
    devices = [
        float(prosumer.balance[c, k, 0]) * model.x[i, k, 0] for k in own_rows(prosumer) if prosumer.balance[c, k, 0]
    ]
    return sum(devices) - float(prosumer.fixed[c, 0])


def pair(**of_b: float) -> MarketProblem:
    """A with a cheap source of 10 kW, B with a load of 4 kW; no charges."""
    models = (house("A", source_kw=10.0, source_price=0.05), house("B", load_kw=4.0, **of_b))
    free = no_charges(np.zeros(2, dtype=np.int64))
    return MarketProblem(models, (free, no_charges(np.full(2, -1))), 1.0)


def test_two_prosumers_and_one_limit_by_hand() -> None:
    """A may inject 6 kW of its 10: it curtails 4, sells 4 to B and exports 2, so a kWh on the network is worth 0.2.

    A produces at 0.05, hence pays 0.15 on all it injects; B pays nothing, its draw moves nothing.
    """
    _, found = cleared(pair(), Limits((row(0, np.array([1.0, 0.0]), 6.0),)), gap=1e-6)
    assert found.clearing.status is Status.OK
    assert found.injection_kw[0, 0] == pytest.approx([6.0, -4.0], abs=BY_HAND)
    assert found.surcharge_per_kwh[0, 0] == pytest.approx([0.15, 0.0], abs=BY_HAND)
    assert found.multiplier == pytest.approx([0.15], abs=BY_HAND)
    trades = found.clearing.trades[0]
    assert (trades.seller.tolist(), trades.buyer.tolist()) == ([0], [1])
    assert trades.power_kw == pytest.approx([4.0], abs=TIE_KW)
    assert trades.price_per_kwh == pytest.approx([0.2], abs=BY_HAND)
    assert found.clearing.price_per_kwh[0, 0] == pytest.approx([0.05, 0.2], abs=BY_HAND)
    assert found.clearing.cost == pytest.approx(6 * 0.05 - 2 * 0.2, abs=BY_HAND)


def test_who_relieves_a_limit_gets_a_rebate_by_hand() -> None:
    """The limit is on what flows from A to beyond B, 5 kW: every kW that B draws more lets A inject one more.

    B's load is worth 0.4 less 0.05 per kW and took 4 kW at the price of 0.2. A's last kWh costs 0.05, so B's draw is
    worth 0.2 - 0.15 = 0.05: it draws 7 kW, A injects 10 at 0.05 and would inject more.
    """
    models = (
        house("A", source_kw=20.0, source_price=0.05),
        house("B", load_kw=20.0, worth=0.4, steepness=0.05),
    )
    market = MarketProblem(models, (no_charges(np.zeros(2, dtype=np.int64)), no_charges(np.full(2, -1))), 1.0)
    _, found = cleared(market, Limits((row(0, np.array([1.0, 1.0]), 5.0),)), gap=1e-6)
    assert found.injection_kw[0, 0] == pytest.approx([12.0, -7.0], abs=0.01)
    assert found.surcharge_per_kwh[0, 0] == pytest.approx([0.15, 0.15], abs=BY_HAND)
    assert found.clearing.price_per_kwh[0, 0] == pytest.approx([0.05, 0.05], abs=BY_HAND)


def test_a_limit_that_nobody_can_keep_has_slack_and_the_rest_is_cleared() -> None:
    """B must draw its 4 kW whatever they do to the row."""
    problem, found = cleared(pair(), Limits((row(0, np.array([0.0, -1.0]), 1.0),)))
    assert found.clearing.status is Status.OK
    assert found.slack == pytest.approx([3.0], abs=BY_HAND)
    assert found.injection_kw[0, 0, 1] == -4.0
    assert found.clearing.cost == pytest.approx(10 * 0.05 - 6 * 0.2, abs=10 * GAP)
    # The slack's price is in what is minimised, but neither in anyone's bill nor in what bounds the bills.
    expected, _ = central(problem, (row(0, np.array([0.0, -1.0]), 1.0),))
    penalty = 3.0 * SLACK_PRICE * problem.scarcity_price_per_kwh
    assert found.clearing.lower_bound + penalty <= expected * (1 + 1e-6)
    assert found.clearing.lower_bound + penalty == pytest.approx(expected, rel=GAP)
    assert found.clearing.lower_bound <= found.clearing.cost


def test_given_injections_are_kept() -> None:
    problem, found = cleared(pair(), Limits((), held_at(np.array([[[3.0, -4.0]], [[0.0, 0.0]]]))))
    assert found.clearing.status is Status.OK
    assert found.injection_kw[0, 0] == pytest.approx([3.0, -4.0], abs=PINNED_KW)
    assert found.clearing.trades[0].power_kw == pytest.approx([3.0], abs=TIE_KW)
    bought = problem.models[1].index("grid", "import")
    assert found.clearing.dispatch[1].x[bought, 0] == pytest.approx(1.0, abs=TIE_KW)


def random_rows(problem: MarketProblem, injection_kw: FloatArray, rng: np.random.Generator) -> tuple[HeldRow, ...]:
    """Rows of any unit, some of which the clearing without them breaks by up to a few kW."""
    rows = []
    for n in range(int(rng.integers(1, 4))):
        c = int(rng.integers(0, 2)) if problem.member[1].any() else 0
        slope = rng.normal(size=injection_kw.shape[1]) * problem.member[c] * 10.0 ** rng.uniform(-5, 1)
        broken_by = rng.uniform(-2.0, 6.0) * np.abs(slope).max()
        rows.append(row(c, slope, float(slope @ injection_kw[c]) - broken_by, f"line {n}"))
    return tuple(rows)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=12, deadline=None, derandomize=True)
def test_random_rows_against_the_central_model(seed: int) -> None:
    rng = np.random.default_rng(seed)
    horizon = int(rng.choice([1, 4, 6]))
    raw = random_market(4, seed, horizon=horizon, first_hour=int(rng.integers(0, 24)))
    problem = connected(raw)
    free = clear(raw, Settings())
    rows = random_rows(problem, injections(problem, free.dispatch)[:, 0], rng)
    alone = Fleet(problem).alone
    start = start_from(problem, free, free.end.weight)
    found = clear_constrained(problem, Limits(rows), Settings(), alone=alone, start=start)
    expected, _ = central(problem, rows)
    scale = max(abs(expected), float(np.abs(alone.cost).sum()))
    price = SLACK_PRICE * problem.scarcity_price_per_kwh
    penalty = sum(price * s / r.size for s, r in zip(found.slack, rows, strict=True))
    assert found.clearing.status is Status.OK
    assert abs(found.clearing.cost + penalty - expected) <= GAP * scale
    assert found.clearing.lower_bound + penalty <= expected + 1e-6 * scale
    assert found.clearing.lower_bound <= found.clearing.cost + 1e-6 * scale
    for held, mu, slack in zip(rows, found.multiplier, found.slack, strict=True):
        left = held.bound + slack - float(held.slope @ found.injection_kw[held.carrier, 0])
        assert left >= -ROW * 10.0 * held.size
        assert mu >= 0.0
        # Complementary: a row with room has no price.
        assert mu * left <= GAP * scale


def test_on_a_network_with_loops_every_pair_is_an_edge() -> None:
    raw = random_market(4, 11, horizon=4, first_hour=11)
    loops = MarketProblem(raw.models, tuple(_without_tree(c) for c in raw.charges), raw.dt_h)
    free = clear(raw, Settings())
    problem = connected(raw)
    rows = random_rows(problem, injections(problem, free.dispatch)[:, 0], np.random.default_rng(3))
    _, on_tree = cleared(raw, Limits(rows))
    _, on_pairs = cleared(loops, Limits(rows))
    assert on_pairs.clearing.status is Status.OK
    assert on_pairs.clearing.cost == pytest.approx(on_tree.clearing.cost, rel=2 * GAP)
    for trades, sale in zip(on_pairs.clearing.trades, on_pairs.clearing.sale_kw, strict=True):
        assert trades.net_sale(4) == pytest.approx(sale[0], abs=1e-12)


def _without_tree(charges: Any) -> Any:
    from dataclasses import replace

    return replace(charges, tree=None)


@pytest.mark.parametrize("seed", range(4))
def test_surcharges_are_the_central_duals_where_costs_are_strictly_convex(seed: int) -> None:
    rng = np.random.default_rng(seed)
    models = tuple(
        house(
            f"P{i}",
            source_kw=60.0,
            source_price=rng.uniform(0.05, 0.2),
            curvature=rng.uniform(0.002, 0.02),
            load_kw=60.0,
            worth=rng.uniform(0.4, 0.9),
            steepness=rng.uniform(0.005, 0.03),
        )
        for i in range(5)
    )
    charges = path_charges(random_tree(rng, 5), np.arange(5), price_per_length=0.01, payer="both")
    market = MarketProblem(models, (charges, no_charges(np.full(5, -1))), 1.0)
    problem = connected(market)
    free = clear(market, Settings(relative_gap=1e-5))
    injection = injections(problem, free.dispatch)[0, 0]
    slopes = [rng.normal(size=5) for _ in range(2)]
    rows = tuple(
        row(0, s, float(s @ injection) - 3.0 * float(np.abs(s).max()), f"line {n}") for n, s in enumerate(slopes)
    )
    _, found = cleared(market, Limits(rows), gap=1e-5)
    _, duals = central(problem, rows)
    expected = sum(mu * r.slope for mu, r in zip(duals, rows, strict=True))
    assert found.surcharge_per_kwh[0, 0] == pytest.approx(expected, abs=EXACT_DUAL * float(np.abs(expected).max()))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_nobody_injects_beyond_its_reach(seed: int) -> None:
    """The reach is an outer bound, or it would cut off dispatches that the prosumers can do."""
    rng = np.random.default_rng(seed)
    raw = random_market(3, seed, horizon=int(rng.choice([1, 2, 6])), first_hour=int(rng.integers(0, 24)))
    problem = connected(raw)
    fleet = Fleet(problem)
    least, most = injection_bounds(problem, fleet.power_kw)
    for sale in (-100.0, 0.0, 100.0):
        wish = np.zeros(problem.shape)
        wish[:, 0] = sale
        injection = injections(problem, tuple(fleet.dispatch_for_sales(wish)))[:, 0]
        assert np.all(injection <= np.where(problem.member, most, 0.0) + 1e-4)
        assert np.all(injection >= np.where(problem.member, least, 0.0) - 1e-4)


def test_rows_of_lower_limits_turn_both_signs() -> None:
    names, now = ("A", "B"), np.array([5.0, -3.0])
    below = LimitRow("bus", "voltage_pu", "p.u.", 0.94, 0.95, False, {"A": 1e-3, "B": 2e-3})
    held = held_row(below, 0, names, now, {})
    # 10 kW more at A, or 5 at B, mend it but for the margin.
    assert held.slope == pytest.approx([-1e-3, -2e-3])
    mended = now + np.array([(0.01 + MARGIN * 0.95) / 1e-3, 0.0])
    assert held.slope @ mended == pytest.approx(held.bound)
    assert held_row(below, 0, names, now, {held.key: held}).bound == pytest.approx(held.bound), "nothing was missed"


def test_a_margin_grows_by_what_was_missed_and_with_patience() -> None:
    """The row moved by 0.01 and a tenth of that was missed: the next, which has a tenth of the way, may miss 1e-4."""
    names, now = ("A",), np.array([0.0])
    far = LimitRow("bus", "voltage_pu", "p.u.", 0.94, 0.95, False, {"A": 1e-3})
    held = held_row(far, 0, names, now, {})
    there = np.array([10.0])
    near = LimitRow("bus", "voltage_pu", "p.u.", 0.949, 0.95, False, {"A": 1e-3})
    again = held_row(near, 0, names, there, {held.key: held})
    assert again.margin == pytest.approx(MARGIN * 0.95 + 1e-4)
    # What costs as good as nothing is taken whole.
    cheap = held_row(near, 0, names, there, {held.key: held}, affordable=np.inf)
    assert cheap.margin == pytest.approx(MARGIN * 0.95 + 1e-3)
    # Missed by the same once more, though there was a tenth of the way only: no curvature is like this.
    third = held_row(near, 0, names, there + 1.0, {held.key: again})
    assert third.times_broken == CURVED + 1
    assert third.margin == pytest.approx(MARGIN * 0.95 + CURVATURE * 1e-3)
    fourth = held_row(near, 0, names, there + 2.0, {held.key: third})
    assert fourth.margin == pytest.approx(MARGIN * 0.95 + 2 * CURVATURE * 1e-3)
    kept = LimitRow("bus", "voltage_pu", "p.u.", 0.951, 0.95, False, {"A": 1e-3})
    assert held_row(kept, 0, names, there + 3.0, {held.key: fourth}).margin == pytest.approx(MARGIN * 0.95)


def test_a_row_for_another_plan_counts_its_reactive_power() -> None:
    names, now, kvar = ("A", "B"), np.array([5.0, -3.0]), np.array([2.0, 0.0])
    row = LimitRow("bus", "voltage_pu", "p.u.", 1.06, 1.05, True, {"A": 1e-3}, {"A": 2e-3, "B": 1e-3})
    held = held_row(row, 0, names, now, {}, kvar)
    other = held.renewed(np.array([1.0, 4.0]))
    # 2e-3 less from A's kvar, 4e-3 more from B's.
    assert other.bound == pytest.approx(held.bound + 2e-3 - 4e-3)
    assert other.slope == pytest.approx(held.slope)
    assert held.predicted(now, kvar) == pytest.approx(0.01)
    assert held.predicted(now, np.array([1.0, 4.0])) == pytest.approx(0.012)
    assert other.renewed(kvar).bound == pytest.approx(held.bound)


@pytest.mark.parametrize("seed", [0, 2, 6])
def test_storages_go_one_way_under_surcharges_far_beyond_their_wear(seed: int) -> None:
    """Nearly all that everybody can draw is asked for: drawing is paid so well that burning power would pay, too."""
    market = random_market(4, seed, horizon=6, first_hour=10)
    least, _ = injection_bounds(connected(market), power_scale(market))
    problem, found = cleared(market, Limits((row(0, np.ones(4), 0.9 * float(least[0].sum())),)))
    assert found.clearing.status is Status.OK
    # A battery that keeps 0.81 of what it takes burns power below this price; its wear is 0.1.
    assert found.surcharge_per_kwh[0, 0].min() > 0.1 * (1 + 0.81) / (1 - 0.81)
    for model, done in zip(problem.models, found.clearing.dispatch, strict=True):
        for charge, discharge in storage_rows(model):
            assert np.minimum(done.x[charge], done.x[discharge]).max() <= ONE_WAY_KW

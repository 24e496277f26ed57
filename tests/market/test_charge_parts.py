"""Charges of pairs, factors in time, charges of places: every form reaches the optimum of charges stated by trade.

The other road is `charges_oracle`: what the seller and the buyer of a kWh pay together, for every direction and
interval, and what a kWh injected pays, as costs of a model without any charges of its own.
"""

from dataclasses import replace
from statistics import median

import numpy as np
import pytest

import rolling_markets
from charges_oracle import Stated, central_cost
from markets import equipped_market, random_market
from mosaik_p2p.charges.graph import PathGraph
from mosaik_p2p.charges.mechanisms import Charges, path_charges, table_charges, uniform_charges
from mosaik_p2p.charges.over_time import AnyCharges, over_time
from mosaik_p2p.charges.place import PlaceCharges, place_charges
from mosaik_p2p.errors import Status
from mosaik_p2p.limits.rows import LimitRow
from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.clearing import Clearing, clear
from mosaik_p2p.market.imbalance import solvable, with_imbalance_priced
from mosaik_p2p.market.negotiation.protocol import NetworkReport
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.choice import make_market
from mosaik_p2p.market.over_time.day_ahead import DayAheadMarket
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.reference.pyomo_model import solve_central
from mosaik_p2p.market.reference.sparse_qp import solve_sparse
from mosaik_p2p.units import CARRIERS, FloatArray

pytestmark = pytest.mark.once

GAP = 1e-5
FORMS = ("network", "partners", "bilateral")
COUNT, HORIZON = 4, 5
FACTOR = np.array([0.5, 1.0, 2.0, 0.0, 2.0])


def market(seed: int) -> MarketProblem:
    return random_market(COUNT, seed, horizon=HORIZON, rate=0.02, first_hour=15)


def with_charges(
    problem: MarketProblem, pairs: tuple[AnyCharges, ...], place: PlaceCharges | None = None
) -> MarketProblem:
    return replace(problem, charges=pairs, place=place)


def all_forms(problem: MarketProblem, forms: tuple[str, ...] = FORMS) -> list[Clearing]:
    cleared = [clear(problem, Settings(form=form, relative_gap=GAP, binding=problem.shape[1])) for form in forms]
    assert [c.form for c in cleared] == list(forms)
    assert all(c.status is Status.OK for c in cleared)
    return cleared


def agree(problem: MarketProblem, stated: Stated, forms: tuple[str, ...] = FORMS) -> list[Clearing]:
    """Every form, and both central models, cost what the charges as `stated` cost."""
    expected = central_cost(problem, stated)
    scale = max(abs(expected), float(np.abs(Fleet(solvable(problem)).alone.cost).sum()))
    cleared = all_forms(problem, forms)
    costs = [*(c.cost for c in cleared), solve_central(problem).cost, solve_sparse(problem).cost]
    assert costs == pytest.approx([expected] * len(costs), abs=GAP * scale)
    return cleared


def both_ways(pair: FloatArray, factor: FloatArray) -> FloatArray:
    """(T, N, N)"""
    return factor[:, None, None] * pair


def places(shape: tuple[int, int, int], seed: int, size: float) -> FloatArray:
    """(C, T, N): electric ones only for even seeds, since one carrier may have charges and the other none."""
    values = np.random.default_rng(seed).uniform(-0.4, 1.0, shape) * size
    if seed % 2 == 0:
        values[1] = 0.0
    return values


def never(values: FloatArray) -> FloatArray:
    return np.zeros_like(values)


# -- a factor -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_factor_multiplies_in_its_interval(seed: int) -> None:
    problem = market(seed)
    factors = (FACTOR, np.roll(FACTOR, 2))
    pairs = tuple(over_time([(c, f)], HORIZON) for c, f in zip(problem.charges, factors, strict=True))
    sold = np.array([both_ways(np.asarray(c.total), f) for c, f in zip(problem.charges, factors, strict=True)])
    cleared = agree(with_charges(problem, pairs), Stated(sold, np.zeros(problem.shape)))
    plain = clear(problem, Settings(relative_gap=GAP))
    assert abs(cleared[0].cost - plain.cost) > 10 * GAP * abs(plain.cost)


def test_a_factor_of_one_changes_nothing_at_all() -> None:
    problem = market(0)
    assert over_time([(problem.charges[0], np.ones(HORIZON))], HORIZON) is problem.charges[0]
    assert over_time([(problem.charges[0], None)], HORIZON) is problem.charges[0]


# -- several mechanisms -------------------------------------------------------------------------------------------


def line(count: int, rate: float, payer: str) -> Charges:
    graph = PathGraph(
        tuple(str(i) for i in range(count)),
        np.arange(count - 1),
        np.arange(1, count),
        np.linspace(0.5, 1.5, count - 1),
        {i: i for i in range(count)},
    )
    return path_charges(graph, np.arange(count), price_per_length=rate, payer=payer)


def test_mechanisms_of_one_graph_add_up_on_its_tree() -> None:
    problem = market(1)
    one, other = line(COUNT, 0.01, "both"), line(COUNT, 0.03, "seller")
    summed = over_time([(one, FACTOR), (other, None)], HORIZON)
    assert all(summed.at(t).tree is not None for t in range(HORIZON))
    way = np.asarray(line(COUNT, 1.0, "both").posted)
    sold = np.array([both_ways(way, 0.02 * FACTOR + 0.03)] * 2)
    cleared = agree(with_charges(problem, (summed, summed)), Stated(sold, np.zeros(problem.shape)))
    for t, trades in enumerate([cleared[0].trades[0], *(later[0] for later in cleared[0].later_trades)]):
        seller, buyer = summed.at(t).end_charges(trades.seller, trades.buyer)
        assert seller == pytest.approx((0.01 * FACTOR[t] + 0.03) * way[trades.seller, trades.buyer])
        assert buyer == pytest.approx(0.01 * FACTOR[t] * way[trades.seller, trades.buyer])


def test_mechanisms_of_two_graphs_add_up_as_a_table() -> None:
    problem = market(2)
    star = uniform_charges(np.arange(COUNT), rate_per_kwh=0.02, payer="both")
    table = np.random.default_rng(5).uniform(0, 0.05, (COUNT, COUNT))
    table = table + table.T
    listed = table_charges(table, np.arange(COUNT), payer="buyer")
    summed = over_time([(line(COUNT, 0.01, "both"), FACTOR), (star, None), (listed, FACTOR[::-1])], HORIZON)
    assert summed.tree is None
    way = np.asarray(line(COUNT, 1.0, "both").posted)
    sold = np.array([both_ways(0.02 * way, FACTOR) + 0.04 + both_ways(table, FACTOR[::-1])] * 2)
    agree(
        with_charges(problem, (summed, summed)),
        Stated(sold, np.zeros(problem.shape)),
        forms=("partners", "bilateral"),
    )


def test_benefits_are_taken_off_after_the_factor() -> None:
    """K = max(factor times charge - benefit, 0) in every interval, and never off a charge of places."""
    problem = market(1)
    benefit = np.full((COUNT, COUNT), 0.03)
    pairs = tuple(over_time([(c, FACTOR)], HORIZON).with_benefit(benefit) for c in problem.charges)
    sold = np.array([np.maximum(both_ways(np.asarray(c.total), FACTOR) - 0.03, 0.0) for c in problem.charges])
    nu = places(problem.shape, 3, 0.1)
    agree(
        with_charges(problem, pairs, PlaceCharges(nu, never(nu))),
        Stated(sold, nu),
        forms=("partners", "bilateral"),
    )


# -- places -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "size", "timed"), [(0, 0.5, False), (1, 0.05, True), (2, 0.2, True), (3, 0.5, False)])
def test_places_pay_for_what_their_devices_inject(seed: int, size: float, *, timed: bool) -> None:
    problem = market(seed)
    nu = places(problem.shape, seed, size)
    factor = FACTOR if timed else np.ones(HORIZON)
    pairs = tuple(over_time([(c, factor)], HORIZON) for c in problem.charges)
    sold = np.array([both_ways(np.asarray(c.total), factor) for c in problem.charges])
    cleared = agree(with_charges(problem, pairs, PlaceCharges(nu, never(nu))), Stated(sold, nu))
    assert abs(cleared[0].cost - clear(with_charges(problem, pairs), Settings(relative_gap=GAP)).cost) > 0.01


def test_loads_that_nobody_plans_pay_too() -> None:
    """What a fixed load draws counts against what is injected, though no dispatch changes it."""
    problem = equipped_market(3, 5, horizon=3, first_hour=9)
    assert any(model.fixed.any() for model in problem.models)
    nu = places(problem.shape, 1, 0.1)
    problem = with_charges(problem, problem.charges, PlaceCharges(nu, never(nu)))
    sold = np.array([both_ways(np.asarray(c.at(0).total), np.ones(3)) for c in problem.charges])
    agree(problem, Stated(sold, nu), forms=("network",))


@pytest.mark.parametrize("seed", range(3))
def test_entry_and_exit_on_trades_are_a_star_and_a_place_value(seed: int) -> None:
    """Whoever sells pays the entry of its place, whoever buys the exit of its own: contracts pay neither."""
    problem = market(seed)
    rng = np.random.default_rng(seed)
    entry, leave = rng.uniform(0.0, 0.15, (2, COUNT))
    star = PathGraph(
        ("hub", *(str(i) for i in range(COUNT))),
        np.zeros(COUNT, dtype=np.int64),
        np.arange(1, COUNT + 1),
        (entry + leave) / 2,
        {},
    )
    pairs = path_charges(star, np.arange(1, COUNT + 1), price_per_length=1.0, payer="split")
    nu = np.broadcast_to((entry - leave) / 2, problem.shape).copy()
    stated = np.broadcast_to(entry[:, None] + leave[None, :], (*problem.shape, COUNT))
    problem = with_charges(problem, (pairs, pairs), PlaceCharges(never(nu), nu))
    agree(problem, Stated(stated, np.zeros(problem.shape)))


def test_a_charge_on_injections_alone_is_paid_on_contracts_too() -> None:
    """The same value everywhere: on trades it telescopes to nothing, on injections the contracts' kWh pay it."""
    problem = market(4)
    same = np.full(problem.shape, 0.05)
    plain, on_trades, on_injections = (
        clear(replace(problem, place=place), Settings(relative_gap=GAP))
        for place in (None, PlaceCharges(never(same), same), PlaceCharges(same, never(same)))
    )
    assert on_trades.cost == pytest.approx(plain.cost, rel=2 * GAP)
    assert abs(on_injections.cost - plain.cost) > 100 * GAP * abs(plain.cost)


@pytest.mark.parametrize("on_trades", [False, True])
def test_prices_are_what_a_kwh_is_worth_to_who_has_it(*, on_trades: bool) -> None:
    """A trade's price less the seller's charge and its place's is the seller's own price."""
    problem = market(2)
    nu = places(problem.shape, 7, 0.3)
    place = PlaceCharges(never(nu), nu) if on_trades else PlaceCharges(nu, never(nu))
    cleared = clear(replace(problem, place=place), Settings(relative_gap=1e-6, binding=1))
    checked = 0
    for c, trades in enumerate(cleared.trades):
        charges = problem.charges[c].at(0)
        for i, j, price in zip(trades.seller, trades.buyer, trades.price_per_kwh, strict=True):
            seller_pays, buyer_pays = charges.end_charges(np.array([i]), np.array([j]))
            own = cleared.price_per_kwh[c, 0]
            assert price == pytest.approx(own[i] + nu[c, 0, i] + seller_pays[0], abs=1e-3)
            assert price == pytest.approx(own[j] + nu[c, 0, j] - buyer_pays[0], abs=1e-3)
            checked += 1
    assert checked > 0
    assert _at_the_margin(problem, cleared, nu, on_trades=on_trades) > 3


def _at_the_margin(problem: MarketProblem, cleared: Clearing, nu: FloatArray, *, on_trades: bool) -> int:
    """How many plants and contracts that are neither at rest nor at a limit set their owner's price."""
    found = 0
    for i, (model, done) in enumerate(zip(with_imbalance_priced(problem).models, cleared.dispatch, strict=True)):
        for k, t in np.argwhere((done.x > model.lower + 0.1) & (done.x < model.upper - 0.1)):
            variable, carriers = model.variables[k], np.flatnonzero(model.balance[:, k, t])
            if variable.type not in ("pv", "solar_collector", "contract"):
                continue
            (c,) = carriers
            on_top = 0.0 if variable.is_device or on_trades else nu[c, t, i]
            own = model.balance[c, k, t] * model.linear[k, t] - on_top
            assert cleared.price_per_kwh[c, t, i] == pytest.approx(own, abs=2e-3)
            found += 1
    return found


def test_scarcity_stays_above_every_charge() -> None:
    """No load goes unserved because its place is dear."""
    problem = market(0)
    dear = np.full(problem.shape, -300.0)
    cleared = clear(replace(problem, place=PlaceCharges(dear, never(dear))), Settings())
    assert all(float(np.abs(done.imbalance_kw).max()) < 1e-3 for done in cleared.dispatch)


def test_iterations_are_hardly_more_than_without() -> None:
    pairs = []
    for seed in range(20):
        problem = random_market(COUNT, 100 + seed, horizon=8, rate=0.01, first_hour=9)
        nu = np.random.default_rng(seed).uniform(-0.05, 0.1, problem.shape)
        with_places = replace(problem, place=place_charges([(part, never(part)) for part in nu]))
        pairs.append(tuple(clear(one, Settings(relative_gap=1e-4)).iterations for one in (problem, with_places)))
    without, within = (median(side) for side in zip(*pairs, strict=True))
    assert within <= 1.2 * without


# -- over many intervals ------------------------------------------------------------------------------------------


def factors(case: MarketCase) -> FloatArray:
    return np.linspace(0.5, 2.0, len(case.day))


def rolling_case(size: float, *, on_trades: bool = False) -> MarketCase:
    case = rolling_markets.market_case(settings=Settings(relative_gap=1e-5))
    shape = (len(case.charges), len(case.day), len(case.prosumers))
    nu = np.random.default_rng(1).uniform(-1.0, 1.0, shape) * size
    return replace(
        case,
        charges=tuple(over_time([(charges, factors(case))], len(case.day)) for charges in case.charges),
        place=PlaceCharges(never(nu), nu) if on_trades else PlaceCharges(nu, never(nu)),
    )


@pytest.mark.parametrize("on_trades", [False, True])
def test_a_negotiated_clearing_bears_the_same_charges(*, on_trades: bool) -> None:
    """A limit that is broken by next to nothing moves next to nothing, whatever places are charged."""
    market = RollingMarket(rolling_case(0.3, on_trades=on_trades))
    market.clear(0)
    market.commit()
    first = market.clear(1)
    before = {entry.prosumer: entry.injection_kw for entry in first.dispatch}
    name = max(before, key=lambda one: before[one])
    row = LimitRow("line", "line_loading", "%", 100.0 + 1e-4, 100.0, True, {name: 1.0}, {})
    report = NetworkReport(True, frozenset({("line", "line_loading")}), (row,))
    second = market.negotiate({"electricity": report}, max_rounds=2)
    assert second is not None
    after = {entry.prosumer: entry.injection_kw for entry in second.dispatch}
    assert after[name] <= before[name]
    costs = [outcome.tables["clearing"]["cost"][0] for outcome in (first, second)]
    assert costs[1] == pytest.approx(costs[0], rel=5e-5)
    for column in ("place_charge_injected_per_kwh", "place_charge_sold_per_kwh"):
        assert second.tables["prosumers"][column] == first.tables["prosumers"][column]
    prices = [np.array(outcome.tables["prosumers"]["marginal_price_per_kwh"]) for outcome in (first, second)]
    paid = np.array(second.tables["prosumers"]["surcharge_per_kwh"])
    assert prices[1] + paid == pytest.approx(prices[0], abs=0.02)


def test_the_first_dispatch_offered_once_more_has_its_prices() -> None:
    """Where nothing that follows keeps the limit better, the dispatch without rows stands: as it was told before."""
    market = RollingMarket(rolling_case(0.3))
    first = last = market.clear(0)
    name = max(first.dispatch, key=lambda entry: entry.injection_kw).prosumer
    values = iter([100.0 + 1e-4])
    for _ in range(20):
        row = LimitRow("line", "line_loading", "%", next(values, 150.0), 100.0, True, {name: 1.0}, {})
        report = NetworkReport(True, frozenset({("line", "line_loading")}), (row,))
        following = market.negotiate({"electricity": report}, max_rounds=1)
        if following is None:
            break
        last = following
    assert "that of round 0" in last.tables["clearing"]["cause"][0]
    columns = ("marginal_price_per_kwh", "injection_kw", "place_charge_injected_per_kwh")
    for column in columns:
        assert last.tables["prosumers"][column] == pytest.approx(first.tables["prosumers"][column], abs=1e-9)


def test_day_ahead_and_rolling_tell_the_charges_of_each_interval() -> None:
    case = replace(rolling_case(0.1), steps=3)
    assert case.place is not None
    names, plain = [prosumer.name for prosumer in case.prosumers], rolling_markets.market_case().charges
    for clearing in ("rolling", "day_ahead"):
        market = make_market(replace(case, clearing=clearing))
        for k in range(case.steps):
            tables = market.clear(k).tables
            market.commit()
            prosumers = tables["prosumers"]
            for n, name in enumerate(prosumers["prosumer"]):
                c, i = CARRIERS.index(prosumers["carrier"][n]), names.index(name)
                assert prosumers["place_charge_injected_per_kwh"][n] == case.place.injection[c, k, i]
            for table, (one, other) in (("charges", ("prosumer", "partner")), ("trades", ("seller", "buyer"))):
                told = tables[table]
                pairs = zip(told["carrier"], told[one], told[other], told["charge_seller_per_kwh"], strict=True)
                expected = [
                    plain[CARRIERS.index(carrier)].posted[names.index(i), names.index(j)] * factors(case)[k]
                    for carrier, i, j, _ in pairs
                ]
                assert expected
                assert told["charge_seller_per_kwh"] == pytest.approx(expected)


def test_alone_nobody_pays_anything() -> None:
    free = replace(rolling_case(0.3), place=None)
    with_places, without = (RollingMarket(case).clear(0).tables for case in (rolling_case(0.3), free))
    for column in ("import_kw", "export_kw", "cost"):
        assert with_places["alone"][column] == pytest.approx(without["alone"][column], abs=1e-4)


# -- shipped networks ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("name", "cost"), [("network1", 1333.702), ("network2", 2080.455)])
def test_times_of_use_on_the_case_studies(name: str, cost: float) -> None:
    """Half before 7:00, twice from 18:00 to 22:00: figures of another program that stated the same market."""
    steps = '[{ from = "00:00", to = "07:00", factor = 0.5 }, { from = "18:00", to = "22:00", factor = 2.0 }]'
    changes = ["time.clearing=day_ahead", "negotiation.enabled=false"]
    changes += [f"charges.{carrier}.factor={steps}" for carrier in CARRIERS]
    problem = DayAheadMarket(market_case(load(name, overrides=changes))).problem(0)
    assert solve_sparse(problem).cost == pytest.approx(cost, abs=1e-3)
    assert clear(problem, Settings(relative_gap=GAP)).cost == pytest.approx(cost, rel=GAP)

"""Whether what a clearing says of itself is true: costs, bounds and gaps against programmes of the tests' own."""

from dataclasses import replace
from itertools import product

import clarabel
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from markets import equipped_market, expected
from markets_under_rows import made, some_market, some_rows
from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.devices.kinds.fixed_load import FixedLoad
from mosaik_p2p.devices.kinds.generator import Generator
from mosaik_p2p.errors import BadInput, Status
from mosaik_p2p.market import one_way
from mosaik_p2p.market.clearing import Clearing, clear
from mosaik_p2p.market.imbalance import solvable, with_imbalance_priced
from mosaik_p2p.market.negotiation.constrained_clearing import clear_constrained, connected, injections
from mosaik_p2p.market.negotiation.limits import Limits
from mosaik_p2p.market.negotiation.operator_step import SLACK_PRICE
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.interval_problem import solved
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.presolve import FAR, within_means
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.market.prosumer_step import direction_search as directions
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.market.reference.fallback import cleared_centrally
from mosaik_p2p.prosumers.prosumer import Contract, Prosumer
from mosaik_p2p.single_period.clearing import PlainStatus, clear_plain
from mosaik_p2p.single_period.presolve import within_means as plain_within_means
from mosaik_p2p.single_period.tables import read_market
from plain_markets import agents, pairs
from rows_reference import one_way_cost, optimal_cost, stated
from stressed_markets import stored_market, stressed_market, stressed_tables

ORACLE = 2e-6
"""Of the gap's scale: Clarabel's tolerance, with room for scarcity prices far above all others."""
NOTHING = 1e-3
"""Money per hour: a market in which nobody can do anything has no other scale."""
FORMS = ("network", "partners", "bilateral")


def cost_alone(problem: MarketProblem, *, within: float) -> float:
    """Sum of what everyone pays without peers, sizes of it; what then is unserved paid for, too."""
    problem = with_imbalance_priced(problem)
    single = (replace(problem, models=(model,)) for model in problem.models)
    return sum(abs(one_way_cost(alone, within=within)) for alone in single)


def assert_true(problem: MarketProblem, cleared: Clearing, *, asked: float) -> None:
    """A feasible cost, a valid bound, no gap below the true one, and `ok` only within what was asked."""
    within = 1e-7 * max(abs(cleared.cost), 1e-3)
    optimum = one_way_cost(with_imbalance_priced(problem), within=within)
    scale = max(abs(cleared.cost), cost_alone(problem, within=within))
    room = ORACLE * scale
    assert cleared.cost >= optimum - room
    assert cleared.lower_bound <= optimum + room
    assert cleared.relative_gap >= (cleared.cost - optimum) / scale - ORACLE
    assert cleared.relative_gap >= (cleared.cost - cleared.lower_bound) / scale - ORACLE
    if cleared.status is Status.OK:
        assert max(cleared.relative_gap, cleared.primal_residual, cleared.dual_residual) <= asked
        assert cleared.cost - optimum <= asked * scale + room
    else:
        assert cleared.cause


@pytest.mark.parametrize("seed", range(50))
def test_the_certificate_of_a_stressed_market_is_true(seed: int) -> None:
    problem = stressed_market(seed)
    asked = 1e-4 if seed % 2 else 1e-3
    settings = Settings(form=FORMS[seed % 3], relative_gap=asked, max_iterations=400, binding=1 + seed % 2)
    assert_true(
        problem, clear(problem, replace(settings, binding=min(settings.binding, problem.shape[1]))), asked=asked
    )


def test_nearly_all_stressed_markets_are_cleared() -> None:
    failed = [
        seed
        for seed in (*range(0, 50, 2), 13)
        if clear(stressed_market(seed), Settings(max_iterations=400)).status is Status.NOT_CONVERGED
    ]
    # Several devices without limits that feed each other, and heat that can be sold without limit.
    assert set(failed) <= {13, 30}


@pytest.mark.parametrize("seed", [*range(12), 52, 144, 189])
def test_stores_that_would_burn_what_is_paid_for_are_cleared_to_the_gap(seed: int) -> None:
    """What going both ways would earn is up to a fifth of the cost."""
    problem = stored_market(seed)
    cleared = clear(problem, Settings(form=FORMS[seed % 3], relative_gap=1e-4))
    assert cleared.status is Status.OK
    assert_true(problem, cleared, asked=1e-4)


def test_a_gap_that_does_not_close_is_no_ok(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two prosumers whose choices depend on each other: no price makes both right at once, and there is no time."""
    monkeypatch.setattr(one_way, "MOST_STEPS", 4)
    problem = stored_market(52)
    cleared = clear(problem, Settings(form="partners", relative_gap=1e-4))
    assert (cleared.status, cleared.repaired) == (Status.GAP_OPEN, True)
    assert cleared.relative_gap > 1e-4
    assert "one direction" in str(cleared.cause)
    assert_true(problem, cleared, asked=1e-4)


@pytest.mark.parametrize("seed", [2, 3, 12])
def test_the_reference_for_one_way_stores_counts_all_directions(seed: int) -> None:
    """Branch and bound against trying each combination of directions."""
    problem = with_imbalance_priced(stored_market(seed))
    problem = replace(problem, models=problem.models[:2])
    programme, first = stated(problem, (), slack_price_per_kwh=0.0)
    horizon, ways = problem.shape[1], []
    for at, model in zip(first, problem.models, strict=True):
        rows = (model.index("battery", "charge"), model.index("battery", "discharge"))
        ways += [tuple(at + row * horizon + t for row in rows) for t in range(min(horizon, 4))]
    models = []
    for model in problem.models:
        upper = model.upper.copy()
        upper[model.index("battery", "charge"), 4:] = 0.0
        models.append(replace(model, upper=upper))
    problem = replace(problem, models=tuple(models))
    programme, _ = stated(problem, (), slack_price_per_kwh=0.0)
    best = np.inf
    for closed in product(*ways):
        limits = np.array(programme.upper)
        limits[list(closed)] = 0.0
        best = min(best, programme.solved(limits)[0])
    found = one_way_cost(problem, within=1e-9)
    assert found == pytest.approx(best + sum(m.constant for m in problem.models), abs=1e-6)


# -- under rows, and solved centrally ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_the_gap_under_rows_is_that_of_the_cost_reported(seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw = made(("tree", "loop", "partners")[seed % 3], some_market(seed), rng)
    problem = connected(raw)
    rows = some_rows(problem, injections(problem, clear(raw, Settings()).dispatch)[:, 0], rng)
    alone = Fleet(problem).alone
    limited = clear_constrained(problem, Limits(rows), Settings(), alone=alone)
    cleared = limited.clearing
    scale = max(abs(cleared.cost), float(np.abs(alone.cost).sum()))
    assert cleared.relative_gap >= (cleared.cost - cleared.lower_bound) / scale - 1e-9
    price = SLACK_PRICE * problem.scarcity_price_per_kwh
    broken = sum(float(slack) / row.size for slack, row in zip(limited.slack, rows, strict=True)) * problem.dt_h
    optimum = optimal_cost(problem, rows, slack_price_per_kwh=price)
    assert cleared.relative_gap >= (cleared.cost + price * broken - optimum) / scale - ORACLE


@pytest.mark.parametrize("seed", range(3))
def test_what_breaking_a_row_would_cost_is_no_scale(seed: int) -> None:
    """Limits that nobody can keep are paid for at nearly the scarcity price; the gap is about the market's own cost."""
    raw = some_market(seed)
    problem = connected(raw)
    rng = np.random.default_rng(seed)
    rows = some_rows(problem, injections(problem, clear(raw, Settings()).dispatch)[:, 0], rng)
    beyond = tuple(replace(row, bound=row.bound - 1e3 * row.size) for row in rows)
    alone = Fleet(problem).alone
    cleared = clear_constrained(problem, Limits(beyond), Settings(max_iterations=200), alone=alone).clearing
    scale = max(abs(cleared.cost), float(np.abs(alone.cost).sum()))
    assert cleared.relative_gap == pytest.approx((cleared.cost - cleared.lower_bound) / scale, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("nodes", [2, 4, 300])
def test_a_search_that_ends_early_bounds_less_and_never_more(nodes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directions, "MOST_NODES", nodes)
    for seed in (4, 13):
        problem = solvable(stored_market(seed))
        price = np.full((2, problem.shape[1]), -0.3)
        for model in problem.models:
            scale = directions.Scale(model.size_kw, 1.0)
            for found in directions.at_prices(model, price, scale, {}, within=1e-9):
                earned = np.einsum("ckt,ct->kt", model.balance, price * np.array(model.member)[:, None])
                own = replace(model, linear=model.linear - earned, constant=0.0, fixed=0.0 * model.fixed)
                battery = [v.device == "battery" for v in model.variables]
                own = replace(own, upper=np.where(np.array(battery)[:, None], own.upper, own.lower))
                free = replace(own, balance=0.0 * own.balance, totals=())
                least = one_way_cost(replace(problem, models=(free,)), within=1e-9)
                assert found.lower <= least + 1e-6
                if nodes == 300:
                    assert found.lower >= least - 1e-5


def test_what_has_been_searched_for_is_not_searched_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what differs in anything is: price, limits, part, scale, tolerance."""
    problem, run, made = solvable(stored_market(4)), directions._Search.run, list[float]()
    monkeypatch.setattr(directions._Search, "run", lambda search, within: (made.append(within), run(search, within))[1])
    model, price, memory = problem.models[0], np.full((2, problem.shape[1]), -0.3), directions.Memory()
    scale = directions.Scale(model.size_kw, 1.0)
    first = directions.at_prices(model, price, scale, memory, within=1e-6)
    assert first
    assert directions.at_prices(model, price, scale, memory, within=1e-6) == first
    assert len(made) == 1
    narrower = replace(model, upper=0.5 * model.upper)
    others = [(narrower, price, scale), (model, price + 1e-9, scale), (model, price, replace(scale, price_per_kwh=2.0))]
    for count, (its, at, measured) in enumerate(others, start=2):
        found = directions.at_prices(its, at, measured, memory, within=1e-6)
        assert len(made) == count
        fresh = directions.at_prices(its, at, measured, {}, within=1e-6)
        made.pop()
        assert [one.lower for one in found] == [one.lower for one in fresh]
    directions.at_prices(model, price, scale, memory, within=1e-7)
    assert len(made) == len(others) + 2


@pytest.mark.parametrize("seed", [1, 6])
def test_a_central_solution_is_certified_by_the_same_measure(seed: int) -> None:
    problem = stored_market(seed)
    failed = clear(problem, Settings(max_iterations=1, form="bilateral"))
    cleared = cleared_centrally(problem, failed, Settings(relative_gap=1e-4))
    assert (cleared.status, cleared.form) == (Status.OK, "central")
    assert_true(problem, cleared, asked=1e-4)


# -- limits that mean none --------------------------------------------------------------------------------------------


def with_idle_generator(max_kw: float, *, import_max_kw: float = 50.0) -> MarketProblem:
    """Three houses with 3.1 kW of load, 2 kW of them from the roof; the generator costs more than it is worth."""
    span = 2
    price, feed_in = np.full(span, 0.3), np.full(span, 0.1)
    contract = (Contract("grid", "electricity", price, feed_in, import_max_kw, import_max_kw),)
    loads = [FixedLoad("load", "electricity", expected(np.full(span, kw))) for kw in (1.0, 1.5, 0.6)]
    devices = ((loads[0],), (loads[1],), (loads[2], Generator("generator", 0.0, max_kw, 0.4, 0.001)))
    owners = [Prosumer(name, 0, None, 1.0, own, contract) for name, own in zip("ABC", devices, strict=True)]
    case = MarketCase(
        tuple(owners),
        (no_charges(np.zeros(3, dtype=np.int64)),) * 2,
        np.zeros(span, dtype=np.int64),
        1.0,
        1,
        span,
        Settings(),
        "stop",
    )
    return RollingMarket(case).problem(0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("limits", [(1e3, 50.0), (1e5, 1e6), (1e8, 50.0), (1e8, 1e8), (1e8, np.inf)])
def test_an_idle_generator_without_a_limit_changes_nothing(limits: tuple[float, float], form: str) -> None:
    near = clear(with_idle_generator(5.0), Settings(form=form, relative_gap=1e-5))
    problem = with_idle_generator(limits[0], import_max_kw=limits[1])
    far = clear(problem, Settings(form=form, relative_gap=1e-5))
    assert far.status is Status.OK
    assert far.cost == pytest.approx(near.cost, rel=2e-5)
    assert far.scarcity_price_per_kwh == pytest.approx(near.scarcity_price_per_kwh, rel=0.1)
    assert_true(problem, far, asked=1e-5)


@pytest.mark.parametrize("seed", range(40))
def test_bringing_limits_nearer_moves_no_optimum(seed: int) -> None:
    problem = with_imbalance_priced(stressed_market(seed))
    nearer = within_means(problem)
    before = optimal_cost(problem, (), slack_price_per_kwh=0.0)
    after = optimal_cost(nearer, (), slack_price_per_kwh=0.0)
    assert after == pytest.approx(before, rel=1e-6, abs=1e-6)


def test_limits_that_can_be_reached_stay_as_they_are() -> None:
    for seed in range(6):
        problem = with_imbalance_priced(equipped_market(4, seed, horizon=6, first_hour=9))
        assert within_means(problem) is problem
    assert FAR > 1.0


def test_a_run_uses_a_dispatch_whose_gap_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scenario's rule is for clearings that did not converge; this one did, and says how good it is."""
    monkeypatch.setattr(one_way, "MOST_STEPS", 4)
    problem, settings = stored_market(52), Settings(form="partners", relative_gap=1e-4)
    days = np.zeros(problem.shape[1], dtype=np.int64)
    case = MarketCase((), problem.charges, days, 1.0, 1, problem.shape[1], settings, "central")
    cleared = solved(case, problem, settings, start=None)
    assert cleared.status is Status.GAP_OPEN
    assert cleared.form == "partners", "solved at one place, stores would go both ways as well"


# -- numbers out of all proportion ------------------------------------------------------------------------------------


def with_price(kind: str, price: float) -> tuple[MarketProblem, str]:
    """A market in which one device of a kind asks for a price; and whose it is."""
    market = equipped_market(4, 1, horizon=6, first_hour=9)
    for i, model in enumerate(market.models):
        rows = [k for k, variable in enumerate(model.variables) if variable.type == kind]
        if rows:
            linear = model.linear.copy()
            linear[rows] = price
            changed = replace(model, linear=linear)
            return replace(market, models=(*market.models[:i], changed, *market.models[i + 1 :])), model.name
    raise AssertionError(kind)


def test_a_cost_below_its_own_bound_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is then a number to go by, however near they are to each other."""
    right = Fleet.bound
    monkeypatch.setattr(Fleet, "bound", lambda self, price, **how: right(self, price, **how) + 0.5)
    cleared = clear(equipped_market(4, 1, horizon=6, first_hour=9), Settings(max_iterations=20))
    assert cleared.lower_bound > cleared.cost
    assert cleared.status is Status.NOT_CONVERGED
    assert "below its bound" in str(cleared.cause)


@pytest.mark.parametrize(("kind", "price"), [("battery", 1e9), ("flexible_load", 1e9)])
def test_who_asks_an_absurd_price_is_named_where_a_market_does_not_clear(kind: str, price: float) -> None:
    market, name = with_price(kind, price)
    cleared = clear(market, Settings(max_iterations=100))
    assert cleared.status is Status.NOT_CONVERGED
    assert f"prosumer {name!r}, {kind}" in str(cleared.cause)
    assert f"{price:.3g} per kWh" in str(cleared.cause)


@pytest.mark.parametrize("price", [1e3, 1e6])
def test_a_contract_for_an_emergency_leaves_the_others_their_digits(price: float) -> None:
    """Somebody imports at a price that nobody would pay."""
    market = equipped_market(4, 1, horizon=6, first_hour=9)
    model = market.models[0]
    linear = model.linear.copy()
    linear[model.index("grid", "import")] = price
    market = replace(market, models=(replace(model, linear=linear), *market.models[1:]))
    cleared = clear(market, Settings())
    assert cleared.status is Status.OK
    assert_true(market, cleared, asked=1e-3)


# -- plain markets ----------------------------------------------------------------------------------------------------


def plain_optimum(table: pd.DataFrame, links: pd.DataFrame) -> float:
    """Least cost per hour, from the tables alone; limits beyond all use are left out."""
    names = list(dict.fromkeys(table["name"]))
    count, assets, flows = len(names), len(table), 2 * len(links)
    balance = np.zeros((count, assets + flows))
    for k, name in enumerate(table["name"]):
        balance[names.index(name), k] = 1.0
    for e, (i, j) in enumerate(zip(links["i"], links["j"], strict=True)):
        for way, sign in ((0, 1.0), (1, -1.0)):
            balance[names.index(i), assets + 2 * e + way] = -sign
            balance[names.index(j), assets + 2 * e + way] = sign
    low = np.concatenate([table["p_min_kw"], np.zeros(flows)])
    high = np.concatenate([table["p_max_kw"], np.full(flows, np.inf)])
    low, high = np.where(low < -1e4, -np.inf, low), np.where(high > 1e4, np.inf, high)
    price = np.concatenate([table["b"], np.repeat(links["charge_i"] + links["charge_j"], 2)])
    one = np.eye(assets + flows)
    matrix = sp.csc_matrix(np.vstack([balance, -one[np.isfinite(low)], one[np.isfinite(high)]]))
    right = np.concatenate([np.zeros(count), -low[np.isfinite(low)], high[np.isfinite(high)]])
    options = clarabel.DefaultSettings()
    options.verbose = False
    options.tol_gap_abs = options.tol_gap_rel = options.tol_feas = 1e-11
    curve = sp.diags(np.concatenate([table["a"], np.zeros(flows)]), format="csc")
    cones = [clarabel.ZeroConeT(count), clarabel.NonnegativeConeT(len(right) - count)]
    found = clarabel.DefaultSolver(curve, price, matrix, right, cones, options).solve()
    assert str(found.status) in ("Solved", "AlmostSolved")
    return float(found.obj_val)


def plain_alone(table: pd.DataFrame) -> float:
    """Sum of |cost alone|: every agent at net zero, or next to it."""
    nobody = pairs()
    total = 0.0
    for _, own in table.groupby("name"):
        low, high = own["p_min_kw"].sum(), own["p_max_kw"].sum()
        net = float(np.clip(0.0, low, high))
        partner = agents(("partner", -net, -net, 0.0, 0.0))
        link = pairs((own["name"].iloc[0], "partner", 0.0, 0.0)) if net else nobody
        total += abs(plain_optimum(pd.concat([own, partner]) if net else own, link))
    return total


@pytest.mark.parametrize(
    ("seed", "method"), [*((seed, "admm") for seed in range(50)), *((seed, "central") for seed in range(0, 50, 5))]
)
def test_the_certificate_of_a_stressed_plain_market_is_true(seed: int, method: str) -> None:
    table, links = stressed_tables(seed)
    cleared = clear_plain(table, links, method=method)
    optimum = plain_optimum(table, links)
    scale = max(abs(cleared.cost), plain_alone(table), NOTHING)
    assert cleared.status is PlainStatus.OK or method == "central"
    assert cleared.cost >= optimum - ORACLE * scale
    assert cleared.lower_bound <= optimum + ORACLE * scale
    assert cleared.relative_gap >= (cleared.cost - optimum) / scale - ORACLE
    assert cleared.relative_gap >= (cleared.cost - cleared.lower_bound) / scale - ORACLE
    if cleared.status is PlainStatus.OK:
        assert cleared.relative_gap <= 1e-4


@pytest.mark.parametrize("seed", range(30))
def test_the_bound_of_a_plain_market_holds_for_the_limits_given(seed: int) -> None:
    """Weak duality at the prices reported, asset by asset, with every limit as it stands in the table."""
    table, links = stressed_tables(seed)
    cleared = clear_plain(table, links)
    own = {agent.name: agent.marginal_cost for agent in cleared.agents}
    bound = 0.0
    for name, low, high, a, b in table.itertuples(index=False):
        best = np.clip((own[name] - b) / a, low, high) if a > 0 else (high if own[name] > b else low)
        bound += (a / 2 * best + b - own[name]) * best
    assert bound == pytest.approx(cleared.lower_bound, abs=1e-6)


@pytest.mark.parametrize("limit", [20.0, 1e3, 999999.0, 1e8, 1e12])
@pytest.mark.parametrize("method", ["admm", "central"])
def test_plain_limits_that_mean_none_change_nothing(limit: float, method: str) -> None:
    def table(far: float) -> pd.DataFrame:
        return agents(
            ("G", 0, far, 0.02, 0.1), ("H", 0, far, 0.01, 0.05), ("L", -5, -5, 0, 0), ("M", -far, 0, 0.02, 0.5)
        )

    links = pairs(("G", "L", 0.01, 0.01), ("H", "L", 0.02, 0.01), ("G", "M", 0.0, 0.01), ("H", "M", 0.01, 0.01))
    near, far = (clear_plain(table(kw), links, method=method, gap=1e-5) for kw in (60.0, limit + 40.0))
    assert near.status is far.status is PlainStatus.OK
    assert far.cost == pytest.approx(near.cost, rel=1e-5)


def test_plain_limits_that_can_be_reached_stay_as_they_are() -> None:
    table = agents(("A", 0, 12, 0.02, 0.1), ("B", -10, 0, 0.01, 0.5), ("C", -4, 9, 0.01, 0.3))
    market = read_market(table, pairs(("A", "B", 0.01, 0.01), ("B", "C", 0.0, 0.0)))
    assert plain_within_means(market) is market


@pytest.mark.parametrize("column", ["p_max_kw", "a", "b"])
def test_plain_numbers_next_to_nothing_are_refused(column: str) -> None:
    table = agents(("A", 0, 12, 0.02, 0.1), ("B", -10, 0, 0.01, 0.5))
    table[column] = [1e-163, *table[column].astype(float).iloc[1:]]
    with pytest.raises(BadInput, match="next to nothing"):
        clear_plain(table, pairs(("A", "B", 0.01, 0.01)))

"""Plain markets against hand calculation, the central model and what must hold for any market."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import mosaik_p2p
from mosaik_p2p.single_period.clearing import PlainClearing, PlainStatus, clear_plain
from mosaik_p2p.single_period.supply import supply_curves
from plain_markets import agents, pairs, random_tables

TIGHT = 1e-9
"""A gap at which net sales and prices of strictly convex markets are known to about its root."""
NEAR = 1e-3
"""Tolerance on a power in kW or a price per kWh that a gap of 1e-9 leaves: sqrt(2 gap cost / curvature), with room."""
GAP = 1e-4
SOLVER = 1e-6
MONEY = 1e-9
"""Of the turnover."""
SEEDS = st.integers(0, 100_000)


def net(cleared: PlainClearing) -> dict[str, float]:
    return {agent.name: agent.net_kw for agent in cleared.agents}


def price(cleared: PlainClearing) -> dict[str, float]:
    return {agent.name: agent.marginal_cost for agent in cleared.agents}


def test_two_agents_by_hand() -> None:
    """Marginal costs 0.1 + 0.01 p and 0.5 - 0.02 p meet, 0.06 apart, at p = 34/3."""
    cleared = clear_plain(
        agents(("S", 0, 20, 0.01, 0.1), ("B", -20, 0, 0.02, 0.5)), pairs(("S", "B", 0.02, 0.04)), gap=TIGHT
    )
    power = (0.5 - 0.1 - 0.06) / (0.01 + 0.02)
    assert cleared.status is PlainStatus.OK
    (trade,) = cleared.trades
    assert (trade.seller, trade.buyer) == ("S", "B")
    assert trade.power_kw == pytest.approx(power, abs=NEAR)
    # The seller keeps the price less its own charge: its marginal cost.
    assert trade.price - 0.02 == pytest.approx(0.1 + 0.01 * power, abs=NEAR)
    assert trade.price + 0.04 == pytest.approx(0.5 - 0.02 * power, abs=NEAR)
    cost = 0.005 * power**2 + 0.1 * power + 0.01 * power**2 - 0.5 * power + 0.06 * power
    assert cleared.cost == pytest.approx(cost, rel=1e-6)
    assert cleared.welfare == -cleared.cost
    assert cleared.cost_alone == 0.0


def test_merit_order() -> None:
    """Constant costs: cheapest first, and the last one needed sets the price for all."""
    table = agents(("cheap", 0, 4, 0, 0.1), ("dear", 0, 4, 0, 0.3), ("middle", 0, 4, 0, 0.2), ("load", -6, -6, 0, 0))
    links = pairs(*((name, "load", 0, 0) for name in ("cheap", "dear", "middle")))
    cleared = clear_plain(table, links, gap=TIGHT)
    assert net(cleared) == pytest.approx({"cheap": 4, "middle": 2, "dear": 0, "load": -6}, abs=NEAR)
    assert price(cleared) == pytest.approx(dict.fromkeys(net(cleared), 0.2), abs=NEAR)
    assert cleared.cost == pytest.approx(0.8, rel=TIGHT)


def test_assets_of_one_agent_serve_each_other_first() -> None:
    table = agents(("house", -5, -5, 0, 0), ("house", 0, 3, 0.01, 0.1), ("plant", 0, 9, 0, 0.15))
    cleared = clear_plain(table, pairs(("house", "plant", 0.0, 0.02)), gap=TIGHT)
    assert net(cleared) == pytest.approx({"house": -2, "plant": 2}, abs=NEAR)
    assert cleared.cost == pytest.approx(0.005 * 9 + 0.3 + 0.3 + 0.04, rel=1e-6)
    # Alone, the house is as near to zero as it can be: 2 kW short.
    assert cleared.cost_alone == pytest.approx(0.005 * 9 + 0.3, rel=1e-6)


def test_power_goes_through_a_third_party_where_that_is_cheaper() -> None:
    table = agents(("S", 0, 5, 0, 0.1), ("M", 0, 0, 0, 0), ("B", -5, 0, 0, 0.5))
    links = pairs(("S", "B", 0.1, 0.1), ("S", "M", 0.02, 0.0), ("M", "B", 0.03, 0.0))
    cleared = clear_plain(table, links, gap=TIGHT)
    assert {(t.seller, t.buyer) for t in cleared.trades} == {("S", "M"), ("M", "B")}
    assert cleared.cost == pytest.approx(5 * (0.1 + 0.05 - 0.5), rel=TIGHT)


def pool(table: pd.DataFrame) -> tuple[float, dict[str, float]]:
    """Price and net sales of a pool, by halving: a road without trades."""
    least, most, a, b = (table[column].to_numpy() for column in ("p_min_kw", "p_max_kw", "a", "b"))
    low, high = -10.0, 10.0
    for _ in range(200):
        level = (low + high) / 2
        sales = np.clip((level - b) / a, least, most)
        low, high = (level, high) if sales.sum() < 0 else (low, level)
    return level, dict(zip(table.name, sales, strict=True))


@given(seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_without_charges_it_is_a_pool(seed: int) -> None:
    table, links = random_tables(seed, straight=False)
    free = links.assign(charge_i=0.0, charge_j=0.0)
    cleared = clear_plain(table, free, gap=1e-10)
    level, sales = pool(table)
    assert len(set(price(cleared).values())) == 1
    assert net(cleared) == pytest.approx(sales, abs=NEAR)
    # Where nobody is between its limits, a range of prices clears the pool.
    if any(
        low + NEAR < sales[name] < high - NEAR for name, low, high in table[["name", "p_min_kw", "p_max_kw"]].to_numpy()
    ):
        assert price(cleared) == pytest.approx(dict.fromkeys(sales, level), abs=NEAR)
    assert {trade.price for trade in cleared.trades} <= {*price(cleared).values()}


@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_order_and_names_do_not_matter(seed: int) -> None:
    table, links = random_tables(seed, straight=False)
    plain = clear_plain(table, links, gap=1e-10)
    rng = np.random.default_rng(seed)
    renamed = {name: f"agent {n}" for n, name in enumerate(rng.permutation(table.name))}
    turned = pd.DataFrame({"i": links.j, "j": links.i, "charge_i": links.charge_j, "charge_j": links.charge_i}).replace(
        {"i": renamed, "j": renamed}
    )
    other = clear_plain(
        table.assign(name=table.name.map(renamed)).sample(frac=1, random_state=seed),
        turned.sample(frac=1, random_state=seed + 1),
        gap=1e-10,
    )
    assert other.cost == pytest.approx(plain.cost, rel=1e-9)
    assert net(other) == pytest.approx({renamed[name]: kw for name, kw in net(plain).items()}, abs=NEAR)


@given(seed=SEEDS)
@example(seed=12)
@example(seed=2803)
@settings(max_examples=15, deadline=None)
def test_very_high_charges_leave_everyone_alone(seed: int) -> None:
    table, links = random_tables(seed, straight=False)
    cleared = clear_plain(table, links.assign(charge_i=5.0, charge_j=5.0))
    assert cleared.status is PlainStatus.OK
    assert cleared.trades == ()
    assert cleared.cost == pytest.approx(cleared.cost_alone, abs=1e-12)


@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_the_outcome_is_what_it_says(seed: int) -> None:
    """Limits, reciprocity, cost, money and bound, recomputed from the tables and the answer alone."""
    table, links = random_tables(seed)
    cleared = clear_plain(table, links, gap=GAP)
    assert cleared.status is PlainStatus.OK
    assert cleared.relative_gap <= GAP
    sold: dict[str, float] = dict.fromkeys(net(cleared), 0.0)
    money: dict[str, float] = dict.fromkeys(sold, 0.0)
    paid, turnover = 0.0, 0.0
    ends = {frozenset((i, j)): {i: at_i, j: at_j} for i, j, at_i, at_j in links.itertuples(index=False)}
    for trade in cleared.trades:
        sold[trade.seller] += trade.power_kw
        sold[trade.buyer] -= trade.power_kw
        money[trade.seller] += trade.power_kw * trade.price
        money[trade.buyer] -= trade.power_kw * trade.price
        turnover += abs(trade.power_kw * trade.price)
        paid += trade.power_kw * sum(ends[frozenset((trade.seller, trade.buyer))].values())
    assert sold == pytest.approx(net(cleared), abs=1e-9)
    assert abs(sum(money.values())) <= MONEY * turnover
    assert cleared.charges == pytest.approx(paid, abs=1e-9)
    for name, assets in table.groupby("name"):
        assert assets.p_min_kw.sum() - 1e-9 <= sold[str(name)] <= assets.p_max_kw.sum() + 1e-9
    own = price(cleared)
    for pair, charges in ends.items():
        i, j = pair
        assert abs(own[i] - own[j]) <= sum(charges.values()) + 1e-9
    # Weak duality at these prices, asset by asset: a road around the supply curves.
    bound = 0.0
    for name, low, high, a, b in table.itertuples(index=False):
        best = np.clip((own[name] - b) / a, low, high) if a > 0 else (high if own[name] > b else low)
        bound += (a / 2 * best + b - own[name]) * best
    assert bound == pytest.approx(cleared.lower_bound, abs=1e-8)
    assert cleared.cost >= cleared.lower_bound - 1e-9 * abs(cleared.cost)


@pytest.mark.parametrize("seed", range(8))
def test_both_methods_agree(seed: int) -> None:
    table, links = random_tables(seed)
    admm, central = (clear_plain(table, links, method=method) for method in ("admm", "central"))
    assert admm.status is central.status is PlainStatus.OK
    scale = max(abs(central.cost), abs(admm.cost))
    for one, other in ((admm, central), (central, admm)):
        assert one.cost - other.lower_bound <= GAP * scale
        assert other.lower_bound <= one.cost + SOLVER * scale


@pytest.mark.parametrize(("power", "money"), [(1e3, 1.0), (1.0, 1e3), (1e-3, 1e-3)])
@pytest.mark.parametrize("seed", range(5))
def test_units_do_not_matter(seed: int, power: float, money: float) -> None:
    table, links = random_tables(seed)
    plain = clear_plain(table, links)
    scaled = table.assign(
        p_min_kw=table.p_min_kw * power, p_max_kw=table.p_max_kw * power, a=table.a * money / power, b=table.b * money
    )
    other = clear_plain(scaled, links.assign(charge_i=links.charge_i * money, charge_j=links.charge_j * money))
    assert other.iterations == plain.iterations
    assert other.cost == pytest.approx(plain.cost * power * money, rel=1e-9)


def test_who_cannot_be_balanced_is_named_with_the_amount() -> None:
    table = agents(("A", 1, 2, 0, 1), ("B", -5, 0, 0, 1), ("C", 3, 4, 1, 1), ("D", -9, -7, 0, 0), ("E", 0, 5, 0, 0))
    cleared = clear_plain(table, pairs(("A", "B", 0, 0), ("D", "E", 0.1, 0.1)))
    assert cleared.status is PlainStatus.INFEASIBLE
    assert "agent C alone must sell at least 3 kW" in cleared.cause
    assert "agents D, E together must buy at least 2 kW" in cleared.cause
    assert "A" not in cleared.cause.replace("Agent", "")
    assert (cleared.cost, cleared.trades) == (None, ())


def test_exactly_balanced_fixed_agents_are_a_solution() -> None:
    table = agents(("S", 0.1, 0.1, 0, 0), ("T", 0.2, 0.2, 0, 0), ("B", -0.3, -0.3, 0, 0))
    cleared = clear_plain(table, pairs(("S", "B", 0.1, 0.1), ("T", "B", 0.2, 0.1)))
    assert cleared.status is PlainStatus.OK
    assert cleared.cost == pytest.approx(0.1 * 0.2 + 0.2 * 0.3)


def test_no_pairs_and_nothing_to_gain() -> None:
    alone = clear_plain(agents(("A", 0, 2, 0, 1), ("B", -5, 2, 0.1, 0.3)), pairs())
    assert (alone.status, alone.trades, alone.cost) == (PlainStatus.OK, (), 0.0)
    nothing = clear_plain(agents(("A", 0, 0, 0, 0), ("B", 0, 0, 0, 0)), pairs(("A", "B", 0, 0)))
    assert (nothing.status, nothing.trades, nothing.cost) == (PlainStatus.OK, (), 0.0)


def test_without_charges_nobody_trades_in_circles() -> None:
    table, _ = random_tables(1, straight=False)
    names = sorted(set(table.name))
    every = pairs(*((i, j, 0.0, 0.0) for n, i in enumerate(names) for j in names[n + 1 :]))
    cleared = clear_plain(table, every, gap=1e-6)
    assert len(cleared.trades) < len(names)
    assert not {t.seller for t in cleared.trades} & {t.buyer for t in cleared.trades}


def test_not_converged_says_so() -> None:
    table, links = random_tables(3)
    cleared = clear_plain(table, links, gap=1e-9, max_iterations=2)
    assert cleared.status is PlainStatus.NOT_CONVERGED
    assert "after 2 iterations" in cleared.cause


@given(seed=SEEDS)
@settings(max_examples=50, deadline=None)
def test_supply_curves_are_the_sum_of_their_assets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 7))
    low = np.round(rng.uniform(-5, 5, count), 1)
    high = low + np.round(rng.uniform(0, 5, count), 1) * (rng.random(count) < 0.8)
    a = np.round(rng.uniform(0, 0.1, count), 2)
    b = np.round(rng.uniform(-0.2, 0.5, count), 1)
    curve = supply_curves(np.zeros(count, dtype=np.int64), low, high, a, b, 1)
    target, weight = rng.uniform(-20, 20), rng.uniform(1e-3, 1.0)
    sale, own = (values[0] for values in curve.respond(np.array([target]), np.array([weight])))
    assert own == pytest.approx(weight * (target - sale), abs=1e-12)
    # The assets' own answers to that price, where they are single; any mixture of both ends where they are not.
    below, above = (
        np.where(
            a > 0, np.clip((own + shift - b) / np.where(a > 0, a, 1.0), low, high), np.where(own + shift > b, high, low)
        )
        for shift in (-1e-9, 1e-9)
    )
    assert below.sum() - 1e-6 <= sale <= above.sum() + 1e-6
    share = np.clip((sale - below.sum()) / max(above.sum() - below.sum(), 1e-300), 0.0, 1.0)
    assets = below + share * (above - below)
    assert curve.cost(np.array([sale]))[0] == pytest.approx(float(np.sum((a / 2 * assets + b) * assets)), abs=1e-6)


def test_the_command_exists_in_python() -> None:
    assert mosaik_p2p.clear is clear_plain


@pytest.mark.parametrize(("seed", "straight", "charge"), [(85, True, 0.0), (130, True, 0.2), (34, True, 0.05)])
def test_prices_next_to_nothing_are_found(seed: int, straight: bool, charge: float) -> None:
    """Costs that only rise with power, so that many rest where a kWh is worth nothing, or nearly so."""
    table, links = random_tables(seed, straight=straight, highest_charge=charge)
    table["b"] = 0.0
    cleared = clear_plain(table, links, max_iterations=500)
    assert cleared.status is PlainStatus.OK


CIRCLING = (
    agents(
        ("P0", 0.0, 1000.0, 0.0093, 0.3357),
        ("P1", 0.0, 2.1171, 0.0, 0.245),
        ("P2", 0.0, 3.7072, 0.0174, 0.0551),
        ("P3", -13.0696, 0.0, 0.0037, 0.3987),
        ("P4", -6.452, -6.452, 0.0013, 0.2833),
        ("P5", -6.4465, 0.0, 0.005, 0.4032),
        ("P6", 0.0, 12.3971, 0.0014, 0.1115),
        ("P7", -18.4937, -18.4937, 0.0185, 0.3169),
        ("P8", 0.0, 18.9215, 0.0, 0.0878),
        ("P9", 0.0, 9.0606, 0.0, 0.1992),
        ("P0", 0.0, 7.1945, 0.0116, 0.1092),
        ("P7", -4.2142, 0.0, 0.0, 0.3885),
        ("P4", 0.0, 9.1191, 0.0142, 0.2451),
        ("P8", -16.1589, 0.0, 0.0, 0.2081),
        ("P7", 0.0, 1000000000000000.0, 0.0024, 0.1491),
    ),
    pairs(
        ("P0", "P1", 0.0177, 0.0145),
        ("P0", "P2", 0.0007, 0.0224),
        ("P0", "P3", 0.0192, 0.0125),
        ("P0", "P5", 0.0135, 0.0121),
        ("P0", "P6", 0.0196, 0.0196),
        ("P0", "P7", 0.025, 0.0065),
        ("P1", "P2", 0.0096, 0.0067),
        ("P1", "P5", 0.0044, 0.0229),
        ("P1", "P6", 0.0119, 0.0013),
        ("P1", "P8", 0.0103, 0.011),
        ("P1", "P9", 0.0141, 0.0208),
        ("P2", "P3", 0.0068, 0.0118),
        ("P2", "P4", 0.0208, 0.0233),
        ("P2", "P5", 0.0082, 0.0012),
        ("P2", "P6", 0.0068, 0.0245),
        ("P2", "P8", 0.0172, 0.0127),
        ("P2", "P9", 0.0012, 0.0232),
        ("P3", "P4", 0.0145, 0.0167),
        ("P3", "P5", 0.0231, 0.0239),
        ("P3", "P7", 0.0193, 0.0099),
        ("P3", "P8", 0.0078, 0.0132),
        ("P3", "P9", 0.0205, 0.0202),
        ("P4", "P5", 0.0044, 0.0233),
        ("P4", "P6", 0.0191, 0.0045),
        ("P4", "P7", 0.0132, 0.0229),
        ("P4", "P9", 0.0226, 0.0078),
        ("P5", "P6", 0.017, 0.0186),
        ("P5", "P7", 0.0211, 0.024),
        ("P5", "P8", 0.0043, 0.0028),
        ("P5", "P9", 0.0119, 0.0162),
        ("P6", "P7", 0.015, 0.0133),
        ("P6", "P8", 0.009, 0.0223),
        ("P7", "P8", 0.006, 0.0214),
        ("P8", "P9", 0.0194, 0.0054),
    ),
)


def test_a_central_solution_that_goes_round_in_circles_is_given_up() -> None:
    """HiGHS has no end of its own for this market (a limit of 1e15 kW beside fixed loads); `admm` clears it."""
    central, admm = (clear_plain(*CIRCLING, method=method) for method in ("central", "admm"))
    assert central.status is PlainStatus.NOT_CONVERGED
    assert "use method = admm" in str(central.cause)
    assert admm.status is PlainStatus.OK

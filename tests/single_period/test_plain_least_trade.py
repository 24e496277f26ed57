"""Plain markets report the least trade behind their optimum: against linear programmes over all pairs, both ways."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from mosaik_p2p.single_period import least
from mosaik_p2p.single_period.clearing import PlainClearing, PlainStatus, clear_plain
from plain_markets import agents, pairs, random_tables

FREE = 1e5
"""More than anybody needs."""
SLACK_KW = 0.01


def every_pair(names: str, charge: float = 0.0) -> pd.DataFrame:
    return pairs(*((i, j, charge / 2, charge / 2) for n, i in enumerate(names) for j in names[n + 1 :]))


def sold_kw(cleared: PlainClearing) -> float:
    return sum(max(agent.net_kw, 0.0) for agent in cleared.agents)


def traded_kw(cleared: PlainClearing) -> float:
    return sum(trade.power_kw for trade in cleared.trades)


def test_nobody_buys_to_sell_on_at_the_price_of_a_contract_that_all_have() -> None:
    """Three houses may buy 100 000 kW each at 0.05; only the plant has something to sell: its 60 kW."""
    loads = {"A": 1.0, "B": 10.0, "C": 100.0}
    houses = [row for name, kw in loads.items() for row in ((name, -kw, -kw, 0, 0), (name, 0, FREE, 0, 0.05))]
    cleared = clear_plain(agents(*houses, ("G", 0, 60, 0.0003, 0.01)), every_pair("ABCG"))
    assert cleared.status is PlainStatus.OK
    assert traded_kw(cleared) == pytest.approx(60.0, rel=1e-9)
    assert {trade.seller for trade in cleared.trades} == {"G"}
    assert cleared.cost == pytest.approx(60 * 0.01 + 0.00015 * 3600 + 51 * 0.05, rel=1e-9)


def test_where_all_buy_at_one_price_there_is_no_trade() -> None:
    houses = [row for name in "ABCDE" for row in ((name, -5, -5, 0, 0), (name, 0, FREE, 0, 0.3))]
    assert clear_plain(agents(*houses), every_pair("ABCDE")).trades == ()


def test_differing_tariffs_are_used() -> None:
    """Buying where it is cheap to sell to those who pay more lowers the cost: that is trade."""
    rows = [("A", -5, -5, 0, 0), ("A", 0, FREE, 0, 0.2), ("B", -7, -7, 0, 0), ("B", 0, FREE, 0, 0.3)]
    cleared = clear_plain(agents(*rows), every_pair("AB", charge=0.05))
    assert traded_kw(cleared) == pytest.approx(7.0)
    assert cleared.cost == pytest.approx(12 * 0.2 + 7 * 0.05)


def with_contracts(seed: int, charge: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A random market in which half of the agents have a contract at one price, and curved assets otherwise."""
    table, links = random_tables(seed, straight=False, highest_charge=charge)
    rng = np.random.default_rng(seed)
    names = sorted(set(table.name))
    chosen = [name for name in names if rng.random() < 0.5]
    return pd.concat([table, agents(*((name, 0.0, FREE, 0.0, 0.15) for name in chosen))]), links


def least_sold_kw(table: pd.DataFrame, links: pd.DataFrame, cleared: PlainClearing) -> float:
    """The least sum of positive net sales at the least money.

    Agents without a contract sell what they sell; the others' curved assets give what their own price says. Prices are
    known to some digits only, so contracts may lie SLACK_KW below nothing.
    """
    names = [agent.name for agent in cleared.agents]
    at = {name: n for n, name in enumerate(names)}
    price = {agent.name: agent.marginal_cost for agent in cleared.agents}
    curved, flat = table[table.a > 0], table[table.a == 0]
    held = np.array([agent.net_kw for agent in cleared.agents])
    for name, low, high, a, b in curved[curved.name.isin(flat.name)].itertuples(index=False):
        held[at[name]] = np.clip((price[name] - b) / a, low, high)
    # Columns: contracts, sales of the pairs forth and back, positive net sales.
    arcs = [(i, j, k) for i, j, *ends in links.itertuples(index=False) for k in [sum(ends)]]
    arcs += [(j, i, k) for i, j, k in arcs]
    count = len(flat), len(arcs), len(names)
    matrix = np.zeros((len(names), sum(count)))
    for c, name in enumerate(flat.name):
        matrix[at[name], c] = 1.0
    for c, (seller, buyer, _) in enumerate(arcs, start=count[0]):
        matrix[at[seller], c] -= 1.0
        matrix[at[buyer], c] += 1.0
    positive = np.hstack([-matrix[:, : count[0]] * 0.0, -matrix[:, count[0] : -count[2]], -np.eye(len(names))])
    money = np.concatenate([flat.b, [k for *_, k in arcs], np.zeros(len(names))])
    sold = np.concatenate([np.zeros(count[0] + count[1]), np.ones(len(names))])
    bounds = [*[(-SLACK_KW, FREE)] * count[0], *[(0, None)] * (count[1] + count[2])]
    equal = {"A_eq": matrix, "b_eq": -held, "bounds": bounds}
    cheapest = linprog(money, A_ub=positive, b_ub=np.zeros(len(names)), **equal)
    rows = np.vstack([positive, money])
    limits = np.concatenate([np.zeros(len(names)), [cheapest.fun + 1e-9]])
    result: float = linprog(sold, A_ub=rows, b_ub=limits, **equal).fun
    return result


@given(seed=st.integers(0, 10_000), charge=st.sampled_from([0.0, 0.02]))
@settings(max_examples=25, deadline=None)
def test_net_sales_are_those_of_a_programme_over_all_pairs(seed: int, charge: float) -> None:
    table, links = with_contracts(seed, charge)
    cleared = clear_plain(table, links, gap=1e-9)
    assert cleared.status is PlainStatus.OK
    assert cleared.relative_gap is not None
    assert cleared.relative_gap <= 1e-9
    assert sold_kw(cleared) == pytest.approx(least_sold_kw(table, links, cleared), abs=len(links) * SLACK_KW)


def test_large_markets_keep_free_trades_direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the size up to which programmes are solved nothing is passed on over free pairs either."""
    monkeypatch.setattr(least, "LARGEST", -1)
    table, _ = random_tables(1, straight=False)
    cleared = clear_plain(table, every_pair_of(table), gap=1e-6)
    assert not {trade.seller for trade in cleared.trades} & {trade.buyer for trade in cleared.trades}


def every_pair_of(table: pd.DataFrame) -> pd.DataFrame:
    names = sorted(set(table.name))
    return pairs(*((i, j, 0.0, 0.0) for n, i in enumerate(names) for j in names[n + 1 :]))

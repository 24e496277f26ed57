"""Pairs of a plain market that are paid for trading: from who only sells to who only buys, against an own programme."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from mosaik_p2p.errors import BadInput
from mosaik_p2p.single_period.clearing import PlainStatus, clear_plain

GAP = 1e-6
KW = 1e-3


def agents(*rows: tuple[str, float, float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["name", "p_min_kw", "p_max_kw", "a", "b"])


def pairs(*rows: tuple[str, str, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["i", "j", "charge_i", "charge_j"])


SELLER, BUYER = ("S", 0.0, 10.0, 0.0, 0.30), ("B", -10.0, 0.0, 0.0, 0.28)


@pytest.mark.parametrize("method", ["admm", "central"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_paid_pair_trades_though_it_costs_more_than_it_is_worth(method: Any, turned: bool) -> None:
    """Each kWh costs 0.30, is worth 0.28 and earns 0.05: 10 kW make 0.30."""
    paid = ("B", "S", -0.01, -0.04) if turned else ("S", "B", -0.04, -0.01)
    found = clear_plain(agents(SELLER, BUYER), pairs(paid), method=method, gap=GAP)
    assert found.status is PlainStatus.OK
    (trade,) = found.trades
    assert (trade.seller, trade.buyer) == ("S", "B")
    assert trade.power_kw == pytest.approx(10.0, abs=KW)
    assert found.cost == pytest.approx(-0.30, abs=1e-5)
    assert found.charges == pytest.approx(-0.50, abs=1e-4)
    assert found.cost_alone == 0.0
    # The price leaves the seller its cost and the buyer its worth.
    assert 0.30 - 0.04 - 1e-6 <= trade.price <= 0.28 + 0.01 + 1e-6


def programme(table: pd.DataFrame, links: pd.DataFrame) -> float:
    """The least cost per hour with a flow for each direction that is open, by HiGHS; a = 0."""
    names = list(dict.fromkeys(table["name"]))
    low = table.groupby("name", sort=False)["p_min_kw"].sum()
    paid = links[links["charge_i"] + links["charge_j"] < 0]
    held = {*paid["i"], *paid["j"]}
    sells = {name for name in held if low[name] >= 0}
    buys = held - sells
    arcs = [
        (a, b, row.charge_i + row.charge_j)
        for row in links.itertuples()
        for a, b in ((row.i, row.j), (row.j, row.i))
        if a not in buys and b not in sells
    ]
    balance = np.zeros((len(names), len(table) + len(arcs)))
    for m, name in enumerate(table["name"]):
        balance[names.index(name), m] = 1.0
    for n, (a, b, _) in enumerate(arcs):
        balance[names.index(a), len(table) + n] -= 1.0
        balance[names.index(b), len(table) + n] += 1.0
    cost = np.array([*table["b"], *(charge for *_, charge in arcs)])
    bounds = [*zip(table["p_min_kw"], table["p_max_kw"], strict=True), *[(0.0, None)] * len(arcs)]
    found = linprog(cost, A_eq=balance, b_eq=np.zeros(len(names)), bounds=bounds)
    assert found.success
    return float(found.fun)


@pytest.mark.parametrize("seed", range(12))
def test_random_markets_with_paid_pairs(seed: int) -> None:
    """Sellers, buyers and some who do both, everyone with everyone, charges that break the triangle inequality."""
    rng = np.random.default_rng(seed)
    kinds = [*"SSSBBB", *"XX"]
    rows = []
    for n, kind in enumerate(kinds):
        size = rng.uniform(2, 10)
        low, high = {"S": (0.0, size), "B": (-size, 0.0), "X": (-size, size)}[kind]
        rows.append((f"{kind}{n}", low, high, 0.0, rng.uniform(0.1, 0.4)))
    links = []
    for i in range(len(kinds)):
        for j in range(i):
            is_paid = {kinds[i], kinds[j]} == {"S", "B"} and rng.random() < 0.4
            charge = rng.uniform(-0.1, -0.01) if is_paid else rng.choice([0.0, 0.02, 0.3])
            share = rng.uniform(0, 1)
            links.append((rows[i][0], rows[j][0], charge * share, charge * (1 - share)))
    table, graph = agents(*rows), pairs(*links)
    assert (graph["charge_i"] + graph["charge_j"] < 0).any()
    found = clear_plain(table, graph, gap=1e-5)
    assert found.status is PlainStatus.OK
    right = programme(table, graph)
    assert found.cost == pytest.approx(right, abs=2e-5 * max(abs(right), abs(found.cost_alone), 1.0))
    held = {end for row in links if row[2] + row[3] < 0 for end in row[:2]}
    assert not held & {trade.seller for trade in found.trades if trade.seller[0] == "B"}
    assert not held & {trade.buyer for trade in found.trades if trade.buyer[0] == "S"}
    net = dict.fromkeys(table["name"], 0.0)
    for trade in found.trades:
        net[trade.seller] += trade.power_kw
        net[trade.buyer] -= trade.power_kw
    assert {agent.name: agent.net_kw for agent in found.agents} == pytest.approx(net, abs=KW)


@pytest.mark.parametrize(
    "others",
    [
        (("S", -1.0, 10.0, 0.0, 0.3), BUYER),
        (SELLER, ("B", -10.0, 1.0, 0.0, 0.28)),
        (SELLER, ("B", 0.0, 10.0, 0.0, 0.28)),
        (("S", -10.0, 0.0, 0.0, 0.3), BUYER),
    ],
)
def test_elsewhere_a_negative_sum_is_refused(others: Any) -> None:
    with pytest.raises(BadInput, match="power sent in a circle would earn"):
        clear_plain(agents(*others), pairs(("S", "B", -0.04, -0.01)))

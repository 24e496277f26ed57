"""The compiled kernel where problems degenerate, judged by its own duality gap; threads, tables and trees at size."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from markets import radial_market, random_market, random_tree
from mosaik_p2p.charges.mechanisms import path_charges
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.network_step.radial import TreeForm
from mosaik_p2p.market.problem import UNLIMITED, MarketProblem, Settings, highest_price, power_scale
from mosaik_p2p.market.prosumer_step.kernel.batch import Points, Problems, bound_all, fresh_points, pack, solve_all
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.table import UPPER
from mosaik_p2p.prosumers.tabulating import with_rows
from mosaik_p2p.units import FloatArray

STEP = 1e-7
GAP = 1e-3
"""Duality gap of a step in units of size times highest price: a gradient's last digit, ten times the step's tolerance,
counts a thousandfold at a limit that is none."""
ROUNDING = 1e-9


def limits_astray(model: ProsumerModel, rng: np.random.Generator) -> ProsumerModel:
    """No sun, full or tiny or missing storage, immovable loads, limits of a million, negative prices."""
    lower, upper, linear = model.lower.copy(), model.upper.copy(), model.linear.copy()
    totals, storages = list(model.totals), list(model.storages)
    kind = rng.integers(0, 3, 6)
    for k, variable in enumerate(model.variables):
        if variable.type in ("pv", "solar_collector") and kind[0] == 0:
            upper[k] = 0.0
        elif variable.role in ("charge", "discharge") and kind[1] == 0:
            upper[k] = 1e-6
        elif variable.type == "flexible_load" and kind[3] == 0:
            lower[k] = upper[k] = -linear[k] / model.quadratic[k]
            totals = [replace(t, power_kw=float(upper[k].sum())) if t.k == k else t for t in totals]
        elif variable.type == "contract" and kind[4] == 0:
            linear[k] = -0.05 if variable.role == "import" else 0.1
        elif variable.type == "contract" and kind[5] == 0:
            upper[k] = 1e6
    for j, storage in enumerate(model.storages):
        level = storage.level
        if kind[2] == 0:
            full = storage.inflow_kwh.copy()
            full[0] = upper[level, 0]
            storages[j], lower[level, -1] = replace(storage, inflow_kwh=full), upper[level, -1]
        elif kind[2] == 1:
            upper[level] = lower[level] = 0.0
            storages[j] = replace(storage, inflow_kwh=np.zeros_like(storage.inflow_kwh))
    return replace(model, lower=lower, upper=upper, linear=linear, totals=tuple(totals), storages=tuple(storages))


def astray(seed: int, count: int) -> MarketProblem:
    rng = np.random.default_rng(seed)
    market = random_market(count, seed)
    return with_imbalance_priced(replace(market, models=tuple(limits_astray(model, rng) for model in market.models)))


def duality_gap(
    problems: Problems, points: Points, weight: FloatArray, target: FloatArray, member: FloatArray
) -> FloatArray:
    """(N,) cost of the step at its dispatch, less the most that any dispatch must cost, scaled."""
    table = problems.table
    dispatch = np.add.reduceat(
        (0.5 * problems.quadratic * points.x**2 + problems.linear * points.x).sum(axis=1), table.first[:-1]
    )
    balances = (2 * np.arange(len(member)) + table.first_storage[:-1])[:, None] + np.arange(2)
    price = np.where(member[:, :, None], points.y[balances], 0.0)
    stiff = np.where(member, weight, 1.0)[:, :, None]
    away = np.where(member[:, :, None], points.s - target, 0.0)
    value = dispatch + (0.5 * stiff * away**2).sum(axis=(1, 2))
    sales = np.where(member[:, :, None], price * target - price**2 / (2 * stiff), 0.0).sum(axis=(1, 2))
    # What the kernel is asked to solve stops at UNLIMITED; a bound on the market does not.
    most = np.minimum(problems.upper, UNLIMITED) * problems.power_kw[table.owner, None]
    problems = replace(problems, table=with_rows(table, UPPER, np.arange(len(most)), most))
    # Of no member one's own price counts, which stands in the multipliers.
    prices = np.ascontiguousarray(price.transpose(1, 2, 0)) * problems.price_per_kwh
    return value - (bound_all(problems, points.y, points.v, prices, np.full_like(prices, np.inf)) + sales)


@pytest.mark.slow
def test_thousands_of_degenerate_steps_end_and_close_their_gap() -> None:
    solved = 0
    for seed in range(8):
        market, rng = astray(seed, 60), np.random.default_rng(seed)
        problems = pack(market.table, power_scale(market), highest_price(market))
        points, member = fresh_points(problems), market.member.T
        weight = np.where(member, 10 ** rng.uniform(-3, 1, member.shape), -1.0)
        target = np.where(member[:, :, None], rng.normal(size=(*member.shape, market.shape[1])), 0.0)
        for step in (1.0, 0.1, 0.01, 1.0, 0.001, 0.0):
            target = target + np.where(member[:, :, None], step * rng.normal(size=target.shape), 0.0)
            wished = np.ascontiguousarray(target.transpose(1, 2, 0)) * problems.power_kw
            iterations = solve_all(problems, points, weight, wished, np.empty_like(wished), tolerance=STEP)
            assert (iterations >= 0).all(), (seed, step, np.flatnonzero(iterations < 0))
            gap = duality_gap(problems, points, weight, target, member)
            assert np.abs(gap).max() <= GAP, (seed, step)
            solved += len(iterations)
    assert solved >= 2000


def test_overlapping_totals_are_refused() -> None:
    model = random_market(1, 0).models[0]
    twice = replace(model, totals=(*model.totals, *model.totals))
    with pytest.raises(ValueError, match="share an interval"):
        pack([twice], np.ones(1), 1.0)


def test_a_clearing_is_the_same_with_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    market = radial_market(60, 5, nodes=(900, 350))
    results = []
    for workers in (1, 2, 5):
        monkeypatch.setattr("mosaik_p2p.jit.threads.WORKERS", workers)
        results.append(clear(market, Settings()))
    for other in results[1:]:
        assert other.iterations == results[0].iterations
        assert other.cost == results[0].cost
        assert np.array_equal(other.price_per_kwh, results[0].price_per_kwh)


@pytest.mark.parametrize("loop", [False, True])
def test_charges_looked_up_are_shortest_paths(loop: bool) -> None:
    rng = np.random.default_rng(4)
    graph = random_tree(rng, 40)
    if loop:
        graph = replace(
            graph,
            from_node=np.append(graph.from_node, 0),
            to_node=np.append(graph.to_node, 39),
            length=np.append(graph.length, 0.3),
        )
    place = rng.integers(-1, 40, 30)
    charges = path_charges(graph, place, price_per_length=0.5, payer="both")
    assert (charges.tree is None) == loop
    other = nx.Graph()
    for a, b, length in zip(graph.from_node, graph.to_node, graph.length, strict=True):
        other.add_edge(int(a), int(b), weight=float(length))
    lengths = dict(nx.all_pairs_dijkstra_path_length(other))
    known = np.array([[lengths[a][b] if a >= 0 and b >= 0 else 0.0 for b in place] for a in place])
    np.testing.assert_allclose(np.asarray(charges.posted), 0.5 * known, atol=ROUNDING)
    np.testing.assert_allclose(np.asarray(charges.total), known, atol=ROUNDING)
    assert charges.posted[3, 4] == pytest.approx(0.5 * known[3, 4])
    np.testing.assert_allclose(charges.total[[1, 2], [5, 6]], known[[1, 2], [5, 6]], atol=ROUNDING)


def test_offers_reach_everyone_over_the_cheapest_way() -> None:
    market = radial_market(25, 3, nodes=(33, 23))
    form = TreeForm(market, tuple(c.tree for c in market.charges if c.tree is not None))
    offer = np.random.default_rng(0).uniform(0, 1, market.shape)
    offer[:, :, ::3] = np.inf
    for c, charges in enumerate(market.charges):
        inside = market.member[c]
        way = np.where(inside[None, :], np.asarray(charges.total), np.inf)
        known = (offer[c][:, None, :] + way[None]).min(axis=-1)
        np.testing.assert_allclose(form.nearest(offer)[c][:, inside], known[:, inside], atol=ROUNDING)

"""The operator's step with the few rows that hold anything back, against the whole programme by Clarabel."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from mosaik_p2p.market.negotiation.limit_rows import HeldRow
from mosaik_p2p.market.negotiation.operator_qp import NetworkStep
from mosaik_p2p.market.network_step.flow_problem import Contracts, FlowGraph
from mosaik_p2p.units import FloatArray
from rows_reference import Programme

MEMBERS, ROWS, DT_H = 24, 60, 0.5
EVERYONE = np.arange(MEMBERS)
AGREED_KW, AGREED_PER_KWH = 5e-4, 2e-5
"""Of kW around ten and prices around a half: the step's own tolerances, which the penalties magnify; with all rows
stated it misses as much."""
MONEY = 1e-5
"""Of an hour's money, some tens: what the multipliers of an interior point may leave of a bound."""


@dataclass(frozen=True)
class Case:
    """A street from node 0, with a member at each node, contracts of half of them, and rows much like one another."""

    graph: FlowGraph
    contracts: Contracts
    rows: tuple[HeldRow, ...]
    slack_price: FloatArray
    least: FloatArray
    most: FloatArray
    wish: FloatArray
    weight: FloatArray
    price: FloatArray

    @property
    def step(self) -> NetworkStep:
        none = np.zeros(MEMBERS)
        return NetworkStep(
            self.graph,
            self.contracts,
            self.rows,
            EVERYONE,
            injection_bounds_kw=(self.least, self.most),
            imbalance_kw=(none, none),
            power_kw=float(np.maximum(self.most, -self.least).mean()),
            price_per_kwh=0.4,
            slack_price=self.slack_price,
            dt_h=DT_H,
        )


def row(slope: FloatArray, bound: float, name: str) -> HeldRow:
    return HeldRow(0, name, "q", "u", True, 0.0, 0.0, slope, bound, 1, 0.0)


def case(seed: int, *, share: float = 0.5, slack_price: float = 3.0) -> Case:
    """Rows that hold wishes back to some `share` of what they come to: each of what a node and all behind it inject,
    as voltages along two feeders are."""
    rng = np.random.default_rng(seed)
    parent = np.array([int(rng.integers(max(node - 3, 0), node)) for node in range(1, MEMBERS)])
    place = rng.permutation(MEMBERS)
    charge = rng.uniform(0.0, 0.02, MEMBERS - 1) * (rng.random(MEMBERS - 1) < 0.8)
    graph = FlowGraph(MEMBERS, place, np.arange(1, MEMBERS), parent, charge)
    # All buy at the one price and sell at the other.
    owner, sign = np.repeat(EVERYONE, 2), np.tile([1.0, -1.0], MEMBERS)
    money = np.where(sign > 0.0, 0.32, -0.08) + rng.uniform(-0.01, 0.01, 2 * MEMBERS)
    contracts = Contracts(owner, sign, np.full(2 * MEMBERS, 30.0), money, np.zeros(2 * MEMBERS, dtype=bool))
    wish = rng.uniform(-2.0, 10.0, MEMBERS)
    rows = []
    for n in range(ROWS):
        centre = rng.uniform(0.0, MEMBERS)
        slope = np.exp(-(((EVERYONE - centre) / 6.0) ** 2)) * rng.uniform(0.9, 1.1, MEMBERS) * 1e-3
        rows.append(row(slope, share * float(slope @ wish) + 1e-3, f"bus {n}"))
    return Case(
        graph,
        contracts,
        tuple(rows),
        np.array([slack_price / one.size for one in rows]),
        rng.uniform(-12.0, -4.0, MEMBERS),
        rng.uniform(4.0, 12.0, MEMBERS),
        wish,
        rng.uniform(0.01, 0.02, MEMBERS),
        rng.uniform(0.1, 0.3, MEMBERS),
    )


def whole(case: Case, curve: FloatArray, price: FloatArray) -> tuple[float, FloatArray]:
    """Least money of an hour's part, and injections (n,), with all rows stated; flows have no limit at all."""
    programme, nothing = Programme(), np.zeros
    graph, contracts, none = case.graph, case.contracts, nothing(len(case.graph.charge))
    injected = programme.columns(curve, price, case.least, case.most)
    outside = programme.columns(
        nothing(len(contracts.owner)), DT_H * contracts.price_per_kwh, nothing(len(contracts.owner)), contracts.upper_kw
    )
    there, back = (programme.columns(none, DT_H * graph.charge, none, none + np.inf) for _ in range(2))
    for node in range(graph.nodes):
        entries = [(injected + i, 1.0) for i in EVERYONE if graph.place[i] == node]
        entries += [(outside + k, contracts.share[k]) for k, i in enumerate(contracts.owner) if graph.place[i] == node]
        for edge, (start, end) in enumerate(zip(graph.from_node, graph.to_node, strict=True)):
            sign = float(end == node) - float(start == node)
            entries += [(there + edge, sign), (back + edge, -sign)] if sign else []
        programme.equation(entries, 0.0)
    for one, cost in zip(case.rows, case.slack_price * DT_H, strict=True):
        slack, room = (
            programme.columns(nothing(1), np.array([own]), nothing(1), np.array([np.inf])) for own in (cost, 0.0)
        )
        # In kW of the row's largest entry, so that its equation is of the size of the others.
        entries = [(injected + i, float(one.slope[i]) / one.size) for i in EVERYONE]
        programme.price[slack] *= one.size
        programme.equation([*entries, (slack, -1.0), (room, 1.0)], one.bound / one.size)
    money, x = programme.solved(np.array(programme.upper))
    return money, x[injected : injected + MEMBERS]


def nearest(case: Case) -> tuple[float, FloatArray]:
    """The step of ADMM; its constant is left out."""
    return whole(case, case.weight, -case.weight * case.wish)


CASES = [case(seed) for seed in range(5)] + [case(5, share=0.2), case(6, share=-3.0), case(7, share=2.0)]
"""Most rows hold something back, hardly any, none can be kept, and all are."""


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_injections_are_those_under_all_rows(case: Case) -> None:
    step = case.step
    answer = step.agree(case.wish, case.weight)
    _, expected = nearest(case)
    assert answer.injection_kw == pytest.approx(expected, abs=AGREED_KW)
    slopes = np.array([one.slope for one in case.rows])
    assert answer.surcharge_per_kwh == pytest.approx(answer.multiplier @ slopes, abs=AGREED_PER_KWH)
    broken = np.maximum(slopes @ answer.injection_kw - [one.bound for one in case.rows], 0.0)
    assert answer.slack == pytest.approx(broken)
    # What is broken costs its price, no more; what has room costs nothing.
    assert np.all(answer.multiplier <= case.slack_price * (1.0 + 1e-6))
    room = np.array([one.bound for one in case.rows]) - slopes @ answer.injection_kw
    assert np.all(answer.multiplier[room > 1e-3] * room[room > 1e-3] < MONEY)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_prices_of_the_step_pull_injections_off_their_wishes(case: Case) -> None:
    """dt (pi - nu) = weight (X - wish) wherever X is inside its bounds: multipliers are right, not only injections."""
    answer = case.step.agree(case.wish, case.weight)
    inside = (answer.injection_kw > case.least + 1e-3) & (answer.injection_kw < case.most - 1e-3)
    pull = case.weight * (answer.injection_kw - case.wish) / DT_H
    worth = answer.node_price_per_kwh - answer.surcharge_per_kwh
    assert worth[inside] == pytest.approx(pull[inside], abs=AGREED_PER_KWH)


def test_a_second_wish_finds_what_a_new_step_finds() -> None:
    """Rows of the wish before may stay; they change nothing."""
    one = CASES[0]
    step, other = one.step, np.random.default_rng(1).permutation(one.wish)
    step.agree(one.wish, one.weight)
    again = step.agree(other, one.weight).injection_kw
    _, expected = nearest(replace(one, wish=other))
    assert again == pytest.approx(expected, abs=AGREED_KW)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
@pytest.mark.parametrize("is_near", [True, False], ids=["at its own prices", "at others"])
def test_bounds_are_the_least_that_the_network_can_pay(case: Case, *, is_near: bool) -> None:
    step = case.step
    answer = step.agree(case.wish, case.weight)
    # The step's own prices are those at which the network would not inject otherwise.
    paid = case.weight * (answer.injection_kw - case.wish) / DT_H if is_near else -case.price
    least, _ = whole(case, np.zeros(MEMBERS), DT_H * paid)
    for bound in (step.bound(paid), step.tight_bound(paid)):
        assert bound == pytest.approx(least, abs=MONEY * (1.0 + abs(least)))
        assert bound <= least + 1e-7 * (1.0 + abs(least)), "no bound at all"


def test_a_bound_is_that_of_the_prices_it_is_asked_at() -> None:
    """What one has asked before, at these prices or at others, changes nothing."""
    case = CASES[0]
    step = case.step
    step.agree(case.wish, case.weight)
    for paid in (-case.price, 0.5 * case.price, -case.price, -case.price):
        least, _ = whole(case, np.zeros(MEMBERS), DT_H * paid)
        for bound in (step.bound(paid), step.tight_bound(paid)):
            assert bound == pytest.approx(least, abs=MONEY * (1.0 + abs(least)))


def test_hardly_any_row_is_stated() -> None:
    """Sixty rows, much like one another: a few hold back what all hold back."""
    step = CASES[0].step
    step.agree(CASES[0].wish, CASES[0].weight)
    assert 0 < len(step.stated_rows) <= ROWS // 4
    step = CASES[7].step
    step.agree(CASES[7].wish, CASES[7].weight)
    assert not len(step.stated_rows), "all are kept without"


def test_one_large_plant_may_feed_everyone() -> None:
    """No limit of a flow stands in the way of what flows from one end to the other."""
    one = CASES[7]
    most = np.full(MEMBERS, 0.5)
    most[0] = 1e4
    contracts = replace(one.contracts, upper_kw=np.full(2 * MEMBERS, 1e3), price_per_kwh=np.tile([0.9, 0.0], MEMBERS))
    huge = replace(
        one, rows=(), slack_price=np.zeros(0), least=np.full(MEMBERS, -400.0), most=most, contracts=contracts
    )
    wish = np.full(MEMBERS, -400.0)
    wish[0] = 1e4
    huge = replace(huge, wish=wish)
    answer = huge.step.agree(huge.wish, huge.weight)
    _, expected = nearest(huge)
    assert expected[0] > 5e3
    assert answer.injection_kw == pytest.approx(expected, abs=0.5)  # of a mean size of 800 kW

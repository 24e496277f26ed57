"""The trade that is reported is the least behind what everyone injects: against a linear programme of pairs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from least_trade_programme import FORMS, assert_least, at_one_place, pair_by_pair, with_charges
from markets import random_market, random_tree
from mosaik_p2p.charges.mechanisms import path_charges
from mosaik_p2p.errors import Status
from mosaik_p2p.market import cleared
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.negotiation.constrained_clearing import clear_constrained, connected
from mosaik_p2p.market.negotiation.limits import Limits
from mosaik_p2p.market.network_step import least_trade
from mosaik_p2p.market.network_step.flow_problem import Contracts, FlowGraph
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.prosumers.roles import IMBALANCE
from mosaik_p2p.units import BoolArray

pytestmark = pytest.mark.once

TIGHT = 1e-5


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("charged", [False, True])
def test_every_form_reports_the_least_trade(seed: int, form: str, charged: bool) -> None:
    problem = with_imbalance_priced(random_market(4 + seed, seed, horizon=6, first_hour=9))
    problem = problem if charged else at_one_place(problem)
    clearing = clear(problem, Settings(form=form, relative_gap=1e-4, binding=3))
    assert clearing.status is Status.OK
    assert any(len(trades.seller) for trades in clearing.trades)
    assert_least(problem, clearing)


def test_however_many_intervals_are_solved_at_once_the_trades_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = pair_by_pair(with_imbalance_priced(random_market(6, 2, horizon=6, first_hour=9)))
    asked = Settings(form="bilateral", relative_gap=1e-4, binding=6)
    together = clear(problem, asked)
    monkeypatch.setattr(least_trade, "TOGETHER", 100)
    apart = clear(problem, asked)
    assert_least(problem, apart)
    for ours, others in zip(
        (together.trades, *together.later_trades), (apart.trades, *apart.later_trades), strict=True
    ):
        for one, other in zip(ours, others, strict=True):
            assert float(one.power_kw.sum()) == pytest.approx(float(other.power_kw.sum()), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_trades_that_are_found_anew_need_not_be_found_before(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = with_imbalance_priced(random_market(6, seed, horizon=6, first_hour=9))
    asked = Settings(form="network", relative_gap=1e-4, binding=3)
    at_once = clear(problem, asked)
    monkeypatch.setattr(cleared, "is_found_anew", lambda *_: False)
    twice = clear(problem, asked)
    assert at_once.iterations == twice.iterations
    assert at_once.cost == pytest.approx(twice.cost, rel=1e-6)
    assert at_once.sale_kw == pytest.approx(twice.sale_kw, abs=1e-3)
    assert any(len(trades.seller) for trades in at_once.trades)
    assert at_once.trades[0].net_sale(6) == pytest.approx(at_once.sale_kw[0, 0], abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_a_clearing_under_rows_reports_the_least_trade(seed: int) -> None:
    raw = random_market(6, 10 + seed, horizon=5, first_hour=9)
    problem = connected(raw if seed else replace(raw, charges=at_one_place(raw).charges))
    limited = clear_constrained(problem, Limits(()), Settings(relative_gap=1e-4), alone=Fleet(problem).alone)
    assert limited.clearing.status is Status.OK
    assert_least(problem, limited.clearing)


def test_with_charges_the_forms_trade_the_same_energy() -> None:
    problem = with_imbalance_priced(random_market(6, 5, horizon=6, first_hour=9))
    traded = {
        form: sum(
            float(trades.power_kw.sum()) for trades in clear(problem, Settings(form=form, relative_gap=TIGHT)).trades
        )
        for form in FORMS
    }
    assert traded["bilateral"] == pytest.approx(traded["network"], rel=1e-3)
    assert traded["partners"] == pytest.approx(traded["network"], rel=1e-3)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 7), rate=st.sampled_from([0.0, 0.02, 0.3]))
@settings(max_examples=25, deadline=None)
def test_nobody_buys_to_sell_on_or_to_export(seed: int, count: int, rate: float) -> None:
    """With one tariff for all there is nothing to gain by it; injections, and so both networks, stay as they were."""
    rng = np.random.default_rng(seed)
    problem = with_imbalance_priced(random_market(count, int(rng.integers(1000)), horizon=3, first_hour=10))
    charges = [
        path_charges(
            random_tree(rng, count), np.where(member, np.arange(count), -1), price_per_length=rate, payer="both"
        )
        for member in problem.member
    ]
    clearing = clear(with_charges(problem, charges), Settings(relative_gap=1e-3))
    for c, trades in enumerate(clearing.trades):
        sale = trades.net_sale(count)
        for i, (model, done) in enumerate(zip(problem.models, clearing.dispatch, strict=True)):
            own = sum(
                model.balance[c, k, 0] * done.x[k, 0]
                for k, variable in enumerate(model.variables)
                if variable.type not in ("contract", IMBALANCE)
            ) - float(model.fixed[c, 0])
            assert min(own, 0.0) - 1e-6 <= sale[i] <= max(own, 0.0) + 1e-6
    assert clearing.cost >= clearing.lower_bound - 1e-9 * abs(clearing.cost)


@pytest.mark.parametrize("form", ["bilateral", "partners"])
def test_steps_that_are_left_out_would_change_nothing(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the least money leaves no choice about is the same after the steps for the least trade."""
    problem = pair_by_pair(with_imbalance_priced(random_market(6, 3, horizon=5, first_hour=9)))
    asked = Settings(form=form, relative_gap=1e-4, binding=5)
    is_determined, said = least_trade._Part.is_determined, []

    def noted(part: least_trade._Part, free: BoolArray) -> bool:
        said.append(is_determined(part, free))
        return said[-1]

    monkeypatch.setattr(least_trade._Part, "is_determined", noted)
    fewer = clear(problem, asked)
    assert any(said)
    monkeypatch.setattr(least_trade._Part, "is_determined", lambda *_: False)
    whole = clear(problem, asked)
    for ours, others in zip((fewer.trades, *fewer.later_trades), (whole.trades, *whole.later_trades), strict=True):
        for one, other in zip(ours, others, strict=True):
            count = problem.shape[2]
            assert one.net_sale(count) == pytest.approx(other.net_sale(count), abs=1e-6)
            assert float(one.power_kw.sum()) == pytest.approx(float(other.power_kw.sum()), abs=1e-6)


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize("seed", range(3))
def test_one_carrier_that_is_told_leaves_the_other_its_steps(seed: int, free: int) -> None:
    """Trade of one carrier costs nothing, so that who trades with whom is open; that of the other pays its way."""
    problem = pair_by_pair(with_imbalance_priced(random_market(6, 20 + seed, horizon=6, first_hour=9)))
    at_will = pair_by_pair(at_one_place(problem)).charges
    charges = tuple(at_will[c] if c == free else own for c, own in enumerate(problem.charges))
    clearing = clear(replace(problem, charges=charges), Settings(form="bilateral", relative_gap=1e-4, binding=3))
    assert_least(replace(problem, charges=charges), clearing)


def test_a_circle_of_free_edges_leaves_a_choice() -> None:
    """Three members at three nodes in a row, of whom two have contracts that take anything."""
    graph = FlowGraph(3, np.arange(3), np.array([1, 2]), np.array([0, 1]), np.zeros(2))
    contracts = Contracts(
        owner=np.array([0, 2]), share=np.ones(2), upper_kw=np.full(2, 9.0), price_per_kwh=np.ones(2),
        is_imbalance=np.zeros(2, dtype=bool),
    )  # fmt: skip
    part = least_trade._Part(least_trade.Injected(graph, contracts, np.array([-1.0, -1.0, -1.0])))
    # Contracts 0 and 1, then positive sales and the way above them, then flows there and back.
    sales = [True] * 6
    for contracts_free, there, back, told in (
        ([True, False], [True, True], [False, False], True),
        ([True, True], [True, True], [False, False], False),
        ([True, True], [True, False], [False, False], True),
        ([False, False], [True, False], [True, False], False),
        ([False, False], [False, False], [False, False], True),
    ):
        assert part.is_determined(np.array([*contracts_free, *sales, *there, *back])) is told

"""What is stated, told or counted once for several askers is what each of them would have found."""

from dataclasses import replace

import numpy as np
import pytest

from markets import random_market
from mosaik_p2p.devices.kinds.flexible_load import Ahead, FlexibleLoad, ahead_of, owed_energy
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.negotiation.constrained_clearing import connected
from mosaik_p2p.market.negotiation.operator_step import without_contracts
from mosaik_p2p.market.over_time.charges_table import ToldCharges, charges_table
from mosaik_p2p.market.over_time.closing import settled
from mosaik_p2p.market.problem import PreparedProblem, is_penalty
from mosaik_p2p.prosumers.roles import IMBALANCE, Role
from mosaik_p2p.prosumers.state import ProsumerState
from mosaik_p2p.prosumers.window import Window
from mosaik_p2p.sections.series import Series
from mosaik_p2p.units import HEAT

SPAN_DAYS = np.array([0, 0, 0, 1, 1, 1], dtype=np.int64)


def load(name: str, *kw: float) -> FlexibleLoad:
    return FlexibleLoad(name, HEAT, Series.known(np.array(kw)), 0.0, 9.0, 0.5)


WASHER, DRYER = load("washer", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0), load("dryer", 2.0, 0.0, 1.0, 0.0, 3.0, 0.5)


class TestALookAhead:
    def test_knows_every_load_by_itself(self) -> None:
        window = Window(1, 4, SPAN_DAYS)
        washer, dryer = (ahead_of(one, window) for one in (WASHER, DRYER))
        assert ahead_of(WASHER, window) is washer
        assert ahead_of(DRYER, window) is dryer
        assert (washer.sum_kw, dryer.sum_kw) == ((5.0, 9.0), (1.0, 3.0))
        assert washer.squares_kw2 == pytest.approx(4.0 + 9.0 + 16.0 + 25.0)
        np.testing.assert_array_equal(dryer.price_per_kwh, -DRYER.demand.forecast[1:5])

    def test_is_not_another_one(self) -> None:
        assert ahead_of(WASHER, Window(0, 4, SPAN_DAYS)).sum_kw == (6.0, 4.0)
        assert ahead_of(WASHER, Window(2, 2, SPAN_DAYS)).sum_kw == (3.0, 4.0)

    def test_keeps_apart_what_different_questions_find(self) -> None:
        window = Window(0, 4, SPAN_DAYS)

        def mean_kw(one: FlexibleLoad, within: Window) -> float:
            return float(within.cut(one.demand.forecast).mean())

        assert isinstance(ahead_of(WASHER, window), Ahead)
        assert window.once(mean_kw, WASHER) == 2.5
        assert isinstance(ahead_of(WASHER, window), Ahead)

    def test_knows_loads_that_are_made_and_gone(self) -> None:
        # An object that is gone leaves its identity to the next one of its size.
        window = Window(0, 3, SPAN_DAYS)
        for kw in range(50):
            assert ahead_of(load("brief", *[float(kw)] * 6), window).sum_kw == (3.0 * kw,)

    def test_owes_by_the_state_that_it_is_stated_from(self) -> None:
        window = Window(1, 4, SPAN_DAYS)
        for behind_kwh in (0.0, 2.0):
            today, tomorrow = owed_energy(WASHER, window, ProsumerState({}, {"washer": behind_kwh}, 0), dt_h=1.0)
            assert (today.energy_kwh, tomorrow.energy_kwh) == (5.0 + behind_kwh, 9.0)

    @pytest.mark.parametrize(
        ("begin", "horizon", "ends"), [(0, 4, [True, False]), (1, 2, [True]), (0, 6, [True, True])]
    )
    def test_says_of_its_days_whether_they_end_in_it(self, begin: int, horizon: int, ends: list[bool]) -> None:
        window = Window(begin, horizon, SPAN_DAYS)
        assert [day.is_last_of_day for day in window.days] == ends
        listed = [t for day in window.days for t in day.listed]
        assert listed == list(range(horizon))
        assert [SPAN_DAYS[begin + day.listed[0]] for day in window.days] == [day.number for day in window.days]


class TestAPreparedMarket:
    def test_is_asked_once_for_each_answer(self) -> None:
        ready = connected(random_market(3, 0, horizon=4))
        first, both = without_contracts(ready, (0,)), without_contracts(ready, (0, 2))
        assert without_contracts(ready, [0]) is first
        assert without_contracts(ready, (0, 2)) is both
        assert np.count_nonzero(first.models[0].upper) > np.count_nonzero(both.models[0].upper)

    def test_begins_anew_where_anything_of_it_is_replaced(self) -> None:
        ready = connected(random_market(3, 0, horizon=4))
        lifted = without_contracts(ready)
        dearer = replace(ready, scarcity_price_per_kwh=2.0 * ready.scarcity_price_per_kwh)
        assert without_contracts(dearer) is not lifted
        assert without_contracts(dearer).scarcity_price_per_kwh == 2.0 * lifted.scarcity_price_per_kwh


class TestToldCharges:
    def test_are_told_again_only_while_they_are_the_same(self) -> None:
        market, told = random_market(4, 1, horizon=2), ToldCharges()
        first = told.table(market, (True, True), since_clearing=0)
        assert first == charges_table(market, (True, True))
        assert told.table(connected(market), (True, True), since_clearing=0) is first
        assert told.table(market, (False, True), since_clearing=0) == charges_table(market, (False, True))
        other = replace(market, charges=random_market(4, 2, horizon=2).charges)
        assert charges_table(other, (False, True)) != charges_table(market, (False, True))
        assert told.table(other, (False, True), since_clearing=0) == charges_table(other, (False, True))


def by_model(ready: PreparedProblem, x: list[np.ndarray]) -> list[float]:
    """As one adds up by hand what settlement counts: all but penalties, and what is short."""
    costs = []
    for model, own in zip(ready.models, x, strict=True):
        counted = own.copy()
        for k, variable in enumerate(model.variables):
            is_short = variable.type == IMBALANCE and variable.role in (Role.SHORT, Role.UNSERVED)
            if is_penalty(variable) and not is_short:
                counted[k] = 0.0
        costs.append(model.cost(counted))
    return costs


def test_costs_after_the_run_are_those_of_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    ready = with_imbalance_priced(random_market(5, 3, horizon=6))
    rng = np.random.default_rng(3)
    x = [rng.uniform(0.0, 2.0, (len(model.variables), 6)) for model in ready.models]
    expected = by_model(ready, x)
    rows = np.concatenate(x)
    np.testing.assert_allclose(settled(ready.table, rows, dt_h=ready.dt_h), expected, rtol=1e-12)
    monkeypatch.setattr("mosaik_p2p.market.over_time.closing.ROWS_AT_ONCE", 3)
    np.testing.assert_allclose(settled(ready.table, rows, dt_h=ready.dt_h), expected, rtol=1e-12)

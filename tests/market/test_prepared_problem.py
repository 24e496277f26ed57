"""What is cleared has imbalances priced: by its type, and once only."""

from dataclasses import replace

import numpy as np
import pytest

from markets import equipped_market, random_market
from mosaik_p2p.charges.place import PlaceCharges
from mosaik_p2p.market.imbalance import solvable, with_imbalance_priced
from mosaik_p2p.market.negotiation.constrained_clearing import connected
from mosaik_p2p.market.negotiation.operator_step import NOT_FOLLOWED, without_contracts
from mosaik_p2p.market.problem import SCARCITY, MarketProblem, PreparedProblem
from mosaik_p2p.market.prosumer_step.fleet import Fleet
from mosaik_p2p.prosumers.model import held_once, is_held_once
from mosaik_p2p.prosumers.roles import IMBALANCE

pytestmark = pytest.mark.once

PLACE = PlaceCharges(np.full((2, 2, 3), 0.01), np.zeros((2, 2, 3)))


def dear(problem: MarketProblem, t: int) -> set[float]:
    """Prices of imbalances in an interval."""
    return {
        float(model.linear[k, t])
        for model in problem.models
        for k, variable in enumerate(model.variables)
        if variable.type == IMBALANCE
    }


def test_an_unprepared_market_has_no_fleet() -> None:
    raw = random_market(3, 0, horizon=2)
    with pytest.raises(TypeError, match="imbalances priced"):
        Fleet(raw)  # type: ignore[arg-type]


@pytest.mark.parametrize("prepare", [with_imbalance_priced, solvable, connected])
def test_a_prepared_market_is_one_whatever_is_replaced_in_it(prepare: type) -> None:
    raw = random_market(3, 0, horizon=2)
    ready = prepare(raw)
    assert isinstance(ready, PreparedProblem)
    assert ready.scarcity_price_per_kwh == SCARCITY * raw.steepest_price_per_kwh
    assert dear(ready, 0) == {ready.scarcity_price_per_kwh}
    assert isinstance(replace(ready, charges=raw.charges), PreparedProblem)


def test_nobody_gets_imbalances_twice() -> None:
    ready = with_imbalance_priced(random_market(3, 0, horizon=2))
    assert with_imbalance_priced(ready) is ready
    with pytest.raises(ValueError, match=r"dataclasses\.replace"):
        with_imbalance_priced(MarketProblem(ready.models, ready.charges, ready.dt_h))


def test_the_scarcity_price_stays_where_the_operator_takes_contracts_over() -> None:
    ready = connected(random_market(3, 0, horizon=2))
    lifted = without_contracts(ready)
    assert lifted.scarcity_price_per_kwh == ready.scarcity_price_per_kwh
    assert max(dear(lifted, 0)) == NOT_FOLLOWED * ready.scarcity_price_per_kwh
    assert dear(lifted, 1) == {ready.scarcity_price_per_kwh}


def test_a_fleet_takes_its_word_for_what_is_known_alone() -> None:
    ready = with_imbalance_priced(random_market(3, 0, horizon=2))
    known = Fleet(ready).alone
    np.testing.assert_array_equal(Fleet(ready).alone.cost, known.cost)
    assert Fleet(ready, alone=known).alone is known


def test_charges_of_places_have_to_be_placed() -> None:
    raw = replace(random_market(3, 0, horizon=2), place=PLACE)
    ready = with_imbalance_priced(raw)
    assert ready.place is PLACE
    with pytest.raises(TypeError, match="solvable"):
        Fleet(ready)
    assert Fleet(solvable(raw)).problem.place is None


@pytest.mark.parametrize("horizon", [1, 12])
def test_rows_of_imbalances_stand_below_those_of_the_model(horizon: int) -> None:
    raw = equipped_market(3, 5, horizon=horizon)
    prepared = with_imbalance_priced(raw)
    price = prepared.scarcity_price_per_kwh
    for model, more in zip(raw.models, prepared.models, strict=True):
        own, sign = len(model.variables), np.array([1.0, -1.0])
        assert more.balance.shape[1] == own + 4
        assert np.array_equal(more.balance[:, :own], model.balance)
        for c in range(2):
            rows = more.balance[c, own:]
            assert np.array_equal(rows, np.where(np.arange(4) // 2 == c, np.tile(sign, 2), 0.0)[:, None] + 0.0 * rows)
        for name, value in (("lower", 0.0), ("upper", np.inf), ("quadratic", 0.0), ("linear", price)):
            assert (getattr(more, name)[own:] == value).all(), name
            assert name == "linear" or np.array_equal(getattr(more, name)[:own], getattr(model, name)), name


def test_what_is_the_same_in_all_intervals_takes_the_room_of_one() -> None:
    same, other = np.tile([[1.0], [np.inf]], 24), np.arange(48.0).reshape(2, 24)
    held = held_once(same)
    assert is_held_once(held)
    assert np.array_equal(held, same)
    assert not held.flags.writeable
    assert held_once(other) is other
    assert not is_held_once(held_once(same[:, :1]))
    models = with_imbalance_priced(equipped_market(6, 5, horizon=12)).models
    assert all(is_held_once(model.quadratic) for model in models)

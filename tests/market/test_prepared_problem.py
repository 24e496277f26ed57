"""What is cleared has imbalances priced: by its type, and once only."""

from dataclasses import replace

import numpy as np
import pytest

from markets import random_market
from mosaik_p2p.charges.place import PlaceCharges
from mosaik_p2p.market.imbalance import solvable, with_imbalance_priced
from mosaik_p2p.market.negotiation.constrained_clearing import connected
from mosaik_p2p.market.negotiation.operator_step import NOT_FOLLOWED, without_contracts
from mosaik_p2p.market.problem import SCARCITY, MarketProblem, PreparedProblem
from mosaik_p2p.market.prosumer_step.fleet import Fleet
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

"""Normalised equilibria with weights on three prosumers and one limit, whose answers are known in closed form.

f = 0.005 x^2 + b x, b = 0.60, 0.10, 0.14 for A (buys up to 40 kW), B and C (sell up to 40), sum x = 0, and
x_A + 2 x_B + 3 x_C <= 25.
"""

import numpy as np
import pytest

from linear_operator import LinearOperator, task_of
from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.errors import Status
from mosaik_p2p.market.designs.base import Cleared
from mosaik_p2p.market.designs.kinds.dlmp import Dlmp
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.prosumers.model import ModelBuilder, ProsumerModel
from mosaik_p2p.prosumers.roles import Variable
from mosaik_p2p.units import ELECTRICITY

CLOSE = 1e-3
SLOPE = np.array([1.0, 2.0, 3.0])
LIMIT = 25.0


def agent(name: str, *, sells: float, b: float) -> ProsumerModel:
    """Sells (or buys, where negative) up to so much, at 0.005 x^2 + b x."""
    builder = ModelBuilder(name, 1.0, 1, size_kw=40.0)
    way = 1.0 if sells > 0 else -1.0
    builder.variable(
        Variable("it", "generator", "power"),
        upper=abs(sells),
        price=way * b,
        curvature=0.01,
        adds={ELECTRICITY: way},
    )
    return builder.build(member=(True, False))


def cleared(weights: dict[str, float], *, limit: float = LIMIT) -> Cleared:
    models = (agent("A", sells=-40.0, b=0.60), agent("B", sells=40.0, b=0.10), agent("C", sells=40.0, b=0.14))
    market = MarketProblem(models, (no_charges(np.zeros(3, dtype=np.int64)), no_charges(np.full(3, -1))), 1.0)
    operator = LinearOperator(market.names, {0: [(SLOPE, limit)]})
    return Dlmp(weights=weights).clear(task_of(market, operator, Settings(relative_gap=1e-5)))


def injected(found: Cleared) -> list[float]:
    return [
        float(done.x[0, 0]) * float(model.balance[0, 0, 0])
        for model, done in zip(found.problem.models, found.clearing.dispatch, strict=True)
    ]


CASES = [
    ({}, (-21.5, 18.0, 3.5), 0.49, 0.105, -6.6175),
    ({"C": 1.25}, (-20.0, 15.0, 5.0), 0.55, 0.15, -6.55),
    ({"C": 2.0}, (-12.5, 0.0, 12.5), 0.895, 0.42, None),
    ({"C": 0.5}, (-23.6, 22.2, 1.4), None, None, None),
]


@pytest.mark.parametrize(("weights", "kw", "price", "multiplier", "cost"), CASES)
def test_the_equilibrium_of_each_weight(
    weights: dict[str, float], kw: tuple[float, ...], price: float | None, multiplier: float | None, cost: float | None
) -> None:
    found = cleared(weights)
    assert found.clearing.status is Status.OK
    assert injected(found) == pytest.approx(kw, abs=CLOSE * 40.0)
    assert found.surcharge_per_kwh is not None
    surcharge, weight = found.surcharge_per_kwh[0, 0], np.array([weights.get(name, 1.0) for name in "ABC"])
    # One multiplier for all, each pays its part by its weight.
    of_all = surcharge * weight / SLOPE
    assert of_all == pytest.approx(np.full(3, of_all[0]), abs=CLOSE)
    if multiplier is not None:
        assert of_all[0] == pytest.approx(multiplier, abs=CLOSE)
    if price is not None:
        # One energy price for all: money between peers sums to zero.
        assert found.clearing.price_per_kwh[0, 0] + surcharge == pytest.approx(np.full(3, price), abs=CLOSE)
    if cost is not None:
        assert found.clearing.cost == pytest.approx(cost, abs=CLOSE)
    table = found.tables["nodal_prices"][0]
    assert table["congestion_per_kwh"] == pytest.approx(-surcharge, abs=CLOSE)
    assert table["energy_per_kwh"] == pytest.approx(np.full(3, np.mean(table["energy_per_kwh"])), abs=CLOSE)


def test_without_a_limit_in_reach_it_is_the_free_market() -> None:
    found = cleared({"C": 2.0}, limit=1000.0)
    assert injected(found) == pytest.approx((-32.0, 18.0, 14.0), abs=CLOSE * 40.0)
    assert found.clearing.price_per_kwh[0, 0] == pytest.approx(np.full(3, 0.28), abs=CLOSE)


def test_weights_too_far_apart_have_no_equilibrium_and_that_is_said() -> None:
    found = cleared({"C": 3.0})
    assert found.clearing.status is Status.NO_EQUILIBRIUM
    assert "weights" in str(found.clearing.cause)
    # The limit holds all the same.
    assert float(SLOPE @ np.array(injected(found))) <= LIMIT + CLOSE

"""The shipped case study against the central model, and in other units."""

import pytest

from markets import scaled
from mosaik_p2p.errors import Status
from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.market.reference.pyomo_model import solve_central
from mosaik_p2p.market.reference.sparse_qp import solve_sparse

GAP = 1e-3
REFERENCE = 1e-6
"""Two exact solvers on two statements of the market."""


@pytest.mark.slow
def test_each_of_the_24_clearings_costs_what_the_central_model_says() -> None:
    market = RollingMarket(market_case(load("network1")))
    for k in range(24):
        central = solve_sparse(market.problem(k))
        if k % 8 == 0:
            # HiGHS is the slower and, on one of these hours, the weaker of the two.
            assert central.cost == pytest.approx(solve_central(market.problem(k)).cost, rel=REFERENCE)
        cleared = market.clear(k)
        assert cleared.status is Status.OK
        assert cleared.tables["clearing"]["cost"][0] == pytest.approx(central.cost, rel=GAP)
        market.commit()


@pytest.mark.parametrize(("power", "price"), [(1000.0, 1.0), (1.0, 1000.0)])
@pytest.mark.parametrize("form", ["bilateral", "network"])
def test_powers_in_w_and_prices_times_1000_clear_with_the_same_defaults(power: float, price: float, form: str) -> None:
    """Clearings all over the day, each from nothing: same iterations, same cost by far less than the gap.

    Anderson's steps magnify how a processor rounds: in one of these hours, on some, to 2e-5 of the cost.
    """
    market = RollingMarket(market_case(load("network1")))
    for k in range(24):
        market.clear(k)
        if k % 4:
            market.commit()
            continue
        problem = market.problem(k)
        plain = clear(problem, Settings(form=form))
        other = clear(scaled(problem, power=power, price=price), Settings(form=form))
        assert plain.status is other.status is Status.OK
        assert other.iterations == plain.iterations
        assert other.cost / (power * price) == pytest.approx(plain.cost, rel=GAP / 10)
        market.commit()

"""What must hold in every market whose costs are strictly convex, so that sales and prices are unique.

Each prosumer has a generator and a load that values its supply, both with quadratic money; the pool, everybody at one
place, is solved by hand: the price at which supply meets demand.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from markets import random_tree
from mosaik_p2p.charges.mechanisms import Charges, no_charges, path_charges, uniform_charges
from mosaik_p2p.market.clearing import Clearing, clear
from mosaik_p2p.market.problem import MarketProblem, Settings
from mosaik_p2p.prosumers.model import ModelBuilder, ProsumerModel
from mosaik_p2p.prosumers.roles import Variable
from mosaik_p2p.units import CARRIERS, ELECTRICITY, FloatArray, IntArray

HORIZON = 2
GAP = 1e-4
SALE_KW = 0.2
"""Near the optimum of a quadratic cost, an error of GAP in money is one of its square root in kW."""
PRICE = 2e-2
"""Per kWh, for the same reason; offers are about 1."""
PROHIBITIVE = 100.0
"""A charge per kWh beyond what anybody could gain from a trade."""
SOME = settings(max_examples=12, deadline=None)
FORMS = ("bilateral", "network")


def convex_prosumer(rng: np.random.Generator, name: str) -> tuple[ProsumerModel, FloatArray]:
    """A prosumer and its figures: most supply, slope and offset of its cost; most demand, slope and worth."""
    figures = np.array([rng.uniform(5, 20), rng.uniform(0.02, 0.1), rng.uniform(0.1, 0.8),
                        rng.uniform(5, 20), rng.uniform(0.02, 0.1), rng.uniform(0.5, 1.5)])  # fmt: skip
    most, slope, offset, wanted, fading, worth = figures
    builder = ModelBuilder(name, 1.0, HORIZON, size_kw=10.0)
    builder.variable(
        Variable("plant", "generator", "power"), upper=most, price=offset, curvature=slope, adds={ELECTRICITY: 1.0}
    )
    builder.variable(
        Variable("load", "elastic_load", "power"),
        upper=wanted,
        price=-worth,
        curvature=fading,
        adds={ELECTRICITY: -1.0},
    )
    return builder.build(member=(True, False)), figures


def convex_market(seed: int, count: int) -> tuple[tuple[ProsumerModel, ...], FloatArray]:
    rng = np.random.default_rng(seed)
    models, figures = zip(*(convex_prosumer(rng, f"P{i}") for i in range(count)), strict=True)
    return models, np.array(figures)


def cleared(models: tuple[ProsumerModel, ...], charges: Charges, form: str = "network") -> Clearing:
    nothing = no_charges(np.full(len(models), -1))
    result = clear(MarketProblem(models, (charges, nothing), 1.0), Settings(form=form, relative_gap=GAP))
    assert str(result.status) == "ok"
    return result


def sale_at(price: float, figures: FloatArray) -> FloatArray:
    """(N,) what everybody sells at a price, by hand."""
    most, slope, offset, wanted, fading, worth = figures.T
    result: FloatArray = np.clip((price - offset) / slope, 0, most) - np.clip((worth - price) / fading, 0, wanted)
    return result


def pool_price(figures: FloatArray) -> float:
    return float(brentq(lambda price: sale_at(price, figures).sum(), 0.0, 2.0))


def places(rng: np.random.Generator, count: int, nodes: int) -> IntArray:
    return rng.integers(0, nodes, count)


@pytest.mark.parametrize("form", FORMS)
@given(seed=st.integers(0, 10_000), count=st.integers(2, 7))
@SOME
def test_without_charges_every_price_and_sale_is_the_pools(form: str, seed: int, count: int) -> None:
    models, figures = convex_market(seed, count)
    result = cleared(models, no_charges(np.zeros(count, dtype=np.int64)), form)
    price = pool_price(figures)
    assert result.price_per_kwh[0] == pytest.approx(np.full((HORIZON, count), price), abs=PRICE)
    assert result.sale_kw[0] == pytest.approx(np.tile(sale_at(price, figures), (HORIZON, 1)), abs=SALE_KW)


@given(seed=st.integers(0, 10_000), count=st.integers(2, 8))
@SOME
def test_path_charges_are_zero_at_the_same_place(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    at = places(rng, count, 4)
    posted = path_charges(random_tree(rng, 4), at, price_per_length=0.1, payer="both").posted
    together = at[:, None] == at[None, :]
    assert (posted[together] == 0.0).all()
    assert (posted[~together] > 0.0).all()


@pytest.mark.parametrize("form", FORMS)
@given(seed=st.integers(0, 10_000), count=st.integers(2, 7))
@SOME
def test_prohibitive_charges_leave_trades_at_the_same_place(form: str, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    models, figures = convex_market(seed, count)
    at = places(rng, count, 3)
    result = cleared(models, path_charges(random_tree(rng, 3), at, price_per_length=PROHIBITIVE, payer="both"), form)
    trades = result.trades[0]
    assert (at[trades.seller] == at[trades.buyer]).all()
    for place in np.unique(at):
        here = at == place
        own = sale_at(pool_price(figures[here]), figures[here])
        assert result.sale_kw[0, 0, here] == pytest.approx(own, abs=SALE_KW)


@given(seed=st.integers(0, 10_000), count=st.integers(2, 7))
@SOME
def test_order_and_names_do_not_matter(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    models, _ = convex_market(seed, count)
    graph, at, order = random_tree(rng, 5), places(rng, count, 5), rng.permutation(count)
    one = cleared(models, path_charges(graph, at, price_per_length=0.2, payer="both"))
    renamed = tuple(_called(models[i], f"house {count - i}") for i in order)
    other = cleared(renamed, path_charges(graph, at[order], price_per_length=0.2, payer="both"))
    assert other.iterations == one.iterations
    assert other.sale_kw == pytest.approx(one.sale_kw[:, :, order], abs=SALE_KW)
    assert other.price_per_kwh[0] == pytest.approx(one.price_per_kwh[0][:, order], abs=PRICE)


def _called(model: ProsumerModel, name: str) -> ProsumerModel:
    return ProsumerModel(**{**{key: getattr(model, key) for key in model.__dataclass_fields__}, "name": name})


def test_a_uniform_charge_is_the_difference_of_prices_between_traders() -> None:
    models, _ = convex_market(1, 6)
    result = cleared(models, uniform_charges(np.arange(6), rate_per_kwh=0.05, payer="both"))
    trades = result.trades[0]
    own = result.price_per_kwh[CARRIERS.index(ELECTRICITY), 0]
    assert len(trades.seller) > 0
    assert own[trades.buyer] - own[trades.seller] == pytest.approx(np.full(len(trades.seller), 0.1), abs=PRICE)

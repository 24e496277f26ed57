"""Markets that nobody would make on purpose: worth nothing, without limits, with numbers that are none."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from markets import equipped_market, random_market, scaled
from mosaik_p2p.errors import BadInput, Status
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.problem import MarketProblem, Settings, power_scale
from mosaik_p2p.market.prosumer_step.backends import Compiled, OneByOne
from mosaik_p2p.prosumers.model import ProsumerModel
from mosaik_p2p.prosumers.roles import Role

ROUNDING = 1e-6
FORMS = ("network", "partners", "bilateral")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("make", [random_market, equipped_market])
@pytest.mark.parametrize("price", [0.0, 1e-9])
def test_a_market_worth_nothing_is_cleared(make: Callable[..., MarketProblem], form: str, price: float) -> None:
    market = scaled(make(4, 0, horizon=6, first_hour=9), price=price)
    cleared = clear(market, Settings(form=form, max_iterations=200))
    assert cleared.status is Status.OK
    # Nobody goes unserved for nothing.
    size = power_scale(market)
    for done, own in zip(cleared.dispatch, size, strict=True):
        assert np.abs(done.imbalance_kw).max() <= 1e-4 * own


def spoilt(model: ProsumerModel, name: str, value: float) -> ProsumerModel:
    array = np.array(getattr(model, name))
    array[..., -1] = value
    return replace(model, **{name: array})


def _in_storage(model: ProsumerModel) -> ProsumerModel:
    return replace(model, storages=(replace(model.storages[0], inflow_kwh=model.storages[0].inflow_kwh * np.nan),))


def _in_total(model: ProsumerModel) -> ProsumerModel:
    return replace(model, totals=(replace(model.totals[0], power_kw=float("nan")), *model.totals[1:]))


@pytest.mark.parametrize(
    ("spoil", "quantity"),
    [
        (lambda model: spoilt(model, "linear", np.nan), "power of 'load': price"),
        (lambda model: spoilt(model, "linear", np.inf), "power of 'load': price"),
        (lambda model: spoilt(model, "quadratic", np.nan), "power of 'load': rise of the price"),
        (lambda model: spoilt(model, "upper", np.nan), "power of 'load': largest value"),
        (lambda model: spoilt(model, "lower", np.nan), "power of 'load': least value"),
        (lambda model: spoilt(model, "balance", np.nan), "power of 'load': share in a balance"),
        (lambda model: spoilt(model, "fixed", np.nan), "fixed load of electricity"),
        (_in_storage, "storage 'battery'"),
        (_in_total, "energy owed to 'load'"),
        (lambda model: replace(model, constant=float("nan")), "constant cost"),
    ],
)
def test_what_is_no_number_is_refused_by_name(spoil: Callable[[ProsumerModel], Any], quantity: str) -> None:
    market = random_market(3, 0, horizon=4)
    market = replace(market, models=(*market.models[:2], spoil(market.models[2])))
    with pytest.raises(BadInput) as refused:
        clear(market, Settings())
    assert f"Prosumer 'P2', {quantity}" in [fault.place for fault in refused.value.faults]


def test_no_limit_is_no_fault_and_makes_no_price_infinite() -> None:
    market = random_market(3, 0, horizon=4)
    models = []
    for model in market.models:
        rows = [variable.type == "contract" for variable in model.variables]
        models.append(replace(model, upper=np.where(np.array(rows)[:, None], np.inf, model.upper)))
    endless = replace(market, models=tuple(models))
    assert with_imbalance_priced(endless).scarcity_price_per_kwh == with_imbalance_priced(market).scarcity_price_per_kwh
    cleared = clear(endless, Settings())
    assert cleared.status is Status.OK
    # 200 kW were no limit to anyone before.
    assert cleared.cost == pytest.approx(clear(market, Settings()).cost, rel=2e-3)


def test_both_solvers_count_what_a_vehicle_lacks_as_a_penalty() -> None:
    """A charger of half a kW does not fill any in a night."""
    for seed in range(40):
        market = with_imbalance_priced(equipped_market(1, seed, horizon=24, first_hour=18.0, share=1.0))
        (model,) = market.models
        lacking = [k for k, variable in enumerate(model.variables) if variable.role == Role.SHORTFALL]
        charging = [k for k, variable in enumerate(model.variables) if variable.device == "ev" and k not in lacking]
        charging = [k for k in charging if model.variables[k].role == "charge"]
        upper = model.upper.copy()
        upper[charging] *= 0.05
        market = replace(market, models=(replace(model, upper=upper),))
        if model.upper[lacking].any():
            break
    scales = power_scale(market), 1.0
    one, other = (
        kind(market.models, *scales).dispatch_for_sales(np.zeros(market.shape))[0] for kind in (Compiled, OneByOne)
    )
    missed = float((model.linear[lacking] * one.x[lacking]).sum()) * market.dt_h
    assert missed > 1.0
    assert one.penalty >= missed * (1 - ROUNDING)
    assert one.penalty == pytest.approx(other.penalty, rel=1e-4)

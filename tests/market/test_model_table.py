"""Many prosumers' models as one table: what goes in comes out, and the table's own arithmetic is that of models."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from least_trade_programme import pair_by_pair
from markets import equipped_market, random_market
from mosaik_p2p.errors import Status
from mosaik_p2p.market.clearing import clear
from mosaik_p2p.market.imbalance import with_imbalance_priced
from mosaik_p2p.market.problem import MarketProblem, Settings, highest_price, is_penalty, middle_offer
from mosaik_p2p.market.prosumer_step.storage_direction import one_way_rows, one_way_rows_of
from mosaik_p2p.prosumers.model import ModelBuilder, ProsumerModel
from mosaik_p2p.prosumers.roles import CONTRACT, IMBALANCE, Role
from mosaik_p2p.prosumers.table import UPPER, ModelTable
from mosaik_p2p.prosumers.tabulating import table_of, table_of_stated, with_rows
from mosaik_p2p.units import CARRIERS

MARKETS: dict[str, Callable[[], MarketProblem]] = {
    "houses": lambda: random_market(30, 3),
    "an hour of houses": lambda: random_market(30, 3, horizon=1, first_hour=12),
    "all devices": lambda: equipped_market(12, 4),
}


def same(one: Any, other: Any) -> bool:
    """Whether two models, or parts of them, say the same number by number."""
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other, equal_nan=True))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if is_dataclass(one):
        return all(same(getattr(one, entry.name), getattr(other, entry.name)) for entry in fields(one))
    return bool(one == other)


def table_in_parts(models: Any, monkeypatch: pytest.MonkeyPatch, *, together: int = 7) -> ModelTable:
    """A table of models that are given one by one, so that it can keep none of them."""
    monkeypatch.setattr("mosaik_p2p.prosumers.tabulating.TOGETHER", together)
    return table_of(model for model in models)


@pytest.mark.parametrize("kind", MARKETS)
def test_models_come_out_of_a_table_as_they_went_in(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    models = MARKETS[kind]().models
    table = table_in_parts(models, monkeypatch)
    assert len(table) == len(models)
    for made, given in zip(table, models, strict=True):
        assert same(made, given), given.name


def by_the_book(model: ProsumerModel, price: float) -> dict[str, Any]:
    """A model with its imbalances, stated row by row: the road that a table does not take."""
    rows = [(c, sign) for c in range(2) if model.balance[c].any() or model.fixed[c].any() or model.member[c]
            for sign in (1.0, -1.0)]  # fmt: skip
    ones = np.ones((len(rows), model.horizon))
    shares = np.array([[sign if c == carrier else 0.0 for c, sign in rows] for carrier in range(2)])
    return {
        "upper": np.vstack([model.upper, np.inf * ones]),
        "lower": np.vstack([model.lower, 0.0 * ones]),
        "linear": np.vstack([model.linear, price * ones]),
        "quadratic": np.vstack([model.quadratic, 0.0 * ones]),
        "balance": np.concatenate([model.balance, shares[:, :, None] * ones], axis=1),
    }


@pytest.mark.parametrize("kind", ["houses", "an hour of houses"])
def test_imbalances_stand_behind_everyones_own_rows(kind: str) -> None:
    market = MARKETS[kind]()
    priced = with_imbalance_priced(market)
    for raw, model in zip(market.models, priced.models, strict=True):
        for name, expected in by_the_book(raw, priced.scarcity_price_per_kwh).items():
            assert same(getattr(model, name), expected), (raw.name, name)
        added = model.variables[len(raw.variables) :]
        assert {variable.type for variable in added} == {IMBALANCE}
        assert [variable.role for variable in added] == [Role.SHORT, Role.SURPLUS] * (len(added) // 2)
        assert same(model.storages, raw.storages)
        assert same(model.totals, raw.totals)


@pytest.mark.parametrize("kind", MARKETS)
def test_offers_are_those_of_the_models(kind: str) -> None:
    market = MARKETS[kind]()
    prices = np.concatenate(
        [
            np.abs(model.linear[[k for k, v in enumerate(model.variables) if v.type == CONTRACT]]).ravel()
            for model in market.models
        ]
    )
    assert middle_offer(market) == np.median(prices[prices > 0.0])
    assert highest_price(market) == prices.max()


@pytest.mark.parametrize("kind", MARKETS)
def test_rows_that_go_one_way_are_those_of_the_models(kind: str) -> None:
    market = MARKETS[kind]()
    # Meters that would earn by both: one pays as much as it takes in its cheapest hours.
    models = [replace(model, linear=np.where(model.linear < 0.0, -0.5, model.linear)) for model in market.models]
    table = table_of(models)
    expected = {
        (i, int(table.first[i]) + a, int(table.first[i]) + b)
        for i, model in enumerate(models)
        for a, b in one_way_rows(model)
    }
    assert expected
    assert set(zip(*(part.tolist() for part in one_way_rows_of(table)), strict=True)) == expected


def test_other_numbers_leave_the_former_table_as_it_was() -> None:
    table = table_of(random_market(5, 1).models)
    before, rows = table.rows(UPPER, np.arange(len(table.owner))), np.array([0, 7])
    values = np.array([np.full(24, 3.0), np.arange(24.0)])
    other = with_rows(table, UPPER, rows, values)
    assert same(other.rows(UPPER, rows), values)
    assert same(table.rows(UPPER, np.arange(len(table.owner))), before)
    assert same(
        np.delete(other.rows(UPPER, np.arange(len(table.owner))), rows, axis=0), np.delete(before, rows, axis=0)
    )


def test_a_market_of_a_table_clears_as_one_of_its_models(monkeypatch: pytest.MonkeyPatch) -> None:
    market = random_market(40, 5)
    one, other = (
        clear(market, Settings()),
        clear(replace(market, models=table_in_parts(market.models, monkeypatch)), Settings()),
    )
    assert (one.iterations, one.cost, one.lower_bound) == (other.iterations, other.cost, other.lower_bound)
    assert same(one.price_per_kwh, other.price_per_kwh)


def test_a_variable_of_two_storages_is_refused() -> None:
    model = random_market(1, 0).models[0]
    with pytest.raises(ValueError, match="two storages"):
        table_of([replace(model, storages=(*model.storages, *model.storages))])


def refused(*_: object, **__: object) -> None:
    raise AssertionError("no linear programme of so many members")


def test_of_too_many_members_trades_stay_as_they_were_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    market = pair_by_pair(random_market(12, 5))
    least = clear(market, Settings())
    monkeypatch.setattr("mosaik_p2p.market.network_step.agreed_trades.MOST_MEMBERS", 5)
    monkeypatch.setattr("mosaik_p2p.market.network_step.agreed_trades.serve_all", refused)
    cleared = clear(market, Settings())
    # The dispatch of the devices, and with it the cost but for contracts, is the same; both are certified.
    assert cleared.status is least.status is Status.OK
    assert cleared.cost == pytest.approx(least.cost, rel=1e-4)
    for trades, sale in zip(cleared.trades, cleared.sale_kw[:, 0], strict=True):
        assert np.allclose(trades.net_sale(12), sale, atol=1e-9)


def stated_by(models: Any) -> list[ModelBuilder]:
    """What devices would have stated to come to these models: a number where all intervals are alike."""

    def short(series: Any) -> Any:
        return float(series[0]) if (series == series[0]).all() else series

    return [
        ModelBuilder(
            model.name,
            model.dt_h,
            model.horizon,
            variables=list(model.variables),
            bounds=[(short(low), short(high)) for low, high in zip(model.lower, model.upper, strict=True)],
            costs=[(short(price), short(rise)) for price, rise in zip(model.linear, model.quadratic, strict=True)],
            shares=[
                {carrier: short(model.balance[c, k]) for c, carrier in enumerate(CARRIERS) if model.balance[c, k].any()}
                for k in range(len(model.variables))
            ],
            storages=list(model.storages),
            totals=list(model.totals),
            connections=list(model.connections),
            constant=model.constant,
            size_kw=model.size_kw,
            missed_kwh=dict(model.missed_kwh),
        )
        for model in models
    ]


@pytest.mark.parametrize("together", [7, 1000])
@pytest.mark.parametrize("kind", MARKETS)
def test_what_devices_state_is_the_same_table_as_that_of_their_models(
    kind: str, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = list(MARKETS[kind]().models)
    monkeypatch.setattr("mosaik_p2p.prosumers.tabulating.TOGETHER", together)
    stated = stated_by(models)
    for builder, model in zip(stated, models, strict=True):
        builder.fixed = dict(zip(CARRIERS, model.fixed, strict=True))
    table = table_of_stated(stated, member=[model.member for model in models])
    assert len(table) == len(models)
    for made, given in zip(table, models, strict=True):
        assert same(made, given), given.name


def test_the_steepest_cost_of_a_table_is_that_of_its_models() -> None:
    market = equipped_market(12, 4)
    slopes = [
        np.abs(model.linear[k]) + model.quadratic[k] * np.maximum(np.abs(model.lower[k]), np.abs(model.upper[k]))
        for model in market.models
        for k, variable in enumerate(model.variables)
        if not is_penalty(variable)
    ]
    assert np.isfinite(slopes).all()
    assert market.steepest_price_per_kwh == np.max(slopes)
    dearer = list(market.models)
    rises = np.arange(1.0, 1.0 + market.shape[1])
    dearer[3] = replace(dearer[3], linear=dearer[3].linear * 0.0 + 1e3 * rises)
    assert replace(market, models=tuple(dearer)).steepest_price_per_kwh >= 1e3 * rises[-1]

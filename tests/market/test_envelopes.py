"""The design `envelopes` in markets over time, beside a network of a few rows, and on the congested case."""

import os
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from mosaik_p2p.errors import Status
from mosaik_p2p.limits.rows import LimitKey, LimitRow
from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case as loaded_case
from mosaik_p2p.market.designs.kinds.envelopes import Envelopes, Published
from mosaik_p2p.market.designs.operator import BranchLosses, Exchange
from mosaik_p2p.market.negotiation.state import NetworkReport
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.choice import make_market
from mosaik_p2p.market.over_time.outcome import IntervalOutcome
from mosaik_p2p.prosumers.meter_limits import with_meter_limits
from mosaik_p2p.results.tables.market import MARKET_TABLES
from mosaik_p2p.units import Table
from rolling_markets import market_case

LONG = bool(os.environ.get("MOSAIK_P2P_LONG"))
BOUND_KW = 1e-4
SAME = 1e-5


@dataclass(frozen=True)
class Row:
    """A limit on a weighted sum of what is drawn; `kvar` counts reactive power, too."""

    carrier: int
    limit: float
    weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    kvar: float = 0.0

    def value(self, exchange: Exchange) -> float:
        weights = np.array(self.weights)
        return float(-weights @ (exchange.injection_kw[self.carrier] + self.kvar * exchange.reactive_kvar))


@dataclass
class RowsOperator:
    """Networks that are linear."""

    rows: tuple[Row, ...]
    names: tuple[str, ...]

    def reports(
        self,
        exchange: Exchange,
        t: int,  # noqa: ARG002  (the same at any time)
        *,
        kept: Container[LimitKey] = frozenset(),
    ) -> Mapping[int, NetworkReport]:
        found: dict[int, list[LimitRow]] = {0: [], 1: []}
        for n, row in enumerate(self.rows):
            value = row.value(exchange)
            told = LimitRow(
                f"line {n}",
                "load_kw",
                "kW",
                value,
                row.limit,
                True,
                {name: -weight for name, weight in zip(self.names, row.weights, strict=True)},
                {name: -weight * row.kvar for name, weight in zip(self.names, row.weights, strict=True)},
            )
            if value > 0.9 * row.limit or told.key in kept:
                found[row.carrier].append(told)
        return {
            c: NetworkReport(True, frozenset((r.element, r.quantity) for r in rows if r.excess > 0.0), tuple(rows))
            for c, rows in found.items()
        }

    def loss(self, exchange: Exchange, t: int) -> np.ndarray:
        raise NotImplementedError

    def marginal_loss(self, exchange: Exchange, t: int) -> np.ndarray:
        raise NotImplementedError

    def branch_losses(self, exchange: Exchange, t: int) -> BranchLosses | None:
        raise NotImplementedError


def case_with(*rows: Row, **changes: object) -> MarketCase:
    case = market_case()
    operator = RowsOperator(rows, tuple(prosumer.name for prosumer in case.prosumers)) if rows else None
    return replace(case, design=Envelopes(), operator=operator, **changes)


def lived(case: MarketCase, steps: int) -> list[IntervalOutcome]:
    market = make_market(case)
    outcomes = []
    for k in range(steps):
        outcomes.append(market.clear(k))
        market.commit()
    return outcomes


def exchange_of(outcome: IntervalOutcome) -> Exchange:
    power = [[one.injection_kw for one in outcome.dispatch], [-one.heat_draw_kw for one in outcome.dispatch]]
    return Exchange(np.array(power), np.array([one.q_injection_kvar for one in outcome.dispatch]))


def ends(table: Table, name: str) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in table[name]])


@pytest.mark.parametrize("clearing", ["rolling", "day_ahead"])
def test_everyone_stays_in_his_box_and_the_limit_is_kept(clearing: str) -> None:
    # Without the limit they draw 59, 78 and 81 kW together in the third, fourth and fifth hour.
    row = Row(0, 55.0)
    outcomes = lived(case_with(row, clearing=clearing), 5)
    binds = 0
    for outcome in outcomes:
        table, power = outcome.tables["envelopes"], exchange_of(outcome).injection_kw[0]
        assert outcome.status is Status.OK
        assert set(table) == set(MARKET_TABLES["envelopes"].columns) - {"time"}
        assert (power >= ends(table, "low_kw") - BOUND_KW).all()
        assert (power <= ends(table, "high_kw") + BOUND_KW).all()
        # The worst corner of all: everybody draws as much as he may.
        assert -ends(table, "low_kw").sum() <= row.limit
        assert row.value(exchange_of(outcome)) <= row.limit
        assert 0.0 < table["share"][0] <= 1.0
        binds += int(row.value(exchange_of(outcome)) > 0.95 * row.limit)
        assert not np.array(outcome.tables["prosumers"]["surcharge_per_kwh"]).any()
    assert binds > 0


def test_what_was_published_stands() -> None:
    market = make_market(case_with(Row(0, 80.0)))
    first = market.clear(0)
    published = market._pending.carried
    assert isinstance(published, Published)
    assert len(published.envelopes) == 8
    market.commit()
    second = market.clear(1)
    boxes = published.envelopes[1].boxes
    assert boxes is not None
    assert ends(second.tables["envelopes"], "low_kw") == pytest.approx(boxes.low, abs=SAME)
    assert first.tables["envelopes"]["low_kw"] != second.tables["envelopes"]["low_kw"]
    # One more interval came into sight.
    assert len(market._pending.carried.envelopes) == 8


def test_a_limit_that_nobody_can_keep_has_no_envelope() -> None:
    outcome = lived(case_with(Row(0, 1.0)), 1)[0]
    assert outcome.status is Status.NO_ENVELOPE
    assert len(outcome.dispatch) == 4
    assert "no operating envelope in interval 0" in outcome.tables["clearing"]["cause"][0]
    table = outcome.tables["envelopes"]
    assert table["low_kw"] == table["high_kw"] == table["share"] == [None] * 4
    assert None not in table["base_kw"]


def test_reactive_power_that_goes_otherwise_has_room() -> None:
    """Loads draw a third of their power as kvar, batteries none: at the same injection both can be."""
    row = Row(0, 100.0, kvar=1.5)
    assert max(row.value(exchange_of(outcome)) for outcome in lived(market_case(), 4)) > 115.0
    for outcome in lived(case_with(row, clearing="day_ahead"), 6):
        assert outcome.status is Status.OK
        assert row.value(exchange_of(outcome)) <= row.limit * (1.0 + 1e-6)


def test_limits_of_heat_are_kept_by_rows_and_paid_for() -> None:
    """P2 would draw 3.4 kW that P0 feeds in."""
    row = Row(1, 2.0, weights=(0.0, 0.0, 1.0, 0.0))
    assert row.value(exchange_of(lived(market_case(), 1)[0])) > 3.0
    outcome = lived(case_with(Row(0, 500.0), row), 1)[0]
    assert 1.9 < row.value(exchange_of(outcome)) <= row.limit * (1.0 + 1e-6)
    surcharges = dict(
        zip(
            zip(outcome.tables["prosumers"]["prosumer"], outcome.tables["prosumers"]["carrier"], strict=True),
            outcome.tables["prosumers"]["surcharge_per_kwh"],
            strict=True,
        )
    )
    # Who draws pays: a kWh that it injects gets a rebate.
    assert surcharges["P2", "heat"] < -1e-3
    assert surcharges["P0", "heat"] == pytest.approx(0.0, abs=1e-6)
    assert surcharges["P2", "electricity"] == 0.0


def test_without_networks_it_is_the_market_of_all() -> None:
    envelopes, free = lived(case_with(), 1)[0], lived(market_case(), 1)[0]
    assert envelopes.tables["clearing"]["cost"] == pytest.approx(free.tables["clearing"]["cost"])
    assert "envelopes" not in envelopes.tables


def test_a_meter_that_cannot_be_reached_is_no_limit() -> None:
    model = make_market(market_case()).problem(0).models[0]
    wide, horizon = np.full(model.horizon, 1e3), model.horizon
    assert with_meter_limits(model, 0, -wide, wide) is model
    narrow = with_meter_limits(model, 0, np.full(horizon, -5.0), np.full(horizon, np.inf))
    again = with_meter_limits(narrow, 0, np.full(horizon, -9.0), np.full(horizon, 3.0))
    row = narrow.connections[0].k
    assert (narrow.lower[row] == -5.0).all()
    # The nearer limit of two holds, over the one connection.
    assert len(again.connections) == 1
    assert (again.lower[row] == -5.0).all()
    assert (again.upper[row] == 3.0).all()


CONGESTED = ('market.design="envelopes"', "negotiation.enabled=false", 'time.clearing="day_ahead"')
NOON = ("time.start=2017-03-28T11:00:00+01:00", "time.steps=2", "time.horizon_steps=2")


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("hours", [NOON, pytest.param((), marks=pytest.mark.skipif(not LONG, reason="minutes"))])
def test_the_congested_case_has_envelopes_and_keeps_all_limits(hours: tuple[str, ...]) -> None:
    case = loaded_case(load("network2_congested", (*CONGESTED, *hours)))
    outcomes = lived(case, case.steps)
    assert case.operator is not None
    for k, outcome in enumerate(outcomes):
        assert outcome.status is Status.OK
        assert None not in outcome.tables["envelopes"]["share"]
        reports = case.operator.reports(exchange_of(outcome), k)
        assert [c for c, report in reports.items() if report.broken] == []
    if not hours:
        # Money of all: between limits inside the clearing, 2,219, and nobody trading within the limits, 2,511.
        assert 2219.0 < outcomes[0].tables["clearing"]["cost"][0] < 2511.0

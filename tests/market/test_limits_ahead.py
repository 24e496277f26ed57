"""A rolling market holds limits of its look-ahead, and goes on from what is known of them."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from linear_operator import LinearOperator
from markets import expected
from mosaik_p2p.charges.mechanisms import no_charges
from mosaik_p2p.devices.kinds.ev import Ev
from mosaik_p2p.devices.kinds.fixed_load import FixedLoad
from mosaik_p2p.limits.rows import LimitKey
from mosaik_p2p.market.designs.kinds.dlmp import Dlmp
from mosaik_p2p.market.designs.operator import Exchange
from mosaik_p2p.market.negotiation.protocol import ROUNDS_AHEAD
from mosaik_p2p.market.negotiation.state import NetworkReport
from mosaik_p2p.market.over_time.case import MarketCase
from mosaik_p2p.market.over_time.outcome import IntervalOutcome
from mosaik_p2p.market.over_time.rolling import RollingMarket
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.prosumers.prosumer import Contract, Prosumer
from mosaik_p2p.units import CARRIERS, FloatArray

STEPS = 3
FULL_KWH, CHARGER_KW = 12.0, 6.0
PRICE = np.array([0.5, 0.4, 0.1, 0.4, 0.4])
"""The last interval before the car leaves is the cheap one."""
LOAD_KW = np.array([1.0, 1.0, 8.0, 1.0, 1.0])
MOST_KW = 10.0
"""What both together may draw then; the neighbour's load leaves 2 kW for the car."""
KWH = 0.02


def street(limit_kw: float = MOST_KW) -> tuple[MarketCase, LinearOperator]:
    """A house with a car that leaves with the third interval, its neighbour, and what the line behind both says."""
    car = Ev("car", CHARGER_KW, 0.0, 0.0, FULL_KWH, 0.0, 0.0, FULL_KWH, 1.0, 1.0, 0.0, np.array([2, 1, 0, -1, -1]))
    contract = Contract("grid", "electricity", PRICE, None, 100.0, 0.0)
    prosumers = (
        Prosumer("house", 0, None, 1.0, (car,), (contract,)),
        Prosumer("neighbour", 1, None, 1.0, (FixedLoad("base", "electricity", expected(LOAD_KW)),), (contract,)),
    )
    free = no_charges(np.zeros(2, dtype=np.int64))
    case = MarketCase(
        prosumers=prosumers,
        charges=(free, free),
        day=np.zeros(len(PRICE), dtype=np.int64),
        dt_h=1.0,
        steps=STEPS,
        horizon_steps=STEPS,
        settings=Settings(),
        on_not_converged="stop",
        final_at_end=False,
    )
    return case, LinearOperator(("house", "neighbour"), {2: [(-np.ones(2), limit_kw)]})


@dataclass(frozen=True)
class Recording(LinearOperator):
    """An operator that keeps the intervals which it was asked about."""

    asked: list[int] = field(default_factory=list)

    def reports(
        self, exchange: Exchange, t: int, *, kept: Container[LimitKey] = frozenset()
    ) -> Mapping[int, NetworkReport]:
        """See Operator."""
        self.asked.append(t)
        return super().reports(exchange, t, kept=kept)


def exchange_of(outcome: IntervalOutcome) -> Exchange:
    """What a dispatch puts on the networks."""
    injection_kw = np.zeros((len(CARRIERS), len(outcome.dispatch)))
    injection_kw[0] = [one.injection_kw for one in outcome.dispatch]
    return Exchange(injection_kw, np.zeros(len(outcome.dispatch)))


def negotiated(case: MarketCase, judge: LinearOperator) -> tuple[list[FloatArray], list[int]]:
    """Injections and rounds by interval of a market that the line judges."""
    market, injections, rounds = RollingMarket(case), [], []
    for k in range(STEPS):
        outcome, count = market.clear(k), 0
        while True:
            reports = {CARRIERS[c]: report for c, report in judge.reports(exchange_of(outcome), k).items()}
            following = market.negotiate(reports, max_rounds=5)
            if following is None:
                break
            outcome, count = following, count + 1
        market.commit()
        injections.append(exchange_of(outcome).injection_kw[0])
        rounds.append(count)
    return injections, rounds


def charged_kwh(injections: list[FloatArray]) -> float:
    """What the car has when it leaves."""
    return -sum(float(kw[0]) for kw in injections)


def test_a_car_that_leaves_in_a_congested_hour_leaves_full() -> None:
    case, line = street()
    unprepared, _ = negotiated(case, line)
    assert charged_kwh(unprepared) == pytest.approx(FULL_KWH - CHARGER_KW + MOST_KW - LOAD_KW[2], abs=KWH)
    prepared, rounds = negotiated(replace(case, operator_ahead=line), line)
    assert charged_kwh(prepared) == pytest.approx(FULL_KWH, abs=KWH)
    assert [-float(kw[0]) for kw in prepared] == pytest.approx([4.0, 6.0, 2.0], abs=KWH)
    assert float(prepared[2].sum()) >= -MOST_KW - KWH
    assert max(rounds) == 1


def test_a_limit_that_the_plan_keeps_costs_no_round() -> None:
    case, line = street(limit_kw=20.0)
    recording = Recording(line.names, line.rows)
    _, rounds = negotiated(replace(case, operator_ahead=recording), line)
    assert rounds == [0, 0, 0]
    # The first look-ahead is new; of the next ones only what comes into sight.
    assert recording.asked == [1, 2, 3, 4]


def test_limits_ahead_that_cannot_be_kept_end_the_negotiation() -> None:
    """The neighbour's load alone breaks the limit."""
    case, line = street(limit_kw=7.0)
    injections, rounds = negotiated(replace(case, operator_ahead=line), line)
    assert float(injections[2].sum()) == pytest.approx(-LOAD_KW[2], abs=KWH)
    assert charged_kwh(injections) == pytest.approx(FULL_KWH, abs=KWH)
    assert max(rounds) <= 2


def test_a_rolling_dlmp_asks_about_what_is_new_and_what_binds() -> None:
    case, line = street()
    recording = Recording(line.names, line.rows)
    market = RollingMarket(replace(case, design=Dlmp(loss_price_per_kwh=0.0), operator=recording))
    asked, injections = [], []
    for k in range(STEPS):
        outcome = market.clear(k)
        assert outcome.tables["clearing"]["cause"] == [None]
        market.commit()
        injections.append(exchange_of(outcome).injection_kw[0])
        asked.append(sorted(set(recording.asked)))
        recording.asked.clear()
    assert charged_kwh(injections) == pytest.approx(FULL_KWH, abs=KWH)
    assert float(injections[2].sum()) >= -MOST_KW - KWH
    assert asked == [[0, 1, 2], [1, 3], [2, 4]]


@dataclass(frozen=True)
class NeverContent(LinearOperator):
    """An operator that finds a limit broken a little, whatever is planned."""

    def reports(
        self, exchange: Exchange, t: int, *, kept: Container[LimitKey] = frozenset()
    ) -> Mapping[int, NetworkReport]:
        """See Operator."""
        (report,) = super().reports(exchange, t, kept=kept).values()
        rows = tuple(replace(row, value=1.005 * row.limit) for row in report.rows)
        return {0: replace(report, rows=rows, broken=frozenset((row.element, row.quantity) for row in rows))}


def test_a_plan_is_not_worth_more_than_two_rounds() -> None:
    case, line = street(limit_kw=20.0)
    _, rounds = negotiated(replace(case, operator_ahead=NeverContent(line.names, line.rows)), line)
    # The cheapest of dispatches that are equally good is offered once more.
    assert rounds[0] == ROUNDS_AHEAD + 1
    assert max(rounds) <= ROUNDS_AHEAD + 1

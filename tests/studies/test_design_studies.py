"""The studies beside Ma, Xia and Xiao: directions are judged by what was found, and each way does what it says."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mosaik_p2p.devices.kinds.elastic_load import ElasticLoad
from mosaik_p2p.devices.kinds.generator import Generator
from mosaik_p2p.errors import RunFailed
from mosaik_p2p.limits.rows import LimitRow
from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.clearing import Clearing
from mosaik_p2p.market.designs.base import Task
from mosaik_p2p.market.designs.operator import Operator
from mosaik_p2p.market.over_time.interval_problem import without_peers
from mosaik_p2p.prosumers.roles import CONTRACT
from mosaik_p2p.scenarios import study_ma, study_xia, study_xiao
from mosaik_p2p.scenarios.study_parts import accepted, first_look_ahead
from mosaik_p2p.units import BoolArray

pytestmark = pytest.mark.once

ROUNDING = 1e-6
"""Money of an hour in which some 40 are gained."""
FEW_HOURS = ("time.start=2017-03-28T11:00:00+01:00", "time.steps=2", "time.horizon_steps=2")


def _found(table: list[study_ma.Row]) -> dict[str, str]:
    return {row.question: row.found for row in table}


# -- Ma ----------------------------------------------------------------------------------------------------------------

ALONE = study_ma.World(100.0, 50.0, 0.0, {"A": 60.0, "B": 40.0})
JOINT = study_ma.World(80.0, 60.0, 30.0, {"A": 48.0, "B": 30.0})
KEEPS = study_ma.World(81.0, 40.0, 10.0, {"A": 50.0, "B": 31.0})


def test_what_self_balancing_first_promises_is_judged_by_what_was_found() -> None:
    kept = study_ma.Worlds(ALONE, JOINT, KEEPS)
    assert set(_found(study_ma.rows(kept)).values()) == {"yes"}
    dear = study_ma.Worlds(ALONE, JOINT, study_ma.World(101.0, 61.0, 31.0, {"A": 59.0, "B": 42.0}))
    assert set(_found(study_ma.rows(dear)).values()) == {"no"}
    assert dear.worse_off == ["B"]
    assert dear.kept == pytest.approx(-0.05)
    half = study_ma.Worlds(ALONE, JOINT, replace(KEEPS, cost=90.0))
    assert sorted(_found(study_ma.rows(half)).values()) == ["no", "yes", "yes", "yes", "yes"]


def test_the_three_worlds_of_a_shipped_case() -> None:
    found = study_ma.worlds("network1", FEW_HOURS)
    assert found.joint.cost < found.alone.cost
    assert found.first.cost > found.joint.cost
    assert found.first.exchanged_kwh < found.joint.exchanged_kwh
    assert sum(found.alone.own_cost.values()) == pytest.approx(found.alone.cost)
    # Alone everything is exchanged by contract.
    problem, dispatch = without_peers(first_look_ahead(market_case(load("network1", FEW_HOURS)), relative_gap=1e-3).raw)
    by_contract = sum(
        float(done.x[k].sum())
        for model, done in zip(problem.models, dispatch, strict=True)
        for k, variable in enumerate(model.variables)
        if variable.type == CONTRACT
    )
    assert found.alone.exchanged_kwh == pytest.approx(by_contract, rel=1e-4)
    # What everyone pays at its own price and what all pay in charges is the whole: charges are small beside it.
    paid = found.joint.cost - sum(found.joint.own_cost.values())
    assert 0.0 < paid < 0.1 * found.joint.cost


# -- Xia ---------------------------------------------------------------------------------------------------------------


@cache
def _hour(lowest_pu: float) -> tuple[Task, Operator, Clearing]:
    task, operator = study_xia.hour(lowest_pu)
    return task, operator, accepted(task.clear(task.problem, None))


def test_where_nothing_is_violated_nothing_is_discarded() -> None:
    task, operator, free = _hour(0.95)
    for way in (study_xia.discarded, study_xia.cleared_again):
        left = way(task, operator, free)
        assert left.cost == pytest.approx(free.cost, abs=ROUNDING)
        assert left.traded_kwh == pytest.approx(float(free.trades[0].power_kw.sum()))
        assert left.checks == 1


def test_discarding_costs_more_than_limits_inside_the_clearing() -> None:
    task, operator, free = _hour(0.954)
    (kept, checks), trades = study_xia.kept_trades(task, operator, free), free.trades[0]
    left, held = study_xia.discarded(task, operator, free), study_xia.negotiated(task, operator)
    assert free.cost < held.cost < left.cost < 0.0
    assert left.checks == checks == 1 + int((~kept).sum()) > 1
    assert left.traded_kwh == pytest.approx(float(trades.power_kw[kept].sum()))
    assert left.cost == pytest.approx(_by_hand(task, free, kept), abs=ROUNDING)
    # Where nothing is left to strike out, that is said.
    with pytest.raises(RunFailed, match="no trade that is left"):
        study_xia._to_discard(task, free, [_low_voltage(task)], np.zeros_like(kept))


def _by_hand(task: Task, free: Clearing, kept: BoolArray) -> float:
    """What is made and used by the trades that are kept, and what these pay for their way."""
    trades, charges = free.trades[0], np.asarray(task.raw.charges[0].total)
    kw = trades.power_kw * kept
    cost = float((charges[trades.seller, trades.buyer] * kw).sum())
    for i, prosumer in enumerate(task.prosumers):
        (device,) = prosumer.devices
        sold = float(kw[trades.seller == i].sum() - kw[trades.buyer == i].sum())
        if isinstance(device, Generator):
            cost += device.cost_per_kwh * sold + device.cost_per_kw2h * sold**2 / 2
        else:
            assert isinstance(device, ElasticLoad)
            cost += device.utility_per_kwh * sold + device.utility_slope_per_kw2h * sold**2 / 2
    return cost


def _low_voltage(task: Task) -> LimitRow:
    """A limit that every injection relieves."""
    return LimitRow("65", "vm_pu", "p.u.", 0.93, 0.95, False, dict.fromkeys(task.problem.names, 1e-5))


def test_what_does_most_to_the_worst_limit_is_discarded() -> None:
    task, _, free = _hour(0.954)
    trades, everyone = free.trades[0], np.ones(len(free.trades[0].power_kw), dtype=np.bool_)
    buyer = int(trades.buyer[3])
    per_kw = {task.problem.names[buyer]: 1e-5}
    voltage = replace(_low_voltage(task), per_kw=per_kw)
    of_buyer = np.where(trades.buyer == buyer, trades.power_kw, 0.0)
    assert study_xia._to_discard(task, free, [voltage], everyone) == int(of_buyer.argmax())
    # Of two limits the one violated worse counts, and an upper one is relieved by less of what feeds it.
    seller = int(trades.seller[trades.buyer != buyer][0])
    loading = LimitRow("1-2", "loading", "%", 150.0, 100.0, True, {task.problem.names[seller]: 1.0})
    of_seller = np.where(trades.seller == seller, trades.power_kw, 0.0)
    assert of_seller.argmax() != of_buyer.argmax()
    assert study_xia._to_discard(task, free, [voltage, loading], everyone) == int(of_seller.argmax())


OUTCOME = study_xia.Outcome(-40.0, 100.0, 1)


def _ways(*, discarded: float, again: float, broken: int = 2, checks: int = 9) -> study_xia.Ways:
    return study_xia.Ways(
        0.95,
        OUTCOME,
        broken,
        study_xia.Outcome(discarded, 90.0, checks),
        study_xia.Outcome(again, 120.0, 50),
        study_xia.Outcome(-38.0, 95.0, 4),
    )


def test_what_discarding_costs_is_judged_by_what_was_found() -> None:
    dear = _ways(discarded=-19.0, again=-30.0)
    assert dear.lost(dear.discarded) == pytest.approx(0.5)
    assert set(_found(study_xia.rows([dear])).values()) == {"yes"}
    cheap = _ways(discarded=-38.0, again=-38.0, checks=3)
    assert sorted(_found(study_xia.rows([dear, cheap])).values()) == ["no", "no", "no", "yes"]
    # Where nothing was violated there is nothing to judge.
    idle = _ways(discarded=-38.0, again=-38.0, broken=0)
    assert study_xia.rows([dear, idle]) == study_xia.rows([dear])


@pytest.mark.slow
def test_clearing_again_among_the_other_pairs_keeps_the_limit_at_no_less_cost() -> None:
    task, operator, free = _hour(0.952)
    again, held = study_xia.cleared_again(task, operator, free), study_xia.negotiated(task, operator)
    assert again.checks > 1
    assert held.cost < again.cost < 0.0


# -- Xiao --------------------------------------------------------------------------------------------------------------

AT_ONCE = study_xiao.Road("at once", 100.0, 50, (), 0.1, 0.0)
LONG = study_xiao.Road("cascade", 100.0 * (1 + 2e-4), 500, (30, 30), 0.1, 0.1)
SHORT = study_xiao.Road("cascade", 100.0, 40, (10, 10), 0.1, 0.001)


def test_what_a_cascade_promises_is_judged_by_what_was_found() -> None:
    rests, stuck = study_xiao.Stuck(1e-4, 1e-5), study_xiao.Stuck(1e-4, 0.1)
    assert set(_found(study_xiao.rows([AT_ONCE, SHORT, SHORT], rests)).values()) == {"yes"}
    assert set(_found(study_xiao.rows([AT_ONCE, LONG, LONG], stuck)).values()) == {"no"}
    mixed = _found(study_xiao.rows([AT_ONCE, SHORT, LONG], rests))
    assert sorted(mixed.values()) == ["no", "no", "yes", "yes", "yes"]


def test_every_study_tells_all_its_rows() -> None:
    """Where no limit is violated nothing can be said about discarding."""
    told = [
        (study_ma.study(("network1",), overrides=FEW_HOURS), study_ma.rows(study_ma.Worlds(ALONE, JOINT, KEEPS))),
        (study_xia.study((0.95,), progress=False), study_xia.rows([])),
        (
            study_xiao.study("network1_electric", FEW_HOURS, progress=False),
            study_xiao.rows([AT_ONCE, SHORT, SHORT], study_xiao.Stuck(1e-4, 0.1)),
        ),
    ]
    for text, rows in told:
        for row in rows:
            (line,) = [line for line in text.splitlines() if line.startswith(f"{row.question}  ")]
            assert line.endswith(("yes", "no") if rows is not told[1][1] else "cannot be said")

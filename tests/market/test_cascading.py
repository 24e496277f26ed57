"""Targets of the operator and answers of the market against the clearing that finds both at once."""

from functools import cache

import pytest

from feeder_operator import Agent, Feeder
from linear_operator import task_of
from mosaik_p2p.errors import Status
from mosaik_p2p.market.certificate import Certificate
from mosaik_p2p.market.designs.ahead import cleared_within_limits
from mosaik_p2p.market.designs.asking import loss_price
from mosaik_p2p.market.designs.base import Cleared
from mosaik_p2p.market.designs.cascade.cascading import Cascade, Cascaded, Schedule
from mosaik_p2p.market.designs.kinds.dlmp import Dlmp
from mosaik_p2p.market.designs.rounds import Rules
from mosaik_p2p.market.iteration.driver import Outcome
from mosaik_p2p.market.problem import Settings
from mosaik_p2p.networks.electric.network import electric_case

GAP = 1e-5
AGENTS: list[Agent] = [
    ("13", 0, 400, 4e-4, 0.10),
    ("10", 0, 250, 6e-4, 0.20),
    ("5", -150, 0, 1e-3, 0.75),
    ("8", -200, 0, 8e-4, 0.65),
    ("15", -150, 0, 1.2e-3, 0.70),
]
BUS15 = Feeder(electric_case("bus15"), AGENTS, {"11-12": 30.0, "2-9": 22.0})
OPTIMUM_KW = (300.288, 228.512, -150.0, -148.394, -137.901)
MOVABLE = [0, 1, 3, 4]
PRICES = (0.22012, 0.33711, 0.53413, 0.53128, 0.53452)
"""Those of pandapower's optimal power flow (`test_nodal_prices` computes them)."""


def cascaded(
    schedule: Schedule, *, most: int = 500, max_rounds: int = 10
) -> tuple[Cleared, list[Outcome[Certificate]]]:
    """The five on the 15-bus feeder, and how each clearing under limits ended."""
    task = task_of(BUS15.market(), BUS15, Settings(relative_gap=GAP, max_iterations=most))
    ends: list[Outcome[Certificate]] = []

    def seen(*asked: object) -> Outcome[Certificate]:
        ends.append(Cascade(schedule)(*asked))  # type: ignore[arg-type]
        return ends[-1]

    rules = Rules(max_rounds, loss_price(task.problem, None), way=seen)
    first = task.clear(task.problem, None)
    return cleared_within_limits(task, BUS15, first, rules), ends


@cache
def cost_at_once() -> float:
    """What the clearing that finds rows and trades together costs."""
    return Dlmp().clear(task_of(BUS15.market(), BUS15, Settings(relative_gap=GAP))).clearing.cost


def injected(found: Cleared) -> list[float]:
    return [
        float(done.x[0, 0]) * float(model.balance[0, 0, 0])
        for model, done in zip(found.problem.models, found.clearing.dispatch, strict=True)
    ]


def end_of(outcome: Outcome[Certificate]) -> Cascaded:
    assert isinstance(outcome.end, Cascaded)
    return outcome.end


CASES = [(beta, growth) for beta in (0.003, 0.01, 0.05) for growth in (1.5, 3.0)]


@pytest.mark.parametrize(("beta", "growth"), CASES)
def test_any_first_weight_leads_to_the_optimum(beta: float, growth: float) -> None:
    found, ends = cascaded(Schedule(growth=growth, first_weight=2.0 * beta**2))
    assert found.clearing.status is Status.OK
    assert found.clearing.cause is None
    assert found.clearing.cost == pytest.approx(cost_at_once(), rel=1e-5)
    assert injected(found) == pytest.approx(OPTIMUM_KW, abs=0.05)
    assert found.clearing.price_per_kwh[0, 0] == pytest.approx(PRICES, abs=1e-3)
    # What the operator asked for in the end is what everyone pays.
    assert found.surcharge_per_kwh is not None
    asked, pays = -end_of(ends[-1]).alpha_per_kwh[0, 0], found.surcharge_per_kwh[0, 0]
    # Who draws all it can is held by its own limit, too: there the operator's price is one of many.
    assert asked[MOVABLE] == pytest.approx(pays[MOVABLE], abs=1e-3)
    assert all(end_of(one).updates < 40 and end_of(one).exchanges < 100 for one in ends)


def test_every_message_counts() -> None:
    found, ends = cascaded(Schedule())
    free = task_of(BUS15.market(), BUS15, Settings(relative_gap=GAP)).clear(found.problem, None)
    exchanges = sum(end_of(one).exchanges for one in ends)
    assert found.exchanges is None
    # Ten steps of the market for each exchange with the operator, and the market without limits before.
    assert found.clearing.iterations == 11 * exchanges + free.iterations


def test_grown_weights_with_one_exchange_per_update_are_not_accepted() -> None:
    """Both levels rest, hardly apart, where nobody would stay: only the certificate tells."""
    careless = Schedule(growth=2.0, first_weight=2.0 * 0.05**2, should_fall_to=0.0, most_exchanges=1, stiffest=1e12)
    _, ends = cascaded(careless, most=60, max_rounds=1)
    stuck = max(ends, key=lambda one: one.certificate.relative_gap)
    assert end_of(stuck).apart_kw < 0.01
    assert stuck.residuals.primal.max() < GAP
    assert stuck.certificate.relative_gap > 0.1
    assert not any(one.converged for one in ends)

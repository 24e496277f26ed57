"""Beside Ma 2024 (IEEE Transactions on Industry Applications): everyone balances itself first and trades what is left,
against clearing everything together.

    python -m mosaik_p2p.scenarios.study_ma [SCENARIO ...]

The paper's district is not published. What is asked here is what would speak for the order that it proposes: less
exchange than where devices answer the prices of all, at hardly more cost, and nobody worse off than without trade.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.market.designs.base import Task
from mosaik_p2p.market.designs.kinds.internal_first import InternalFirst
from mosaik_p2p.market.negotiation.constrained_clearing import injections
from mosaik_p2p.market.over_time.interval_problem import without_peers
from mosaik_p2p.market.problem import PreparedProblem
from mosaik_p2p.market.prosumer_step.subproblem import Completion
from mosaik_p2p.scenarios.study_parts import Row, accepted, first_look_ahead, told, traded_kwh, yes_or_no
from mosaik_p2p.units import FloatArray

SCENARIOS = ("network1", "network2")
RELATIVE_GAP = 1e-4
NEARLY_ALL = 0.9
"""Of the gain of trading: a promise to cost hardly more keeps it."""
NOTICEABLE = 1e-3
"""Of what everybody costs alone: less is what clearings leave open."""


@dataclass(frozen=True)
class World:
    """A day as it was cleared."""

    cost: float
    """Of all together, charges in."""
    exchanged_kwh: float
    """What all devices of a prosumer take or give, added up over prosumers, carriers and intervals: whoever it comes
    from or goes to."""
    traded_kwh: float
    own_cost: dict[str, float]
    """What everyone pays less what it earns at the published prices."""


@dataclass(frozen=True)
class Worlds:
    """The same day three times."""

    alone: World
    joint: World
    first: World
    """Internal response first."""

    @property
    def kept(self) -> float:
        """Of what trading gains where everything is cleared together: the part that is left."""
        return (self.alone.cost - self.first.cost) / (self.alone.cost - self.joint.cost)

    @property
    def worse_off(self) -> list[str]:
        """Who pays more than alone, noticeably."""
        alone = self.alone.own_cost
        return [
            name for name, cost in self.first.own_cost.items() if cost - alone[name] > NOTICEABLE * abs(alone[name])
        ]


def main() -> None:
    """Run the study and print it."""
    print(study(tuple(sys.argv[1:]) or SCENARIOS))


def study(scenarios: Sequence[str] = SCENARIOS, *, overrides: Sequence[str] = ()) -> str:
    """The whole study as text."""
    lines = ["Ma 2024: self-balancing first, then trade; the first look-ahead, cleared at once"]
    for scenario in scenarios:
        lines += ["", scenario, *told(rows(worlds(scenario, overrides)))]
    return "\n".join(lines)


def worlds(scenario: str, overrides: Sequence[str] = ()) -> Worlds:
    """The first look-ahead of a scenario alone, together, and with internal response first."""
    task = first_look_ahead(market_case(load(scenario, overrides)), relative_gap=RELATIVE_GAP)
    joint = accepted(task.clear(task.problem, None))
    first = InternalFirst().clear(task)
    accepted(first.clearing)
    dt_h = task.problem.dt_h
    together, in_two = (
        _world(task.problem, one.dispatch, one.cost, traded_kwh(one, dt_h), one.price_per_kwh * one.sale_kw)
        for one in (joint, first.clearing)
    )
    return Worlds(_alone(task), together, in_two)


def _alone(task: Task) -> World:
    problem, dispatch = without_peers(task.raw)
    return _world(problem, dispatch, sum(done.cost for done in dispatch), 0.0, np.zeros(problem.shape))


def _world(
    problem: PreparedProblem, dispatch: Sequence[Completion], cost: float, traded: float, earned: FloatArray
) -> World:
    """`earned` (C, T, N) money per hour by trading."""
    kw = injections(problem, dispatch)
    by_trade = problem.dt_h * earned.sum(axis=(0, 1))
    own = {
        name: done.cost - float(by_trade[i]) for i, (name, done) in enumerate(zip(problem.names, dispatch, strict=True))
    }
    return World(cost, problem.dt_h * float(np.abs(kw).sum()), traded, own)


def rows(found: Worlds) -> list[Row]:
    """What would speak for it, and what was found."""
    alone, joint, first = found.alone, found.joint, found.first
    worse = found.worse_off
    return [
        Row(
            "exchange with everybody, kWh",
            "less than together",
            f"{first.exchanged_kwh:.1f}, together {joint.exchanged_kwh:.1f}, alone {alone.exchanged_kwh:.1f}",
            yes_or_no(first.exchanged_kwh < joint.exchanged_kwh),
        ),
        Row(
            "traded between peers, kWh",
            "less than together",
            f"{first.traded_kwh:.1f}, together {joint.traded_kwh:.1f}",
            yes_or_no(first.traded_kwh < joint.traded_kwh),
        ),
        Row(
            "cost of all",
            "below that of nobody trading",
            f"{first.cost:.1f}, alone {alone.cost:.1f}",
            yes_or_no(first.cost < alone.cost * (1.0 - NOTICEABLE)),
        ),
        Row(
            "gain of trading together that is kept",
            "nearly all",
            f"{100 * found.kept:.0f} % (together {joint.cost:.1f})",
            yes_or_no(found.kept > NEARLY_ALL),
        ),
        Row("worse off than alone", "nobody", ", ".join(worse) or "nobody", yes_or_no(not worse)),
    ]


if __name__ == "__main__":
    main()

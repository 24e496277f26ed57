"""Beside Xiao and others 2024 (CSEE Journal of Power and Energy Systems): analytical target cascading between operator
and market, against one ADMM that finds trades and limits together.

    python -m mosaik_p2p.scenarios.study_xiao

Both clear the same look-ahead under the same limits and losses (designs `atc` and `dlmp`), to the same certified gap.
What is asked is what speaks for the cascade: the same optimum, at any growth of its weight, and few messages; and
whether its levels may exchange once for each update, as it is usually written.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mosaik_p2p.errors import RunFailed
from mosaik_p2p.loading import load
from mosaik_p2p.loading.market_case import market_case
from mosaik_p2p.loading.operator.of_case import operator_of
from mosaik_p2p.market.certificate import Certificate
from mosaik_p2p.market.designs.ahead import cleared_within_limits
from mosaik_p2p.market.designs.asking import loss_price
from mosaik_p2p.market.designs.base import Cleared, Task
from mosaik_p2p.market.designs.cascade.cascading import Cascade, Cascaded, Schedule
from mosaik_p2p.market.designs.kinds.dlmp import Dlmp
from mosaik_p2p.market.designs.rounds import Rules
from mosaik_p2p.market.iteration.driver import Outcome
from mosaik_p2p.scenarios.study_parts import Row, accepted, first_look_ahead, told, yes_or_no
from mosaik_p2p.sims.world.progress import progress_shown
from mosaik_p2p.units import FloatArray

SCENARIO = "network1_electric"
AFTERNOON = ("time.start=2017-03-28T12:00:00+01:00", "time.steps=12", "time.horizon_steps=12")
RELATIVE_GAP = 1e-4
GROWTH = (1.5, 3.0)
MOST_ROUNDS = 10
SAME_SURCHARGE = 0.01
ONCE = Schedule(growth=2.0, should_fall_to=0.0, most_exchanges=1, stiffest=1e12)
"""One exchange for each update of the prices, the weight doubled every time."""
ENOUGH = 60
"""Exchanges after which the levels of `ONCE` do not move any more."""


@dataclass(frozen=True)
class Road:
    """How one look-ahead was cleared."""

    name: str
    cost: float
    """Of all, charges in; losses are what both minimise beside it."""
    messages: int
    """Of every prosumer with the network's side."""
    exchanges: tuple[int, ...]
    """Of the two levels, by clearing under limits; empty where there are none."""
    surcharge: float
    """The largest that anybody pays per kWh."""
    off: float
    """Largest difference of surcharges to those of the first road, per kWh."""


@dataclass(frozen=True)
class Stuck:
    """Where levels rest that exchange once for each update."""

    apart_kw: float
    relative_gap: float


def main() -> None:
    """Run the study and print it."""
    print(study())


def study(scenario: str = SCENARIO, overrides: Sequence[str] = AFTERNOON, *, progress: bool = True) -> str:
    """The whole study as text."""
    with progress_shown("study", 2 + len(GROWTH), visible=progress, unit="clearing") as tick:
        task = _task(scenario, overrides)
        found, once = roads(task, tick), careless(task)
    lines = [f"Xiao and others 2024: target cascading against one ADMM; {scenario}, {task.problem.shape[1]} h", ""]
    headings = ("road", "cost", "messages", "exchanges of the levels", "largest surcharge")
    return "\n".join([*lines, *told([_amounts(road) for road in found], headings), "", *told(rows(found, once))])


def _task(scenario: str, overrides: Sequence[str]) -> Task:
    case = load(scenario, overrides)
    return first_look_ahead(market_case(case), relative_gap=RELATIVE_GAP, operator=operator_of(case))


def roads(task: Task, tick: Callable[[], object] = lambda: None) -> list[Road]:
    """Together first, then by cascades of several growths."""
    together = Dlmp(max_rounds=MOST_ROUNDS).clear(task)
    first = _surcharges(together)
    found = [_road("one ADMM", together, (), first)]
    tick()
    for growth in GROWTH:
        cleared, ends = _cascaded(task, Schedule(growth=growth))
        exchanges = tuple(_end(one).exchanges for one in ends)
        found.append(_road(f"cascade, growth {growth:g}", cleared, exchanges, first))
        tick()
    return found


def careless(task: Task) -> Stuck:
    """The worst clearing under limits where the levels exchange once for each update."""
    short = replace(task, settings=replace(task.settings, max_iterations=ENOUGH))
    _, ends = _cascaded(short, ONCE, max_rounds=1)
    worst = max(ends, key=lambda end: end.certificate.relative_gap)
    return Stuck(_end(worst).apart_kw, worst.certificate.relative_gap)


def _cascaded(
    task: Task, schedule: Schedule, *, max_rounds: int = MOST_ROUNDS
) -> tuple[Cleared, list[Outcome[Certificate]]]:
    """The look-ahead by a cascade, and how each clearing under limits ended."""
    ends: list[Outcome[Certificate]] = []

    def seen(*asked: Any) -> Outcome[Certificate]:
        ends.append(Cascade(schedule)(*asked))
        return ends[-1]

    if task.operator is None:
        raise TypeError("the scenario of the study has a network")
    rules = Rules(max_rounds, loss_price(task.problem, None), way=seen)
    return cleared_within_limits(task, task.operator, task.clear(task.problem, None), rules), ends


def _end(outcome: Outcome[Certificate]) -> Cascaded:
    if not isinstance(outcome.end, Cascaded):
        raise TypeError("a cascade ends as one")
    return outcome.end


def _road(name: str, found: Cleared, exchanges: tuple[int, ...], first: FloatArray) -> Road:
    clearing, surcharge = accepted(found.clearing), _surcharges(found)
    off = float(np.abs(surcharge - first).max())
    return Road(name, clearing.cost, clearing.iterations, exchanges, float(np.abs(surcharge).max()), off)


def _surcharges(found: Cleared) -> FloatArray:
    if found.surcharge_per_kwh is None:
        raise RunFailed("no limit of the study was held: there is nothing to compare")
    return found.surcharge_per_kwh


# -- what is told ------------------------------------------------------------------------------------------------------


def _amounts(road: Road) -> tuple[str, ...]:
    by_round = ", ".join(str(count) for count in road.exchanges) or "-"
    return road.name, f"{road.cost:.3f}", str(road.messages), by_round, f"{road.surcharge:.4f}"


def rows(found: Sequence[Road], once: Stuck) -> list[Row]:
    """What would speak for it, and what was found."""
    first, *cascades = found
    apart = [abs(road.cost / first.cost - 1.0) for road in cascades]
    fewer = min(road.messages for road in cascades) < first.messages
    growths = ", ".join(f"{growth:g}" for growth in GROWTH)
    return [
        Row(
            f"same optimum, weight grown by {growths}",
            f"within the gap of {RELATIVE_GAP:g}",
            ", ".join(f"{one:.1e}" for one in apart),
            yes_or_no(max(apart) <= RELATIVE_GAP),
        ),
        Row(
            "same surcharges, per kWh",
            f"within {SAME_SURCHARGE:g}",
            ", ".join(f"{road.off:.1e}" for road in cascades),
            yes_or_no(max(road.off for road in cascades) <= SAME_SURCHARGE),
        ),
        Row(
            "messages of a prosumer",
            "fewer",
            f"{', '.join(str(road.messages) for road in cascades)} for {first.messages}",
            yes_or_no(fewer),
        ),
        Row(
            "exchanges between the levels",
            "fewer than messages of one ADMM",
            f"{', '.join(str(sum(road.exchanges)) for road in cascades)} for {first.messages}",
            yes_or_no(min(sum(road.exchanges) for road in cascades) < first.messages),
        ),
        Row(
            "one exchange per update, weight doubled",
            "comes to rest at the optimum",
            f"{once.apart_kw:.1e} kW apart, gap {once.relative_gap:.1e}",
            yes_or_no(once.relative_gap <= RELATIVE_GAP),
        ),
    ]


if __name__ == "__main__":
    main()
